"""Auditors: named by a campaign, let in by a link of their own until its end, and each download written down."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign
from core.logs import cut
from core.models import AuditEvent
from core.refusal import NotAllowed
from tests import scenario
from tests.api.calling import Api, signed_in
from viewers.granting import IN_A_CAMPAIGN
from viewers.models import Action, Grant, Staff
from viewers.viewer import viewer_of_staff
from waves import selection
from waves.auditors import BadAuditorLink, CannotNameAuditor, CannotRevoke, auditor_of, link_of, name_auditor, revoke
from waves.models import Auditor, Wave

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def private(tour: Campaign) -> Campaign:
    """The tour, which keeps its bundles for staff and auditors."""
    Campaign.objects.update(publishes_bundle=False)
    tour.refresh_from_db()
    return tour


def named(campaign: Campaign, *, name: str = "Jane Roe", days: int = 30) -> Auditor:
    """An auditor of the campaign."""
    now = timezone.now()
    ends = now + timedelta(days=days)
    return name_auditor(campaign=campaign, name=name, expires_at=ends, actor=scenario.SUPREME, now=now)


def path_of(auditor: Auditor) -> str:
    """The path of an auditor's link."""
    return f"/c/{link_of(auditor).partition('/c/')[2]}"


def token_of(auditor: Auditor) -> str:
    """What the link holds."""
    return path_of(auditor).rstrip("/").rpartition("/")[2]


@pytest.fixture
def drawn(private: Campaign) -> Wave:
    """A triggered wave."""
    scenario.register_fan(private, "Ada", ["CA-LAX"])
    scenario.upload_codes(private, "CA-LAX", 1)
    closed = lifecycle.close_campaign(campaign=private, actor=scenario.SUPREME, now=timezone.now())
    wave = scenario.prepare_wave(scenario.make_wave(closed))
    selection.trigger(wave=wave, actor=scenario.SUPREME, now=timezone.now())
    scenario.run_jobs()
    return wave


def test_her_link_offers_every_file_and_each_download_is_written_down(client: Client, drawn: Wave) -> None:
    auditor = named(drawn.campaign)

    page = client.get(path_of(auditor))
    files = re.findall(r'href="(/c/aurora/draws/audit/[^"]+)"', page.content.decode())
    answers = [client.get(file) for file in files]

    assert [file.rpartition("/")[2] for file in files] == [
        "rules.json",
        "manifest.json",
        "snapshot.csv",
        "allocation.csv",
        "voided.csv",
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 302, 302, 200]
    assert {answer.headers["Cache-Control"] for answer in [page, *answers]} == {"no-store"}
    assert page.headers["Referrer-Policy"] == "no-referrer"
    events = AuditEvent.objects.filter(action="auditor.download").order_by("id")
    assert [event.changes["file"][1] for event in events] == [file.rpartition("/")[2] for file in files]
    first = events[0]
    assert (first.actor_kind, first.actor_id, first.target_id) == ("auditor", str(auditor.pk), str(auditor.pk))
    assert first.campaign_id == drawn.campaign_id
    auditor.refresh_from_db()
    assert auditor.last_seen_at is not None


def test_private_files_are_not_even_hers(client: Client, drawn: Wave) -> None:
    auditor = named(drawn.campaign)

    for name in ("reasons.csv", "selection.csv"):
        assert client.get(f"{path_of(auditor)}{drawn.date_key}/{name}").status_code == 404
    assert not AuditEvent.objects.filter(action="auditor.download").exists()


def test_before_the_trigger_there_is_nothing_to_fetch(client: Client, private: Campaign) -> None:
    scenario.register_fan(private, "Ada", ["CA-LAX"])
    scenario.upload_codes(private, "CA-LAX", 1)
    wave = scenario.prepare_wave(scenario.make_wave(private))
    auditor = named(private)

    page = client.get(path_of(auditor)).content.decode()

    assert "The files are here as soon as the codes are given." in page
    assert client.get(f"{path_of(auditor)}{wave.date_key}/snapshot.csv").status_code == 404


