"""Who is asking: the thin object that a request or a task carries."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils import timezone

from viewers.models import Action, Grant, Staff

if TYPE_CHECKING:
    from django.http import HttpRequest

Rights = Mapping[int | None, frozenset[Action]]
"""Actions by campaign id; those without a campaign stand under ``None``."""


@dataclass(frozen=True)
class Limits:
    """What a machine's token lets through of the rights of the one it acts for: actions, in these campaigns."""

    actions: frozenset[Action]
    campaigns: frozenset[int] | None
    """``None`` is every campaign."""

    def allow(self, action: Action, campaign_id: int | None) -> bool:
        """Whether the token reaches this far. Reading is part of every right."""
        if action not in self.actions and action != Action.VIEW:
            return False
        return campaign_id is None or self.campaigns is None or campaign_id in self.campaigns


@dataclass(frozen=True)
class Viewer:
    """A member of staff, a machine that acts for one, a fan, the clock or a worker.

    ``staff`` is set for staff and machines; its rights are read once for each viewer, so a viewer lives no longer than
    its request.
    """

    kind: str
    id: str = ""
    label: str = ""
    staff: Staff | None = field(default=None, compare=False)
    limits: Limits | None = None
    subject: str = ""
    """For a fan who signed in elsewhere: who she is there."""

    @property
    def is_supreme(self) -> bool:
        """Whether this is a supreme admin herself; a machine that acts for one never is."""
        return self.kind == "staff" and self.staff is not None and self.staff.is_supreme

    @property
    def on_behalf_of(self) -> str:
        """Whom a machine acts for, for the audit trail."""
        return f"staff {self.staff.pk} {self.staff.get_username()}" if self.kind == "machine" and self.staff else ""

    @cached_property
    def rights(self) -> Rights:
        """The rights that were granted to the account and have not ended, by campaign."""
        if self.staff is None or not self.staff.is_active:
            return {}
        in_force = Q(ends_at__isnull=True) | Q(ends_at__gt=timezone.now())
        table: dict[int | None, set[Action]] = {}
        for campaign_id, action in Grant.objects.filter(in_force, staff=self.staff).values_list("campaign", "action"):
            table.setdefault(campaign_id, set()).add(Action(action))
        return {campaign_id: frozenset(actions) for campaign_id, actions in table.items()}


CLOCK = Viewer(kind="clock", label="the clock")
WORKER = Viewer(kind="worker", label="a worker")
ANONYMOUS = Viewer(kind="fan")


def viewer_of_staff(staff: Staff) -> Viewer:
    """Give the viewer who acts for this account."""
    return Viewer(kind="staff", id=str(staff.pk), label=staff.get_username(), staff=staff)


def viewer_of_request(request: "HttpRequest") -> Viewer:
    """Give the viewer who sent a request: staff or a machine if it proved so, else a fan.

    It is worked out once for each request and account.
    """
    user, proof = getattr(request, "user", None), getattr(request, "auth", None)
    if isinstance(proof, Viewer):
        return proof
    bare: Any = getattr(request, "_request", request)
    asker, kept = getattr(bare, "_viewer", (None, ANONYMOUS))
    if asker is not user:
        # A menu asks for hundreds of rights: of the account itself, not of the session's proxy for it.
        kept = ANONYMOUS
        if isinstance(user, Staff) and user.is_active and user.is_staff:
            kept = viewer_of_staff(copy(user))
        bare._viewer = (user, kept)
    return kept
