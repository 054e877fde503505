"""The page of a draw checks a receipt in a real browser: it tells a right one from any other, and asks nobody."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from campaigns import lifecycle
from campaigns.models import Campaign
from campaigns.published import published
from entries.models import Entry
from entries.receipts import registration_receipt
from tests import scenario
from waves import selection
from waves.fan_api import receipt_with_outcome
from waves.models import Draw
from waves.preparation import Options

Receipt = dict[str, Any]
RANKINGS = (("preference", "score"), ("score",), ())
NOT_OF_THIS_DRAW = "This receipt does not belong to this draw:"


@dataclass(frozen=True)
class Drawn:
    """A triggered wave, and what its fans have."""

    campaign: Campaign
    draw: Draw
    receipts: list[Receipt]
    url: str

    def receipt(self, **wanted: object) -> Receipt:
        """A copy of the first receipt of which all this is true."""
        found = next(one for one in self.receipts if all(one.get(name) == value for name, value in wanted.items()))
        copy: Receipt = json.loads(json.dumps(found))
        return copy


def draw_wave(campaign: Campaign, url: str, *, ranking: tuple[str, ...] = RANKINGS[0], day: int = 1) -> Drawn:
    """Draw a small wave in which places are few."""
    wave = scenario.make_wave(campaign, local=datetime(2027, 2, day, 10, 0))
    scenario.prepare_wave(wave, Options(ranking=ranking, reassign=True))
    selection.trigger(wave=wave, actor=scenario.SUPREME, now=timezone.now())
    scenario.run_jobs()
    draw = Draw.objects.select_related("wave", "campaign__draw_secrets").get(wave=wave)
    entries = Entry.objects.filter(campaign=campaign).order_by("ref")
    receipts = [json.loads(json.dumps(receipt_with_outcome(draw, entry))) for entry in entries]
    return Drawn(campaign, draw, receipts, f"{url}/c/{campaign.domain}/draws/{wave.date_key}/")


def fill_tour(campaign: Campaign) -> Campaign:
    """Many fans, few codes in both cities; closed."""
    scenario.many_fans(campaign, 40)
    scenario.upload_codes(campaign, "CA-LAX", 16, prefix="L")
    for number in (1, 2):
        scenario.upload_codes(campaign, "AZ-PHX", 6, event=f"AZ-PHX-{number}")
    return lifecycle.close_campaign(campaign=campaign, actor=scenario.SUPREME, now=timezone.now())


@pytest.fixture
def drawn(tour: Campaign, live_server: LiveServer) -> Drawn:
    """A wave of the tour by the default ranking."""
    return draw_wave(fill_tour(tour), live_server.url)


def read_by(page: Page, receipt: object) -> str:
    """Give the page a receipt as a file, and read what it says."""
    text = receipt if isinstance(receipt, str) else json.dumps(receipt, ensure_ascii=False, indent=2)
    page.evaluate("document.querySelector('[data-verdict]').replaceChildren()")
    file = {"name": "receipt.json", "mimeType": "application/json", "buffer": text.encode()}
    page.locator("[data-file]").set_input_files(file)  # type: ignore[arg-type]  # One file, as it is.
    page.locator("[data-verdict] .notice").wait_for()
    return page.locator("[data-verdict]").inner_text()


def open_page(page: Page, address: str) -> Page:
    """Open a page in English."""
    page.goto(f"{address}?locale=en_US")
    return page


def flipped(text: str, place: int = 0) -> str:
    """A text of hex digits with one of them changed."""
    other = "0" if text[place] != "0" else "1"
    return text[:place] + other + text[place + 1 :]


@pytest.mark.parametrize("ranking", RANKINGS)
def test_every_receipt_of_a_draw_fits(
    page: Page, tour: Campaign, live_server: LiveServer, ranking: tuple[str, ...]
) -> None:
    drawn = draw_wave(fill_tour(tour), live_server.url, ranking=ranking)
    open_page(page, drawn.url)

    outcomes = {receipt["outcome"] for receipt in drawn.receipts}
    said = {receipt["ref"]: read_by(page, receipt) for receipt in drawn.receipts}

    assert outcomes == {"placed", "markets_full", "unconfirmed"}
    assert [text for text in said.values() if not text.startswith("The receipt fits.")] == []


def test_a_right_receipt_tells_line_number_and_who_was_last(page: Page, drawn: Drawn) -> None:
    receipt = drawn.receipt(outcome="placed", market="AZ-PHX")
    open_page(page, drawn.url)

    said = read_by(page, receipt)

    number = f"{int(receipt['ticket'], 16) / 2**64:.4f}"
    assert f"You were in the list at line {receipt['index'] + 1} of 40; your random number was" in clean(said)
    assert number in said
    assert f"You were drawn for Phoenix, with choice number {receipt['choice']}." in clean(said)
    assert "Phoenix: The last one drawn had choice" in clean(said)


def clean(text: str) -> str:
    """A text without the marks that keep a name's direction."""
    return text.replace("\u2068", "").replace("\u2069", "")


