"""Answers that a client may keep: it asks whether they still hold, and gets 304 where they do."""

from hashlib import sha256

from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags

KEPT_HEADERS = ("Cache-Control", "Content-Language", "ETag", "Vary")


def etag_of(body: bytes) -> str:
    """The strong entity tag of an answer's bytes."""
    return f'"{sha256(body).hexdigest()[:32]}"'


def or_not_modified(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The response, or 304 without a body where the client has what its ``ETag`` names.

    Compared weakly, as RFC 9110 asks: a proxy that compresses makes weak tags of ours.
    """
    tag = response.headers["ETag"]
    known = [etag.removeprefix("W/") for etag in parse_etags(request.headers.get("If-None-Match", ""))]
    if request.method not in ("GET", "HEAD") or response.status_code != 200 or not {tag, "*"} & set(known):
        return response
    unchanged = HttpResponse(
        status=304, headers={name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    )
    del unchanged.headers["Content-Type"]
    return unchanged
