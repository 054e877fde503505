"""The walk of an operator who has never seen MonoQL: from signing in to an open campaign in three languages.

She goes by what the pages show her: after the first address only links, buttons and labels. ``make shots`` takes the
pictures of docs/operators/ on the same walk.
"""

import io
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import PIL.Image
import PIL.ImageDraw
import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect

from campaigns.models import Campaign, Field
from tests.browser.camera import Camera
from tests.browser.test_admin import choose, section
from tests.browser.test_signing_in import sign_in
from viewers.models import Staff

GUIDE = Path(settings.BASE_DIR) / "docs" / "operators"
NAME = "Aurora Vale: Lichterfeste 2027"
LOCALES = (
    ("en_US", "English (United States)", "left to right"),
    ("de_DE", "Deutsch (Deutschland)", "left to right"),
    ("ar_EG", "العربية (مصر)", "right to left"),
)
VENUES: tuple[Mapping[str, str], ...] = (
    {
        "Name [en]": "Crypto.com Arena",
        "City [en]": "Los Angeles",
        "Country": "US",
        "Timezone": "America/Los_Angeles",
        "Latitude": "34.04302",
        "Longitude": "-118.26725",
    },
    {
        "Name [en]": "Uber Arena",
        "City [en]": "Berlin",
        "Country": "DE",
        "Timezone": "Europe/Berlin",
        "Latitude": "52.50569",
        "Longitude": "13.44343",
    },
)
TEXTS = {
    "English (United States)": ("Aurora Vale on tour", "Register for the presale. We draw after registration closes."),
    "Deutsch (Deutschland)": (
        "Aurora Vale auf Tour",
        "Melde dich zum Vorverkauf an. Nach dem Anmeldeschluss wird ausgelost.",
    ),
    "العربية (مصر)": ("أورورا فيل في جولة", "سجّل للبيع المسبق. نجري القرعة بعد إغلاق التسجيل."),
}
HEARD = """friend | en: From a friend | de: Von Freunden | ar: من صديق
radio | en: On the radio | de: Im Radio | ar: من الراديو
poster | en: On a poster | de: Auf einem Plakat | ar: من ملصق"""


class Form:
    """A form as somebody sees it: its labels, of those that are visible."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def input(self, label: str) -> Locator:
        """The input that a label names; of several the last, which was added last."""
        named = re.compile(rf"^\s*{re.escape(label)}\s*\*?\s*$")
        return self.page.locator("#content").get_by_label(named).locator("visible=true").last

    def fill(self, values: Mapping[str, str]) -> None:
        """Type into the inputs."""
        for label, value in values.items():
            self.input(label).fill(value)

    def pick(self, label: str, words: str) -> None:
        """Choose in a menu."""
        self.input(label).select_option(label=words)

    def save(self, button: str = "Save") -> None:
        """Press a button below the form; the page must say that it is saved."""
        self.page.get_by_role("button", name=button, exact=True).click()
        expect(self.page.get_by_text(re.compile("successfully"))).to_be_visible()


def menu(page: Page, place: str) -> None:
    """Go to a place of the menu, which is shown first where it is hidden."""
    link = page.locator("#nav-sidebar").get_by_role("link", name=place, exact=True).last
    if not link.is_visible():
        page.get_by_role("button", name="Show or hide the menu").click()
    link.click()


def red(page: Page) -> Locator:
    """The red lines of the readiness list."""
    return page.locator(".mq-readiness .mq-line-bad")


def mend(page: Page, line: str) -> None:
    """Follow the link of a line of the readiness list."""
    page.get_by_role("listitem").filter(has_text=line).get_by_role("link", name="mend").click()


def on_clock(local: datetime) -> str:
    """A local time as the browser's own input takes it."""
    return f"{local:%Y-%m-%dT%H:%M}"


def picture() -> bytes:
    """A picture of the size that the landing page shows."""
    drawn = PIL.Image.linear_gradient("L").resize((1600, 640)).convert("RGB")
    PIL.ImageDraw.Draw(drawn).ellipse([600, 120, 1000, 520], fill="#c2410c")
    file = io.BytesIO()
    drawn.save(file, "PNG")
    return file.getvalue()


