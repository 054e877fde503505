"""Pictures of the fan pages, to be looked at: ``make shots`` writes them to ``.data/shots/``."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from campaigns import lifecycle
from campaigns.models import Campaign
from tests import scenario

SHOTS = Path(settings.BASE_DIR) / ".data" / "shots"
WIDTHS = (360, 1280)
LOCALES = ("en_US", "de_DE", "ar_EG")
SCHEMES = ("light", "dark")


def bring_to(stage: str) -> None:
    """Make the tour and bring it to a stage of its life."""
    now = timezone.now()
    if stage == "not_started":
        campaign = scenario.make_tour()
        Campaign.objects.filter(pk=campaign.pk).update(open_at=now + timedelta(hours=5), is_released=True)
        return
    campaign = scenario.open_tour()
    if stage == "closed":
        lifecycle.close_campaign(campaign=campaign, actor=scenario.SUPREME, now=now)


@pytest.mark.shots
@pytest.mark.parametrize("stage", ["not_started", "open", "closed"])
def test_landing_page(browser: Browser, live_server: LiveServer, stage: str) -> None:
    bring_to(stage)
    SHOTS.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        for scheme in SCHEMES:
            context = browser.new_context(viewport={"width": width, "height": 740}, color_scheme=scheme)  # type: ignore[arg-type]  # One of its words.
            page = context.new_page()
            for locale in LOCALES:
                page.goto(f"{live_server.url}/c/aurora/?locale={locale}")
                page.screenshot(path=SHOTS / f"landing-{stage}-{locale}-{width}-{scheme}.png", full_page=True)
            context.close()
