"""The rules of a wave's draw, fixed at its freeze and published as rules.json."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

FORMAT: Final = "monoql-draw/1"
MOST_WAVES: Final = 32
HIGHEST_SCORE: Final = 100

Ranking = tuple[str, ...]

RANKINGS: Final[tuple[Ranking, ...]] = (
    ("preference", "score"),
    ("preference",),
    ("score",),
    (),
    ("score", "preference"),
)
"""Every ranking that a wave may have, the default first."""

_CODE = re.compile(r"[A-Za-z0-9._-]{1,40}")
_DATE_KEY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}b?")
_HASH = re.compile(r"[0-9a-f]{64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class BadRules(ValueError):
    """The rules are not such that a draw could follow them."""


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise BadRules(message)


def _is_count(value: object, least: int = 0) -> bool:
    return type(value) is int and value >= least


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not _CONTROL.search(value)


def checked_ranking(ranking: Sequence[str]) -> Ranking:
    """Return the ranking as a tuple.

    :raises BadRules: it is none of the five.
    """
    criteria = tuple(ranking)
    _require(criteria in RANKINGS, f"{list(criteria)} is not a ranking of the draw.")
    return criteria


@dataclass(frozen=True, slots=True)
class EventRules:
    """An event of a sequential market, and the places of its own pool."""

    event: str
    places: int

    def __post_init__(self) -> None:
        """:raises BadRules: the code or the number of places is not one."""
        _require(is_code(self.event), f"{self.event!r} is not an event's code.")
        _require(_is_count(self.places), f"Event {self.event} has no whole number of places.")


def is_code(value: object) -> bool:
    """Tell whether the value is a market's or event's code: 1 to 40 letters, digits, ``.``, ``_``, ``-``."""
    return isinstance(value, str) and _CODE.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class MarketRules:
    """A market's places after every cut, and how they are split; ``events`` only where it is sequential."""

    places: int
    split: str
    events: tuple[EventRules, ...] = ()

    def __post_init__(self) -> None:
        """:raises BadRules: the places and the events do not fit together."""
        _require(_is_count(self.places), "A market has no whole number of places.")
        _require(self.split in ("sequential", "concurrent"), f"{self.split!r} is not a split.")
        if self.split == "concurrent":
            _require(not self.events, "A concurrent market shares one pool and lists no events.")
            return
        _require(bool(self.events), "A sequential market lists its events.")
        _require(
            len({event.event for event in self.events}) == len(self.events),
            "A market lists an event twice.",
        )
        _require(
            sum(event.places for event in self.events) == self.places,
            "The places of a market's events do not sum to its own.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a draw follows; ``markets`` is by market code."""

    campaign: str
    wave: str
    number: int
    ranking: Ranking
    score_tier: int
    score_min: int | None
    score_max: int | None
    audience: str
    reassign: bool
    public_source: str
    previous_allocation_sha256: str
    previous_voided_sha256: str
    markets: Mapping[str, MarketRules]

    def __post_init__(self) -> None:
        """:raises BadRules: a value is not one that spec and draw allow."""
        _require(bool(self.campaign) and _is_text(self.campaign), "The rules name no campaign.")
        _require(_is_date_key(self.wave), f"{self.wave!r} is not a wave's dateKey.")
        _require(
            _is_count(self.number, 1) and self.number <= MOST_WAVES,
            f"A wave's number is from 1 to {MOST_WAVES}, not {self.number!r}.",
        )
        checked_ranking(self.ranking)
        _require(_is_count(self.score_tier, 1), "A score tier is at least 1 wide.")
        for bound in (self.score_min, self.score_max):
            _require(
                bound is None or (_is_count(bound) and bound <= HIGHEST_SCORE),
                f"A score is from 0 to {HIGHEST_SCORE}, not {bound!r}.",
            )
        _require(_is_audience(self.audience), f"{self.audience!r} is not an audience.")
        _require(type(self.reassign) is bool, "Reassigning is either true or false.")
        _require(_is_text(self.public_source), "The public source is not a line of text.")
        for digest in (self.previous_allocation_sha256, self.previous_voided_sha256):
            _require(_is_previous_hash(digest), f"{digest!r} is not a previous file's hash.")
        for market in self.markets:
            _require(is_code(market), f"{market!r} is not a market's code.")

    def to_json(self) -> bytes:
        """Return rules.json: one line in the spec's order of keys, ended by a newline.

        Letters outside ASCII stand as themselves, in UTF-8.
        """
        values = {
            "format": FORMAT,
            "campaign": self.campaign,
            "wave": self.wave,
            "number": self.number,
            "ranking": list(self.ranking),
            "score_tier": self.score_tier,
            "score_min": self.score_min,
            "score_max": self.score_max,
            "audience": self.audience,
            "reassign": self.reassign,
            "public_source": self.public_source,
            "previous_allocation_sha256": self.previous_allocation_sha256,
            "previous_voided_sha256": self.previous_voided_sha256,
            "markets": {code: _market_values(market) for code, market in self.markets.items()},
        }
        return json.dumps(values, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_json(cls, stored: bytes) -> "Rules":
        """Return the rules that these bytes hold, whatever their spaces and order of keys.

        :raises BadRules: a key is missing, unknown or there twice, or a value is not allowed.
        """
        try:
            values = json.loads(stored.decode(), object_pairs_hook=_without_doubles)
        except ValueError as error:  # BadRules is one too.
            raise BadRules(f"rules.json cannot be read: {error}") from error
        names = [name for name in cls.__dataclass_fields__ if name != "markets"]
        fields = _with_keys(values, {"format", *names, "markets"}, "rules.json")
        _require(fields["format"] == FORMAT, f"The format is not {FORMAT}.")
        markets = fields["markets"]
        _require(isinstance(markets, dict), "The markets are not listed by code.")
        _require(isinstance(fields["ranking"], list), "The ranking is not a list.")
        return cls(
            **{name: fields[name] for name in names if name != "ranking"},
            ranking=checked_ranking(fields["ranking"]),
            markets={code: _read_market(code, market) for code, market in markets.items()},
        )


def _is_date_key(value: object) -> bool:
    return isinstance(value, str) and _DATE_KEY.fullmatch(value) is not None


def _is_audience(value: object) -> bool:
    if not isinstance(value, str) or not _is_text(value):
        return False
    kind, colon, name = value.partition(":")
    if kind == "waitlisted":
        return _is_date_key(name)
    return value == "all" or (kind == "fanlist" and colon == ":" and bool(name))


def _is_previous_hash(value: object) -> bool:
    return isinstance(value, str) and (value == "" or _HASH.fullmatch(value) is not None)


def _market_values(market: MarketRules) -> dict[str, object]:
    events = [{"event": event.event, "places": event.places} for event in market.events]
    return {"places": market.places, "split": market.split, "events": events}


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a JSON object's pairs as a dict; json itself would silently keep the last of two."""
    values = dict(pairs)
    _require(len(values) == len(pairs), "A key stands twice.")
    return values


def _with_keys(values: object, keys: set[str], where: str) -> dict[str, Any]:
    if not isinstance(values, dict) or set(values) != keys:
        raise BadRules(f"The keys of {where} are not exactly {', '.join(sorted(keys))}.")
    return values


def _read_market(code: str, stored: object) -> MarketRules:
    values = _with_keys(stored, {"places", "split", "events"}, f"market {code}")
    _require(isinstance(values["events"], list), f"The events of market {code} are not a list.")
    events = [_with_keys(event, {"event", "places"}, f"an event of {code}") for event in values["events"]]
    return MarketRules(
        places=values["places"],
        split=values["split"],
        events=tuple(EventRules(event=event["event"], places=event["places"]) for event in events),
    )