def enter_catalogue(page: Page, camera: Camera) -> None:
    """Languages, promoter, artist and venues, by the first steps on Home."""
    camera.take(page, "home-first-steps", also=True)
    page.get_by_role("link", name="Add locale").click()
    for code, name, direction in LOCALES:
        form = Form(page)
        form.fill({"Code": code, "Name": name})
        form.pick("Direction", direction)
        if code == "ar_EG":
            camera.take(page, "locale")
        form.save("Save" if code == "ar_EG" else "Save and add another")
    menu(page, "Home")
    expect(page.get_by_text("3 there")).to_be_visible()

    page.get_by_role("link", name="Add promoter").click()
    form = Form(page)
    form.fill({"Name": "Sunset Concerts", "Privacy policy": "https://sunset.example/privacy"})
    for code in ("de_DE", "ar_EG"):
        page.get_by_role("link", name="Add another Privacy policy in a locale").click()
        form.input("Locale").select_option(value=code)
        form.fill({"Address": f"https://sunset.example/privacy/{code[:2]}"})
    camera.take(page, "promoter")
    form.save()
    menu(page, "Home")

    page.get_by_role("link", name="Add artist").click()
    Form(page).fill({"Name": "Aurora Vale", "Fan club name": "Polar Lights"})
    Form(page).save()
    menu(page, "Home")

    page.get_by_role("link", name="Add venue").click()
    for number, venue in enumerate(VENUES):
        Form(page).fill(venue)
        if number == 0:
            camera.take(page, "venue")
        Form(page).save("Save and add another" if number == 0 else "Save")


def make_draft(page: Page, camera: Camera) -> None:
    """The campaign itself; saved, it says what is missing."""
    menu(page, "Campaigns")
    page.get_by_role("link", name="Add campaign").first.click()
    form = Form(page)
    form.fill({"Name": NAME})
    choose(page, "Artist", "Aurora")
    choose(page, "Promoter", "Sunset")
    expect(form.input("Domain")).to_have_value("aurora-vale-lichterfeste-2027")
    form.fill({"Domain": "lichterfeste", "Reference timezone": "Europe/Berlin"})
    tomorrow = (timezone.now() + timedelta(days=1)).replace(hour=10, minute=0)
    form.fill({"Opens": on_clock(tomorrow), "Closes": on_clock(tomorrow + timedelta(days=14))})
    form.fill({"Presale starts": on_clock(tomorrow + timedelta(days=21))})
    form.fill({"Presale ends": on_clock(tomorrow + timedelta(days=22))})
    for _code, name, _direction in LOCALES:
        page.get_by_label(name).check()
    form.pick("Default locale", "English (United States) (en_US)")
    camera.take(page, "campaign-new")
    form.save("Save and continue editing")
    expect(red(page)).to_have_count(2)
    camera.take(page, "campaign-not-ready", also=True)


def add_markets(page: Page, camera: Camera) -> None:
    """Two markets, each with a date."""
    mend(page, "Add a market")
    camera.take(page, "markets-empty")
    for code, venue, date in (("CA-LAX", "Crypto", "2027-09-05T04:30"), ("DE-BER", "Uber", "2027-09-18T20:00")):
        page.get_by_role("link", name="Add market").first.click()
        form = Form(page)
        form.fill({"Code": code, "Population limit": "500"})
        choose(page, "Venue", venue)
        page.get_by_role("link", name="Add another Date").click()
        form.fill({"Event id": f"{code}-1", "Name": "The first night", "Date": date})
        if code == "DE-BER":
            camera.take(page, "market")
        form.save()
    expect(page.get_by_role("group", name="Map of the markets")).to_be_visible()
    expect(page.locator("#result_list")).to_contain_text("Berlin")
    camera.take(page, "markets")


def tab(page: Page, language: str) -> None:
    """Show the inputs of one language."""
    page.get_by_role("tab", name=language).click()


def add_field(page: Page, kind: str, label: str, **more: str) -> Form:
    """Begin a question; it is saved by whoever calls."""
    page.get_by_role("link", name="Add field").first.click()
    form = Form(page)
    form.pick("Type", kind)
    tab(page, "English")
    form.fill({"Label [en]": label, **more})
    return form


def add_form(page: Page, camera: Camera) -> None:
    """Six questions: a choice, one that is asked only after a certain answer, and four more."""
    section(page, "Form")
    form = add_field(page, "dropdown", "How did you hear of the tour?", Options=HEARD)
    for language, code, words in (
        ("German", "de", "Wie hast du von der Tour erfahren?"),
        ("Arabic", "ar", "كيف سمعت عن الجولة؟"),
    ):
        tab(page, language)
        form.fill({f"Label [{code}]": words})
    tab(page, "German")
    camera.take(page, "question-with-options")
    form.save()

    form = add_field(page, "text", "Which friend?")
    form.pick("When", "only if “How did you hear of the tour?” is: From a friend")
    camera.take(page, "question-with-condition")
    form.save()

    add_field(page, "number", "How many of you would come?", Minimum="1", Maximum="4").save()
    form = add_field(page, "phone number", "Phone number")
    form.input("Personal").check()
    form.save()
    add_field(page, "checkbox", "I would come by train").save()
    form = add_field(page, "consent", "The promoter may write to me about other concerts")
    form.input("Required").check()
    form.save()
    expect(page.locator("#result_list .data-row")).to_have_count(6)
    camera.take(page, "questions", also=True)


