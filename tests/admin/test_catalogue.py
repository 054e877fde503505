"""The catalogue at the admin: promoters, trackers, uses, members, import and export."""

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Artist, Campaign, Locale, Member, PrivacyPolicy, Promoter, Tracker
from campaigns.transfer.files import read_table
from core.models import AuditEvent
from tests import scenario
from tests.admin.conftest import Desk, Reader, signed_in
from viewers.models import Action, Grant, Staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(db: None) -> Campaign:
    """The tour before its opening."""
    return scenario.make_tour()


def change(row: Artist | Promoter | Tracker | Locale) -> str:
    """A row's own page."""
    return reverse(f"admin:campaigns_{row._meta.model_name}_change", args=[row.pk])


def with_right(name: str, action: Action, campaign: Campaign | None = None) -> Client:
    """The browser of somebody who holds one right."""
    staff = Staff.objects.create_user(name, f"{name}@monoql.example", "correct horse", is_staff=True)
    Grant.objects.create(staff=staff, campaign=campaign, action=action, granted_at=timezone.now(), granted_by=staff)
    return signed_in(staff)


def upload(desk: Client, address: str, text: str, **fields: object) -> Any:
    """Send a file."""
    return desk.post(address, {"file": SimpleUploadedFile("a.csv", text.encode()), **fields})


def test_a_promoter_is_made_with_an_address_a_locale(desk: Desk, draft: Campaign) -> None:
    form = {
        "name": "Westward",
        "privacy_url": "https://westward.example/privacy",
        "policies-TOTAL_FORMS": 2,
        "policies-INITIAL_FORMS": 0,
        "policies-0-locale": "de_DE",
        "policies-0-url": "https://westward.example/de",
        "policies-1-locale": "ar_EG",
        "policies-1-url": "https://westward.example/ar",
    }

    desk.post(reverse("admin:campaigns_promoter_add"), form)
    again = desk.post(reverse("admin:campaigns_promoter_add"), {**form, "policies-1-locale": "de_DE"})

    promoter = Promoter.objects.get(name="Westward")
    assert promoter.privacy_url_in("de_DE") == "https://westward.example/de"
    assert promoter.privacy_url_in("en_US") == "https://westward.example/privacy"
    assert "Promoter with this Name already exists." in again.content.decode()
    assert AuditEvent.objects.filter(action="promoter.add").count() == 1


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"kind": "ga4"}, "every other kind needs its id and no address"),
        ({"kind": "pixel", "identifier": "7"}, "An image needs an address and no id"),
        ({"kind": "meta", "identifier": "a b"}, "Use letters, digits, hyphens and underscores."),
        ({"kind": "meta", "identifier": "77"}, "There is a tracker of this kind with this id"),
    ],
)
def test_a_wrong_tracker_is_told_in_words(form: dict[str, str], words: str, desk: Desk, db: None) -> None:
    Tracker.objects.create(name="There", kind="meta", identifier="77")

    answer = desk.post(reverse("admin:campaigns_tracker_add"), {"name": "New", "is_active": "on", **form})

    assert words in answer.content.decode()
    assert Tracker.objects.count() == 1


def test_a_campaign_gets_its_promoter_and_trackers_from_the_form(desk: Desk, draft: Campaign) -> None:
    tag = Tracker.objects.create(name="Label's pixel", kind="meta", identifier="77")
    menu = f"{reverse('admin:autocomplete')}?app_label=campaigns&model_name=campaign&field_name=promoter&term=sunset"
    page = desk.get(reverse("admin:campaigns_campaign_change", args=[draft.pk])).content.decode()

    proposed = desk.get(menu).json()["results"]

    assert [row["text"] for row in proposed] == ["Sunset Concerts"]
    assert "Label&#x27;s pixel" in page
    assert f'name="trackers" value="{tag.pk}"' in page


