"""How staff prove themselves to the REST API: the admin's session with its CSRF token, or basic authentication."""

import time

from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from core.throttling import Buckets, network_of
from viewers.models import Staff

FAILURES_A_SECOND = 0.1
FAILURES_AT_ONCE = 20
CHALLENGE = 'Session realm="MonoQL"'
"""Browsers would answer a Basic challenge with a dialog and then send the password along with other sites' forms."""
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
failed_sign_ins = Buckets()


class CsrfFailed(PermissionDenied):
    """A session's request lacks its CSRF token, or another site sent it."""

    default_code = "csrf_failed"
    default_detail = _("Send the CSRF token of your session in the header X-CSRFToken.")


class StaffSession(SessionAuthentication):
    """The session of somebody who signed in to the admin."""

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


class StaffPassword(BasicAuthentication):
    """Name and password in each request, for programs. Guessing is slowed down by address."""

    def authenticate_header(self, request: Request) -> str:
        """Name a scheme that no browser asks its user for."""
        return CHALLENGE

    def authenticate_credentials(
        self, userid: str, password: str, request: Request | None = None
    ) -> tuple[Staff, None]:
        """Give the account.

        :raises AuthenticationFailed: there is none with this name and password.
        :raises Throttled: the address has failed too often.
        :raises CsrfFailed: a browser sends the password along with another site's form.
        """
        asker = network_of(BaseThrottle().get_ident(request)) if request is not None else ""
        if wait := self._take(asker, tokens=0):
            raise Throttled(wait)
        if request is not None and request.method not in SAFE_METHODS and _is_from_another_site(request):
            raise CsrfFailed(_("Another site sent this request."))
        try:
            if "\0" in userid + password:
                raise AuthenticationFailed(_("Invalid username/password."))
            account, _nothing = super().authenticate_credentials(userid, password, request)
        except AuthenticationFailed:
            self._take(asker, tokens=1)
            raise
        return account, None

    def _take(self, asker: str, *, tokens: int) -> float:
        return failed_sign_ins.take(
            asker, rate=FAILURES_A_SECOND, burst=FAILURES_AT_ONCE, now=time.monotonic(), tokens=tokens
        )


def _is_from_another_site(request: Request) -> bool:
    """By what browsers say of a request's origin; a program says nothing."""
    return request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")
