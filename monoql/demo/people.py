"""Invented people: home, language, name, mailbox and phone. The same seed gives the same people for ever.

People come in blocks of ``BLOCK``. Each block has its own counter-based generator, keyed by the seed and the
block's number, so any block can be drawn alone and nothing depends on how many are asked for at once.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache

import numpy as np
import numpy.typing as npt

from monoql.demo.addresses import (
    Address,
    BlockOfAddresses,
    Mailbox,
    disposable_address,
    numbered_address,
)
from monoql.demo.names import NamePart, NameStock, name_stock
from monoql.demo.phones import number_ranges
from monoql.demo.places import Home, homes
from monoql.demo.tour import tour_markets

BLOCK = 1024
PEOPLE_STREAM = 0
_SHARES_A_PERSON = 24
_LANGUAGE_OF_COMMUNITY = {
    "spanish": "es_MX",
    "castilian": "es_ES",
    "portuguese": "pt_BR",
    "french": "fr_FR",
    "german": "de_DE",
    "japanese": "ja_JP",
    "arabic": "ar_EG",
}
_COUNTRIES_OF_COMMUNITY = {
    "spanish": "MX",
    "castilian": "ES",
    "portuguese": "BR PT",
    "french": "FR CA BE CH",
    "german": "DE AT CH",
    "japanese": "JP",
    "arabic": "EG MA AE",
    "korean": "KR",
    "chinese": "CN TW",
    "ukrainian": "UA",
    "cyrillic": "BG UA",
    "greek": "GR",
    "thai": "TH",
    "vietnamese": "VN",
    "central_european": "PL",
    "nordic": "SE",
}
_AMERICAN_ENGLISH = frozenset({"US", "CA", "MX", "BR", "JP", "KR", "CN", "TW"})

Floats = npt.NDArray[np.float64]


class Abuse(StrEnum):
    """What is wrong with an invented registration; most have nothing."""

    NONE = ""
    SHARED_PHONE = "shared phone"
    DISPOSABLE = "disposable address"
    BURST = "burst"
    TAGS = "one mailbox, many tags"


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person; ``home`` is the index of her town, ``loyalty`` a share from 0 up to but not 1."""

    number: int
    name: str
    address: Address
    phone: str
    locale: str
    postal_code: str
    home: int
    latitude: float
    longitude: float
    loyalty: float
    abuse: Abuse
    group: int


def shares(*, seed: int, stream: int, block: int, columns: int) -> Floats:
    """Give columns of a block's random shares, each from 0 up to but not 1.

    ``stream`` keeps purposes apart; it and the block are below 2**32, the seed below 2**64.
    """
    key = np.array([seed, stream << 32 | block], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).random((columns, BLOCK))


@dataclass(frozen=True, slots=True)
class _Neighbourhood:
    """One language in one town, with all that its people have in common."""

    home: int
    town: Home
    stock: NameStock
    community: str
    is_at_home: bool
    home_locale: str
    other_locale: str
    mail_language: str


@cache
def _neighbourhoods() -> tuple[tuple[_Neighbourhood, ...], Floats]:
    """All of them, and the growing sum of their shares of the world, which ends at 1."""
    population = {market.code: market.metro_population for market in tour_markets()}
    found = []
    weights = []
    for number, home in enumerate(homes()):
        of_market = sum(other.weight for other in homes() if other.market == home.market)
        of_town = sum(weight for _, weight in home.communities)
        for community, weight in home.communities:
            found.append(_neighbourhood(number, home, community))
            weights.append(population[home.market] * home.weight / of_market * weight / of_town)
    growth = np.cumsum(np.array(weights) / sum(weights))
    growth[-1] = 1.0
    return tuple(found), growth


def _neighbourhood(number: int, home: Home, community: str) -> _Neighbourhood:
    english = "en_US" if home.country in _AMERICAN_ENGLISH else "en_GB"
    locale = _LANGUAGE_OF_COMMUNITY.get(community, english)
    if locale == "fr_FR" and home.country == "CA":
        locale = "fr_CA"
    return _Neighbourhood(
        home=number,
        town=home,
        stock=name_stock(community),
        community=community,
        is_at_home=home.country in _COUNTRIES_OF_COMMUNITY.get(community, "").split(),
        home_locale=locale,
        other_locale=english,
        mail_language=locale[:2],
    )


def draw_people(*, seed: int, block: int) -> list[Person]:
    """Give the people of one block, in order."""
    columns = shares(seed=seed, stream=PEOPLE_STREAM, block=block, columns=_SHARES_A_PERSON)
    neighbourhoods, growth = _neighbourhoods()
    which = np.searchsorted(growth, columns[0], side="right").tolist()
    abuses = _abuses(seed=seed, block=block)
    addresses = BlockOfAddresses(block)
    people: list[Person] = []
    by_group: dict[int, Person] = {}
    for row, (place, ways) in enumerate(zip(which, columns.T.tolist(), strict=True)):
        abuse, group = abuses.get(row, (Abuse.NONE, 0))
        person = _person(block * BLOCK + row, neighbourhoods[place], ways, addresses)
        if abuse:
            person = _spoiled(person, abuse, group, by_group.get(group), ways, addresses)
            if group:
                by_group.setdefault(group, person)
        people.append(person)
    return people


