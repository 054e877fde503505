"""What the tests of the fan pages share: the tour's campaign in all its states, and fans who walk through it."""

from collections.abc import Callable

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign, Field, Locale
from entries.models import Entry
from entries.proof import fan_token
from entries.sending import send_batch
from tests import scenario
from waves import selection
from waves.models import Wave

NAMES_OF_LOCALES = {
    "es_MX": "Español",
    "fr_CA": "Français",
    "pt_BR": "Português",
    "ja_JP": "日本語",
}


@pytest.fixture
def base() -> str:
    """The path of the tour's landing page."""
    return "/c/aurora/"


@pytest.fixture
def polyglot(tour: Campaign) -> Campaign:
    """The tour in all seven locales."""
    for code, name in NAMES_OF_LOCALES.items():
        Locale.objects.get_or_create(code=code, defaults={"name": name})
    tour.locales.add(*Locale.objects.filter(code__in=NAMES_OF_LOCALES))
    return tour


@pytest.fixture
def full_form(tour: Campaign) -> Campaign:
    """The tour with a question of each type."""
    for number, kind in enumerate(Field.Type, start=2):
        options = [{"value": "floor", "labels": {"en": "Floor", "de": "Innenraum"}}]
        Field.objects.create(
            campaign=tour,
            number=number,
            key=f"a_{kind.value}",
            type=kind,
            label_en=f"Question {kind.label}",
            label_de=f"Frage {kind.label}",
            help_text="See https://promoter.example/privacy.",
            options=options if kind == Field.Type.DROPDOWN else [],
        )
    return tour


@pytest.fixture
def sent_mails() -> Callable[[], list[mail.EmailMultiAlternatives]]:
    """Sends what waits and gives all mails so far."""

    def send() -> list[mail.EmailMultiAlternatives]:
        send_batch(now=timezone.now())
        return [message for message in mail.outbox if isinstance(message, mail.EmailMultiAlternatives)]

    return send


def form_of(**changes: object) -> dict[str, object]:
    """What Ada sends, with changes."""
    return {"email": "ada@example.com", "name": "Ada Lovelace", "choices": ["AZ-PHX", "CA-LAX"], **changes}


def sign_in(client: Client, entry: Entry) -> Client:
    """Give a client the cookie of a fan who has proved her address."""
    domain = entry.campaign.domain
    client.cookies["monoql_fan"] = fan_token(campaign_id=entry.campaign_id, ref=entry.ref)
    client.cookies["monoql_fan"]["path"] = f"/c/{domain}/"
    return client


def draw(campaign: Campaign, *, codes: int = 1) -> Wave:
    """Close the campaign and draw: so many codes for Los Angeles, none for Phoenix."""
    scenario.upload_codes(campaign, "CA-LAX", codes, prefix="VF7K")
    closed = lifecycle.close_campaign(campaign=campaign, actor=scenario.SUPREME, now=timezone.now())
    wave = scenario.prepare_wave(scenario.make_wave(closed))
    return selection.trigger(wave=wave, actor=scenario.SUPREME, now=timezone.now())
