"""No page of the admin, of the sign-in or of fans has a serious accessibility violation, as axe-core sees it."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import PIL.Image
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # It has no marker.
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from campaigns.images import decoded, put_into
from campaigns.models import Campaign, Faq, Gate, Image, Member, Tracker, Venue
from codes.models import Assignment, Upload
from codes.upload import draft_upload
from entries.models import Entry
from entries.proof import link_token
from tests.access.conftest import auditor_of
from tests.admin.conftest import Tour, whole_tour
from tests.scenario import SUPREME
from viewers.models import Staff
from waves.auditors import link_of

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


@dataclass(frozen=True)
class SetUp:
    """What the tour has beside: a part of each kind."""

    gate: Gate
    image: Image
    faq: Faq
    tracker: Tracker
    member: Member


def add_parts(campaign: Campaign) -> SetUp:
    """Give the tour a gate, an image, a question, a tracker and a member, and its venues a place on the map."""
    locale, artist = campaign.default_locale, campaign.artist
    Venue.objects.update(latitude=34, longitude=-118)
    image = Image(campaign=campaign, locale=locale, kind="main", alternative_text="A red sun")
    file = io.BytesIO()
    PIL.Image.new("RGB", (1600, 640), "#c2410c").save(file, "PNG")
    put_into(image, decoded(file, size=1, kind="main"))
    image.save()
    gate = Gate.objects.create(campaign=campaign, number=1, kind="card_type", provider="sandbox", wanted="Sunset Card")
    faq = Faq.objects.create(
        campaign=campaign, locale=locale, number=1, question="Does it cost anything?", answer="No."
    )
    tracker = Tracker.objects.create(name="Label's tag", kind="ga4", identifier="G-AB12CD34")
    campaign.trackers.add(tracker)
    member = Member.objects.create(artist=artist, number="4711", email="ada@example.com")
    return SetUp(gate, image, faq, tracker, member)


def set_up_pages(campaign: Campaign, parts: SetUp) -> list[str]:
    """The catalogue's pages and those of a campaign's parts."""
    scope = f"?campaign={campaign.pk}"
    catalogue = ["artist", "venue", "promoter", "tracker", "locale"]
    field, market, promoter = campaign.fields.all()[0], campaign.markets.all()[0], campaign.promoter
    assert promoter is not None
    return [
        *(reverse(f"admin:campaigns_{name}_changelist") for name in catalogue),
        *(reverse(f"admin:campaigns_{name}_add") for name in catalogue),
        reverse("admin:campaigns_venue_import_page"),
        reverse("admin:campaigns_promoter_change", args=[promoter.pk]),
        reverse("admin:campaigns_tracker_change", args=[parts.tracker.pk]),
        reverse("admin:campaigns_artist_change", args=[parts.member.artist_id]),
        reverse("admin:campaigns_artist_members_page", args=[parts.member.artist_id]),
        f"{reverse('admin:campaigns_member_changelist')}?artist={parts.member.artist_id}",
        reverse("admin:campaigns_market_change", args=[market.pk]),
        reverse("admin:campaigns_field_change", args=[field.pk]),
        reverse("admin:campaigns_gate_changelist") + scope,
        reverse("admin:campaigns_gate_add") + scope,
        reverse("admin:campaigns_gate_change", args=[parts.gate.pk]),
        reverse("admin:campaigns_gate_try_page", args=[parts.gate.pk]),
        reverse("admin:campaigns_content_change", args=[campaign.contents.all()[0].pk]),
        reverse("admin:campaigns_content_previews_page") + scope,
        *(
            reverse(f"admin:campaigns_{name}_{page}") + scope
            for name in ("image", "faq")
            for page in ("changelist", "add")
        ),
        reverse("admin:campaigns_image_change", args=[parts.image.pk]),
        reverse("admin:campaigns_faq_change", args=[parts.faq.pk]),
    ]


def admin_pages(tour: Tour) -> list[str]:
    """One page of each kind."""
    campaign, entry = tour.campaign, Entry.objects.filter(campaign=tour.campaign).order_by("pk")[0]
    lists = ["campaigns_market", "campaigns_field", "campaigns_content", "entries_entry", "codes_pool", "codes_code"]
    lists += ["codes_hold", "waves_wave", "waves_auditor", "exports_export", "viewers_grant"]
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
        reverse("admin:codes_upload_change", args=[draft_of(campaign).pk]),
        reverse("admin:codes_upload_undo_page", args=[tour.upload.pk]),
        reverse("admin:codes_upload_generate_page") + scope,
        *code_pages(campaign, entry),
        reverse("admin:entries_entry_change", args=[entry.pk]),
        reverse("admin:waves_wave_change", args=[tour.sent.pk]),
        reverse("admin:waves_wave_trigger_page", args=[tour.prepared.pk]),
        reverse("admin:waves_wave_mails_page", args=[tour.sent.pk]),
        reverse("admin:waves_wave_mails_change_page", args=[tour.prepared.pk]),
        reverse("admin:waves_auditor_add") + scope,
        reverse("admin:waves_auditor_change", args=[auditor_of(campaign).pk]),
        reverse("admin:exports_export_change", args=[tour.export.pk]),
        f"{reverse('admin:core_auditevent_changelist')}?campaign_id={campaign.pk}",
        reverse("admin:campaigns_campaign_history", args=[campaign.pk]),
        reverse("admin:viewers_staff_changelist"),
        reverse("admin:viewers_machinetoken_changelist"),
        reverse("mfa_index"),
    ]


def draft_of(campaign: Campaign) -> Upload:
    """A file of codes that waits for somebody to look at its first rows."""
    data = b"Offer code,City\nAURORA-01,Los Angeles\nAURORA-02,Los Angeles\n"
    return draft_upload(
        campaign=campaign,
        file=io.BytesIO(data),
        file_name="codes.csv",
        size=len(data),
        actor=SUPREME,
        now=timezone.now(),
    )


def code_pages(campaign: Campaign, entry: Entry) -> list[str]:
    """What is done about codes."""
    scope = f"?campaign={campaign.pk}"
    given = Assignment.objects.filter(hold__campaign=campaign, hold__status="assigned").order_by("pk")[0]
    return [
        reverse("admin:codes_pool_change", args=[campaign.pools.order_by("pk")[0].pk]),
        reverse("admin:codes_pool_used_page") + scope,
        reverse("admin:codes_hold_add") + scope,
        reverse("admin:codes_hold_change", args=[given.hold_id]),
        reverse("admin:codes_code_find_page") + scope,
        reverse("admin:codes_code_change", args=[given.code_id]),
        reverse("admin:codes_assignment_give_page", args=[entry.pk]),
        reverse("admin:codes_assignment_take_back_page", args=[given.code_id]),
    ]


EVERY_PAGE, BY_TURNS = slice(None), {"light": slice(0, None, 2), "dark": slice(1, None, 2)}
"""Each page is looked at in one of the two schemes; the soak looks at each in both."""


@pytest.mark.parametrize(
    ("scheme", "pages"),
    [
        *((scheme, pages) for scheme, pages in BY_TURNS.items()),
        *(pytest.param(scheme, EVERY_PAGE, marks=pytest.mark.soak) for scheme in BY_TURNS),
    ],
)
def test_no_page_of_the_admin_has_a_serious_violation(
    whole_tour: Tour, signed_in: Page, live_server: LiveServer, scheme: str, pages: slice
) -> None:
    signed_in.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # One of its words.
    wrong = {}
    addresses = [*admin_pages(whole_tour), *set_up_pages(whole_tour.campaign, add_parts(whole_tour.campaign))]

    for address in addresses[pages]:
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

    draws = ("draws/", f"draws/{whole_tour.sent.date_key}/", f"draws/{whole_tour.prepared.date_key}/")
    audit = link_of(auditor_of(whole_tour.campaign)).partition("/aurora/")[2]
    for path in ("", "check-mail/", "entry/", f"confirm/{link_token(entry_id=ada.pk)}/", *draws, audit):
        page.goto(f"{base}{path}?locale={locale}")
        if found := violations(page):
            wrong[path] = found

    assert wrong == {}
    page.context.close()
