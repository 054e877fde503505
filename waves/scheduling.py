"""The calendar: putting a wave into it, giving it another time, putting its trigger off."""

from collections.abc import Mapping
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F, Max, Q, QuerySet, Value
from django.db.models.functions import Coalesce, NullIf

from campaigns.lifecycle import check_unfinished
from campaigns.models import Campaign
from codes.stock import planned_by
from core import audit
from core.refusal import Refusal
from core.times import BadLocalTime, Reading, date_key, reading_of_key
from viewers.permissions import Action, require
from viewers.viewer import Viewer
from waves.models import MOST_WAVES, Draw, Wave, WavePrep

EARLIEST_YEAR, LATEST_YEAR = 2000, 2999
PENDING = (Wave.Status.SCHEDULED, Wave.Status.PROCESSING)
"""The states of a wave that is still to be triggered."""
TRIGGER_KEY = Coalesce(NullIf(F("trigger_key"), Value("")), F("date_key"))
"""In SQL, the key of a wave's trigger: the one to which it was put off, else its dateKey."""


class CannotSchedule(Refusal):
    """The wave is not made."""

    code = "cannot_schedule"


class CannotChange(Refusal):
    """The wave keeps its time, its name, and who triggers it."""

    code = "cannot_change_wave"


def trigger_key_of(wave: Wave) -> str:
    """The key of a wave's trigger: the one to which it was put off, else its dateKey."""
    return wave.trigger_key or wave.date_key


def trigger_time(wave: Wave) -> Reading:
    """When a wave is to be triggered, and how that local time is read."""
    return reading_of_key(trigger_key_of(wave), wave.campaign.zone)


def schedule_wave(
    *,
    campaign: Campaign,
    local: datetime,
    actor: Viewer,
    now: datetime,
    name: str = "",
    is_second: bool | None = None,
    is_automatic: bool = True,
) -> Wave:
    """Make a wave for a local time in the campaign's reference timezone.

    ``is_second`` says which reading is meant of a time that a DST change repeats. An automatic wave is triggered by the
    clock at its time, once it is prepared and approved where two people must agree; any other by hand alone.

    :raises CannotSchedule: the campaign has no draws, is finished, or has a wave at this time.
    :raises BadLocalTime: there is no such local time, or it comes twice and it was not said which one is meant.
    """
    require(actor, Action.RUN_WAVES, campaign.pk)
    if campaign.type != Campaign.Type.REGISTRATION:
        raise CannotSchedule("A fanlist has no waves.")
    check_unfinished(campaign)
    key = _key(campaign, local, is_second)
    last = Draw.objects.filter(campaign=campaign).aggregate(last=Max("number"))["last"] or 0
    if last >= MOST_WAVES:
        raise CannotSchedule(f"The campaign has committed to {MOST_WAVES} draws, and all are used.")
    try:
        with transaction.atomic():
            _check_free(campaign, key, CannotSchedule)
            wave = Wave.objects.create(
                campaign=campaign, date_key=key, name=name, is_automatic=is_automatic, created_at=now
            )
            changes: dict[str, list[object]] = {"date_key": [None, key], "is_automatic": [None, is_automatic]}
            _record(wave, "schedule", changes, actor, now)
    except IntegrityError as error:
        raise CannotSchedule(f"The campaign has a wave at {key} already.", field="local") from error
    return wave


def retime_wave(*, wave: Wave, local: datetime, actor: Viewer, now: datetime, is_second: bool | None = None) -> Wave:
    """Give a wave another time and with it another dateKey, as long as nothing of it is frozen.

    :raises CannotChange: it is frozen, under way or over; or the campaign has a wave at this time.
    :raises BadLocalTime: there is no such local time, or it comes twice and it was not said which one is meant.
    """
    require(actor, Action.RUN_WAVES, wave.campaign_id)
    try:
        with transaction.atomic():
            wave = _locked(wave)
            if wave.status != Wave.Status.SCHEDULED:
                raise CannotChange(f"The wave is {wave.get_status_display()}: its dateKey stays. Put its trigger off.")
            if Draw.objects.filter(wave=wave).exists():
                raise CannotChange("The wave is frozen: its dateKey stays. Its trigger can still be put off.")
            key = _key(wave.campaign, local, is_second)
            _check_free(wave.campaign, key, CannotChange, but=wave)
            changes: dict[str, list[object]] = {"date_key": [wave.date_key, key]}
            if wave.trigger_key:
                changes["trigger_key"] = [wave.trigger_key, ""]
            wave.date_key, wave.trigger_key = key, ""
            wave.save(update_fields=["date_key", "trigger_key"])
            _record(wave, "retime", changes, actor, now)
    except IntegrityError as error:
        raise CannotChange("The campaign has a wave at this time already.", field="local") from error
    return wave


