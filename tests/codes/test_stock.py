"""Codes against planned places, on the campaign's readiness list."""

from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns import readiness
from campaigns.models import Campaign
from codes import holding, ranges
from codes.models import Code
from codes.stock import MOST_NAMED, stock_of
from tests import scenario
from waves import by_hand, selection
from waves.models import WavePrep

pytestmark = pytest.mark.django_db(transaction=True)


def lines(campaign: Campaign) -> list[str]:
    """What the list says of codes."""
    return [line.text for line in readiness.lines(campaign, now=timezone.now()) if line.section == "codes"]


def test_a_market_with_fewer_codes_than_places_is_named(tour: Campaign) -> None:
    tour.markets.filter(code="CA-LAX").update(population_limit=600)
    scenario.upload_codes(tour, "CA-LAX", 400)

    assert lines(tour) == ["CA-LAX has 400 codes for 600 places."]


def test_enough_codes_and_no_limit_say_nothing(tour: Campaign) -> None:
    tour.markets.filter(code="CA-LAX").update(population_limit=10)
    scenario.upload_codes(tour, "CA-LAX", 10)

    assert lines(tour) == []


def test_revoked_codes_do_not_count(tour: Campaign) -> None:
    tour.markets.filter(code="CA-LAX").update(population_limit=10)
    scenario.upload_codes(tour, "CA-LAX", 10)
    ranges.revoke(Code.objects.filter(campaign=tour).order_by("pk").values_list("pk", flat=True)[:3])

    assert lines(tour) == ["CA-LAX has 7 codes for 10 places."]


def test_many_short_markets_are_summed_up(tour: Campaign) -> None:
    for number in range(MOST_NAMED):
        scenario.add_market(tour, f"X-{number}", f"City {number}", split="concurrent", events=1, now=timezone.now())
    tour.markets.update(population_limit=5)

    found = lines(tour)

    assert len(found) == MOST_NAMED + 1
    assert found[-1] == "2 more markets have fewer codes than places."


def test_an_amber_line_does_not_keep_a_campaign_closed(tour: Campaign) -> None:
    tour.markets.update(population_limit=5)

    assert not any(line.is_red for line in readiness.lines(tour, now=timezone.now()) if line.section == "codes")


def test_what_is_kept_back_is_no_code_for_waves(tour: Campaign) -> None:
    tour.markets.filter(code="CA-LAX").update(population_limit=10)
    scenario.upload_codes(tour, "CA-LAX", 10)
    now = timezone.now()
    holding.keep_back(
        campaign=tour,
        code_type="presale",
        purpose="the sponsor",
        parts={tour.pools.get().pk: 4},
        expires_at=now + timedelta(days=1),
        actor=scenario.SUPREME,
        now=now,
    )

    assert lines(tour) == ["CA-LAX has 6 codes for 10 places."]
    assert [(one.codes, one.kept_back) for one in stock_of(tour) if one.market.code == "CA-LAX"] == [(6, 4)]


def test_places_that_a_wave_has_given_need_no_code_any_more_and_a_gift_takes_none(tour: Campaign) -> None:
    tour.markets.filter(code="CA-LAX").update(population_limit=3)
    scenario.upload_codes(tour, "CA-LAX", 3)
    scenario.register_fan(tour, "Ada", ["CA-LAX"])
    ben = scenario.register_fan(tour, "Ben", ["AZ-PHX"])
    wave = scenario.prepare_wave(scenario.make_wave(tour))
    selection.trigger(wave=wave, actor=scenario.SUPREME, now=timezone.now())
    pool = tour.pools.select_related("market__venue", "event").get()

    by_hand.give(entry=ben, pool=pool, reason="x", actor=scenario.SUPREME, now=timezone.now())

    (found,) = [one for one in stock_of(tour) if one.market.code == "CA-LAX"]
    assert (found.places, found.codes, found.given, found.missing) == (2, 1, 1, 1)


def test_a_market_without_a_limit_needs_what_waves_to_come_ask_for(tour: Campaign) -> None:
    wave = scenario.make_wave(tour)
    WavePrep.objects.create(wave=wave, limits={"CA-LAX": 5}, created_at=timezone.now())

    assert lines(tour) == ["CA-LAX has 0 codes for 5 places."]
    assert [one.places for one in stock_of(tour)] == [5, None]


def test_a_finished_campaign_is_warned_of_nothing(tour: Campaign) -> None:
    tour.markets.update(population_limit=5)
    tour.status = Campaign.Status.FINISHED

    assert lines(tour) == []
