"""Entries at the admin: found by exact key, masked in lists, explained on their page."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign
from core.models import AuditEvent
from entries.models import Entry
from tests import scenario
from tests.admin.conftest import Desk, Reader, Tour, signed_in
from viewers.models import Grant, Staff

pytestmark = pytest.mark.django_db


def list_of(campaign: Campaign, **filters: str) -> str:
    """The address of a campaign's entries."""
    more = "".join(f"&{name}={value}" for name, value in filters.items())
    return f"{reverse('admin:entries_entry_changelist')}?campaign={campaign.pk}{more}"


@pytest.fixture
def ada(tour: Campaign) -> Entry:
    """Ada, who is in."""
    return scenario.register_fan(tour, "Ada", ["CA-LAX", "AZ-PHX"])


def test_the_list_hides_who_they_are(read: Reader, tour: Campaign, ada: Entry) -> None:
    text = read(list_of(tour))

    assert "a•••@e•••.com" in text
    assert "ada@example.com" not in text
    assert "CA-LAX › AZ-PHX" in text


@pytest.mark.parametrize("typed", ["ada@example.com", " ADA@Example.COM ", "{ref}", "{REF}"])
def test_an_entry_is_found_by_address_or_ref_in_any_form(typed: str, read: Reader, tour: Campaign, ada: Entry) -> None:
    scenario.register_fan(tour, "Ben", ["AZ-PHX"])

    text = read(list_of(tour, q=typed.format(ref=ada.ref, REF=ada.ref.upper())))

    assert "1 entry" in text
    assert ada.ref[:8] in text


@pytest.mark.parametrize("typed", ["ada", "example.com", "nobody@example.com", "%", "@"])
def test_a_part_of_an_address_finds_nobody(typed: str, read: Reader, tour: Campaign, ada: Entry) -> None:
    assert "Nothing matches" in read(list_of(tour, q=typed))


def test_a_search_goes_through_the_unique_index(desk: Desk, tour: Campaign, ada: Entry) -> None:
    with CaptureQueriesContext(connection) as queries:
        desk.get(list_of(tour, q="ada@example.com"))

    searches = [query["sql"] for query in queries.captured_queries if ada.ref in query["sql"]]
    assert searches
    assert all('"campaign_id" = ' in sql and '"ref" = ' in sql and "LIKE" not in sql for sql in searches)


def test_filters_tell_the_states_apart(read: Reader, tour: Campaign, ada: Entry) -> None:
    ben = scenario.register_fan(tour, "Ben", ["AZ-PHX"], is_confirmed=False)

    confirmed = read(list_of(tour, state="confirmed"))
    unconfirmed = read(list_of(tour, state="unconfirmed"))
    phoenix = read(list_of(tour, market=str(tour.markets.get(code="CA-LAX").number)))

    assert ada.ref[:8] in confirmed
    assert ben.ref[:8] not in confirmed
    assert ben.ref[:8] in unconfirmed
    assert ben.ref[:8] not in phoenix


def test_a_large_list_is_counted_to_a_limit_and_says_so(
    monkeypatch: pytest.MonkeyPatch, read: Reader, tour: Campaign
) -> None:
    scenario.many_fans(tour, 120)
    monkeypatch.setattr("core.admin_base.MOST_COUNTED", 100)

    text = read(list_of(tour))

    assert "More than 100 entries. Search or filter to see the others." in text


