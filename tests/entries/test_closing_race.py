"""A registration that is under way while the campaign closes is either in before the close, or refused."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier
from time import sleep

import pytest
from django.db import connection
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign
from campaigns.published import published
from entries.form import Form
from entries.models import Entry
from entries.registration import CannotRegister, register
from tests import scenario

pytestmark = pytest.mark.django_db(transaction=True)


def race(campaign: Campaign, number: int, random: Random) -> tuple[bool, bool]:
    """Register and close at the same moment; gives whether the fan was told "registered", and whether she is in."""
    Campaign.objects.filter(pk=campaign.pk).update(status="open")
    found, start = published(campaign.domain), Barrier(2)
    email, late = f"fan{number}@example.com", random.uniform(-0.003, 0.003)

    def fan() -> bool:
        start.wait()
        sleep(max(0.0, late))
        try:
            register(published=found, form=Form(email=email, name="Fan", choices=["CA-LAX"]), now=timezone.now())
        except CannotRegister:
            return False
        finally:
            connection.close()
        return True

    def operator() -> int:
        start.wait()
        sleep(max(0.0, -late))
        try:
            lifecycle.close_campaign(campaign=campaign, actor=scenario.SUPREME, now=timezone.now())
            return Entry.objects.filter(campaign=campaign, identifier=email).count()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        told, seen = pool.submit(fan), pool.submit(operator)
        was_told, was_seen = told.result(), bool(seen.result())
    is_in = Entry.objects.filter(campaign=campaign, identifier=email).exists()
    assert was_told == is_in
    assert was_seen == is_in  # Whoever is in was in when the close had returned.
    return was_told, is_in


@pytest.mark.parametrize("tries", [60, pytest.param(1000, marks=pytest.mark.soak)])
def test_whoever_was_told_registered_is_in_when_the_close_returns(tries: int) -> None:
    campaign, random = scenario.open_tour(), Random(tries)

    outcomes = [race(campaign, number, random) for number in range(tries)]

    told = sum(was_told for was_told, _is_in in outcomes)
    print(f"{tries} tries: {told} in before the close, {tries - told} refused")
    assert 0 < told < tries
