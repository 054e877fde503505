"""What a request's body may be: one JSON object, or a form with files. Both within their size."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.http import UnreadablePostError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser
from rest_framework.request import Request

Context = Mapping[str, Any] | None
SPARE_BYTES = 64 * 1024
"""Room for the other fields and the boundaries of a form with a file."""


class LengthRequired(APIException):
    """The body's length is not declared. WSGI hands over no such body, so it would seem to be empty."""

    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_code = "length_required"
    default_detail = gettext_lazy("Declare the length of the body in the header Content-Length.")


def require_length(request: Request) -> None:
    """Refuse a body that comes in chunks.

    :raises LengthRequired: it does.
    """
    if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
        raise LengthRequired


class TooLarge(APIException):
    """The body is larger than the endpoint takes."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = gettext_lazy("The body is too large.")


def declared_length(context: Context) -> int:
    """The body's length as the client declares it; the server hands over no byte beyond it."""
    request = (context or {}).get("request")
    try:
        return max(0, int(request.META.get("CONTENT_LENGTH") or 0)) if request is not None else 0
    except ValueError:
        return 0


class JsonObjectParser(BaseParser):
    """Reads one JSON object. No text in it holds a NUL or half a surrogate pair: neither can be stored or signed."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Context = None) -> dict[str, Any]:
        """Read the object.

        :raises TooLarge: it is longer than ``DATA_UPLOAD_MAX_MEMORY_SIZE``, or than the view's ``most_bytes``.
        :raises ParseError: it is not one JSON object in UTF-8.
        """
        view = (parser_context or {}).get("view")
        most = getattr(view, "most_bytes", settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        if declared_length(parser_context) > most:
            raise TooLarge
        try:
            raw: bytes = stream.read(most + 1)
        except UnreadablePostError as error:
            raise ParseError(_("The body did not arrive whole.")) from error
        if len(raw) > most:
            raise TooLarge
        return read_object(raw)


def read_object(raw: bytes) -> dict[str, Any]:
    """The JSON object that these bytes are.

    :raises ParseError: they are none.
    """
    try:
        # Decoded here, since json guesses UTF-16 and lets surrogates pass.
        value = json.loads(raw.decode("utf-8"), parse_float=_finite, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ParseError(_("The body is not JSON in UTF-8.")) from error
    if not isinstance(value, dict):
        raise ParseError(_("The body is not a JSON object."))
    # Both can only stand behind an escape, so most bodies need no walk.
    if b"\\u" in raw and not _is_storable(value):
        raise ParseError(_("A text has a NUL character or half of a surrogate pair."))
    return value


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("The number is too large.")
    return number


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON.")


def _is_storable(value: object) -> bool:
    """Whether all texts of a JSON value can be encoded and stored. Without recursion, at any depth."""
    left = [value]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            left += part.keys()
            left += part.values()
        elif isinstance(part, list):
            left += part
        elif isinstance(part, str) and ("\0" in part or any("\ud800" <= letter <= "\udfff" for letter in part)):
            return False
    return True


def body_of(request: Request) -> Mapping[str, Any]:
    """The object that a request's body holds; empty where there is no body."""
    return request.data if isinstance(request.data, Mapping) else {}


class UploadParser(MultiPartParser):
    """Reads a form with a file. The size is checked before the file goes to the disk."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Context = None
    ) -> "DataAndFiles[Any, Any]":
        """Read the form.

        :raises TooLarge: it is longer than the view's ``most_bytes``.
        """
        view = (parser_context or {}).get("view")
        if declared_length(parser_context) > getattr(view, "most_bytes", 0) + SPARE_BYTES:
            raise TooLarge
        return super().parse(stream, media_type, dict(parser_context or {}))