def test_a_list_that_takes_too_long_is_answered_kindly(
    monkeypatch: pytest.MonkeyPatch, desk: Desk, tour: Campaign, ada: Entry
) -> None:
    from entries.admin import EntryList

    def slowly(self: EntryList, request: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")

    monkeypatch.setattr(EntryList, "get_results", slowly)
    monkeypatch.setattr("core.admin_base.limited_time.__wrapped__.__defaults__", (0.2,))

    answer = desk.get(list_of(tour))
    after = desk.get(reverse("admin:index"))

    assert answer.status_code == 503
    assert "This list took too long" in answer.content.decode()
    assert after.status_code == 200


def test_an_entrys_page_shows_it_whole_and_its_mails(read: Reader, ada: Entry) -> None:
    text = read(reverse("admin:entries_entry_change", args=[ada.pk]))

    assert ada.ref in text
    assert "Los Angeles" in text
    assert "confirmation" in text
    assert "No wave that was triggered has seen this entry." in text


def test_a_page_is_masked_until_somebody_reveals_it_for_a_reason(desk: Desk, read: Reader, ada: Entry) -> None:
    page = reverse("admin:entries_entry_change", args=[ada.pk])
    reveal = reverse("admin:entries_entry_reveal_page", args=[ada.pk])

    masked, revealed, again = read(page), desk.post(reveal, {"reason": "help"}).content.decode(), read(page)

    assert "ada@example.com" not in masked + again
    assert "a•••@e•••.com" in masked
    assert "ada@example.com" in revealed
    look = AuditEvent.objects.get(action="entry.reveal")
    assert (look.target_id, look.reason, look.actor_label) == (str(ada.pk), "The fan asked for help", "sue")


@pytest.mark.parametrize("reason", ["", "curiosity"])
def test_without_a_reason_nothing_is_revealed(desk: Desk, ada: Entry, reason: str) -> None:
    reveal = reverse("admin:entries_entry_reveal_page", args=[ada.pk])

    text = desk.post(reveal, {"reason": reason}, follow=True).content.decode()

    assert "ada@example.com" not in text
    assert "choose one of the reasons" in text
    assert not AuditEvent.objects.filter(action="entry.reveal").exists()


def test_a_link_reveals_nothing(desk: Desk, ada: Entry) -> None:
    answer = desk.get(reverse("admin:entries_entry_reveal_page", args=[ada.pk]), {"reason": "help"})

    assert answer.status_code == 302
    assert not AuditEvent.objects.filter(action="entry.reveal").exists()


def test_whoever_may_not_see_addresses_cannot_search_by_one(clerk: Staff, tour: Campaign, ada: Entry) -> None:
    Grant.objects.create(staff=clerk, campaign=tour, action="view", granted_at=timezone.now(), granted_by=clerk)
    desk = signed_in(clerk)

    by_address, by_ref = (desk.get(list_of(tour, q=term)).content.decode() for term in (ada.email, ada.ref))

    assert "the right to see personal data is needed" in by_address
    assert ada.ref[:8] not in by_address
    assert ada.ref[:8] in by_ref


@pytest.mark.django_db(transaction=True)
def test_an_entrys_page_tells_what_each_wave_did(read: Reader, whole_tour: Tour) -> None:
    wave = whole_tour.sent
    ada, ben = (Entry.objects.get(identifier=f"{name}@example.com") for name in ("ada", "ben"))
    full = next(
        entry
        for entry in Entry.objects.filter(campaign=whole_tour.campaign, email_confirmed_at__isnull=False)
        if "its markets were full" in read(reverse("admin:entries_entry_change", args=[entry.pk]))
    )

    unproved = read(reverse("admin:entries_entry_change", args=[ben.pk]))
    anybody = read(reverse("admin:entries_entry_change", args=[ada.pk]))

    assert full.pk
    assert reverse("admin:waves_wave_change", args=[wave.pk]) in anybody
    assert "address or phone not proved" in unproved


def test_nobody_adds_changes_or_deletes_an_entry(desk: Desk, ada: Entry) -> None:
    add = desk.get(reverse("admin:entries_entry_add"))
    change = desk.post(reverse("admin:entries_entry_change", args=[ada.pk]), {"name": "Eve"})
    delete = desk.post(reverse("admin:entries_entry_delete", args=[ada.pk]), {"post": "yes"})

    ada.refresh_from_db()
    assert (add.status_code, change.status_code, delete.status_code) == (403, 405, 403)
    assert ada.name == "Ada"


def test_an_entry_whose_phone_is_confirmed_says_so(read: Reader, tour: Campaign, ada: Entry) -> None:
    Campaign.objects.filter(pk=tour.pk).update(requires_phone_confirmation=True)
    page = reverse("admin:entries_entry_change", args=[ada.pk])
    before = read(page)
    Entry.objects.filter(pk=ada.pk).update(phone="+12135550123", phone_confirmed_at=timezone.now())

    after = read(page)

    assert "unconfirmed" in before
    assert "unconfirmed" not in after
    assert after.count(f"{timezone.now():%Y}") > before.count(f"{timezone.now():%Y}")
    assert "+12135550123" not in after


@pytest.mark.parametrize(
    ("deed", "undone_by", "words"), [("block", "unblock", "Let back"), ("erase", "", "Nothing here tells any more")]
)
def test_staff_take_an_entry_out_for_a_reason(
    deed: str, undone_by: str, words: str, desk: Desk, read: Reader, tour: Campaign, ada: Entry
) -> None:
    page = reverse("admin:entries_entry_change", args=[ada.pk])
    step = reverse(f"admin:entries_entry_{deed}_page", args=[ada.pk])
    assert "Erase" in read(page)

    without_reason = desk.post(step, {"reason": "", "typed_name": tour.name})
    desk.post(step, {"reason": "She asked for it.", "typed_name": tour.name})

    assert without_reason.status_code == 200
    shown = read(page)
    assert words.lower() in shown.lower()
    assert f"entry.{deed}" in AuditEvent.objects.filter(target_id=str(ada.pk)).values_list("action", flat=True)
    if undone_by:
        desk.post(reverse(f"admin:entries_entry_{undone_by}_page", args=[ada.pk]), {"reason": "A mistake."})
        assert "Block" in read(page)
