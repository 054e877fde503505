"""A row of the report, and how it is measured: ours and the reference in turn, five times, medians."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

ROUNDS = 5


@dataclass(frozen=True)
class Row:
    """``ours`` and ``reference`` are seconds a ``unit``; the goal is the ratio's ceiling."""

    name: str
    unit: str
    ours: float
    reference: float
    ratio: float
    goal: float


def compare(
    name: str,
    *,
    unit: str,
    goal: float,
    ours: Callable[[], float],
    reference: Callable[[], float],
    rounds: int = ROUNDS,
) -> Row:
    """Measure both in turn; each function gives the seconds a unit of one round."""
    pairs = []
    for number in range(rounds):
        pairs.append((ours(), reference()))
        print(f"  {name}, round {number + 1} of {rounds}: {pairs[-1][0]:.6f} and {pairs[-1][1]:.6f} s", flush=True)
    mine, bare = (median(side) for side in zip(*pairs, strict=True))
    return Row(name=name, unit=unit, ours=mine, reference=bare, ratio=round(mine / bare, 3), goal=goal)


def table(rows: Sequence[Row]) -> str:
    """The rows as text for a terminal."""
    lines = [f"{'':44} {'unit':>9} {'ours':>12} {'reference':>12} {'ratio':>6} {'goal':>5}"]
    for row in rows:
        mark = "" if row.ratio <= row.goal else "  over its goal"
        lines.append(
            f"{row.name:44} {row.unit:>9} {row.ours:>10.6f} s {row.reference:>10.6f} s"
            f" {row.ratio:>6.2f} {row.goal:>5.1f}{mark}"
        )
    return "\n".join(lines)
