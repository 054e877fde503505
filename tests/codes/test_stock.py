"""Codes against planned places, on the campaign's readiness list."""

import pytest
from django.utils import timezone

from campaigns import readiness
from campaigns.models import Campaign
from codes import inventory
from codes.models import Code
from codes.stock import MOST_NAMED
from tests import scenario

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
    inventory.revoke(Code.objects.filter(campaign=tour).order_by("pk").values_list("pk", flat=True)[:3])

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