@pytest.mark.parametrize("kind", ["artist", "promoter", "tracker", "locale", "venue"])
def test_a_row_says_in_which_campaigns_it_is_used_and_leads_to_them(
    kind: str, desk: Desk, read: Reader, draft: Campaign
) -> None:
    tag = Tracker.objects.create(name="Tag", kind="meta", identifier="77")
    draft.trackers.add(tag)
    second = scenario.make_tour(domain="second")
    scenario.make_tour(domain="third")
    second.trackers.add(tag)
    Campaign.objects.filter(domain="third").update(
        artist=Artist.objects.create(name="Other"), promoter=None, default_locale=Locale.objects.create(code="xx_XX")
    )
    third = Campaign.objects.get(domain="third")
    third.locales.clear()
    third.markets.all().delete()
    rows = {
        "artist": draft.artist,
        "promoter": draft.promoter,
        "tracker": tag,
        "locale": draft.default_locale,
        "venue": draft.markets.order_by("number")[0].venue,
    }
    key = getattr(rows[kind], "pk", None)
    campaigns = f"{reverse('admin:campaigns_campaign_changelist')}?{kind}={key}"

    text = read(reverse(f"admin:campaigns_{kind}_changelist"))
    page = read(reverse(f"admin:campaigns_{kind}_change", args=[key]))

    assert f'href="{campaigns}">in 2 campaigns</a>' in text
    assert f'href="{campaigns}">in 2 campaigns</a>' in page
    assert "2 campaigns" in read(campaigns)
    assert "0 campaigns" in read(f"{reverse('admin:campaigns_campaign_changelist')}?{kind}=nonsense")


def test_campaigns_that_a_viewer_may_not_view_are_neither_counted_nor_named(draft: Campaign) -> None:
    other = scenario.make_tour(domain="hidden")
    Campaign.objects.filter(pk=other.pk).update(name="A secret tour")
    vera = with_right("vera", Action.VIEW, draft)

    text = vera.get(reverse("admin:campaigns_artist_changelist")).content.decode()
    page = vera.get(change(draft.artist)).content.decode()
    listed = vera.get(f"{reverse('admin:campaigns_campaign_changelist')}?artist={draft.artist_id}").content.decode()

    assert "in 1 campaign<" in text
    assert draft.name in page
    for seen in (text, page, listed):
        assert "A secret tour" not in seen


@pytest.mark.parametrize("kind", ["artist", "promoter", "tracker", "locale", "venue"])
def test_what_is_used_cannot_be_deleted_and_says_by_what(kind: str, desk: Desk, draft: Campaign) -> None:
    tag = Tracker.objects.create(name="Tag", kind="meta", identifier="77")
    draft.trackers.add(tag)
    rows = {
        "artist": draft.artist,
        "promoter": draft.promoter,
        "tracker": tag,
        "locale": draft.default_locale,
        "venue": draft.markets.order_by("number")[0].venue,
    }
    row = rows[kind]
    assert row is not None
    address = reverse(f"admin:campaigns_{kind}_delete", args=[row.pk])
    editor = with_right("edith", Action.EDIT_CATALOGUE)

    answer = desk.post(address, {"post": "yes"})
    unseen = editor.post(address, {"post": "yes"})

    assert (answer.status_code, unseen.status_code) == (409, 409)
    assert draft.name in answer.content.decode()
    assert draft.name not in unseen.content.decode()
    assert "in 1 campaign that you may not see" in unseen.content.decode()
    assert type(row)._default_manager.filter(pk=row.pk).exists()


def test_an_artist_with_members_and_a_locale_with_a_policy_stay(desk: Desk, db: None) -> None:
    artist = Artist.objects.create(name="Halcyon")
    Member.objects.create(artist=artist, number="1")
    locale = Locale.objects.create(code="de_DE", name="Deutsch")
    PrivacyPolicy.objects.create(promoter=Promoter.objects.create(name="P"), locale=locale, url="https://p.example/")

    of_artist = desk.post(reverse("admin:campaigns_artist_delete", args=[artist.pk]), {"post": "yes"})
    of_locale = desk.post(reverse("admin:campaigns_locale_delete", args=["de_DE"]), {"post": "yes"})

    assert "It has members." in of_artist.content.decode()
    assert "It has privacy policies." in of_locale.content.decode()


def test_what_is_not_used_can_go(desk: Desk, db: None) -> None:
    tag = Tracker.objects.create(name="Tag", kind="meta", identifier="77")

    desk.post(reverse("admin:campaigns_tracker_delete", args=[tag.pk]), {"post": "yes"})

    assert not Tracker.objects.exists()
    assert AuditEvent.objects.filter(action="tracker.delete").exists()


def test_a_member_list_is_brought_and_told_line_by_line(desk: Desk, db: None) -> None:
    artist = Artist.objects.create(name="Halcyon", fan_club_name="Calm")
    page = reverse("admin:campaigns_artist_members_page", args=[artist.pk])

    brought = upload(desk, page, "number,email\nM-12345,ada@example.com\n,x\n", mode="add").content.decode()
    nothing = desk.post(page, {"mode": "replace"}).content.decode()
    gone = desk.post(page, {"mode": "remove"}).content.decode()

    assert "<strong>1</strong> added" in brought
    assert "There is no number." in brought
    assert "Choose a file." in nothing
    assert "<strong>1</strong> removed" in gone
    assert not Member.objects.exists()


