"""A campaign's images and frequent questions by REST, as staff write them."""

import io
from typing import Any

import PIL.Image
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from campaigns.api.page_parts import MOST_IMAGES_AT_ONCE, decoding
from campaigns.images import MOST_BYTES
from campaigns.models import Campaign, Faq, Image
from core.models import AuditEvent
from tests.api.calling import Answer, Api, is_error

pytestmark = pytest.mark.django_db
FAQS = "campaigns/aurora/faqs/"
IMAGES = "campaigns/aurora/images/"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture(autouse=True)
def nobody_has_sent_an_image() -> None:
    """Begin with full buckets."""
    decoding.clear()


def png(color: str = "red", **options: Any) -> bytes:
    """A small image as a file."""
    out = io.BytesIO()
    PIL.Image.new("RGB", (40, 30), color).save(out, "PNG", **options)
    return out.getvalue()


def ask(staff: Api, question: str, **more: Any) -> Answer:
    """Add a question."""
    return staff.post(FAQS, {"locale": "en_US", "question": question, "answer": "Soon.", **more})


def order_of(staff: Api, locale: str = "en_US") -> list[str]:
    """A locale's questions as they stand."""
    return [row["question"] for row in staff.get(FAQS).body if row["locale"] == locale]


def change_image(staff: Api, image: int, **parts: Any) -> Answer:
    """Send a form to an image's address."""
    return staff.raw("PATCH", f"{IMAGES}{image}/", encode_multipart(BOUNDARY, parts), kind=MULTIPART_CONTENT)


def send_image(staff: Api, data: bytes, **fields: str) -> Answer:
    """Send a new image."""
    return staff.upload(IMAGES, data, name="a.png", **{"locale": "en_US", "kind": "main", **fields})


def test_questions_are_made_read_changed_ordered_and_deleted(staff: Api, api: Api, tour: Campaign) -> None:
    first, second, third = (ask(staff, name).body for name in ("First?", "Second?", "Third?"))
    ask(staff, "Erste?", locale="de_DE")

    moved = staff.patch(f"{FAQS}{third['id']}/", {"number": 1})
    changed = staff.patch(f"{FAQS}{first['id']}/", {"answer": "<b>At</b> <script>x</script>eight, {artist}"})
    gone = staff.send("DELETE", f"{FAQS}{second['id']}/")

    assert [row["number"] for row in (first, second, third)] == [1, 2, 3]
    assert (moved.body["number"], gone.status, gone.body) == (1, 204, "")
    assert changed.body["answer"] == "<strong>At</strong> eight, {artist}"
    assert order_of(staff) == ["Third?", "First?"]
    assert order_of(staff, "de_DE") == ["Erste?"]
    assert staff.get(f"{FAQS}{first['id']}/").body == {**changed.body, "number": 2}
    assert [faq["question"] for faq in api.get("campaigns/aurora/").body["faqs"]] == ["Third?", "First?"]
    deeds = [event.action for event in AuditEvent.objects.filter(action__startswith="faq.").order_by("id")]
    assert deeds == [*["faq.create"] * 4, "faq.update", "faq.update", "faq.delete"]
    assert AuditEvent.objects.get(action="faq.delete").changes["question"] == ["Second?", None]


@pytest.mark.parametrize(
    "wrong",
    [
        {"question": ""},
        {"question": "x" * 301},
        {"question": "{artist}?"},
        {"answer": "<script>x</script>"},
        {"answer": "{code}"},
        {"page": "elsewhere"},
        {"locale": "xx_XX"},
        {"number": 0},
        {"number": 1001},
        {"nothing": 1},
    ],
)
def test_a_question_that_breaks_a_rule_is_refused(staff: Api, tour: Campaign, wrong: dict[str, Any]) -> None:
    answer = ask(staff, **{"question": "When?", **wrong})

    assert is_error(answer, 400, "invalid")
    assert list(answer.body["errors"]) == list(wrong)
    assert not Faq.objects.exists()


def test_what_places_a_question_or_an_image_stays(staff: Api, tour: Campaign) -> None:
    faq, image = ask(staff, "When?").body["id"], send_image(staff, png()).body["id"]

    assert list(staff.patch(f"{FAQS}{faq}/", {"locale": "de_DE"}).body["errors"]) == ["locale"]
    assert list(change_image(staff, image, kind="mobile").body["errors"]) == ["kind"]
    assert change_image(staff, image, kind="main", locale="en_US").status == 200


