"""What an operator's content looks like to fans, and the previews of it."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign, Content, Faq, Image, Locale, Market
from entries.models import Entry, Message
from monoql.fan_preview import DAYS, STATES, link_to
from tests import scenario
from tests.fan.conftest import form_of, sign_in
from viewers.models import Staff


def add_image(campaign: Campaign, kind: str, locale: str = "en_US") -> Image:
    """A row of an image."""
    return Image.objects.create(
        campaign=campaign,
        locale_id=locale,
        kind=kind,
        key=f"media/{campaign.public_id}/{kind}-{locale}.webp",
        content_type="image/webp",
        width=40,
        height=30,
        size_bytes=9,
        alternative_text=f'The "{kind}" one',
    )


def test_the_landing_page_shows_one_image_for_wide_and_one_for_narrow_screens(
    client: Client, tour: Campaign, base: str
) -> None:
    main, mobile, second = (add_image(tour, kind) for kind in ("main", "mobile", "secondary"))

    page = client.get(base).content.decode()

    assert f'<source media="(max-width: 47.99rem)" srcset="{mobile.path}"' in page
    assert f'src="{main.path}" alt="The &quot;main&quot; one" width="40" height="30"' in page
    assert f'src="{second.path}"' in page
    assert f'<meta property="og:image" content="{main.url}">' in page


def test_a_mobile_image_alone_is_shown_everywhere(client: Client, tour: Campaign, base: str) -> None:
    mobile = add_image(tour, "mobile")

    page = client.get(base).content.decode()

    assert f'src="{mobile.path}" alt="The &quot;mobile&quot; one"' in page
    assert "<source" not in page


def test_a_locale_shows_its_own_image(client: Client, tour: Campaign, base: str) -> None:
    add_image(tour, "main")
    german = add_image(tour, "main", "de_DE")

    assert german.path in client.get(f"{base}?locale=de_DE").content.decode()


def test_a_mail_shows_its_image_with_a_whole_address(tour: Campaign, sent_mails: object) -> None:
    image = add_image(tour, "email")
    scenario.register_fan(tour, "Ada", ["CA-LAX"], is_confirmed=False)

    (mail,) = sent_mails()  # type: ignore[operator]  # A fixture that sends.

    assert f'src="{image.url}"' in mail.alternatives[0][0]
    assert image.url.startswith("http")


def test_questions_are_shown_where_they_belong(client: Client, tour: Campaign, base: str) -> None:
    for page, question in (("landing", "Is it <free>?"), ("confirmation", "And now?")):
        Faq.objects.create(
            campaign=tour, locale_id="en_US", page=page, number=1, question=question, answer="Ask <em>{artist}</em>."
        )
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])

    landing = client.get(base).content.decode()
    check_mail = client.get(f"{base}check-mail/").content.decode()
    own = sign_in(client, entry).get(f"{base}entry/").content.decode()

    assert "Is it &lt;free&gt;?" in landing
    assert "<p>Ask <em>Aurora Vale</em>.</p>" in landing
    assert "And now?" not in landing
    assert "And now?" in check_mail
    assert "And now?" in own
    assert "Is it" not in own


def test_a_campaign_refuses_in_its_own_words(client: Client, tour: Campaign, base: str) -> None:
    Content.objects.filter(campaign=tour, locale_id="en_US").update(
        errors={"closed": "Too <late>, sorry.", "bad_link": "Write to us."}
    )
    lifecycle.close_campaign(campaign=tour, actor=scenario.SUPREME, now=timezone.now())

    late = client.post(base, form_of()).content.decode()
    bad = client.get(f"{base}confirm/nothing/").content.decode()

    assert "Too &lt;late&gt;, sorry." in late
    assert "Write to us." in bad


@pytest.fixture
def draft(db: None) -> Campaign:
    """The tour, neither open nor released."""
    campaign = scenario.make_tour()
    Market.objects.filter(campaign=campaign).update(link="https://secret-shop.example/buy")
    Content.objects.filter(campaign=campaign, locale_id="en_US").update(
        **{state: f"Words for {state}" for state in STATES},
    )
    Content.objects.filter(campaign=campaign, locale_id="en_US").update(
        selected="Well done {name}: {code} for {market} at {link}"
    )
    return campaign


@pytest.mark.parametrize("locale", ["en_US", "de_DE", "ar_EG"])
@pytest.mark.parametrize("state", STATES)
def test_a_preview_shows_each_state_before_the_campaign_is_released(
    client: Client, draft: Campaign, state: str, locale: str
) -> None:
    assert client.get("/c/aurora/").status_code == 404

    answer = client.get(link_to(draft, locale, state))
    page = answer.content.decode()

    assert answer.status_code == 200
    assert ("Well done Alex: SAMPLE-2468" if state == "selected" else f"Words for {state}") in page
    assert '<p class="preview">' in page
    assert "secret-shop" not in page
    assert answer.headers["Content-Language"] == locale.replace("_", "-")
    assert f'dir="{"rtl" if locale == "ar_EG" else "ltr"}"' in page
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert "Set-Cookie" not in answer.headers


def test_nothing_can_be_sent_from_a_preview(client: Client, draft: Campaign) -> None:
    link = link_to(draft, "en_US", "open")

    page = client.get(link).content.decode()

    assert '<fieldset class="preview-parts" disabled>' in page
    assert client.post(link, form_of()).status_code == 405
    assert not Entry.objects.exists()
    assert not Message.objects.exists()


def test_every_link_of_a_preview_stays_in_it_or_leads_away(client: Client, draft: Campaign) -> None:
    for state in STATES:
        link = link_to(draft, "en_US", state)
        for found in re.findall(r'(?:href|action)="([^"]*)"', client.get(link).content.decode()):
            assert found.startswith((link, "/static/", "#", "https://")), found
            if found.startswith(link):
                assert client.get(found.replace("&amp;", "&")).status_code == 200


def test_a_preview_shows_no_fan_and_no_code(client: Client, tour: Campaign, supreme: Staff) -> None:
    scenario.upload_codes(tour, "CA-LAX", 2, prefix="VF7K")
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    sign_in(client, entry)
    client.force_login(supreme)

    for state in STATES:
        page = client.get(link_to(tour, "en_US", state)).content.decode()
        assert "ada@" not in page
        assert "VF7K" not in page
        assert "sue" not in page


def test_a_preview_ends_after_a_week(client: Client, draft: Campaign) -> None:
    link = link_to(draft, "en_US", "open")

    with time_machine.travel(timezone.now() + timedelta(days=DAYS, minutes=1), tick=False):
        late = client.get(link)

    assert late.status_code == 404
    assert "This preview is over" in late.content.decode()


def test_a_link_that_was_changed_shows_nothing(client: Client, draft: Campaign) -> None:
    link = link_to(draft, "en_US", "open")

    assert client.get(f"{link[:-3]}xx/").status_code == 404
    assert client.get("/preview/nothing/").status_code == 404


def test_a_fans_own_link_is_no_preview(client: Client, tour: Campaign) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    token = sign_in(client, entry).cookies["monoql_fan"].value

    assert client.get(f"/preview/{token}/").status_code == 404
    preview = link_to(tour, "en_US", "open").split("/")[2]
    assert (
        "Open your entry from your mail"
        in Client(headers={"cookie": f"monoql_fan={preview}"}).get("/c/aurora/entry/").content.decode()
    )


def test_a_campaign_without_anything_can_be_previewed(client: Client, draft: Campaign) -> None:
    draft.contents.all().delete()
    Market.objects.filter(campaign=draft).update(is_active=False)
    Locale.objects.create(code="ja_JP", name="日本語")

    for state in STATES:
        assert client.get(link_to(draft, "ja_JP", state)).status_code == 200