def test_whoever_lost_reads_that_the_cities_were_full(page: Page, drawn: Drawn) -> None:
    open_page(page, drawn.url)

    said = read_by(page, drawn.receipt(outcome="markets_full"))

    assert "Your cities were full before your number came up." in said


def test_whoever_could_not_be_drawn_reads_why(page: Page, drawn: Drawn) -> None:
    open_page(page, drawn.url)

    said = read_by(page, drawn.receipt(outcome="unconfirmed"))

    assert "You could not be drawn. The entry: had not confirmed address or phone." in said


SPOILT: dict[str, tuple[Callable[[Receipt], object], str]] = {
    "campaign": (lambda one: one.update(campaign="other"), "it is of another campaign"),
    "wave": (lambda one: one.update(wave="2027-02-02T10:00"), "it is of another draw"),
    "number": (lambda one: one.update(number=2), "it names another sealed number."),
    "entries": (lambda one: one.update(entries=41), "it counts another number of entries."),
    "root": (lambda one: one.update(root=flipped(one["root"], 63)), "it names another fingerprint of the list."),
    "identifier": (lambda one: one.update(identifier="x" + one["identifier"]), "its ref does not follow"),
    "fan_key": (lambda one: one.update(fan_key=flipped(one["fan_key"], 5)), "its ref does not follow"),
    "ref": (lambda one: one.update(ref=flipped(one["ref"], 31)), "its ref does not follow"),
    "line's ref": (lambda one: one.update(line=flipped(one["line"], 7)), "the line of the list in it"),
    "line's choices": (lambda one: one.update(line=one["line"] + "|NV-LAS"), "its line does not lead"),
    "index": (lambda one: one.update(index=one["index"] ^ 1), "its line does not lead"),
    "index beyond": (lambda one: one.update(index=40), "its line does not lead"),
    "a step's hash": (
        lambda one: one["proof"][2].update(hash=flipped(one["proof"][2]["hash"], 9)),
        "its line does not lead",
    ),
    "a step's side": (
        lambda one: one["proof"][0].update(side="left" if one["proof"][0]["side"] == "right" else "right"),
        "its line does not lead",
    ),
    "a step less": (lambda one: one["proof"].pop(), "its line does not lead"),
    "a step more": (lambda one: one["proof"].append(one["proof"][0]), "its line does not lead"),
    "ticket": (lambda one: one.update(ticket=flipped(one["ticket"], 15)), "its random number is not"),
    "outcome": (lambda one: one.update(outcome="markets_full"), "what it says came out"),
    "market": (lambda one: one.update(market="CA-LAX"), "what it says came out"),
    "choice": (lambda one: one.update(choice=one["choice"] + 1), "what it says came out"),
    "event": (lambda one: one.update(event="AZ-PHX-3"), "what it says came out"),
    "position": (lambda one: one.update(position=13), "what it says came out"),
}


def test_one_changed_digit_in_any_part_is_told_in_words(page: Page, drawn: Drawn) -> None:
    open_page(page, drawn.url)
    said, wanted = {}, {}

    for part, (spoil, words) in SPOILT.items():
        receipt = drawn.receipt(outcome="placed", market="AZ-PHX")
        spoil(receipt)
        text = clean(read_by(page, receipt))
        said[part], wanted[part] = text[: len(NOT_OF_THIS_DRAW)] + " " + words * (words in text), words

    assert said == {part: f"{NOT_OF_THIS_DRAW} {words}" for part, words in wanted.items()}


def test_who_was_not_chosen_cannot_say_she_was(page: Page, drawn: Drawn) -> None:
    receipt = drawn.receipt(outcome="markets_full")
    line = receipt["line"].split(",")[3].split("|")
    open_page(page, drawn.url)

    receipt.update(outcome="placed", market=line[0], choice=1, event="", position=1)

    assert "what it says came out" in read_by(page, receipt)


def test_the_receipt_of_another_wave_is_named(page: Page, drawn: Drawn, live_server: LiveServer) -> None:
    for market, event in (("CA-LAX", ""), ("AZ-PHX", "AZ-PHX-1")):
        scenario.upload_codes(drawn.campaign, market, 3, event=event, prefix=f"SECOND{market}")
    second = draw_wave(drawn.campaign, live_server.url, day=2)
    open_page(page, drawn.url)

    said = read_by(page, second.receipt(outcome="placed"))

    assert NOT_OF_THIS_DRAW in said
    assert "it is of another draw: 2027-02-02T10:00" in clean(said)


