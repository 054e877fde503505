"""The faces of an explanation: the entry's page for support, REST for staff, and the fan's own page."""

from datetime import datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from entries.models import Entry
from entries.proof import link_token
from tests import scenario
from tests.scenario import SUPREME
from viewers.models import Staff
from waves import selection
from waves.explanation import explain
from waves.models import Wave
from waves.preparation import Options

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def wave() -> Wave:
    """A triggered wave: of forty fans who want Los Angeles, ten got it; nobody got Phoenix, which had no place."""
    campaign = scenario.open_tour()
    scenario.many_fans(campaign, 40)
    numbers = [campaign.markets.get(code=code).number for code in ("CA-LAX", "AZ-PHX")]
    Entry.objects.update(choices=numbers)
    scenario.upload_codes(campaign, "CA-LAX", 10)
    wave = scenario.prepare_wave(scenario.make_wave(campaign), Options(ranking=()))
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    scenario.run_jobs()
    return Wave.objects.get(pk=wave.pk)


@pytest.fixture
def staff() -> Client:
    """An operator who may do everything."""
    client = Client()
    client.force_login(Staff.objects.create_superuser("root", "root@example.com", "a long password"))
    return client


def one_with(wave: Wave, result: str) -> Entry:
    """An entry of which the wave made this."""
    entries = Entry.objects.filter(campaign=wave.campaign).order_by("ref")
    return next(entry for entry in entries if explain(entry, wave=wave)[0].result == result)


def test_support_reads_ticket_keys_and_cut_offs_on_the_entrys_page(wave: Wave, staff: Client) -> None:
    loser, winner = one_with(wave, "markets_full"), one_with(wave, "placed")

    lost, won = (
        staff.get(reverse("admin:entries_entry_change", args=[entry.pk])).content.decode() for entry in (loser, winner)
    )

    (why,) = explain(loser, wave=wave)
    assert why.ticket in lost
    assert "all its markets were full" in lost
    assert "full: its last place went to a lower number" in lost
    assert "had no places in this wave" in lost
    assert "got its place here" in won
    assert "not needed any more" in won


def test_rest_tells_staff_the_same(wave: Wave, staff: Client) -> None:
    loser, winner = one_with(wave, "markets_full"), one_with(wave, "placed")

    lost, won = (staff.get(f"/api/v1/waves/{wave.pk}/entries/{entry.ref}/").json() for entry in (loser, winner))

    assert (lost["result"], lost["market"], lost["position"]) == ("markets_full", "", 0)
    assert [(named["market"], named["full_by"]) for named in lost["named"]] == [
        ("CA-LAX", "ticket"),
        ("AZ-PHX", "no_places"),
    ]
    assert lost["named"][0]["cutoff"]["ticket"] < lost["ticket"]
    assert (won["result"], won["market"], won["choice"]) == ("placed", "CA-LAX", 1)
    assert staff.get(f"/api/v1/waves/{wave.pk}/entries/{'0' * 32}/").status_code == 404


def test_rest_tells_nothing_before_the_trigger(staff: Client, wave: Wave) -> None:
    scenario.upload_codes(wave.campaign, "CA-LAX", 5, prefix="second-")
    later = scenario.prepare_wave(scenario.make_wave(wave.campaign, local=datetime(2027, 3, 1, 10, 0)))
    entry = Entry.objects.order_by("ref")[0]

    told = staff.get(f"/api/v1/waves/{later.pk}/entries/{entry.ref}/").json()

    assert (told["result"], told["ticket"], told["named"]) == ("not_triggered", "", [])


def test_the_fan_reads_her_number_beside_the_last_one_drawn(wave: Wave) -> None:
    client, loser = Client(), one_with(wave, "markets_full")
    base = f"/c/{wave.campaign.domain}/"
    client.post(f"{base}confirm/{link_token(entry_id=loser.pk)}/")

    text = client.get(f"{base}entry/").content.decode()

    assert "Your number in this draw: 0." in text
    assert "Los Angeles: the last number drawn was 0." in text
    assert "Phoenix: there were no places in this draw." in text
