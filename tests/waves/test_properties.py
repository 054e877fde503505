"""What holds of every draw, tried on waves by chance; and, on the smallest waves, of every order that a fan can name.

Where a fan gains by a false order, docs/draws.md has the case; it is found here by search, and read from there.
"""

import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.waves import rerun
from tests.waves.bundles import RULES, Line, frozen, ref_of
from tests.waves.small_waves import Fan, Order, all_waves, gains, placed, worth
from waves import draw, verify_draw
from waves.draw import Allocation, draw_key, place, tickets, write_allocation
from waves.rules import RANKINGS, EventRules, MarketRules, Ranking, Rules
from waves.snapshot import Snapshot, read_snapshot

DOCUMENT = Path(__file__).parents[2] / "docs" / "draws.md"
CODES = ("b-MARKET", "A-market", "another-market.of-this-wave", "a", "Z_1")


@dataclass(frozen=True)
class Drawing:
    """A wave by chance: its lines, its rules with splits, its secret."""

    lines: list[Line]
    rules: Rules
    secret: bytes

    @cached_property
    def data(self) -> bytes:
        """Its snapshot.csv."""
        return frozen(self.lines)[0]

    def snapshot(self, markets: Sequence[str], *, portion: int = 1 << 20) -> Snapshot:
        """Its snapshot as the draw reads it."""
        return read_snapshot(io.BytesIO(self.data), markets=markets, portion_bytes=portion)

    @cached_property
    def key(self) -> bytes:
        """What orders its entries."""
        root = frozen(self.lines)[1].tree.root
        return draw_key(secret=self.secret, root=root, rules_json=self.rules.to_json(), public_value="")

    def drawn(
        self, *, rules: Rules | None = None, markets: Sequence[str] = (), portion: int = 1 << 20
    ) -> tuple[Snapshot, Allocation]:
        """Its draw; the key stays the same whatever rules are given."""
        rules = rules or self.rules
        snapshot = self.snapshot(markets or sorted(rules.markets), portion=portion)
        own: NDArray[np.uint64] = tickets(key=self.key, refs=snapshot.refs, only=snapshot.may_be_drawn)
        places = [rules.markets[code].places for code in snapshot.markets]
        return snapshot, place(snapshot=snapshot, tickets=own, ranking=rules.ranking, places=places)

    def written(self, *, markets: Sequence[str] = (), portion: int = 1 << 20) -> bytes:
        """Its allocation.csv."""
        snapshot, allocation = self.drawn(markets=markets, portion=portion)
        file = io.BytesIO()
        write_allocation(file, snapshot=snapshot, allocation=allocation, rules=self.rules)
        return file.getvalue()

    def choices(self, rules: Rules | None = None) -> dict[int, int]:
        """The choice of everybody placed, by entry."""
        _, allocation = self.drawn(rules=rules)
        return dict(zip(allocation.entries.tolist(), allocation.choices.tolist(), strict=True))


@st.composite
def drawings(take: st.DrawFn) -> Drawing:
    """Waves of up to 40 entries in up to five markets, split in any way, with no place or more than enough."""
    random = take(st.randoms(use_true_random=False))
    ranking = take(st.sampled_from(RANKINGS))
    most = take(st.sampled_from([1, 5, 12]))
    codes = random.sample(CODES, random.randint(1, len(CODES)))
    markets = {code: market_by_chance(code, random, most) for code in codes}
    lines = [
        Line(
            ref=sha256(b"%d" % number).hexdigest()[:32],
            choices=tuple(random.sample(codes, random.randint(1, len(codes)))),
            tier=random.randint(0, 3) if "score" in ranking else 0,
            reason=random.choice(["", "", "", "withdrawn", "excluded"]),
        )
        for number in range(take(st.integers(0, 40)))
    ]
    lines.sort(key=lambda line: line.ref)
    return Drawing(lines, replace(RULES, ranking=ranking, markets=markets), random.randbytes(32))


def market_by_chance(code: str, random: Random, most: int) -> MarketRules:
    """A market with one pool, or with up to three dates, some of which may have no place."""
    if random.random() < 0.3:
        return MarketRules(random.randint(0, most), "concurrent")
    events = tuple(
        EventRules(f"{code[:30]}-{number}", random.randint(0, most)) for number in range(random.randint(1, 3))
    )
    return MarketRules(sum(event.places for event in events), "sequential", events)


