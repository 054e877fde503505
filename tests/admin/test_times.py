"""Times on staff pages: written with their zone, read without a guess."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.admin_times import LocalTime, is_repeated, local_time, span, until, zoned
from core.times import BadLocalTime

LOS_ANGELES = ZoneInfo("America/Los_Angeles")


def test_a_time_stands_with_its_zone_and_beside_utc() -> None:
    same_day = zoned(datetime(2027, 2, 12, 20, 0, tzinfo=UTC), LOS_ANGELES)
    next_day = zoned(datetime(2027, 2, 13, 2, 0, tzinfo=UTC), LOS_ANGELES)

    assert same_day == "Fri 12 Feb 2027 12:00 America/Los_Angeles (20:00 UTC)"
    assert next_day == "Fri 12 Feb 2027 18:00 America/Los_Angeles (13 Feb 02:00 UTC)"
    assert zoned(datetime(2027, 2, 13, 2, 0, tzinfo=UTC), ZoneInfo("UTC")) == "Sat 13 Feb 2027 02:00 UTC"


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(days=2, hours=4, minutes=59), "2 d 4 h"),
        (timedelta(days=3, minutes=5), "3 d"),
        (timedelta(hours=3, minutes=12), "3 h 12 min"),
        (timedelta(minutes=12, seconds=30), "12 min"),
        (timedelta(seconds=45), "45 s"),
        (timedelta(0), "0 s"),
    ],
)
def test_a_length_of_time_is_told_in_its_largest_units(length: timedelta, text: str) -> None:
    assert span(length) == text


def test_what_is_past_is_told_as_past() -> None:
    now = datetime(2027, 1, 1, tzinfo=UTC)

    assert until(now + timedelta(hours=1), now) == "in 1 h"
    assert until(now - timedelta(hours=1), now) == "1 h ago"


def test_a_repeated_time_asks_which_of_the_two() -> None:
    twice = datetime(2026, 11, 1, 1, 30)

    assert is_repeated(twice, LOS_ANGELES)
    with pytest.raises(BadLocalTime, match="comes twice"):
        LocalTime(twice).instant(LOS_ANGELES)
    assert LocalTime(twice, "first").instant(LOS_ANGELES) == datetime(2026, 11, 1, 8, 30, tzinfo=UTC)
    assert LocalTime(twice, "second").instant(LOS_ANGELES) == datetime(2026, 11, 1, 9, 30, tzinfo=UTC)


def test_an_instant_in_a_repeated_hour_keeps_its_reading() -> None:
    for instant in (datetime(2026, 11, 1, 8, 30, tzinfo=UTC), datetime(2026, 11, 1, 9, 30, tzinfo=UTC)):
        assert local_time(instant, LOS_ANGELES).instant(LOS_ANGELES) == instant