def _person(number: int, place: _Neighbourhood, ways: list[float], addresses: BlockOfAddresses) -> Person:
    stock, town = place.stock, place.town
    given = stock.given[int(ways[1] * len(stock.given))]
    family = stock.family[int(ways[2] * len(stock.family))]
    speaks_own = ways[12] < (0.97 if place.is_at_home else 0.40)
    mailbox = Mailbox(
        given=given,
        family=family,
        language=place.mail_language,
        ways=(ways[13], ways[14], ways[15], ways[16], ways[17]),
    )
    return Person(
        number=number,
        name=_full_name(place, given, family, ways),
        address=addresses.address(mailbox),
        phone=_phone(town, ways) if ways[11] < 0.95 else "",
        locale=place.home_locale if speaks_own else place.other_locale,
        postal_code=_postal_code(town.postal, ways[18]),
        home=place.home,
        latitude=town.latitude + _bell(ways[19], ways[20]) * town.spread / 111,
        longitude=town.longitude + _bell(ways[21], ways[22]) * town.spread / 90,
        loyalty=ways[23],
        abuse=Abuse.NONE,
        group=0,
    )


def _phone(town: Home, ways: list[float]) -> str:
    ranges = number_ranges(town)
    return ranges[int(ways[9] * len(ranges))].number(ways[10])


def _bell(one: float, other: float) -> float:
    """A number around 0, mostly between -1 and 1, from two even shares."""
    return (one + other - 1) * 1.6


def _full_name(place: _Neighbourhood, given: NamePart, family: NamePart, ways: list[float]) -> str:
    stock = place.stock
    is_native = ways[3] < (0.95 if place.is_at_home else 0.25)
    if not is_native:
        name = f"{given.latin} {family.latin}"
    elif stock.is_family_first:
        name = family.written + stock.joint + given.written
    else:
        name = f"{given.written} {family.written}"
        if stock.has_two_families and ways[4] < 0.7:
            name += " " + stock.family[int(ways[5] * len(stock.family))].written
    if place.community == "english" and ways[6] < 0.07:
        name = f"{given.latin} {'ABCDEFGHJKLMNPRSTW'[int(ways[7] * 18)]}. {family.latin}"
    if ways[8] < 0.025:
        return name.lower()
    return name.upper() if ways[8] > 0.985 else name


def _postal_code(pattern: str, way: float) -> str:
    digits = int(way * 10**8)
    code = ""
    for sign in pattern:
        if sign == "#":
            digits, digit = divmod(digits, 10)
            code += str(digit)
        elif sign == "@":
            digits, place = divmod(digits, 20)
            code += "ABCEGHJKLMNPRSTVWXYZ"[place]
        else:
            code += sign
    return code


# Each block's groups of abusers, with the least and the most that belong to one.
_GROUPS = (
    (Abuse.SHARED_PHONE, 4, 9),
    (Abuse.SHARED_PHONE, 4, 9),
    (Abuse.TAGS, 3, 6),
    (Abuse.BURST, 9, 24),
)


def _abuses(*, seed: int, block: int) -> dict[int, tuple[Abuse, int]]:
    """Which rows of a block are abuse, and the group that each belongs to (0 stands alone)."""
    way = shares(seed=seed, stream=PEOPLE_STREAM + 1, block=block, columns=1)[0].tolist()
    found: dict[int, tuple[Abuse, int]] = {}
    for group, (abuse, least, most) in enumerate(_GROUPS, start=1):
        size = least + int(way[group * 4] * (most - least + 1))
        first = int(way[group * 4 + 1] * (BLOCK - 160))
        # A burst comes in one breath; people who share a phone or a mailbox come one by one.
        gap = 1 if abuse is Abuse.BURST else 1 + int(way[group * 4 + 2] * 12)
        for row in range(first, first + size * gap, gap):
            found.setdefault(row, (abuse, group))
    for place in range(100, 108):
        found.setdefault(int(way[place] * BLOCK), (Abuse.DISPOSABLE, 0))
    return found


def _spoiled(
    person: Person,
    abuse: Abuse,
    group: int,
    first: Person | None,
    ways: list[float],
    addresses: BlockOfAddresses,
) -> Person:
    """The person as one of a group of abusers; ``first`` is the group's earlier member, if there is one."""
    address, phone, name = person.address, person.phone, person.name
    if abuse is Abuse.DISPOSABLE:
        address = disposable_address(number=person.number, way=ways[13])
    elif abuse is Abuse.BURST:
        address = numbered_address(word="fan", number=person.number)
        phone = first.phone if first is not None and ways[11] < 0.6 else phone
    elif abuse is Abuse.TAGS and first is not None:
        address = addresses.tagged(first.address, person.number - first.number)
        name, phone = first.name, first.phone
    elif abuse is Abuse.SHARED_PHONE:
        phone = first.phone if first is not None else phone or _phone(homes()[person.home], ways)
    neighbour = first or person
    return replace(
        person,
        name=name,
        address=address,
        phone=phone,
        home=neighbour.home,
        latitude=neighbour.latitude,
        longitude=neighbour.longitude,
        abuse=abuse,
        group=group,
    )
