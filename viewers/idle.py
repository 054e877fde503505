"""How long a staff session lives: minutes without activity, and hours in any case."""

import time
from collections.abc import Callable

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django_htmx.http import HttpResponseClientRefresh

from core import audit
from viewers.models import Staff
from viewers.viewer import CLOCK

STARTED = "staff_session_started"
ACTIVE = "staff_session_active"
"""Seconds since the epoch in the session, written once in ``WRITE_SECONDS``."""
WRITE_SECONDS = 60


class IdleMiddleware:
    """Ends a session that is too old, then lets the request go on without it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Judge the session, if there is one: fans have none, and their pages must not ask for it."""
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or not request.user.is_authenticated:
            return self.get_response(request)
        now = time.time()
        if reason := reason_to_end(request, now):
            end(request, reason)
            if is_poll(request):
                return HttpResponseClientRefresh()
        elif not is_poll(request):
            note_activity(request, now)
        return self.get_response(request)


def is_poll(request: HttpRequest) -> bool:
    """Whether a page asks by itself how far some work is, which is no sign of somebody at the keyboard."""
    return request.headers.get("HX-Request") == "true" and request.path.endswith("/live/")


def reason_to_end(request: HttpRequest, now: float) -> str:
    """Why the session must end, in the words of its page, or nothing."""
    if now - request.session.get(STARTED, now) >= settings.STAFF_SESSION_HOURS * 3600:
        return f"after {settings.STAFF_SESSION_HOURS} hours"
    if now - request.session.get(ACTIVE, now) >= settings.STAFF_IDLE_MINUTES * 60:
        return f"after {settings.STAFF_IDLE_MINUTES} minutes without activity"
    return ""


def note_activity(request: HttpRequest, now: float) -> None:
    """Remember that somebody is there; in most requests nothing is written."""
    request.session.setdefault(STARTED, now)
    if now - request.session.get(ACTIVE, 0) >= WRITE_SECONDS:
        request.session[ACTIVE] = now
        UserSession.objects.filter(session_key=request.session.session_key).update(last_seen_at=timezone.now())


@transaction.atomic
def end(request: HttpRequest, reason: str) -> None:
    """End the session and tell her why."""
    if isinstance(request.user, Staff):
        audit.record(
            actor=CLOCK, action="staff.sign_out", target=request.user, now=timezone.now(), reason=f"Ended {reason}."
        )
    logout(request)
    messages.info(request, f"You were signed out {reason}. Sign in to go on where you were.")
