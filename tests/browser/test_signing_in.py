"""Signing in, in a real browser: with an authenticator app, and with a passkey on a device of its own."""

import re

from playwright.sync_api import CDPSession, Page, expect

from core.models import AuditEvent
from tests.sign_in.conftest import code_of_app, give_app
from viewers.models import Staff


def sign_in(page: Page) -> None:
    """Type name and password."""
    page.goto("/admin/")
    page.get_by_label("Username").fill("sue")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Sign in").click()


def to_your_sign_in(page: Page) -> None:
    """From the admin, by the menu behind one's name."""
    page.get_by_role("button", name="Show or hide the menu").click()
    page.locator("nav + div.cursor-pointer", has_text="sue").click()
    page.get_by_role("link", name="Your sign-in").click()
    expect(page.get_by_role("heading", name="Your sign-in")).to_be_visible()


def add_passkey(page: Page, *, alone: bool) -> None:
    """Add one, to open the account alone or as a second factor."""
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("Sue's laptop")
    page.get_by_label("Sign in with it alone").set_checked(alone)
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("Sue's laptop")).to_be_visible()


def sign_out(page: Page) -> None:
    """Sign out."""
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You have signed out.")).to_be_visible()


def test_signing_in_with_an_authenticator_app(page: Page, supreme: Staff) -> None:
    sign_in(page)
    to_your_sign_in(page)
    page.get_by_role("link", name="Add an authenticator app").click()
    secret = str(page.locator("#totp_secret").text_content())
    assert page.locator(".mq-gate-qr").evaluate("image => image.naturalWidth") > 100
    page.get_by_label("Code").fill(code_of_app(secret))
    page.get_by_role("button", name="Add the app").click()
    expect(page.locator("#recovery_codes li")).to_have_count(10)
    recovery = str(page.locator("#recovery_codes li").first.text_content()).strip()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("heading", name="Second factor on")).to_be_visible()
    sign_out(page)

    sign_in(page)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("This code is not right, or used already.")).to_be_visible()
    page.get_by_label("Code").fill(recovery)
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page.get_by_role("heading", name="Needs you")).to_be_visible()
    proofs = AuditEvent.objects.filter(action="staff.sign_in").order_by("pk").values_list("changes", flat=True)
    assert [proof["proof"][1] for proof in proofs] == ["password", "password, recovery_codes"]


def test_signing_in_with_a_code_of_the_app(page: Page, supreme: Staff) -> None:
    give_app(supreme)

    sign_in(page)
    page.get_by_label("Code").fill(code_of_app())
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page.get_by_role("heading", name="Needs you")).to_be_visible()


def test_signing_in_with_a_passkey_alone(page: Page, device: CDPSession, supreme: Staff) -> None:
    sign_in(page)
    to_your_sign_in(page)
    add_passkey(page, alone=True)
    sign_out(page)

    page.get_by_role("button", name="Use a passkey").click()

    expect(page.get_by_role("heading", name="Needs you")).to_be_visible()
    last = AuditEvent.objects.filter(action="staff.sign_in").order_by("-pk")[0]
    assert last.changes == {"proof": ["", "webauthn"]}


def test_a_passkey_as_second_factor_and_as_fresh_proof(page: Page, device: CDPSession, supreme: Staff) -> None:
    sign_in(page)
    to_your_sign_in(page)
    add_passkey(page, alone=False)
    sign_out(page)

    sign_in(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Needs you")).to_be_visible()
    page.goto("/staff/proof/?next=/staff/")
    page.get_by_role("link", name="Use a passkey").click()
    page.get_by_role("button", name="Use a passkey").click()

    expect(page).to_have_url(re.compile("/staff/$"))
    proofs = AuditEvent.objects.filter(action="staff.sign_in").order_by("pk").values_list("changes", flat=True)
    assert [proof["proof"][1] for proof in proofs] == ["password", "password, webauthn"]


def test_a_device_without_the_passkey_says_so_and_opens_nothing(page: Page, device: CDPSession, supreme: Staff) -> None:
    page.goto("/staff/login/")

    page.get_by_role("button", name="Use a passkey").click()

    expect(page.get_by_text("No passkey was used. Try again, or take another way.")).to_be_visible()


def test_the_sign_in_works_without_scripts_and_by_keyboard(page: Page, supreme: Staff) -> None:
    page.route("**/*.js", lambda route: route.abort())
    page.goto("/admin/")
    page.keyboard.type("sue")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/")
    page.goto("/staff/")

    expect(page.get_by_text("this one")).to_be_visible()
