"""Codes against the places that are planned, market by market: what a campaign still needs, before stock runs short."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, Sum
from django.db.models.functions import Coalesce

from campaigns import readiness
from campaigns.models import Campaign, Market
from campaigns.readiness import Line
from codes.models import CodeRange, Hold
from codes.ranges import SIZE

MOST_NAMED = 3

Planned = Callable[[Campaign], Mapping[str, int]]
_plans: list[Planned] = []


def planned_by(plan: Planned) -> Planned:
    """Add a function that gives the places which waves to come ask for, by the market's code."""
    _plans.append(plan)
    return plan


@dataclass(frozen=True)
class Stock:
    """One market's codes and places."""

    market: Market
    codes: int
    """Free, or held for a wave: what waves can still give."""
    kept_back: int
    given: int
    """By waves, and in force: each takes one of the market's places."""
    planned: int | None
    """Places that waves to come ask for, where they say."""

    @property
    def places(self) -> int | None:
        """The places that are still to be given: by the market's limit, else by the waves to come."""
        if self.market.population_limit is not None:
            return max(0, self.market.population_limit - self.given)
        return self.planned

    @property
    def missing(self) -> int:
        """Codes that are lacking for these places."""
        return max(0, (self.places or 0) - self.codes)


def stock_of(campaign: Campaign) -> list[Stock]:
    """The active markets with their codes and places, in three queries or so at any size."""
    markets = campaign.markets.filter(is_active=True).select_related("venue").order_by("number")
    wave = Q(hold__kind=Hold.Kind.WAVE)
    ranges = CodeRange.objects.filter(pool__campaign=campaign, is_revoked=False).values("pool__market")
    sums = ranges.annotate(
        codes=Coalesce(Sum(SIZE, filter=Q(hold=None) | (wave & Q(hold__status=Hold.Status.HELD))), 0),
        kept_back=Coalesce(Sum(SIZE, filter=Q(hold__kind=Hold.Kind.RESERVE)), 0),
        given=Coalesce(Sum(SIZE, filter=wave & Q(hold__status=Hold.Status.ASSIGNED)), 0),
    )
    there = {pk: counts for pk, *counts in sums.values_list("pool__market", "codes", "kept_back", "given")}
    planned: dict[str, int] = {}
    for plan in _plans:
        for code, places in plan(campaign).items():
            planned[code] = planned.get(code, 0) + places
    found = []
    for market in markets:
        codes, kept_back, given = there.get(market.pk, (0, 0, 0))
        found.append(Stock(market, codes, kept_back, given, planned.get(market.code)))
    return found


@readiness.register
def stock(campaign: Campaign, now: datetime) -> Iterable[Line]:
    """Warn while a market has fewer codes than fans it may choose. Codes can come after the opening: this is amber."""
    if campaign.type != Campaign.Type.REGISTRATION or campaign.status == Campaign.Status.FINISHED:
        return
    short = [one for one in stock_of(campaign) if one.missing]
    for one in short[:MOST_NAMED]:
        words = f"{one.market.code} has {one.codes:,} codes for {one.places:,} places."
        yield Line(words, is_red=False, section="codes")
    if len(short) > MOST_NAMED:
        yield Line(f"{len(short) - MOST_NAMED} more markets have fewer codes than places.", False, "codes")
