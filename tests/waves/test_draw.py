import io
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import sha256
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.waves.bundles import RULES, Line, ref_of, snapshot_of
from waves import draw
from waves.draw import Allocation, draw_key, event_of, is_public_value, place, sort_key, tickets
from waves.rules import RANKINGS, BadRules, EventRules, Ranking
from waves.snapshot import Snapshot, read_snapshot

MARKETS = ("b-MARKET", "A-market", "another-market.of-this-wave", "a", "Z_1")


@dataclass(frozen=True)
class SmallWave:
    """A wave small enough to sort all its pairs."""

    lines: list[Line]
    tickets: list[int]
    places: list[int]

    @cached_property
    def snapshot(self) -> Snapshot:
        return snapshot_of(self.lines, MARKETS)

    def drawn(self, ranking: Ranking, places: list[int] | None = None) -> Allocation:
        return place(
            snapshot=self.snapshot,
            tickets=np.array(self.tickets, np.uint64),
            ranking=ranking,
            places=places or self.places,
        )

    def pairs(self) -> list[tuple[str, int, str, int, int]]:
        return [
            (line.ref, choice, market, line.tier, ticket)
            for line, ticket in zip(self.lines, self.tickets, strict=True)
            if not line.reason
            for choice, market in enumerate(line.choices, start=1)
        ]


@st.composite
def small_waves(draw_from: st.DrawFn) -> SmallWave:
    """Waves with few tickets, so that many are equal, and with places from none to too many."""
    count = draw_from(st.integers(0, 40))
    random = draw_from(st.randoms(use_true_random=False))
    highest_ticket = draw_from(st.sampled_from([0, 3, 2**64 - 1]))
    most_places = draw_from(st.sampled_from([1, 5, 12]))
    lines = []
    for number in range(count):
        choices = tuple(random.sample(MARKETS, random.randint(0, len(MARKETS))))
        reason = random.choice(["", "", "", "withdrawn", "no_choice"])
        lines.append(Line(ref_of(number), choices, random.randint(0, 3), reason))
    return SmallWave(
        lines=lines,
        tickets=[random.randint(0, highest_ticket) for _ in lines],
        places=[random.randint(0, most_places) for _ in MARKETS],
    )


def rows_of(snapshot: Snapshot, allocation: Allocation) -> list[tuple[str, str, int, int]]:
    """Return market, ref, choice and position of everybody placed, in the order of the allocation."""
    return [
        (snapshot.markets[market], snapshot.ref(entry), choice, position)
        for entry, market, choice, position in zip(
            allocation.entries.tolist(),
            allocation.markets.tolist(),
            allocation.choices.tolist(),
            allocation.positions.tolist(),
            strict=True,
        )
    ]


@given(ranking=st.sampled_from(RANKINGS), wave=small_waves())
@settings(deadline=None)
def test_a_cutoff_explains_every_choice_that_was_wanted_and_not_granted(ranking: Ranking, wave: SmallWave) -> None:
    allocation = wave.drawn(ranking)

    granted = dict(zip(allocation.entries.tolist(), allocation.choices.tolist(), strict=True))
    for ref, choice, market, tier, ticket in wave.pairs():
        key = partial(sort_key, ranking=ranking, tier=tier, ticket=ticket, ref=ref)
        got = granted.get(int(ref, 16))
        if got is not None and key(choice=choice) >= key(choice=got):
            continue
        number = MARKETS.index(market)
        cutoff = allocation.cutoffs[number]
        if cutoff is None:
            assert wave.places[number] == 0
        else:
            assert key(choice=choice) > cutoff.sort_key(ranking)


@given(wave=small_waves())
@settings(deadline=None)
def test_demand_and_placed_are_counted_by_market_and_choice(wave: SmallWave) -> None:
    allocation = wave.drawn(("preference", "score"))

    demand = Counter((MARKETS.index(market), choice) for _, choice, market, _, _ in wave.pairs())
    placed = Counter(zip(allocation.markets.tolist(), allocation.choices.tolist(), strict=True))
    for (market, rank), count in np.ndenumerate(allocation.demand):
        assert count == demand[market, rank + 1]
        assert allocation.placed[market, rank] == placed[market, rank + 1]
    assert allocation.placed.sum() == len(allocation)


