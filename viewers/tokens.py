"""Machine tokens: making, revoking, and knowing the program that sends one.

A token acts for the member of staff who made it. What it reaches is worked out anew on each request: its own limits,
and within them what its owner may do at that moment.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from core import audit
from core.refusal import Invalid, NotAllowed, Refusal
from viewers.models import Action, MachineToken, Staff
from viewers.models.token import FORBIDDEN_TO_MACHINES, LONGEST
from viewers.permissions import WITHOUT_CAMPAIGN, may, may_somewhere
from viewers.viewer import Limits, Viewer

PREFIX = "mql_"
"""Makes a token that leaked into a file or a log easy to find."""
FORM = re.compile(r"mql_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)
USE_IS_WRITTEN_EVERY = timedelta(minutes=1)
NOBODY = hashlib.sha256(b"").hexdigest()
"""Compared with where a token has no row, so that both cases take the same time."""


class BadMachineToken(Refusal):
    """The token opens nothing. ``is_guess`` tells a secret that was never right from one that has ended."""

    code = "authentication_failed"
    status = 401

    def __init__(self, message: str, *, is_guess: bool = False) -> None:
        super().__init__(message)
        self.is_guess = is_guess


class CannotRevoke(Refusal):
    """The token was revoked already."""

    code = "cannot_revoke"


@dataclass(frozen=True)
class NewToken:
    """A token just made. ``text`` is kept nowhere: whoever made it sees it this once."""

    row: MachineToken
    text: str


def make_token(
    *,
    name: str,
    actions: Collection[Action],
    campaigns: Collection[int] | None,
    days: int,
    actor: Viewer,
    now: datetime,
) -> NewToken:
    """Make a token for the actor's programs. ``campaigns`` are ids; ``None`` is every campaign that she may work in.

    :raises NotAllowed: the actor is no member of staff, or may not do herself what the token should.
    :raises Invalid: the name is missing, nothing was chosen, or the time is too long.
    """
    owner = actor.staff
    if actor.kind != "staff" or owner is None:
        raise NotAllowed("Only a member of staff who is signed in herself can make a token.")
    _require_shape(name=name, actions=actions, campaigns=campaigns, days=days)
    _require_within(actor, actions, campaigns)
    lookup, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    with transaction.atomic():
        row = MachineToken.objects.create(
            lookup=lookup,
            secret_hash=_hash_of(secret),
            name=name.strip(),
            owner=owner,
            actions=sorted(str(action) for action in actions),
            reaches_all_campaigns=campaigns is None,
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        row.campaigns.set(campaigns or ())
        changes = {
            "actions": [None, row.actions],
            "campaigns": [None, "all" if campaigns is None else sorted(campaigns)],
            "expires_at": [None, row.expires_at.isoformat()],
        }
        audit.record(actor=actor, action="machinetoken.make", target=row, now=now, changes=changes)
    return NewToken(row=row, text=f"{PREFIX}{lookup}_{secret}")


def revoke_token(*, token: MachineToken, reason: str, actor: Viewer, now: datetime) -> None:
    """End a token at once.

    :raises NotAllowed: it is somebody else's, and the actor does not manage staff.
    :raises CannotRevoke: it is revoked already.
    """
    if not may_see_token(actor, token) or actor.kind != "staff":
        raise NotAllowed("This token is somebody else's. Ask its owner, or somebody who manages staff.")
    with transaction.atomic():
        if not MachineToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now):
            raise CannotRevoke("This token is revoked already.")
        changes = {"revoked_at": [None, now.isoformat()]}
        audit.record(actor=actor, action="machinetoken.revoke", target=token, now=now, changes=changes, reason=reason)
    token.revoked_at = now


def may_see_token(viewer: Viewer, token: MachineToken) -> bool:
    """Whether a token is the viewer's own, or she manages staff."""
    return (viewer.staff is not None and viewer.staff.pk == token.owner_id) or may(viewer, Action.MANAGE_STAFF, None)


