"""Every state in which a fan may meet a campaign's pages, made up in one database for the browser tests."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page

from campaigns import lifecycle
from campaigns.models import Campaign, Content, Field, Locale, Venue
from campaigns.published import published
from entries.models import Entry
from entries.proof import fan_token
from monoql import fan_pages
from monoql.fan_visit import Visit
from tests import scenario
from tests.fan.conftest import draw
from tests.fan.test_trackers import add_tracker
from waves.explanation import outcomes

LOCALES = ("en_US", "de_DE", "ja_JP", "ar_EG")
STATES = (
    "not_started",
    "open",
    "consent",
    "to_mend",
    "registered",
    "closed",
    "selected",
    "not_selected",
    "finished",
    "fanlist",
    "fanlist_joined",
    "not_found",
    "error",
    "draws",
    "draw",
)
PATHS = {"draws": "draws/", "draw": "draws/2027-02-01T10:00/"}
TITLES = {"ja_JP": "オーロラ・ヴェール 2027年北米ツアー 先行抽選受付", "ar_EG": "جولة أورورا فيل 2027"}
OPEN_TEXTS = {
    "de_DE": "Für die Vorverkaufsregistrierung brauchst du nur eine E-Mail-Adresse.",
    "ja_JP": "先行販売の抽選に申し込めます。公演ごとにお一人様1回までです。",
    "ar_EG": "سجّلوا الآن للبيع المسبق.",
}
PLACES = {"Los Angeles": ("34.04310", "-118.26720"), "Phoenix": ("33.44570", "-112.07120")}


@dataclass
class World:
    """The campaigns by the states that they show, and whose cookie a state needs."""

    url: str
    fans: dict[str, Entry] = field(default_factory=dict)
    domains: dict[str, str] = field(default_factory=dict)

    def address(self, state: str, locale: str) -> str:
        """Where a state is met in a language."""
        path = "entry/" if state in self.fans else PATHS.get(state, "")
        return f"{self.url}/c/{self.domains.get(state, 'nowhere')}/{path}?locale={locale}"

    def show(self, context: BrowserContext, page: Page, state: str, locale: str) -> None:
        """Have a browser meet a state, as its fan."""
        tag = locale.replace("_", "-")
        # Pages that know no campaign speak the browser's language.
        page.set_extra_http_headers({"Accept-Language": tag})
        if entry := self.fans.get(state):
            token = fan_token(campaign_id=entry.campaign_id, ref=entry.ref)
            host = self.url.partition("//")[2].partition(":")[0]
            path = f"/c/{self.domains[state]}/"
            context.add_cookies([{"name": "monoql_fan", "value": token, "domain": host, "path": path}])
        page.goto(self.address(state, locale))
        if state == "to_mend":
            page.locator("#email").fill("ada@example")
            page.locator("[data-submit]").click()
            page.locator(".notice-bad").wait_for()


def make_world(url: str, monkeypatch: pytest.MonkeyPatch) -> World:
    """Campaigns in every state."""
    world = World(url)
    now = timezone.now()
    Locale.objects.get_or_create(code="ja_JP", defaults={"name": "日本語"})
    soon = _tour("soon")
    Campaign.objects.filter(pk=soon.pk).update(open_at=now + timedelta(hours=50), is_released=True)
    opened, closed, drawn, over = (_opened(domain) for domain in ("open", "closed", "drawn", "over"))
    ada, ben = (scenario.register_fan(drawn, name, ["CA-LAX", "AZ-PHX"]) for name in ("Ada", "Ben"))
    world.fans["registered"] = scenario.register_fan(opened, "Ada", ["CA-LAX", "AZ-PHX"])
    _add_questions(opened)
    asked = _opened("asked")
    for kind in ("ga4", "meta"):
        add_tracker(asked, kind)
    draw(drawn)
    for campaign in (closed, over):
        ended = lifecycle.close_campaign(campaign=campaign, actor=scenario.SUPREME, now=now)
    lifecycle.finish_campaign(campaign=ended, actor=scenario.SUPREME, now=now)
    chosen = ada if outcomes(ada, published("drawn"))[0].is_selected else ben
    world.fans |= {"selected": chosen, "not_selected": ben if chosen == ada else ada}
    world.fans["fanlist_joined"] = _fanlist()
    names = {"not_started": "soon", "open": "open", "to_mend": "open", "registered": "open", "closed": "closed"}
    names |= {"consent": "asked", "selected": "drawn", "not_selected": "drawn", "finished": "over", "fanlist": "list"}
    names |= dict.fromkeys(PATHS, "drawn")
    world.domains = names | {"fanlist_joined": "list", "error": _broken("broken", monkeypatch)}
    return world


def _tour(domain: str) -> Campaign:
    campaign = scenario.make_tour(domain=domain)
    campaign.locales.add(Locale.objects.get(code="ja_JP"))
    for code, title in TITLES.items():
        Content.objects.create(campaign=campaign, locale_id=code, title=title)
    for code, text in OPEN_TEXTS.items():
        Content.objects.filter(campaign=campaign, locale_id=code).update(open=text)
    for city, (latitude, longitude) in PLACES.items():
        Venue.objects.filter(city=city).update(latitude=latitude, longitude=longitude)
    return campaign


def _opened(domain: str) -> Campaign:
    return lifecycle.open_campaign(campaign=_tour(domain), actor=scenario.SUPREME, now=timezone.now())


def _add_questions(campaign: Campaign) -> None:
    labels = {"de": "Wo möchtest du sitzen?", "ja": "ご希望の席", "ar": "أين تودون الجلوس؟"}
    Campaign.objects.filter(pk=campaign.pk).update(minimum_age=16, accent_color="#c2410c")
    seat = Field.objects.get(campaign=campaign, key="seat")
    for language, label in labels.items():
        setattr(seat, f"label_{language}", label)
    seat.save()


def _fanlist() -> Entry:
    campaign = _opened("list")
    campaign.markets.all().delete()
    campaign.contents.update(open="", title="")
    dates = dict.fromkeys(("open_at", "close_at", "presale_window_start_at", "presale_window_end_at"))
    Campaign.objects.filter(pk=campaign.pk).update(type="fanlist", name="Aurora Vale", **dates)
    return scenario.register_fan(campaign, "Ada", [])


def _broken(domain: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A campaign whose page breaks."""
    _opened(domain)
    whole = fan_pages.landing_context

    def broken(visit: Visit, *rest: object) -> dict[str, object]:
        if visit.campaign.domain == domain:
            raise ZeroDivisionError
        return whole(visit, *rest)  # type: ignore[arg-type]  # As they came.

    monkeypatch.setattr(fan_pages, "landing_context", broken)
    return domain
