"""A campaign's content by REST: as it is written, and as everybody reads it."""

from typing import Any

import pytest
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign, Content, Faq, Image
from tests import scenario
from tests.api.calling import Api, is_error

TOUR = "campaigns/aurora/"
REGISTER = f"{TOUR}entries/"
ADA = {"email": "ada@example.com", "name": "Ada", "choices": ["CA-LAX"]}


def add_image(campaign: Campaign, kind: str, locale: str) -> Image:
    """A row of an image; nothing asks for its file here."""
    return Image.objects.create(
        campaign=campaign,
        locale_id=locale,
        kind=kind,
        key=f"media/{campaign.public_id}/{locale}.webp",
        content_type="image/webp",
        width=40,
        height=30,
        size_bytes=9,
        alternative_text=f"In {locale}",
    )


def localized(body: Any, locale: str) -> Any:
    """What a locale has in an answer."""
    return next(part for part in body["localized"] if part["locale"] == locale)


def test_page_texts_are_html_that_can_be_shown_as_it_is(api: Api, tour: Campaign) -> None:
    Content.objects.filter(campaign=tour, locale_id="en_US").update(
        open="Tom & Ada\n\n{artist}", closed="<p>Over</p><script>alert(1)</script>"
    )

    texts = api.get(TOUR).body["texts"]

    assert texts["title"] == "Aurora Vale on tour"
    assert texts["open"] == "<p>Tom &amp; Ada</p><p>{artist}</p>"
    assert texts["closed"] == "<p>Over</p>"


def test_images_and_questions_are_resolved_for_every_locale(api: Api, tour: Campaign) -> None:
    main, mobile = add_image(tour, "main", "en_US"), add_image(tour, "mobile", "en_US")
    german = add_image(tour, "main", "de_DE")
    for number, locale in ((2, "en_US"), (1, "en_US"), (1, "de_DE")):
        question = f"{locale} {number}"
        Faq.objects.create(campaign=tour, locale_id=locale, number=number, question=question, answer="<p>Yes</p>")
    Faq.objects.create(campaign=tour, locale_id="en_US", page="confirmation", number=1, question="C", answer="No")

    body = api.get(f"{TOUR}?locale=de_DE").body

    assert [(image["kind"], image["url"]) for image in body["images"]] == [("main", german.url), ("mobile", mobile.url)]
    assert [(faq["page"], faq["question"]) for faq in body["faqs"]] == [("landing", "de_DE 1"), ("confirmation", "C")]
    assert body["images"][0]["alternative_text"] == "In de_DE"
    english = localized(body, "en_US")
    assert [image["url"] for image in english["images"]] == [main.url, mobile.url]
    assert [faq["question"] for faq in english["faqs"]] == ["en_US 1", "en_US 2", "C"]
    assert localized(body, "ar_EG")["faqs"] == english["faqs"]
    assert {"images": body["images"], "faqs": body["faqs"]}.items() <= localized(body, "de_DE").items()


def test_a_refusal_is_told_in_the_campaigns_own_words(api: Api, tour: Campaign) -> None:
    lifecycle.close_campaign(campaign=tour, actor=scenario.SUPREME, now=timezone.now())
    Content.objects.filter(campaign=tour, locale_id="en_US").update(errors={"closed": "Too late.", "bad_link": "Hm."})

    late, german = api.post(REGISTER, ADA), api.post(f"{REGISTER}?locale=de_DE", ADA)
    bad = api.post(f"{TOUR}entries/confirm/", {"token": "x"})

    assert is_error(late, 409, "not_open")
    assert late.body["message"] == german.body["message"] == "Too late."
    assert bad.body["message"] == "Hm."


def test_texts_and_words_are_written_with_their_rules(staff: Api, tour: Campaign) -> None:
    written = staff.put(
        f"{TOUR}contents/ar_EG/",
        {"open": "<b>سجل</b><script>x</script>", "errors": {"closed": " مغلق ", "bad_link": ""}},
    )

    assert written.body["open"] == "<strong>سجل</strong>"
    assert written.body["errors"] == {"closed": "مغلق"}
    assert staff.get(f"{TOUR}contents/ar_EG/").body == written.body
    assert staff.put(f"{TOUR}contents/ar_EG/", {"title": "A"}).body["errors"] == {}


@pytest.mark.parametrize(
    "body",
    [
        {"open": "{code}"},
        {"selected_body": "{nmae}"},
        {"errors": {"nowhere": "x"}},
        {"errors": {"closed": "{name}"}},
        {"errors": {"closed": "x" * 501}},
        {"errors": {"closed": {}}},
        {"errors": ["closed"]},
        {"errors": 7},
        {"errors": None},
    ],
)
def test_what_breaks_a_rule_is_refused(staff: Api, tour: Campaign, body: object) -> None:
    assert is_error(staff.put(f"{TOUR}contents/ar_EG/", body), 400, "invalid")
    assert not tour.contents.filter(locale="ar_EG").exists()
