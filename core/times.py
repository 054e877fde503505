"""Times as text and back, without a guess at a DST change."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from core.refusal import Refusal


class BadLocalTime(Refusal):
    """The local time does not exist in its zone, or exists twice and the reading was not said."""

    code = "bad_local_time"
    status = 400


def utc_text(instant: datetime) -> str:
    """An instant as ``YYYY-MM-DDTHH:MM:SSZ``."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def date_key(*, local: datetime, zone: ZoneInfo, is_second: bool = False) -> str:
    """The name of a local minute: ``YYYY-MM-DDTHH:MM``, with ``b`` behind the second of a repeated time.

    :raises BadLocalTime: a DST change skips this time, or it does not repeat though its second reading is asked for.
    """
    instant_of(local=local, zone=zone, is_second=is_second)
    return f"{local:%Y-%m-%dT%H:%M}{'b' if is_second else ''}"


def instant_of(*, local: datetime, zone: ZoneInfo, is_second: bool = False) -> datetime:
    """The instant of a local time, in UTC; ``is_second`` picks the later one of a repeated time.

    :raises BadLocalTime: as above; the message names the neighbours that exist.
    """
    first = local.replace(tzinfo=zone, fold=0)
    second = local.replace(tzinfo=zone, fold=1)
    if _round_trip(first, zone) != first.replace(tzinfo=None):
        raise BadLocalTime(
            f"{local:%Y-%m-%d %H:%M} does not exist in {zone.key}: the clocks go forward then. "
            f"Take {_round_trip(second, zone):%H:%M} or {_round_trip(first, zone):%H:%M}."
        )
    if is_second and first.utcoffset() == second.utcoffset():
        raise BadLocalTime(f"{local:%Y-%m-%d %H:%M} exists only once in {zone.key}.")
    return (second if is_second else first).astimezone(UTC)


def _round_trip(local: datetime, zone: ZoneInfo) -> datetime:
    return local.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0)


def instant_of_key(key: str, zone: ZoneInfo) -> datetime:
    """The instant that a ``date_key`` names, in UTC."""
    local = datetime.strptime(key[:16], "%Y-%m-%dT%H:%M")  # noqa: DTZ007  The zone is given beside it.
    return instant_of(local=local, zone=zone, is_second=key.endswith("b"))
