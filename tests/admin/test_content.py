"""The Content section: the matrix, the editor, images, questions and previews."""

import io
import re

import PIL.Image
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from campaigns import readiness
from campaigns.admin_pages.content import REFUSAL, ContentForm
from campaigns.models import Campaign, Content, Faq, Image, Locale
from campaigns.models.content import REFUSALS
from core.models import AuditEvent
from tests import scenario
from tests.admin.conftest import Desk, Reader, signed_in
from viewers.models import Action, Grant, Staff

CONTENT = reverse("admin:campaigns_content_changelist")


@pytest.fixture
def draft(db: None) -> Campaign:
    """The tour, not open yet."""
    return scenario.make_tour()


def cell(text: str, row: str, locale: str) -> tuple[str, str]:
    """How a text stands in a locale, and the link of its cell."""
    name = re.escape(f"{row} in {locale}:")
    found = re.search(rf'href="([^"]*)"><span class="mq-hidden">{name}</span>\s*<span[^>]*>.</span> ([^<]+)</a>', text)
    assert found is not None, (row, locale)
    return found[2], found[1].replace("&amp;", "&")


def picture(form: str = "PNG", size: tuple[int, int] = (40, 30)) -> SimpleUploadedFile:
    """An image as a browser sends it."""
    out = io.BytesIO()
    PIL.Image.new("RGB", size, "red").save(out, form)
    return SimpleUploadedFile(f"Ada's house.{form.lower()}", out.getvalue(), f"image/{form.lower()}")


def texts(**changes: object) -> dict[str, object]:
    """What the editor sends."""
    return {**dict.fromkeys(Content.TEXTS, ""), "title": "Aurora", "open": "Register.", **changes}


def test_the_matrix_says_what_is_own_what_falls_back_and_what_is_missing(read: Reader, draft: Campaign) -> None:
    content = draft.contents.get(locale="en_US")

    text = read(f"{CONTENT}?campaign={draft.pk}")

    assert cell(text, "Title", "Deutsch (de_DE)")[0] == "own"
    assert cell(text, "Open", "Deutsch (de_DE)")[0] == "falls back"
    assert cell(text, "Closed", "Deutsch (de_DE)")[0] == "missing"
    change = reverse("admin:campaigns_content_change", args=[content.pk])
    assert cell(text, "Closed", "English (en_US)") == ("missing", f"{change}#id_closed")
    add = reverse("admin:campaigns_content_add")
    assert cell(text, "Open", "العربية (ar_EG)")[1] == f"{add}?campaign={draft.pk}&locale=ar_EG#id_open"
    image = reverse("admin:campaigns_image_add")
    assert cell(text, "Main", "Deutsch (de_DE)")[1] == f"{image}?campaign={draft.pk}&locale=de_DE&kind=main"
    assert "needed before the campaign opens" not in text


def test_each_cell_leads_to_an_input_of_its_page(read: Reader, draft: Campaign) -> None:
    text = read(f"{CONTENT}?campaign={draft.pk}")

    for link in re.findall(r'<a class="mq-badge[^>]*href="([^"]*)"', text):
        address, _, anchor = link.replace("&amp;", "&").partition("#")
        page = read(address)
        assert not anchor or f'id="{anchor}"' in page, link


def test_a_needed_text_that_is_missing_stands_out_and_keeps_the_campaign_closed(read: Reader, draft: Campaign) -> None:
    draft.contents.filter(locale="en_US").update(open="")

    text = read(f"{CONTENT}?campaign={draft.pk}")

    assert "needed before the campaign opens" in text
    lines = {line.text: line.is_red for line in readiness.lines(draft, now=timezone.now()) if line.section == "content"}
    assert lines["Write the texts of the default locale en_US: open."] is True
    assert lines["Some texts are shown in en_US: de_DE (1), ar_EG (2)."] is False


def test_who_may_only_look_is_led_nowhere_that_is_closed(clerk: Staff, draft: Campaign) -> None:
    Grant.objects.create(staff=clerk, campaign=draft, action=Action.VIEW, granted_at=timezone.now(), granted_by=clerk)

    text = signed_in(clerk).get(f"{CONTENT}?campaign={draft.pk}").content.decode()

    assert "/content/add/" not in text
    assert "/image/add/" not in text


def test_a_page_text_is_kept_without_its_scripts(desk: Desk, draft: Campaign) -> None:
    content = draft.contents.get(locale="en_US")
    typed = '<p onclick="x">Hi <strong>you</strong></p><script>alert(1)</script>'

    answer = desk.post(reverse("admin:campaigns_content_change", args=[content.pk]), texts(open=typed))

    content.refresh_from_db()
    assert answer.status_code == 302
    assert content.open == "<p>Hi <strong>you</strong></p>"


def test_a_wrong_placeholder_is_refused_with_those_there_are(desk: Desk, draft: Campaign) -> None:
    content = draft.contents.get(locale="en_US")
    address = reverse("admin:campaigns_content_change", args=[content.pk])

    answer = desk.post(address, texts(open="{code}", receipt_body="Hi {nmae}")).content.decode()

    content.refresh_from_db()
    assert content.open == "Register for the presale."
    assert "{code} has no value in this text. There are {artist}, {campaign}, {presale}." in answer
    assert "{nmae} is not known here. There are {name}, {artist}, {campaign}, {link}." in answer


