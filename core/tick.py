"""The periodic tick: what the clock does, a second at a time, on any number of machines at once.

Each room registers functions that claim what is due; two ticks at the same moment do everything once.
"""

from collections.abc import Callable
from datetime import datetime

import structlog
from django.db import connection

from core import jobs
from core.error_texts import describe

log = structlog.get_logger(__name__)
_functions: list[Callable[[datetime], int]] = []


def every_tick[F: Callable[[datetime], int]](function: F) -> F:
    """Have a function called at each tick with the present time. It must be safe to run twice at once."""
    _functions.append(function)
    return function


def give_back_stale(now: datetime) -> int:
    """Give back the jobs of dead workers; comes last, so that what the others queued is hinted at once."""
    return jobs.give_back_stale()


def functions() -> list[Callable[[datetime], int]]:
    """Everything that a tick calls, in order."""
    return [*_functions, give_back_stale]


def call(function: Callable[[datetime], int], now: datetime) -> None:
    """Call one function. What it raises is logged and does not end the clock."""
    try:
        function(now)
    except Exception as error:
        log.error("tick_failed", function=function.__name__, error=describe(error))
        connection.close()


def tick(now: datetime) -> None:
    """Call every function once."""
    for function in functions():
        call(function, now)
