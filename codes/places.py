"""Where a line of a file goes: what it says of campaign, market, event and type, as a pool's place.

A place is a market or one of its events, and a type of codes. Its pool may not exist yet.
"""

from collections.abc import Mapping
from typing import NamedTuple

from django.conf import settings
from modeltranslation.utils import build_localized_fieldname

from campaigns.models import Campaign, Event, Market

MOST_LETTERS_IN_TYPE = 40
MOST_TYPES = 20
"""Different types of codes in one file; a column with more of them is no column of types."""
MOST_KEPT = 10_000
"""Different lines' ends whose place is remembered; a file with more of them costs time, never memory."""

OTHER_CAMPAIGN = "The line is of another campaign."
NO_MARKET = "The campaign has no such market."
MANY_MARKETS = "Several markets of the campaign are called so: write the market's code."
NO_EVENT = "The campaign has no such event."
OTHER_MARKET = "The event belongs to another market than the line says."
WHICH_EVENT = "This market's events have separate pools, and the line does not say which event."
SHARED_POOL = "This market's events share one pool: a line for it names no event."
NO_PLACE = "The line names no market, and no market was chosen for such lines."
LONG_TYPE = f"The type of the code is longer than {MOST_LETTERS_IN_TYPE} characters."
MANY_TYPES = f"The file has more than {MOST_TYPES} types of codes; this line's comes after them."


class Place(NamedTuple):
    """What a pool is for."""

    market_id: int
    event_id: int | None
    code_type: str


class Places:
    """The places of a campaign, by all the words that a line may use for them, and those that a file's lines took.

    What a line says is never part of a refusal: with columns mixed up it would be a code.
    """

    def __init__(self, campaign: Campaign, *, default: Place | None, code_type: str) -> None:
        self.taken: list[Place] = []
        self._numbers: dict[Place, int] = {}
        self._kept: dict[tuple[str, ...], int | str] = {}
        self._default, self._code_type = default, code_type
        self._campaign = {campaign.domain.lower(), str(campaign.public_id), campaign.public_id.hex}
        markets = list(campaign.markets.select_related("venue").order_by("number"))
        events = list(campaign.events.order_by("market__number", "number", "pk"))
        self._markets = {market.pk: market for market in markets}
        self._events_of = {pk: [event for event in events if event.market_id == pk] for pk in self._markets}
        self._market_words = _market_words(markets)
        self._event_words = _event_words(events)
        types = campaign.pools.order_by("pk").values_list("code_type", flat=True).distinct()
        self._types = {name.casefold(): name for name in [*types, code_type]}
        self._types_of_file: set[str] = set()

    @property
    def words(self) -> set[str]:
        """Every word that names a campaign, a market, an event or a type, in small letters."""
        said = {*self._campaign, *self._market_words, *self._event_words, *self._types}
        return {word.casefold() for word in said}

    def number_of(self, said: tuple[str, ...]) -> int | str:
        """The number of a line's place in ``taken``, or why it has none; ``said`` is type, campaign, market, event."""
        found = self._kept.get(said)
        if found is None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            found = self._kept[said] = self._found(*said)
        return found

    def _found(self, code_type: str, campaign: str, market: str, event: str) -> int | str:
        if campaign and campaign.lower() not in self._campaign:
            return OTHER_CAMPAIGN
        where = self._where(market, event)
        if isinstance(where, str):
            return where
        known = self._type(code_type)
        if known in (LONG_TYPE, MANY_TYPES):
            return known
        place = Place(*where, known)
        if place not in self._numbers:
            self._numbers[place] = len(self.taken)
            self.taken.append(place)
        return self._numbers[place]

    def _where(self, market: str, event: str) -> tuple[int, int | None] | str:
        if not market and not event:
            return (self._default.market_id, self._default.event_id) if self._default else NO_PLACE
        named = _meant(self._event_words, event) if event else None
        if event and named is None:
            return NO_EVENT
        if not market and named is not None:
            return self._pool_of(named.market_id, named)
        markets = _meant(self._market_words, market) or []
        if not markets and (by_event := _meant(self._event_words, market)) is not None:
            # Some files name the event in the market's column.
            markets, named = [by_event.market_id], named or by_event
        if len(markets) != 1:
            return MANY_MARKETS if markets else NO_MARKET
        if named is not None and named.market_id != markets[0]:
            return OTHER_MARKET
        return self._pool_of(markets[0], named)

    def _pool_of(self, market_id: int, event: Event | None) -> tuple[int, int | None] | str:
        """Market and event of the pool that takes the line's codes, as the market's split says.

        A market's only event may be named in any case.
        """
        events = self._events_of[market_id]
        if self._markets[market_id].split == Market.Split.CONCURRENT:
            return (market_id, None) if event is None or len(events) == 1 else SHARED_POOL
        if event is None and len(events) != 1:
            return WHICH_EVENT
        return market_id, (event or events[0]).pk

    def _type(self, text: str) -> str:
        if not text:
            return self._code_type
        if len(text) > MOST_LETTERS_IN_TYPE:
            return LONG_TYPE
        known = self._types.get(text.casefold(), text)
        if known not in self._types_of_file:
            if len(self._types_of_file) >= MOST_TYPES:
                return MANY_TYPES
            self._types_of_file.add(known)
            self._types.setdefault(text.casefold(), text)
        return known


def _meant[T](words: Mapping[str, T], said: str) -> T | None:
    """What a word means: written exactly so, else with any capitals."""
    found = words.get(said)
    return found if found is not None else words.get(said.casefold())


def _market_words(markets: list[Market]) -> Mapping[str, list[int]]:
    """What markets are called: by their code, else by their venue or city in any language."""
    words: dict[str, list[int]] = {}
    for market in markets:
        columns = [build_localized_fieldname(part, code) for part in ("name", "city") for code, _ in settings.LANGUAGES]
        names = {str(market), *(getattr(market.venue, column) or "" for column in columns)}
        for name in {name.casefold() for name in names if name}:
            words.setdefault(name, []).append(market.pk)
    words |= {market.code.casefold(): [market.pk] for market in markets}
    return words | {market.code: [market.pk] for market in markets}


def _event_words(events: list[Event]) -> Mapping[str, Event]:
    """What events are called: by their code, else by their name where no other event has it."""
    names = [event.name.casefold() for event in events if event.name]
    words = {event.name.casefold(): event for event in events if names.count(event.name.casefold()) == 1}
    words |= {event.code.casefold(): event for event in events}
    return words | {event.code: event for event in events}
