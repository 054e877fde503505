"""Times as text and back, without a guess at a DST change."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from core.refusal import Refusal


class BadLocalTime(Refusal):
    """The local time does not exist in its zone, or exists twice and the reading was not said."""

    code = "bad_local_time"
    status = 400


def utc_text(instant: datetime) -> str:
    """An instant as ``YYYY-MM-DDTHH:MM:SSZ``."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def date_key(*, local: datetime, zone: ZoneInfo, is_second: bool | None = None) -> str:
    """The name of a local minute: ``YYYY-MM-DDTHH:MM``, with ``b`` behind the second of a repeated time.

    :raises BadLocalTime: a DST change skips this time; or repeats it, and it was not said which one is meant; or it
        does not repeat though its second reading is asked for.
    """
    instant_of(local=local, zone=zone, is_second=is_second)
    return f"{local:%Y-%m-%dT%H:%M}{'b' if is_second else ''}"


def is_repeated(local: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks go back over this local time, so that it comes twice."""
    first, second = local.replace(tzinfo=zone, fold=0), local.replace(tzinfo=zone, fold=1)
    return first.astimezone(UTC) < second.astimezone(UTC)


def instant_of(*, local: datetime, zone: ZoneInfo, is_second: bool | None = None) -> datetime:
    """The instant of a local time, in UTC; ``is_second`` says which one of a repeated time is meant.

    :raises BadLocalTime: as above; the message names the neighbours that exist.
    """
    first = local.replace(tzinfo=zone, fold=0)
    second = local.replace(tzinfo=zone, fold=1)
    if _round_trip(first, zone) != first.replace(tzinfo=None):
        raise BadLocalTime(
            f"{local:%Y-%m-%d %H:%M} does not exist in {zone.key}: the clocks go forward then. "
            f"Take {_round_trip(second, zone):%H:%M} or {_round_trip(first, zone):%H:%M}."
        )
    if is_second is None and is_repeated(local, zone):
        raise BadLocalTime(
            f"{local:%H:%M} comes twice on this day in {zone.key}: the clocks go back then. Say which one.",
            field="is_second",
        )
    if is_second and not is_repeated(local, zone):
        raise BadLocalTime(f"{local:%Y-%m-%d %H:%M} exists only once in {zone.key}.")
    return (second if is_second else first).astimezone(UTC)


def _round_trip(local: datetime, zone: ZoneInfo) -> datetime:
    return local.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0)


def instant_of_key(key: str, zone: ZoneInfo) -> datetime:
    """The instant that a stored ``date_key`` names, in UTC, whatever has become of the zone's rules since."""
    return reading_of_key(key, zone).instant


@dataclass(frozen=True)
class Reading:
    """How a stored ``date_key`` is read today.

    ``kind`` is empty for a time that comes once, ``first`` or ``second`` for one that a clock change repeats, and
    ``skipped`` for one over which the clocks jump by rules that are newer than the key.
    """

    instant: datetime
    kind: str
    clock: str
    """The minute on the wall clock, as ``01:30``."""

    @property
    def words(self) -> str:
        """Which reading is meant, for the operator; empty where there is only one."""
        utc = f"{self.instant:%H:%M} UTC"
        return {
            "first": f"the first {self.clock}, before the clocks go back, {utc}",
            "second": f"the second {self.clock}, after the clocks went back, {utc}",
            "skipped": f"{self.clock} no longer exists on this day: the clocks jump over it at {utc}, which counts",
        }.get(self.kind, "")


def reading_of_key(key: str, zone: ZoneInfo) -> Reading:
    """Read a stored ``date_key``; it never fails, since whatever is due at it must still happen exactly once.

    Rules of zones change after keys are stored. Of a time that they skip now, the moment counts at which the clocks
    jump over it; the second of a time that they repeat no more is the time itself.
    """
    local = datetime.strptime(key[:16], "%Y-%m-%dT%H:%M")  # noqa: DTZ007  The zone is given beside it.
    clock = f"{local:%H:%M}"
    first = local.replace(tzinfo=zone, fold=0)
    second = local.replace(tzinfo=zone, fold=1)
    if _round_trip(first, zone) != local:
        return Reading(_jump_between(second.astimezone(UTC), first.astimezone(UTC), zone), "skipped", clock)
    if first.utcoffset() == second.utcoffset():
        return Reading(first.astimezone(UTC), "", clock)
    is_second = key.endswith("b")
    return Reading((second if is_second else first).astimezone(UTC), "second" if is_second else "first", clock)


def _jump_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first second of the new offset; the zone's clocks change once between these two instants."""
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after


def changes_near(instant: datetime, zone: ZoneInfo, *, within: timedelta) -> bool:
    """Whether the zone's clocks change within so much of an instant, before or after it."""
    offsets = {moment.astimezone(zone).utcoffset() for moment in (instant - within, instant, instant + within)}
    return len(offsets) > 1
