"""The mails to those who were not chosen: everybody who took part, by the frozen list, and nobody else."""

import pytest
from django.core import mail
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign
from codes.models import Assignment
from core import jobs, storage
from entries.models import Entry, Message
from tests import scenario
from tests.scenario import SUPREME, make_wave, prepare_wave, register_fan, upload_codes
from waves import selection, sending
from waves.models import Notification, Wave
from waves.preparation import Options

pytestmark = pytest.mark.django_db(transaction=True)


def tour() -> Campaign:
    """One code for Los Angeles; who wants it, and who cannot have it for one reason each."""
    campaign = scenario.open_tour()
    for name in ("Ada", "Ben", "Cleo", "Dora", "Eve", "Finn", "Gail"):
        register_fan(campaign, name, ["CA-LAX"])
    register_fan(campaign, "Hal", ["AZ-PHX"])
    register_fan(campaign, "Iris", ["CA-LAX"], is_confirmed=False)
    Entry.objects.filter(name="Cleo").update(blocked_at=timezone.now())
    Entry.objects.filter(name="Dora").update(withdrawn_at=timezone.now())
    Entry.objects.filter(name="Eve").update(gates_failed=True)
    upload_codes(campaign, "CA-LAX", 1)
    Message.objects.all().delete()
    return lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now())


def triggered(campaign: Campaign, *, tells: bool = True, options: Options | None = None) -> Wave:
    """The wave, triggered and completed; its mails are not sent yet."""
    wave = make_wave(campaign)
    sending.change_mails(wave=wave, actor=SUPREME, now=timezone.now(), tells_not_selected=tells)
    wave = prepare_wave(wave, options)
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    jobs.run("waves.selection", str(Wave.objects.get(pk=wave.pk).selection.pk))
    return Wave.objects.get(pk=wave.pk)


def told() -> dict[str, str]:
    """Which kind of mail each fan got."""
    return dict(Message.objects.exclude(wave_id=None).values_list("entry__name", "kind"))


def test_who_took_part_is_told_and_who_did_not_is_not() -> None:
    triggered(tour())
    scenario.run_jobs()

    found = told()
    chosen = [name for name, kind in found.items() if kind == "selected"]
    assert len(chosen) == 1
    assert set(found) == {"Ada", "Ben", "Eve", "Finn", "Gail", "Hal"}  # Eve failed a gate, Hal's city had no place.
    assert Message.objects.filter(status="sent").count() == len(mail.outbox) == 6


def test_without_the_wish_only_the_chosen_are_mailed() -> None:
    triggered(tour(), tells=False)
    scenario.run_jobs()

    assert set(told().values()) == {"selected"}


def test_the_mail_says_which_cities_were_full_and_that_she_stays_in() -> None:
    triggered(tour())
    scenario.run_jobs()

    texts = {str(one.to): str(one.body) for one in mail.outbox if one.subject.startswith("Not this time")}
    full = [text for text in texts.values() if "Los Angeles was full before your number came up" in text]
    assert len(full) == 3
    assert all("if there is another draw, it takes part again" in text for text in full)
    [hal] = [text for to, text in texts.items() if "hal@" in to]
    assert "there were no places in the cities on your list" in hal
    [eve] = [text for to, text in texts.items() if "eve@" in to]
    assert "did not meet the rules of this campaign" in eve
    assert "another draw" not in eve


def test_in_a_finished_campaign_nobody_is_told_of_another_draw() -> None:
    wave = triggered(tour())
    Campaign.objects.filter(pk=wave.campaign_id).update(status="finished")
    scenario.run_jobs()

    assert not [one for one in mail.outbox if "another draw" in str(one.body)]


def test_what_changed_since_the_freeze_is_heeded_where_she_left_and_only_there() -> None:
    campaign = tour()
    wave = triggered(campaign)
    notification = Notification.objects.get(wave=wave)
    assert notification.status == "queued"
    Entry.objects.filter(name="Eve").update(gates_failed=False)
    Entry.objects.filter(name="Iris").update(email_confirmed_at=timezone.now())
    Entry.objects.filter(name="Cleo").update(blocked_at=None)
    loser = Entry.objects.filter(name__in=["Ada", "Ben", "Finn", "Gail"]).exclude(
        pk__in=Assignment.objects.values("entry_id")
    )[0]
    Entry.objects.filter(pk=loser.pk).update(withdrawn_at=timezone.now())

    scenario.run_jobs()

    assert set(told()) == {"Ada", "Ben", "Eve", "Finn", "Gail", "Hal"} - {loser.name}


def test_the_wish_can_come_after_the_mails_with_codes_were_sent() -> None:
    wave = triggered(tour(), tells=False)
    scenario.run_jobs()
    assert len(mail.outbox) == 1

    sending.change_mails(wave=wave, actor=SUPREME, now=timezone.now(), tells_not_selected=True)
    scenario.run_jobs()

    assert len(mail.outbox) == 6
    assert Notification.objects.get(wave=wave).status == "finished"
    with pytest.raises(sending.CannotChangeMails, match="queued already"):
        sending.change_mails(wave=wave, actor=SUPREME, now=timezone.now(), tells_not_selected=False)


def test_files_that_were_changed_since_the_freeze_make_no_mails() -> None:
    wave = triggered(tour())
    key = f"{wave.draw.storage_prefix}snapshot.csv"
    storage.put(key, storage.get(key).replace(b"withdrawn", b"excluded"))
    scenario.run_jobs()

    assert Notification.objects.get(wave=wave).status == "failed"
    assert not Message.objects.filter(kind="not_selected").exists()


def test_queueing_again_adds_nobody() -> None:
    wave = triggered(tour())
    scenario.run_jobs()
    Notification.objects.filter(wave=wave).update(selected_queued_at=None, not_selected_queued_at=None)
    jobs.requeue(Notification.objects.get(wave=wave))
    scenario.run_jobs()

    assert len(mail.outbox) == 6