def nothing_is_given_twice_or_over(wave: Drawing, random: Random) -> None:
    """No market and no date has more placed than places; nobody has two, nor what she did not name."""
    lines = {line.ref: line for line in wave.lines}
    rows = [row.split(",") for row in wave.written().decode().splitlines()[1:]]
    assert len({ref for ref, *_ in rows}) == len(rows)
    by_market = Counter(market for _, market, *_ in rows)
    by_event = Counter((market, event) for _, market, _, event, _ in rows)
    for code, market in wave.rules.markets.items():
        assert by_market[code] <= market.places
        assert sorted(int(row[4]) for row in rows if row[1] == code) == list(range(1, by_market[code] + 1))
        assert all(by_event[code, event.event] <= event.places for event in market.events)
    for ref, named, choice, _, _ in rows:
        assert not lines[ref].reason
        assert lines[ref].choices[int(choice) - 1] == named


def the_order_of_what_comes_in_is_irrelevant(wave: Drawing, random: Random) -> None:
    """Markets may be listed in any order and files cut anywhere: the same bytes."""
    codes = list(wave.rules.markets)
    random.shuffle(codes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draw, "_ENTRIES_A_BLOCK", random.choice([1, 3, 1000]))
        assert wave.written(markets=codes, portion=random.choice([64, 100, 1000])) == wave.written()


def the_same_snapshot_and_secret_give_the_same_bytes(wave: Drawing, random: Random) -> None:
    """Drawn twice it is the same, and another secret is another order of the same entries."""
    again = Drawing(list(wave.lines), Rules.from_json(wave.rules.to_json()), bytes(wave.secret))
    assert again.written() == wave.written()


def the_fast_ways_are_the_one_rule(wave: Drawing, random: Random) -> None:
    """The rule taken literally, over shuffled pairs, and the outsiders' file give the same lines."""
    drawn_by = {line.ref: verify_draw.ticket_of(wave.key, line.ref) for line in wave.lines}
    pairs = [
        (line.ref, choice, market, line.tier, drawn_by[line.ref])
        for line in wave.lines
        if not line.reason
        for choice, market in enumerate(line.choices, start=1)
    ]
    random.shuffle(pairs)
    places = {code: market.places for code, market in wave.rules.markets.items()}
    found = rerun.walk_down(pairs, list(wave.rules.ranking), places)
    rows = sorted((market, position, ref, choice) for ref, (market, choice, position) in found.items())

    lines = [
        f"{ref},{market},{choice},{event_of(wave.rules.markets[market], position)},{position}"
        for market, position, ref, choice in rows
    ]
    assert wave.written().decode().splitlines()[1:] == lines


def event_of(market: MarketRules, position: int) -> str:
    """The date whose places a position falls into, counted one by one."""
    return [*(event.event for event in market.events for _ in range(event.places)), *[""] * market.places][position - 1]


def more_places_drop_nobody(wave: Drawing, random: Random) -> None:
    """With more places in some market everybody who was chosen is chosen, for the same choice or a better one.

    It holds under every ranking. Go down both lists at once: they differ by one thing, a place that is still left, or
    one entry more that has a place. When that entry comes to the place it had without the change, that one is left.
    """
    code = random.choice(list(wave.rules.markets))
    more = MarketRules(wave.rules.markets[code].places + random.randint(1, 4), "concurrent")
    before = wave.choices()

    after = wave.choices(replace(wave.rules, markets={**wave.rules.markets, code: more}))

    assert all(after.get(entry, 99) <= choice for entry, choice in before.items())


PROPERTIES = [
    nothing_is_given_twice_or_over,
    the_order_of_what_comes_in_is_irrelevant,
    the_same_snapshot_and_secret_give_the_same_bytes,
    the_fast_ways_are_the_one_rule,
    more_places_drop_nobody,
]
type Property = Callable[[Drawing, Random], None]


@pytest.mark.parametrize("holds", PROPERTIES)
@given(wave=drawings(), random=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=120)
def test_it_holds_of_every_draw(holds: Property, wave: Drawing, random: Random) -> None:
    holds(wave, random)


