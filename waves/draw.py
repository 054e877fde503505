"""The draw: a random order of the entries, and the places that follow from it by one rule.

Pure arrays in and out: ten million entries with three choices each take half a minute of one processor and
1.1 GB. The rule goes down a sorted list of (entry, choice) pairs; here it is followed in equal but faster ways, which
the tests compare with the rule taken literally.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from waves.rules import HIGHEST_SCORE, EventRules, Rules, checked_ranking
from waves.snapshot import REF_DIGITS, Progress, Snapshot, no_progress

KEY_DOMAIN: Final = b"monoql-draw/1\n"
ALLOCATION_HEADER: Final = b"ref,market,choice,event,position\n"
_HASH_BYTES = 32
_TICKETS_A_PORTION = 1 << 13
_ENTRIES_A_BLOCK = 1 << 14
_ROWS_A_PORTION = 1 << 16
_MOST_PUBLIC_VALUE = 256

Entries = NDArray[np.int64]
"""Indexes into a snapshot."""


def draw_key(*, secret: bytes, root: bytes, rules_json: bytes, public_value: str) -> bytes:
    """Return the key that orders the entries, 32 bytes.

    :param rules_json: the bytes of rules.json as they were stored at the freeze.
    :param public_value: printable ASCII without space at the ends, or empty where none is awaited.
    """
    if len(secret) != _HASH_BYTES or len(root) != _HASH_BYTES:
        raise ValueError("A secret and a root have 32 bytes each.")
    if not is_public_value(public_value) and public_value:
        raise ValueError("A public value is 1 to 256 printable ASCII characters without space at the ends.")
    rules_hash = sha256(rules_json).digest()
    return sha256(KEY_DOMAIN + secret + root + rules_hash + public_value.encode("ascii")).digest()


def is_public_value(text: str) -> bool:
    """Tell whether the text can be entered as a wave's public value."""
    is_printable = text.isascii() and text.isprintable()
    return 1 <= len(text) <= _MOST_PUBLIC_VALUE and is_printable and text == text.strip()


def tickets(
    *,
    key: bytes,
    refs: NDArray[np.uint8],
    only: NDArray[np.bool_] | None = None,
    progress: Progress = no_progress,
) -> NDArray[np.uint64]:
    """Return each entry's ticket, 0 for those that ``only`` leaves out: an entry with a reason needs none."""
    wanted = np.arange(len(refs)) if only is None else np.flatnonzero(only)
    drawn = np.zeros(len(refs), np.uint64)
    # Copying a started hash costs less than starting one: 475 against 650 ns a ticket.
    started = sha256(key)
    for start in range(0, len(wanted), _TICKETS_A_PORTION):
        entries = wanted[start : start + _TICKETS_A_PORTION]
        digits = refs[entries].tobytes().hex().encode()
        hashes: list[bytes] = []
        for ref in np.frombuffer(digits, np.dtype(f"V{REF_DIGITS}")).tolist():
            ticket = started.copy()
            ticket.update(ref)
            hashes.append(ticket.digest())
        words = np.frombuffer(b"".join(hashes), np.dtype(">u8")).reshape(-1, _HASH_BYTES // 8)
        drawn[entries] = words[:, 0]
        progress(start + len(entries))
    return drawn


SortKey = tuple[int | str, ...]


def sort_key(*, ranking: Sequence[str], choice: int, tier: int, ticket: int, ref: str) -> SortKey:
    """Return the place of a pair (entry, choice) in the draw's list; a lower key comes earlier."""
    criteria = {"preference": choice, "score": -tier}
    return (*(criteria[criterion] for criterion in ranking), ticket, ref, choice)


@dataclass(frozen=True, slots=True)
class Cutoff:
    """The last entry that got into a market that filled: choice (1-based), tier, ticket, ref."""

    choice: int
    tier: int
    ticket: int
    ref: str

    def sort_key(self, ranking: Sequence[str]) -> SortKey:
        """Return the key behind which nobody got in."""
        return sort_key(ranking=ranking, choice=self.choice, tier=self.tier, ticket=self.ticket, ref=self.ref)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Allocation:
    """Who got a place, ordered by market code (byte order), then position; and what a screen says about it.

    Market indexes are the snapshot's. ``choices`` and ``positions`` count from 1. ``cutoffs`` has None for a
    market that did not fill or had no place. ``demand`` and ``placed`` are tables, market by choice: how
    many entries that may be drawn name the market there, and how many of them got it.
    """

    entries: Entries
    markets: NDArray[np.int16]
    choices: NDArray[np.int16]
    positions: NDArray[np.int32]
    cutoffs: tuple[Cutoff | None, ...]
    demand: NDArray[np.int64]
    placed: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.entries)


