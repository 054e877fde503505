"""When a wave is, and who triggers it, in the operator's words."""

from datetime import datetime

from core.admin_times import until, zoned
from core.times import reading_of_key
from waves.clock import Standing
from waves.models import Wave
from waves.scheduling import trigger_time


def key_text(wave: Wave, key: str) -> str:
    """A dateKey of a wave as a moment; which reading is meant where the clocks change over it."""
    reading = reading_of_key(key, wave.campaign.zone)
    text = zoned(reading.instant, wave.campaign.zone)
    return f"{text}: {reading.words}" if reading.words else text


def planned_text(wave: Wave) -> str:
    """When a wave is to be, on the campaign's clock, and to when its trigger was put off."""
    text = key_text(wave, wave.date_key)
    return f"{text}, put off to {key_text(wave, wave.trigger_key)}" if wave.trigger_key else text


def when_text(wave: Wave) -> str:
    """When a wave is to be triggered, on the campaign's clock."""
    return key_text(wave, wave.trigger_key or wave.date_key)


def clock_text(wave: Wave, standing: Standing, now: datetime) -> str:
    """What happens at a wave's time by itself, in a sentence; empty where it is triggered or over."""
    if standing.is_overdue:
        return _overdue_text(wave, standing, now)
    if wave.status not in (Wave.Status.SCHEDULED, Wave.Status.PROCESSING):
        return ""
    when = until(standing.reading.instant, now)
    if not wave.is_automatic:
        return f"Its time comes {when}. It is triggered by hand: at its time nothing happens by itself."
    if not standing.waits_for:
        return f"The clock triggers it {when}. Nothing more is needed."
    return f"The clock triggers it {when}, if it has by then what it still lacks: {', '.join(standing.waits_for)}."


def _overdue_text(wave: Wave, standing: Standing, now: datetime) -> str:
    passed = f"Its time passed {until(standing.reading.instant, now)}"
    if not standing.waits_for:
        return f"{passed}. It is triggered within seconds."
    lacks = ", ".join(standing.waits_for)
    if not wave.is_automatic:
        return f"{passed}, and it waits for {lacks}."
    return f"{passed}, and it waits for {lacks}. As soon as that is there, it is triggered at once."


def passed_warning(wave: Wave, now: datetime, *, what: str) -> list[str]:
    """What to think of before giving an overdue wave what it waits for: the clock triggers it at once."""
    passed = trigger_time(wave).instant
    if not wave.is_automatic or passed > now:
        return []
    return [f"Its time passed {until(passed, now)}: the clock triggers it at once {what}."]
