"""Consent and trackers in a real browser, which lets no request out and writes down whom it would have asked."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Campaign, Tracker
from tests import scenario
from tests.fan.test_trackers import add_tracker

FIRST = {
    "ga4": "https://www.googletagmanager.com/gtag/js?id=G-AB12CD34",
    "gtm": "https://www.googletagmanager.com/gtm.js?id=GTM-AB12CD",
    "meta": "https://connect.facebook.net/en_US/fbevents.js",
    "tiktok": "https://analytics.tiktok.com/i18n/pixel/events.js?sdkid=C1AB&lib=ttq",
    "x": "https://static.ads-twitter.com/uwt.js",
    "snap": "https://sc-static.net/scevent.min.js",
    "pixel": "https://count.example/p.gif?c=7",
}
"""What each kind asks for first."""


class Watch:
    """A browser whose requests to others end here."""

    def __init__(self, context: BrowserContext, own: str) -> None:
        self.asked: list[Request] = []
        self.complaints: list[str] = []
        self.own = urlsplit(own).netloc
        context.route("**/*", self._answer)
        context.on("console", lambda line: self.complaints.append(line.text) if "Content Sec" in line.text else None)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def _answer(self, route: Route) -> None:
        if urlsplit(route.request.url).netloc == self.own:
            route.continue_()
            return
        self.asked.append(route.request)
        route.fulfill(status=200, content_type="text/javascript", body="")

    def wait_for(self, page: Page, count: int) -> None:
        """Wait until it would have asked so many times."""
        for _ in range(100):
            if len(self.asked) >= count:
                return
            page.wait_for_timeout(100)

    @property
    def addresses(self) -> list[str]:
        """Whom it would have asked."""
        return [request.url for request in self.asked]


Open = Callable[..., tuple[Page, Watch]]


@pytest.fixture
def tracked(live_server: LiveServer) -> Campaign:
    """The open tour with a tracker of each kind."""
    campaign = scenario.open_tour()
    for kind in Tracker.Kind.values:
        add_tracker(campaign, kind)
    return campaign


@pytest.fixture
def opened(browser: Browser, live_server: LiveServer) -> Iterator[Open]:
    """Opens a browser of its own that is watched; nothing may be refused by the content policy."""
    contexts: list[tuple[BrowserContext, Watch]] = []

    def new(**options: object) -> tuple[Page, Watch]:
        context = browser.new_context(base_url=live_server.url, locale="en-US", **options)  # type: ignore[arg-type]  # As they are called.
        context.set_default_timeout(10_000)
        watch = Watch(context, live_server.url)
        contexts.append((context, watch))
        return context.new_page(), watch

    yield new
    for context, watch in contexts:
        context.close()
        assert watch.complaints == []


def test_nothing_is_asked_of_others_before_a_yes_and_each_tracker_after_it(opened: Open, tracked: Campaign) -> None:
    page, watch = opened()
    page.goto("/c/aurora/")
    page.wait_for_load_state("networkidle")
    before = watch.addresses

    page.get_by_role("button", name="Allow", exact=True).click()
    watch.wait_for(page, len(FIRST))
    page.wait_for_load_state("networkidle")

    assert before == []
    assert sorted(watch.addresses) == sorted(FIRST.values())
    # None learns the address of the page by the referrer.
    assert [request.headers.get("referer") for request in watch.asked] == [None] * len(FIRST)
    expect(page.get_by_text("You allow trackers on this page.")).to_be_visible()
    assert page.evaluate("[fbq, twq, snaptr].every(tag => tag.queue.length > 0) && dataLayer.length === 3")


def test_a_no_is_remembered_and_asks_nobody(opened: Open, tracked: Campaign) -> None:
    page, watch = opened()
    page.goto("/c/aurora/")
    page.get_by_role("button", name="Do not allow").click()
    expect(page.get_by_text("You do not allow trackers on this page.")).to_be_visible()
    page.reload()
    page.wait_for_load_state("networkidle")

    expect(page.get_by_role("button", name="Do not allow")).to_be_hidden()
    assert watch.addresses == []


def test_a_yes_can_be_taken_back_at_the_foot_of_the_page(opened: Open, tracked: Campaign) -> None:
    page, watch = opened()
    page.goto("/c/aurora/")
    page.get_by_role("button", name="Allow", exact=True).click()
    page.evaluate("document.cookie = '_fbp=fb.1.2; path=/'")

    page.get_by_role("button", name="Change this").click()
    expect(page.locator("#consent-title")).to_be_focused()
    page.get_by_role("button", name="Do not allow").click()
    expect(page.get_by_text("You do not allow trackers on this page.")).to_be_visible()
    watch.wait_for(page, len(FIRST))
    page.wait_for_load_state("networkidle")
    watch.asked.clear()
    page.reload()
    page.wait_for_load_state("networkidle")

    assert watch.addresses == []
    assert "_fbp" not in page.evaluate("document.cookie")


def test_a_further_tracker_is_asked_about_anew(opened: Open, live_server: LiveServer) -> None:
    campaign = scenario.open_tour()
    add_tracker(campaign, "meta")
    page, watch = opened()
    page.goto("/c/aurora/")
    page.get_by_role("button", name="Allow", exact=True).click()
    watch.wait_for(page, 1)
    add_tracker(campaign, "snap")
    watch.asked.clear()

    page.reload()
    page.wait_for_load_state("networkidle")

    expect(page.get_by_role("button", name="Allow", exact=True)).to_be_visible()
    assert watch.addresses == []


@pytest.mark.parametrize("signal", ["globalPrivacyControl: true", "doNotTrack: '1'"])
def test_a_browser_that_asks_not_to_be_tracked_has_said_no(opened: Open, tracked: Campaign, signal: str) -> None:
    page, watch = opened()
    name, _, value = signal.partition(": ")
    page.add_init_script(f"Object.defineProperty(Navigator.prototype, '{name}', {{ get: () => {value} }})")

    page.goto("/c/aurora/")
    page.wait_for_load_state("networkidle")

    expect(page.get_by_role("button", name="Allow", exact=True)).to_be_hidden()
    expect(page.get_by_text("Your browser asks not to be tracked, and this page keeps to it.")).to_be_visible()
    assert watch.addresses == []


def test_an_address_that_may_name_a_person_is_told_to_nobody(opened: Open, tracked: Campaign) -> None:
    page, watch = opened()
    page.goto("/c/aurora/")
    page.get_by_role("button", name="Allow", exact=True).click()
    watch.wait_for(page, len(FIRST))
    page.wait_for_load_state("networkidle")
    watch.asked.clear()

    page.goto("/c/aurora/?mail=ada@example.com")
    page.wait_for_load_state("networkidle")

    assert watch.addresses == []


def test_the_question_gives_both_answers_the_same_weight_and_hides_nothing_that_has_the_focus(
    opened: Open, tracked: Campaign
) -> None:
    page, _ = opened(viewport={"width": 360, "height": 740})
    page.goto("/c/aurora/")
    no, yes = page.get_by_role("button", name="Do not allow"), page.get_by_role("button", name="Allow", exact=True)
    names = "['color', 'backgroundColor', 'fontSize', 'fontWeight', 'borderColor']"
    style = f"button => {names}.map(name => getComputedStyle(button)[name])"

    assert no.evaluate(style) == yes.evaluate(style)
    one, two = no.bounding_box(), yes.bounding_box()
    assert one is not None
    assert two is not None
    assert (one["width"], one["height"]) == (two["width"], two["height"])
    page.get_by_label("Favourite seat").focus()
    bar, seat = page.locator(".consent").bounding_box(), page.get_by_label("Favourite seat").bounding_box()
    assert bar is not None
    assert seat is not None
    assert seat["y"] + seat["height"] <= bar["y"]


def test_without_javascript_there_is_no_question_and_no_tracker(opened: Open, tracked: Campaign) -> None:
    page, watch = opened(java_script_enabled=False)

    page.goto("/c/aurora/")
    page.wait_for_load_state("networkidle")

    expect(page.locator(".consent")).to_be_hidden()
    assert watch.addresses == []
