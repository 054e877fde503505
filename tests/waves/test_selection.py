"""The trigger and what follows it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign
from campaigns.published import published
from codes.models import Assignment
from core import jobs
from core.models import AuditEvent
from entries.models import Entry, Message
from tests import scenario
from tests.scenario import SUPREME, make_wave, prepare_wave, register_fan, upload_codes
from waves import selection
from waves.explanation import outcomes
from waves.models import Selection, Wave
from waves.selection import CannotTrigger

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def wave() -> Wave:
    """A prepared wave: Ada and Ben want Los Angeles, which has one code; Cleo is blocked."""
    campaign = scenario.open_tour()
    for name in ("Ada", "Ben", "Cleo"):
        register_fan(campaign, name, ["CA-LAX"])
    Entry.objects.filter(name="Cleo").update(blocked_at=timezone.now())
    upload_codes(campaign, "CA-LAX", 1)
    Message.objects.all().delete()
    lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now())
    return prepare_wave(make_wave(campaign))


def results(campaign: Campaign) -> dict[str, str]:
    """Each fan's code, or why she has none."""
    found = {}
    for entry in Entry.objects.order_by("name"):
        outcome = outcomes(entry, published(campaign.domain))[0]
        found[entry.name] = outcome.code or outcome.reason
    return found


def test_nobody_has_a_code_before_the_trigger(wave: Wave) -> None:
    assert Assignment.objects.count() == 1
    assert all(outcomes(entry, published("aurora")) == [] for entry in Entry.objects.all())


def test_chosen_fans_get_a_code_a_mail_and_the_others_a_reason(wave: Wave) -> None:
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    scenario.run_jobs()

    wave.refresh_from_db()
    assert wave.status == Wave.Status.COMPLETED
    found = results(wave.campaign)
    assert sorted(found.values()) == ["CA-LAX-000000", "excluded", "markets_full"]
    assert found["Cleo"] == "excluded"
    chosen = next(name for name, result in found.items() if result.startswith("CA-LAX"))
    assert [message.subject != "" and message.to for message in mail.outbox] == [
        [f"{chosen} <{chosen.lower()}@example.com>"]
    ]
    assert "CA-LAX-000000" in str(mail.outbox[0].body)


def test_only_a_completed_wave_sends_mails(wave: Wave) -> None:
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())

    assert wave.status != Wave.Status.COMPLETED
    assert not Message.objects.exists()


def test_notifying_twice_sends_once(wave: Wave) -> None:
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    scenario.run_jobs()
    jobs.requeue(wave.notification)
    scenario.run_jobs()

    assert len(mail.outbox) == 1


def test_of_twenty_triggers_at_once_one_counts(wave: Wave) -> None:
    barrier = Barrier(20)

    def press(_: int) -> str:
        barrier.wait()
        try:
            selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
        except CannotTrigger as refusal:
            return str(refusal)
        finally:
            connection.close()
        return "triggered"

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(press, range(20)))

    assert answers.count("triggered") == 1
    assert set(answers) == {"triggered", "This wave has been triggered already."}
    assert Selection.objects.count() == 1
    assert AuditEvent.objects.filter(action="wave.trigger").count() == 1


def test_a_wave_that_is_not_prepared_is_not_triggered(wave: Wave) -> None:
    wave.prep.status = "running"
    type(wave.prep).objects.filter(pk=wave.prep.pk).update(status="queued", lease_until=None)

    with pytest.raises(CannotTrigger, match="not finished"):
        selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())


def test_a_mail_server_that_is_away_does_not_hold_a_worker(wave: Wave, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object, emails: object) -> int:
        raise ConnectionRefusedError

    monkeypatch.setattr(type(mail.mailers.default), "send_messages", refuse)
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    scenario.run_jobs()

    wave.notification.refresh_from_db()
    assert wave.notification.status == "queued"
    assert wave.notification.run_after is not None
    assert wave.notification.run_after > timezone.now()
    assert Message.objects.get().status == "queued"
