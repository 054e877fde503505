"""The reminder: one mail, before the close, to whoever still has her phone to confirm."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from campaigns.models import Campaign, Content
from entries import phone_reminders
from entries.models import Entry, Message
from entries.phone_reminders import remind_due
from entries.sending import send_batch
from tests.entries.phones import fan_with_phone, phone_tour

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def tour_with_ada(*, closes_in: timedelta = timedelta(hours=40), proved: timedelta = timedelta(days=9)) -> Entry:
    """Ada, who proved her address so long ago, in a tour that closes so soon."""
    campaign = phone_tour()
    ada = fan_with_phone(campaign, "Ada")
    Campaign.objects.filter(pk=campaign.pk).update(close_at=NOW + closes_in)
    Entry.objects.filter(pk=ada.pk).update(email_confirmed_at=NOW - proved)
    return Entry.objects.get(pk=ada.pk)


def reminded() -> list[int]:
    """The entries that have a reminder."""
    return list(Message.objects.filter(kind="reminder").order_by("entry_id").values_list("entry_id", flat=True))


def test_two_days_before_the_close_a_fan_is_reminded_once() -> None:
    ada = tour_with_ada()

    counts = [remind_due(NOW), remind_due(NOW), remind_due(NOW + timedelta(hours=1))]

    assert counts == [1, 0, 0]
    assert reminded() == [ada.pk]


def test_before_that_nobody_is_reminded() -> None:
    ada = tour_with_ada(closes_in=timedelta(hours=49))

    assert remind_due(NOW) == 0
    assert remind_due(NOW + timedelta(hours=1)) == 1
    assert reminded() == [ada.pk]


def test_whoever_came_late_is_reminded_after_half_of_her_time() -> None:
    tour_with_ada(closes_in=timedelta(hours=10), proved=timedelta(hours=2))

    assert remind_due(NOW) == 0
    assert remind_due(NOW + timedelta(hours=3, minutes=59)) == 0
    assert remind_due(NOW + timedelta(hours=4)) == 1


def test_after_the_close_nobody_is_reminded() -> None:
    tour_with_ada()

    assert remind_due(NOW + timedelta(hours=40)) == 0
    Campaign.objects.update(status="closed")
    assert remind_due(NOW) == 0


@pytest.mark.parametrize(
    "state",
    [
        {"phone_confirmed_at": NOW},
        {"withdrawn_at": NOW},
        {"blocked_at": NOW},
        {"email_confirmed_at": None},
        {"phone": ""},
        {"phone_reminded_at": NOW},
    ],
    ids=lambda state: next(iter(state)),
)
def test_nobody_is_reminded_who_need_not_be(state: dict[str, object]) -> None:
    tour_with_ada()
    Entry.objects.update(**state)

    assert remind_due(NOW) == 0
    assert reminded() == []


def test_a_campaign_that_asks_for_no_phone_reminds_nobody() -> None:
    tour_with_ada()
    Campaign.objects.update(requires_phone_confirmation=False)

    assert remind_due(NOW) == 0


def test_a_tick_goes_on_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    ada = tour_with_ada()
    for name in ("Ben", "Cleo", "Dora", "Eve"):
        fan_with_phone(ada.campaign, name)
    Entry.objects.update(email_confirmed_at=NOW - timedelta(days=9))
    monkeypatch.setattr(phone_reminders, "BATCH", 2)
    monkeypatch.setattr(phone_reminders, "MOST_BATCHES", 2)

    assert [remind_due(NOW), remind_due(NOW)] == [4, 1]
    assert len(reminded()) == 5


def test_who_is_due_is_found_by_the_index() -> None:
    tour_with_ada()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        values: dict[str, Any] = {"campaign": 1, "proved_before": NOW, "batch": 10, "now": NOW}
        cursor.execute(f"EXPLAIN {phone_reminders._REMIND}", values)
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "entries_entry_phone_missing" in plan


def test_the_mail_leads_to_the_entry_and_says_until_when() -> None:
    ada = tour_with_ada()
    remind_due(NOW)
    mail.outbox.clear()

    send_batch(now=timezone.now())

    sent = [message for message in mail.outbox if "reminder" in message.extra_headers["Message-ID"]]
    assert len(sent) == 1
    assert sent[0].subject == "Confirm your phone: Aurora Vale on tour"
    assert f"{ada.campaign.site_url}confirm/" in sent[0].body
    assert "before registration closes" in sent[0].body


def test_the_operators_words_take_the_place_of_ours() -> None:
    ada = tour_with_ada()
    Content.objects.filter(campaign=ada.campaign, locale="en_US").update(
        reminder_subject="{artist}: your phone", reminder_body="Quick, {name}."
    )
    remind_due(NOW)
    mail.outbox.clear()

    send_batch(now=timezone.now())

    sent = next(message for message in mail.outbox if "reminder" in message.extra_headers["Message-ID"])
    assert sent.subject == "Aurora Vale: your phone"
    assert "Quick, Ada." in sent.body


@pytest.mark.django_db(transaction=True)
def test_two_ticks_at_once_remind_everybody_once() -> None:
    ada = tour_with_ada()
    for number in range(20):
        fan_with_phone(ada.campaign, f"Fan{number}")
    Entry.objects.update(email_confirmed_at=NOW - timedelta(days=9))
    start = Barrier(4)

    def tick() -> int:
        start.wait()
        try:
            return remind_due(NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        counts = [task.result() for task in [pool.submit(tick) for _tick in range(4)]]

    assert sum(counts) == 21
    assert len(reminded()) == len(set(reminded())) == 21
