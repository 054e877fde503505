"""How an endpoint does what carries an ``Idempotency-Key`` once: after throttles and rights, before the method."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.http import UnreadablePostError
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.views import APIView

from core import idempotency
from core.idempotency import Answer, BadKey, Claim
from core.parsing import TooLarge, declared_length


class OncePerKey(APIView):
    """Does what is sent again with the same key once. Without the header it does nothing, and asks nothing."""

    _claim: Claim | None = None

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer; where the request has a key, keep the answer for those who send it again."""
        handler = getattr(self, (request.method or "").lower(), None)
        if handler is None or request.method not in idempotency.METHODS or idempotency.HEADER not in request.headers:
            return super().dispatch(request, *args, **kwargs)
        # It takes the method's place, so that whoever is stopped before the method neither claims nor reads a key.
        setattr(self, request.method.lower(), partial(self._once, handler))
        try:
            response = super().dispatch(request, *args, **kwargs)
            if self._claim is not None:
                kept, self._claim = self._claim, None
                idempotency.keep(kept, _rendered(response))
            return response
        finally:
            if self._claim is not None:
                idempotency.release(self._claim)

    def asker_of_key(self, request: Request) -> str:
        """Whose key it is: nobody reads an answer that somebody else got. Here it is who has the same token."""
        return request.headers.get("Authorization", "")

    def _once(self, handler: Callable[..., Any], request: Request, *args: Any, **kwargs: Any) -> Any:
        found = idempotency.claim_or_answer(
            asker=self.asker_of_key(request),
            method=request.method or "",
            path=request.path,
            query=request.META.get("QUERY_STRING", ""),
            key=idempotency.checked_key(request.headers[idempotency.HEADER]),
            body=self._exact_body(request),
        )
        if isinstance(found, Answer):
            return found.response()
        self._claim = found
        return handler(request, *args, **kwargs)

    def _exact_body(self, request: Request) -> bytes:
        """The bytes that were sent.

        :raises BadKey: they are a form with a file, which is not read into memory.
        :raises TooLarge: they are more than the endpoint takes.
        :raises ParseError: they did not all arrive.
        """
        if (request.content_type or "").lower().startswith("multipart/"):
            raise BadKey(_("Send no Idempotency-Key with a file."))
        most = min(
            getattr(self, "most_bytes", settings.DATA_UPLOAD_MAX_MEMORY_SIZE), settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        )
        if declared_length({"request": request}) > most:
            raise TooLarge
        try:
            return request._request.body
        except UnreadablePostError as error:
            raise ParseError(_("The body did not arrive whole.")) from error


def _rendered(response: HttpResponseBase) -> HttpResponseBase:
    """The response with its bytes; one that is rendered already stays as it is."""
    render = getattr(response, "render", None)
    return render() if callable(render) else response
