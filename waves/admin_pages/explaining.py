"""Why a wave chose an entry or did not, in the words of the admin: everything that decided it, for support."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from waves.admin_pages.words import REASON_WORDS, cutoff_text, lot_number, ordinal
from waves.explanation import AFTER_FREEZE, MARKETS_FULL, PLACED, Explanation, Named
from waves.models import Wave

FULL_WORDS = {
    "choice": "full: its last place went to an earlier choice",
    "tier": "full: its last place went to a higher tier",
    "ticket": "full: its last place went to a lower number",
    "no_places": "had no places in this wave",
}
VOIDED_WORDS = {
    "withdrawn": "voided: withdrew after the freeze",
    "excluded": "voided: put on the filter list after the freeze",
    "erased": "voided: erased after the freeze",
    "taken_back": "its code was taken back",
}


@dataclass(frozen=True)
class Row:
    """One market that the entry named."""

    market: str
    own_key: str
    cutoff: str
    words: str


@dataclass(frozen=True)
class Explained:
    """One wave on an entry's page: what came of it in a word and its colour, a sentence, and a row for each market."""

    wave: Wave
    result: str
    kind: str
    words: str
    ticket: str = ""
    lot: str = ""
    tier: int = 0
    rows: Sequence[Row] = ()


def explained(why: Explanation) -> Explained:
    """An explanation in words."""
    result, kind, words = _result(why)
    return Explained(
        wave=why.draw.wave,
        result=result,
        kind=kind,
        words=words,
        ticket=why.ticket,
        lot=lot_number(why.ticket) if why.ticket else "",
        tier=why.tier,
        rows=[_row(why, named) for named in why.named],
    )


def _result(why: Explanation) -> tuple[str, str, str]:
    given = why.assignment
    if why.result == PLACED and given is not None:
        if given.voided:
            return "voided", "bad", f"{given.market}; {VOIDED_WORDS[given.voided]}"
        event = f", {given.event}" if given.event is not None else ""
        return "selected", "good", f"{given.market}{event} · choice {given.choice}, position {given.position:,}"
    if why.result == MARKETS_FULL:
        return "not selected", "plain", "all its markets were full"
    if why.result == AFTER_FREEZE:
        return "not in the list", "plain", "the entry came after the freeze"
    return "left out", "plain", REASON_WORDS[why.hidden_reason or why.result]


def _row(why: Explanation, named: Named) -> Row:
    parts = {"preference": f"{ordinal(named.choice)} choice", "score": f"tier {why.tier}"}
    own = ", ".join([*(parts[criterion] for criterion in why.ranking), f"lot {lot_number(why.ticket)}"])
    if named.cutoff is not None:
        stored = {**asdict(named.cutoff), "ticket": f"{named.cutoff.ticket:016x}"}
        cutoff = cutoff_text(stored, why.ranking)
    else:
        cutoff = "no places" if not named.places else cutoff_text(None, why.ranking)
    chosen = why.assignment.choice if why.assignment is not None else None
    words = FULL_WORDS.get(named.full_by, "got its place here" if named.choice == chosen else "not needed any more")
    return Row(market=str(named.market), own_key=own, cutoff=cutoff, words=words)
