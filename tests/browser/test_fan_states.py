"""Every state of the fan pages on a phone and on a desk, in four languages, with JavaScript and without.

``make shots`` takes the pictures of docs/fans/.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import PIL.Image
import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from tests.browser.fan_states import LOCALES, STATES, World, make_world
from tests.browser.test_axe import violations

PICTURES = Path(settings.BASE_DIR) / "docs" / "fans"
WIDTHS = (360, 1280)
KINDS = list(product(WIDTHS, (True, False)))
ALL = list(product(STATES, LOCALES, KINDS))
SAMPLE = Random(5).sample(ALL, 16)
STATUSES = {"not_found": 404, "error": 500}


@pytest.fixture
def world(live_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> World:
    """Campaigns in every state."""
    return make_world(live_server.url, monkeypatch)


@contextmanager
def opened(browser: Browser, width: int, **options: Any) -> Iterator[Page]:
    """A page of a window of this width, in which no script fails and the content policy refuses nothing."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 740}, timezone_id="Europe/Berlin", **options)
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    yield page
    context.close()
    assert complaints == []


def faults(page: Page, locale: str, *, has_script: bool) -> list[str]:
    """What is wrong with the page that is open; axe is a script, and needs them to run."""
    found = violations(page) if has_script else []
    if (lang := page.locator("html").get_attribute("lang") or "").partition("-")[0] != locale.partition("_")[0]:
        found.append(f"It speaks {lang}.")
    if page.locator("html").get_attribute("dir") != ("rtl" if locale == "ar_EG" else "ltr"):
        found.append("It runs the wrong way.")
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append("It is wider than its window.")
    if (count := page.locator("h1").count()) != 1:
        found.append(f"It has {count} main headings.")
    return found


@pytest.mark.parametrize("cases", [SAMPLE, pytest.param(ALL, marks=pytest.mark.soak)], ids=["sample", "whole"])
def test_every_state_is_whole_in_every_language_with_javascript_and_without(
    browser: Browser, world: World, cases: list[Any]
) -> None:
    found = {}
    for width, has_script in KINDS:
        wanted = [(state, locale) for state, locale, kind in cases if kind == (width, has_script)]
        with opened(browser, width, java_script_enabled=has_script) as page:
            for state, locale in wanted:
                world.show(page.context, page, state, locale)
                if wrong := faults(page, locale, has_script=has_script):
                    found[state, locale, width, has_script] = wrong
                if status := STATUSES.get(state):
                    assert page.request.get(world.address(state, locale)).status == status

    assert found == {}


def test_the_forms_that_stand_there_without_a_script_are_accessible_too(browser: Browser, world: World) -> None:
    with opened(browser, 360) as page:
        page.route("**/static/fan/*.js", lambda route: route.abort())
        for state in ("open", "to_mend", "fanlist"):
            world.show(page.context, page, state, "en_US")
            assert violations(page) == [], state


def pictures() -> Iterator[tuple[str, str, int, str]]:
    """State, language, width and scheme of each picture: English on a phone, and the others in turn."""
    for number, state in enumerate(STATES):
        others = LOCALES[1:]
        yield state, "en_US", 360, "light"
        yield state, others[number % 3], 360, ("dark", "light")[number // 3 % 2]
        yield state, LOCALES[number % 4], 1280, ("light", "dark")[number // 4 % 2]


@pytest.mark.shots
def test_pictures(browser: Browser, world: World) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for state, locale, width, scheme in pictures():
        with opened(browser, width, color_scheme=scheme) as page:
            world.show(page.context, page, state, locale)
            page.wait_for_timeout(150)
            taken = PIL.Image.open(io.BytesIO(page.screenshot(full_page=state != "consent")))
            small = taken.convert("RGB").quantize(128, dither=PIL.Image.Dither.NONE)
            small.save(PICTURES / f"{state}-{locale}-{width}-{scheme}.png", optimize=True)