def test_another_campaigns_questions_and_images_are_not_there(staff: Api, tour: Campaign) -> None:
    faq, image = ask(staff, "When?").body["id"], send_image(staff, png()).body["id"]
    Campaign.objects.filter(pk=tour.pk).update(domain="elsewhere")
    other = Campaign.objects.create(
        name="Other", artist=tour.artist, domain="aurora", reference_timezone="UTC", default_locale_id="en_US"
    )

    for method in ("GET", "DELETE"):
        assert is_error(staff.send(method, f"{FAQS}{faq}/"), 404, "not_found")
        assert is_error(staff.send(method, f"{IMAGES}{image}/"), 404, "not_found")
    assert is_error(change_image(staff, image, alternative_text="Mine"), 404, "not_found")
    assert not other.faqs.exists()
    assert Faq.objects.count() == Image.objects.count() == 1


def test_an_image_is_encoded_anew_shown_changed_and_deleted(
    staff: Api, api: Api, client: Client, tour: Campaign
) -> None:
    made = send_image(staff, png() + SVG, alternative_text="Aurora on stage")
    worded = change_image(staff, made.body["id"], alternative_text="Aurora")
    replaced = change_image(staff, made.body["id"], file=SimpleUploadedFile("b.png", png("blue")))

    assert (made.status, made.body["content_type"], made.body["width"], made.body["height"]) == (
        201,
        "image/webp",
        40,
        30,
    )
    assert worded.body == {**made.body, "alternative_text": "Aurora"}
    assert replaced.body["url"] != made.body["url"]
    assert [image["url"] for image in api.get("campaigns/aurora/").body["images"]] == [replaced.body["url"]]
    path = Image.objects.get().path
    assert b"script" not in b"".join(client.get(path).streaming_content)  # type: ignore[attr-defined]  # It is streamed.
    assert [row["id"] for row in staff.get(IMAGES).body] == [made.body["id"]]
    assert staff.get(f"{IMAGES}{made.body['id']}/").body == replaced.body
    assert staff.send("DELETE", f"{IMAGES}{made.body['id']}/").status == 204
    assert api.get("campaigns/aurora/").body["images"] == []
    deeds = [event.action for event in AuditEvent.objects.filter(action__startswith="image.").order_by("id")]
    assert deeds == ["image.create", "image.update", "image.update", "image.delete"]


@pytest.mark.parametrize("data", [b"", SVG, b"GIF89a", png()[:60]])
def test_a_file_that_is_no_image_is_refused_beside_its_field(staff: Api, tour: Campaign, data: bytes) -> None:
    answer = send_image(staff, data)

    assert is_error(answer, 400, "bad_image")
    assert list(answer.body["errors"]) == ["file"]
    assert not Image.objects.exists()


def test_images_have_one_place_each_and_come_as_forms(staff: Api, tour: Campaign) -> None:
    send_image(staff, png())

    assert is_error(send_image(staff, png("blue")), 400, "invalid")
    assert send_image(staff, png("blue"), kind="email").body["content_type"] == "image/jpeg"
    assert is_error(staff.post(IMAGES, {"locale": "en_US", "kind": "mobile"}), 415, "unsupported_media_type")
    assert is_error(send_image(staff, png(), kind="poster"), 400, "invalid")
    assert is_error(
        staff.upload(IMAGES, b"x" * (MOST_BYTES + 100_000), locale="en_US", kind="mobile"), 413, "too_large"
    )


def test_nobody_has_a_server_decode_images_without_end(staff: Api, tour: Campaign) -> None:
    answers = [send_image(staff, b"no image")]
    while answers[-1].status == 400 and len(answers) < 4 * MOST_IMAGES_AT_ONCE:
        answers.append(send_image(staff, b"no image"))

    assert len(answers) > MOST_IMAGES_AT_ONCE
    assert is_error(answers[-1], 429, "throttled")
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert staff.get(IMAGES).status == 200


def test_a_finished_campaign_keeps_its_questions_and_images(staff: Api, tour: Campaign) -> None:
    faq, image = ask(staff, "When?").body["id"], send_image(staff, png()).body["id"]
    Campaign.objects.filter(pk=tour.pk).update(status="finished")

    for answer in (
        ask(staff, "Why?"),
        staff.patch(f"{FAQS}{faq}/", {"number": 1}),
        staff.send("DELETE", f"{FAQS}{faq}/"),
        send_image(staff, png(), kind="mobile"),
        change_image(staff, image, alternative_text="x"),
        staff.send("DELETE", f"{IMAGES}{image}/"),
    ):
        assert is_error(answer, 409, "campaign_finished")
    assert len(staff.get(FAQS).body) == len(staff.get(IMAGES).body) == 1
