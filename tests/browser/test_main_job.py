"""The whole main job in a real browser, with a real worker and a real clock: from a new campaign to a fan's code."""

import email
import re
from collections.abc import Iterator
from contextlib import ExitStack
from email.policy import default
from pathlib import Path

import pytest
import requests
from django.conf import settings
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from entries.models import Message
from tests.browser.test_admin import NAME, add_market, catalogue, close, make_campaign, page, section, write_content
from tests.processes import process, wait_until
from waves.models import Wave

__all__ = ["catalogue", "page"]
SECONDS = 60_000
"""For what the worker does; a busy machine takes its time."""


@pytest.fixture
def workers(live_server: LiveServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A worker and a clock, as ``make run`` starts them."""
    monkeypatch.setenv("PUBLIC_URL", live_server.url)
    with ExitStack() as stack:
        for words in (
            ("-m", "celery", "-A", "monoql", "worker", "--concurrency", "1", "--loglevel", "WARNING"),
            ("-m", "django", "tick", "--every", "0.3"),
        ):
            stack.enter_context(process(*words, lease_seconds=15.0, log=tmp_path / "log"))
        yield


def letter_to(address: str, kind: str, *, log: Path) -> str:
    """The text of the newest mail of a kind to an address, once it is written."""
    letters: list[str] = []

    def has_come() -> bool:
        for path in Path(settings.MAIL_FOLDER).glob(f"*/{kind}.*.eml"):
            message = email.message_from_bytes(path.read_bytes(), policy=default)
            body = message.get_body(("plain",))
            if address in str(message["To"]) and body is not None:
                letters.append(body.get_content())
        return bool(letters)

    try:
        wait_until(has_come, seconds=60, what=f"{kind} comes to {address}")
    except AssertionError as late:
        queued = list(Message.objects.order_by("pk").values_list("kind", "status", "attempts", "error"))
        raise AssertionError(f"{late}; messages: {queued}; log: {log.read_text()[-3000:]}") from late
    return letters[-1]


def register(browser: Browser, site: str, name: str, *, log: Path) -> None:
    """A fan registers on her phone and follows the link of her mail."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="en-US")
    phone = context.new_page()
    phone.goto(site)
    phone.get_by_label("E-mail address").fill(f"{name.lower()}@example.com")
    phone.get_by_label("Name", exact=True).fill(name)
    phone.get_by_role("button", name="Any date: add all cities").click()
    phone.get_by_role("button", name="Register").click()
    expect(phone.get_by_text(f"{name.lower()}@example.com")).to_be_visible()
    phone.goto(link_in(letter_to(f"{name.lower()}@example.com", "confirmation", log=log)))
    phone.get_by_role("button").last.click()
    expect(phone.get_by_text("You are in.")).to_be_visible()
    context.close()


def link_in(letter: str) -> str:
    """The link of a mail."""
    found = re.search(r"http://\S+/confirm/\S+", letter)
    assert found is not None, letter
    return found[0]


def upload_codes(page: Page, folder: Path) -> None:
    """One code for two fans, in a file from a spreadsheet with two lines that are no codes."""
    file = folder / "codes.csv"
    file.write_bytes(b"\xef\xbb\xbfcode\r\nAURORA-01\r\n\r\nAURORA-01\r\n")
    section(page, "Codes")
    page.get_by_role("link", name="Upload codes", exact=True).click()
    page.get_by_label("File of codes").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    page.get_by_label("Codes for").select_option(label="CA-LAX · Los Angeles – Crypto.com Arena")
    page.get_by_role("button", name="Add the codes").click()
    expect(page.get_by_text("The line is empty.")).to_be_visible(timeout=SECONDS)
    expect(page.get_by_text("The same code stands in line 2.")).to_be_visible()
    expect(page.locator(".mq-counts")).to_contain_text("1 added")


def prepare_and_trigger(page: Page) -> None:
    """Schedule a wave, prepare it, look at its numbers, trigger it."""
    section(page, "Waves")
    page.get_by_role("link", name="Schedule a wave").click()
    page.locator("#id_local_0").fill("2027-02-15T10:00")
    page.get_by_label("Name", exact=True).fill("First")
    page.get_by_role("button", name="Schedule").click()
    page.get_by_role("link", name="Prepare…").click()
    page.get_by_text("Lot alone").click()
    page.get_by_role("button", name="Start the preparation").click()
    expect(page.get_by_role("heading", name="From everybody to placed")).to_be_visible(timeout=SECONDS)
    page.get_by_role("link", name="Trigger now…").click()
    expect(page.get_by_text("1 fan gets a code, in 1 market.")).to_be_visible()
    page.get_by_label("Campaign's name").fill(NAME)
    page.get_by_role("button", name="Trigger: give 1 code", exact=True).dblclick()
    expect(page.get_by_text("is triggered: the codes are the fans' now.")).to_be_visible()
    expect(page.get_by_text("1 sent")).to_be_visible(timeout=SECONDS)


def test_the_six_steps(
    page: Page, browser: Browser, live_server: LiveServer, catalogue: None, workers: None, tmp_path: Path
) -> None:
    make_campaign(page)
    add_market(page)
    write_content(page)
    section(page, "Set-up")
    page.get_by_role("link", name="Open…").click()
    page.get_by_role("button", name="Open now").click()
    upload_codes(page, tmp_path)
    for name in ("Ada", "Ben"):
        register(browser, f"{live_server.url}/c/donau-2027/", name, log=tmp_path / "log")
    close(page)
    prepare_and_trigger(page)

    message = Message.objects.select_related("entry").get(wave_id=Wave.objects.get().pk)
    letter = letter_to(message.entry.email, "selected", log=tmp_path / "log")
    assert "AURORA-01" in letter
    phone = browser.new_context(viewport={"width": 360, "height": 740}, locale="en-US").new_page()
    phone.goto(link_in(letter))
    phone.get_by_role("button").last.click()
    expect(phone.get_by_text("AURORA-01")).to_be_visible()
    page.get_by_role("link", name="Export the selection").click()
    page.get_by_role("button", name="Make the file").click()
    link = page.get_by_role("link", name="Download").get_attribute("href", timeout=SECONDS)
    answer = page.request.get(live_server.url + str(link))
    assert answer.text().count("AURORA-01") == 1
    assert requests.get(answer.url.partition("?")[0], timeout=10).status_code == 403  # Nothing without its signature.
