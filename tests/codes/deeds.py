"""What people do to codes, each with what must follow from it in the model."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from codes import holding
from codes.generating import start_generating
from codes.models import Assignment, Code, Hold, Upload
from codes.redemptions import Redeemed, Reported, redeem
from codes.undoing import undo_upload
from codes.upload import pool_for, start_upload
from core import jobs
from entries.models import Entry
from tests import scenario
from tests.codes.stock_model import POOL_SPAN, NotPossible, Stock
from tests.scenario import SUPREME, make_wave
from waves import by_hand, preparation, selection
from waves.models import Wave, WavePrep

FANS = 12
VALUES = 70
"""Files draw from so few codes, so that they meet again and again."""
AT_THE_SAME_MOMENT = re.compile("at the same moment|has just replaced")
_numbers = count(1)
Step = Callable[[Stock], Any]


class Mismatch(AssertionError):
    """What the product did is not what the model does."""


def same(name: str, found: object, expected: object) -> None:
    """Refuse a difference, and say where."""
    if found != expected:
        raise Mismatch(f"{name}: the product says {found}, the model {expected}")


@dataclass
class Deed:
    """Something that somebody does: the call, what the model must refuse with it, and what follows in the model."""

    name: str
    do: Callable[[], Any]
    ask: Step
    follow: Callable[[Any], list[Step]]

    def steps(self, result: Any, *, is_alone: bool = True) -> list[Step]:
        """What the model does after it, one transaction a step; a refusal must be the model's too.

        Of two at once, one may also be refused because of the other, whatever the model says.
        """
        if not isinstance(result, Exception):
            return self.follow(result)
        if not is_alone and AT_THE_SAME_MOMENT.search(str(result)):
            return []

        def must_not_be_possible(stock: Stock) -> None:
            try:
                self.ask(stock.copy())
            except NotPossible:
                return
            raise Mismatch(f"{self.name} was refused: {result}")

        return [must_not_be_possible]


def simple(name: str, do: Callable[[], Any], step: Step) -> Deed:
    """A deed of one transaction whose result says nothing that the model needs."""
    return Deed(name, do, step, lambda _: [step])


class Scene:
    """One campaign with three pools and twelve fans, and what the model knows of it."""

    def __init__(self) -> None:
        now = timezone.now()
        self.campaign = scenario.open_tour(domain=f"machine-{next(_numbers)}")
        scenario.many_fans(self.campaign, FANS)
        markets = {market.code: market for market in self.campaign.markets.all()}
        events = [None, *markets["AZ-PHX"].events.order_by("number")]
        self.pools = [
            pool_for(market=markets["AZ-PHX" if event else "CA-LAX"], event=event, actor=SUPREME, now=now)
            for event in events
        ]
        self.entries = list(Entry.objects.filter(campaign=self.campaign).order_by("pk"))
        self.stock = Stock(last={pool.pk: 0 for pool in self.pools})
        self.waves = 0

    # What can be done. Two numbers choose what it is done to; None where there is nothing yet.

    def upload(self, one: int, other: int) -> Deed:
        """A file of some of the few codes that there are, for one of the pools."""
        pool = self.pools[one % len(self.pools)]
        values = sorted({f"CODE-{(other * 5 + number) % VALUES:03d}" for number in range(1 + one % 9)})
        data = "\n".join(values).encode()

        def do() -> Upload:
            file = io.BytesIO(data)
            job = start_upload(
                pool=pool, file=file, file_name="codes.csv", size=len(data), actor=SUPREME, now=timezone.now()
            )
            jobs.run("codes.upload", str(job.pk))
            job = Upload.objects.get(pk=job.pk)
            assert job.status == "finished", job.error
            return job

        def follow(job: Upload) -> list[Step]:
            def step(stock: Stock) -> None:
                counts = stock.upload(str(job.pk), pool.pk, values)
                same("upload", (job.added, job.already_there, job.refused), counts)

            return [step]

        return Deed("upload", do, lambda stock: None, follow)

    def generate(self, one: int, other: int) -> Deed:
        """Some codes that are made here."""
        pool, wanted = self.pools[one % len(self.pools)], 1 + other % 4

        def do() -> tuple[str, list[str]]:
            job = start_generating(pool=pool, count=wanted, length=8, actor=SUPREME, now=timezone.now())
            jobs.run("codes.upload", str(job.pk))
            job = Upload.objects.get(pk=job.pk)
            assert (job.status, job.added) == ("finished", wanted), job.error
            part = job.ranges.get()
            made = Code.objects.filter(pk__gte=part.first, pk__lte=part.last).values_list("value", flat=True)
            return str(job.pk), list(made)

        def follow(made: tuple[str, list[str]]) -> list[Step]:
            def step(stock: Stock) -> None:
                same("generate", (wanted, 0, 0), stock.upload(made[0], pool.pk, made[1]))

            return [step]

        return Deed("generate", do, lambda stock: None, follow)

    def keep_back(self, one: int, other: int) -> Deed:
        """A part of one pool or of two."""
        parts = {self.pools[one % 3].pk: 1 + other % 3}
        if other % 2:
            parts[self.pools[(one + 1) % 3].pk] = one % 3

        def do() -> Hold:
            return holding.keep_back(
                campaign=self.campaign,
                code_type="presale",
                purpose="the band",
                parts=parts,
                expires_at=timezone.now() + timedelta(days=1),
                actor=SUPREME,
                now=timezone.now(),
            )

        return Deed(
            "keep back",
            do,
            lambda stock: stock.hold(-1, "reserve", parts),
            lambda hold: [lambda stock: stock.hold(hold.pk, "reserve", parts)],
        )

    def give_back(self, one: int, other: int) -> Deed | None:
        """Codes that are or were kept back."""
        found = [key for key, hold in self.stock.holds.items() if hold.kind == "reserve"]
        if not found:
            return None
        hold = Hold.objects.get(pk=found[-1 - one % len(found)])
        return simple(
            "give back",
            lambda: holding.give_back(hold=hold, actor=SUPREME, now=timezone.now()),
            lambda stock: stock.release(hold.pk),
        )

    def expire(self, one: int, other: int) -> Deed:
        """Two days pass for whatever is kept back."""

        def step(stock: Stock) -> None:
            for hold in stock.held_for("reserve"):
                stock.release(hold)

        def do() -> int:
            return holding.release_expired(timezone.now() + timedelta(days=2))

        return Deed("expire", do, lambda stock: None, lambda _: [step])

    def prepare(self, one: int, other: int) -> Deed:
        """A wave, from the hold to its assignments; one number limits its places."""
        self.waves += 1
        wave = make_wave(self.campaign, local=datetime(2027, 1, 1, 10, 0) + timedelta(days=self.waves))
        limits = {"CA-LAX": one % 6, "AZ-PHX": other % 5}

        def do() -> tuple[int, dict[int, list[int]]]:
            options = preparation.Options(limits=limits, reassign=bool(one % 2))
            prep = preparation.start_preparation(wave=wave, options=options, actor=SUPREME, now=timezone.now())
            jobs.run("waves.waveprep", str(prep.pk))
            prep = WavePrep.objects.get(pk=prep.pk)
            assert prep.status == "finished", prep.error
            placed: dict[int, list[int]] = {}
            for row in Assignment.objects.filter(hold=prep.hold).order_by("market", "position"):
                placed.setdefault(row.code_id // POOL_SPAN, []).append(row.entry_id)
            return prep.hold_id or 0, placed

        def follow(result: tuple[int, dict[int, list[int]]]) -> list[Step]:
            hold, placed = result
            return [lambda stock: stock.hold(hold, "wave", None), lambda stock: stock.place(hold, placed)]

        return Deed("prepare", do, lambda stock: stock.hold(-1, "wave", None), follow)

    def trigger(self, one: int, other: int) -> Deed | None:
        """The wave that was prepared last."""
        wave = self._last_wave()
        if wave is None:
            return None
        hold = wave.prep.hold_id or 0

        def do() -> None:
            selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
            jobs.run("waves.selection", str(wave.selection.pk))

        return Deed("trigger", do, lambda stock: stock.assign(hold), lambda _: [lambda stock: stock.assign(hold)])

    def abandon(self, one: int, other: int) -> Deed | None:
        """The wave that was prepared last."""
        wave = self._last_wave()
        if wave is None:
            return None
        hold = wave.prep.hold_id or 0
        return simple(
            "abandon",
            lambda: preparation.abandon(wave=wave, reason="Wrong limits.", actor=SUPREME, now=timezone.now()),
            lambda stock: stock.release(hold),
        )

    def _last_wave(self) -> Wave | None:
        waves = Wave.objects.filter(campaign=self.campaign, prep__hold__isnull=False)
        return waves.select_related("prep").order_by("-pk").first()

    def block(self, one: int, other: int) -> Deed | None:
        """A fan who waits for her code; not everybody, or nobody would be left."""
        found = sorted(entry for entry, hold in self.stock.given if self.stock.holds[hold].status == "held")
        if not found or len(self.stock.blocked) > 3:
            return None
        entry = found[one % len(found)]
        return Deed(
            "block",
            lambda: Entry.objects.filter(pk=entry).update(blocked_at=timezone.now()),
            lambda stock: None,
            lambda _: [lambda stock: stock.blocked.add(entry)],
        )

    def revoke(self, one: int, other: int) -> Deed | None:
        """Any code at all."""
        code = self._any_code(one, other)
        if code is None:
            return None
        return simple(
            "revoke",
            lambda: holding.revoke_code(code_id=code, reason="Leaked.", actor=SUPREME, now=timezone.now()),
            lambda stock: stock.revoke(code),
        )

    def swap(self, one: int, other: int) -> Deed | None:
        """Any code, most often one that is held."""
        held = [code for code in sorted(self.stock.codes) if self.stock.state(code) == "reserved"]
        code = held[one % len(held)] if held and other % 4 else self._any_code(one, other)
        if code is None:
            return None
        return simple(
            "swap",
            lambda: holding.swap(code_id=code, reason="Faulty.", actor=SUPREME, now=timezone.now()),
            lambda stock: stock.swap(code),
        )

    def _any_code(self, one: int, other: int) -> int | None:
        codes = sorted(self.stock.codes)
        return codes[(one * 7 + other) % len(codes)] if codes else None

    def give(self, one: int, other: int) -> Deed:
        """A code by hand."""
        entry, pool = self.entries[1 + one % 4], self.pools[other % 3]  # The first fan has not confirmed her address.

        def do() -> Assignment:
            return by_hand.give(entry=entry, pool=pool, reason="Lost it.", actor=SUPREME, now=timezone.now())

        return Deed(
            "give",
            do,
            lambda stock: stock.give(entry.pk, pool.pk, stock.hand),
            lambda given: [lambda stock: stock.give(entry.pk, pool.pk, given.hold_id)],
        )

    def take_back(self, one: int, other: int) -> Deed | None:
        """A fan's code of one hold."""
        found = self._any_assignment(one, other)
        if found is None:
            return None
        return simple(
            "take back",
            lambda: by_hand.take_back(assignment=found, reason="Sold.", actor=SUPREME, now=timezone.now()),
            lambda stock: stock.take_back(found.entry_id, found.hold_id, found.code_id),
        )

    def replace(self, one: int, other: int) -> Deed | None:
        """A fan's code of one hold."""
        found = self._any_assignment(one, other)
        if found is None:
            return None
        return simple(
            "replace",
            lambda: by_hand.replace(assignment=found, reason="Faulty.", actor=SUPREME, now=timezone.now()),
            lambda stock: stock.replace(found.entry_id, found.hold_id, found.code_id),
        )

    def _any_assignment(self, one: int, other: int) -> Assignment | None:
        rows = Assignment.objects.filter(hold__campaign=self.campaign).order_by("hold_id", "entry_id")
        found = list(rows)
        return found[-1 - (one * 5 + other) % len(found)] if found else None

    def undo(self, one: int, other: int) -> Deed | None:
        """One of the uploads."""
        jobs_of = list(Upload.objects.filter(campaign=self.campaign).order_by("created_at", "pk"))
        if not jobs_of:
            return None
        job = jobs_of[-1 - one % len(jobs_of)]
        return simple(
            "undo",
            lambda: undo_upload(upload=job, actor=SUPREME, now=timezone.now()),
            lambda stock: stock.undo(str(job.pk)),
        )

    def redeem(self, one: int, other: int) -> Deed | None:
        """Up to three codes, as the ticketing platform reports them, and one that nobody knows."""
        codes = sorted(self.stock.codes)
        if not codes:
            return None
        chosen = {codes[(one + number * 3) % len(codes)] for number in range(1 + other % 3)}
        values = [*Code.objects.filter(pk__in=chosen).order_by("pk").values_list("value", flat=True), "NO-SUCH-CODE"]

        def do() -> Redeemed:
            reported = [Reported(value) for value in values]
            return redeem(campaign=self.campaign, reported=reported, actor=SUPREME, now=timezone.now())

        def follow(found: Redeemed) -> list[Step]:
            def step(stock: Stock) -> None:
                recorded, already, unknown = stock.redeem(chosen)
                same("redeem", (found.recorded, found.already, found.unknown), (recorded, already, unknown + 1))

            return [step]

        return Deed("redeem", do, lambda stock: None, follow)
