"""The fan pages in a real browser: with JavaScript and without, by mouse and by keyboard, on a phone's width."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Campaign, Field, Locale
from entries.models import Entry
from entries.sending import send_batch
from tests import scenario
from tests.fan.conftest import NAMES_OF_LOCALES, draw

PHONE = {"width": 360, "height": 740}


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    """A phone in Berlin."""
    context = browser.new_context(viewport=PHONE, locale="en-US", timezone_id="Europe/Berlin")  # type: ignore[arg-type]  # A dict of the two names.
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def page(phone: BrowserContext) -> Iterator[Page]:
    """A page on which no script fails and the content policy refuses nothing."""
    complaints: list[str] = []
    page = phone.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    yield page
    assert complaints == []


@pytest.fixture
def open_tour(live_server: LiveServer, settings: Settings) -> Campaign:
    """The tour with a third city and a box to tick, whose mails lead to this server."""
    settings.PUBLIC_URL = live_server.url
    campaign = scenario.open_tour()
    scenario.add_market(campaign, "NV-LAS", "Las Vegas", split="concurrent", events=1, now=timezone.now())
    Field.objects.create(campaign=campaign, number=2, key="adult", type="checkbox", label="I am 16")
    return campaign


@pytest.fixture
def landing(live_server: LiveServer, open_tour: Campaign) -> str:
    """The address of the tour's landing page."""
    return f"{live_server.url}/c/aurora/"


def fill_in(page: Page) -> None:
    """Fill in all but the cities."""
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.get_by_label("Name", exact=True).fill("Ada Lovelace")
    page.get_by_label("I am 16").check()


def add_city(page: Page, city: str) -> None:
    """Choose a city and press the button beside the list, as one does by keyboard."""
    page.get_by_label("Add a city", exact=True).select_option(label=f"{city} · {city} Stadium")
    page.get_by_role("button", name="Add", exact=True).click()


def cities(page: Page) -> list[str]:
    """The cities in the fan's list, in her order."""
    return page.locator("[data-list] [data-city]").all_inner_texts()


def mailed_link() -> str:
    """The link in the newest mail."""
    send_batch(now=timezone.now())
    found = re.search(r"http\S+/confirm/\S+", str(mail.outbox[-1].body))
    assert found is not None
    return found[0]


def test_a_fan_registers_confirms_and_finds_her_code(page: Page, landing: str, open_tour: Campaign) -> None:
    page.goto(landing)
    fill_in(page)
    add_city(page, "Los Angeles")
    add_city(page, "Phoenix")
    page.get_by_role("button", name="Move Phoenix up").click()
    page.locator("[data-submit]").click()
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    expect(page.get_by_text("ada@example.com")).to_be_visible()

    page.goto(mailed_link())
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="You are in.")).to_be_visible()
    assert page.locator(".cities li > bdi").all_inner_texts() == ["Phoenix", "Los Angeles"]

    draw(open_tour)
    page.reload()
    expect(page.get_by_role("heading", name="You were drawn for Los Angeles, your second choice.")).to_be_visible()
    expect(page.get_by_label("Your code")).to_have_text("VF7K-000000")
    expect(page.get_by_role("link", name="To the tickets")).to_have_attribute("href", "https://tickets.example/buy")


def test_the_code_is_copied_by_one_press(
    page: Page, phone: BrowserContext, landing: str, live_server: LiveServer, open_tour: Campaign
) -> None:
    phone.grant_permissions(["clipboard-read", "clipboard-write"], origin=live_server.url)
    scenario.register_fan(open_tour, "Ada", ["CA-LAX"])
    page.goto(mailed_link())
    page.get_by_role("button", name="Open my entry").click()
    draw(open_tour)
    page.reload()

    page.get_by_role("button", name="Copy").click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "VF7K-000000"


def test_everything_works_without_javascript(browser: Browser, landing: str, open_tour: Campaign) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=False, locale="en-US")  # type: ignore[arg-type]  # As above.
    page = context.new_page()
    page.goto(landing)
    fill_in(page)
    page.get_by_label("Choice 1").select_option("NV-LAS")
    page.get_by_role("button", name="Add another city").click()
    page.get_by_label("Choice 4").select_option("CA-LAX")
    page.locator("[data-submit]").click()
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()

    page.goto(mailed_link())
    page.get_by_role("button", name="Confirm").click()

    expect(page.get_by_role("heading", name="You are in.")).to_be_visible()
    assert page.locator(".cities li > bdi").all_inner_texts() == ["Las Vegas", "Los Angeles"]
    expect(page.get_by_text("Los Angeles time, UTC").first).to_be_visible()
    context.close()


def test_the_enter_key_sends_the_form_without_javascript(browser: Browser, landing: str, open_tour: Campaign) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-US")
    page = context.new_page()
    page.goto(landing)
    fill_in(page)
    page.get_by_label("Choice 1").select_option("NV-LAS")

    page.get_by_label("Name", exact=True).press("Enter")

    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    context.close()


