"""The history on an object's page: what changed, field by field and per locale, filtered, at any length."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, Content, Venue
from core import audit
from core.admin_history import Entry, field_words, value_words
from core.audit import Actor
from core.models import AuditEvent
from tests.admin.conftest import signed_in
from viewers.models import Staff
from viewers.viewer import CLOCK, WORKER

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk(supreme: Staff) -> Client:
    """Sue's browser."""
    return signed_in(supreme)


def history(desk: Client, row: Campaign | Content | Venue | Staff, **asked: str) -> str:
    """The page with an object's history."""
    answer = desk.get(reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_history", args=[row.pk]), asked)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def venue(tour: Campaign) -> Venue:
    """A venue that was renamed in two languages, by Sue, by the clock and for Sue by a machine."""
    row = tour.markets.select_related("venue").order_by("pk")[0].venue
    machine = audit.SystemActor(kind="machine", id="3", label="catalogue sync", on_behalf_of="staff 12 olga")
    changes: list[tuple[Actor, dict[str, list[str]], datetime]] = [
        (WORKER, {"name": ["Old", "New"], "name_en": ["Old", "New"]}, datetime(2027, 1, 1, 9, tzinfo=UTC)),
        (CLOCK, {"name_de": ["", "Neues Haus"]}, datetime(2027, 2, 1, 23, 30, tzinfo=UTC)),
        (machine, {"city_ja": ["東", "東京"], "timezone": ["UTC", "Asia/Tokyo"]}, datetime(2027, 3, 1, tzinfo=UTC)),
    ]
    for actor, fields, at in changes:
        audit.record(actor=actor, action="venue.change", target=row, changes=fields, now=at, reason="The plan")
    return row


def test_each_field_stands_with_old_and_new_and_its_language(desk: Client, venue: Venue) -> None:
    page = history(desk, venue)

    assert "Name (German):</span> Neues Haus" in page
    assert "City (Japanese):</span> 東 → 東京" in page
    assert "“The plan”" in page
    assert "catalogue sync" in page
    assert "for staff 12 olga" in page


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"field": "name"}, ["Neues Haus", "Old → New"]),
        ({"field": "name_de"}, ["Neues Haus"]),
        ({"field": "name_en"}, ["Old → New"]),
        ({"field": "timezone"}, ["Asia/Tokyo"]),
        ({"who": "olga"}, ["Asia/Tokyo"]),
        ({"who": "Catalogue Sync"}, ["Asia/Tokyo"]),
        ({"who": "clock"}, ["Neues Haus"]),
        ({"since": "2027-02-01"}, ["Asia/Tokyo", "Neues Haus"]),
        ({"until": "2027-02-01"}, ["Neues Haus", "Old → New"]),
        ({"since": "2027-02-01", "until": "2027-02-01"}, ["Neues Haus"]),
        ({"field": "name", "who": "worker"}, ["Old → New"]),
        ({"who": "nobody"}, []),
        ({"field": "no such field", "since": "yesterday"}, ["Asia/Tokyo", "Neues Haus", "Old → New"]),
    ],
)
def test_it_is_filtered_by_field_by_who_and_by_days(
    desk: Client, venue: Venue, asked: dict[str, str], shown: list[str]
) -> None:
    page = history(desk, venue, **asked)

    assert [word for word in ("Asia/Tokyo", "Neues Haus", "Old → New") if word in page] == shown


def test_an_edit_in_the_browser_names_its_request_and_the_locale_of_a_text(desk: Client, tour: Campaign) -> None:
    texts = tour.contents.get(locale="de_DE")
    form = {name: getattr(texts, name) for name in Content.TEXTS} | {"open": "Meldet euch an. " * 30}

    desk.post(reverse("admin:campaigns_content_change", args=[texts.pk]), form)

    event = AuditEvent.objects.get(action="content.change")
    page, of_campaign = history(desk, texts), desk.get(f"/admin/core/auditevent/?campaign_id={tour.pk}")
    assert event.request_id
    assert event.request_id in page
    assert event.changes == {"open": ["", ("Meldet euch an. " * 30).strip()]}
    assert "in de_DE" in page
    assert "<summary>479 letters</summary>" in page
    assert "content de_DE" in of_campaign.content.decode()


