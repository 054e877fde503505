"""What staff do by REST after the set-up: codes, waves, exports; and what each refuses."""

from typing import Any

import pytest
from django.utils import timezone

from campaigns.models import Campaign, Event
from codes.models import Upload
from core.models import AuditEvent
from tests import scenario
from tests.api.calling import Api, is_error
from waves.models import Wave

pytestmark = pytest.mark.django_db
LOS_ANGELES = {"campaign": "aurora", "market": "CA-LAX"}


def test_an_upload_goes_to_the_pool_that_it_names(staff: Api, tour: Campaign) -> None:
    phoenix = {"campaign": "Aurora", "market": "AZ-PHX", "event": "AZ-PHX-2", "code_type": "vip"}

    answer = staff.upload("codes/uploads/", b"A-1\nA-2\n", name="../phoenix codes.csv", **phoenix)
    scenario.run_jobs()

    assert (answer.status, answer.body["status"]) == (202, "queued")
    read = staff.get(f"codes/uploads/{answer.body['id']}/").body
    assert (read["campaign"], read["market"], read["event"], read["code_type"]) == (
        "aurora",
        "AZ-PHX",
        "AZ-PHX-2",
        "vip",
    )
    assert (read["status"], read["added"], read["file_name"]) == ("finished", 2, "phoenix codes.csv")
    counts = staff.get("codes/counts/?campaign=aurora").body
    assert counts["pools"] == [
        {
            "id": tour.pools.get().pk,
            "market": "AZ-PHX",
            "event": "AZ-PHX-2",
            "code_type": "vip",
            "available": 2,
            "reserved": 0,
            "assigned": 0,
            "revoked": 0,
            "total": 2,
            "redeemed": 0,
        }
    ]


@pytest.mark.parametrize(
    ("data", "fields", "code", "field"),
    [
        (b"", LOS_ANGELES, "cannot_upload", "file"),
        (b"A\n", {**LOS_ANGELES, "event": "CA-LAX-1"}, "cannot_upload", "event"),
        (b"A\n", {**LOS_ANGELES, "event": "AZ-PHX-1"}, "cannot_upload", "event"),
        (b"A\n", {**LOS_ANGELES, "market": "AZ-PHX"}, "cannot_upload", "event"),
        (b"A\n", {**LOS_ANGELES, "event": "NO-1"}, "invalid", "event"),
        (b"A\n", {**LOS_ANGELES, "market": "NO"}, "invalid", "market"),
        (b"A\n", {**LOS_ANGELES, "market": "NO\0"}, "invalid", "market"),
        (b"A\n", {**LOS_ANGELES, "campaign": "no"}, "invalid", "campaign"),
        (b"A\n", {**LOS_ANGELES, "code_type": "x" * 41}, "invalid", "code_type"),
    ],
)
def test_an_upload_that_fits_nowhere_is_refused(
    staff: Api, tour: Campaign, data: bytes, fields: dict[str, str], code: str, field: str
) -> None:
    answer = staff.upload("codes/uploads/", data, **fields)

    assert is_error(answer, 400, code)
    assert list(answer.body["errors"]) == [field]
    assert not Upload.objects.exists()


def test_an_upload_is_a_form_with_a_file(staff: Api, tour: Campaign) -> None:
    kind = "multipart/form-data; boundary=x"
    form = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--x--\r\n'

    assert is_error(staff.post("codes/uploads/", {**LOS_ANGELES, "file": "A\n"}), 415, "unsupported_media_type")
    assert set(staff.raw("POST", "codes/uploads/", form, kind).body["errors"]) == {"campaign", "file"}


def test_a_wave_is_put_into_the_calendar(staff: Api, tour: Campaign) -> None:
    answer = staff.post("waves/", {"campaign": "aurora", "local": "2027-02-01T10:00", "name": "First"})

    body = answer.body
    assert (answer.status, body["status"], body["name"]) == (201, "scheduled", "First")
    assert (body["date_key"], body["at"], body["timezone"]) == (
        "2027-02-01T10:00",
        "2027-02-01T18:00:00Z",
        "America/Los_Angeles",
    )
    assert (body["prep"], body["draw"], body["selection"], body["notification"]) == (None,) * 4
    assert [wave["id"] for wave in staff.get("waves/?campaign=aurora").body["results"]] == [body["id"]]
    again = staff.post("waves/", {"campaign": "aurora", "local": "2027-02-01T10:00:00"})
    assert is_error(again, 409, "cannot_schedule")


