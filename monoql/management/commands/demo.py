"""``manage.py demo``: fill an empty development machine with a tour, its fans, and a wave that was sent."""

import logging
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.refusal import Refusal
from monoql.demo import build, plan
from monoql.demo.reset import reset_demo

FANS = 20_000
SEED = 2027


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep back a logger's lines about single mails and jobs, which would hide the few that tell how far it is."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


class Command(BaseCommand):
    """Builds the demo once; again, it says that it is there and changes nothing."""

    help = "Build the demo: an invented tour with three campaigns, invented fans, codes and a finished wave."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the number of fans, the seed, and whether to begin anew."""
        parser.add_argument("--fans", type=int, default=FANS, help=f"how many fans in all ({FANS})")
        parser.add_argument("--seed", type=int, default=SEED, help=f"the same seed gives the same fans ({SEED})")
        parser.add_argument("--reset-demo", action="store_true", help="take the demo away first and build it anew")

    def handle(self, *args: Any, fans: int, seed: int, reset_demo: bool, **options: Any) -> None:
        """Build, or say why not."""
        if fans < plan.LEAST_FANS:
            raise CommandError(f"The demo needs at least {plan.LEAST_FANS} fans.")
        if not 0 <= seed < 2**64:
            raise CommandError("A seed is a whole number from 0 to 2**64 - 1.")
        if build.is_whole() and not reset_demo:
            self._say("The demo is there already; nothing was changed. With --reset-demo it is built anew.")
            return
        try:
            with _quiet("core"):
                self._take_away()
                self._say(f"Building the demo: {fans:,} fans, seed {seed}")
                build.build_demo(build.Order(count=fans, seed=seed, now=timezone.now(), say=self._say))
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        self._say(f"The demo is ready. Sign in to the admin as {build.USERNAME} with the password {build.PASSWORD}.")

    def _take_away(self) -> None:
        if build.is_begun():
            whole = build.is_whole()
            count = reset_demo()
            self._say(f"Took {count} campaigns of {'the' if whole else 'an unfinished'} demo away.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
