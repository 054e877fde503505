"""Answers that come after a whole number of steps, so that their time tells nothing of what was found on the way.

Statements that write a row more or less differ by tenths of a millisecond, which two thousand samples tell apart. Where
that would give away whether somebody is known, the work is padded to the next step; only the number of steps is left to
be seen, and it is one unless the machine is busy.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep

STEP_SECONDS = 0.02


@contextmanager
def paced(step: float = STEP_SECONDS) -> Iterator[None]:
    """Lets a block, whether it returns or raises, last a whole number of steps of so many seconds."""
    began = monotonic()
    try:
        yield
    finally:
        sleep(step - (monotonic() - began) % step)
