"""The demo's plan: the tour, the three campaigns around the present moment, places, codes, and texts."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from campaigns import placeholders
from campaigns.models import Content
from monoql.demo import plan, wording
from monoql.demo.tour import tour_markets

NOW = datetime(2026, 11, 24, 5, 30, tzinfo=UTC)


def test_the_tour_has_29_markets_and_74_events() -> None:
    markets = tour_markets()

    assert len(markets) == 29
    assert sum(len(market.events) for market in markets) == 74
    assert markets[0].code == "AZ-PHX"
    assert markets[-1].events[-1].on_date == date(2027, 11, 27)


@pytest.mark.parametrize("count", [40, 41, 300, 20_000, 1_000_003])
def test_every_fan_is_in_one_of_the_three_campaigns(count: int) -> None:
    plans = plan.campaign_plans(count=count, now=NOW)

    assert sum(one.count for one in plans) == count
    assert [one.domain for one in plans] == list(plan.domains())
    assert all(one.count > 0 for one in plans)
    assert plans[2].count <= plan.MOST_FANS_SENT


@pytest.mark.parametrize("hour", range(0, 24, 5))
def test_dates_are_plausible_at_any_hour(hour: int) -> None:
    now = NOW.replace(hour=hour)

    is_open, closed, sent = plan.campaign_plans(count=300, now=now)

    assert is_open.open_at < now < is_open.close_at
    for past in (closed, sent):
        assert past.open_at < past.close_at < now < past.presale_start_at < past.presale_end_at
    for one in (is_open, closed, sent):
        assert one.close_at < one.presale_start_at
        assert one.open_at.astimezone(ZoneInfo("America/Los_Angeles")).hour == 10


def test_too_few_fans_are_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        plan.campaign_plans(count=plan.LEAST_FANS - 1, now=NOW)


def test_campaigns_have_people_of_their_own() -> None:
    crowds = plan.crowds(plan.campaign_plans(count=20_000, now=NOW), seed=1)

    spans = sorted((crowd.first_block, crowd.first_block + crowd.blocks) for crowd in crowds.values())

    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert crowds["sent"].first_block == 0


@pytest.mark.parametrize(("today", "years"), [(date(2026, 11, 24), 0), (date(2027, 2, 1), 1), (date(2031, 5, 5), 5)])
def test_the_tour_stays_ahead_and_keeps_its_weekdays(today: date, years: int) -> None:
    shift = plan.tour_shift(now=datetime(today.year, today.month, today.day, 12, tzinfo=UTC))

    first = tour_markets()[0].events[0].on_date + shift
    assert shift == timedelta(weeks=52 * years)
    assert first >= today + timedelta(weeks=8)


def test_codes_look_alike_and_are_all_different() -> None:
    codes = list(plan.code_values(seed=5, campaign=1, first=0, count=50_000))

    assert len(set(codes)) == 50_000
    assert all(len(code) == 9 and code[4] == "-" for code in codes)
    assert not set("".join(codes)) & set("01IO8")
    assert list(plan.code_values(seed=5, campaign=1, first=7, count=3)) == codes[7:10]


@pytest.mark.parametrize("count", [60, 5_000, 500_000])
def test_some_markets_are_short_of_codes_or_have_no_limit(count: int) -> None:
    plans = {one.market.code: one for one in plan.market_plans(count=count)}

    assert len(plans) == 29
    assert all(min(one.codes) >= 1 for one in plans.values())
    assert any(one.places is None for one in plans.values())
    assert {one.is_sequential for one in plans.values()} == {True, False}
    assert all(len(one.codes) == len(one.market.events) for one in plans.values() if one.is_sequential)
    if count > 1000:
        assert sum(plans["CO-DEN"].codes) < (plans["CO-DEN"].places or 0)


@pytest.mark.parametrize("locale", wording.LOCALES)
@pytest.mark.parametrize("campaign", ["open", "closed", "sent"])
def test_texts_are_complete_and_use_known_placeholders(locale: str, campaign: str) -> None:
    texts = wording.texts(locale, campaign=campaign)

    assert set(texts) <= set(Content.TEXTS)
    if locale != "en_GB":
        assert set(texts) == set(Content.TEXTS)
    for text in texts.values():
        assert text.strip()
        assert "{" not in placeholders.fill(text, {})
    assert "{name}" not in texts.get("confirmation_body", "")


def test_questions_and_cities_are_in_every_interface_language() -> None:
    languages = {"en", "de", "es", "fr", "pt", "ja", "ar"}

    for question in wording.questions():
        assert set(question.label) == languages
        assert set(question.help) in (set(), languages)
        assert all(set(option["labels"]) == languages for option in question.options)
    for market in tour_markets():
        assert {"ja", "ar"} <= set(wording.city_names(market.code)) <= languages
