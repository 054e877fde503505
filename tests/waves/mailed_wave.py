"""A completed wave whose mails are to be sent to a mail server of the test's own."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from campaigns import lifecycle
from core import jobs
from entries.models import Entry, Message
from tests import scenario
from tests.mail_server import Server, mail_server
from tests.scenario import SUPREME, make_wave, prepare_wave, upload_codes
from waves import notification, selection
from waves.models import Notification, Wave

CHOSEN = 12


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    """The mail server."""
    with mail_server(settings) as server:
        yield server


@pytest.fixture
def wave() -> Wave:
    """A completed wave that has chosen twelve of thirty fans, and has mailed nobody yet."""
    campaign = scenario.open_tour()
    scenario.many_fans(campaign, 30)
    Entry.objects.update(choices=[campaign.markets.get(code="CA-LAX").number])
    upload_codes(campaign, "CA-LAX", CHOSEN)
    Message.objects.all().delete()
    lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now())
    wave = prepare_wave(make_wave(campaign))
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    jobs.run("waves.selection", str(Wave.objects.get(pk=wave.pk).selection.pk))
    return Wave.objects.get(pk=wave.pk)


def work(wave: Wave) -> Notification:
    """A worker takes the wave's mails, whenever they are due, and ends with what it can do."""
    job = Notification.objects.get(wave=wave)
    Notification.objects.filter(pk=job.pk).update(run_after=None)
    jobs.run("waves.notification", str(job.pk))
    return Notification.objects.get(pk=job.pk)


def make_due(wave: Wave) -> None:
    """Some time passes, so that everything may be tried again."""
    Message.objects.filter(wave_id=wave.pk).update(send_after=None)
    Message.objects.filter(wave_id=wave.pk, status="sending").update(claimed_until=timezone.now() - timedelta(days=1))


def states(wave: Wave) -> dict[str, int]:
    """How many mails are in which state."""
    return notification.counts_of(wave.pk)
