"""The mailed link and the fan's own page: am I in, and what happened?"""

import json
from collections.abc import Callable

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.utils import timezone

from campaigns.models import Campaign, Content
from entries.models import Entry
from entries.proof import link_token
from tests import scenario
from tests.fan.conftest import draw, form_of, sign_in

Mails = Callable[[], list[EmailMultiAlternatives]]
with_draw = pytest.mark.django_db(transaction=True)
"""A freeze reads every entry at one moment, in a transaction of its own."""


def link_of(entry: Entry, base: str) -> str:
    """The path of a fan's link."""
    return f"{base}confirm/{link_token(entry_id=entry.pk)}/"


def test_opening_the_link_confirms_nothing_and_shows_one_button(client: Client, tour: Campaign, base: str) -> None:
    entry = scenario.register_fan(tour, "Ada", ["AZ-PHX", "CA-LAX"], is_confirmed=False)

    response = client.get(link_of(entry, base))
    page = response.content.decode()

    entry.refresh_from_db()
    assert entry.email_confirmed_at is None
    assert page.count("<button") == 1
    assert page.index("Phoenix") < page.index("Los Angeles")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"


def test_pressing_the_button_confirms_and_opens_the_entry(client: Client, tour: Campaign, base: str) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"], is_confirmed=False)

    response = client.post(link_of(entry, base))
    page = client.get(response.headers["Location"]).content.decode()

    entry.refresh_from_db()
    assert entry.email_confirmed_at is not None
    assert (response.status_code, response.headers["Location"]) == (303, "/c/aurora/entry/")
    assert "You are in." in page
    assert "ada@example.com" in page


def test_the_fans_cookie_is_hidden_from_scripts_and_sent_to_this_campaign_alone(
    client: Client, tour: Campaign, base: str
) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"], is_confirmed=False)

    cookie = client.post(link_of(entry, base)).cookies["monoql_fan"]

    assert (cookie["path"], cookie["samesite"], cookie["httponly"]) == (base, "Lax", True)


def test_an_old_browser_that_hides_its_origin_may_confirm(client: Client, tour: Campaign, base: str) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"], is_confirmed=False)

    assert client.post(link_of(entry, base), headers={"Origin": "null"}).status_code == 303


def test_another_site_cannot_press_the_button(client: Client, tour: Campaign, base: str) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"], is_confirmed=False)

    response = client.post(link_of(entry, base), headers={"Sec-Fetch-Site": "cross-site"})

    entry.refresh_from_db()
    assert response.status_code == 403
    assert entry.email_confirmed_at is None


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_damaged_link_says_what_to_do(client: Client, tour: Campaign, base: str, method: str) -> None:
    response = getattr(client, method)(f"{base}confirm/WzEsMF0:damaged/")
    page = response.content.decode()

    assert response.status_code == 400
    assert "This link does not work" in page
    assert "register again with the same address" in page
    assert f'href="{base}"' in page


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_link_of_another_campaign_does_not_work(client: Client, tour: Campaign, base: str, method: str) -> None:
    other = scenario.open_tour(domain="other")
    entry = scenario.register_fan(other, "Ada", ["CA-LAX"], is_confirmed=False)

    assert getattr(client, method)(link_of(entry, base)).status_code == 400


def test_a_changed_form_waits_for_its_own_link(client: Client, tour: Campaign, base: str, sent_mails: Mails) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    sent_mails()
    client.post(base, form_of(choices=["AZ-PHX"]))
    mail = sent_mails()[-1]
    path = str(mail.body).partition("http://localhost:8000")[2].split()[0]

    page = client.get(path).content.decode()
    client.post(path)

    entry.refresh_from_db()
    assert "Confirm your changes" in page
    assert "Phoenix" in page
    assert "Los Angeles" not in page
    assert entry.choices == [tour.markets.get(code="AZ-PHX").number]


def test_a_link_followed_again_opens_the_entry_at_once_on_the_same_device(
    client: Client, tour: Campaign, base: str
) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])

    response = sign_in(client, entry).get(link_of(entry, base))

    assert (response.status_code, response.headers["Location"]) == (302, "/c/aurora/entry/")


def test_who_is_not_known_learns_where_the_link_is(client: Client, tour: Campaign, base: str) -> None:
    page = client.get(f"{base}entry/").content.decode()

    assert "Open your entry from your mail" in page


def test_a_cookie_of_another_campaign_opens_nothing(client: Client, tour: Campaign, base: str) -> None:
    other = scenario.register_fan(scenario.open_tour(domain="other"), "Ada", ["CA-LAX"])
    client.cookies["monoql_fan"] = sign_in(Client(), other).cookies["monoql_fan"].value

    assert "Open your entry from your mail" in client.get(f"{base}entry/").content.decode()


def test_an_entry_that_was_never_confirmed_opens_by_no_cookie(client: Client, tour: Campaign, base: str) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"], is_confirmed=False)

    page = sign_in(client, entry).get(f"{base}entry/").content.decode()

    assert "ada@example.com" not in page