def test_words_for_refusals_are_written_beside_the_texts(desk: Desk, draft: Campaign) -> None:
    content = draft.contents.get(locale="en_US")
    address = reverse("admin:campaigns_content_change", args=[content.pk])

    desk.post(address, texts(refusal_closed="Too late, sorry.", refusal_bad_link=" ", reminder_subject="Your phone"))
    refused = desk.post(address, texts(refusal_closed="Too late, {name}.")).content.decode()

    content.refresh_from_db()
    assert content.errors == {"closed": "Too late, sorry."}
    assert content.reminder_subject == "Your phone"
    assert "{name} has no value in this text. It has none." in refused
    assert "Too late, sorry." in desk.get(address).content.decode()
    event = AuditEvent.objects.filter(action="content.change").get()
    assert event.changes["refusal_closed"] == ["", "Too late, sorry."]


def test_an_image_is_uploaded_and_replaced(desk: Desk, draft: Campaign) -> None:
    add = f"{reverse('admin:campaigns_image_add')}?campaign={draft.pk}"
    form = {"locale": "en_US", "kind": "main", "alternative_text": "Aurora on stage"}

    desk.post(add, {**form, "file": picture("JPEG")})
    image = Image.objects.get()
    first = image.key
    again = desk.post(add, {**form, "file": picture("JPEG")}).content.decode()
    change = reverse("admin:campaigns_image_change", args=[image.pk])
    desk.post(change, {"alternative_text": "Aurora in Graz"})
    image.refresh_from_db()
    kept = image.key
    desk.post(change, {"alternative_text": "Aurora in Graz", "file": picture(size=(50, 30))})

    image.refresh_from_db()
    assert "There is an image of this kind in this locale already" in again
    assert kept == first != image.key
    assert (image.width, image.alternative_text, image.content_type) == (50, "Aurora in Graz", "image/webp")
    for path in (image.path, f"/{first}"):  # Mails that were sent go on showing the first one.
        assert desk.get(path).getvalue().startswith(b"RIFF")
    stored = str(AuditEvent.objects.filter(action__startswith="image.").values_list("changes", flat=True))
    assert "Ada" not in stored


@pytest.mark.parametrize(
    ("name", "data"), [("a.svg", b"<svg/>"), ("a.gif", b"GIF89a"), ("a.pdf", b"%PDF-1.7"), ("a.jpg", b"\xff\xd8\xff")]
)
def test_a_file_that_is_no_image_is_refused_beside_its_input(
    desk: Desk, draft: Campaign, name: str, data: bytes
) -> None:
    form = {"locale": "en_US", "kind": "main", "file": SimpleUploadedFile(name, data, "image/png")}

    answer = desk.post(f"{reverse('admin:campaigns_image_add')}?campaign={draft.pk}", form).content.decode()

    assert "This is no image that can be used." in answer or "The image is damaged." in answer
    assert not Image.objects.exists()


def test_questions_keep_their_order_when_one_moves(desk: Desk, draft: Campaign) -> None:
    add = f"{reverse('admin:campaigns_faq_add')}?campaign={draft.pk}"
    for question, place in (("B", ""), ("C", ""), ("A", "1")):
        form = {"locale": "en_US", "page": "landing", "place": place, "question": question, "answer": "Yes."}
        assert desk.post(add, form).status_code == 302
    last = Faq.objects.get(question="C")

    desk.post(
        reverse("admin:campaigns_faq_change", args=[last.pk]), {"place": "1", "question": "C", "answer": "<p>No.</p>"}
    )

    order = list(Faq.objects.order_by("number").values_list("number", "question"))
    assert order == [(1, "C"), (2, "A"), (3, "B")]


def test_a_question_can_go_while_the_campaign_is_open(desk: Desk, tour: Campaign) -> None:
    faq = Faq.objects.create(campaign=tour, locale_id="en_US", number=1, question="When?", answer="Soon.")

    desk.post(reverse("admin:campaigns_faq_delete", args=[faq.pk]), {"post": "yes"})

    assert not Faq.objects.exists()


def test_previews_are_linked_for_each_locale_and_state(read: Reader, draft: Campaign) -> None:
    text = read(f"{reverse('admin:campaigns_content_previews_page')}?campaign={draft.pk}")

    assert len(set(re.findall(r'href="(/preview/[^"]+)"', text))) == 3 * 9


def test_the_matrix_asks_as_often_for_ten_locales_as_for_three(desk: Desk, draft: Campaign) -> None:
    address = f"{CONTENT}?campaign={draft.pk}"
    desk.get(address)
    with CaptureQueriesContext(connection) as few:
        desk.get(address)
    for number in range(7):
        locale = Locale.objects.create(code=f"x{chr(97 + number)}_XX", name=f"Language {number}")
        draft.locales.add(locale)
        Content.objects.create(campaign=draft, locale=locale, title="T", errors={"closed": "x"})
        Faq.objects.create(campaign=draft, locale=locale, number=1, question="Q", answer="A")

    with CaptureQueriesContext(connection) as many:
        desk.get(address)

    assert len(many) == len(few)


def test_every_refusal_with_words_of_its_own_has_an_input() -> None:
    inputs = {name.removeprefix(REFUSAL) for name in ContentForm.base_fields if name.startswith(REFUSAL)}

    assert inputs == set(REFUSALS)
