"""The life of a campaign: not started → open → closed → finished.

One table says which step may follow which, by hand and by the clock. Opening publishes the draw's commitments;
closing waits for every registration that is under way (spec: the draw, step 2).
"""

import time
from collections.abc import Callable
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import Q

from campaigns import readiness, secrets
from campaigns.fingerprint import fingerprint
from campaigns.models import Campaign
from core import audit
from core.locks import Space, lock_exclusive
from core.refusal import Refusal
from core.tick import every_tick
from viewers import approvals
from viewers.models import Approval
from viewers.permissions import Action, require
from viewers.viewer import CLOCK, Viewer

log = structlog.get_logger(__name__)
Status = Campaign.Status

TRANSITIONS = {
    (Status.NOT_STARTED, Status.OPEN),
    (Status.OPEN, Status.CLOSED),
    (Status.CLOSED, Status.OPEN),
    (Status.CLOSED, Status.FINISHED),
}
"""Every step there is. The clock takes only those forward; from closed back to open an operator goes by hand."""

OPENING, RELEASE, END_FOUR_EYES = "campaign.open", "campaign.release", "campaign.end_four_eyes"
"""The deeds for which a campaign can want a second person."""

ALERT_SECONDS = 300.0
_alerted: dict[int, float] = {}

reopening_guards: list[Callable[[Campaign], str]] = []
"""Higher rooms add functions that say why a campaign may not open again, or give an empty string."""


class CannotOpenCampaign(Refusal):
    """The campaign stays as it is: it is not ready, or it is past the state from which it may open."""

    code = "cannot_open"


class CannotCloseCampaign(Refusal):
    """The campaign is not open."""

    code = "cannot_close"


class CannotFinishCampaign(Refusal):
    """The campaign is not closed."""

    code = "cannot_finish"


class CampaignFinished(Refusal):
    """Nothing in the campaign changes any more."""

    code = "campaign_finished"


FINISHED = "The campaign is finished: nothing in it changes any more."


def check_unfinished(campaign: Campaign) -> None:
    """Refuse to change what belongs to a campaign that is over.

    :raises CampaignFinished: it is finished.
    """
    if campaign.status == Campaign.Status.FINISHED:
        raise CampaignFinished(FINISHED)


def open_campaign(
    *, campaign: Campaign, actor: Viewer, now: datetime, reason: str = "", approval: Approval | None = None
) -> Campaign:
    """Let fans register. The first time publishes the draw's commitments.

    :raises CannotOpenCampaign: a red line stands in its readiness list, or its state does not allow it.
    """
    require(actor, Action.EDIT_SETUP, campaign.pk)
    with transaction.atomic():
        campaign = _locked(campaign)
        _check(campaign, Status.OPEN, CannotOpenCampaign)
        if actor.kind == "clock":
            _check_released_as_seen(campaign)
        else:
            approvals.require_second_person(
                is_needed=campaign.needs_second_person, deed=OPENING, target_id=campaign.pk, approval=approval
            )
        red = [line.text for line in readiness.lines(campaign, now=now) if line.is_red]
        if red:
            raise CannotOpenCampaign("The campaign is not ready: " + " ".join(red))
        if campaign.close_at is not None and campaign.close_at <= now:
            raise CannotOpenCampaign("Its closing time is past. Set a later one first.", field="close_at")
        if campaign.status == Status.CLOSED:
            for guard in reopening_guards:
                if problem := guard(campaign):
                    raise CannotOpenCampaign(problem)
        secrets.ensure_salt(campaign)
        secrets.commit(campaign, now=now)
        return _move(campaign, Status.OPEN, actor=actor, now=now, reason=reason)


def close_campaign(*, campaign: Campaign, actor: Viewer, now: datetime, reason: str = "") -> Campaign:
    """Take no more registrations. Whoever was told "registered" before is in.

    :raises CannotCloseCampaign: it is not open.
    """
    require(actor, Action.EDIT_SETUP, campaign.pk)
    with transaction.atomic():
        # Registrations hold this lock shared to the end of their transaction: closing waits for them, and whoever
        # comes later finds the campaign closed.
        lock_exclusive(Space.REGISTRATION, campaign.pk)
        campaign = _locked(campaign)
        _check(campaign, Status.CLOSED, CannotCloseCampaign)
        return _move(campaign, Status.CLOSED, actor=actor, now=now, reason=reason)


def finish_campaign(*, campaign: Campaign, actor: Viewer, now: datetime, reason: str = "") -> Campaign:
    """End a closed campaign: nothing in it changes any more.

    :raises CannotFinishCampaign: it is not closed.
    """
    require(actor, Action.EDIT_SETUP, campaign.pk)
    with transaction.atomic():
        campaign = _locked(campaign)
        _check(campaign, Status.FINISHED, CannotFinishCampaign)
        return _move(campaign, Status.FINISHED, actor=actor, now=now, reason=reason)


