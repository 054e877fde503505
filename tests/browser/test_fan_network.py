"""A fan on a bad network, by keyboard alone, and with her place: what the form does in a real browser."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from playwright.sync_api import TimeoutError as TooLate
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Artist, Campaign, Content, Field, Venue
from entries.models import Entry
from tests import scenario

PLACES = {"Los Angeles": ("34.04310", "-118.26720"), "Phoenix": ("33.44570", "-112.07120")}
SCOTTSDALE = {"latitude": 33.49, "longitude": -111.92}


@pytest.fixture
def phone(browser: Browser, live_server: LiveServer) -> Iterator[BrowserContext]:
    """A phone in Scottsdale."""
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, locale="en-US", base_url=live_server.url, has_touch=True
    )
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def page(phone: BrowserContext, tour: Campaign) -> Page:
    """Its page, on the landing page of the tour; Las Vegas has a venue of which nobody knows where it is."""
    scenario.add_market(tour, "NV-LAS", "Las Vegas", split="concurrent", events=1, now=timezone.now())
    for city, (latitude, longitude) in PLACES.items():
        Venue.objects.filter(city=city).update(latitude=latitude, longitude=longitude)
    page = phone.new_page()
    page.goto("/c/aurora/")
    return page


def fill_in(page: Page) -> None:
    """Fill in everything, with one city."""
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.get_by_label("Name", exact=True).fill("Ada Lovelace")
    page.get_by_label("Add a city", exact=True).select_option("AZ-PHX")
    page.get_by_role("button", name="Add", exact=True).click()


def cities(page: Page) -> list[str]:
    """The cities in the fan's list, in her order."""
    return page.locator("[data-list] [data-city]").all_inner_texts()


def lose(route: Route) -> None:
    """The form never arrives."""
    if route.request.method == "POST":
        route.abort()
    else:
        route.continue_()


def lose_the_answer(route: Route) -> None:
    """The form arrives, and its answer is lost on the way back."""
    if route.request.method == "POST":
        route.fetch(max_redirects=0)
        route.abort()
    else:
        route.continue_()


@pytest.mark.parametrize("happens", [lose, lose_the_answer])
def test_a_lost_answer_loses_nothing_and_the_form_can_be_sent_again(page: Page, happens: Callable[..., None]) -> None:
    fill_in(page)
    page.route("**/c/aurora/", happens)
    page.locator("[data-submit]").click()
    expect(page.get_by_role("alert")).to_contain_text("No answer came.")
    expect(page.get_by_label("E-mail address")).to_have_value("ada@example.com")
    assert cities(page) == ["Phoenix"]
    page.unroute("**/c/aurora/")

    page.locator("[data-submit]").click()

    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    assert Entry.objects.count() == 1


def test_two_presses_send_one_form(page: Page) -> None:
    fill_in(page)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)

    page.locator("[data-submit]").dblclick()

    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    assert len(sent) == 1


def test_a_reload_keeps_what_was_typed_but_not_the_password(page: Page, tour: Campaign) -> None:
    Campaign.objects.filter(pk=tour.pk).update(password_hash="x")
    Field.objects.create(campaign=tour, number=3, key="adult", type="checkbox", label="I am 16")
    page.reload()
    fill_in(page)
    page.get_by_label("I am 16").check()
    page.get_by_label("The artist's password").fill("secret")
    page.get_by_label("Favourite seat").fill("Front")

    page.reload()

    expect(page.get_by_label("E-mail address")).to_have_value("ada@example.com")
    expect(page.get_by_label("Favourite seat")).to_have_value("Front")
    expect(page.get_by_label("I am 16")).to_be_checked()
    expect(page.get_by_label("The artist's password")).to_have_value("")
    assert "secret" not in page.evaluate("JSON.stringify(sessionStorage)")
    assert cities(page) == ["Phoenix"]


def test_what_was_sent_is_kept_no_longer(page: Page) -> None:
    fill_in(page)
    page.locator("[data-submit]").click()
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()

    page.goto("/c/aurora/")

    expect(page.get_by_label("E-mail address")).to_have_value("")
    assert page.evaluate("JSON.stringify(sessionStorage)").count("ada@") == 0


def test_an_error_keeps_what_was_typed_and_takes_the_focus(page: Page) -> None:
    fill_in(page)
    page.get_by_label("E-mail address").fill("ada@example")

    page.locator("[data-submit]").click()

    expect(page.get_by_label("E-mail address")).to_be_focused()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Ada Lovelace")
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.locator("[data-submit]").click()
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()


