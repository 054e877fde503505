"""What a wave's page shows: the funnel from everybody to placed, the markets, the proof, and what runs."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import Count, F, Sum

from campaigns.models import Market
from codes.models import CodeRange, Hold
from core.models import AuditEvent, Job
from entries.models import Message
from waves.admin_pages.words import PHASE_WORDS, PHASES, REASON_WORDS, cutoff_text, ranking_title, shares_by_choice
from waves.audience import audience_words
from waves.models import Draw, MarketOutcome, Notification, Selection, Wave, WavePrep
from waves.preparation import AWAITING
from waves.scheduling import PENDING

MOST_MESSAGES_COUNTED = 200_000
"""Mails that are counted by state for the page; of more, only the sending's own progress is shown."""


@dataclass(frozen=True)
class Bar:
    """One line of the funnel. ``kind`` is ``whole``, ``lost``, ``left`` or ``placed``; shares are of everybody."""

    label: str
    number: int
    share: float
    kind: str
    note: str = ""


@dataclass(frozen=True)
class MarketLine:
    """One market of the wave."""

    market: Market
    places: int
    demand_first: int | None = None
    demand: int | None = None
    placed: int | None = None
    cutoff: str = ""
    codes: int = 0

    @property
    def filled_percent(self) -> int:
        """How much of its places is taken, 0 to 100."""
        return 100 * (self.placed or 0) // self.places if self.places else 0


@dataclass(frozen=True)
class PhaseLine:
    """One phase of the preparation: ``done``, ``now`` or ``later``."""

    title: str
    state: str


