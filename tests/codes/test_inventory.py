"""Counts, holds and releases: the sum always holds, and no code is held twice."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone

from campaigns.models import Campaign
from codes import holding, inventory, ranges
from codes.holding import CannotHold, CannotRelease
from codes.models import CodeRange, Hold
from tests.scenario import SUPREME, open_tour, upload_codes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stocked() -> Campaign:
    """The tour with codes: 10 for Los Angeles, 3 and 4 for the two dates of Phoenix."""
    tour = open_tour()
    upload_codes(tour, "CA-LAX", 6)
    upload_codes(tour, "CA-LAX", 4, prefix="MORE")
    upload_codes(tour, "AZ-PHX", 3, event="AZ-PHX-1")
    upload_codes(tour, "AZ-PHX", 4, event="AZ-PHX-2")
    return tour


def hold(campaign: Campaign) -> Hold:
    """Hold everything that is free."""
    return holding.hold_codes(campaign=campaign, code_type="presale", purpose="test", now=timezone.now())


def counts() -> tuple[int, ...]:
    """Available, reserved, assigned, revoked."""
    return tuple(inventory.counts(CodeRange.objects.all()).values())


def test_a_hold_takes_all_and_a_release_gives_them_back(stocked: Campaign) -> None:
    held = hold(stocked)
    assert counts() == (0, 17, 0, 0)

    holding.release(hold=held, actor=SUPREME, now=timezone.now())

    assert counts() == (17, 0, 0, 0)
    assert inventory.verify([stocked]) == []


def test_what_a_wave_does_not_use_goes_back(stocked: Campaign) -> None:
    held = hold(stocked)
    markets = {market.code: market for market in stocked.markets.all()}
    first_date = markets["AZ-PHX"].events.get(number=1)

    holding.keep_first(hold=held, keep={(markets["CA-LAX"].pk, None): 8, (markets["AZ-PHX"].pk, first_date.pk): 3})

    assert counts() == (6, 11, 0, 0)
    assert inventory.verify([stocked]) == []


def test_a_revoked_code_is_cut_out_of_its_range(stocked: Campaign) -> None:
    hold(stocked)
    first = CodeRange.objects.order_by("first").first()
    assert first is not None

    assert ranges.revoke([first.first + 2, first.first]) == 2
    assert ranges.revoke([first.first + 2]) == 0

    assert counts() == (0, 15, 0, 2)
    assert inventory.verify([stocked]) == []


def test_given_codes_are_not_released(stocked: Campaign) -> None:
    held = hold(stocked)
    Hold.objects.filter(pk=held.pk).update(status="assigned")

    with pytest.raises(CannotRelease):
        holding.release(hold=held, actor=SUPREME, now=timezone.now())


def test_of_eight_holds_at_once_one_gets_the_codes(stocked: Campaign) -> None:
    barrier = Barrier(8)

    def take(_: int) -> bool:
        barrier.wait()
        try:
            hold(stocked)
        except CannotHold:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(8))) == 1
    assert counts() == (0, 17, 0, 0)


def test_an_inactive_market_gives_no_codes(stocked: Campaign) -> None:
    stocked.markets.filter(code="CA-LAX").update(is_active=False)

    hold(stocked)

    assert counts() == (10, 7, 0, 0)
