"""Putting a wave into the calendar."""

from collections.abc import Mapping
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Max

from campaigns.models import Campaign
from codes.stock import planned_by
from core import audit
from core.refusal import Refusal
from core.times import date_key
from viewers.permissions import Action, require
from viewers.viewer import Viewer
from waves.models import MOST_WAVES, Draw, Wave, WavePrep


class CannotSchedule(Refusal):
    """The wave is not made."""

    code = "cannot_schedule"


def schedule_wave(
    *, campaign: Campaign, local: datetime, actor: Viewer, now: datetime, name: str = "", is_second: bool = False
) -> Wave:
    """Make a wave for a local time in the campaign's reference timezone.

    ``is_second`` picks the later reading of a time that a DST change repeats.

    :raises CannotSchedule: the campaign has no draws, or a wave at this time.
    :raises BadLocalTime: there is no such local time.
    """
    require(actor, Action.RUN_WAVES, campaign.pk)
    if campaign.type != Campaign.Type.REGISTRATION:
        raise CannotSchedule("A fanlist has no waves.")
    key = date_key(local=local, zone=campaign.zone, is_second=is_second)
    last = Draw.objects.filter(campaign=campaign).aggregate(last=Max("number"))["last"] or 0
    if last >= MOST_WAVES:
        raise CannotSchedule(f"The campaign has committed to {MOST_WAVES} draws, and all are used.")
    try:
        with transaction.atomic():
            wave = Wave.objects.create(campaign=campaign, date_key=key, name=name, created_at=now)
            audit.record(
                actor=actor,
                action="wave.schedule",
                target=wave,
                campaign_id=campaign.pk,
                changes={"date_key": [None, key]},
                now=now,
            )
    except IntegrityError as error:
        raise CannotSchedule(f"The campaign has a wave at {key} already.", field="local") from error
    return wave


@planned_by
def places_asked_for(campaign: Campaign) -> Mapping[str, int]:
    """The places that waves to come ask for, by market, where an operator has limited them already."""
    places: dict[str, int] = {}
    waiting = WavePrep.objects.filter(wave__campaign=campaign, wave__status=Wave.Status.SCHEDULED)
    for limits in waiting.values_list("limits", flat=True):
        for code, limit in limits.items():
            places[code] = places.get(code, 0) + limit
    return places
