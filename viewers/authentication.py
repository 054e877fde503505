"""How one proves oneself to the REST API: a bearer token, the cookie of a sign-in from outside, or the admin's session.

Programs send ``Authorization: Bearer`` with a machine token or with the token that ``POST /api/v1/auth/`` gave them.
What a browser sends by itself, the two cookies, also needs the CSRF token where something is changed.
"""

import re
import time

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from core.throttling import Buckets, network_of
from viewers.api_sessions import BadSession, Carried, Kind, read_session
from viewers.models import ApiSession, Staff
from viewers.second_factor import SecondFactorNeeded, lacks_second_factor
from viewers.tokens import PREFIX, BadMachineToken, viewer_of_token
from viewers.viewer import Viewer

FAILURES_A_SECOND = 0.1
FAILURES_AT_ONCE = 20
CHALLENGE = 'Bearer realm="MonoQL"'
COOKIE = "monoql_api"
COOKIE_PATH = "/api/"
JWT_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", re.ASCII)
failed_sign_ins = Buckets()

Proved = tuple[Staff | AnonymousUser, Viewer | None]
"""REST framework's user and proof. Only staff herself is the user: nothing that reads it takes a machine for her."""


class CsrfFailed(PermissionDenied):
    """A request that a cookie vouches for lacks its CSRF token, or another site sent it."""

    default_code = "csrf_failed"
    default_detail = "Send the CSRF token of your session in the header X-CSRFToken."


class StaffSession(SessionAuthentication):
    """The session of somebody who signed in to the admin."""

    def authenticate(self, request: Request) -> tuple[Staff | AnonymousUser, None] | None:
        """Give the session's account.

        :raises SecondFactorNeeded: its rights ask for a second factor, and it has none yet.
        """
        found = super().authenticate(request)
        if found is not None and lacks_second_factor(request._request):
            raise SecondFactorNeeded
        return found

    def authenticate_header(self, request: Request) -> str:
        """Have a request without credentials answered by 401."""
        return CHALLENGE

    def enforce_csrf(self, request: Request) -> None:
        """Ask for the token on every method that changes something.

        :raises CsrfFailed: it is missing or wrong.
        """
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            raise CsrfFailed from error


class TokenCookie(BaseAuthentication):
    """The cookie of a sign-in from outside. One that is over counts as none, so that what is public stays so."""

    def authenticate(self, request: Request) -> Proved | None:
        """Give who acts in the cookie's session.

        :raises CsrfFailed: the request changes something and lacks the CSRF token.
        """
        text = request.COOKIES.get(COOKIE, "")
        if not text:
            return None
        try:
            carried = read_session(text, kind=Kind.COOKIE, now=timezone.now())
        except BadSession:
            return None
        StaffSession().enforce_csrf(request)
        return _proved_by(request, carried)

    def authenticate_header(self, request: Request) -> str:
        """Have a request without credentials answered by 401."""
        return CHALLENGE


class BearerToken(BaseAuthentication):
    """A token in the header ``Authorization``; nowhere else, since addresses end in logs. Guessing is slowed down."""

    def authenticate(self, request: Request) -> Proved | None:
        """Give the machine or the person whose token it is; a fan's mailed token is none of ours.

        :raises AuthenticationFailed: it is a token of ours by its form, and opens nothing.
        :raises Throttled: the network has sent too many wrong ones.
        """
        text = bearer_of(request)
        is_machine = text.startswith(PREFIX)
        if not is_machine and JWT_FORM.fullmatch(text) is None:
            return None
        asker = network_of(BaseThrottle().get_ident(request))
        if wait := _take(asker, tokens=0):
            raise Throttled(wait)
        try:
            if is_machine:
                return AnonymousUser(), viewer_of_token(text, now=timezone.now())
            return _proved_by(request, read_session(text, kind=Kind.BODY, now=timezone.now()))
        except (BadMachineToken, BadSession) as refusal:
            if refusal.is_guess:
                _take(asker, tokens=1)
            raise AuthenticationFailed(refusal.message) from refusal

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme."""
        return CHALLENGE


def bearer_of(request: Request) -> str:
    """The token in the header ``Authorization``, or empty."""
    scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


def session_of(request: Request) -> ApiSession | None:
    """The session of a sign-in from outside that a request belongs to."""
    found = getattr(request._request, "_api_session", None)
    return found if isinstance(found, ApiSession) else None


def _proved_by(request: Request, carried: Carried) -> Proved:
    request._request._api_session = carried.session  # type: ignore[attr-defined]  # Kept for signing out.
    return carried.viewer.staff or AnonymousUser(), carried.viewer


def _take(asker: str, *, tokens: int) -> float:
    return failed_sign_ins.take(
        asker, rate=FAILURES_A_SECOND, burst=FAILURES_AT_ONCE, now=time.monotonic(), tokens=tokens
    )
