"""What some campaigns ask beside the address: the number in the fan club, and a tick for the minimum age."""

import re

import pytest
from django.test import Client

from campaigns.models import Campaign, Member
from entries.consents import AGE
from entries.models import Entry
from entries.proof import link_token
from tests.fan.conftest import form_of, sign_in


@pytest.fixture
def club(tour: Campaign) -> Campaign:
    """The tour for members of the fan club, of whom Ada is one."""
    Campaign.objects.filter(pk=tour.pk).update(identifier_type="memberId")
    tour.refresh_from_db()
    Member.objects.create(artist=tour.artist, number="M-1234567", email="ada@example.com")
    return tour


@pytest.fixture
def grown_up(tour: Campaign) -> Campaign:
    """The tour for fans of 16 and older."""
    Campaign.objects.filter(pk=tour.pk).update(minimum_age=16)
    tour.refresh_from_db()
    return tour


def registered(client: Client, campaign: Campaign, **form: object) -> Entry:
    """Ada registers and follows her link."""
    base = f"/c/{campaign.domain}/"
    assert client.post(base, form_of(**form)).status_code == 303
    entry = Entry.objects.get()
    client.post(f"{base}confirm/{link_token(entry_id=entry.pk)}/")
    entry.refresh_from_db()
    return entry


def test_members_are_asked_for_number_and_address(client: Client, club: Campaign, base: str) -> None:
    page = client.get(base).content.decode()
    client.post(base, form_of(member_id="m-1234567"))
    client.post(base, form_of(member_id=" M-1234567 "))

    assert re.search(r'<input id="member-id" name="member_id"[^>]*required', page)
    assert 'name="email"' in page
    assert [entry.identifier for entry in Entry.objects.all()] == ["M-1234567"]


def test_a_number_that_is_missing_is_told_beside_it_and_in_the_list(client: Client, club: Campaign, base: str) -> None:
    response = client.post(base, form_of(member_id="  "))
    page = response.content.decode()

    assert response.status_code == 400
    assert 'id="member-id-error"' in page
    assert '<a href="#member-id"><bdi>Member number</bdi>' in page
    assert re.search(r'<input id="member-id"[^>]*aria-invalid="true"[^>]*autofocus', page)
    assert not Entry.objects.exists()


def test_a_number_that_was_typed_is_kept_beside_another_error(client: Client, club: Campaign, base: str) -> None:
    page = client.post(base, form_of(member_id="M-1234567", name="")).content.decode()

    assert re.search(r'<input id="member-id"[^>]*value="M-1234567"', page)


def test_other_campaigns_ask_no_number(client: Client, tour: Campaign, base: str) -> None:
    page = client.get(base).content.decode()

    assert "member_id" not in page
    assert "is_old_enough" not in page


def test_who_changes_her_entry_sees_who_she_is_and_is_not_asked(client: Client, club: Campaign, base: str) -> None:
    registered(client, club, member_id="M-1234567")

    page = client.get(f"{base}entry/change/").content.decode()
    refused = client.post(f"{base}entry/change/", {"name": "", "choices": ["CA-LAX"]})
    sent = client.post(f"{base}entry/change/", {"name": "Ada L.", "choices": ["CA-LAX"], "email": "x@example.com"})

    for shown in (page, refused.content.decode()):
        assert "M-1234567" in shown
        assert "ada@example.com" in shown
        assert 'name="email"' not in shown
        assert 'name="member_id"' not in shown
        assert f'action="{base}entry/change/"' in shown
    assert sent.status_code == 303
    entry = Entry.objects.get()
    assert (entry.name, entry.email, entry.identifier) == ("Ada L.", "ada@example.com", "M-1234567")


def test_the_minimum_age_is_ticked_and_kept_as_a_consent(client: Client, grown_up: Campaign, base: str) -> None:
    page = client.get(base).content.decode()
    refused = client.post(base, form_of())
    entry = registered(client, grown_up, is_old_enough="on")

    assert re.search(r'<input id="is-old-enough" name="is_old_enough" type="checkbox"(?![^>]*checked)', page)
    assert "I am 16 years old or older." in page
    assert refused.status_code == 400
    assert '<a href="#is-old-enough"><bdi>I am 16 years old or older.</bdi>' in refused.content.decode()
    assert re.search(r'<input id="is-old-enough"[^>]*autofocus', refused.content.decode())
    assert AGE in entry.consents


def test_a_tick_is_kept_beside_another_error(client: Client, grown_up: Campaign, base: str) -> None:
    page = client.post(base, form_of(name="", is_old_enough="on")).content.decode()

    assert re.search(r'<input id="is-old-enough"[^>]*checked', page)


def test_who_changes_her_entry_finds_her_tick(client: Client, grown_up: Campaign, base: str) -> None:
    entry = registered(client, grown_up, is_old_enough="on")

    ticked = client.get(f"{base}entry/change/").content.decode()
    Entry.objects.update(consents={})
    bare = sign_in(Client(), entry).get(f"{base}entry/change/").content.decode()

    assert re.search(r'<input id="is-old-enough"[^>]*checked', ticked)
    assert not re.search(r'<input id="is-old-enough"[^>]*checked', bare)
