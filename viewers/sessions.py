"""Sessions of staff and lost second factors: what she ends herself, and what staff do for her."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db import transaction

from core import audit
from core.refusal import NotAllowed, Refusal
from viewers.models import Action, Staff
from viewers.permissions import require
from viewers.second_factor import has_second_factor
from viewers.viewer import Viewer


class CannotRemoveSecondFactor(Refusal):
    """There is none."""


@dataclass(frozen=True)
class Session:
    """A session in the words of the page that lists it."""

    pk: int
    browser: str
    address: str
    started_at: datetime
    seen_at: datetime
    is_current: bool


def sessions_of(staff: Staff, *, current_key: str | None = None) -> list[Session]:
    """Give the sessions that are open, the current one first, then the one that was seen last."""
    found = [
        Session(
            pk=row.pk,
            browser=browser_of(row.user_agent),
            address=row.ip,
            started_at=row.created_at,
            seen_at=row.last_seen_at,
            is_current=row.session_key == current_key,
        )
        for row in UserSession.objects.purge_and_list(staff)
    ]
    return sorted(found, key=lambda session: (not session.is_current, -session.seen_at.timestamp(), session.pk))


@transaction.atomic
def end_own_sessions(*, staff: Staff, session_ids: Iterable[int], actor: Viewer, now: datetime) -> int:
    """End some of one's own sessions; give how many were still open.

    :raises NotAllowed: they are another's.
    """
    if actor.staff != staff:
        raise NotAllowed("You may only end your own sessions here.")
    rows = UserSession.objects.filter(user=staff, pk__in=list(session_ids)).order_by("pk")
    return _end(rows, staff=staff, actor=actor, now=now)


@transaction.atomic
def end_all_sessions(*, staff: Staff, actor: Viewer, now: datetime, reason: str = "") -> int:
    """End every session of an account; give how many there were.

    :raises NotAllowed: the actor may not manage staff, or not this account.
    """
    _require_right_over(staff, actor)
    return _end(UserSession.objects.filter(user=staff).order_by("pk"), staff=staff, actor=actor, now=now, reason=reason)


@transaction.atomic
def remove_second_factor(*, staff: Staff, actor: Viewer, now: datetime, reason: str = "") -> None:
    """Take second factors and recovery codes from an account whose owner lost them, and end its sessions.

    :raises NotAllowed: the actor may not manage staff, or not this account.
    :raises CannotRemoveSecondFactor: the account has none.
    """
    _require_right_over(staff, actor)
    if not has_second_factor(staff):
        raise CannotRemoveSecondFactor(f"{staff.get_username()} has no second factor.")
    kinds = sorted(Authenticator.objects.filter(user=staff).values_list("type", flat=True))
    Authenticator.objects.filter(user=staff).delete()
    audit.record(
        actor=actor,
        action="staff.remove_second_factor",
        target=staff,
        now=now,
        changes={"factors": [", ".join(kinds), ""]},
        reason=reason,
    )
    _end(UserSession.objects.filter(user=staff).order_by("pk"), staff=staff, actor=actor, now=now, reason=reason)


def browser_of(user_agent: str) -> str:
    """A browser and its system in two words: a help to recognise one's own, no more; any program may call itself so."""
    browsers = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
    systems = {
        "iPhone": "iPhone",
        "iPad": "iPad",
        "Android": "Android",
        "Windows": "Windows",
        "Mac OS X": "macOS",
        "CrOS": "ChromeOS",
        "Linux": "Linux",
    }
    browser = next((name for mark, name in browsers.items() if mark in user_agent), "Another program")
    system = next((name for mark, name in systems.items() if mark in user_agent), "")
    return f"{browser} on {system}" if system else browser


def _require_right_over(staff: Staff, actor: Viewer) -> None:
    require(actor, Action.MANAGE_STAFF, None)
    if staff.is_supreme and not actor.is_supreme:
        raise NotAllowed("Only a supreme admin may do this to a supreme admin's account.")


def _end(rows: Iterable[UserSession], *, staff: Staff, actor: Viewer, now: datetime, reason: str = "") -> int:
    ended = 0
    for row in rows:
        row.end()
        ended += 1
    if ended:
        audit.record(
            actor=actor,
            action="staff.end_sessions",
            target=staff,
            now=now,
            changes={"sessions": [ended, 0]},
            reason=reason,
        )
    return ended
