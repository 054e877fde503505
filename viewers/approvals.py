"""Four eyes: in a campaign that asks for it, opening, triggering and granting wait for a second person.

The room that owns a deed registers how it is done (``performs``). Its operation takes the approval and checks it with
``require_second_person``, so no face gets around it; a face calls ``ask`` where the campaign wants two people.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from core import audit
from core.refusal import Refusal
from core.tick import every_tick
from viewers.models import Action, Approval, Staff
from viewers.permissions import require
from viewers.viewer import CLOCK, Viewer

LAPSE = timedelta(hours=24)
"""How long a deed waits for its second person."""

Performer = Callable[[Approval, Viewer, datetime], object]


class NeedsSecondPerson(Refusal):
    """The campaign wants a second person for this."""

    code = "needs_second_person"


class CannotDecide(Refusal):
    """The deed is decided already, lapsed, or it is not hers to decide."""

    code = "cannot_decide"


@dataclass(frozen=True)
class _Deed:
    right: Action
    perform: Performer


_deeds: dict[str, _Deed] = {}


def performs(deed: str, right: Action) -> Callable[[Performer], Performer]:
    """Name the function that does an approved deed, and the right that asking and approving need.

    It gets the approval, the second person and the present time, and refuses where what was seen has changed since.
    """

    def register(perform: Performer) -> Performer:
        _deeds[deed] = _Deed(right, perform)
        return perform

    return register


def require_second_person(*, is_needed: bool, deed: str, target_id: object, approval: Approval | None) -> None:
    """Refuse a deed that needs two people unless this approval of it has just been given.

    :raises NeedsSecondPerson: it has not.
    """
    if not is_needed:
        return
    is_given = (
        approval is not None
        and approval.status == Approval.Status.APPROVED
        and approval.deed == deed
        and approval.target_id == str(target_id)
    )
    if not is_given:
        raise NeedsSecondPerson("Two people decide this here: ask for it, and somebody else approves it.")


def ask(
    *,
    campaign_id: int,
    deed: str,
    target_id: object,
    title: str,
    facts: Sequence[str],
    actor: Viewer,
    now: datetime,
    parameters: Mapping[str, Any] | None = None,
    reason: str = "",
) -> Approval:
    """Put a deed before a second person.

    :raises NotAllowed: the actor has not the right to the deed itself.
    :raises CannotDecide: it waits already.
    """
    require(actor, _deeds[deed].right, campaign_id)
    if actor.staff is None:
        raise CannotDecide("Only staff can ask for this.")
    try:
        with transaction.atomic():
            approval = Approval.objects.create(
                campaign_id=campaign_id,
                deed=deed,
                target_id=str(target_id),
                parameters=dict(parameters or {}),
                title=title,
                facts=list(facts),
                reason=reason,
                asked_by=actor.staff,
                asked_at=now,
                lapses_at=now + LAPSE,
            )
            _record(approval, "ask", actor=actor, now=now, reason=reason)
    except IntegrityError as taken:
        raise CannotDecide("This waits for a second person already.") from taken
    return approval


def approve(*, approval: Approval, actor: Viewer, now: datetime) -> Approval:
    """Approve a deed and do it, all in one transaction: where it cannot be done, nothing is approved.

    :raises NotAllowed: the actor has not the right to the deed itself.
    :raises CannotDecide: she asked for it herself, or it waits no longer.
    """
    second = _second_person(approval, actor)
    with transaction.atomic():
        approval = _waiting(approval, now)
        _decide(approval, Approval.Status.APPROVED, by=second, now=now)
        _record(approval, "approve", actor=actor, now=now)
        _deeds[approval.deed].perform(approval, actor, now)
    return approval


def decline(*, approval: Approval, reason: str, actor: Viewer, now: datetime) -> Approval:
    """Decline a deed, with a reason; whoever asked for it withdraws it in the same way.

    :raises NotAllowed: the actor has not the right to the deed itself.
    :raises CannotDecide: it waits no longer, or no reason is given.
    """
    require(actor, _deeds[approval.deed].right, approval.campaign_id)
    if actor.kind != "staff" or actor.staff is None:
        raise CannotDecide("A person decides this.")
    if not reason.strip():
        raise CannotDecide("Say why, for the history.", field="reason")
    with transaction.atomic():
        approval = _waiting(approval, now)
        is_own = approval.asked_by_id == actor.staff.pk
        status = Approval.Status.WITHDRAWN if is_own else Approval.Status.DECLINED
        _decide(approval, status, by=actor.staff, now=now)
        _record(approval, "withdraw" if is_own else "decline", actor=actor, now=now, reason=reason.strip())
    return approval


@every_tick
def lapse(now: datetime) -> int:
    """End what has waited too long, and return how many that were."""
    due = Approval.objects.filter(status=Approval.Status.WAITING, lapses_at__lte=now)
    with transaction.atomic():
        lapsed = list(due.select_for_update(skip_locked=True, no_key=True).order_by("pk")[:100])
        for approval in lapsed:
            _decide(approval, Approval.Status.LAPSED, by=None, now=now)
            _record(approval, "lapse", actor=CLOCK, now=now)
    return len(lapsed)


def right_of(deed: str) -> Action:
    """The right that asking for a deed and approving it need."""
    return _deeds[deed].right


def _second_person(approval: Approval, actor: Viewer) -> Staff:
    require(actor, _deeds[approval.deed].right, approval.campaign_id)
    if actor.kind != "staff" or actor.staff is None:
        raise CannotDecide("A person approves this, not a program.")
    if actor.staff.pk == approval.asked_by_id:
        raise CannotDecide("You asked for this yourself: somebody else must approve it.")
    return actor.staff


def _waiting(approval: Approval, now: datetime) -> Approval:
    approval = Approval.objects.select_for_update(of=("self",), no_key=True).get(pk=approval.pk)
    if approval.status != Approval.Status.WAITING:
        raise CannotDecide(f"Nothing is left to decide: this is {approval.get_status_display()}.")
    if approval.lapses_at <= now:
        raise CannotDecide("This has lapsed: ask for it anew.")
    return approval


def _decide(approval: Approval, status: str, *, by: Staff | None, now: datetime) -> None:
    approval.status, approval.decided_by, approval.decided_at = Approval.Status(status), by, now
    approval.save(update_fields=["status", "decided_by", "decided_at"])


def _record(approval: Approval, verb: str, *, actor: Viewer, now: datetime, reason: str = "") -> None:
    audit.record(
        actor=actor,
        action=f"approval.{verb}",
        target=approval,
        campaign_id=approval.campaign_id,
        changes={"deed": [None, approval.deed], "target": [None, approval.target_id]},
        reason=reason,
        now=now,
    )
