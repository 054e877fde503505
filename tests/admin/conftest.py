"""Who sits at the admin, and a tour with something of everything in it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.models import Campaign
from codes.models import Upload
from exports.delivery import schedule_export
from exports.models import Export
from tests import scenario
from viewers.models import Staff
from waves import selection
from waves.models import Wave

Desk = Client


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    """Hash passwords in no time."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def signed_in(staff: Staff) -> Desk:
    """A browser in which somebody has signed in."""
    desk = Desk(headers={"host": "localhost"})
    desk.force_login(staff)
    return desk


@pytest.fixture
def desk(supreme: Staff) -> Desk:
    """Sue's browser; she may do everything."""
    return signed_in(supreme)


@pytest.fixture
def clerk_desk(clerk: Staff) -> Desk:
    """Carl's browser; he may do nothing."""
    return signed_in(clerk)


@dataclass(frozen=True)
class Tour:
    """A campaign whose first wave is completed and whose second is prepared, with an upload and an export."""

    campaign: Campaign
    sent: Wave
    prepared: Wave
    upload: Upload
    export: Export


def closed_tour(*, fans: int = 40, codes: int = 12) -> Campaign:
    """The tour, closed, with Ada, Ben and more fans, and codes for both cities."""
    campaign = scenario.open_tour()
    scenario.register_fan(campaign, "Ada", ["CA-LAX", "AZ-PHX"])
    scenario.register_fan(campaign, "Ben", ["AZ-PHX"], is_confirmed=False)
    scenario.many_fans(campaign, fans)
    scenario.upload_codes(campaign, "CA-LAX", codes)
    scenario.upload_codes(campaign, "AZ-PHX", codes, event="AZ-PHX-1")
    return lifecycle.close_campaign(campaign=campaign, actor=scenario.SUPREME, now=timezone.now())


@pytest.fixture
def whole_tour(transactional_db: None) -> Tour:
    """Something of everything."""
    campaign = closed_tour()
    sent = scenario.prepare_wave(scenario.make_wave(campaign))
    selection.trigger(wave=sent, actor=scenario.SUPREME, now=timezone.now())
    scenario.run_jobs()
    sent.refresh_from_db()
    last = scenario.upload_codes(campaign, "CA-LAX", 5, prefix="LATE")
    second = sent.campaign.waves.model.objects.create(
        campaign=campaign, date_key="2027-03-01T10:00", name="Second", created_at=timezone.now()
    )
    export = schedule_export(
        campaign=campaign, dataset="selection", wave=sent, actor=scenario.SUPREME, now=timezone.now()
    )
    scenario.run_jobs()
    export.refresh_from_db()
    return Tour(campaign, sent, scenario.prepare_wave(second), last, export)


@pytest.fixture
def prepared_wave(transactional_db: None) -> Wave:
    """A wave that waits for its trigger."""
    return scenario.prepare_wave(scenario.make_wave(closed_tour()))


Reader = Callable[[str], str]


@pytest.fixture
def read(desk: Desk) -> Reader:
    """Opens a page as Sue and gives its text; it must answer."""

    def opened(address: str) -> str:
        answer = desk.get(address, follow=True)
        assert answer.status_code == 200, (address, answer.status_code)
        return answer.content.decode()

    return opened