def test_a_registrations_receipt_is_checked_to_its_signature(page: Page, drawn: Drawn) -> None:
    angels = drawn.campaign.markets.get(code="CA-LAX").number
    entry = Entry.objects.filter(campaign=drawn.campaign, choices__contains=[angels]).order_by("ref")[0]
    receipt = registration_receipt(entry, published(drawn.campaign.domain))
    assert "CA-LAX" in receipt["receipt"]
    open_page(page, drawn.url)

    right = clean(read_by(page, receipt))
    changed = read_by(page, {**receipt, "receipt": receipt["receipt"].replace("CA-LAX", "AZ-PHX", 1)})
    other = read_by(page, {**receipt, "signature": flipped(receipt["signature"], 64)})

    assert right.startswith("The receipt fits.")
    assert f"We signed it: {entry.identifier} registered on" in right
    assert "the entry must be in it" in right
    for said in (changed, other):
        assert said.startswith("This receipt is not one of this campaign:")
        assert "it was not signed with our key" in said


def test_a_registration_after_the_freeze_is_said_to_be_late(
    page: Page, tour: Campaign, live_server: LiveServer
) -> None:
    scenario.many_fans(tour, 10)
    scenario.upload_codes(tour, "CA-LAX", 2, prefix="L")
    drawn = draw_wave(tour, live_server.url)
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        late = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    open_page(page, drawn.url)

    said = read_by(page, registration_receipt(late, published("aurora")))

    assert "the entry is not in it" in said
    expect(page.get_by_text("The list was frozen while registration was still open.")).to_be_visible()


GARBAGE = [
    "",
    "{",
    "[]",
    "null",
    '"x"',
    "{}",
    '{"ticket": 1}',
    '{"signature": {}}',
    '{"ticket": "0", "campaign": "aurora"}',
]


def test_garbage_is_told_as_such(page: Page, drawn: Drawn) -> None:
    open_page(page, drawn.url)

    said = {text: read_by(page, text) for text in GARBAGE}
    broken = drawn.receipt(outcome="placed")
    broken.update(proof=[None], index="1", ticket=None, line=7)
    said["broken"] = read_by(page, broken)

    assert all(text.startswith(("This is not one of our receipts.", "This receipt ")) for text in said.values()), said


def test_a_file_of_ten_megabytes_is_not_read(page: Page, drawn: Drawn) -> None:
    open_page(page, drawn.url)

    said = read_by(page, "[" + "1," * 5_000_000 + "1]")

    assert said == "This file is too large to be a receipt."


def test_a_receipt_can_be_pasted_or_dropped(page: Page, drawn: Drawn) -> None:
    receipt = json.dumps(drawn.receipt(outcome="placed"))
    open_page(page, drawn.url)

    page.get_by_text("Or paste its text").click()
    page.get_by_label("The receipt’s text").fill(receipt)
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.locator("[data-verdict]")).to_contain_text("The receipt fits.")
    page.evaluate("document.querySelector('[data-verdict]').replaceChildren()")
    transfer = page.evaluate_handle(
        "text => { const all = new DataTransfer(); all.items.add(new File([text], 'r.json')); return all; }", receipt
    )
    page.dispatch_event("[data-drop]", "drop", {"dataTransfer": transfer})

    expect(page.locator("[data-verdict]")).to_contain_text("The receipt fits.")


def test_nothing_is_asked_of_anybody_while_a_receipt_is_checked(page: Page, drawn: Drawn) -> None:
    open_page(page, drawn.url)
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    page.context.set_offline(True)

    said = read_by(page, drawn.receipt(outcome="placed"))
    entry = Entry.objects.filter(campaign=drawn.campaign).order_by("ref")[0]
    signed = read_by(page, registration_receipt(entry, published("aurora")))

    assert (said[:17], signed[:17]) == ("The receipt fits.", "The receipt fits.")
    assert asked == []
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie.includes('receipt')]")[:2] == [
        0,
        0,
    ]


def test_the_list_of_draws_sends_a_draws_receipt_to_its_page(page: Page, drawn: Drawn) -> None:
    open_page(page, drawn.url.rpartition("2027")[0])

    said = read_by(page, drawn.receipt(outcome="placed"))
    page.locator("[data-verdict] a").click()

    assert said.startswith("This is the receipt of a draw.")
    expect(page.get_by_role("heading", name="Draw 1:")).to_be_visible()


def test_without_a_secure_connection_the_page_says_that_it_can_check_nothing(browser: Browser, drawn: Drawn) -> None:
    context = browser.new_context()
    context.add_init_script("Object.defineProperty(Crypto.prototype, 'subtle', {get: () => undefined})")
    page = open_page(context.new_page(), drawn.url)

    expect(page.locator("[data-verdict]")).to_contain_text("did not come over a secure connection")
    expect(page.locator("[data-file]")).to_be_hidden()
    context.close()


def test_without_a_script_the_page_points_to_the_verifier(browser: Browser, drawn: Drawn) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = open_page(context.new_page(), drawn.url)

    expect(page.locator("noscript p")).to_be_visible()
    expect(page.get_by_role("link", name="verify_draw.py")).to_be_visible()
    expect(page.locator("[data-file]")).to_be_hidden()
    context.close()