def test_a_time_that_a_clock_change_repeats_or_skips_is_said_exactly(staff: Api, tour: Campaign) -> None:
    twice = {"campaign": "aurora", "local": "2027-11-07T01:30"}

    keys = [staff.post("waves/", {**twice, "is_second": second}).body["date_key"] for second in (False, True)]

    assert keys == ["2027-11-07T01:30", "2027-11-07T01:30b"]
    assert is_error(staff.post("waves/", {**twice, "local": "2027-03-14T02:30"}), 400, "bad_local_time")
    assert is_error(
        staff.post("waves/", {**twice, "local": "2027-02-01T10:00", "is_second": True}), 400, "bad_local_time"
    )


@pytest.mark.parametrize(
    "local",
    [
        None,
        7,
        "",
        "2027-02-01",
        "2027-02-01T10:00Z",
        "2027-02-01T10:00:30",
        "2027-02-30T10:00",
        "0001-01-01T00:00",
        "9999-12-31T23:59",
        "２０２７-02-01T10:00",
    ],
)
def test_a_wave_needs_a_local_time(staff: Api, tour: Campaign, local: object) -> None:
    answer = staff.post("waves/", {"campaign": "aurora", "local": local})

    assert is_error(answer, 400, "invalid")
    assert list(answer.body["errors"]) == ["local"]


@pytest.mark.parametrize(
    ("options", "status", "code", "field"),
    [
        ({"ranking": ["score", "score"]}, 409, "cannot_prepare", "ranking"),
        ({"ranking": ["luck"]}, 400, "invalid", "ranking.0"),
        ({"ranking": "score"}, 400, "invalid", "ranking"),
        ({"ranking": ["score"] * 1000}, 400, "invalid", "ranking"),
        ({"score_tier": 0}, 400, "invalid", "score_tier"),
        ({"score_tier": 10**30}, 400, "invalid", "score_tier"),
        ({"score_tier": True}, 400, "invalid", "score_tier"),
        ({"score_min": 60, "score_max": 40}, 409, "cannot_prepare", "score_min"),
        ({"score_max": 101}, 400, "invalid", "score_max"),
        ({"limits": {"NO": 1}}, 409, "cannot_prepare", "limits"),
        ({"limits": {"CA-LAX": -1}}, 400, "invalid", "limits.CA-LAX"),
        ({"limits": {"CA-LAX": 2**31}}, 400, "invalid", "limits.CA-LAX"),
        ({"limits": {"CA-LAX": True}}, 400, "invalid", "limits.CA-LAX"),
        ({"limits": [1]}, 400, "invalid", "limits"),
        ({"public_source": "two\nlines"}, 409, "cannot_prepare", "public_source"),
        ({"code_type": "x" * 41}, 400, "invalid", "code_type"),
        ({"code_type": ""}, 400, "invalid", "code_type"),
        ({"reassign": "perhaps"}, 400, "invalid", "reassign"),
    ],
)
def test_options_that_make_no_draw_are_refused(
    staff: Api, tour: Campaign, options: dict[str, Any], status: int, code: str, field: str
) -> None:
    wave = scenario.make_wave(tour)

    answer = staff.post(f"waves/{wave.pk}/prepare/", options)

    assert is_error(answer, status, code)
    assert list(answer.body["errors"]) == [field]
    assert Wave.objects.get().status == "scheduled"


def test_options_that_are_not_sent_have_their_defaults(staff: Api, tour: Campaign) -> None:
    wave = scenario.make_wave(tour)
    scenario.upload_codes(tour, "CA-LAX", 5)
    tour.score_runs.create(source="test", is_current=True, created_at=timezone.now())

    answer = staff.post(f"waves/{wave.pk}/prepare/", {"limits": {"CA-LAX": 5}, "score_min": 20, "score_max": None})

    prep = answer.body["prep"]
    assert (answer.status, prep["status"]) == (202, "queued")
    assert (prep["ranking"], prep["score_tier"], prep["code_type"]) == (["preference", "score"], 10, "presale")
    assert (prep["limits"], prep["score_min"], prep["score_max"]) == ({"CA-LAX": 5}, 20, None)
    assert prep["audience"] == "all"
    assert is_error(staff.post(f"waves/{wave.pk}/prepare/"), 409, "cannot_prepare")


def test_an_unprepared_wave_is_not_triggered(staff: Api, tour: Campaign) -> None:
    wave = scenario.make_wave(tour)

    assert is_error(staff.post(f"waves/{wave.pk}/trigger/"), 409, "cannot_trigger")
    assert is_error(staff.post(f"waves/{wave.pk}/public-value/", {"value": "7"}), 400, "bad_public_value")


