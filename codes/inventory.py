"""What there is of codes: counts, holds, releases.

A pool's codes are covered by ranges that never overlap. Free is a range without hold; held or given is what its
hold's status says. So counting is one SUM, and holding or triggering touches a handful of rows at any size.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce

from campaigns.models import Campaign, Market
from codes.models import POOL_SPAN, Assignment, Code, CodeRange, Hold, Pool
from core import audit
from core.refusal import Refusal
from viewers.permissions import Action, require
from viewers.viewer import Viewer

STATES = ("available", "reserved", "assigned", "revoked")


class CannotHold(Refusal):
    """The codes are not held: another wave of the campaign holds codes, or there are none."""

    code = "cannot_hold"


class CannotRelease(Refusal):
    """The hold keeps its codes: its wave was triggered, and fans may have them."""

    code = "cannot_release"


_STATE = Case(
    When(is_revoked=True, then=Value("revoked")),
    When(hold__isnull=True, then=Value("available")),
    When(hold__status=Hold.Status.ASSIGNED, then=Value("assigned")),
    default=Value("reserved"),
)
_SIZE = F("last") - F("first") + 1


def counts(ranges: "QuerySet[CodeRange]") -> dict[str, int]:
    """How many codes are in each state, exactly and at this moment; their sum is what was uploaded."""
    found = ranges.values(state=_STATE).annotate(codes=Sum(_SIZE)).values_list("state", "codes")
    return {**dict.fromkeys(STATES, 0), **dict(found)}


def counts_by_campaign(campaigns: Sequence[Campaign]) -> dict[int, dict[str, int]]:
    """The counts of several campaigns, by campaign id, in one query."""
    table = {campaign.pk: dict.fromkeys(STATES, 0) for campaign in campaigns}
    rows = (
        CodeRange.objects.filter(pool__campaign__in=campaigns)
        .values("pool__campaign_id", state=_STATE)
        .annotate(codes=Sum(_SIZE))
        .values_list("pool__campaign_id", "state", "codes")
    )
    for campaign_id, state, codes in rows:
        table[campaign_id][state] = codes
    return table


def counts_by_pool(campaign: Campaign) -> dict[int, dict[str, int]]:
    """The counts of every pool of a campaign, by pool id, in one query."""
    table: dict[int, dict[str, int]] = {
        pk: dict.fromkeys(STATES, 0) for pk in campaign.pools.order_by("pk").values_list("pk", flat=True)
    }
    rows = (
        CodeRange.objects.filter(pool__campaign=campaign)
        .values("pool_id", state=_STATE)
        .annotate(codes=Sum(_SIZE))
        .values_list("pool_id", "state", "codes")
    )
    for pool_id, state, codes in rows:
        table[pool_id][state] = codes
    return table


def hold_codes(*, campaign: Campaign, code_type: str, purpose: str, now: datetime) -> Hold:
    """Take all free codes of one type in the campaign's active pools for a wave.

    The pools are locked in one order, so two holds at once never get the same code and never wait in a circle.

    :raises CannotHold: another wave of the campaign holds codes already.
    """
    with transaction.atomic():
        pools = list(_active_pools(campaign, code_type).select_for_update(of=("self",)).order_by("pk"))
        if Hold.objects.filter(campaign=campaign, status=Hold.Status.HELD, expires_at=None).exists():
            raise CannotHold("Another wave of this campaign holds codes. Trigger it or abandon it first.")
        hold = Hold.objects.create(campaign=campaign, code_type=code_type, purpose=purpose, created_at=now)
        CodeRange.objects.filter(pool__in=pools, hold=None, is_revoked=False).update(hold=hold)
    return hold


def _active_pools(campaign: Campaign, code_type: str) -> "QuerySet[Pool]":
    """The pools that give codes: of active markets, and of the shape that the market's split asks for."""
    sequential = Q(market__split=Market.Split.SEQUENTIAL, event__is_active=True)
    concurrent = Q(market__split=Market.Split.CONCURRENT, event__isnull=True)
    return Pool.objects.filter(sequential | concurrent, campaign=campaign, code_type=code_type, market__is_active=True)


