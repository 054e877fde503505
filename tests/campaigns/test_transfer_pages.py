"""Import and export pages within a campaign and of the campaigns themselves, as an operator uses them."""

import io
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, Content
from campaigns.transfer.files import MOST_IN_XLSX_CELL, read_table
from core.models import AuditEvent
from tests import scenario
from viewers.models import Staff

pytestmark = pytest.mark.django_db
KINDS = ("market", "field", "gate", "content", "faq")


@pytest.fixture
def draft(db: None) -> Campaign:
    """The tour before its opening."""
    return scenario.make_tour()


@pytest.fixture
def desk(client: Client, supreme: Staff) -> Client:
    """Sue's browser."""
    client.force_login(supreme)
    return client


def page(kind: str, name: str, campaign: Campaign | None = None, rows: str = "") -> str:
    """The address of a kind's page."""
    asked = [f"rows={rows}"] if rows else []
    asked += [f"campaign={campaign.pk}"] if campaign is not None else []
    return f"{reverse(f'admin:campaigns_{kind}_{name}')}?{'&'.join(asked)}"


def choose(desk: Client, address: str, text: str) -> Any:
    """Send a file, and read what it would do."""
    return desk.post(address, {"file": SimpleUploadedFile("a.csv", text.encode())})


def press_import(desk: Client, address: str, shown: Any) -> Any:
    """Press the button below what a file would do."""
    return desk.post(address, {"kept": shown.context["kept"], "seen": shown.context["seen"]})


@pytest.mark.parametrize("kind", KINDS)
def test_a_campaigns_lists_lead_to_their_files(kind: str, desk: Client, draft: Campaign) -> None:
    shown = desk.get(f"{reverse(f'admin:campaigns_{kind}_changelist')}?campaign={draft.pk}").content.decode()
    found = re.findall(r'href="([^"]*/campaigns/[^"]*/(?:ex|im)port/\?[^"]*)"', shown)
    ways = [way.replace("&amp;", "&") for way in found]

    assert len(ways) == (6 if kind == "market" else 3)
    for way in ways:
        assert f"campaign={draft.pk}" in way
        assert desk.get(way).status_code == 200


@pytest.mark.parametrize("rows", ["", "event"])
def test_an_export_holds_the_campaigns_rows_alone(rows: str, desk: Client, draft: Campaign) -> None:
    scenario.make_tour(domain="other")

    answer = desk.get(f"{page('market', 'export_page', draft, rows)}&format=csv")

    table = read_table(io.BytesIO(answer.content), size=len(answer.content))
    assert len(table.rows) == (4 if rows else 2)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="aurora-{rows or "market"}s.csv"'


def test_dates_are_imported_beside_their_markets(desk: Client, draft: Campaign) -> None:
    address = page("market", "import_page", draft, "event")

    shown = choose(desk, address, "market,code,starts_at\nCA-LAX,NEW,2027-06-03T19:30-07:00\n")
    before = draft.events.filter(code="NEW").exists()
    answer = press_import(desk, address, shown)

    assert (before, draft.events.get(code="NEW").number) == (False, 3)
    assert answer.headers["Location"] == page("market", "changelist", draft)
    assert AuditEvent.objects.get(action="event.add").campaign_id == draft.pk


def test_a_file_waits_for_its_own_campaign_alone(desk: Client, draft: Campaign) -> None:
    other = scenario.make_tour(domain="other")
    shown = choose(desk, page("faq", "import_page", draft), "locale,page,question,answer\nen_US,landing,Q,A\n")

    press_import(desk, page("faq", "import_page", other), shown)

    assert not other.faqs.exists()
    assert not draft.faqs.exists()


def test_campaigns_come_and_go_on_their_list(desk: Client, draft: Campaign) -> None:
    listed = desk.get(reverse("admin:campaigns_campaign_changelist")).content.decode()
    text = (
        "domain,name,artist,reference_timezone,default_locale,locales\n"
        f"new,New,{draft.artist_id},Europe/Vienna,de_DE,de_DE en_US\n"
    )
    address = page("campaign", "import_page")

    press_import(desk, address, choose(desk, address, text))

    made = Campaign.objects.get(domain="new")
    assert set(made.locales.values_list("pk", flat=True)) == {"de_DE", "en_US"}
    assert "/admin/campaigns/campaign/export/?format=csv" in listed


def test_a_finished_campaign_offers_no_import(desk: Client, draft: Campaign) -> None:
    Campaign.objects.filter(pk=draft.pk).update(status="finished")

    shown = desk.get(f"{reverse('admin:campaigns_faq_changelist')}?campaign={draft.pk}").content.decode()
    address = page("faq", "import_page", draft)
    answer = press_import(desk, address, choose(desk, address, "locale,page,question,answer\nen_US,landing,Q,A\n"))

    assert "faq/export/" in shown
    assert "faq/import/" not in shown
    assert "The campaign is finished" in answer.content.decode()
    assert not draft.faqs.exists()


def test_a_text_too_long_for_a_spreadsheet_is_told(desk: Client, draft: Campaign) -> None:
    Content.objects.filter(campaign=draft, locale_id="en_US").update(open="x" * (MOST_IN_XLSX_CELL + 1))

    answer = desk.get(f"{page('content', 'export_page', draft)}&format=xlsx", follow=True)

    assert "Take CSV" in answer.content.decode()
