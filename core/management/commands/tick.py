"""``manage.py tick``: run the clock until stopped."""

import signal
import threading
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection
from django.utils import timezone

from core.tick import call, functions, tick


class Command(BaseCommand):
    """Opens and closes campaigns, gives back stale jobs, sends what waits: once a second, until a signal."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the pause and the number of rounds."""
        parser.add_argument("--every", type=float, default=1.0, help="seconds between two ticks")
        parser.add_argument("--once", action="store_true", help="tick once and end")

    def handle(self, *args: Any, every: float, once: bool, **options: Any) -> None:
        """Tick."""
        if once:
            tick(timezone.now())
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        threads = [threading.Thread(target=self._repeat, args=(function, every, stop)) for function in functions()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _repeat(self, function: Callable[[datetime], int], every: float, stop: threading.Event) -> None:
        """Call one function again and again. Each has a thread: a slow mail server must not hold up a closing.

        Between two calls its connection is in the pool for the others, so that the pool may be smaller than the list of
        functions.
        """
        while not stop.is_set():
            call(function, timezone.now())
            connection.close()
            stop.wait(every)
