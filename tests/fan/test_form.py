"""The form: what a fan sends, what is wrong with it, and what is kept of it."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign, Field
from entries.models import Entry, Message, Submission
from tests import scenario
from tests.fan.conftest import form_of


def test_a_registration_leads_to_the_mailbox_and_names_the_address(client: Client, tour: Campaign, base: str) -> None:
    response = client.post(base, form_of())
    page = client.get(response.headers["Location"]).content.decode()

    assert (response.status_code, response.headers["Location"]) == (303, "/c/aurora/check-mail/")
    assert "ada@example.com" in page
    assert Entry.objects.get().choices == [tour.markets.get(code=code).number for code in ("AZ-PHX", "CA-LAX")]


def test_a_known_address_is_answered_like_a_new_one(tour: Campaign, base: str) -> None:
    scenario.register_fan(tour, "Ada", ["CA-LAX"])

    answers = []
    for email in ("ada@example.com", "new@example.com"):
        client = Client()
        sent = client.post(base, form_of(email=email))
        page = client.get(sent.headers["Location"]).content.decode()
        answers.append((sent.status_code, sent.headers["Location"], page.replace(email, "")))

    # The link to a development machine's mails names the address in its encoded form too.
    first, second = (re.sub(r"to=[^\"]*", "", repr(answer)) for answer in answers)
    assert first == second


def test_a_known_fans_second_form_changes_nothing_yet(client: Client, tour: Campaign, base: str) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])

    client.post(base, form_of(choices=["AZ-PHX"]))

    entry.refresh_from_db()
    assert entry.choices == [tour.markets.get(code="CA-LAX").number]
    assert Submission.objects.count() == 1


def test_errors_stand_beside_their_fields_and_what_was_typed_is_kept(client: Client, tour: Campaign, base: str) -> None:
    response = client.post(base, form_of(email="ada@", name="  ", choices=["CA-LAX", ""], **{"answers.seat": "front"}))
    page = response.content.decode()

    assert response.status_code == 400
    assert 'value="ada@"' in page
    assert 'value="front"' in page
    assert '<option value="CA-LAX" selected>' in page
    assert 'id="email-error"' in page
    assert 'id="name-error"' in page
    assert "Please enter your name." in page
    assert not Entry.objects.exists()


def test_the_first_error_has_the_focus_without_javascript(client: Client, tour: Campaign, base: str) -> None:
    page = client.post(base, form_of(name="", choices=[])).content.decode()

    focused = re.findall(r"<(?:input|select)[^>]*\bautofocus", page)
    assert len(focused) == 1
    assert 'id="name"' in focused[0]


def test_cities_left_empty_are_told_at_the_first_list(client: Client, tour: Campaign, base: str) -> None:
    page = client.post(base, form_of(choices=["", ""])).content.decode()

    assert "Please choose at least one city." in page
    assert re.search(r'<select id="choice-1"[^>]*aria-invalid="true"[^>]*autofocus', page)


def test_another_city_can_be_added_without_javascript(client: Client, tour: Campaign, base: str) -> None:
    scenario.add_market(tour, "NV-LAS", "Las Vegas", split="concurrent", events=1, now=timezone.now())

    response = client.post(base, form_of(choices=["CA-LAX", "", ""], add_city="1"))
    page = response.content.decode()

    assert response.status_code == 200
    assert page.count('name="choices"') == 4 + 1  # The list that JavaScript fills has one in its pattern.
    assert 'value="Ada Lovelace"' in page
    assert "Your form was not sent yet" not in page
    assert not Entry.objects.exists()


def test_the_enter_key_registers_rather_than_adding_a_city(client: Client, tour: Campaign, base: str) -> None:
    form = client.get(base).content.decode().partition("<form")[2]

    first_button = re.findall(r"<button[^>]*>", form)[0]
    assert "add_city" not in first_button
    assert "hidden-button" in first_button


def test_each_type_of_question_has_its_input(client: Client, full_form: Campaign, base: str) -> None:
    page = client.get(base).content.decode()

    assert re.search(r'<input id="answer-a_text"[^>]*type="text"', page)
    assert re.search(r'<textarea id="answer-a_long_text"', page)
    assert re.search(r'<input id="answer-a_number"[^>]*inputmode="decimal"', page)
    assert re.search(r'<input id="answer-a_date"[^>]*type="date"', page)
    assert re.search(r'<input id="answer-a_checkbox"[^>]*type="checkbox"', page)
    assert re.search(r'<input id="answer-a_consent"[^>]*type="checkbox"', page)
    assert re.search(r'<select id="answer-a_dropdown"', page)
    assert '<a href="https://promoter.example/privacy" rel="noopener nofollow">' in page


def test_answers_of_each_type_are_kept(client: Client, full_form: Campaign, base: str) -> None:
    answers = {
        "answers.a_text": "red",
        "answers.a_long_text": "one\r\ntwo",
        "answers.a_number": "3",
        "answers.a_date": "2001-12-31",
        "answers.a_checkbox": "on",
        "answers.a_dropdown": "floor",
        "answers.no_longer_asked": "x",
    }

    client.post(base, form_of(**answers))

    assert Entry.objects.get().answers == {
        "a_text": "red",
        "a_long_text": "one\ntwo",
        "a_number": 3,
        "a_date": "2001-12-31",
        "a_checkbox": True,
        "a_dropdown": "floor",
    }


def test_a_date_that_is_none_stays_readable(client: Client, full_form: Campaign, base: str) -> None:
    page = client.post(base, form_of(**{"answers.a_date": "31.12.2001"})).content.decode()

    assert re.search(r'<input id="answer-a_date"[^>]*type="text"[^>]*value="31.12.2001"', page)
    assert "Please enter a date" in page


def test_questions_and_options_are_in_the_fans_language(client: Client, full_form: Campaign, base: str) -> None:
    page = client.get(f"{base}?locale=de_DE").content.decode()

    assert "Frage text" in page
    assert '<option value="floor">Innenraum</option>' in page


def test_a_required_tick_is_asked_for_by_name(client: Client, tour: Campaign, base: str) -> None:
    Field.objects.create(campaign=tour, number=9, key="adult", type="checkbox", label="I am 16", is_required=True)

    page = client.post(base, form_of()).content.decode()

    assert "<bdi>I am 16</bdi> – Please tick this box: it is needed to take part." in page


def test_a_phone_is_asked_for_only_where_it_must_be_confirmed(client: Client, tour: Campaign, base: str) -> None:
    without = client.get(base).content.decode()
    Campaign.objects.filter(pk=tour.pk).update(requires_phone_confirmation=True)
    needed = client.get(base).content.decode()

    assert 'name="phone"' not in without
    assert 'name="phone"' in needed


def test_a_form_that_comes_after_the_close_is_refused_kindly(client: Client, tour: Campaign, base: str) -> None:
    lifecycle.close_campaign(campaign=tour, actor=scenario.SUPREME, now=timezone.now())

    response = client.post(base, form_of())
    page = response.content.decode()

    assert response.status_code == 409
    assert "Registration has closed. Your form was not taken." in page
    assert "<form" not in page


def test_the_mail_goes_out_in_the_language_of_the_form(client: Client, tour: Campaign, base: str) -> None:
    client.post(f"{base}?locale=de_DE", form_of())

    assert Message.objects.get().entry.locale_id == "de_DE"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_form_from_another_site_is_refused(
    client: Client, tour: Campaign, base: str, headers: dict[str, str]
) -> None:
    response = client.post(base, form_of(), headers=headers)

    assert response.status_code == 403
    assert "Nothing was sent" in response.content.decode()
    assert not Entry.objects.exists()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://testserver"},
    ],
)
def test_a_form_from_here_needs_no_token(tour: Campaign, base: str, headers: dict[str, str]) -> None:
    client = Client(enforce_csrf_checks=True)

    assert client.post(base, form_of(), headers=headers).status_code == 303


def test_what_was_sent_is_kept_by_no_cache(client: Client, tour: Campaign, base: str) -> None:
    sent = client.post(base, form_of())

    assert sent.headers["Cache-Control"] == "no-store"
    assert client.get(sent.headers["Location"]).headers["Cache-Control"] == "no-store"