def test_a_wave_is_abandoned_with_a_reason(staff: Api, tour: Campaign) -> None:
    wave = scenario.make_wave(tour)

    without = staff.post(f"waves/{wave.pk}/abandon/", {})
    answer = staff.post(f"waves/{wave.pk}/abandon/", {"reason": "The date moved."})

    assert is_error(without, 400, "invalid")
    assert (answer.status, answer.body["status"]) == (200, "failed")
    assert is_error(staff.post(f"waves/{wave.pk}/abandon/", {"reason": "Again."}), 409, "cannot_abandon")


@pytest.mark.django_db(transaction=True)
def test_a_draw_waits_for_the_public_value_that_its_rules_name(staff: Api, tour: Campaign) -> None:
    scenario.register_fan(tour, "Ada", ["CA-LAX"])
    scenario.upload_codes(tour, "CA-LAX", 1)
    wave = scenario.make_wave(tour)
    address = f"waves/{wave.pk}/"
    staff.post(f"{address}prepare/", {"public_source": "drand round 4102338"})
    scenario.run_jobs()

    waiting = staff.get(address).body
    wrong = staff.post(f"{address}public-value/", {"value": " 9f2c "})
    entered = staff.post(f"{address}public-value/", {"value": "9f2c"})
    scenario.run_jobs()
    drawn = staff.get(address).body

    assert (waiting["prep"]["status"], waiting["prep"]["phase"]) == ("waiting", "awaiting public value")
    assert waiting["draw"]["public_value"] is None
    assert is_error(wrong, 400, "bad_public_value")
    assert entered.status == 202
    assert (drawn["prep"]["status"], drawn["draw"]["placed"], drawn["draw"]["public_value"]) == ("finished", 1, "9f2c")
    assert drawn["draw"]["markets"][0]["cutoff"]["choice"] == 1
    assert is_error(staff.post(f"{address}public-value/", {"value": "9f2c"}), 400, "bad_public_value")


@pytest.mark.parametrize(
    ("asked", "status", "code", "field"),
    [
        ({"dataset": "selection"}, 409, "cannot_export", "wave"),
        ({"dataset": "selection", "wave": None}, 409, "cannot_export", "wave"),
        ({"dataset": "selection", "wave": 10**30}, 400, "invalid", "wave"),
        ({"dataset": "selection", "wave": True}, 400, "invalid", "wave"),
        ({"dataset": "everything"}, 400, "invalid", "dataset"),
        ({"dataset": ["entries"]}, 400, "invalid", "dataset"),
        ({"dataset": "entries", "campaign": "no"}, 400, "invalid", "campaign"),
    ],
)
def test_an_export_of_nothing_is_refused(
    staff: Api, tour: Campaign, asked: dict[str, Any], status: int, code: str, field: str
) -> None:
    answer = staff.post("exports/", {"campaign": "aurora", **asked})

    assert is_error(answer, status, code)
    assert list(answer.body["errors"]) == [field]


def test_a_wave_of_another_campaign_is_not_exported(staff: Api, tour: Campaign) -> None:
    other = scenario.make_wave(scenario.open_tour(domain="other"))
    own = scenario.make_wave(tour)

    foreign = staff.post("exports/", {"campaign": "aurora", "dataset": "selection", "wave": other.pk})
    early = staff.post("exports/", {"campaign": "aurora", "dataset": "selection", "wave": own.pk})

    assert is_error(foreign, 400, "invalid")
    assert is_error(early, 409, "cannot_export")


def test_a_download_is_signed_anew_and_noted_each_time(staff: Api, tour: Campaign) -> None:
    export = staff.post("exports/", {"campaign": "aurora", "dataset": "entries"}).body
    early = staff.get(f"exports/{export['id']}/download/")
    scenario.run_jobs()

    download = staff.get(f"exports/{export['id']}/download/")

    assert is_error(early, 409, "cannot_export")
    assert (download.status, download.body["expires_in"]) == (200, 3600)
    assert "X-Amz-Signature" in download.body["url"]
    assert download.headers["Cache-Control"] == "no-store"
    assert AuditEvent.objects.filter(action="export.download", target_id=export["id"]).count() == 1


def test_an_event_without_a_number_of_its_own_is_the_only_one_of_its_market(staff: Api, tour: Campaign) -> None:
    Event.objects.filter(code="AZ-PHX-2").delete()

    answer = staff.upload("codes/uploads/", b"A-1\n", campaign="aurora", market="AZ-PHX")

    assert (answer.status, answer.body["event"]) == (202, "AZ-PHX-1")
    assert answer.body["created_at"] <= timezone.now().isoformat()
