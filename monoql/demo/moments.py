"""When fans register: a rush as the doors open, days and nights, and a rush on the last day."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

STEP = timedelta(minutes=10)
_STEP_MICROSECONDS = STEP // timedelta(microseconds=1)

# How willing people are to sit down and register, by the hour of their own day.
_WILLING_BY_HOUR = np.array(
    [12, 7, 4, 3, 3, 4, 8, 18, 32, 40, 45, 50, 62, 55, 48, 47, 52, 62, 78, 92, 100, 90, 62, 30],
    dtype=np.float64,
)


@dataclass(frozen=True, slots=True)
class Period:
    """The time in which a campaign takes registrations; those after ``until`` have not come yet."""

    open_at: datetime
    close_at: datetime
    until: datetime

    def __post_init__(self) -> None:
        """:raises ValueError: the times are not in order, or less than one step apart."""
        if not self.open_at + STEP <= self.until <= self.close_at:
            raise ValueError("A period opens at least ten minutes before its last moment, which is not past its close.")


@cache
def _growth(period: Period, timezone: str) -> Floats:
    """The share of a timezone's registrations that have come by the end of each step."""
    steps = -((period.open_at - period.until) // STEP)
    starts = np.arange(steps) * (STEP / timedelta(hours=1))
    length = (period.close_at - period.open_at) / timedelta(hours=1)
    zone = ZoneInfo(timezone)
    first = period.open_at.astimezone(UTC)
    local_hours = [(first + number * STEP).astimezone(zone).hour for number in range(steps)]
    day_and_night = 0.15 + _WILLING_BY_HOUR[local_hours] / 100
    launch = 34 * np.exp(-starts / 0.7) + 3.5 * np.exp(-starts / 14)
    last_day = 4.5 * np.exp(-np.maximum(length - starts, 0) / 9)
    # The rush of the first hours wakes people up: there the night counts for less.
    weights = day_and_night * (0.6 + last_day) + launch * (0.25 + 0.75 * day_and_night)
    growth = np.cumsum(weights)
    shares: Floats = growth / growth[-1]
    return shares


def registration_offsets(*, period: Period, timezone: str, shares: Floats) -> Integers:
    """Give the microseconds after the opening at which these shares of a timezone's fans have registered.

    A share is 0 up to but not 1; a larger one never comes earlier.
    """
    growth = _growth(period, timezone)
    step = np.minimum(np.searchsorted(growth, shares, side="right"), len(growth) - 1)
    before = np.where(step > 0, growth[step - 1], 0.0)
    within = (shares - before) / (growth[step] - before)
    offsets = ((step + within) * _STEP_MICROSECONDS).astype(np.int64)
    last = (period.until - period.open_at) // timedelta(microseconds=1) - 1
    clipped: Integers = np.clip(offsets, 0, last)
    return clipped
