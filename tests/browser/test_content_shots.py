"""Pictures of the content pages and the previews, to be looked at: ``make shots`` writes them to ``.data/shots/``."""

import io

import PIL.Image
import PIL.ImageDraw
import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from campaigns.images import decoded, put_into
from campaigns.models import Campaign, Content, Faq, Image, Locale
from monoql.fan_preview import STATES, link_to
from tests import scenario
from tests.browser.test_shots import SCHEMES, SHOTS
from viewers.models import Staff

SIZES = ((360, 740), (1280, 900))
LOCALES = {"es_MX": "Español", "fr_CA": "Français", "pt_BR": "Português", "ja_JP": "日本語"}
RICH = """<h3>Who can take part</h3>

Everybody who would <strong>really</strong> travel. Two ways:

<ul><li>Name every city that you like.</li>
<li>Or read the <a href="https://auroravale.example/">tour page</a>.</li></ul>"""


def full_campaign() -> Campaign:
    """A campaign in ten locales with rich texts, pictures and questions in some of them."""
    campaign = scenario.make_tour()
    for code, name in {**LOCALES, "en_GB": "English (UK)", "es_ES": "Español (España)", "fr_FR": "Français"}.items():
        Locale.objects.get_or_create(code=code, defaults={"name": name})
    campaign.locales.set(Locale.objects.all())
    Content.objects.filter(campaign=campaign, locale_id="en_US").update(
        open=RICH,
        selected="Well done, {name}! Your code for {market} is {code}.",
        errors={"closed": "Too late, sorry."},
    )
    Content.objects.create(
        campaign=campaign, locale_id="ar_EG", title="أورورا فيل في جولة", open="سجّل <strong>الآن</strong> للبيع المسبق."
    )
    for number, (question, answer) in enumerate(
        [("Does it cost anything?", "No."), ("When is the draw?", RICH), ("Can I come to two cities?", "Yes.")], 1
    ):
        Faq.objects.create(campaign=campaign, locale_id="en_US", number=number, question=question, answer=answer)
    Faq.objects.create(campaign=campaign, locale_id="ar_EG", number=1, question="هل هي مجانية؟", answer="نعم.")
    for kind, size in (
        ("main", (2000, 800)),
        ("mobile", (900, 900)),
        ("secondary", (1200, 500)),
        ("email", (1000, 360)),
    ):
        picture = PIL.Image.linear_gradient("L").resize(size).convert("RGB")
        PIL.ImageDraw.Draw(picture).ellipse([50, 50, 350, 350], fill="#c2410c")
        file = io.BytesIO()
        picture.save(file, "PNG")
        image = Image(campaign=campaign, locale_id="en_US", kind=kind, alternative_text="Aurora on stage")
        put_into(image, decoded(file, size=1, kind=kind))
        image.save()
    return campaign


def shoot(page: Page, address: str, name: str) -> None:
    """One page in a picture; it must not be wider than the screen."""
    page.goto(address)
    page.wait_for_load_state("networkidle")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
    assert wide <= 0, (name, wide)


@pytest.mark.shots
def test_content_pages(browser: Browser, live_server: LiveServer, supreme: Staff, settings: Settings) -> None:
    settings.PUBLIC_URL = live_server.url
    campaign = full_campaign()
    SHOTS.mkdir(parents=True, exist_ok=True)
    content = campaign.contents.get(locale="ar_EG")
    scope = f"?campaign={campaign.pk}"
    pages = {
        "matrix": reverse("admin:campaigns_content_changelist") + scope,
        "previews": reverse("admin:campaigns_content_previews_page") + scope,
        "editor": reverse("admin:campaigns_content_change", args=[content.pk]),
        "images": reverse("admin:campaigns_image_changelist") + scope,
        "image": reverse("admin:campaigns_image_change", args=[campaign.images.get(kind="main").pk]),
        "faqs": reverse("admin:campaigns_faq_changelist") + scope,
        "faq": reverse("admin:campaigns_faq_add") + scope,
    }
    for width, height in SIZES:
        for scheme in SCHEMES:
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]  # One of its words.
            page = context.new_page()
            page.goto(f"{live_server.url}/admin/")
            page.get_by_label("Username").fill("sue")
            page.get_by_label("Password").fill("correct horse")
            page.get_by_role("button", name="Sign in").click()
            page.get_by_role("heading", name="Needs you").wait_for()
            for name, address in pages.items():
                shoot(page, f"{live_server.url}{address}", f"content-{name}-{width}-{scheme}")
            context.close()


@pytest.mark.shots
def test_previews(browser: Browser, live_server: LiveServer, settings: Settings) -> None:
    settings.PUBLIC_URL = live_server.url
    campaign = full_campaign()
    SHOTS.mkdir(parents=True, exist_ok=True)
    for width, height in SIZES:
        for scheme in SCHEMES:
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]  # One of its words.
            page = context.new_page()
            for state in STATES:
                for locale in ("en_US", "ar_EG"):
                    address = f"{live_server.url}{link_to(campaign, locale, state)}"
                    shoot(page, address, f"preview-{state}-{locale}-{width}-{scheme}")
            context.close()
