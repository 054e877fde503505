"""A draw's rules and results in the operator's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from waves.rules import Ranking


@dataclass(frozen=True)
class RankingWords:
    """What a ranking is called, what it does, and what is honest to say of it (spec: the one rule)."""

    title: str
    effect: str
    honest: str


_GAMED = "Most fans get their first choice; a fan can gain by not naming a sought-after market first."
_TRUE_ORDER = "Naming markets in one's true order is always best."
RANKING_WORDS: Final[Mapping[Ranking, RankingWords]] = {
    ("preference", "score"): RankingWords(
        "First choices first, then score tier, then lot",
        "First choices are served before any second choice; among equals the higher score tier, then the lot.",
        _GAMED,
    ),
    ("preference",): RankingWords(
        "First choices first, then lot",
        "First choices are served before any second choice, in an order drawn by lot. Scores do not matter.",
        _GAMED,
    ),
    ("score",): RankingWords(
        "Score tier, then lot",
        "Fans take turns, the highest score tier first and by lot inside a tier; each gets the best market left.",
        _TRUE_ORDER,
    ),
    (): RankingWords(
        "Lot alone",
        "Fans take turns in an order drawn by lot; each gets the best market left. Scores do not matter.",
        _TRUE_ORDER,
    ),
    ("score", "preference"): RankingWords(
        "Score tier, inside it first choices first, then lot",
        "Tier by tier; inside a tier first choices are served before any second choice.",
        "Between the two: a fan can gain a little by not naming a sought-after market first.",
    ),
}
CAPPED_CHOICES = "Where fans may rank only some of the markets, gaming comes back under every ranking."

REASON_WORDS: Final[Mapping[str, str]] = {
    "withdrawn": "withdrew",
    "excluded": "on the filter list, or a gate not passed",
    "blocked": "on the filter list",
    "unconfirmed": "address or phone not proved",
    "gate_failed": "a gate not passed",
    "already_selected": "chosen by an earlier wave",
    "not_in_audience": "not in this wave's audience",
    "no_choice": "names no market of this wave",
    "below_min_score": "score below the lower bound",
    "above_max_score": "score above the upper bound",
}
"""Each reason that keeps an entry out of the draw, in the spec's order; ``excluded`` is what the snapshot publishes."""

PHASES = ("holding", "freezing", "awaiting public value", "drawing", "assigning", "writing")
PHASE_WORDS: Final[Mapping[str, str]] = {
    "holding": "Take the codes",
    "freezing": "Freeze the list of entries",
    "awaiting public value": "Await the public value",
    "drawing": "Draw the order and place",
    "assigning": "Give each place its code",
    "writing": "Write the files",
}


def ordinal(number: int) -> str:
    """A number as ``1st``, ``2nd``, ``11th``."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def ranking_title(ranking: Sequence[str]) -> str:
    """What a ranking is called."""
    words = RANKING_WORDS.get(tuple(ranking))
    return words.title if words is not None else ", ".join(ranking)


def lot_number(ticket: str) -> str:
    """A ticket of 16 hex digits as a number from 0 to 1; lower comes earlier."""
    return f"{int(ticket, 16) / 2**64:.4f}"


def cutoff_text(cutoff: Mapping[str, Any] | None, ranking: Sequence[str]) -> str:
    """The last who got into a market, by what the ranking sorted on."""
    if cutoff is None:
        return "did not fill: everybody who came to it got in"
    parts = {"preference": f"{ordinal(int(cutoff['choice']))} choice", "score": f"tier {cutoff['tier']}"}
    return ", ".join([*(parts[criterion] for criterion in ranking), f"lot {lot_number(str(cutoff['ticket']))}"])


def shares_by_choice(placed_by_choice: Sequence[int]) -> str:
    """How the placed fans spread over their choices: ``1st choice 85 %, 2nd 11 %, 3rd 3 %``."""
    total = sum(placed_by_choice)
    if not total:
        return ""
    shown = [(place, count) for place, count in enumerate(placed_by_choice, start=1) if count]
    texts = [f"{ordinal(place)} {_percent(count, total)}" for place, count in shown[:5]]
    later = sum(count for _, count in shown[5:])
    texts += [f"later {_percent(later, total)}"] if later else []
    return "placed with their choice: " + ", ".join(texts)


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole
    return f"{share:.0f} %" if share >= 10 or share == 0 else f"{share:.1f} %"
