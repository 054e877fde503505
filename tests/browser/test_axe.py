"""No page of the admin, of the sign-in or of fans has a serious accessibility violation, as axe-core sees it."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # It has no marker.
from django.urls import reverse
from playwright.sync_api import Browser, Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from entries.models import Entry
from entries.proof import link_token
from tests.admin.conftest import Tour, whole_tour
from viewers.models import Staff

__all__ = ["whole_tour"]
SERIOUS = ("serious", "critical")


@pytest.fixture
def signed_in(browser: Browser, live_server: LiveServer, supreme: Staff, settings: Settings) -> Iterator[Page]:
    """Sue's browser, signed in."""
    settings.PUBLIC_URL = live_server.url
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto(f"{live_server.url}/admin/")
    page.get_by_label("Username").fill("sue")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Needs you").wait_for()
    yield page
    context.close()


def violations(page: Page) -> list[str]:
    """The serious ones on the page that is open: rule and element."""
    found = Axe().run(page)
    return [
        f"{violation['id']} ({violation['impact']}): {node['html'][:160]}"
        for violation in found.response["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]


def admin_pages(tour: Tour) -> list[str]:
    """One page of each kind."""
    campaign, entry = tour.campaign, Entry.objects.filter(campaign=tour.campaign).order_by("pk")[0]
    lists = ["campaigns_market", "campaigns_field", "campaigns_content", "entries_entry", "codes_pool", "codes_code"]
    lists += ["waves_wave", "exports_export", "viewers_grant"]
    scope = f"?campaign={campaign.pk}"
    return [
        reverse("admin:index"),
        reverse("admin:campaigns_campaign_changelist"),
        reverse("admin:campaigns_campaign_add"),
        reverse("admin:campaigns_campaign_change", args=[campaign.pk]),
        *(reverse(f"admin:{name}_changelist") + scope for name in lists),
        reverse("admin:campaigns_market_add") + scope,
        reverse("admin:campaigns_field_add") + scope,
        reverse("admin:codes_pool_upload_page") + scope,
        reverse("admin:codes_upload_change", args=[tour.upload.pk]),
        reverse("admin:entries_entry_change", args=[entry.pk]),
        reverse("admin:waves_wave_change", args=[tour.sent.pk]),
        reverse("admin:waves_wave_trigger_page", args=[tour.prepared.pk]),
        reverse("admin:exports_export_change", args=[tour.export.pk]),
        f"{reverse('admin:core_auditevent_changelist')}?campaign_id={campaign.pk}",
        reverse("admin:campaigns_campaign_history", args=[campaign.pk]),
        reverse("admin:viewers_staff_changelist"),
        reverse("admin:viewers_machinetoken_changelist"),
        reverse("mfa_index"),
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_the_admin_has_a_serious_violation(
    whole_tour: Tour, signed_in: Page, live_server: LiveServer, scheme: str
) -> None:
    signed_in.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # One of its words.
    wrong = {}

    for address in admin_pages(whole_tour):
        signed_in.goto(f"{live_server.url}{address}")
        if found := violations(signed_in):
            wrong[address] = found

    assert wrong == {}, "\n".join(f"{address}\n  " + "\n  ".join(found) for address, found in wrong.items())


@pytest.mark.parametrize("locale", ["en_US", "ar_EG"])
def test_no_page_of_fans_has_a_serious_violation(
    whole_tour: Tour, browser: Browser, live_server: LiveServer, locale: str
) -> None:
    page = browser.new_context(viewport={"width": 360, "height": 740}).new_page()
    ada = Entry.objects.get(campaign=whole_tour.campaign, identifier="ada@example.com")
    base = f"{live_server.url}/c/aurora/"
    wrong = {}

    for path in ("", "check-mail/", "entry/", f"confirm/{link_token(entry_id=ada.pk)}/"):
        page.goto(f"{base}{path}?locale={locale}")
        if found := violations(page):
            wrong[path] = found

    assert wrong == {}
    page.context.close()
