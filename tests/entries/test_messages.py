"""Mails: sent once, in the fan's locale, to addresses of every script."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from campaigns.models import Campaign
from campaigns.published import published
from core.mail import FolderBackend, file_of
from core.mail_writing import policy_of
from entries import messages, sending
from entries.form import Form
from entries.models import Entry, Message
from entries.registration import register


def submit(campaign: Campaign, email: str, locale: str = "en_US") -> None:
    """A fan presses the button."""
    register(
        published=published(campaign.domain),
        form=Form(email=email, locale=locale, name="Jürgen Öz", choices=["CA-LAX"]),
        now=timezone.now(),
    )


def test_a_registration_mails_a_link_and_quotes_nothing_that_was_typed(tour: Campaign) -> None:
    submit(tour, "ada@example.com")

    assert sending.send_due(timezone.now()) == 1
    assert sending.send_due(timezone.now()) == 0

    (email,) = mail.outbox
    assert email.to == ["ada@example.com"]
    assert "/confirm/" in str(email.body)
    assert "Jürgen" not in str(email.body)


def test_a_mail_speaks_the_fans_language(tour: Campaign) -> None:
    for locale in ("en_US", "de_DE"):
        submit(tour, f"{locale.lower()}@example.com", locale)
    sending.send_due(timezone.now())

    first, second = (str(email.body) for email in mail.outbox)
    assert first != second


@pytest.mark.parametrize("email", ["jürgen@müller.de", "用户@example.com", "ada@example.com"])
def test_addresses_of_every_script_get_their_mail(tour: Campaign, email: str, settings: Settings) -> None:
    submit(tour, email)
    Message.objects.update(kind="receipt")
    sending.send_due(timezone.now())

    assert Message.objects.get().status == "sent"
    (sent,) = mail.outbox
    FolderBackend().send_messages([sent])
    written = file_of(sent.extra_headers["Message-ID"]).read_bytes()
    assert Entry.objects.get().email.encode() in written
    assert policy_of(sent).utf8 == (not email.rpartition("@")[0].isascii())


def test_what_a_dead_sender_left_is_sent_again_under_the_same_id(tour: Campaign) -> None:
    submit(tour, "ada@example.com")
    now = timezone.now()
    assert sending.claim(now=now, wave_id=None, after=0, most=1)
    assert sending.send_batch(now=now) == 0

    assert sending.send_batch(now=now + sending.CLAIM + timedelta(seconds=1)) == 1

    message = Message.objects.get()
    assert (message.status, message.attempts) == ("sent", 2)
    assert mail.outbox[0].extra_headers["Message-ID"] == messages.message_id(message)


def test_one_refused_address_does_not_keep_the_others_back(tour: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ada", "ben", "cleo"):
        submit(tour, f"{name}@example.com")
    backend = type(mail.mailers.default)
    send = backend.send_messages

    def refuse_ben(self: object, emails: list[mail.EmailMessage]) -> int:
        if emails[0].to == ["ben@example.com"]:
            raise ValueError("550")
        return int(send(self, emails))  # type: ignore[arg-type]  # It is the backend.

    monkeypatch.setattr(backend, "send_messages", refuse_ben)
    sending.send_due(timezone.now())

    assert list(Message.objects.order_by("pk").values_list("status", flat=True)) == ["sent", "queued", "sent"]
    assert Message.objects.get(status="queued").send_after is not None