def test_a_registration_by_keyboard_alone(page: Page) -> None:
    def tab_to(selector: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(selector)

    tab_to("#email")
    page.keyboard.type("ada@example.com")
    tab_to("#name")
    page.keyboard.type("Ada Lovelace")
    for letter in "LP":
        tab_to("[data-add]") if letter == "L" else page.keyboard.press("Shift+Tab")
        page.keyboard.type(letter)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
    first = cities(page)
    page.locator("[data-submit]").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    assert len(first) == len(Entry.objects.get().choices) == 2


def test_the_order_changes_by_a_finger(page: Page, phone: BrowserContext) -> None:
    page.get_by_role("button", name="Any date").tap()
    before = cities(page)
    grips = page.locator("[data-grip]")
    grips.nth(2).scroll_into_view_if_needed()
    first, last = grips.nth(0).bounding_box(), grips.nth(2).bounding_box()
    assert first is not None
    assert last is not None
    finger = phone.new_cdp_session(page)

    def touch(kind: str, y: float = 0) -> None:
        points = [] if kind == "touchEnd" else [{"x": first["x"] + 8, "y": y}]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", first["y"] + 20)
    for step in range(1, 13):
        touch("touchMove", first["y"] + 20 + (last["y"] + 40 - first["y"] - 20) * step / 12)
    touch("touchEnd")

    assert cities(page) == [*before[1:], before[0]]


def test_the_nearest_city_comes_first_and_nobody_is_told_where_the_fan_is(page: Page, phone: BrowserContext) -> None:
    phone.grant_permissions(["geolocation"])
    phone.set_geolocation(SCOTTSDALE)  # type: ignore[arg-type]  # A dict of the two names.
    page.get_by_role("button", name="Any date").click()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.get_by_role("button", name="Near me first").click()

    expect(page.locator("[data-near-said]")).to_contain_text("Phoenix is the nearest, 9 mi away.")
    expect(page.locator("[data-near-said]")).to_contain_text("Cities whose place is not known stand last.")
    assert cities(page) == ["Phoenix", "Los Angeles", "Las Vegas"]
    assert asked == []


def test_any_date_fills_by_distance_once_it_is_known(page: Page, phone: BrowserContext) -> None:
    phone.grant_permissions(["geolocation"])
    phone.set_geolocation(SCOTTSDALE)  # type: ignore[arg-type]  # As above.
    page.get_by_role("button", name="Near me first").click()
    expect(page.locator("[data-near-said]")).to_contain_text("Phoenix is the nearest")

    assert "9 mi" in page.get_by_label("Add a city", exact=True).inner_text()
    page.get_by_role("button", name="Any date").click()
    assert cities(page) == ["Phoenix", "Los Angeles", "Las Vegas"]


def test_a_fan_who_shares_no_place_is_told_and_keeps_her_order(page: Page, phone: BrowserContext) -> None:
    page.get_by_role("button", name="Any date").click()
    before = cities(page)

    page.get_by_role("button", name="Near me first").click()

    expect(page.locator("[data-near-said]")).to_contain_text("You did not share your place, so the order stays.")
    assert cities(page) == before


@pytest.mark.parametrize(("code", "words"), [(2, "does not know where it is"), (3, "did not find out in time")])
def test_a_device_that_finds_no_place_says_so(page: Page, code: int, words: str) -> None:
    page.add_init_script(
        f"Geolocation.prototype.getCurrentPosition = (found, failed) => failed({{ code: {code} }})",
    )
    page.reload()

    page.get_by_role("button", name="Near me first").click()

    expect(page.locator("[data-near-said]")).to_contain_text(words)
    expect(page.get_by_role("button", name="Near me first")).to_be_enabled()


def test_a_page_that_waits_counts_down_and_opens_by_itself(phone: BrowserContext, live_server: LiveServer) -> None:
    campaign = scenario.make_tour()
    opening = timezone.now() + timedelta(minutes=1)
    Campaign.objects.filter(pk=campaign.pk).update(open_at=opening, is_released=True)
    page = phone.new_page()
    page.clock.install()
    page.goto("/c/aurora/")
    expect(page.locator("[data-countdown]")).to_be_visible()
    expect(page.locator("[data-countdown]")).to_contain_text("seconds")

    page.route("**/c/aurora/", lambda route: route.abort())
    page.clock.run_for(90_000)
    expect(page.get_by_text("No connection. This page tries again by itself.")).to_be_visible()
    page.unroute("**/c/aurora/")
    Campaign.objects.filter(pk=campaign.pk).update(status="open", open_at=timezone.now() - timedelta(minutes=1))

    heading = page.get_by_role("heading", name="Register", exact=True)
    for _ in range(20):  # What the server keeps in memory may be seconds old: then the page waits for its next try.
        page.clock.run_for(16_000)
        try:
            heading.wait_for(timeout=1000)
            break
        except TooLate:
            continue
    expect(heading).to_be_visible()


def test_a_change_of_the_set_up_shows_at_once(page: Page, tour: Campaign) -> None:
    expect(page.get_by_role("heading", name="Aurora Vale on tour")).to_be_visible()
    Content.objects.filter(campaign=tour, locale_id="en_US").update(title="Aurora Vale, now twice")
    Artist.objects.update(name="Aurora V.")

    page.reload()

    expect(page.get_by_role("heading", name="Aurora Vale, now twice")).to_be_visible()
    expect(page.get_by_role("link", name="Aurora V.")).to_be_visible()
