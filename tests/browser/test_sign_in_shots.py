"""Pictures of the sign-in's pages, to be looked at: ``make shots`` writes them to ``.data/shots/``."""

from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from monoql.sign_in_settings import Company
from tests.sign_in.conftest import code_of_app, give_app, sign_in
from viewers.models import Staff

SHOTS = Path(settings.BASE_DIR) / ".data" / "shots"
WIDTHS = (360, 1280)
SCHEMES = ("light", "dark")
SIGNED_IN = {
    "yours": "/staff/",
    "password": "/staff/password/",
    "app-remove": "/staff/app/remove/",
    "passkey-add": "/staff/passkeys/add/",
    "recovery": "/staff/recovery-codes/",
    "recovery-make": "/staff/recovery-codes/make/",
    "proof": "/staff/proof/",
    "proof-code": "/staff/proof/code/",
    "sign-out": "/staff/logout/",
}
SIGNED_OUT = {"login": "/staff/login/", "inactive": "/staff/inactive/", "cancelled": "/staff/company/cancelled/"}


def shoot(browser: Browser, base: str, name: str, address: str, key: str = "") -> None:
    """One page in both widths and both schemes."""
    for width in WIDTHS:
        for scheme in SCHEMES:
            shoot_one(browser, base, name, address, key, width, scheme)


def shoot_one(browser: Browser, base: str, name: str, address: str, key: str, width: int, scheme: str) -> None:
    """One picture; the page is no wider than its window."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(viewport={"width": width, "height": 740}, color_scheme=scheme)  # type: ignore[arg-type]  # One of its words.
    if key:
        context.add_cookies([{"name": "sessionid", "value": key, "url": base}])
    page = context.new_page()
    page.goto(f"{base}{address}")
    page.screenshot(path=SHOTS / f"sign-in-{name}-{width}-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
    context.close()


def key_of(client: Client) -> str:
    """The key of a client's session."""
    return client.session.session_key or ""


def new_session(staff: Staff, *, halfway: bool = False, system: str = "X11; Linux x86_64") -> Client:
    """A client that has signed in, or stands before the second factor."""
    client = Client(headers={"host": "localhost", "user-agent": f"Mozilla/5.0 ({system}) Chrome/140.0"})
    sign_in(client, staff.get_username())
    if not halfway and "_auth_user_id" not in client.session:
        client.post(reverse("mfa_authenticate"), {"code": code_of_app()})
    return client


@pytest.mark.shots
def test_sign_in_pages(browser: Browser, live_server: LiveServer, supreme: Staff, settings: Settings) -> None:
    company = Company("acme", "Acme Tickets", "https://id.acme.example", "monoql", "x")
    settings.STAFF_COMPANIES = [company]
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [company.app]}}
    for name, address in SIGNED_OUT.items():
        shoot(browser, live_server.url, name, address)

    settings.STAFF_SECOND_FACTOR = "everybody"
    client = new_session(supreme)
    new_session(supreme, system="iPhone; CPU iPhone OS 19_0")
    new_session(supreme, system="Windows NT 10.0")
    shoot(browser, live_server.url, "needed", "/staff/", key_of(client))
    shoot(browser, live_server.url, "app-add", "/staff/app/add/", key_of(client))
    form = client.get(reverse("mfa_activate_totp")).context["form"]
    client.post(reverse("mfa_activate_totp"), {"code": code_of_app(form.secret)})
    for width in WIDTHS:
        for scheme in SCHEMES:
            client.post(reverse("mfa_generate_recovery_codes"))  # They are shown once.
            shoot_one(browser, live_server.url, "recovery-new", "/staff/recovery-codes/", key_of(client), width, scheme)
    Authenticator.objects.filter(type="totp").delete()
    give_app(supreme)
    halfway = new_session(supreme, halfway=True)
    shoot(browser, live_server.url, "second-factor", "/staff/login/second-factor/", key_of(halfway))
    pages = {**SIGNED_IN, "staff-account": reverse("admin:viewers_staff_change", args=[supreme.pk])}
    pages["staff-factor"] = reverse("admin:viewers_staff_remove_factor_page", args=[supreme.pk])
    for name, address in pages.items():
        shoot(browser, live_server.url, name, address, key_of(client))
