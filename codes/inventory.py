"""What there is of codes: counts, and the recount that proves them.

A pool's codes are covered by ranges that never overlap. Free is a range without hold; held or given is what its hold's
status says. So a count is exact at any moment, and its price follows from the ranges, a handful for each pool, not from
the codes: it reads the same few pages at a thousand codes and at ten million.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, QuerySet, Sum, Value, When

from campaigns.models import Campaign
from codes.models import CodeRange, Hold
from codes.ranges import SIZE
from codes.recounting import CHECKS

GROUPS = ("market", "event", "pool", "type", "upload")
"""By what the codes of a campaign can be counted."""

IN_STATE = {
    "available": "NOT part.is_revoked AND part.hold_id IS NULL",
    "reserved": "NOT part.is_revoked AND hold.status <> 'assigned'",
    "assigned": "NOT part.is_revoked AND hold.status = 'assigned'",
    "revoked": "part.is_revoked",
}
"""Which ranges are in a state, in SQL: ``part`` is the range, and ``hold`` the hold that it may be in."""
STATES = tuple(IN_STATE)

_STATE = Case(
    When(is_revoked=True, then=Value("revoked")),
    When(hold__isnull=True, then=Value("available")),
    When(hold__status=Hold.Status.ASSIGNED, then=Value("assigned")),
    default=Value("reserved"),
)
_SUMS = ", ".join(
    f"coalesce(sum(part.last - part.first + 1) FILTER (WHERE {condition}), 0)" for condition in IN_STATE.values()
)
_FROM = """
    FROM codes_pool AS pool
    LEFT JOIN codes_coderange AS part ON part.pool_id = pool.id LEFT JOIN codes_hold AS hold ON hold.id = part.hold_id
"""
_KEYS = {
    "market": ("market.code", "JOIN campaigns_market AS market ON market.id = pool.market_id"),
    "event": ("event.code", "LEFT JOIN campaigns_event AS event ON event.id = pool.event_id"),
    "pool": ("pool.id", ""),
    "type": ("pool.code_type", ""),
    "upload": ("part.upload_id", ""),
}


def counts(ranges: "QuerySet[CodeRange]") -> dict[str, int]:
    """How many codes of some ranges are in each state, exactly and at this moment."""
    found = ranges.values(state=_STATE).annotate(codes=Sum(SIZE)).values_list("state", "codes")
    return {**dict.fromkeys(STATES, 0), **dict(found)}


def state_of(part: CodeRange) -> str:
    """The state of one range's codes."""
    if part.is_revoked:
        return "revoked"
    if part.hold is None:
        return "available"
    return "assigned" if part.hold.status == Hold.Status.ASSIGNED else "reserved"


def counts_of(campaign: Campaign) -> dict[str, int]:
    """How many codes of a campaign are in each state, exactly and at this moment; their sum is what was uploaded."""
    return counts_by_campaign([campaign])[campaign.pk]


def counts_by_campaign(campaigns: Sequence[Campaign]) -> dict[int, dict[str, int]]:
    """The counts of several campaigns, by campaign id, in one query."""
    keys = [campaign.pk for campaign in campaigns]
    query = f"SELECT pool.campaign_id, {_SUMS} {_FROM} WHERE pool.campaign_id = ANY (%s) GROUP BY 1"
    found = _table(query, [keys])
    return {key: found.get(key, dict.fromkeys(STATES, 0)) for key in keys}


def counts_by_pool(campaign: Campaign) -> dict[int, dict[str, int]]:
    """The counts of every pool of a campaign, by pool id, in one query."""
    return counts_by(campaign, "pool")


def counts_by(campaign: Campaign, group: str) -> dict[Any, dict[str, int]]:
    """The counts of a campaign's codes by one of ``GROUPS``, in one query.

    The keys are codes of markets and events, ids of pools and uploads, or types. ``None`` stands for the pools that the
    dates of a market share.
    """
    key, join = _KEYS[group]
    query = f"SELECT {key}, {_SUMS} {_FROM} {join} WHERE pool.campaign_id = %s GROUP BY 1"
    found = _table(query, [campaign.pk])
    if group == "upload":
        found.pop(None, None)  # A pool without any range.
    return found


def _table(query: str, parameters: list[Any]) -> dict[Any, dict[str, int]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return {key: dict(zip(STATES, map(int, sums), strict=True)) for key, *sums in cursor.fetchall()}


@dataclass(frozen=True)
class Deviation:
    """One place where what is kept and what is counted disagree."""

    what: str
    expected: int
    found: int


def verify(campaigns: Sequence[Campaign]) -> list[Deviation]:
    """Recount everything that is kept of some campaigns' codes from the rows, and name each deviation.

    One moment of the database is read, so what is uploaded, held or given meanwhile disturbs nothing.
    """
    keys = [campaign.pk for campaign in campaigns]
    deviations = []
    with _one_moment(), connection.cursor() as cursor:
        for check in CHECKS:
            cursor.execute(check, {"campaigns": keys})
            deviations += [Deviation(what, int(expected), int(found)) for what, expected, found in cursor.fetchall()]
    return deviations


@contextmanager
def _one_moment() -> Iterator[None]:
    """A transaction that sees one moment, unless the caller has begun one of her own."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        with connection.cursor() as cursor:
            if is_outermost:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL work_mem = '64MB'")
        yield