def test_a_link_ends_at_its_time(client: Client, drawn: Wave) -> None:
    auditor = named(drawn.campaign, days=3)

    with time_machine.travel(auditor.expires_at - timedelta(seconds=1)):
        before = client.get(path_of(auditor))
    with time_machine.travel(auditor.expires_at):
        page = client.get(path_of(auditor))
        file = client.get(f"{path_of(auditor)}{drawn.date_key}/rules.json")

    assert before.status_code == 200
    for answer in (page, file):
        assert answer.status_code == 403
        assert "This link has ended. Ask the organiser for another one." in answer.content.decode()


def test_a_revoked_link_opens_nothing_at_once(client: Client, drawn: Wave) -> None:
    auditor = named(drawn.campaign)

    revoke(auditor=auditor, actor=scenario.SUPREME, now=timezone.now())

    for path in (path_of(auditor), f"{path_of(auditor)}{drawn.date_key}/rules.json"):
        answer = client.get(path)
        assert answer.status_code == 403
        assert "This link was revoked." in answer.content.decode()


def test_a_link_of_another_campaign_or_with_a_changed_letter_opens_nothing(client: Client, private: Campaign) -> None:
    other = scenario.make_tour(domain="elsewhere")
    auditor, now = named(other), timezone.now()
    token = token_of(auditor)

    for bad in (token, token[:-1] + ("A" if token[-1] != "A" else "B"), "x", token.replace(":", "")):
        with pytest.raises(BadAuditorLink, match="not whole"):
            auditor_of(bad, campaign=private, now=now)
        assert client.get(f"/c/aurora/draws/audit/{bad}/").status_code == 403


def test_her_page_speaks_the_language_of_her_browser(client: Client, private: Campaign) -> None:
    auditor = named(private)

    page = client.get(path_of(auditor), headers={"Accept-Language": "de"}).content.decode()
    bad = client.get("/c/aurora/draws/audit/x/", headers={"Accept-Language": "de"}).content.decode()

    assert "Dateien für Prüfer" in page
    assert "Dieser Link ist nicht vollständig." in bad


def test_her_link_stands_in_no_log(private: Campaign) -> None:
    token = token_of(named(private))

    assert token not in cut(f"GET /c/aurora/draws/audit/{token}/ 200")
    assert token not in cut(f"/c/aurora/draws/audit/{token}/2027-02-01T10:00/rules.json")


@pytest.mark.parametrize(
    ("name", "days", "field"),
    [("  ", 3, "name"), ("x" * 201, 3, "name"), ("A", 0, "expires_at"), ("A", 800, "expires_at")],
)
def test_a_name_and_an_end_within_two_years_are_asked_for(private: Campaign, name: str, days: int, field: str) -> None:
    with pytest.raises(CannotNameAuditor) as refused:
        named(private, name=name, days=days)

    assert refused.value.field == field
    assert not Auditor.objects.exists()


def test_whoever_has_a_link_that_works_gets_no_second_one(private: Campaign) -> None:
    first = named(private, name="Jane  Roe")

    with pytest.raises(CannotNameAuditor, match="Revoke it before"):
        named(private, name="jane roe ")
    revoke(auditor=first, actor=scenario.SUPREME, now=timezone.now())

    assert named(private, name="Jane Roe").pk != first.pk


def test_revoking_twice_is_refused_the_second_time(private: Campaign) -> None:
    auditor = named(private)
    revoke(auditor=auditor, actor=scenario.SUPREME, now=timezone.now())

    with pytest.raises(CannotRevoke):
        revoke(auditor=auditor, actor=scenario.SUPREME, now=timezone.now())

    assert AuditEvent.objects.filter(action="auditor.revoke").count() == 1


def test_the_trail_names_no_person(private: Campaign) -> None:
    named(private, name="Jane Roe")

    event = AuditEvent.objects.get(action="auditor.name")

    assert "Jane" not in f"{event.actor_label} {event.changes}"


def staff_with(campaign: Campaign, *actions: Action) -> Staff:
    """Somebody with these rights in the campaign."""
    staff = Staff.objects.create_user("vera", password=None, is_staff=True)
    now = timezone.now()
    for action in actions:
        Grant.objects.create(staff=staff, campaign=campaign, action=action, granted_at=now, granted_by=staff)
    return staff