def place(
    *, snapshot: Snapshot, tickets: NDArray[np.uint64], ranking: Sequence[str], places: Sequence[int]
) -> Allocation:
    """Return who gets which place under the wave's ranking; places are by market index.

    :raises BadRules: the ranking is none of the five.
    """
    criteria = checked_ranking(ranking)
    if len(places) != len(snapshot.markets) or len(tickets) != len(snapshot):
        raise ValueError("Places are needed for every market, and a ticket for every entry.")
    order = _order(snapshot, tickets, by_tier="score" in criteria)
    seating = _Seating(snapshot, places)
    if "preference" not in criteria:
        seating.serve_whole_lists(order)
    elif criteria == ("score", "preference"):
        for tier_order in _tiers(snapshot, order):
            seating.serve_choice_by_choice(tier_order)
    else:
        seating.serve_choice_by_choice(order)
    return seating.allocation(tickets)


def _order(snapshot: Snapshot, tickets: NDArray[np.uint64], *, by_tier: bool) -> Entries:
    """Return the entries without a reason by tier (higher first) where asked, then ticket, then ref."""
    entries = np.flatnonzero(snapshot.may_be_drawn)
    # The quick sort is three times as fast as the stable one, which is needed only where two tickets are
    # equal: then the order of the snapshot, which is that of the refs, decides.
    order = entries[np.argsort(tickets[entries])]
    in_order = tickets[order]
    if (in_order[1:] == in_order[:-1]).any():
        order = entries[np.argsort(tickets[entries], kind="stable")]
    del entries, in_order  # Millions of numbers each, and the sort by tiers needs room.
    if by_tier:
        order = order[np.argsort(HIGHEST_SCORE - snapshot.tiers[order], kind="stable")]
    return order


def _tiers(snapshot: Snapshot, order: Entries) -> Iterator[Entries]:
    """Cut an order that is sorted by tier into its tiers."""
    bounds = np.flatnonzero(np.diff(snapshot.tiers[order].astype(np.int16))) + 1
    yield from np.split(order, bounds)