def test_an_error_takes_the_focus_and_loses_nothing(page: Page, landing: str) -> None:
    page.goto(landing)
    fill_in(page)
    add_city(page, "Phoenix")
    add_city(page, "Las Vegas")
    page.get_by_label("E-mail address").fill("ada@example")

    page.locator("[data-submit]").click()

    expect(page.get_by_label("E-mail address")).to_be_focused()
    expect(page.get_by_label("E-mail address")).to_have_value("ada@example")
    expect(page.locator("#email-error")).to_contain_text("This does not look like an e-mail address.")
    assert cities(page) == ["Phoenix", "Las Vegas"]


def test_a_missing_city_leads_to_the_list_of_cities(page: Page, landing: str) -> None:
    page.goto(landing)
    fill_in(page)

    page.locator("[data-submit]").click()

    expect(page.get_by_label("Add a city", exact=True)).to_be_focused()
    expect(page.get_by_text("Please choose at least one city.").first).to_be_visible()


def test_any_date_fills_the_list_that_the_fan_sees(page: Page, landing: str) -> None:
    page.goto(landing)
    add_city(page, "Las Vegas")

    page.get_by_role("button", name="Any date").click()

    assert cities(page) == ["Las Vegas", "Los Angeles", "Phoenix"]
    expect(page.get_by_role("status")).to_contain_text("All cities are in your list.")
    page.get_by_role("button", name="Empty the list").click()
    assert cities(page) == []


def test_the_order_changes_by_keyboard_and_is_told(page: Page, landing: str) -> None:
    page.goto(landing)
    page.get_by_role("button", name="Any date").click()
    page.get_by_role("button", name="Move Phoenix up").focus()

    page.keyboard.press("Enter")
    told = page.get_by_role("status").inner_text()
    page.keyboard.press("ArrowDown")

    assert told == "Phoenix is now number 1 of 3."
    assert cities(page) == ["Los Angeles", "Phoenix", "Las Vegas"]
    assert page.evaluate("document.activeElement.closest('li')?.dataset.code") == "AZ-PHX"


def test_the_order_changes_by_dragging(page: Page, landing: str) -> None:
    page.goto(landing)
    page.get_by_role("button", name="Any date").click()
    grips = page.locator("[data-grip]")
    grips.nth(0).scroll_into_view_if_needed()
    first, last = grips.nth(0).bounding_box(), grips.nth(2).bounding_box()
    assert first is not None
    assert last is not None

    page.mouse.move(first["x"] + 8, first["y"] + 20)
    page.mouse.down()
    page.mouse.move(first["x"] + 8, last["y"] + 40, steps=12)
    page.mouse.up()

    assert cities(page) == ["Phoenix", "Las Vegas", "Los Angeles"]


def test_a_reload_keeps_the_list(page: Page, landing: str) -> None:
    page.goto(landing)
    add_city(page, "Phoenix")

    page.reload()

    assert cities(page) == ["Phoenix"]


def test_a_campaign_works_on_its_own_host(page: Page, live_server: LiveServer, open_tour: Campaign) -> None:
    page.goto(live_server.url.replace("localhost", "aurora.localhost"))
    fill_in(page)
    add_city(page, "Phoenix")

    page.locator("[data-submit]").click()

    expect(page).to_have_url(re.compile(r"aurora\.localhost:\d+/check-mail/$"))
    assert Entry.objects.get().identifier == "ada@example.com"


def test_times_are_told_in_the_fans_own_time_too(page: Page, landing: str, open_tour: Campaign) -> None:
    close_at = datetime(2027, 2, 12, 18, 0, tzinfo=ZoneInfo("America/Los_Angeles"))
    Campaign.objects.filter(pk=open_tour.pk).update(
        close_at=max(close_at, timezone.now() + timedelta(days=1)), presale_window_start_at=None
    )

    page.goto(landing)

    expect(page.locator(".stage .own-time")).to_contain_text("your time")
    expect(page.locator(".stage .zone")).to_contain_text("Los Angeles time, UTC")


def test_in_the_campaigns_own_zone_a_time_is_simply_the_fans(browser: Browser, landing: str) -> None:
    context = browser.new_context(locale="en-US", timezone_id="America/Los_Angeles")
    page = context.new_page()

    page.goto(landing)

    expect(page.locator(".stage .zone")).to_have_text("(your time)")
    expect(page.locator(".stage .own-time")).to_have_count(0)
    context.close()


def test_the_language_is_switched_by_its_own_name(page: Page, landing: str) -> None:
    page.goto(landing)

    page.get_by_text("Language: English").locator("..").click()
    page.get_by_role("link", name="Deutsch").click()

    expect(page.get_by_role("heading", name="Registrieren")).to_be_visible()
    page.goto(landing)
    expect(page.get_by_role("heading", name="Registrieren")).to_be_visible()


def test_no_language_overflows_a_small_phone(page: Page, landing: str, open_tour: Campaign) -> None:
    for code, name in NAMES_OF_LOCALES.items():
        Locale.objects.get_or_create(code=code, defaults={"name": name})
    open_tour.locales.set(Locale.objects.all())
    scenario.register_fan(open_tour, "Ada", ["CA-LAX"])
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(mailed_link())
    page.locator("[data-submit]").click()

    too_wide = []
    for locale in Locale.objects.order_by("code"):
        for path in ("", "entry/", "entry/change/", "check-mail/", "confirm/x/"):
            page.goto(f"{landing}{path}?locale={locale.code}")
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                too_wide.append((locale.code, path))

    assert too_wide == []
