"""How a person or a service manager asks ``make run`` to stop."""

import signal
import time
from collections.abc import Callable
from types import FrameType


class StopRequested(BaseException):
    """Somebody pressed Ctrl-C or asked for our end in another way. No error, so nothing may swallow it."""


class Stopper:
    """Turns the first request to stop into ``StopRequested``, and a second Ctrl-C into impatience."""

    def __init__(self) -> None:
        self.asked_at = 0.0
        self.impatient: Callable[[], None] = lambda: None

    def install(self) -> None:
        """Listen to Ctrl-C, to ``kill``, and to a closed terminal."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._handle)

    def is_stopping(self) -> None:
        """From here on the stop is under way, so a request for it changes nothing any more."""
        self.asked_at = self.asked_at or time.monotonic()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self.asked_at:
            self.asked_at = time.monotonic()
            raise StopRequested
        # make passes a SIGTERM on, so the same request may come twice; only a later Ctrl-C is a second one.
        if number == signal.SIGINT and time.monotonic() - self.asked_at > 1:
            self.impatient()