class _Seating:
    """The places of a wave while they are given out."""

    def __init__(self, snapshot: Snapshot, places: Sequence[int]) -> None:
        entries = len(snapshot)
        self._snapshot = snapshot
        self._places = np.array(places, np.int64)
        self._left = self._places.copy()
        self._market = np.full(entries, -1, np.int16)
        self._choice = np.zeros(entries, np.int16)
        self._position = np.zeros(entries, np.int32)

    def serve_choice_by_choice(self, order: Entries) -> None:
        """Serve every first choice down the order, then every second, and so on."""
        waiting, choice = order, 0
        while len(waiting) and self._left.any():
            choice += 1
            still: list[Entries] = []
            for block in _blocks(waiting):
                starts = self._snapshot.offsets[block] + (choice - 1)
                has_choice = starts < self._snapshot.offsets[block + 1]
                queue = block[has_choice]
                markets = self._snapshot.choices[starts[has_choice]]
                self._seat(queue, markets, np.full(len(queue), choice, np.int16))
                still.append(queue[self._market[queue] < 0])
            waiting = np.concatenate(still)

    def serve_whole_lists(self, order: Entries) -> None:
        """Give each entry down the order the first of its choices that has a place left."""
        for block in _blocks(order):
            waiting = block
            while len(waiting) and self._left.any():
                waiting, markets, choices = self._first_open(waiting)
                # What is open changes only when a market fills, so everybody up to there is served at once.
                served = self._served_before_a_closing(markets)
                self._seat(waiting[:served], markets[:served], choices[:served])
                waiting = waiting[served:]

    def _first_open(self, entries: Entries) -> tuple[Entries, NDArray[np.int16], NDArray[np.int16]]:
        """Return those who name a market with a place left, with the first such market and its choice."""
        starts, ends = self._snapshot.offsets[entries], self._snapshot.offsets[entries + 1]
        markets = np.full(len(entries), -1, np.int16)
        choices = np.zeros(len(entries), np.int16)
        searching, choice = np.flatnonzero(starts < ends), 0
        while len(searching):
            choice += 1
            named = self._snapshot.choices[starts[searching] + (choice - 1)]
            is_open = self._left[named] > 0
            found = searching[is_open]
            markets[found], choices[found] = named[is_open], choice
            searching = searching[~is_open]
            searching = searching[starts[searching] + choice < ends[searching]]
        has_market = markets >= 0
        return entries[has_market], markets[has_market], choices[has_market]

    def _served_before_a_closing(self, markets: NDArray[np.int16]) -> int:
        """Return how many of a queue get what they want, up to the one who takes a market's last place."""
        wanted = np.bincount(markets, minlength=len(self._left))
        overfull = np.flatnonzero(wanted > self._left)
        if not len(overfull):
            return len(markets)
        by_market = np.argsort(markets, kind="stable")
        firsts = np.cumsum(wanted) - wanted
        return int(by_market[firsts[overfull] + self._left[overfull] - 1].min()) + 1

    def _seat(self, entries: Entries, markets: NDArray[np.int16], choices: NDArray[np.int16]) -> None:
        """Give the market's next places to a queue of entries, in its order, as far as they reach."""
        by_market = np.argsort(markets, kind="stable")
        wanted = np.bincount(markets, minlength=len(self._left))
        firsts = np.cumsum(wanted) - wanted
        queued = markets[by_market]
        numbers = np.arange(len(markets)) - firsts[queued]
        is_seated = numbers < self._left[queued]
        seated, market = by_market[is_seated], queued[is_seated]
        entry = entries[seated]
        taken = self._places - self._left
        self._market[entry] = market
        self._choice[entry] = choices[seated]
        self._position[entry] = taken[market] + numbers[is_seated] + 1
        self._left -= np.minimum(wanted, self._left)

    def allocation(self, tickets: NDArray[np.uint64]) -> Allocation:
        """Return the places given, in the order of the file."""
        snapshot, counts = self._snapshot, self._places - self._left
        by_code = np.array(sorted(range(len(counts)), key=snapshot.markets.__getitem__), np.int64)
        starts = np.zeros(len(counts), np.int64)
        starts[by_code] = np.cumsum(counts[by_code]) - counts[by_code]
        seated = np.flatnonzero(self._market >= 0)
        entries = np.empty(len(seated), np.int64)
        entries[starts[self._market[seated]] + self._position[seated] - 1] = seated
        demand = _demand(snapshot)
        lasts = starts + counts - 1
        return Allocation(
            entries=entries,
            markets=self._market[entries],
            choices=self._choice[entries],
            positions=self._position[entries],
            cutoffs=tuple(
                self._cutoff(int(entries[last]), tickets) if filled else None
                for last, filled in zip(lasts, (self._left == 0) & (counts > 0), strict=True)
            ),
            demand=demand,
            placed=_count_by_market_and_choice(self._market[seated], self._choice[seated] - 1, demand),
        )

    def _cutoff(self, entry: int, tickets: NDArray[np.uint64]) -> Cutoff:
        return Cutoff(
            choice=int(self._choice[entry]),
            tier=int(self._snapshot.tiers[entry]),
            ticket=int(tickets[entry]),
            ref=self._snapshot.ref(entry),
        )


def _blocks(order: Entries) -> Iterator[Entries]:
    """Cut an order into blocks that fit a processor's cache."""
    for start in range(0, len(order), _ENTRIES_A_BLOCK):
        yield order[start : start + _ENTRIES_A_BLOCK]


