"""A fan confirms her phone in a real browser, on a phone's width, with JavaScript and without."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from entries.proof import fan_token
from tests.entries.phones import NUMBER, OTHER_NUMBER, fan_with_phone, messages, newest_digits, phone_tour, wrong_digits


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])
def test_a_fan_confirms_her_phone(
    has_script: bool, browser: Browser, live_server: LiveServer, settings: Settings, tmp_path: Path
) -> None:
    settings.PUBLIC_URL = live_server.url
    settings.PHONE_SENDER = {
        "BACKEND": "entries.phone_senders.FileSender",
        "OPTIONS": {"folder": str(tmp_path / "sms")},
    }
    ada = fan_with_phone(phone_tour(), "Ada")
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, locale="en-US", java_script_enabled=has_script
    )
    context.set_default_timeout(10_000)
    token = fan_token(campaign_id=ada.campaign_id, ref=ada.ref)
    context.add_cookies([{"name": "monoql_fan", "value": token, "url": f"{live_server.url}/c/aurora/"}])
    page = context.new_page()

    page.goto(f"{live_server.url}/c/aurora/entry/")
    expect(page.get_by_label("Mobile phone")).to_have_value(NUMBER)
    page.get_by_label("Mobile phone").fill("(213) 555-0199")
    page.get_by_role("button", name="Send me a code").click()
    expect(page.get_by_role("status")).to_contain_text(OTHER_NUMBER)
    assert messages()[-1]["to"] == OTHER_NUMBER
    page.get_by_label("Code from the message").fill(wrong_digits())
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("This is not the code.")).to_be_visible()
    expect(page.get_by_label("Code from the message")).to_be_focused()
    if has_script:  # Without one nothing can be measured.
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_label("Code from the message").fill(newest_digits())
    page.get_by_role("button", name="Confirm").click()

    expect(page.get_by_role("heading", name="You are in.")).to_be_visible()
    expect(page.get_by_text("Phone confirmed:")).to_be_visible()
    context.close()
