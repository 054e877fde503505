"""Registrations of invented people: the markets they rank, when they came, their answers and their scores.

Everything follows from the seed, the campaign's number and the block; see ``monoql.demo.people``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from monoql.demo.moments import Integers, Period, registration_offsets
from monoql.demo.people import BLOCK, Abuse, Person, draw_people, shares
from monoql.demo.places import homes
from monoql.demo.tour import tour_markets

Floats = npt.NDArray[np.float64]

MOST_CHOICES = 6
_CHOICES_WANTED = np.cumsum([0.12, 0.20, 0.25, 0.19, 0.14])
# How far a venue's name reaches: what it adds to the logarithm of nearness.
_FAME = {
    "GB-LON": 1.1,
    "NV-LAS": 1.0,
    "CA-LAX": 0.9,
    "NJ-NYC": 0.8,
    "JP-TYO": 0.8,
    "FR-PAR": 0.6,
    "MX-MEX": 0.5,
    "ES-MAD": 0.5,
    "TX-DFW": 0.3,
    "TN-BNA": 0.3,
    "AU-SYD": 0.3,
}
_SOURCES = ("friend", "radio", "social", "newsletter", "venue", "other")
_SOURCE_SHARES = np.cumsum([0.27, 0.08, 0.41, 0.13, 0.05])


class Fan(NamedTuple):
    """One invented registration. ``choices`` are places in the tour, from 0, the favourite first.

    ``came`` and ``confirmed`` are microseconds after the opening; ``confirmed`` is ``None`` where the address
    was never proved. ``score`` is from 0 to 100, or ``None`` where none was calculated.
    """

    person: Person
    choices: tuple[int, ...]
    came: int
    confirmed: int | None
    score: int | None
    may_be_written_to: bool
    source: str
    tickets: int
    is_withdrawn: bool
    is_blocked: bool


@dataclass(frozen=True, slots=True)
class Crowd:
    """The fans of one campaign.

    ``first_block`` is the first block of people who are new. ``returning_block`` names the first block of the
    people of another campaign, of whom an eighth come here too, or is ``None``; ``returning_count`` says how
    many they are.
    """

    seed: int
    campaign: int
    count: int
    first_block: int
    period: Period
    returning_block: int | None = None
    returning_count: int = 0

    @property
    def blocks(self) -> int:
        """How many blocks of people it needs."""
        return -(-self.count // BLOCK)


def fans(crowd: Crowd) -> Iterator[Fan]:
    """Give the crowd's fans, roughly in the order in which they came."""
    for block in range(crowd.blocks):
        yield from _block_of_fans(crowd, block)


def _people_of(crowd: Crowd, block: int) -> list[Person]:
    people = draw_people(seed=crowd.seed, block=crowd.first_block + block)
    wanted = min(BLOCK, crowd.count - block * BLOCK)
    if crowd.returning_block is not None and (block + 1) * BLOCK <= crowd.returning_count:
        returning = draw_people(seed=crowd.seed, block=crowd.returning_block + block)
        people[::8] = returning[::8]
    return people[:wanted]


def _block_of_fans(crowd: Crowd, block: int) -> list[Fan]:
    people = _people_of(crowd, block)
    ways = shares(
        seed=crowd.seed, stream=16 + crowd.campaign, block=block, columns=_Column.NOISE + len(tour_markets())
    )[:, : len(people)]
    came = _moments(crowd, block, people, ways)
    confirmed = _confirmations(crowd, came, people, ways)
    scores = _scores(people, ways)
    choices = _choices(people, ways)
    sources = np.searchsorted(_SOURCE_SHARES, ways[_Column.SOURCE], side="right").tolist()
    tickets = (1 + np.searchsorted([0.12, 0.66, 0.78], ways[_Column.TICKETS], side="right")).tolist()
    letters = (ways[_Column.LETTERS] < 0.46).tolist()
    withdrawn = (ways[_Column.WITHDRAWN] < 0.006).tolist()
    blocked = (ways[_Column.BLOCKED] < _BLOCKED_SHARE[_abuse_numbers(people)]).tolist()
    found = [
        Fan(
            person=person,
            choices=choices[row],
            came=came[row],
            confirmed=confirmed[row],
            score=scores[row],
            may_be_written_to=letters[row],
            source=_SOURCES[sources[row]],
            tickets=tickets[row],
            is_withdrawn=withdrawn[row],
            is_blocked=blocked[row],
        )
        for row, person in enumerate(people)
    ]
    found.sort(key=lambda fan: (fan.came, fan.person.number))
    return found


class _Column:
    """Which row of a block's random shares serves which purpose."""

    MOMENT = 0
    CONFIRMED = 1
    DELAY = 2
    SCORE = 3
    SCORE_KIND = 4
    WANTED = 5
    REACH = 6
    SOURCE = 7
    TICKETS = 8
    LETTERS = 9
    WITHDRAWN = 10
    BLOCKED = 11
    NOISE = 12


_ABUSES = tuple(Abuse)
_BLOCKED_SHARE = np.array([0.001, 0.10, 0.25, 0.45, 0.15])


def _abuse_numbers(people: list[Person]) -> Integers:
    return np.array([_ABUSES.index(person.abuse) for person in people])