def test_the_last_who_got_in_is_the_markets_cutoff() -> None:
    lines = [
        Line(ref_of(1), ("a",), tier=3),
        Line(ref_of(2), ("a",), tier=3),
        Line(ref_of(3), ("Z_1", "a"), tier=9),
        Line(ref_of(4), ("b-MARKET",)),
    ]
    wave = SmallWave(lines=lines, tickets=[70, 60, 50, 40], places=[5, 0, 0, 2, 0])

    allocation = wave.drawn(("preference", "score"))

    assert allocation.cutoffs[MARKETS.index("a")] == draw.Cutoff(choice=1, tier=3, ticket=70, ref=ref_of(1))
    assert allocation.cutoffs[MARKETS.index("b-MARKET")] is None
    assert allocation.cutoffs[MARKETS.index("Z_1")] is None


@pytest.mark.parametrize("ranking", [("preference", "preference"), ("lot",), ("score", "preference", "score")])
def test_a_ranking_that_is_none_of_the_five_is_refused(ranking: Ranking) -> None:
    wave = SmallWave(lines=[], tickets=[], places=[0] * len(MARKETS))

    with pytest.raises(BadRules):
        wave.drawn(ranking)


def test_key_and_tickets_follow_the_page_of_the_draw() -> None:
    rules_json, secret, root = RULES.to_json(), bytes(range(32)), sha256(b"root").digest()
    material = b"monoql-draw/1\n" + secret + root + sha256(rules_json).digest() + b"0 1f~"
    lines = [Line(sha256(b"%d" % number).hexdigest()[:32], ()) for number in range(5000)]
    lines.sort(key=lambda line: line.ref)
    snapshot = snapshot_of(lines, ())

    key = draw_key(secret=secret, root=root, rules_json=rules_json, public_value="0 1f~")
    drawn = tickets(key=key, refs=snapshot.refs, only=np.arange(5000) % 3 > 0)

    assert key == sha256(material).digest()
    expected = [int.from_bytes(sha256(key + line.ref.encode()).digest()[:8]) for line in lines]
    assert drawn.tolist() == [ticket * (number % 3 > 0) for number, ticket in enumerate(expected)]
    assert tickets(key=key, refs=snapshot.refs).tolist() == expected


@pytest.mark.parametrize("value", [" 1", "1 ", "ü", "a\nb", "\x7f", "x" * 257])
def test_a_public_value_that_the_page_does_not_allow_makes_no_key(value: str) -> None:
    assert not is_public_value(value)
    with pytest.raises(ValueError, match="public value"):
        draw_key(secret=bytes(32), root=bytes(32), rules_json=b"{}", public_value=value)


def test_positions_fill_the_first_events_places_and_then_the_next() -> None:
    events = (EventRules("one", 2), EventRules("cut", 0), EventRules("two", 3))

    assert event_of(np.arange(1, 6, dtype=np.int32), events).tolist() == [0, 0, 2, 2, 2]
    assert event_of(np.arange(1, 3, dtype=np.int32), ()).tolist() == [-1, -1]
    with pytest.raises(ValueError, match="outside"):
        event_of(np.array([6], np.int32), events)


def one_by_one(snapshot: Snapshot, order: NDArray[np.int64], places: list[int]) -> dict[int, int]:
    """Serve each whole list at once, in a plain loop; the market of everybody placed."""
    left, offsets = list(places), snapshot.offsets.tolist()
    choices = snapshot.choices.tolist()
    got = {}
    for entry in order.tolist():
        for market in choices[offsets[entry] : offsets[entry + 1]]:
            if left[market]:
                left[market] -= 1
                got[entry] = market
                break
    return got


def test_a_wave_of_350_000_is_drawn_like_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    random, count = np.random.default_rng(2027), 350_000
    markets = [f"M-{number:02d}" for number in range(52)]
    refs = np.sort(random.integers(0, 2**63, count)).tolist()
    named = (random.integers(0, 9, (count, 3)) ** 2 % 17 * 3 + np.arange(3)).tolist()
    text = "ref,reason,tier,choices\n" + "".join(
        [f"{ref:032x},,0,{'|'.join([markets[one] for one in some])}\n" for ref, some in zip(refs, named, strict=True)]
    )
    places = [count // 120] * 52
    started = perf_counter()

    snapshot = read_snapshot(io.BytesIO(text.encode()), markets=markets)
    read_at = perf_counter()
    drawn = tickets(key=bytes(32), refs=snapshot.refs)
    drawn_at = perf_counter()
    allocation = place(snapshot=snapshot, tickets=drawn, ranking=(), places=places)
    placed_at = perf_counter()

    got = dict(zip(allocation.entries.tolist(), allocation.markets.tolist(), strict=True))
    assert got == one_by_one(snapshot, np.argsort(drawn), places)
    with capsys.disabled():
        print(
            f"\n350,000 entries: read {read_at - started:.2f} s, tickets {drawn_at - read_at:.2f} s,"
            f" place {placed_at - drawn_at:.2f} s"
        )
