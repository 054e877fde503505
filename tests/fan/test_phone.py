"""A fan confirms her phone on her own page, without JavaScript."""

import re

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.models import Campaign
from entries.models import Entry, PhoneCode
from tests import scenario
from tests.entries.phones import (
    NUMBER,
    a_minute_later,
    campaign,
    fan_with_phone,
    messages,
    newest_digits,
    text_messages,
    wrong_digits,
)
from tests.fan.conftest import sign_in

__all__ = ["campaign", "text_messages"]
pytestmark = pytest.mark.django_db
SEND, CONFIRM, ENTRY = (f"/c/aurora/entry/{path}" for path in ("phone/", "phone/confirm/", ""))


@pytest.fixture
def ada(client: Client, campaign: Campaign) -> Entry:
    """Ada, whom this browser knows, and whose phone is not confirmed yet."""
    entry = fan_with_phone(campaign, "Ada")
    sign_in(client, entry)
    return entry


def text_of(client: Client, address: str = ENTRY) -> str:
    """A page."""
    return client.get(address).content.decode()


def test_a_fan_asks_for_a_code_types_it_and_is_in(client: Client, ada: Entry) -> None:
    before = text_of(client)
    assert "Your entry does not count yet." in before
    assert f'value="{NUMBER}"' in before
    assert 'name="code"' not in before

    sent = client.post(SEND, {"number": NUMBER})
    waiting = text_of(client)
    confirmed = client.post(CONFIRM, {"code": newest_digits()})
    after = text_of(client)

    assert (sent.status_code, sent.headers["Location"]) == (303, f"{ENTRY}#phone")
    assert re.search(r'<input id="phone-code"[^>]*inputmode="numeric" autocomplete="one-time-code"', waiting)
    assert "They work for ten minutes." in waiting
    assert confirmed.status_code == 303
    assert "You are in." in after
    assert "Phone confirmed:" in after
    assert 'id="phone"' not in after


@pytest.mark.parametrize(
    ("path", "data", "words", "field"),
    [
        (SEND, {"number": "12"}, "Please enter a phone number", "phone-number"),
        (SEND, {"number": NUMBER}, "less than a minute ago", "phone-number"),
        (CONFIRM, {"code": "12"}, "This is not the code.", "phone-code"),
    ],
)
def test_an_error_stands_beside_its_field_and_takes_the_focus(
    path: str, data: dict[str, str], words: str, field: str, client: Client, ada: Entry
) -> None:
    client.post(SEND, {"number": NUMBER})

    response = client.post(path, data)
    page = response.content.decode()

    assert response.status_code in (400, 429)
    assert response.headers["Cache-Control"] == "no-store"
    assert re.search(rf'<p class="error" id="{field}-error">[^<]*{words}', page)
    assert re.search(rf'<input id="{field}"[^>]*aria-invalid="true" autofocus', page)
    if "number" in data:
        assert f'value="{data["number"]}"' in page


def test_after_five_tries_a_new_code_is_asked_for(client: Client, ada: Entry) -> None:
    client.post(SEND, {"number": NUMBER})
    for _try in range(5):
        client.post(CONFIRM, {"code": wrong_digits()})

    refused = client.post(CONFIRM, {"code": newest_digits()})
    a_minute_later(ada)
    client.post(SEND, {"number": NUMBER})
    client.post(CONFIRM, {"code": newest_digits()})

    assert (refused.status_code, "Please ask for a new code." in refused.content.decode()) == (429, True)
    assert "You are in." in text_of(client)


def test_a_message_that_cannot_be_sent_is_said_beside_the_number(
    client: Client, settings: Settings, ada: Entry
) -> None:
    settings.PHONE_SENDER = {"BACKEND": "tests.entries.test_phone.Failing"}

    response = client.post(SEND, {"number": NUMBER})

    assert response.status_code == 503
    assert "The message could not be sent just now." in response.content.decode()


def test_after_the_close_nothing_is_asked_for(client: Client, campaign: Campaign, ada: Entry) -> None:
    client.post(SEND, {"number": NUMBER})
    lifecycle.close_campaign(campaign=campaign, actor=scenario.SUPREME, now=timezone.now())

    refused = client.post(CONFIRM, {"code": newest_digits()})

    assert refused.status_code == 409
    assert 'id="phone"' not in text_of(client)
    assert Entry.objects.get(pk=ada.pk).phone_confirmed_at is None


@pytest.mark.parametrize("path", [SEND, CONFIRM])
def test_another_sites_form_is_refused_and_a_stranger_led_away(path: str, client: Client, ada: Entry) -> None:
    data = {"number": NUMBER, "code": "123456"}

    foreign = client.post(path, data, headers={"sec-fetch-site": "cross-site"})
    stranger = Client().post(path, data)

    assert foreign.status_code == 403
    assert (stranger.status_code, stranger.headers["Location"]) == (303, f"{ENTRY}#phone")
    assert client.get(path).status_code == 405
    assert not PhoneCode.objects.exists()


def test_the_panel_speaks_the_fans_language(client: Client, ada: Entry) -> None:
    Entry.objects.update(locale="ar_EG")

    page = text_of(client)

    assert "أكّدوا هاتفكم" in page


def test_a_campaign_that_asks_for_no_phone_shows_no_panel(client: Client, ada: Entry) -> None:
    Campaign.objects.update(requires_phone_confirmation=False)

    assert 'id="phone"' not in text_of(client)


def test_a_development_machine_shows_the_message(client: Client, settings: Settings, ada: Entry) -> None:
    settings.DEVELOPMENT = True
    client.post(SEND, {"number": NUMBER})

    assert "/sms/?to=%2B12135550123" in text_of(client)
    assert messages()[-1]["text"] in text_of(client, "/sms/?to=%2B12135550123")
    assert "No message to" in text_of(client, "/sms/?to=%2B49")
    settings.DEVELOPMENT = False
    assert client.get("/sms/").status_code == 404
    assert "/sms/" not in text_of(client)
