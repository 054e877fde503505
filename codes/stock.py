"""Codes against the places that are planned: a line in a campaign's readiness list for each market that runs short."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F, Sum

from campaigns import readiness
from campaigns.models import Campaign
from campaigns.readiness import Line
from codes.models import CodeRange

MOST_NAMED = 3


@readiness.register
def stock(campaign: Campaign, now: datetime) -> Iterable[Line]:
    """Warn while a market has fewer codes than fans it may choose. Codes can come after the opening: this is amber."""
    if campaign.type != Campaign.Type.REGISTRATION:
        return
    planned = campaign.markets.filter(is_active=True, population_limit__isnull=False).order_by("number")
    limits = dict(planned.values_list("pk", "population_limit"))
    if not limits:
        return
    ranges = CodeRange.objects.filter(pool__market__in=limits, is_revoked=False).values("pool__market")
    there = dict(ranges.annotate(codes=Sum(F("last") - F("first") + 1)).values_list("pool__market", "codes"))
    codes = dict(planned.values_list("pk", "code"))
    short = [(codes[pk], there.get(pk, 0), limit) for pk, limit in limits.items() if there.get(pk, 0) < (limit or 0)]
    for code, found, limit in short[:MOST_NAMED]:
        yield Line(f"{code} has {found:,} codes for {limit:,} places.", is_red=False, section="codes")
    if len(short) > MOST_NAMED:
        yield Line(f"{len(short) - MOST_NAMED} more markets have fewer codes than places.", False, "codes")