def test_only_who_runs_waves_names_and_revokes(private: Campaign) -> None:
    auditor, now = named(private), timezone.now()
    viewer = viewer_of_staff(staff_with(private, *(one for one in IN_A_CAMPAIGN if one != Action.RUN_WAVES)))

    with pytest.raises(NotAllowed):
        name_auditor(campaign=private, name="B", expires_at=now + timedelta(1), actor=viewer, now=now)
    with pytest.raises(NotAllowed):
        revoke(auditor=auditor, actor=viewer, now=now)


# By REST and in the admin


def test_by_rest_an_auditor_is_named_listed_and_revoked(private: Campaign, client: Client) -> None:
    api = signed_in(Staff.objects.create_superuser("sue", password=None))
    ends = (timezone.now() + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M:%SZ")

    made = api.post("waves/auditors/", {"campaign": "aurora", "name": "Jane Roe", "expires_at": ends})
    listed = api.get("waves/auditors/?campaign=aurora")
    works = client.get(f"/c/{made.body['link'].partition('/c/')[2]}")
    revoked = api.post(f"waves/auditors/{made.body['id']}/revoke/")
    twice = api.post(f"waves/auditors/{made.body['id']}/revoke/")

    assert (made.status, made.body["name"], made.body["expires_at"]) == (201, "Jane Roe", ends)
    assert listed.body["results"] == [made.body]
    assert works.status_code == 200
    assert (revoked.status, revoked.body["link"], bool(revoked.body["revoked_at"])) == (200, "", True)
    assert (twice.status, twice.body["code"]) == (409, "cannot_revoke_auditor")


def test_whoever_may_only_view_sees_no_link(private: Campaign) -> None:
    auditor = named(private)
    staff = staff_with(private, Action.VIEW)
    desk = Client()
    desk.force_login(staff)

    body = Api(desk).get("waves/auditors/?campaign=aurora").body["results"][0]
    page = desk.get(f"/admin/waves/auditor/{auditor.pk}/change/").content.decode()

    assert (body["name"], body["link"]) == ("Jane Roe", "")
    assert "Jane Roe" in page
    assert token_of(auditor) not in page


def test_in_the_admin_an_auditor_is_named_on_the_campaigns_clock_and_revoked(private: Campaign) -> None:
    desk = Client()
    desk.force_login(Staff.objects.create_superuser("sue", password=None))
    local = (timezone.now() + timedelta(days=9)).strftime("%Y-%m-%dT10:00")
    form = {"name": "Jane Roe", "expires_at_0": local, "expires_at_1": ""}

    page = desk.post(f"/admin/waves/auditor/add/?campaign={private.pk}", form, follow=True).content.decode()
    auditor = Auditor.objects.get()
    listed = desk.get(f"/admin/waves/auditor/?campaign={private.pk}").content.decode()
    asked = desk.get(f"/admin/waves/auditor/{auditor.pk}/revoke/").content.decode()
    after = desk.post(f"/admin/waves/auditor/{auditor.pk}/revoke/", {}, follow=True).content.decode()

    assert auditor.expires_at.astimezone(private.zone).strftime("%Y-%m-%dT%H:%M") == local
    assert link_of(auditor) in page
    assert "Jane Roe" in listed
    assert "The link opens nothing any more, at once." in asked
    assert "The link of Jane Roe is revoked." in after
    assert link_of(auditor) not in after


def test_two_presses_at_once_name_one_auditor(private: Campaign) -> None:
    desk = Client()
    desk.force_login(Staff.objects.create_superuser("sue", password=None))
    local = (timezone.now() + timedelta(days=9)).strftime("%Y-%m-%dT10:00")
    form = {"name": "Jane Roe", "expires_at_0": local, "expires_at_1": ""}

    answers = [desk.post(f"/admin/waves/auditor/add/?campaign={private.pk}", form) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 200]
    assert "Revoke it before you make another." in answers[1].content.decode()
    assert Auditor.objects.count() == 1


def test_a_page_of_auditors_costs_the_same_queries_however_many_there_are(private: Campaign) -> None:
    api = signed_in(Staff.objects.create_superuser("sue", password=None))
    counts = []
    api.get("waves/auditors/?campaign=aurora")  # The first request of a process reads more.

    for more in (1, 20):
        for number in range(more):
            named(private, name=f"{more}-{number}")
        with CaptureQueriesContext(connection) as captured:
            assert api.get("waves/auditors/?campaign=aurora").status == 200
        counts.append(len(captured))

    assert counts[0] == counts[1]
