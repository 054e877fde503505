"""What all REST endpoints share: the shape of an error, paging, and how instants and jobs are written."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.core.exceptions import ValidationError as ModelInvalid
from django.core.signals import got_request_exception
from django.db import DataError, IntegrityError, OperationalError
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.utils import translation
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, exception_handler

from core.keyed_requests import OncePerKey
from core.models import Job
from core.parsing import require_length
from core.refusal import Invalid, NotAllowed, Refusal
from core.storage import NotStored

log = structlog.get_logger(__name__)
USUAL_WAIT = 60
"""Seconds until a refusal for asking too often may be over, where it does not know better."""
GENERAL = "general"
"""The key of messages that belong to no single field."""


class ErrorSerializer(serializers.Serializer[Any]):
    """Every error of the API: a stable code for programs, a message for people, and messages by field."""

    code = serializers.CharField(help_text="Stable; programs may decide by it.")
    message = serializers.CharField(help_text="For the person at the screen.")
    errors = serializers.DictField(  # type: ignore[assignment]  # REST framework takes fields off the class.
        child=serializers.ListField(child=serializers.CharField()),
        help_text=f"Messages by field, as in `email` or `answers.age`; `{GENERAL}` for none in particular.",
    )


def asked_language(request: HttpRequest) -> str:
    """The language that a client asks for: by ``?locale=`` where the interface has it, else as it accepts them."""
    language = request.GET.get("locale", "").replace("-", "_").partition("_")[0].lower()
    return language if language in dict(settings.LANGUAGES) else translation.get_language() or settings.LANGUAGE_CODE


class Endpoint(OncePerKey):
    """A view whose answers nobody keeps, unless it says otherwise."""

    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check what every request must have before its method is called."""
        require_length(request)
        super().initial(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Mark the answer as one that is kept nowhere."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-store")
        return response


@extend_schema(exclude=True)
class Nowhere(Endpoint):
    """Answers every address of the API at which there is nothing."""

    authentication_classes = []
    permission_classes = []

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Say so, whatever the method."""
        self.http_method_not_allowed = self._nothing_here  # type: ignore[method-assign]  # It has no methods.
        language = asked_language(request)
        with translation.override(language):
            response = super().dispatch(request, *args, **kwargs)
        response.headers["Content-Language"] = language
        return response

    def _nothing_here(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        raise exceptions.NotFound(_("There is nothing at this address. Addresses end with a slash."))


class NewestFirst(CursorPagination):
    """Pages by primary key, the newest row first: constant in time at any depth."""

    ordering: Any = "-pk"
    page_size = 50
    max_page_size = 200
    page_size_query_param = "limit"

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any] | None:
        """Give one page.

        :raises NotFound: the cursor is not one that this endpoint gave out.
        """
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, OverflowError, ModelInvalid, DataError) as error:
            raise exceptions.NotFound(self.invalid_cursor_message) from error


class NewestJobFirst(NewestFirst):
    """The same for jobs, whose keys are random."""

    ordering = ("-created_at", "-pk")


class InstantField(serializers.DateTimeField):
    """A moment: read with its zone, written in UTC."""

    default_error_messages = {"zone": "Say the zone of this time too, as in 2027-02-12T18:00:00-08:00."}

    def to_internal_value(self, value: Any) -> datetime:
        """Read a moment; a time without its zone is no moment."""
        if not isinstance(value, str):
            self.fail("invalid", format="YYYY-MM-DDThh:mm:ss±hh:mm or …Z")
        try:
            parsed = parse_datetime(value.strip())
        except ValueError:
            parsed = None
        if parsed is not None and parsed.tzinfo is None:
            self.fail("zone")
        return super().to_internal_value(value)


class JobSerializer[J: Job](serializers.ModelSerializer[J]):
    """Long work: where it stands, and what it says about itself. Subclasses add what it is about."""

    percent = serializers.IntegerField(read_only=True, help_text="Of the present phase, 0 to 100.")

    JOB_FIELDS = (
        "id",
        "status",
        "phase",
        "progress_done",
        "progress_total",
        "percent",
        "attempts",
        "error",
        "created_at",
        "started_at",
        "finished_at",
    )


def refusal_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer every error as ``{"code", "message", "errors"}``; ``errors`` maps a field to its messages."""
    if isinstance(error, Refusal):
        return _answer(error.status, error.code, error.message, _errors_of(error), retry_after=_wait_of(error))
    if isinstance(error, ModelInvalid):
        messages = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
        return _invalid({GENERAL if field == "__all__" else field: texts for field, texts in messages.items()})
    if isinstance(error, exceptions.ValidationError):
        return _invalid(flat(error.detail))
    response = exception_handler(error, dict(context))
    if response is None:
        return _answer_unexpected(error, context)
    response.data = {"code": _code_of(error), "message": _message_of(error), "errors": {}}
    return response


