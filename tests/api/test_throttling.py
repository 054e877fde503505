"""How often an address may ask."""

import pytest
from pytest_django import Settings

from campaigns.models import Campaign
from core.throttling import BURST_SECONDS, Buckets, network_of
from tests.api.calling import Api, is_error


def test_a_bucket_gives_its_burst_then_its_rate() -> None:
    buckets = Buckets()

    burst = [buckets.take("ada", rate=2, burst=3, now=0.0) for _ in range(3)]

    assert burst == [0.0, 0.0, 0.0]
    assert buckets.take("ada", rate=2, burst=3, now=0.0) == pytest.approx(0.5)
    assert buckets.take("ben", rate=2, burst=3, now=0.0) == 0.0
    assert buckets.take("ada", rate=2, burst=3, now=0.5) == 0.0
    assert [buckets.take("ada", rate=2, burst=3, now=99.0) > 0 for _ in range(4)] == [False, False, False, True]


def test_the_quietest_address_is_forgotten_first() -> None:
    buckets = Buckets(most_keys=2)
    for key in ("ada", "ben", "ada", "cleo"):
        buckets.take(key, rate=1, burst=2, now=0.0)

    assert buckets.take("ada", rate=1, burst=2, now=0.0) > 0
    assert buckets.take("ben", rate=1, burst=2, now=0.0) == 0.0


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::3", "2001:db8:1:2:ffff::", True),
        ("2001:db8:1:2::3", "2001:db8:1:3::3", False),
        ("", "no address: at all", False),
    ],
)
def test_one_asker_is_an_address_or_an_ipv6_network(one: str, other: str, are_same: bool) -> None:
    assert (network_of(one) == network_of(other)) is are_same


@pytest.mark.django_db
def test_an_address_that_asks_too_often_must_wait(api: Api, tour: Campaign, settings: Settings) -> None:
    settings.FAN_REQUESTS_PER_SECOND = 1 / BURST_SECONDS

    assert api.get("campaigns/aurora/").status == 200
    answer = api.post("campaigns/aurora/entries/", {})
    assert is_error(answer, 429, "throttled")
    assert 0 < int(answer.headers["Retry-After"]) <= BURST_SECONDS


@pytest.mark.django_db
def test_staff_and_a_rate_of_zero_know_no_limit(api: Api, staff: Api, tour: Campaign, settings: Settings) -> None:
    settings.FAN_REQUESTS_PER_SECOND = 1 / BURST_SECONDS
    assert [staff.get("campaigns/aurora/").status for _ in range(3)] == [200] * 3

    settings.FAN_REQUESTS_PER_SECOND = 0
    assert [api.get("campaigns/aurora/").status for _ in range(3)] == [200] * 3


@pytest.mark.django_db
def test_an_address_cannot_be_made_up(api: Api, tour: Campaign, settings: Settings) -> None:
    settings.FAN_REQUESTS_PER_SECOND = 1 / BURST_SECONDS

    answers = [api.get("campaigns/aurora/", x_forwarded_for=f"192.0.2.{number}").status for number in range(3)]

    assert answers == [200, 429, 429]
