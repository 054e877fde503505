"""Scripts that fail are noticed, and a chosen file makes none fail."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Artist, Campaign
from tests import scenario
from tests.browser.conftest import script_errors
from tests.browser.test_admin import page

__all__ = ["page"]
FILE = {"name": "rows.csv", "mimeType": "text/csv", "buffer": b"name\nAurora\n"}
Address = Callable[[Campaign], str]


def test_a_script_that_fails_is_noticed_in_any_window(browser: Browser) -> None:
    window = browser.new_context().new_page()

    with window.context.expect_event("weberror"):
        window.evaluate("setTimeout(() => { throw new Error('told') })")

    assert len(script_errors) == 1
    assert "told" in script_errors[0]
    script_errors.clear()
    window.context.close()


@pytest.mark.parametrize(
    "address",
    [
        lambda campaign: "campaigns/venue/import/",
        lambda campaign: f"campaigns/artist/{Artist.objects.get().pk}/members/",
        lambda campaign: f"campaigns/image/add/?campaign={campaign.pk}",
        lambda campaign: f"codes/pool/upload/?campaign={campaign.pk}",
    ],
    ids=["import", "members", "image", "codes"],
)
def test_choosing_a_file_makes_no_script_fail_and_fills_no_other_input(
    page: Page, live_server: LiveServer, address: Address
) -> None:
    page.goto(f"{live_server.url}/admin/{address(scenario.make_tour())}")
    page.locator("html:not([x-cloak])").wait_for()
    texts = "[...document.querySelectorAll('#content input[type=text]')].map(input => input.value)"
    before = page.evaluate(texts)

    page.locator("input[type=file]").set_input_files(FILE)  # type: ignore[arg-type]  # A dict of three names.

    assert page.locator("input[type=file]").evaluate("input => input.files[0].name") == "rows.csv"
    assert page.evaluate(texts) == before