def test_a_member_is_found_by_her_whole_number_or_address_and_never_shown(desk: Desk, read: Reader, db: None) -> None:
    artist = Artist.objects.create(name="Halcyon")
    Member.objects.create(artist=artist, number="M-12345", email="ada@example.com")
    Member.objects.create(artist=artist, number="M-99999", email="ben@example.com")
    members = f"{reverse('admin:campaigns_member_changelist')}?artist={artist.pk}"

    for term, count in {
        "M-12345": 1,
        "Ｍ-12345": 1,
        "ADA@EXAMPLE.COM": 1,
        "M-123": 0,
        "12345": 0,
        "ada": 0,
        "": 2,
    }.items():
        text = read(f"{members}&q={term}")
        assert f"{count} member" in text, term
        assert "•••45" in text or count != 1
        shown = text.replace(term, "") if term else text
        assert "ada@example.com" not in shown.lower()
        assert "M-12345" not in shown
    spied = desk.get(f"{reverse('admin:campaigns_member_changelist')}?number__startswith=M-1", follow=True)
    assert "•••45" not in spied.content.decode() or "2 members" in spied.content.decode()


def test_members_are_for_whoever_edits_the_catalogue_alone(draft: Campaign) -> None:
    Member.objects.create(artist=draft.artist, number="M-12345", email="ada@example.com")
    vera, edith = with_right("vera", Action.VIEW, draft), with_right("edith", Action.EDIT_CATALOGUE)
    members = reverse("admin:campaigns_member_changelist")

    assert (vera.get(members).status_code, edith.get(members).status_code) == (403, 200)
    assert vera.get(reverse("admin:campaigns_artist_members_page", args=[draft.artist_id])).status_code == 403
    assert "Import members" not in vera.get(change(draft.artist)).content.decode()
    assert "1 members" in edith.get(change(draft.artist)).content.decode()


def test_a_file_is_looked_at_first_and_imported_on_the_second_press(desk: Desk, db: None) -> None:
    artist = Artist.objects.create(name="Halcyon")
    page = reverse("admin:campaigns_artist_import_page")

    looked = upload(desk, page, f"id,name,fan_club_name\n{artist.pk},Halcyon,Calm\n,Aurora Vale,\n")
    untouched = list(Artist.objects.values_list("name", "fan_club_name"))
    context = looked.context
    done = desk.post(page, {"kept": context["kept"], "seen": context["seen"]}, follow=True)

    assert untouched == [("Halcyon", "")]
    assert set(Artist.objects.values_list("name", "fan_club_name")) == {("Halcyon", "Calm"), ("Aurora Vale", "")}
    assert "Imported: 1 added, 1 changed." in done.content.decode()
    assert set(AuditEvent.objects.values_list("action", "actor_label")) == {
        ("artist.add", "sue"),
        ("artist.change", "sue"),
    }


def test_a_file_with_a_wrong_line_has_no_second_press(desk: Desk, db: None) -> None:
    page = reverse("admin:campaigns_tracker_import_page")

    looked = upload(desk, page, "name,kind,identifier\nTag,ga4,G-1\nWrong,fax,1\n")
    context = looked.context
    forced = desk.post(page, {"kept": context["kept"], "seen": context["seen"]})

    assert "The file has lines to mend" in looked.content.decode()
    assert ">Import</button>" not in looked.content.decode()
    assert "Mend the refused lines" in forced.content.decode()
    assert not Tracker.objects.exists()


def test_a_file_waits_for_nobody_but_its_owner(desk: Desk, db: None) -> None:
    page = reverse("admin:campaigns_artist_import_page")
    context = upload(desk, page, "name\nHalcyon\n").context
    edith = with_right("edith", Action.EDIT_CATALOGUE)

    answer = edith.post(page, {"kept": context["kept"], "seen": context["seen"]}, follow=True)

    assert "Choose the file again" in answer.content.decode()
    assert not Artist.objects.exists()


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_catalogue_is_exported_by_whoever_sees_it(form: str, draft: Campaign) -> None:
    vera = with_right("vera", Action.VIEW, draft)

    answer = vera.get(f"{reverse('admin:campaigns_promoter_export_page')}?format={form}")

    table = read_table(io.BytesIO(answer.content), size=len(answer.content))
    assert table.columns == ["id", "name", "privacy_url", "privacy_ar_EG", "privacy_de_DE", "privacy_en_US"]
    assert [cells[1:5] for _, cells in table.rows] == [
        ["Sunset Concerts", "https://sunset.example/privacy", "", "https://sunset.example/datenschutz"]
    ]
    assert answer.headers["Content-Disposition"] == f'attachment; filename="promoters.{form}"'
