"""Waves by REST: the calendar, who triggers, what is missing, stopping a preparation."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign
from core.models import AuditEvent
from tests import scenario
from tests.api.calling import Api, is_error
from tests.scenario import SUPREME
from waves.models import Wave

pytestmark = pytest.mark.django_db


@pytest.fixture
def closed(transactional_db: None) -> Campaign:
    """The tour, closed, with fans and codes."""
    campaign = scenario.open_tour()
    scenario.many_fans(campaign, 20)
    scenario.upload_codes(campaign, "CA-LAX", 5)
    return lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now())


def scheduled(staff: Api, **values: object) -> Any:
    """A wave that was put into the calendar."""
    answer = staff.post("waves/", {"campaign": "aurora", "local": "2027-02-01T10:00", **values})
    assert answer.status == 201, answer.body
    return answer.body


def test_a_wave_says_when_it_is_triggered_and_by_whom(staff: Api, closed: Campaign) -> None:
    by_clock = scheduled(staff)
    by_hand = scheduled(staff, local="2027-02-02T10:00", is_automatic=False)

    assert (by_clock["is_automatic"], by_hand["is_automatic"]) == (True, False)
    assert by_clock["triggers_at"] == by_clock["at"] == "2027-02-01T18:00:00Z"
    assert (by_clock["is_overdue"], by_clock["waits_for"]) == (False, ["its preparation"])
    assert (by_clock["reading"], by_clock["reading_words"]) == ("", "")


def test_a_repeated_time_is_asked_about_and_told_in_words(staff: Api, closed: Campaign) -> None:
    twice = {"campaign": "aurora", "local": "2027-11-07T01:30"}

    silent = staff.post("waves/", twice)
    wave = scheduled(staff, local="2027-11-07T01:30", is_second=True)

    assert is_error(silent, 400, "bad_local_time")
    assert "comes twice" in silent.body["errors"]["is_second"][0]
    assert (wave["date_key"], wave["reading"]) == ("2027-11-07T01:30b", "second")
    assert wave["reading_words"] == "the second 01:30, after the clocks went back, 09:30 UTC"


def test_a_skipped_time_is_refused_with_its_neighbours(staff: Api, closed: Campaign) -> None:
    answer = staff.post("waves/", {"campaign": "aurora", "local": "2027-03-14T02:30"})

    assert is_error(answer, 400, "bad_local_time")
    assert "Take 01:30 or 03:30." in answer.body["message"]


def test_a_wave_is_put_off_and_keeps_its_date_key(staff: Api, closed: Campaign) -> None:
    wave = scheduled(staff)

    later = staff.post(f"waves/{wave['id']}/put-off/", {"local": "2027-02-01T12:00"})
    earlier = staff.post(f"waves/{wave['id']}/put-off/", {"local": "2027-02-01T11:00"})

    assert (later.body["date_key"], later.body["trigger_key"]) == ("2027-02-01T10:00", "2027-02-01T12:00")
    assert (later.body["at"], later.body["triggers_at"]) == ("2027-02-01T18:00:00Z", "2027-02-01T20:00:00Z")
    assert is_error(earlier, 409, "cannot_change_wave")


def test_another_time_is_another_date_key_until_the_freeze(staff: Api, closed: Campaign) -> None:
    wave = scheduled(staff)

    other = staff.post(f"waves/{wave['id']}/retime/", {"local": "2027-01-20T09:30"})
    scenario.prepare_wave(Wave.objects.get(pk=wave["id"]))
    frozen = staff.post(f"waves/{wave['id']}/retime/", {"local": "2027-01-21T09:30"})

    assert (other.status, other.body["date_key"]) == (200, "2027-01-20T09:30")
    assert is_error(frozen, 409, "cannot_change_wave")


def test_name_and_hand_are_changed_by_patch(staff: Api, closed: Campaign) -> None:
    wave = scheduled(staff)

    answer = staff.send("PATCH", f"waves/{wave['id']}/", {"name": "Fan club", "is_automatic": False})
    nothing = staff.send("PATCH", f"waves/{wave['id']}/", {})

    assert (answer.body["name"], answer.body["is_automatic"]) == ("Fan club", False)
    assert nothing.status == 200
    assert AuditEvent.objects.filter(action="wave.change").count() == 1


def test_an_overdue_wave_says_so_in_the_list_too(staff: Api, closed: Campaign) -> None:
    past = (timezone.now() - timedelta(days=2)).astimezone(closed.zone).replace(tzinfo=None)
    wave = scenario.make_wave(closed, local=datetime(past.year, past.month, past.day, 12, 0))

    one = staff.get(f"waves/{wave.pk}/").body
    listed = staff.get("waves/?campaign=aurora").body["results"][0]

    assert (one["is_overdue"], one["waits_for"]) == (listed["is_overdue"], listed["waits_for"])
    assert (one["is_overdue"], one["waits_for"]) == (True, ["its preparation"])


def test_what_is_missing_is_listed_and_red_lines_refuse(staff: Api, tour: Campaign) -> None:
    wave = scheduled(staff)

    lines = staff.get(f"waves/{wave['id']}/readiness/").body
    refused = staff.post(f"waves/{wave['id']}/prepare/", {})

    red = [line["text"] for line in lines if line["is_red"]]
    assert red == ["There are no free presale codes: nobody could get one. Upload some."]
    assert {"content", "dates"} <= {line["section"] for line in lines}
    assert is_error(refused, 409, "cannot_prepare")
    assert refused.body["message"] == f"The wave is not ready: {red[0]}"


def test_the_audience_is_chosen_and_an_unknown_one_refused(staff: Api, closed: Campaign) -> None:
    wave = scheduled(staff)

    unknown = staff.post(f"waves/{wave['id']}/prepare/", {"audience": "waitlisted:2026-01-01T10:00"})
    chosen = staff.post(f"waves/{wave['id']}/prepare/", {"audience": "all"})

    assert is_error(unknown, 400, "no_such_audience")
    assert "Choose one of: all." in unknown.body["errors"]["audience"][0]
    assert (chosen.status, chosen.body["prep"]["audience"]) == (202, "all")


def test_a_preparation_is_cancelled_once(staff: Api, closed: Campaign) -> None:
    wave = scheduled(staff)
    staff.post(f"waves/{wave['id']}/prepare/", {})

    answer = staff.post(f"waves/{wave['id']}/cancel/")
    again = staff.post(f"waves/{wave['id']}/cancel/")

    assert (answer.status, answer.body["status"], answer.body["prep"]["status"]) == (202, "scheduled", "cancelled")
    assert is_error(again, 409, "cannot_cancel")