@pytest.mark.soak
@pytest.mark.parametrize("holds", PROPERTIES)
@given(wave=drawings(), random=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=10_000)
def test_it_holds_of_ten_thousand_draws(holds: Property, wave: Drawing, random: Random) -> None:
    holds(wave, random)


def test_another_secret_gives_another_order() -> None:
    lines = [Line(ref_of(number), ("a",)) for number in range(1000)]
    rules = replace(RULES, ranking=(), markets={"a": MarketRules(500, "concurrent")})

    first, second = (set(Drawing(lines, rules, bytes([byte]) * 32).choices()) for byte in (1, 2))

    assert 180 < len(first & second) < 320  # Half of a half by chance, with a deviation of 11.


def gaining(
    ranking: Ranking, fans: int, markets: Sequence[str], *, tiers: Sequence[int] = (0,), most_places: int = 2
) -> tuple[list[Fan], dict[str, int], int, Order] | None:
    """The first of all waves of this size in which a fan gains by a false order, and how."""
    for wave, places in all_waves(fans, markets, tiers=tiers, most_places=most_places):
        for number, false in gains(wave, ranking, places):
            return wave, places, number, false
    return None


TRUTHFUL: list[Ranking] = [(), ("score",)]


@pytest.mark.parametrize("ranking", TRUTHFUL)
def test_nobody_gains_by_a_false_order(ranking: Ranking) -> None:
    tiers = (0, 1) if ranking else (0,)

    assert gaining(ranking, 3, "ab", tiers=tiers) is None
    assert gaining(ranking, 2, "abc", tiers=tiers, most_places=1) is None


@pytest.mark.soak
@pytest.mark.parametrize("ranking", TRUTHFUL)
def test_nobody_gains_by_a_false_order_among_three_fans_and_three_markets(ranking: Ranking) -> None:
    assert gaining(ranking, 3, "abc", tiers=(0, 1) if ranking else (0,)) is None


@pytest.mark.parametrize("ranking", [ranking for ranking in RANKINGS if "preference" in ranking])
def test_where_first_choices_come_first_somebody_gains_by_a_false_order(ranking: Ranking) -> None:
    found = gaining(ranking, 2, "ab")

    assert found is not None
    wave, places, number, false = found
    honest = placed(wave, ranking, places)
    lying = placed([*wave[:number], replace(wave[number], order=false), *wave[number + 1 :]], ranking, places)
    assert worth(wave[number].order, lying[number]) < worth(wave[number].order, honest[number])


def documented() -> tuple[list[str], list[Fan], dict[str, int], dict[str, tuple[str, str]]]:
    """The case of docs/draws.md: names, fans, places, and each fan's market by the true and by the false order."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in DOCUMENT.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and line.count("|") == 6
    ]
    fans = [Fan(order=tuple(row[2].split(", then ")), ticket=int(row[1])) for row in rows[1:]]
    places = Counter({market: 1 for fan in fans for market in fan.order})
    return [row[0] for row in rows[1:]], fans, dict(places), {row[0]: (row[3], row[4]) for row in rows[1:]}


def test_the_documented_case_gains_where_first_choices_come_first_and_nowhere_else() -> None:
    names, fans, places, told = documented()
    ben = names.index("Ben")
    lying = [replace(fan, order=tuple(reversed(fan.order))) if fan is fans[ben] else fan for fan in fans]

    for ranking in (("preference",), ("preference", "score"), ("score", "preference")):
        honest, false = placed(fans, ranking, places), placed(lying, ranking, places)
        assert {name: (honest[i] or "none", false[i] or "none") for i, name in enumerate(names)} == told
        assert (ben, lying[ben].order) in gains(fans, ranking, places)
    assert not any(number == ben for ranking in TRUTHFUL for number, _ in gains(fans, ranking, places))


def test_a_cap_on_the_choices_brings_gaming_back_even_in_a_pure_lottery() -> None:
    true = ("Los Angeles", "Phoenix")
    fans = [Fan(("Los Angeles",), ticket=1), Fan(true[:1], ticket=2)]

    honest = placed(fans, (), {"Los Angeles": 1, "Phoenix": 1})
    cunning = placed([fans[0], Fan(true[1:], ticket=2)], (), {"Los Angeles": 1, "Phoenix": 1})

    assert worth(true, cunning[1]) < worth(true, honest[1])