def _demand(snapshot: Snapshot) -> NDArray[np.int64]:
    """Count the entries that may be drawn by market and choice."""
    offsets, may_be_drawn = snapshot.offsets, snapshot.may_be_drawn
    table = np.zeros((len(snapshot.markets), max(1, int(np.diff(offsets).max(initial=0)))), np.int64)
    for start in range(0, len(snapshot), _ENTRIES_A_BLOCK):
        bounds = offsets[start : start + _ENTRIES_A_BLOCK + 1]
        counts = np.diff(bounds)
        ranks = np.arange(bounds[0], bounds[-1]) - np.repeat(bounds[:-1], counts)
        is_drawn = np.repeat(may_be_drawn[start : start + _ENTRIES_A_BLOCK], counts)
        markets = snapshot.choices[bounds[0] : bounds[-1]]
        table += _count_by_market_and_choice(markets[is_drawn], ranks[is_drawn], table)
    return table


def _count_by_market_and_choice(
    markets: NDArray[np.int16], ranks: NDArray[np.integer], like: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Count pairs of market and 0-based choice in a table of the given shape."""
    cells = markets * np.int64(like.shape[1]) + ranks
    return np.bincount(cells, minlength=like.size).reshape(like.shape)


def event_of(positions: NDArray[np.int32], events: Sequence[EventRules]) -> NDArray[np.int64]:
    """Return which of a market's events each position opens, as indexes; -1 in a concurrent market.

    A concurrent market has no events in the rules: its code opens any of them.
    """
    if not events:
        return np.full(len(positions), -1, np.int64)
    ends = np.cumsum([event.places for event in events])
    if len(positions) and not 1 <= positions.min() <= positions.max() <= ends[-1]:
        raise ValueError("A position lies outside the market's places.")
    return np.searchsorted(ends, positions)


def write_allocation(
    file: BinaryIO,
    *,
    snapshot: Snapshot,
    allocation: Allocation,
    rules: Rules,
    progress: Progress = no_progress,
) -> tuple[str, int]:
    """Write allocation.csv; return its SHA-256 in hex, and how many entries were placed."""
    digest = sha256(ALLOCATION_HEADER)
    file.write(ALLOCATION_HEADER)
    bounds = np.flatnonzero(np.diff(allocation.markets)) + 1
    for start, end in _portions([0, *bounds.tolist(), len(allocation)]):
        rows = slice(start, end)
        data = _rows(snapshot, allocation, rows, rules)
        file.write(data)
        digest.update(data)
        progress(end)
    file.flush()
    return digest.hexdigest(), len(allocation)


def _portions(bounds: list[int]) -> Iterator[tuple[int, int]]:
    """Cut the rows between bounds into portions."""
    for begin, end in pairwise(bounds):
        for start in range(begin, end, _ROWS_A_PORTION):
            yield start, min(start + _ROWS_A_PORTION, end)


def _rows(snapshot: Snapshot, allocation: Allocation, rows: slice, rules: Rules) -> bytes:
    """Return some lines of allocation.csv, all of one market."""
    market = snapshot.markets[allocation.markets[rows.start]]
    events = rules.markets[market].events
    positions = allocation.positions[rows]
    event_codes = _letters([*(event.event for event in events), ""])
    columns = (
        _letters([snapshot.refs[allocation.entries[rows]].tobytes().hex()]).reshape(-1, REF_DIGITS),
        _letters([f",{market},"]),
        _digits(allocation.choices[rows]),
        _letters([","]),
        event_codes[event_of(positions, events)],
        _letters([","]),
        _digits(positions),
        _letters(["\n"]),
    )
    wide = [np.broadcast_to(column, (len(positions), column.shape[1])) for column in columns]
    table = np.concatenate(wide, axis=1)
    lines: NDArray[np.uint8] = table[table != 0]
    return lines.tobytes()


def _letters(texts: Sequence[str]) -> NDArray[np.uint8]:
    """Return texts as rows of ASCII, zeros behind the shorter ones."""
    encoded = np.array([text.encode("ascii") for text in texts])
    return encoded.view(np.uint8).reshape(len(texts), -1)


def _digits(numbers: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return whole numbers from 1 as rows of decimal digits, zeros before the shorter ones."""
    powers = 10 ** np.arange(len(str(numbers.max())) - 1, -1, -1)
    digits = numbers[:, None] // powers % 10 + ord("0")
    return np.where(numbers[:, None] >= powers, digits, 0).astype(np.uint8)
