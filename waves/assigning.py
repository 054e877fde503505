"""From places to codes: the assignments of a draw, by COPY, and what the draw did in each market."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from campaigns.models import Market
from codes import holding
from codes.models import Hold
from core.bulk import copy_into
from core.jobs import PermanentFailure
from waves.draw import Allocation
from waves.models import Draw, MarketOutcome, WavePrep
from waves.rules import MarketRules, Rules
from waves.snapshot import Snapshot

COLUMNS = ["code_id", "entry_id", "hold_id", "market_id", "event_id", "choice", "position", "voided"]
_BINARY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_BINARY_TRAILER = b"\xff\xff"
_ROWS = 65_536
PoolKey = tuple[int, int | None]


def write_assignments(
    *, prep: WavePrep, rules: Rules, snapshot: Snapshot, allocation: Allocation, entry_ids: NDArray[np.int64]
) -> None:
    """Give every place its code and keep only the codes that are used. For the caller's transaction."""
    hold = prep.hold
    if hold is None:
        raise PermanentFailure("The wave holds no codes.")
    # A faulty code can be replaced in the hold until the trigger: whoever does it now waits, or was first.
    available = holding.held(holding.lock(hold))
    markets = {market.code: market for market in prep.wave.campaign.markets.prefetch_related("events")}
    kept: dict[PoolKey, int] = {}
    with copy_into("codes_assignment", COLUMNS, binary=True) as copy:
        copy.write(_BINARY_HEADER)
        for market_index, rows in _by_market(allocation):
            code = snapshot.markets[market_index]
            first = rows.start
            for key, event_id, count in _pools(markets[code], rules.markets[code], rows.stop - rows.start):
                kept[key] = kept.get(key, 0) + count
                codes = _first_codes(available.get(key, []), count)
                part = slice(first, first + count)
                for data in _binary_rows(
                    codes, entry_ids, allocation, part, hold=hold, market=markets[code], event_id=event_id
                ):
                    copy.write(data)
                first += count
        copy.write(_BINARY_TRAILER)
    holding.keep_first(hold=hold, keep=kept)


def _by_market(allocation: Allocation) -> Iterator[tuple[int, slice]]:
    """Each market's rows of the allocation, which is ordered by market."""
    bounds = [0, *(np.flatnonzero(np.diff(allocation.markets)) + 1).tolist(), len(allocation)]
    for start, end in pairwise(bounds):
        if end > start:
            yield int(allocation.markets[start]), slice(start, end)


def _pools(market: Market, rules: MarketRules, placed: int) -> Iterator[tuple[PoolKey, int | None, int]]:
    """The pools that positions 1 to ``placed`` fill, in order: pool, event of the assignment, and how many."""
    if rules.split == "concurrent":
        yield (market.pk, None), None, placed
        return
    ids = {event.code: event.pk for event in market.events.all()}
    left = placed
    for event in rules.events:
        count = min(left, event.places)
        if count:
            # A concurrent market with a single event counts as sequential, but its codes are the market's.
            pool = None if market.split == Market.Split.CONCURRENT else ids[event.event]
            yield (market.pk, pool), ids[event.event], count
        left -= count


def _first_codes(ranges: list[tuple[int, int]], count: int) -> NDArray[np.int64]:
    """The first so many code ids of some ranges."""
    parts = [np.arange(first, last + 1, dtype=np.int64) for first, last in ranges]
    codes = np.concatenate(parts)[:count] if parts else np.empty(0, np.int64)
    if len(codes) < count:
        raise PermanentFailure("The wave holds fewer codes than its rules have places. Nothing was assigned.")
    return codes


def _binary_rows(
    codes: NDArray[np.int64],
    entry_ids: NDArray[np.int64],
    allocation: Allocation,
    part: slice,
    *,
    hold: Hold,
    market: Market,
    event_id: int | None,
) -> Iterator[bytes]:
    """Rows in COPY's binary format: field count, then each field as its length in bytes and its value."""
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for name, kind in (("code", ">i8"), ("entry", ">i8"), ("hold", ">i8"), ("market", ">i8")):
        fields += [(f"{name}_length", ">i4"), (name, kind)]
    fields += [("event_length", ">i4")] + ([("event", ">i8")] if event_id is not None else [])
    fields += [("choice_length", ">i4"), ("choice", ">i2"), ("position_length", ">i4"), ("position", ">i4")]
    fields += [("voided_length", ">i4")]
    for start in range(part.start, part.stop, _ROWS):
        rows = slice(start, min(start + _ROWS, part.stop))
        table = np.zeros(rows.stop - rows.start, np.dtype(fields))
        table["count"] = len(COLUMNS)
        for name in ("code", "entry", "hold", "market", "event"):
            table[f"{name}_length"] = 8
        table["code"] = codes[rows.start - part.start : rows.stop - part.start]
        table["entry"] = entry_ids[allocation.entries[rows]]
        table["hold"] = hold.pk
        table["market"] = market.pk
        if event_id is None:
            table["event_length"] = -1
        else:
            table["event"] = event_id
        table["choice_length"] = 2
        table["choice"] = allocation.choices[rows]
        table["position_length"] = 4
        table["position"] = allocation.positions[rows]
        yield table.tobytes()


def write_outcomes(*, draw: Draw, rules: Rules, snapshot: Snapshot, allocation: Allocation) -> None:
    """Keep what the draw did in each market, for the operator's screen and every fan's reason."""
    ids = dict(draw.campaign.markets.values_list("code", "pk"))
    rows = []
    for index, code in enumerate(snapshot.markets):
        cutoff = allocation.cutoffs[index]
        demand = allocation.demand[index]
        rows.append(
            MarketOutcome(
                draw=draw,
                market_id=ids[code],
                demand_first=int(demand[0]) if len(demand) else 0,
                demand=int(demand.sum()),
                places=rules.markets[code].places,
                placed=int(allocation.placed[index].sum()),
                cutoff=cutoff
                and {
                    "choice": cutoff.choice,
                    "tier": cutoff.tier,
                    "ticket": f"{cutoff.ticket:016x}",
                    "ref": cutoff.ref,
                },
            )
        )
    MarketOutcome.objects.bulk_create(rows)