def _code_of(error: Exception) -> str:
    if isinstance(error, exceptions.PermissionDenied | PermissionDenied):
        code = getattr(error, "default_code", "")
        return NotAllowed.code if code in ("", exceptions.PermissionDenied.default_code) else code
    return error.default_code if isinstance(error, exceptions.APIException) else exceptions.NotFound.default_code


def _message_of(error: Exception) -> str:
    detail = str(getattr(error, "detail", ""))
    if not detail or detail == str(exceptions.NotFound.default_detail):
        return _("You may not do this.") if isinstance(error, PermissionDenied) else _("There is nothing here.")
    return detail


def _answer(
    number: int, code: str, message: str, errors: Mapping[str, list[str]] | None = None, *, retry_after: int = 0
) -> Response:
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return Response({"code": code, "message": message, "errors": errors or {}}, status=number, headers=headers)


def _invalid(errors: Mapping[str, list[str]]) -> Response:
    return _answer(status.HTTP_400_BAD_REQUEST, "invalid", _("Some of the input is not right."), errors)


def _wait_of(refusal: Refusal) -> int:
    """Seconds to wait; a client that asks too often is always told some."""
    return refusal.retry_after or (USUAL_WAIT if refusal.status == status.HTTP_429_TOO_MANY_REQUESTS else 0)


def _errors_of(refusal: Refusal) -> Mapping[str, list[str]]:
    if isinstance(refusal, Invalid):
        return refusal.errors
    return {refusal.field: [refusal.message]} if refusal.field else {}


def _answer_unexpected(error: Exception, context: Mapping[str, Any]) -> Response:
    """What no function refused: input that the database does not take, a server that is away, or our own fault."""
    if isinstance(error, SuspiciousOperation | BadRequest | MultiPartParserError):
        return _answer(status.HTTP_400_BAD_REQUEST, "parse_error", _("The request cannot be read."))
    if isinstance(error, DataError):
        # A check is missing where this stands in the log, but the input is to blame.
        log.warning("input_refused_by_the_database", view=type(context.get("view")).__name__)
        return _answer(status.HTTP_400_BAD_REQUEST, "invalid", _("Some of the input cannot be stored."))
    if isinstance(error, IntegrityError):
        log.warning("conflict_found_by_the_database", view=type(context.get("view")).__name__)
        message = _("Another request was first, or it exists already. Look again before you repeat this.")
        return _answer(status.HTTP_409_CONFLICT, "conflict", message)
    _tell_of(context)
    if isinstance(error, OperationalError | BotoCoreError | ClientError | NotStored):
        message = _("A server behind this one does not answer. Try again in some seconds.")
        return _answer(status.HTTP_503_SERVICE_UNAVAILABLE, "unavailable", message, retry_after=5)
    message = _("Something went wrong here, and it was noted. Try again in a minute.")
    return _answer(status.HTTP_500_INTERNAL_SERVER_ERROR, "server_error", message)


def _tell_of(context: Mapping[str, Any]) -> None:
    """Tell whoever listens for uncaught errors: the log, and a test's client."""
    request = context.get("request")
    got_request_exception.send(sender=None, request=getattr(request, "_request", request))


def flat(detail: Any) -> dict[str, list[str]]:
    """A nested description of errors as messages by dotted field name: ``events.0.code``."""
    found: dict[str, list[str]] = {}
    for field, message in _messages(detail, ()):
        found.setdefault(field or GENERAL, []).append(message)
    return found


def _messages(detail: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(detail, Mapping):
        for name, part in detail.items():
            own = () if name in ("non_field_errors", "__all__") else (str(name),)
            yield from _messages(part, (*path, *own))
    elif isinstance(detail, list | tuple):
        for place, part in enumerate(detail):
            own = (str(place),) if isinstance(part, Mapping) else ()
            yield from _messages(part, (*path, *own))
    else:
        yield ".".join(path), str(detail)
