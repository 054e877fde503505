"""Campaigns' images, on every host below ``/media/``: kept by browsers and shared caches for ever."""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, StreamingHttpResponse

from campaigns.images import ENDINGS, FOLDER
from core import storage

_PATH = re.compile(rf"/{FOLDER}/(?P<campaign>[0-9a-f-]{{36}})/(?P<digest>[0-9a-f]{{40}})\.(?P<ending>jpg|png|webp)")
_TYPES = {ending: content_type for content_type, ending in ENDINGS.items()}


class MediaMiddleware:
    """Answers before sessions and languages, which would keep shared caches from keeping the answer.

    An address holds the hash of what it shows: nobody guesses one, and none ever changes. So no row is asked for.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Stream an image, or pass the request on."""
        if not request.path_info.startswith(f"/{FOLDER}/"):
            return self.get_response(request)
        found = _PATH.fullmatch(request.path_info)
        if found is None:
            return _nothing_here()
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return _image(request, found)


def _image(request: HttpRequest, found: re.Match[str]) -> HttpResponseBase:
    tag = f'"{found["digest"]}"'
    response: HttpResponseBase
    if request.headers.get("If-None-Match") == tag:
        response = HttpResponse(status=304)
        del response.headers["Content-Type"]
    else:
        try:
            parts = storage.stream(found[0].removeprefix("/"))
        except storage.NotStored:
            return _nothing_here()
        response = StreamingHttpResponse(parts, content_type=_TYPES[found["ending"]])
        response.headers["Content-Length"] = str(parts.size)
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Mail programs show it from their own pages.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _nothing_here() -> HttpResponse:
    response = HttpResponse("There is no image here.\n", content_type="text/plain; charset=utf-8", status=404)
    response.headers["Cache-Control"] = "no-store"
    return response
