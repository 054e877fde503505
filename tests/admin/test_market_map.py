"""The map of a campaign's markets."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.admin_pages.market_map import ASPECT, LEAST_WIDTH, market_map
from campaigns.models import Campaign, Venue
from tests.admin.conftest import Reader

pytestmark = pytest.mark.django_db
PLACES = {"Los Angeles": ("34.04300", "-118.26700"), "Phoenix": ("33.44600", "-112.07100")}


@pytest.fixture
def placed(tour: Campaign) -> Campaign:
    """The tour, whose venues have coordinates."""
    for city, (latitude, longitude) in PLACES.items():
        Venue.objects.filter(city=city).update(latitude=Decimal(latitude), longitude=Decimal(longitude))
    return tour


def test_every_pin_lies_within_the_window(placed: Campaign) -> None:
    found = market_map(placed)

    assert found is not None
    assert len(found.pins) == 2
    assert all(found.left < pin.x < found.left + found.width for pin in found.pins)
    assert all(found.top < pin.y < found.top + found.height for pin in found.pins)
    assert found.width >= LEAST_WIDTH
    assert found.width == pytest.approx(found.height * ASPECT)


def test_north_is_up_and_east_is_right(placed: Campaign) -> None:
    found = market_map(placed)

    assert found is not None
    los_angeles, phoenix = found.pins
    assert los_angeles.x < phoenix.x
    assert los_angeles.y < phoenix.y


def test_venues_without_coordinates_are_named(placed: Campaign) -> None:
    Venue.objects.filter(city="Phoenix").update(latitude=None, longitude=None)

    found = market_map(placed)

    assert found is not None
    assert found.missing == ["AZ-PHX"]


def test_without_any_coordinates_there_is_no_map(tour: Campaign, read: Reader) -> None:
    Venue.objects.update(latitude=None, longitude=None)

    assert market_map(tour) is None
    assert "mq-map" not in read(f"{reverse('admin:campaigns_market_changelist')}?campaign={tour.pk}")


def test_the_page_shows_it_with_a_link_for_each_market(placed: Campaign, read: Reader) -> None:
    text = read(f"{reverse('admin:campaigns_market_changelist')}?campaign={placed.pk}")

    assert text.count("<circle") == 2
    assert "CA-LAX · Los Angeles" in text


def test_the_map_is_one_query(placed: Campaign) -> None:
    with CaptureQueriesContext(connection) as queries:
        market_map(placed)

    assert len(queries) == 1
