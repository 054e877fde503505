"""One Chromium for the browser tests; without one they are skipped, and CI takes that for a failure."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

CHROMIUM = os.environ.get("MONOQL_CHROMIUM", "")
MARKS = (
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="MONOQL_CHROMIUM names no browser."),
)


script_errors: list[str] = []
"""What scripts of pages have thrown since the test began, in whatever window."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test below this folder."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            for mark in MARKS:
                item.add_marker(mark)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the whole module."""
    # Playwright's loop runs in this thread, which Django takes for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        started.new_context = _watched(started.new_context)  # type: ignore[method-assign]  # Every window is watched.
        yield started
        started.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def _watched(new_context: Callable[..., BrowserContext]) -> Callable[..., BrowserContext]:
    """Make windows whose script errors are kept."""

    def make(**options: object) -> BrowserContext:
        context = new_context(**options)
        context.on("weberror", lambda found: script_errors.append(f"{found.page and found.page.url}: {found.error}"))
        return context

    return make


@pytest.fixture(autouse=True)
def no_script_fails() -> Iterator[None]:
    """No script fails on any page that a test visits."""
    script_errors.clear()
    yield
    found, script_errors[:] = list(script_errors), []
    assert found == []


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, settings: Settings) -> Iterator[Page]:
    """A browser in which nobody has signed in; no script fails in it, and the content policy refuses nothing."""
    settings.PUBLIC_URL = live_server.url
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=live_server.url, locale="de-DE")
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def device(page: Page) -> CDPSession:
    """A device that keeps passkeys and knows its owner's finger; its own calls are ``WebAuthn.…``."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session
