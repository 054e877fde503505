"""The clock's part in a wave: it triggers what is due, and says what a wave lacks whose time has come.

A wave that lacks something at its time waits; as soon as it lacks nothing any more, the next tick triggers it.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from core.error_texts import describe
from core.refusal import Refusal
from core.tick import every_tick
from core.times import Reading
from viewers.models import Approval
from viewers.viewer import CLOCK
from waves.models import Wave, WavePrep
from waves.scheduling import PENDING, TRIGGER_KEY, pending_waves, trigger_key_of, trigger_time
from waves.selection import RELEASE, trigger, what_is_released

log = structlog.get_logger(__name__)
ALERT_SECONDS = 300.0
_alerted: dict[int, float] = {}
MOST_AHEAD = timedelta(days=2)
"""How far a zone's wall clock may be ahead of UTC, with room for a day that a zone skips."""

_PREPARATIONS: Mapping[str, str] = {
    WavePrep.Status.QUEUED: "its preparation, which is under way",
    WavePrep.Status.RUNNING: "its preparation, which is under way",
    WavePrep.Status.WAITING: "its public value",
    WavePrep.Status.FAILED: "its preparation, which failed",
    WavePrep.Status.CANCELLED: "its preparation, which was cancelled",
}


@dataclass(frozen=True)
class Standing:
    """How a wave stands to its time."""

    reading: Reading
    is_overdue: bool
    """Whether its time has come and it is still to be triggered."""
    is_released: bool
    """Whether two people have let the clock trigger what is prepared."""
    waits_for: tuple[str, ...]
    """What it lacks, in the operator's words; nothing where the clock triggers it by itself."""


def standing_of(wave: Wave, now: datetime) -> Standing:
    """How a wave stands to its time."""
    return standings([wave], now)[wave.pk]


def standings(waves: Iterable[Wave], now: datetime) -> dict[int, Standing]:
    """The same for several, by their keys, in at most one query where campaign, preparation and draw were selected."""
    found = list(waves)
    released = _released(found)
    standings = {}
    for wave in found:
        reading = trigger_time(wave)
        is_pending = wave.status in PENDING and wave.campaign.status != wave.campaign.Status.FINISHED
        standings[wave.pk] = Standing(
            reading=reading,
            is_overdue=is_pending and reading.instant <= now,
            is_released=wave.pk in released,
            waits_for=_lacking(wave, is_released=wave.pk in released) if is_pending else (),
        )
    return standings


def _lacking(wave: Wave, *, is_released: bool) -> tuple[str, ...]:
    prep = getattr(wave, "prep", None)
    if prep is None:
        return ("its preparation",)
    if wave.status != Wave.Status.PROCESSING or prep.status != WavePrep.Status.FINISHED:
        return (_PREPARATIONS.get(prep.status, "its preparation"),)
    if not wave.is_automatic:
        return ("somebody who triggers it by hand",)
    if wave.campaign.needs_second_person and not is_released:
        return ("a second person",)
    return ()


def _released(waves: Iterable[Wave]) -> dict[int, Approval]:
    """The approvals that let the clock trigger these waves as they are now, in one query."""
    asked = {
        str(wave.pk): wave
        for wave in waves
        if wave.is_automatic
        and wave.campaign.needs_second_person
        and wave.status == Wave.Status.PROCESSING
        and getattr(wave, "draw", None) is not None
    }
    if not asked:
        return {}
    given = Approval.objects.filter(deed=RELEASE, target_id__in=asked, status=Approval.Status.APPROVED)
    return {
        asked[approval.target_id].pk: approval
        for approval in given.order_by("pk")
        if approval.parameters == what_is_released(asked[approval.target_id])
    }


@every_tick
def trigger_due(now: datetime) -> int:
    """Trigger every automatic wave that is due and lacks nothing, once, and return how many."""
    latest = (now + MOST_AHEAD).strftime("%Y-%m-%dT%H:%M")
    near = pending_waves().filter(is_automatic=True).alias(key=TRIGGER_KEY).filter(key__lte=latest)
    due = [wave for wave in near.order_by("date_key", "pk") if trigger_time(wave).instant <= now]
    found = standings(due, now)
    count = 0
    for wave in due:
        if found[wave.pk].waits_for:
            _alert(wave, found[wave.pk].waits_for)
            continue
        try:
            count += _trigger_if_due(wave, now)
        except Refusal as refusal:
            _alert(wave, (refusal.message,))
        except Exception as error:
            # Nothing that is wrong with one wave keeps the others from their time.
            log.error("wave_stumbled", wave=wave.pk, error=describe(error))
    return count


def _trigger_if_due(wave: Wave, now: datetime) -> bool:
    """Trigger one wave, unless another tick has it or somebody has just put it off or taken it from the clock."""
    with transaction.atomic():
        rows = Wave.objects.select_for_update(of=("self",), skip_locked=True).select_related("campaign", "draw")
        mine = rows.filter(pk=wave.pk, is_automatic=True, status=Wave.Status.PROCESSING).first()
        if mine is None or trigger_time(mine).instant > now:
            return False
        trigger(wave=mine, actor=CLOCK, now=now, approval=_released([mine]).get(mine.pk))
    return True


def _alert(wave: Wave, lacks: tuple[str, ...]) -> None:
    """Write in the log that a wave's time has passed, once in some minutes, for whoever watches it."""
    moment = time.monotonic()
    if moment - _alerted.get(wave.pk, -ALERT_SECONDS) < ALERT_SECONDS:
        return
    _alerted[wave.pk] = moment
    log.error("wave_waits", campaign=wave.campaign.domain, wave=trigger_key_of(wave), waits_for=", ".join(lacks))