def test_the_page_speaks_the_language_of_the_form(client: Client, tour: Campaign, base: str) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    Entry.objects.filter(pk=entry.pk).update(locale_id="de_DE")

    page = sign_in(client, entry).get(f"{base}entry/", headers={"Accept-Language": "ar"}).content.decode()

    assert "Du bist dabei." in page


def test_a_phone_that_is_not_confirmed_stands_in_the_first_line(client: Client, tour: Campaign, base: str) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    Campaign.objects.filter(pk=tour.pk).update(requires_phone_confirmation=True)

    page = sign_in(client, entry).get(f"{base}entry/").content.decode()

    assert "<h1>Your entry does not count yet.</h1>" in page


def test_a_fan_who_withdrew_reads_so(client: Client, tour: Campaign, base: str) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    Entry.objects.filter(pk=entry.pk).update(withdrawn_at=timezone.now())

    assert "<h1>You have withdrawn.</h1>" in sign_in(client, entry).get(f"{base}entry/").content.decode()


@with_draw
def test_a_selected_fan_sees_her_code_and_when_it_is_good(client: Client, tour: Campaign, base: str) -> None:
    Content.objects.filter(campaign=tour, locale_id="en_US").update(selected="Well done, {name}: {code}.")
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    draw(tour)

    page = sign_in(client, entry).get(f"{base}entry/").content.decode()

    assert "<h1>You were drawn for Los Angeles, your first choice.</h1>" in page
    assert ">VF7K-000000</code>" in page
    assert "(Los Angeles time, UTC−" in page
    assert 'href="https://tickets.example/buy"' in page
    assert "Well done, Ada: VF7K-000000." in page


@with_draw
def test_a_code_that_only_the_mail_tells_is_nowhere_on_the_page(client: Client, tour: Campaign, base: str) -> None:
    Content.objects.filter(campaign=tour, locale_id="en_US").update(selected="Your code: {code}")
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    draw(tour)
    Campaign.objects.filter(pk=tour.pk).update(show_access_code=False)

    page = sign_in(client, entry).get(f"{base}entry/").content.decode()

    assert "Your code is in the mail that we sent you." in page
    assert "VF7K" not in page


@with_draw
def test_a_fan_who_was_not_drawn_reads_why_in_one_sentence(client: Client, tour: Campaign, base: str) -> None:
    entries = [scenario.register_fan(tour, name, ["CA-LAX", "AZ-PHX"]) for name in ("Ada", "Ben")]
    draw(tour)

    pages = [sign_in(Client(), entry).get(f"{base}entry/").content.decode() for entry in entries]
    [lost] = [page for page in pages if "<h1>Not this time.</h1>" in page]

    assert "Los Angeles was full before your number came up." in lost  # Phoenix had no places at all.
    assert "Your entry stays in" in lost
    assert "VF7K" not in lost


@with_draw
def test_nothing_of_a_draw_shows_before_its_trigger(client: Client, tour: Campaign, base: str) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    scenario.upload_codes(tour, "CA-LAX", 1)
    scenario.prepare_wave(scenario.make_wave(tour))

    assert "You are in." in sign_in(client, entry).get(f"{base}entry/").content.decode()


def test_the_receipt_is_a_file(client: Client, tour: Campaign, base: str) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])

    response = sign_in(client, entry).get(f"{base}entry/receipt.json")
    content = json.loads(response.content)

    assert response.headers["Content-Disposition"] == 'attachment; filename="aurora-receipt.json"'
    assert json.loads(content["receipt"])["ref"] == entry.ref
    assert response.headers["Cache-Control"] == "no-store"


@with_draw
def test_the_receipt_of_a_draw_is_a_file(client: Client, tour: Campaign, base: str) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    wave = draw(tour)

    response = sign_in(client, entry).get(f"{base}entry/draws/{wave.date_key}.json")
    content = json.loads(response.content)

    assert (content["ref"], content["outcome"], content["market"]) == (entry.ref, "placed", "CA-LAX")


def test_a_receipt_is_for_its_fan_alone(client: Client, tour: Campaign, base: str) -> None:
    scenario.register_fan(tour, "Ada", ["CA-LAX"])

    response = client.get(f"{base}entry/receipt.json")

    assert response.headers["Content-Type"].startswith("text/html")
    assert "Open your entry from your mail" in response.content.decode()


def test_changing_shows_the_form_as_it_was_filled_in(client: Client, tour: Campaign, base: str) -> None:
    entry = scenario.register_fan(tour, "Ada", ["AZ-PHX"])

    response = sign_in(client, entry).get(f"{base}entry/change/")
    page = response.content.decode()

    assert "ada@example.com" in page
    assert '<option value="AZ-PHX" selected>' in page
    assert response.headers["Cache-Control"] == "no-store"


def test_signing_out_forgets_the_fan(client: Client, tour: Campaign, base: str) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])

    response = sign_in(client, entry).post(f"{base}entry/sign-out/")

    assert (response.status_code, response.headers["Location"]) == (303, base)
    assert response.cookies["monoql_fan"]["max-age"] == 0


def test_another_site_cannot_sign_a_fan_out(client: Client, tour: Campaign, base: str) -> None:
    response = client.post(f"{base}entry/sign-out/", headers={"Sec-Fetch-Site": "cross-site"})

    assert response.status_code == 403
