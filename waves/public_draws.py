"""What everybody may know of a campaign's draws.

From the freeze on: what was frozen, and the rules. Once the wave is triggered: the secret, and what came of it. Of an
abandoned wave: the secret and the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Any

from django.db.models import QuerySet

from campaigns import secrets
from campaigns.models import Campaign
from waves import bundle
from waves.models import Draw, MarketOutcome, Wave
from waves.rules import MarketRules, Rules
from waves.snapshot import REASONS
from waves.snapshot_rows import HIDDEN_REASONS

PUBLIC_REASONS = tuple(reason for reason in REASONS if reason)
"""Why an entry may not be drawn, in the spec's order; what stands behind ``excluded`` is told to nobody outside."""
WITHOUT_ENTRIES = ("rules.json", "manifest.json")
"""Files of a bundle that say nothing which the draw's page does not."""


@dataclass(frozen=True)
class Commitments:
    """The sealed numbers of a campaign, by their fingerprints; none before it has opened for the first time."""

    hashes: Sequence[str] = ()
    published_at: datetime | None = None
    sha256: str = ""
    """What receipts carry of them."""


@dataclass(frozen=True)
class PublicMarket:
    """One market of a draw. The counts are 0 and the cut-off is empty before the trigger."""

    code: str
    rules: MarketRules
    demand_first: int = 0
    demand: int = 0
    placed: int = 0
    cutoff: Mapping[str, Any] | None = None
    """``choice``, ``tier`` and ``ticket`` of the last who got in; none where the market did not fill."""


@dataclass(frozen=True)
class PublicDraw:
    """One frozen draw, as far as it is public at this moment."""

    draw: Draw
    rules: Rules
    outcomes: Mapping[str, MarketOutcome] = field(default_factory=dict)

    @property
    def wave(self) -> Wave:
        """Its wave."""
        return self.draw.wave

    @property
    def is_abandoned(self) -> bool:
        """Whether the wave was given up after its freeze."""
        return bool(self.draw.abandoned)

    @property
    def is_triggered(self) -> bool:
        """Whether the codes are the fans', and everything is public."""
        return self.wave.triggered_at is not None

    @property
    def state(self) -> str:
        """``frozen``, ``triggered`` or ``abandoned``."""
        return "abandoned" if self.is_abandoned else "triggered" if self.is_triggered else "frozen"

    @property
    def awaits_value(self) -> bool:
        """Whether its public value is still to come."""
        return self.draw.public_value is None and not self.is_abandoned

    @cached_property
    def secret(self) -> str:
        """The sealed number itself, as hex; empty until it is revealed."""
        return secrets.secret_of(self.draw.campaign, self.draw.number).hex() if self.draw.revealed_at else ""

    @cached_property
    def manifest_sha256(self) -> str:
        """The hash of manifest.json as it is given out now; it binds what no other hash does. Empty until then."""
        return sha256(bundle.manifest_of(self.draw).to_json()).hexdigest() if self.draw.revealed_at else ""

    @property
    def verifying(self) -> str:
        """What the verifier is to be told beside the files: the hashes that stand nowhere in a bundle."""
        voided = f" --voided-sha256 {self.draw.voided_sha256}" if self.is_triggered else ""
        return f"--manifest-sha256 {self.manifest_sha256}{voided}" if self.manifest_sha256 else ""

    @property
    def places(self) -> int:
        """All places after every cut."""
        return sum(market.places for market in self.rules.markets.values())

    @property
    def reasons(self) -> dict[str, int]:
        """How many entries each public reason kept out, in the spec's order, without those that kept out none."""
        counts = dict(self.draw.reasons)
        counts["excluded"] = sum(counts.pop(name, 0) for name in ("excluded", *HIDDEN_REASONS))
        return {name: counts[name] for name in PUBLIC_REASONS if counts.get(name)}

    @property
    def placed(self) -> int | None:
        """How many were placed; told once the wave is triggered."""
        return self.draw.placed if self.is_triggered else None

    @property
    def placed_by_choice(self) -> Sequence[int]:
        """How many got their first choice, their second, and so on."""
        return self.draw.placed_by_choice if self.is_triggered else []

    @property
    def voided(self) -> int:
        """How many of the placed left between the freeze and the trigger, so that they got no code."""
        rows = self.draw.voided if self.is_triggered else None
        return bytes(rows).count(b"\n") - 1 if rows else 0

    @cached_property
    def markets(self) -> list[PublicMarket]:
        """Its markets in the order of the rules, with what the draw did in each once the wave is triggered."""
        return [self._market(code, rules) for code, rules in self.rules.markets.items()]

    def _market(self, code: str, rules: MarketRules) -> PublicMarket:
        outcome = self.outcomes.get(code)
        if outcome is None or not self.is_triggered:
            return PublicMarket(code, rules)
        last = outcome.cutoff
        return PublicMarket(
            code,
            rules,
            demand_first=outcome.demand_first,
            demand=outcome.demand,
            placed=outcome.placed,
            # The ref is left out: it says nothing that its ticket does not, and is some fan's.
            cutoff=None if last is None else {name: last[name] for name in ("choice", "tier", "ticket")},
        )

    @property
    def files(self) -> tuple[str, ...]:
        """The files of its bundle that everybody may have now: of some campaigns, none that lists entries."""
        is_open = self.draw.campaign.publishes_bundle
        return tuple(name for name in bundle.files_of(self.draw) if is_open or name in WITHOUT_ENTRIES)


def commitments_of(campaign: Campaign) -> Commitments:
    """What the campaign committed to when it first opened."""
    sealed = getattr(campaign, "draw_secrets", None)
    if sealed is None or sealed.committed_at is None:
        return Commitments()
    return Commitments(list(sealed.commitments), sealed.committed_at, secrets.commitments_sha256(campaign))


def draws_of(campaign: Campaign) -> list[PublicDraw]:
    """All draws of a campaign that were ever frozen, the newest first, without what came of them market by market."""
    return [_public(draw, campaign) for draw in _draws(campaign).defer("voided").order_by("-number")]


def draw_of(campaign: Campaign, date_key: str) -> PublicDraw:
    """The draw of the wave with this dateKey, whole.

    :raises LookupError: no wave of this time was ever frozen.
    """
    draw = _draws(campaign).filter(wave__date_key=date_key).first()
    if draw is None:
        raise LookupError(date_key)
    outcomes = draw.markets.select_related("market").order_by("market__code")
    return _public(draw, campaign, {outcome.market.code: outcome for outcome in outcomes})


def _draws(campaign: Campaign) -> "QuerySet[Draw]":
    return Draw.objects.filter(campaign=campaign).select_related("wave")


def _public(draw: Draw, campaign: Campaign, outcomes: Mapping[str, MarketOutcome] | None = None) -> PublicDraw:
    draw.campaign = draw.wave.campaign = campaign
    return PublicDraw(draw, Rules.from_json(bytes(draw.rules)), outcomes or {})