def _moments(crowd: Crowd, block: int, people: list[Person], ways: Floats) -> list[int]:
    """When each came, in microseconds after the opening. A burst comes in one second."""
    by_zone: dict[str, list[int]] = {}
    zones = _zones()
    for row, person in enumerate(people):
        by_zone.setdefault(zones[person.home], []).append(row)
    begin, end = block * BLOCK / crowd.count, min(1.0, (block + 1) * BLOCK / crowd.count)
    moments = begin + ways[_Column.MOMENT] * (end - begin)
    came = np.zeros(len(people), dtype=np.int64)
    for zone, rows in by_zone.items():
        came[rows] = registration_offsets(period=crowd.period, timezone=zone, shares=moments[rows])
    offsets: list[int] = came.tolist()
    seconds: dict[int, int] = {}
    for row, person in enumerate(people):
        if person.abuse is Abuse.BURST:
            second = seconds.setdefault(person.group, offsets[row] // 1_000_000)
            offsets[row] = second * 1_000_000 + offsets[row] % 1_000_000
    return offsets


@cache
def _zones() -> tuple[str, ...]:
    zone_of_market = {market.code: market.timezone for market in tour_markets()}
    return tuple(zone_of_market[home.market] for home in homes())


def _confirmations(crowd: Crowd, came: list[int], people: list[Person], ways: Floats) -> list[int | None]:
    """When each followed the mailed link: most within minutes, some a day later, a few never."""
    most_seconds = ((crowd.period.until - crowd.period.open_at).total_seconds()) * 1_000_000
    is_sound = _abuse_numbers(people) == 0
    confirms = ways[_Column.CONFIRMED] < np.where(is_sound, 0.935, 0.62)
    delay = 9 + 40 * np.power(-np.log1p(-ways[_Column.DELAY]), 3)
    at = np.array(came) + (delay * 1_000_000).astype(np.int64)
    return [
        moment if yes and moment < most_seconds else None
        for moment, yes in zip(at.tolist(), confirms.tolist(), strict=True)
    ]


@cache
def _score_growth() -> tuple[Floats, Floats, Floats]:
    """The growing shares of the scores 0 to 100 for ordinary fans, loyal ones, and abuse."""
    score = np.arange(101, dtype=np.float64)
    ordinary = score**2.6 * np.exp(-score / 13)
    loyal = np.exp(-((score - 84) ** 2) / (2 * 7.5**2))
    abuse = (score + 1) * np.exp(-score / 6)
    return _growth(ordinary), _growth(loyal), _growth(abuse)


def _growth(weights: Floats) -> Floats:
    growth = np.cumsum(weights)
    shares_so_far: Floats = growth / growth[-1]
    return shares_so_far


def _scores(people: list[Person], ways: Floats) -> list[int | None]:
    """Most fans are in the thirties, with a long tail upwards; loyal ones stand in a bump above 80."""
    ordinary, loyal, abuse = _score_growth()
    way = ways[_Column.SCORE]
    is_loyal = np.array([person.loyalty for person in people]) > 0.83
    found = np.where(is_loyal, np.searchsorted(loyal, way), np.searchsorted(ordinary, way))
    found = np.where(_abuse_numbers(people) > 0, np.searchsorted(abuse, way), found)
    has_score = ways[_Column.SCORE_KIND] > 0.008
    return [int(score) if has else None for score, has in zip(found.tolist(), has_score.tolist(), strict=True)]


@cache
def _market_vectors() -> tuple[Floats, Floats]:
    """The markets as unit vectors, and their fame."""
    markets = tour_markets()
    latitudes = np.array([market.latitude for market in markets])
    longitudes = np.array([market.longitude for market in markets])
    return _vectors(latitudes, longitudes), np.array([_FAME.get(market.code, 0.0) for market in markets])


def _vectors(latitudes: Floats, longitudes: Floats) -> Floats:
    north, east = np.radians(latitudes), np.radians(longitudes)
    return np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=1)


EARTH_RADIUS = 6371.0
"""Kilometres."""


def distances(people: list[Person]) -> Floats:
    """Give the great-circle distance from each person to each market, in kilometres, a row a person."""
    latitudes = np.array([person.latitude for person in people])
    longitudes = np.array([person.longitude for person in people])
    cosines = _vectors(latitudes, longitudes) @ _market_vectors()[0].T
    return EARTH_RADIUS * np.arccos(np.clip(cosines, -1.0, 1.0))


def _choices(people: list[Person], ways: Floats) -> list[tuple[int, ...]]:
    """Near markets first, with some noise and a pull of famous venues; few people cross an ocean."""
    noise = -np.log(-np.log(ways[_Column.NOISE :].T + 1e-12))
    appeal = _market_vectors()[1] - 1.25 * np.log(distances(people) + 45) + 0.5 * noise
    order = np.argsort(-appeal, axis=1)[:, :MOST_CHOICES]
    ranked = np.take_along_axis(appeal, order, axis=1)
    # Beyond this a market is too far away, however many she wanted to name.
    reach = 2.6 + 2.6 * ways[_Column.REACH]
    within = (ranked > ranked[:, :1] - reach[:, np.newaxis]).sum(axis=1)
    wanted = 1 + np.searchsorted(_CHOICES_WANTED, ways[_Column.WANTED], side="right")
    counts = np.minimum(wanted, within).tolist()
    return [tuple(row[:count]) for row, count in zip(order.tolist(), counts, strict=True)]
