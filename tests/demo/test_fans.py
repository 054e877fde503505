"""The demo's registrations: what fans choose, when they come, and how their scores look."""

import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import batched, islice

import numpy as np

from monoql.demo.fans import MOST_CHOICES, Crowd, Fan, distances, fans
from monoql.demo.moments import Period, registration_offsets
from monoql.demo.people import BLOCK, Abuse
from monoql.demo.tour import tour_markets

OPENING = datetime(2026, 11, 1, 18, tzinfo=UTC)
CLOSING = OPENING + timedelta(days=15)
WHOLE = Period(open_at=OPENING, close_at=CLOSING, until=CLOSING)
COUNT = 6 * BLOCK + 100
DAY = 24 * 3600 * 1_000_000


def crowd(count: int = COUNT, seed: int = 7, campaign: int = 1, period: Period = WHOLE) -> Crowd:
    return Crowd(seed=seed, campaign=campaign, count=count, first_block=0, period=period)


@cache
def some_fans() -> list[Fan]:
    return list(fans(crowd()))


def digest(found: list[Fan]) -> str:
    return hashlib.sha256(repr(found).encode()).hexdigest()


def test_the_same_seed_gives_the_same_fans_byte_for_byte() -> None:
    again = list(fans(crowd()))

    assert len(again) == COUNT
    assert digest(again) == digest(some_fans())
    assert digest(list(fans(crowd(seed=8)))) != digest(again)


def test_fans_do_not_depend_on_how_many_are_taken_at_once() -> None:
    by_sevens = [fan for group in batched(fans(crowd()), 7) for fan in group]
    first = list(islice(fans(crowd()), 1500))

    assert digest(by_sevens) == digest(some_fans())
    assert digest(first) == digest(some_fans()[:1500])


def test_each_fan_comes_once() -> None:
    assert len({fan.person.address.identifier for fan in some_fans()}) == COUNT


def test_choices_are_distinct_and_from_one_to_six() -> None:
    counts = Counter(len(fan.choices) for fan in some_fans())

    assert set(counts) == set(range(1, MOST_CHOICES + 1))
    assert all(len(set(fan.choices)) == len(fan.choices) for fan in some_fans())
    assert all(0 <= choice < len(tour_markets()) for fan in some_fans() for choice in fan.choices)
    assert 2.2 < sum(number * count for number, count in counts.items()) / COUNT < 3.2


def test_most_fans_name_the_nearest_market_first() -> None:
    table = distances([fan.person for fan in some_fans()])

    nearest = sum(fan.choices[0] == int(row.argmin()) for fan, row in zip(some_fans(), table, strict=True))

    assert 0.6 < nearest / COUNT < 0.97


def test_every_market_has_fans_and_great_cities_have_more() -> None:
    first = Counter(tour_markets()[fan.choices[0]].code for fan in some_fans())

    assert len(first) == len(tour_markets())
    assert first["JP-TYO"] > first["NJ-NYC"] > first["IL-CHI"] > first["OH-CVG"]


def test_about_ninety_two_in_a_hundred_confirm_after_they_came() -> None:
    confirmed = [fan for fan in some_fans() if fan.confirmed is not None]

    assert 0.90 < len(confirmed) / COUNT < 0.94
    assert all(fan.came < (fan.confirmed or 0) for fan in confirmed)


def test_scores_have_a_long_tail_a_bump_of_loyal_fans_and_abuse_below() -> None:
    honest = [fan.score for fan in some_fans() if fan.score is not None and fan.person.abuse is Abuse.NONE]
    abuse = [fan.score for fan in some_fans() if fan.score is not None and fan.person.abuse is not Abuse.NONE]
    by_tens = Counter(score // 10 for score in honest)

    assert all(0 <= score <= 100 for score in honest + abuse)
    assert by_tens[3] > by_tens[5] > by_tens[6] < by_tens[8]
    assert by_tens[8] > by_tens[9]
    assert sum(abuse) / len(abuse) < 20 < 40 < sum(honest) / len(honest) < 60
    assert any(fan.score is None for fan in some_fans())


def test_registrations_rush_at_the_opening_and_on_the_last_day() -> None:
    days = Counter(fan.came // DAY for fan in some_fans())

    assert set(days) == set(range(15))
    assert days[0] > 3 * days[7]
    assert days[14] > 2 * days[7]


def test_people_sleep() -> None:
    shares = np.linspace(0.4, 0.8, 5000)

    offsets = registration_offsets(period=WHOLE, timezone="America/Los_Angeles", shares=shares)

    hours = Counter((OPENING + timedelta(microseconds=int(offset)) - timedelta(hours=8)).hour for offset in offsets)
    assert hours[20] > 4 * hours[3]


def test_nobody_has_come_after_this_moment() -> None:
    until = OPENING + timedelta(days=4)
    period = Period(open_at=OPENING, close_at=CLOSING, until=until)

    found = list(fans(crowd(count=2 * BLOCK, period=period)))

    last = (until - OPENING) // timedelta(microseconds=1)
    assert len(found) == 2 * BLOCK
    assert all(0 <= fan.came < last for fan in found)
    assert all(fan.confirmed is None or fan.confirmed < last for fan in found)
    assert max(fan.came for fan in found) > last - DAY


def test_a_burst_comes_within_one_second() -> None:
    seconds: dict[tuple[int, int], set[int]] = {}

    for fan in some_fans():
        if fan.person.abuse is Abuse.BURST:
            key = (fan.person.number // BLOCK, fan.person.group)
            seconds.setdefault(key, set()).add(fan.came // 1_000_000)

    assert seconds
    assert all(len(moments) == 1 for moments in seconds.values())


def test_some_fans_of_one_campaign_come_to_another_with_new_choices() -> None:
    sent = crowd(count=2 * BLOCK, campaign=2)
    other = Crowd(
        seed=7, campaign=0, count=3 * BLOCK, first_block=2, period=WHOLE, returning_block=0, returning_count=sent.count
    )
    before = {fan.person.address.identifier: fan for fan in fans(sent)}

    both = [fan for fan in fans(other) if fan.person.address.identifier in before]

    assert len(both) == 2 * BLOCK // 8
    assert any(fan.choices != before[fan.person.address.identifier].choices for fan in both)
    assert all(fan.person == before[fan.person.address.identifier].person for fan in both)


def test_a_large_demo_needs_no_other_blocks_than_its_own() -> None:
    small = list(fans(crowd(count=500)))

    large = {fan.person.number: fan for fan in islice(fans(crowd(count=4 * BLOCK)), BLOCK)}

    assert all(large[fan.person.number].person == fan.person for fan in small)
    assert all(large[fan.person.number].choices == fan.choices for fan in small)
