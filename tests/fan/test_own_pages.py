"""What a fan does on her own pages: type a code, change, withdraw, enter again, ask for a new link."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign
from entries.models import Entry, Message
from entries.proof import mail_code
from tests import scenario
from tests.fan.conftest import sign_in

pytestmark = pytest.mark.django_db
CHANGED = {"name": "Ada L.", "choices": ["AZ-PHX", ""]}


@pytest.fixture
def ada(client: Client, tour: Campaign) -> Entry:
    """A fan whose entry this browser knows."""
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    sign_in(client, entry)
    return entry


def register(client: Client, base: str, email: str = "ada@example.com") -> str:
    """A fan sends the form, and is shown where to type her code."""
    response = client.post(base, {"email": email, "name": "Ada", "choices": ["CA-LAX"]})
    assert (response.status_code, response.headers["Location"]) == (303, f"{base}check-mail/")
    return client.get(f"{base}check-mail/").content.decode()


def test_the_code_of_the_mail_opens_the_entry(client: Client, tour: Campaign, base: str) -> None:
    page = register(client, base)
    message = Message.objects.get()
    assert 'autocomplete="one-time-code"' in page

    code = mail_code(entry_id=message.entry_id, message_id=message.pk)
    response = client.post(f"{base}check-mail/", {"code": code}, follow=True)

    assert response.redirect_chain == [(f"{base}entry/", 303)]
    assert "You are in." in response.content.decode()


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_a_wrong_code_stays_on_the_page_with_words(client: Client, tour: Campaign, base: str, email: str) -> None:
    scenario.register_fan(tour, "Ada", ["CA-LAX"])
    register(client, base, email)

    response = client.post(f"{base}check-mail/", {"code": "12"})
    page = response.content.decode()

    assert (response.status_code, response.headers["Cache-Control"]) == (400, "no-store")
    assert "This is not the code of your newest mail" in page
    assert re.search(r'<input id="code"[^>]*aria-invalid="true"[^>]*autofocus', page)


def test_whoever_registered_nothing_here_is_offered_no_code(client: Client, tour: Campaign, base: str) -> None:
    page = client.get(f"{base}check-mail/").content.decode()

    assert 'name="code"' not in page
    assert client.post(f"{base}check-mail/", {"code": "123456"}).status_code == 200


def test_another_site_can_type_no_code(client: Client, tour: Campaign, base: str) -> None:
    register(client, base)

    response = client.post(f"{base}check-mail/", {"code": "123456"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert response.status_code == 403


def test_a_change_counts_at_once(client: Client, ada: Entry, base: str) -> None:
    page = client.get(f"{base}entry/change/").content.decode()
    assert f'action="{base}entry/change/"' in page

    response = client.post(f"{base}entry/change/", CHANGED, follow=True)

    ada.refresh_from_db()
    assert ada.name == "Ada L."
    assert response.redirect_chain == [(f"{base}entry/", 303)]
    assert "Phoenix" in response.content.decode()


def test_a_wrong_change_stays_in_the_form(client: Client, ada: Entry, base: str) -> None:
    response = client.post(f"{base}entry/change/", {**CHANGED, "name": ""})
    page = response.content.decode()

    assert response.status_code == 400
    assert f'action="{base}entry/change/"' in page
    assert "Please enter your name." in page
    assert '<option value="AZ-PHX" selected>' in page


def test_another_city_is_added_to_the_form_without_sending_it(client: Client, ada: Entry, base: str) -> None:
    response = client.post(f"{base}entry/change/", {**CHANGED, "add_city": "1"})

    ada.refresh_from_db()
    assert (response.status_code, ada.name) == (200, "Ada")
    assert f'action="{base}entry/change/"' in response.content.decode()


def test_a_withdrawal_is_asked_once_and_can_be_taken_back(client: Client, ada: Entry, base: str) -> None:
    asked = client.get(f"{base}entry/withdraw/").content.decode()
    assert not Entry.objects.filter(withdrawn_at__isnull=False).exists()
    assert "Withdraw your entry?" in asked

    gone = client.post(f"{base}entry/withdraw/", follow=True)
    ada.refresh_from_db()
    assert ada.withdrawn_at is not None
    assert gone.redirect_chain == [(f"{base}entry/", 303)]
    assert "You have withdrawn." in gone.content.decode()
    assert "Enter again" in gone.content.decode()
    assert client.get(f"{base}entry/withdraw/").status_code == 303

    client.post(f"{base}entry/change/", CHANGED)
    assert Entry.objects.filter(pk=ada.pk, withdrawn_at=None, name="Ada L.").exists()


@pytest.mark.parametrize("page", ["change", "withdraw"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_changes_nothing(client: Client, ada: Entry, base: str, page: str, site: str) -> None:
    response = client.post(f"{base}entry/{page}/", CHANGED, headers={"Sec-Fetch-Site": site})

    ada.refresh_from_db()
    assert response.status_code == 403
    assert (ada.name, ada.withdrawn_at) == ("Ada", None)


@pytest.mark.parametrize("page", ["change", "withdraw"])
def test_whoever_is_unknown_changes_nothing(client: Client, tour: Campaign, base: str, page: str) -> None:
    scenario.register_fan(tour, "Ada", ["CA-LAX"])

    response = client.post(f"{base}entry/{page}/", CHANGED)

    assert (response.status_code, response.headers["Location"]) == (303, f"{base}entry/")
    assert Entry.objects.get().name == "Ada"


def test_after_the_close_the_page_says_that_it_is_too_late(client: Client, ada: Entry, base: str) -> None:
    lifecycle.close_campaign(campaign=ada.campaign, actor=scenario.SUPREME, now=timezone.now())

    response = client.post(f"{base}entry/withdraw/")

    assert response.status_code == 409
    assert "can no longer be withdrawn" in response.content.decode()
    assert client.post(f"{base}entry/change/", CHANGED).status_code == 303
    assert "entry/withdraw/" not in client.get(f"{base}entry/").content.decode()


def test_a_new_link_is_promised_alike_whether_there_is_an_entry_or_not(
    client: Client, tour: Campaign, base: str
) -> None:
    scenario.register_fan(tour, "Ada", ["CA-LAX"])
    Message.objects.all().delete()
    assert f'action="{base}entry/link/"' in client.get(f"{base}entry/").content.decode()

    told = []
    for email in ("ada@example.com", "bob@example.com"):
        response = client.post(f"{base}entry/link/", {"email": email})
        told.append((response.status_code, response.content.decode().replace(email, "")))

    assert told[0] == told[1]
    assert [message.kind for message in Message.objects.all()] == ["link"]


def test_what_is_no_address_is_told_beside_it(client: Client, tour: Campaign, base: str) -> None:
    response = client.post(f"{base}entry/link/", {"email": "ada"})
    page = response.content.decode()

    assert response.status_code == 400
    assert "This does not look like an e-mail address." in page
    assert 'value="ada"' in page
