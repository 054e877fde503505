"""Every code that an error of the REST API may have, read from the code itself: docs/error-codes.md is made of it."""

import inspect
from collections.abc import Iterator

from rest_framework import exceptions

from core.parsing import LengthRequired, TooLarge
from core.refusal import Refusal

ROOMS = ("core", "viewers", "campaigns", "entries", "codes", "waves", "exports", "monoql")
NOT_OF_THE_API = "monoql.demo."
"""Loaded by commands alone."""
HEAD = """# Error codes of the REST API

Programs decide by `code`; it stays as it is, while the message is for people and comes in their language. This page is
made by `manage.py error_codes` from the code itself, and a test compares the two.

| code | status | when |
|---|---|---|
"""
OF_THE_FRAMEWORK: dict[type[exceptions.APIException], str] = {
    exceptions.ParseError: "The body cannot be read.",
    exceptions.AuthenticationFailed: "A token or session is not a good one.",
    exceptions.NotAuthenticated: "It takes a token or a session.",
    exceptions.NotFound: "There is nothing here, or nothing that the asker may see.",
    exceptions.MethodNotAllowed: "The address does not know the method; `Allow` says which it knows.",
    exceptions.NotAcceptable: "Answers are JSON.",
    exceptions.UnsupportedMediaType: "The body is of another kind.",
    exceptions.Throttled: "Too many requests; `Retry-After` says how many seconds to wait.",
    LengthRequired: "The body's length is not declared.",
    TooLarge: "The body is larger than the address takes.",
}
UNFORESEEN = (
    ("conflict", 409, "Another request was first, or it exists already."),
    ("server_error", 500, "Something went wrong here, and it was noted."),
    ("unavailable", 503, "A server behind this one does not answer."),
)


def page() -> str:
    """The page, as it stands in docs/."""
    rows: dict[tuple[str, int], list[str]] = {}
    for code, status, words in sorted(_codes()):
        said = rows.setdefault((code, status), [])
        if words not in said:
            said.append(words)
    return HEAD + "".join(f"| `{code}` | {status} | {' '.join(said)} |\n" for (code, status), said in rows.items())


def _codes() -> Iterator[tuple[str, int, str]]:
    yield from UNFORESEEN
    for error, words in OF_THE_FRAMEWORK.items():
        yield error.default_code, error.status_code, words
    for kind in (Refusal, exceptions.PermissionDenied):
        for found in _below(kind):
            module = found.__module__
            if module.partition(".")[0] in ROOMS and not module.startswith(NOT_OF_THE_API):
                code = getattr(found, "code", "") or getattr(found, "default_code", "")
                status = getattr(found, "status", 0) or getattr(found, "status_code", 0)
                yield code, status, _first_sentence(found)


def _below[T](kind: type[T]) -> Iterator[type[T]]:
    for found in kind.__subclasses__():
        yield found
        yield from _below(found)


def _first_sentence(kind: type) -> str:
    text = " ".join((inspect.getdoc(kind) or "").split())
    return text.partition(". ")[0].rstrip(".").replace("``", "`") + "."