@dataclass(frozen=True)
class Picture:
    """A wave with everything that its page needs, in a fixed number of queries."""

    wave: Wave
    prep: WavePrep | None
    draw: Draw | None
    selection: Selection | None
    notification: Notification | None
    rules: dict[str, Any] = field(default_factory=dict)

    # What can be done; the operations themselves decide

    @property
    def can_prepare(self) -> bool:
        """Whether a preparation can start."""
        return self.wave.status == Wave.Status.SCHEDULED

    @property
    def can_cancel(self) -> bool:
        """Whether a preparation is under way that can be stopped."""
        going = (WavePrep.Status.QUEUED, WavePrep.Status.RUNNING, WavePrep.Status.CANCELLED)
        return self.wave.status == Wave.Status.PROCESSING and self.prep is not None and self.prep.status in going

    @property
    def can_be_planned(self) -> bool:
        """Whether its time can change, and who triggers it."""
        return self.wave.status in PENDING

    @property
    def awaits_value(self) -> bool:
        """Whether the public value is to be entered."""
        return (
            self.wave.status == Wave.Status.PROCESSING
            and self.prep is not None
            and self.prep.status == WavePrep.Status.WAITING
            and self.prep.phase == AWAITING
        )

    @property
    def can_trigger(self) -> bool:
        """Whether it is prepared to its end."""
        return (
            self.wave.status == Wave.Status.PROCESSING
            and self.prep is not None
            and self.prep.status == WavePrep.Status.FINISHED
        )

    @property
    def can_abandon(self) -> bool:
        """Whether it can still be given up."""
        return self.wave.status in (Wave.Status.SCHEDULED, Wave.Status.PROCESSING)

    # What runs

    @property
    def jobs(self) -> list[Job]:
        """Its long work, in order."""
        return [job for job in (self.prep, self.selection, self.notification) if job is not None]

    @property
    def is_running(self) -> bool:
        """Whether something goes on by itself."""
        if self.wave.status == Wave.Status.TRIGGERED:
            return True
        return any(job.status in (Job.Status.QUEUED, Job.Status.RUNNING) for job in self.jobs)

    @cached_property
    def phases(self) -> list[PhaseLine]:
        """The preparation's phases, up to the present one."""
        prep = self.prep
        if prep is None:
            return []
        names = [name for name in PHASES if name != AWAITING or self.rules.get("public_source") or prep.public_source]
        is_over = prep.status == Job.Status.FINISHED
        present = len(names) if is_over else names.index(prep.phase) if prep.phase in names else -1
        return [
            PhaseLine(PHASE_WORDS[name], "done" if place < present else "now" if place == present else "later")
            for place, name in enumerate(names)
        ]

    # What came of it

    @property
    def ranking(self) -> list[str]:
        """The frozen ranking, or the one that is chosen for now."""
        if self.draw is not None:
            return list(self.rules["ranking"])
        return list(self.prep.ranking) if self.prep is not None else []

    @cached_property
    def options(self) -> list[tuple[str, str]]:
        """Every option of the wave in the operator's words: as frozen, or as chosen for now."""
        prep = self.prep
        if prep is None:
            return []
        frozen: dict[str, Any] = self.rules or {
            name: getattr(prep, name)
            for name in ("score_tier", "score_min", "score_max", "audience", "reassign", "public_source")
        }
        limits = ", ".join(f"{code} {limit:,}" for code, limit in sorted(prep.limits.items()))
        lowest, highest = frozen["score_min"], frozen["score_max"]
        bounds = f"from {lowest or 0} to {100 if highest is None else highest}"
        found = [
            ("Who may take part", audience_words(frozen["audience"])),
            ("Chosen before", "may be chosen again" if frozen["reassign"] else "are left out"),
            ("Scores", "no bounds" if lowest is None and highest is None else bounds),
            ("Type of code", prep.code_type),
            ("Limits of this wave", limits or "none: as many as there are codes"),
            ("Public value", frozen["public_source"] or "none is asked for"),
        ]
        if "score" in self.ranking:
            found.insert(3, ("Width of a score tier", str(frozen["score_tier"])))
        return found

    @property
    def ranking_title(self) -> str:
        """What it is called; empty until a ranking is chosen."""
        return ranking_title(self.ranking) if self.prep is not None else ""

    @cached_property
    def places(self) -> int:
        """All places of the wave after every cut."""
        return sum(market["places"] for market in self.rules.get("markets", {}).values())

    @cached_property
    def funnel(self) -> list[Bar]:
        """From everybody to placed, each subtraction by its name."""
        draw = self.draw
        if draw is None:
            return []
        whole = max(1, draw.entries)

        def bar(label: str, number: int, kind: str, note: str = "") -> Bar:
            return Bar(label, number, round(100 * number / whole, 2), kind, note)

        names = [*REASON_WORDS, *(name for name in draw.reasons if name not in REASON_WORDS)]
        lost = [
            bar(REASON_WORDS.get(name, name), draw.reasons[name], "lost") for name in names if draw.reasons.get(name)
        ]
        bars = [bar("Everybody who entered", draw.entries, "whole"), *lost, bar("May be drawn", draw.eligible, "left")]
        if draw.placed is None:
            return bars
        note = f"of {self.places:,} places" if self.places else "there were no places"
        return [
            *bars,
            bar("their markets were full", draw.eligible - draw.placed, "lost"),
            bar("Placed", draw.placed, "placed", note),
        ]

    @property
    def shares(self) -> str:
        """How the placed spread over their choices."""
        return shares_by_choice(self.draw.placed_by_choice) if self.draw is not None else ""

    @cached_property
    def markets(self) -> list[MarketLine]:
        """The wave's markets: once drawn with what came of them, before with the places that are frozen."""
        if self.draw is None:
            return []
        codes = self._codes_by_market()
        outcomes = list(
            MarketOutcome.objects.filter(draw=self.draw).select_related("market__venue").order_by("market__code")
        )
        if outcomes:
            return [
                MarketLine(
                    market=outcome.market,
                    places=outcome.places,
                    demand_first=outcome.demand_first,
                    demand=outcome.demand,
                    placed=outcome.placed,
                    cutoff=cutoff_text(outcome.cutoff, self.ranking),
                    codes=codes.get(outcome.market_id, 0),
                )
                for outcome in outcomes
            ]
        frozen = self.rules.get("markets", {})
        markets = Market.objects.filter(campaign=self.wave.campaign_id, code__in=frozen).select_related("venue")
        return [
            MarketLine(market=market, places=frozen[market.code]["places"], codes=codes.get(market.pk, 0))
            for market in markets.order_by("code")
        ]

    def _codes_by_market(self) -> dict[int, int]:
        if self.prep is None or self.prep.hold_id is None:
            return {}
        rows = (
            CodeRange.objects.filter(hold=self.prep.hold_id, is_revoked=False)
            .values("pool__market")
            .annotate(codes=Sum(F("last") - F("first") + 1))
            .values_list("pool__market", "codes")
        )
        return {int(market): int(codes) for market, codes in rows}

    @property
    def codes_state(self) -> str:
        """What the wave's codes are: held, assigned or released."""
        hold = self.prep.hold if self.prep is not None else None
        return Hold.Status(hold.status).label if hold is not None else ""

    @cached_property
    def mails(self) -> dict[str, int]:
        """How many mails are in each state, where there are few enough to count."""
        notification = self.notification
        if notification is None or notification.progress_total > MOST_MESSAGES_COUNTED:
            return {}
        rows = Message.objects.filter(wave_id=self.wave.pk).values("status").annotate(mails=Count("pk"))
        return dict(rows.order_by("status").values_list("status", "mails"))

    @cached_property
    def deeds(self) -> Iterable[AuditEvent]:
        """Who did what to the wave, the last first."""
        return AuditEvent.objects.filter(target_type="waves.wave", target_id=str(self.wave.pk)).order_by("-id")[:20]


def picture_of(wave: Wave) -> Picture:
    """Read a wave with its preparation, draw and what follows the trigger."""
    draw = Draw.objects.filter(wave=wave).defer("voided").first()
    return Picture(
        wave=wave,
        prep=WavePrep.objects.filter(wave=wave).select_related("hold").first(),
        draw=draw,
        selection=Selection.objects.filter(wave=wave).first(),
        notification=Notification.objects.filter(wave=wave).first(),
        rules=json.loads(bytes(draw.rules)) if draw is not None else {},
    )