def viewer_of_token(text: str, *, now: datetime) -> Viewer:
    """Give the machine that sends a token, and note that it was used.

    :raises BadMachineToken: it is not one of ours, or has ended.
    """
    form = FORM.fullmatch(text)
    if form is None:
        raise BadMachineToken("This is not a whole machine token: one has 64 letters.", is_guess=True)
    row = MachineToken.objects.select_related("owner").filter(lookup=form[1]).first()
    if not hmac.compare_digest(_hash_of(form[2]), row.secret_hash if row is not None else NOBODY) or row is None:
        raise BadMachineToken("This machine token is not known here.", is_guess=True)
    if not row.is_in_force(now):
        raise BadMachineToken(_why_ended(row, now))
    _note_use(row, now)
    return Viewer(kind="machine", id=str(row.pk), label=row.name, staff=row.owner, limits=limits_of(row))


def limits_of(token: MachineToken) -> Limits:
    """What a token lets through of its owner's rights."""
    campaigns = None if token.reaches_all_campaigns else frozenset(token.campaigns.values_list("pk", flat=True))
    return Limits(actions=frozenset(Action(action) for action in token.actions), campaigns=campaigns)


def _require_shape(*, name: str, actions: Collection[Action], campaigns: Collection[int] | None, days: int) -> None:
    errors = {}
    longest = MachineToken._meta.get_field("name").max_length or 0
    if not 0 < len(name.strip()) <= longest:
        errors["name"] = [f"Give the token a name of up to {longest} letters: what uses it, and where."]
    if not actions:
        errors["actions"] = ["Choose what the token may do."]
    if campaigns is not None and not campaigns:
        errors["campaigns"] = ["Choose at least one campaign, or all of them."]
    if not 1 <= days <= LONGEST.days:
        errors["days"] = [f"A token is good for 1 to {LONGEST.days} days."]
    if errors:
        raise Invalid(errors)


def _require_within(actor: Viewer, actions: Collection[Action], campaigns: Collection[int] | None) -> None:
    """Refuse a token that would reach beyond the one who makes it.

    :raises NotAllowed: it would.
    """
    for action in actions:
        if action in FORBIDDEN_TO_MACHINES:
            raise NotAllowed(f"No machine may “{action.label}”: that takes a person.")
        if not may_somewhere(actor, action):
            raise NotAllowed(f"You may not “{action.label}” yourself, so your token may not either.")
        for campaign_id in campaigns or ():
            if not may(actor, Action.VIEW, campaign_id) or not may(actor, action, _place(action, campaign_id)):
                raise NotAllowed(
                    f"You may not “{action.label}” in one of these campaigns. Make a token for the others."
                )


def _place(action: Action, campaign_id: int) -> int | None:
    """Where an action is asked for: some need no campaign."""
    return None if action in WITHOUT_CAMPAIGN else campaign_id


def _why_ended(row: MachineToken, now: datetime) -> str:
    if row.revoked_at is not None:
        return "This machine token was revoked. Ask its owner for another."
    if row.expires_at <= now:
        return f"This machine token expired on {row.expires_at:%Y-%m-%d}. Ask its owner for another."
    return "The account that this machine token acts for is switched off."


def _note_use(row: MachineToken, now: datetime) -> None:
    """Write the time of use, at most once a minute: a busy program would else queue for its own row."""
    due = now - USE_IS_WRITTEN_EVERY
    if row.last_used_at is None or row.last_used_at < due:
        unwritten = Q(last_used_at__isnull=True) | Q(last_used_at__lt=due)
        MachineToken.objects.filter(unwritten, pk=row.pk).update(last_used_at=now)


def _hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def tokens_for(viewer: Viewer) -> Q:
    """The tokens that a viewer may see, as a condition: her own, or all where she manages staff."""
    if may(viewer, Action.MANAGE_STAFF, None):
        return Q()
    return Q(owner=viewer.staff) if isinstance(viewer.staff, Staff) else Q(pk__in=[])
