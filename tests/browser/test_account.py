"""Registering with an account in a real browser, on a phone's width: the issuer is the development one, over http."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Campaign
from entries.models import Entry
from tests import scenario
from viewers import issuer_keys
from viewers.issuers import development_issuer

PHONE = {"width": 360, "height": 740}


@pytest.fixture(params=[True, False], ids=["with scripts", "without"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A phone, on which no script fails and the content policy refuses nothing."""
    complaints: list[str] = []
    context = browser.new_context(viewport=PHONE, locale="en-US", java_script_enabled=request.param)  # type: ignore[arg-type]  # A dict of the two names.
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def hosts(live_server: LiveServer, settings: Settings) -> Iterator[dict[str, str]]:
    """Where the tour for accounts is found: below the installation's own host, and on its own."""
    settings.PUBLIC_URL = live_server.url
    settings.OUTSIDE_ISSUERS = (development_issuer(live_server.url),)
    settings.ALLOWED_HOSTS = ["*"]
    issuer_keys.forget_keys()
    campaign = scenario.open_tour()
    Campaign.objects.filter(pk=campaign.pk).update(identifier_type="globalUserId")
    port = live_server.url.rpartition(":")[2]
    yield {"path": f"{live_server.url}/c/aurora/", "host": f"http://aurora.localhost:{port}/"}
    issuer_keys.forget_keys()


@pytest.mark.parametrize("place", ["path", "host"])
def test_a_fan_signs_in_registers_and_comes_back(page: Page, hosts: dict[str, str], place: str) -> None:
    landing = hosts[place]
    page.goto(landing)
    page.get_by_role("link", name="Sign in to register").click()
    page.get_by_label("Subject (globalUserId)").fill("fan-1")
    page.get_by_label("E-mail address").fill("Ada@Example.com")
    page.get_by_role("button", name="Sign in").click()

    expect(page).to_have_url(f"{landing}register/")
    expect(page.get_by_text("ada@example.com")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_label("Name", exact=True).fill("Ada Lovelace")
    if page.locator("[data-list]").count() and page.get_by_label("Add a city", exact=True).is_visible():
        page.get_by_label("Add a city", exact=True).select_option(label="Phoenix · Phoenix Stadium")
        page.get_by_role("button", name="Add", exact=True).click()
    else:
        page.locator("select[name=choices]").first.select_option("AZ-PHX")
    page.locator("[data-submit]").click()

    expect(page.get_by_role("heading", name="You are in.")).to_be_visible()
    assert Entry.objects.get().identifier == "fan-1"
    page.context.clear_cookies()
    page.goto(f"{landing}entry/")
    page.get_by_role("link", name="Sign in", exact=True).click()
    page.get_by_label("Subject (globalUserId)").fill("fan-1")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="You are in.")).to_be_visible()


def test_a_fan_who_cancels_is_asked_again(page: Page, hosts: dict[str, str]) -> None:
    page.goto(f"{hosts['host']}sign-in/")
    page.get_by_role("button", name="Cancel").click()

    expect(page.get_by_role("heading", name="You have not signed in")).to_be_visible()
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_label("Subject (globalUserId)")).to_be_visible()
