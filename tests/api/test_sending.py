"""A wave's mails by REST."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from campaigns import lifecycle
from entries.models import Message
from tests import scenario
from tests.scenario import SUPREME, make_wave, prepare_wave, upload_codes
from viewers.models import Staff
from waves import selection
from waves.models import Notification, Wave

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def wave(transactional_db: None) -> Wave:
    """A completed wave that has mailed five fans."""
    campaign = scenario.open_tour()
    scenario.many_fans(campaign, 20)
    upload_codes(campaign, "CA-LAX", 5)
    lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now())
    wave = prepare_wave(make_wave(campaign))
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    scenario.run_jobs()
    return Wave.objects.get(pk=wave.pk)


@pytest.fixture
def client(supreme: Staff) -> Client:
    """Sue's program."""
    client = Client()
    client.force_login(supreme)
    return client


def ask(client: Client, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Ask about the wave's mails."""
    answer = getattr(client, method)(f"/api/v1/waves/{path}", body, content_type="application/json")
    return answer.status_code, answer.json()


def test_the_counts_are_there(client: Client, wave: Wave) -> None:
    status, body = ask(client, "get", f"{wave.pk}/mails/")

    assert status == 200
    assert (body["state"], body["sent"], body["left"], body["failed"], body["doubtful"]) == ("done", 5, 0, 0, 0)
    assert (body["tells_not_selected"], body["mails_a_minute"]) == (False, None)


def test_who_is_mailed_and_how_fast_can_be_changed(client: Client, wave: Wave) -> None:
    first = ask(client, "patch", f"{wave.pk}/mails/", {"mails_a_minute": 6000})[1]
    second = ask(client, "patch", f"{wave.pk}/mails/", {"tells_not_selected": True})[1]
    third = ask(client, "patch", f"{wave.pk}/mails/", {"mails_a_minute": None})[1]
    bad, _ = ask(client, "patch", f"{wave.pk}/mails/", {"mails_a_minute": 0})
    scenario.run_jobs()

    assert (first["mails_a_minute"], first["tells_not_selected"]) == (6000, False)
    assert (second["mails_a_minute"], second["tells_not_selected"], second["state"]) == (6000, True, "sending")
    assert third["mails_a_minute"] is None
    assert bad == 400
    assert Message.objects.filter(wave_id=wave.pk, kind="not_selected", status="sent").exists()


def test_pause_resume_and_stop(client: Client, wave: Wave) -> None:
    Notification.objects.filter(wave=wave).update(status="queued", finished_at=None)
    Message.objects.filter(wave_id=wave.pk).update(status="queued", sent_at=None)

    answers = [ask(client, "post", f"{wave.pk}/mails/{step}/") for step in ("pause", "pause", "resume", "stop", "stop")]

    assert [status for status, _ in answers] == [202, 409, 202, 202, 409]
    assert [body.get("state") or body["code"] for _, body in answers] == [
        "paused",
        "cannot_pause",
        "sending",
        "stopped",
        "cannot_stop",
    ]
    assert answers[3][1]["stopped"] == 5


def test_failed_ones_are_sent_again(client: Client, wave: Wave) -> None:
    assert ask(client, "post", f"{wave.pk}/mails/retry-failed/")[1]["code"] == "cannot_retry"
    Message.objects.filter(wave_id=wave.pk).update(status="failed", sent_at=None)

    status, body = ask(client, "post", f"{wave.pk}/mails/retry-failed/")
    scenario.run_jobs()

    assert (status, body["left"], body["failed"]) == (202, 5, 0)
    assert ask(client, "get", f"{wave.pk}/mails/")[1]["sent"] == 5


def test_before_the_trigger_there_is_nothing_to_pause(client: Client, wave: Wave) -> None:
    other = Wave.objects.create(campaign=wave.campaign, date_key="2027-05-01T10:00", created_at=timezone.now())

    assert ask(client, "get", f"{other.pk}/mails/")[1]["state"] == "not begun"
    assert ask(client, "post", f"{other.pk}/mails/pause/")[1]["code"] == "cannot_pause"
