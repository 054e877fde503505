"""Giving and taking rights. Nobody grants more than she has, nor for longer."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import models, transaction
from django.db.models import Q

from core import audit
from core.refusal import Refusal
from viewers import approvals
from viewers.models import WITHOUT_CAMPAIGN, Action, Approval, Grant, Staff
from viewers.permissions import may, require
from viewers.viewer import Viewer

ROLES: Mapping[str, frozenset[Action]] = {
    "editor": frozenset({Action.VIEW, Action.EDIT_CONTENT, Action.EDIT_SETUP}),
    "code manager": frozenset({Action.VIEW, Action.MANAGE_CODES}),
    "wave runner": frozenset({Action.VIEW, Action.RUN_WAVES}),
    "analyst": frozenset({Action.VIEW, Action.EXPORT}),
}
"""Groups of rights by the name that people give to whoever holds them."""
GRANTING = "access.change"
"""The deed for which a campaign can want a second person."""
IN_A_CAMPAIGN = tuple(action for action in Action if action not in WITHOUT_CAMPAIGN)


class CannotGrant(Refusal):
    """The rights stay as they are: she may not give them, or they cannot be given so."""

    code = "cannot_grant"


def grants_in_force(now: datetime) -> "models.QuerySet[Grant]":
    """Every right that has not ended."""
    return Grant.objects.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=now))


def role_of(actions: Collection[Action]) -> str:
    """The role that has exactly these rights, or nothing."""
    return next((name for name, role in ROLES.items() if role == frozenset(actions)), "")


def set_rights(
    *,
    staff: Staff,
    campaign_id: int | None,
    actions: Collection[Action],
    ends_at: datetime | None,
    actor: Viewer,
    now: datetime,
    reason: str = "",
    approval: Approval | None = None,
) -> dict[str, list[str | None]]:
    """Make these the rights of one account in a campaign (or without one): give what is new, take what is left out.

    Returns what has changed, ``{action: [old, new]}``: ``granted`` with its end, or ``None`` for no right.

    :raises NotAllowed: the actor may not grant here.
    :raises CannotGrant: she has not herself what she gives, or only for a shorter time; or the account is her own, is
        switched off, or the end is past.
    """
    require(actor, Action.GRANT_ACCESS if campaign_id is not None else Action.MANAGE_STAFF, campaign_id)
    wanted = frozenset(actions) | ({Action.VIEW} if actions and campaign_id is not None else frozenset())
    _check(staff=staff, campaign_id=campaign_id, wanted=wanted, ends_at=ends_at, actor=actor, now=now)
    with transaction.atomic():
        # The account's row is the lock: two people who change the same rights come one after the other.
        Staff.objects.select_for_update(no_key=True).get(pk=staff.pk)
        approvals.require_second_person(
            is_needed=needs_second_person(campaign_id),
            deed=GRANTING,
            target_id=_target(staff, campaign_id),
            approval=approval,
        )
        held = {grant.action: grant for grant in Grant.objects.filter(_where(campaign_id), staff=staff)}
        changes = _changes(held, wanted, ends_at, now)
        _check_holds(actor, campaign_id, [Action(name) for name, (_old, new) in changes.items() if new], ends_at, now)
        if not changes:
            return {}
        Grant.objects.filter(_where(campaign_id), staff=staff, action__in=list(changes)).delete()
        Grant.objects.bulk_create(
            Grant(
                staff=staff,
                campaign_id=campaign_id,
                action=name,
                granted_at=now,
                granted_by=actor.staff or staff,
                ends_at=ends_at,
            )
            for name, (_old, new) in changes.items()
            if new
        )
        audit.record(
            actor=actor,
            action="access.change",
            target=staff,
            campaign_id=campaign_id,
            changes=changes,
            reason=reason,
            now=now,
        )
    return changes


def needs_second_person(campaign_id: int | None) -> bool:
    """Whether rights in this campaign wait for a second person."""
    if campaign_id is None:
        return False
    campaigns = Grant._meta.get_field("campaign").related_model._default_manager  # The room above stays unnamed.
    return bool(campaigns.values_list("needs_second_person", flat=True).get(pk=campaign_id))


def ask_to_set_rights(
    *,
    staff: Staff,
    campaign_id: int,
    actions: Collection[Action],
    ends_at: datetime | None,
    actor: Viewer,
    now: datetime,
    reason: str = "",
) -> Approval:
    """Put a change of rights before a second person, who must hold what is given too.

    :raises NotAllowed: the actor may not grant here.
    :raises CannotGrant: she could not make this change herself either.
    """
    wanted = frozenset(actions)
    require(actor, Action.GRANT_ACCESS, campaign_id)
    _check(staff=staff, campaign_id=campaign_id, wanted=wanted, ends_at=ends_at, actor=actor, now=now)
    _check_holds(actor, campaign_id, sorted(wanted), ends_at, now)
    labels = ", ".join(action.label for action in Action if action in wanted) or "none"
    return approvals.ask(
        campaign_id=campaign_id,
        deed=GRANTING,
        target_id=_target(staff, campaign_id),
        title=f"Change the rights of {staff.get_username()}",
        facts=[f"Her rights will be: {labels}.", f"They last {_end_text(ends_at)}."],
        parameters={
            "staff": staff.pk,
            "actions": sorted(str(action) for action in wanted),
            "ends_at": ends_at.isoformat() if ends_at is not None else None,
        },
        reason=reason,
        actor=actor,
        now=now,
    )


@approvals.performs("access.change", Action.GRANT_ACCESS)
def _set_approved_rights(approval: Approval, actor: Viewer, now: datetime) -> object:
    ends_at = approval.parameters["ends_at"]
    return set_rights(
        staff=Staff.objects.get(pk=approval.parameters["staff"]),
        campaign_id=approval.campaign_id,
        actions=[Action(name) for name in approval.parameters["actions"]],
        ends_at=datetime.fromisoformat(ends_at) if ends_at is not None else None,
        reason=approval.reason,
        actor=actor,
        now=now,
        approval=approval,
    )


def _target(staff: Staff, campaign_id: int | None) -> str:
    return f"{staff.pk}@{campaign_id}"


def grant_to_maker(*, campaign_id: int, actor: Viewer, now: datetime) -> None:
    """Give whoever made a campaign every right in it; a supreme admin needs none."""
    if actor.staff is None or actor.staff.is_supreme:
        return
    Grant.objects.bulk_create(
        Grant(staff=actor.staff, campaign_id=campaign_id, action=action, granted_at=now, granted_by=actor.staff)
        for action in IN_A_CAMPAIGN
    )
    changes = {str(action): [None, _granted(None)] for action in IN_A_CAMPAIGN}
    audit.record(
        actor=actor,
        action="access.change",
        target=actor.staff,
        campaign_id=campaign_id,
        changes=changes,
        reason="She made the campaign.",
        now=now,
    )


def _check(
    *,
    staff: Staff,
    campaign_id: int | None,
    wanted: frozenset[Action],
    ends_at: datetime | None,
    actor: Viewer,
    now: datetime,
) -> None:
    if actor.kind == "machine":
        raise CannotGrant("A machine's token grants no access. A person must do it.")
    if actor.staff == staff and not actor.is_supreme:
        raise CannotGrant("Nobody changes her own rights. Ask somebody else who may grant access.", field="staff")
    if wanted and not (staff.is_active and staff.is_staff):
        raise CannotGrant("This account is switched off.", field="staff")
    if any((action in WITHOUT_CAMPAIGN) != (campaign_id is None) for action in wanted):
        raise CannotGrant("Rights for the catalogue and the staff are given without a campaign, all others in one.")
    if ends_at is not None and ends_at <= now:
        raise CannotGrant("The end lies in the past. Choose a later one, or take the rights instead.", field="ends_at")


def _check_holds(
    actor: Viewer, campaign_id: int | None, given: Collection[Action], ends_at: datetime | None, now: datetime
) -> None:
    """Whoever is not supreme gives only what she holds herself, and not beyond its own end."""
    missing = [action.label for action in given if not may(actor, action, campaign_id)]
    if missing:
        raise CannotGrant(f"Nobody grants more than she has. You do not hold: {', '.join(missing)}.", field="actions")
    if actor.is_supreme or actor.staff is None:
        return
    own = grants_in_force(now).filter(_where(campaign_id), staff=actor.staff, action__in=given)
    ends = [grant.ends_at for grant in own if grant.ends_at is not None]
    if ends and (ends_at is None or ends_at > min(ends)):
        raise CannotGrant(
            f"Your own right ends on {min(ends):%Y-%m-%d %H:%M} UTC. Choose an end that is not later.", field="ends_at"
        )


def _where(campaign_id: int | None) -> Q:
    return Q(campaign__isnull=True) if campaign_id is None else Q(campaign=campaign_id)


def _changes(
    held: Mapping[str, Grant], wanted: frozenset[Action], ends_at: datetime | None, now: datetime
) -> dict[str, list[str | None]]:
    changes: dict[str, list[str | None]] = {}
    for action in Action:
        grant = held.get(action)
        is_held = grant is not None and (grant.ends_at is None or grant.ends_at > now)
        old = _granted(grant.ends_at) if grant is not None and is_held else None
        new = _granted(ends_at) if action in wanted else None
        if old != new or (grant is not None and not is_held):
            changes[str(action)] = [old, new]
    return {name: pair for name, pair in changes.items() if pair != [None, None] or name in held}


def _granted(ends_at: datetime | None) -> str:
    return f"granted {_end_text(ends_at)}"


def _end_text(ends_at: datetime | None) -> str:
    return "without end" if ends_at is None else f"until {ends_at:%Y-%m-%d %H:%M} UTC"