def test_a_new_and_a_deleted_row_leave_all_that_they_held(desk: Client, tour: Campaign) -> None:
    desk.post(reverse("admin:campaigns_artist_add"), {"name": "Halcyon", "discovery_id": "K8"})

    added = AuditEvent.objects.get(action="artist.add")
    assert added.changes["name"] == [None, "Halcyon"]
    assert added.changes["discovery_id"] == [None, "K8"]


def test_a_personal_value_reads_changed(desk: Client, clerk: Staff) -> None:
    form = {"username": "carl", "first_name": "Canary", "last_name": "", "email": "canary@monoql.example"}

    desk.post(reverse("admin:viewers_staff_change", args=[clerk.pk]), form)

    event = AuditEvent.objects.get(action="staff.change")
    page = history(desk, clerk)
    assert event.changes["email"] == event.changes["first_name"] == "changed"
    assert "anary" not in str(event.changes)
    assert "Email address:</span> changed" in page


def test_a_long_history_is_leafed_through_with_the_same_number_of_queries(desk: Client, venue: Venue) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            history(desk, venue)
        return len(captured)

    queries()
    few = queries()
    for number in range(130):
        changes = {"name": [str(number), f"name {number}"]}
        audit.record(actor=WORKER, action="venue.change", target=venue, changes=changes, now=timezone.now())
    many = queries()
    first = history(desk, venue, field="name")
    last = AuditEvent.objects.order_by("-pk")[49].pk
    second = history(desk, venue, field="name", before=str(last))

    assert many == few
    assert f"?field=name&amp;before={last}" in first
    assert "→ name 80" in first
    assert "→ name 79" not in first
    assert "→ name 79" in second
    assert "→ name 80" not in second
    assert 'href="?field=name"' in second


def test_who_may_not_see_the_object_does_not_see_its_history(clerk: Staff, venue: Venue) -> None:
    answer = signed_in(clerk).get(reverse("admin:campaigns_venue_history", args=[venue.pk]))

    assert answer.status_code in (403, 404)
    assert "Neues Haus" not in answer.content.decode()


def test_the_campaigns_history_is_filtered_by_kind_and_by_days(desk: Client, tour: Campaign) -> None:
    old = timezone.now() - timedelta(days=400)
    audit.record(actor=WORKER, action="wave.old", target=tour, campaign_id=tour.pk, now=old)
    address = f"/admin/core/auditevent/?campaign_id={tour.pk}"

    everything = desk.get(address).content.decode()
    recent = desk.get(f"{address}&at_from={timezone.now() - timedelta(days=2):%Y-%m-%d}").content.decode()
    of_venues = desk.get(f"{address}&target_type=campaigns.venue").content.decode()

    assert "wave.old" in everything
    assert "campaign.open" in everything
    assert "campaign.open" in recent
    assert "wave.old" not in recent
    assert "campaign.open" not in of_venues


@pytest.mark.parametrize(
    ("label", "name", "words"),
    [
        ("campaigns.venue", "name_pt", "name (Portuguese)"),
        ("campaigns.content", "not_started", "page: not started"),
        ("campaigns.market", "event LAX-1: starts_at", "event LAX-1: starts at"),
        ("campaigns.market", "date LAX-1: label_de", "date LAX-1: label (German)"),
        ("gone.model", "some_field", "some field"),
    ],
)
def test_a_fields_name_is_told_in_words(label: str, name: str, words: str) -> None:
    assert field_words(label, name) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"),
        (False, "no"),
        (0, "0"),
        (["a", "b"], "a, b"),
        ({"LAX": 5}, '{"LAX": 5}'),
        ("2027-01-31T01:05:00-08:00", "2027-01-31 09:05 UTC"),
    ],
)
def test_a_value_is_told_in_words(value: object, words: str) -> None:
    assert value_words(value) == words


def test_a_change_without_old_and_new_is_shown_as_it_is() -> None:
    event = AuditEvent(target_type="viewers.staff", changes={"email": "changed", "is_active": [True, False]})

    assert [(change.old, change.new) for change in Entry(event).changes] == [("", "changed"), ("yes", "no")]
