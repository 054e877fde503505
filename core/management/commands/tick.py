"""``manage.py tick``: run the clock until stopped."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from core.tick import tick


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
        while not stop.is_set():
            tick(timezone.now())
            stop.wait(every)