def held(hold: Hold) -> dict[tuple[int, int | None], list[tuple[int, int]]]:
    """The hold's codes: for each (market id, event id or None) its id ranges in order, both ends included."""
    table: dict[tuple[int, int | None], list[tuple[int, int]]] = {}
    rows = hold.ranges.filter(is_revoked=False).order_by("first")
    for market, event, first, last in rows.values_list("pool__market_id", "pool__event_id", "first", "last"):
        table.setdefault((market, event), []).append((first, last))
    return table


def size_of(hold: Hold) -> int:
    """How many codes a hold has."""
    return int(hold.ranges.filter(is_revoked=False).aggregate(codes=Coalesce(Sum(_SIZE), 0))["codes"])


def keep_first(*, hold: Hold, keep: Mapping[tuple[int, int | None], int]) -> None:
    """Give back what a hold does not need: of each (market, event) its first so many codes stay, by id."""
    with transaction.atomic():
        for (market, event), count in _with_zeros(hold, keep).items():
            left = count
            for part in hold.ranges.filter(pool__market=market, pool__event=event).order_by("first"):
                size = part.last - part.first + 1
                if left >= size:
                    left -= size
                elif left == 0:
                    part.hold = None
                    part.save(update_fields=["hold"])
                else:
                    _split(part, part.first + left)
                    left = 0


def _with_zeros(hold: Hold, keep: Mapping[tuple[int, int | None], int]) -> dict[tuple[int, int | None], int]:
    return {key: keep.get(key, 0) for key in held(hold)}


def _split(part: CodeRange, first_free: int) -> None:
    """Cut a range in two; the upper part is free."""
    last, part.last = part.last, first_free - 1
    part.save(update_fields=["last"])
    CodeRange.objects.create(pool_id=part.pool_id, upload_id=part.upload_id, first=first_free, last=last)


def release(*, hold: Hold, actor: Viewer, now: datetime) -> int:
    """Give the hold's codes back to their pools and return how many.

    :raises CannotRelease: the hold's wave was triggered; fans may have its codes.
    """
    require(actor, Action.MANAGE_CODES, hold.campaign_id)
    with transaction.atomic():
        hold = Hold.objects.select_for_update().get(pk=hold.pk)
        if hold.status == Hold.Status.ASSIGNED:
            raise CannotRelease("These codes are given: their wave was triggered, and fans may have them.")
        ranges = hold.ranges.filter(is_revoked=False)
        count = size_of(hold)
        ranges.update(hold=None)
        Assignment.objects.filter(hold=hold).delete()
        hold.status = Hold.Status.RELEASED
        hold.save(update_fields=["status"])
        audit.record(
            actor=actor,
            action="codes.release",
            target=hold,
            campaign_id=hold.campaign_id,
            changes={"released": [0, count]},
            now=now,
        )
    return count


def revoke(code_ids: Iterable[int]) -> None:
    """Mark single codes as revoked: each is cut out of its range. For hundreds of codes, not for millions."""
    with transaction.atomic():
        for code_id in sorted(code_ids):
            part = CodeRange.objects.select_for_update().get(first__lte=code_id, last__gte=code_id)
            pieces = [(part.first, code_id - 1, False), (code_id, code_id, True), (code_id + 1, part.last, False)]
            CodeRange.objects.filter(pk=part.pk).delete()
            CodeRange.objects.bulk_create(
                CodeRange(
                    pool_id=part.pool_id,
                    upload_id=part.upload_id,
                    hold_id=part.hold_id,
                    first=first,
                    last=last,
                    is_revoked=part.is_revoked or is_revoked,
                )
                for first, last, is_revoked in pieces
                if first <= last
            )


@dataclass(frozen=True)
class Deviation:
    """One place where rows and ranges disagree."""

    what: str
    expected: int
    found: int


def verify(campaigns: Sequence[Campaign]) -> list[Deviation]:
    """Recount every pool from its rows and name each deviation from uploaded = available + … + revoked."""
    deviations = []
    for pool in Pool.objects.filter(campaign__in=campaigns).order_by("pk"):
        low, high = pool.pk * POOL_SPAN, (pool.pk + 1) * POOL_SPAN
        rows = Code.objects.filter(pk__gt=low, pk__lt=high).count()
        covered = sum(counts(pool.ranges.all()).values())
        for what, found in (("rows", rows), ("codes in ranges", covered)):
            if found != pool.size:
                deviations.append(Deviation(f"pool {pool.pk}: {what}", pool.size, found))
    return deviations
