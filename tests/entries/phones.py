"""What the tests of phones share: a campaign that asks for them, fans who have one, and the messages that were sent."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django import Settings

from campaigns.models import Campaign
from campaigns.published import published
from entries import phone
from entries.models import Entry, PhoneCode
from tests import scenario

NUMBER = "+12135550123"
OTHER_NUMBER = "+12135550199"


def phone_tour(**options: Any) -> Campaign:
    """The tour, open, whose entries count only with a confirmed phone."""
    return scenario.open_tour(requires_phone_confirmation=True, **options)


@pytest.fixture(autouse=True)
def text_messages(settings: Settings, tmp_path: Path) -> None:
    """Messages go to files of this test alone."""
    settings.PHONE_SENDER = {
        "BACKEND": "entries.phone_senders.FileSender",
        "OPTIONS": {"folder": str(tmp_path / "sms")},
    }


@pytest.fixture
def campaign(db: None) -> Campaign:
    """The tour that asks for phones."""
    return phone_tour()


def fan_with_phone(campaign: Campaign, name: str, *, number: str = NUMBER) -> Entry:
    """A fan who has proved her address and given a number."""
    Campaign.objects.filter(pk=campaign.pk).update(requires_phone_confirmation=False)
    entry = scenario.register_fan(campaign, name, ["CA-LAX"])
    Campaign.objects.filter(pk=campaign.pk).update(requires_phone_confirmation=True)
    Entry.objects.filter(pk=entry.pk).update(phone=number)
    return Entry.objects.get(pk=entry.pk)


def ask(
    entry: Entry, *, number: str | None = None, asker: str = "192.0.2.7", now: datetime | None = None
) -> phone.Sent:
    """A fan asks for a code."""
    return phone.send_code(
        published=published(entry.campaign.domain), entry=entry, asker=asker, number=number, now=now or timezone.now()
    )


def confirm(entry: Entry, code: object, *, now: datetime | None = None) -> Entry:
    """A fan types a code."""
    return phone.confirm_code(
        published=published(entry.campaign.domain), entry=entry, code=code, now=now or timezone.now()
    )


def messages() -> list[dict[str, str]]:
    """What the file sender has written, the oldest first."""
    folder = Path(settings.PHONE_SENDER["OPTIONS"]["folder"])
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def newest_digits() -> str:
    """The code in the newest message."""
    found = re.search(r"\b\d{6}\b", messages()[-1]["text"])
    assert found is not None
    return found[0]


def wrong_digits() -> str:
    """Six digits that are not the code of the newest message."""
    return f"{(int(newest_digits()) + 1) % 1_000_000:06d}"


def a_minute_later(entry: Entry) -> None:
    """Let the pause after a message pass."""
    for code in PhoneCode.objects.filter(entry=entry):
        code.made_at -= timedelta(seconds=61)
        code.save(update_fields=["made_at"])