def put_off(*, wave: Wave, local: datetime, actor: Viewer, now: datetime, is_second: bool | None = None) -> Wave:
    """Have a wave triggered later than planned; its dateKey stays, also after the freeze.

    :raises CannotChange: it was triggered or abandoned; the time is not later; or the campaign has a wave at it.
    :raises BadLocalTime: there is no such local time, or it comes twice and it was not said which one is meant.
    """
    require(actor, Action.RUN_WAVES, wave.campaign_id)
    try:
        with transaction.atomic():
            wave = _locked(wave)
            _check_pending(wave)
            key = _key(wave.campaign, local, is_second)
            later = reading_of_key(key, wave.campaign.zone).instant
            if later <= trigger_time(wave).instant:
                raise CannotChange(
                    "A trigger can only be put off: choose a time later than the present one.", field="local"
                )
            if later <= now:
                raise CannotChange(
                    "This time is past. Trigger the wave by hand, or choose a later time.", field="local"
                )
            _check_free(wave.campaign, key, CannotChange, but=wave)
            old, wave.trigger_key = wave.trigger_key, key
            wave.save(update_fields=["trigger_key"])
            _record(wave, "put_off", {"trigger_key": [old, key]}, actor, now)
    except IntegrityError as error:
        raise CannotChange("The campaign has a wave at this time already.", field="local") from error
    return wave


def change_wave(
    *, wave: Wave, actor: Viewer, now: datetime, name: str | None = None, is_automatic: bool | None = None
) -> Wave:
    """Change a wave's name, or whether the clock triggers it; ``None`` leaves as it is.

    :raises CannotChange: it was triggered or abandoned, and somebody else's hand is asked to trigger it.
    """
    require(actor, Action.RUN_WAVES, wave.campaign_id)
    with transaction.atomic():
        wave = _locked(wave)
        wanted = {"name": name, "is_automatic": is_automatic}
        changes: dict[str, list[object]] = {
            field: [getattr(wave, field), value]
            for field, value in wanted.items()
            if value is not None and value != getattr(wave, field)
        }
        if "is_automatic" in changes:
            _check_pending(wave)
        if changes:
            for field, (_, value) in changes.items():
                setattr(wave, field, value)
            wave.save(update_fields=list(changes))
            _record(wave, "change", changes, actor, now)
    return wave


def _locked(wave: Wave) -> Wave:
    """The wave as it is now. Its campaign is locked first, so that no two waves come to one time."""
    campaign = _locked_campaign(wave.campaign_id)
    check_unfinished(campaign)
    wave = Wave.objects.select_for_update().get(pk=wave.pk)
    wave.campaign = campaign
    return wave


def _locked_campaign(key: int) -> Campaign:
    return Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=key)


def _check_pending(wave: Wave) -> None:
    if wave.status not in PENDING:
        word = "abandoned" if wave.status == Wave.Status.FAILED else wave.get_status_display()
        raise CannotChange(f"The wave is {word}: there is no trigger any more.")


def _key(campaign: Campaign, local: datetime, is_second: bool | None) -> str:
    if not EARLIEST_YEAR <= local.year <= LATEST_YEAR:
        raise BadLocalTime(f"The year lies between {EARLIEST_YEAR} and {LATEST_YEAR}.", field="local")
    return date_key(local=local, zone=campaign.zone, is_second=is_second)


def _check_free(campaign: Campaign, key: str, refusal: type[Refusal], *, but: Wave | None = None) -> None:
    """Refuse a time at which the campaign has a wave: by its dateKey, or because its trigger was put off to it."""
    _locked_campaign(campaign.pk)
    others = Wave.objects.filter(campaign=campaign)
    if but is not None:
        others = others.exclude(pk=but.pk)
    taken = others.filter(Q(date_key=key) | Q(trigger_key=key, status__in=PENDING)).order_by("pk").first()
    if taken is not None:
        words = f"wave {taken.date_key} was put off to this time" if taken.trigger_key == key else ""
        raise refusal(f"The campaign has a wave at {key} already{': ' if words else ''}{words}.", field="local")


def _record(wave: Wave, verb: str, changes: dict[str, list[object]], actor: Viewer, now: datetime) -> None:
    audit.record(
        actor=actor, action=f"wave.{verb}", target=wave, campaign_id=wave.campaign_id, changes=changes, now=now
    )


def pending_waves() -> "QuerySet[Wave]":
    """The waves that are still to be triggered, of campaigns that are not finished, with what tells what they lack."""
    waves = Wave.objects.filter(status__in=PENDING).exclude(campaign__status=Campaign.Status.FINISHED)
    return waves.select_related("campaign", "prep", "draw").defer("draw__rules", "draw__voided")


@planned_by
def places_asked_for(campaign: Campaign) -> Mapping[str, int]:
    """The places that waves to come ask for, by market, where an operator has limited them already."""
    places: dict[str, int] = {}
    waiting = WavePrep.objects.filter(wave__campaign=campaign, wave__status=Wave.Status.SCHEDULED)
    for limits in waiting.values_list("limits", flat=True):
        for code, limit in limits.items():
            places[code] = places.get(code, 0) + limit
    return places
