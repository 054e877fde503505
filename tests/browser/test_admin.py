"""The operator in a real browser: what she fills in from a new campaign on, on a wide screen and on a phone."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Artist, Campaign, Locale, Promoter, Venue
from tests import scenario
from viewers.models import Staff

NAME = "Donaudampfschifffahrtsgesellschaft 2027"


@pytest.fixture
def catalogue(db: None) -> None:
    """What a campaign is made from."""
    Locale.objects.create(code="en_US", name="English")
    Artist.objects.create(name="Aurora Vale")
    Promoter.objects.create(name="Sunset Concerts", privacy_url="https://sunset.example/privacy")
    Venue.objects.create(name="Crypto.com Arena", city="Los Angeles", country="US", timezone="America/Los_Angeles")


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, supreme: Staff, settings: Settings) -> Iterator[Page]:
    """Sue's browser, signed in, on which no script fails and the content policy refuses nothing."""
    settings.PUBLIC_URL = live_server.url
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="de-DE")
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    page.goto(f"{live_server.url}/admin/")
    page.get_by_label("Username").fill("sue")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Needs you")).to_be_visible()
    yield page
    context.close()
    assert complaints == []


def choose(page: Page, label: str, words: str) -> None:
    """Choose a row in a menu that searches as one types."""
    page.locator(".form-row", has=page.locator("label", has_text=label)).locator(".select2-selection").click()
    page.locator(".select2-search__field").fill(words)
    page.locator(".select2-results__option", has_text=words).first.click()


def section(page: Page, name: str) -> None:
    """Go to a section of the campaign."""
    page.get_by_role("navigation", name="Sections of the campaign").get_by_role("link", name=name).click()


def make_campaign(page: Page) -> Campaign:
    """Fill in the form of a new campaign, with times on its own clock."""
    page.goto(page.url.partition("/admin/")[0] + "/admin/campaigns/campaign/add/")
    page.get_by_label("Name").fill(NAME)
    choose(page, "Artist", "Aurora")
    choose(page, "Promoter", "Sunset")
    page.get_by_label("Domain").fill("donau-2027")
    page.get_by_label("Reference timezone").fill("America/Los_Angeles")
    local = timezone.now().astimezone().replace(tzinfo=None)
    page.locator("#id_open_at_0").fill(f"{local - timedelta(days=1):%Y-%m-%dT%H:%M}")
    page.locator("#id_close_at_0").fill(f"{local + timedelta(days=3):%Y-%m-%dT%H:%M}")
    page.get_by_label("English (en_US)").check()
    page.locator("#id_default_locale").select_option("en_US")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("Add a market: fans have no city to choose yet.")).to_be_visible()
    return Campaign.objects.get(domain="donau-2027")


def add_market(page: Page) -> None:
    """A market with one date."""
    section(page, "Markets")
    page.get_by_role("link", name="Add market").first.click()
    page.locator("#id_code").fill("CA-LAX")
    choose(page, "Venue", "Crypto")
    page.get_by_text("Add another Date").click()
    page.locator("#id_events-0-code").fill("CA-LAX-1")
    page.locator("#id_events-0-starts_at_0").fill("2027-06-01T19:30")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#result_list")).to_contain_text("Los Angeles")


def write_content(page: Page) -> None:
    """The texts of the default locale."""
    section(page, "Content")
    page.get_by_role("link", name="Title in English (en_US): missing").click()
    page.get_by_label("Title").fill("Aurora Vale on tour")
    page.get_by_label("Page: open").fill("Register for the presale.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name="Open in English (en_US): own")).to_be_visible()


def close(page: Page) -> None:
    """Close it by hand: the name must be typed."""
    section(page, "Set-up")
    page.get_by_role("link", name="Close…").click()
    page.get_by_role("button", name="Close now").click()
    expect(page.get_by_text("it shows that you mean this campaign")).to_be_visible()
    page.get_by_label("Campaign's name").fill(NAME)
    page.get_by_role("button", name="Close now").click()
    expect(page.get_by_text(f"{NAME} is closed.")).to_be_visible()


def test_every_page_fits_a_phone_and_can_be_reached_by_keyboard(page: Page, live_server: LiveServer) -> None:
    campaign = scenario.open_tour()
    Campaign.objects.filter(pk=campaign.pk).update(
        name="Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz-Vorverkauf"
    )
    page.set_viewport_size({"width": 360, "height": 740})
    scope = f"?campaign={campaign.pk}"
    paths = ["", "campaigns/campaign/", f"campaigns/campaign/{campaign.pk}/change/"]
    paths += [f"campaigns/campaign/{campaign.pk}/close/", f"codes/pool/upload/{scope}", f"waves/wave/add/{scope}"]
    paths += [f"{model}/{scope}" for model in ("campaigns/market", "campaigns/content", "entries/entry", "codes/pool")]
    for path in paths:
        page.goto(f"{live_server.url}/admin/{path}")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, (path, width)

    page.goto(f"{live_server.url}/admin/campaigns/field/add/{scope}")
    expect(page.get_by_role("tab", name="English")).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab", name="English").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="German")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Label [de]")).to_be_visible()