def add_gate(page: Page, camera: Camera) -> None:
    """A gate on a card type, answered by the sandbox, and tried."""
    section(page, "Gates")
    page.get_by_role("link", name="Add gate").first.click()
    form = Form(page)
    form.pick("Kind", "card type")
    form.input("Provider").select_option(value="sandbox")
    form.fill({"Wanted": "Sunset Card"})
    tab(page, "English")
    form.fill({"Message [en]": "Only for holders of a Sunset Card. Add yours to your account and try again."})
    camera.take(page, "gate")
    form.save("Save and continue editing")
    page.get_by_role("link", name="Try it").click()
    page.get_by_label("E-mail address").fill("fail+ada@example.com")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("status")).to_contain_text("fails")
    camera.take(page, "gate-tried")


def write_content(page: Page, camera: Camera) -> None:
    """Texts in three languages, an image and a question with its answer, from the matrix's cells."""
    section(page, "Content")
    for language, (title, words) in TEXTS.items():
        page.get_by_role("link", name=re.compile(rf"^Title in {re.escape(language)}")).click()
        form = Form(page)
        form.fill({"Title": title, "Page: open": words})
        if language.startswith("Deutsch"):
            camera.take(page, "texts")
        form.save()

    page.get_by_role("link", name=re.compile("^Main.* in English")).click()
    page.locator("input[type=file]").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": picture()})
    Form(page).fill({"Alternative text": "Aurora Vale on stage, a red sun behind her"})
    camera.take(page, "image")
    Form(page).save()
    section(page, "Content")

    page.get_by_role("link", name=re.compile("^Landing.* in English")).click()
    Form(page).fill({"Question": "Does it cost anything?", "Answer": "No. You only pay for tickets that you buy."})
    camera.take(page, "faq")
    Form(page).save()
    section(page, "Content")
    for language in TEXTS:
        expect(page.get_by_role("link", name=re.compile(rf"^Title in {re.escape(language)}.*own"))).to_be_visible()
    camera.take(page, "content-written", also=True)
    page.get_by_role("link", name="Previews").click()
    camera.take(page, "previews")


def open_it(page: Page, camera: Camera) -> None:
    """Green, opened by the button."""
    section(page, "Set-up")
    expect(red(page)).to_have_count(0)
    camera.take(page, "campaign-ready")
    page.get_by_role("link", name="Open…").click()
    expect(page.get_by_text("2 markets with 2 dates, in 3 languages")).to_be_visible()
    camera.take(page, "opening")
    page.get_by_role("button", name="Open now").click()
    expect(page.get_by_text(f"{NAME} is open.")).to_be_visible()
    camera.take(page, "campaign-open", also=True)
    menu(page, "Home")
    expect(page.get_by_role("link", name=NAME)).to_be_visible()
    camera.take(page, "home")


def look_as_a_fan(page: Page, browser: Browser, camera: Camera) -> None:
    """The link to the fan page leads to an open form, in each language of whoever comes."""
    page.get_by_role("link", name=NAME).first.click()
    address = page.get_by_role("link", name="Fan page").get_attribute("href")
    for tag, words in (("de-DE", "Aurora Vale auf Tour"), ("ar-EG", "أورورا فيل في جولة")):
        context = browser.new_context(viewport={"width": 390, "height": 844}, locale=tag)
        phone = context.new_page()
        phone.goto(str(address))
        expect(phone.get_by_role("heading", name=words)).to_be_visible()
        if camera.folder is not None:
            phone.screenshot(path=camera.folder / f"{camera.taken + 1:02}-fan-page-{tag[:2]}.png")
        context.close()


def walk(page: Page, browser: Browser, camera: Camera) -> None:
    """The whole way."""
    page.goto("/admin/")
    camera.take(page, "sign-in")
    sign_in(page)
    enter_catalogue(page, camera)
    make_draft(page, camera)
    add_markets(page, camera)
    add_form(page, camera)
    add_gate(page, camera)
    write_content(page, camera)
    open_it(page, camera)
    look_as_a_fan(page, browser, camera)


def test_somebody_new_sets_up_a_presale_in_three_languages_and_opens_it(
    page: Page, browser: Browser, supreme: Staff
) -> None:
    walk(page, browser, Camera())

    campaign = Campaign.objects.get(domain="lichterfeste")
    assert campaign.status == Campaign.Status.OPEN
    assert campaign.locales.count() == campaign.contents.count() == 3
    assert campaign.markets.count() == campaign.events.count() == 2
    assert Field.objects.filter(campaign=campaign).count() == 6
    assert campaign.gates.get().provider == "sandbox"
    assert campaign.images.count() == campaign.faqs.count() == 1


@pytest.mark.shots
def test_the_pictures_of_the_operators_guide(page: Page, browser: Browser, supreme: Staff) -> None:
    GUIDE.mkdir(parents=True, exist_ok=True)
    for old in GUIDE.glob("*.png"):
        old.unlink()

    walk(page, browser, Camera(GUIDE))

    assert len(list(GUIDE.glob("*.png"))) >= 25
