"""Waves small enough to try every order that a fan could name, and the one rule over them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations, product

from tests.waves.bundles import ref_of
from tests.waves.rerun import walk_down

type Order = tuple[str, ...]


@dataclass(frozen=True)
class Fan:
    """A fan with the order that she names, her tier and her ticket."""

    order: Order
    tier: int = 0
    ticket: int = 0


def orders(markets: Sequence[str], most: int | None = None) -> list[Order]:
    """Every order that a fan can name: of all markets, of some, down to one; at most so many."""
    return [order for count in range(1, (most or len(markets)) + 1) for order in permutations(markets, count)]


def placed(fans: Sequence[Fan], ranking: Sequence[str], places: dict[str, int]) -> list[str | None]:
    """Each fan's market, or none."""
    pairs = [
        (ref_of(number), choice, market, fan.tier, fan.ticket)
        for number, fan in enumerate(fans)
        for choice, market in enumerate(fan.order, start=1)
    ]
    found = walk_down(pairs, list(ranking), places)
    return [found[ref_of(number)][0] if ref_of(number) in found else None for number in range(len(fans))]


def worth(order: Order, market: str | None) -> int:
    """How good a market is to whom this is the true order; lower is better, none is worst, and unwanted is as none."""
    return order.index(market) if market is not None and market in order else len(order)


def gains(
    fans: Sequence[Fan], ranking: Sequence[str], places: dict[str, int], *, most: int | None = None
) -> Iterator[tuple[int, Order]]:
    """Each fan with a false order by which she gets a market that she likes better than by her true one."""
    honest = placed(fans, ranking, places)
    for number, fan in enumerate(fans):
        true = worth(fan.order, honest[number])
        if true == 0:
            continue  # She has the best there is.
        for false in orders(list(places), most):
            others = [*fans]
            others[number] = Fan(false, fan.tier, fan.ticket)
            if worth(fan.order, placed(others, ranking, places)[number]) < true:
                yield number, false


def all_waves(
    fans: int, markets: Sequence[str], *, tiers: Sequence[int] = (0,), most_places: int = 2
) -> Iterator[tuple[list[Fan], dict[str, int]]]:
    """Every wave of so many fans: all orders, all tiers, all orders of tickets, all places from 0."""
    for places in product(range(most_places + 1), repeat=len(markets)):
        for named in product(orders(markets), repeat=fans):
            for tier in product(tiers, repeat=fans):
                for tickets in permutations(range(fans)):
                    rows = zip(named, tier, tickets, strict=True)
                    yield [Fan(*row) for row in rows], dict(zip(markets, places, strict=True))