def release_campaign(
    *, campaign: Campaign, actor: Viewer, now: datetime, reason: str = "", approval: Approval | None = None
) -> Campaign:
    """Let the clock open a campaign at its time.

    :raises CannotOpenCampaign: it has opened before, or is released already.
    """
    require(actor, Action.EDIT_SETUP, campaign.pk)
    with transaction.atomic():
        campaign = _locked(campaign)
        approvals.require_second_person(
            is_needed=campaign.needs_second_person, deed=RELEASE, target_id=campaign.pk, approval=approval
        )
        if campaign.status != Status.NOT_STARTED or campaign.is_released:
            raise CannotOpenCampaign("There is nothing to release: it has opened before, or is released already.")
        campaign.is_released = True
        campaign.save(update_fields=["is_released"])
        audit.record(
            actor=actor,
            action="campaign.release",
            target=campaign,
            campaign_id=campaign.pk,
            changes={"is_released": [False, True]},
            reason=reason,
            now=now,
        )
    return campaign


def end_four_eyes(
    *, campaign: Campaign, actor: Viewer, now: datetime, reason: str = "", approval: Approval | None = None
) -> Campaign:
    """Let one person decide again; two people must want it."""
    require(actor, Action.EDIT_SETUP, campaign.pk)
    with transaction.atomic():
        campaign = _locked(campaign)
        approvals.require_second_person(
            is_needed=campaign.needs_second_person, deed=END_FOUR_EYES, target_id=campaign.pk, approval=approval
        )
        campaign.needs_second_person = False
        campaign.save(update_fields=["needs_second_person"])
        audit.record(
            actor=actor,
            action="campaign.end_four_eyes",
            target=campaign,
            campaign_id=campaign.pk,
            changes={"needs_second_person": [True, False]},
            reason=reason,
            now=now,
        )
    return campaign


def _performer(step: Callable[..., Campaign]) -> approvals.Performer:
    """Take a step that a second person has approved, if the set-up is still what the first one saw."""

    def perform(approval: Approval, actor: Viewer, now: datetime) -> Campaign:
        campaign = _locked(Campaign(pk=int(approval.target_id)))
        if approval.parameters.get("fingerprint") != fingerprint(campaign):
            raise approvals.CannotDecide("The set-up has changed since this was asked for. It must be asked for anew.")
        return step(campaign=campaign, actor=actor, now=now, reason=approval.reason, approval=approval)

    return perform


for _deed, _step in ((OPENING, open_campaign), (RELEASE, release_campaign), (END_FOUR_EYES, end_four_eyes)):
    approvals.performs(_deed, Action.EDIT_SETUP)(_performer(_step))


def _check_released_as_seen(campaign: Campaign) -> None:
    """Where two people released a campaign, the clock opens what they saw and nothing else."""
    if not campaign.needs_second_person:
        return
    given = Approval.objects.filter(deed=RELEASE, target_id=str(campaign.pk), status=Approval.Status.APPROVED)
    last = given.order_by("-pk").first()
    if last is None or last.parameters.get("fingerprint") != fingerprint(campaign):
        raise CannotOpenCampaign("Its set-up has changed since two people released it. Release it again.")


@every_tick
def follow_the_clock(now: datetime) -> int:
    """Take every due step and return how many; a step that another tick takes at this moment is left to it."""
    steps = 0
    for due, step in (
        (Q(status=Status.NOT_STARTED, is_released=True, open_at__lte=now, close_at__gt=now), open_campaign),
        (Q(status=Status.OPEN, close_at__lte=now), close_campaign),
        (Q(status=Status.CLOSED, finish_at__lte=now), finish_campaign),
    ):
        for campaign in Campaign.objects.filter(due).order_by("pk")[:50]:
            try:
                step(campaign=campaign, actor=CLOCK, now=now)
            except Refusal as refusal:
                # Not ready, or another tick was first. Home and the campaign's readiness list tell people.
                _alert(campaign, refusal)
                continue
            steps += 1
    return steps


def _alert(campaign: Campaign, refusal: Refusal) -> None:
    """Write in the log that a step of the clock is refused, once in some minutes, for whoever watches it."""
    moment = time.monotonic()
    if moment - _alerted.get(campaign.pk, -ALERT_SECONDS) < ALERT_SECONDS:
        return
    _alerted[campaign.pk] = moment
    log.error("campaign_waits", campaign=campaign.domain, status=campaign.status, reason=refusal.message)


def _locked(campaign: Campaign) -> Campaign:
    return Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=campaign.pk)


def _check(campaign: Campaign, to: str, refusal: type[Refusal]) -> None:
    if (campaign.status, to) not in TRANSITIONS:
        raise refusal(f"The campaign is {campaign.get_status_display()}.")


def _move(campaign: Campaign, to: str, *, actor: Viewer, now: datetime, reason: str) -> Campaign:
    old, campaign.status = campaign.status, Status(to)
    campaign.save(update_fields=["status"])
    audit.record(
        actor=actor,
        action=f"campaign.{to}",
        target=campaign,
        campaign_id=campaign.pk,
        changes={"status": [old, to]},
        reason=reason,
        now=now,
    )
    return campaign
