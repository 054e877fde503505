"""Uploads of codes by REST: at once, or looked at first; progress, refusals, cancel, undo, and codes made here."""

import gzip

import pytest
import requests

from campaigns.models import Campaign
from codes.models import Code, Upload
from tests import scenario
from tests.api.calling import Api, is_error

pytestmark = pytest.mark.django_db(transaction=True)
MIXED = b"code,market,event\nAURORA-01,CA-LAX,\nAURORA-02,AZ-PHX,AZ-PHX-1\nAURORA-03,NOWHERE,\n"


def sent(staff: Api, data: bytes = MIXED, *, name: str = "codes.csv", **fields: str) -> str:
    """Upload a file and give the upload's path."""
    answer = staff.upload("codes/uploads/", data, name=name, campaign="aurora", **fields)
    assert answer.status in (201, 202), answer.body
    return f"codes/uploads/{answer.body['id']}/"


def test_one_file_fills_many_pools(staff: Api, tour: Campaign) -> None:
    path = sent(staff)
    scenario.run_jobs()

    body = staff.get(path).body
    assert (body["status"], body["lines"], body["added"], body["refused"]) == ("finished", 3, 2, 1)
    assert (body["market"], body["event"], body["kind"]) == (None, None, "file")
    assert body["refused_lines"] == [{"line": 4, "reason": "The campaign has no such market."}]
    assert body["pools"] == [
        {"market": "CA-LAX", "event": None, "code_type": "presale", "added": 1, "already_there": 0},
        {"market": "AZ-PHX", "event": "AZ-PHX-1", "code_type": "presale", "added": 1, "already_there": 0},
    ]
    assert staff.get("codes/uploads/?campaign=aurora").body["results"][0]["id"] == body["id"]


def test_a_packed_file_with_columns_named_in_the_call_is_read(staff: Api, tour: Campaign) -> None:
    data = gzip.compress("Nr;Wert;Ort\n1;AURORA-01;Los Angeles\n".encode("utf-16"))

    path = sent(staff, data, name="codes.csv.gz", code_column="Wert", market_column="3", code_type="vip")
    scenario.run_jobs()

    assert (staff.get(path).body["status"], staff.get(path).body["added"]) == ("finished", 1)


def test_a_draft_is_looked_at_and_started(staff: Api, tour: Campaign) -> None:
    answer = staff.upload("codes/uploads/", MIXED, campaign="aurora", draft="true")
    path = f"codes/uploads/{answer.body['id']}/"
    scenario.run_jobs()

    assert (answer.status, answer.body["status"], answer.body["phase"]) == (201, "waiting", "mapping")
    preview = answer.body["preview"]
    assert preview["columns"] == ["code", "market", "event"]
    assert preview["roles"] == {"code": 1, "market": 2, "event": 3}
    assert preview["rows"][:2] == [["••••••-01", "CA-LAX", ""], ["••••••-02", "AZ-PHX", "AZ-PHX-1"]]
    assert staff.get(f"{path}preview/").body == preview
    assert not Code.objects.exists()
    started = staff.post(f"{path}start/", {"event_column": "", "market": "CA-LAX", "is_all_or_nothing": True})
    scenario.run_jobs()
    body = staff.get(path).body
    assert (started.status, started.body["status"]) == (202, "queued")
    assert (body["status"], body["added"], body["refused"], body["market"]) == ("finished", 0, 2, "CA-LAX")
    assert is_error(staff.post(f"{path}start/"), 409, "cannot_begin_upload")


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"code_column": "nope"}, "cannot_read_file", "code"),
        ({"code_column": "9"}, "cannot_read_file", "code"),
        ({"code_column": ""}, "cannot_read_file", "code"),
        ({"market_column": "1"}, "cannot_read_file", "market"),
        ({"market_column": "", "event_column": ""}, "cannot_upload", "market"),
        ({"market": "AZ-PHX"}, "cannot_upload", "event"),
        ({"market": "NO"}, "invalid", "market"),
        ({"has_header": "perhaps"}, "invalid", "has_header"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(
    staff: Api, tour: Campaign, body: dict[str, str], code: str, field: str
) -> None:
    path = sent(staff, draft="true")

    answer = staff.post(f"{path}start/", body)

    assert answer.body["code"] == code
    assert list(answer.body["errors"]) == [field]
    assert Upload.objects.get().status == "waiting"


def test_a_hostile_file_is_refused_where_it_is_looked_at_and_fails_where_it_is_not(staff: Api, tour: Campaign) -> None:
    looked_at = staff.upload("codes/uploads/", b"%PDF-1.7\n\0", campaign="aurora", draft="true")
    path = sent(staff, b"%PDF-1.7\n\0", market="CA-LAX")
    scenario.run_jobs()

    assert is_error(looked_at, 400, "cannot_read_file")
    assert "a PDF document" in looked_at.body["message"]
    body = staff.get(path).body
    assert body["status"] == "failed"
    assert "a PDF document" in body["error"]
    assert is_error(staff.get(f"{path}preview/"), 409, "not_looked_at")


def test_an_upload_is_cancelled(staff: Api, tour: Campaign) -> None:
    path = sent(staff)

    cancelled = staff.post(f"{path}cancel/")
    scenario.run_jobs()

    assert (cancelled.status, cancelled.body["status"]) == (200, "cancelled")
    assert is_error(staff.post(f"{path}cancel/"), 409, "cannot_cancel")
    assert not Code.objects.exists()


def test_an_upload_is_undone_once(staff: Api, tour: Campaign) -> None:
    path = sent(staff)
    scenario.run_jobs()

    undone = staff.post(f"{path}undo/", {"reason": "the wrong file"})

    assert (undone.status, undone.body["undone_by"], undone.body["added"]) == (200, "sue", 2)
    assert is_error(staff.post(f"{path}undo/"), 409, "cannot_undo_upload")
    assert not Code.objects.exists()


def test_the_refused_lines_come_by_a_signed_address(staff: Api, tour: Campaign) -> None:
    path = sent(staff)
    clean = sent(staff, b"code,market\nAURORA-09,CA-LAX\n")
    scenario.run_jobs()

    link = staff.get(f"{path}refused/").body

    assert requests.get(link["url"], timeout=10).text.splitlines() == [
        "line,reason",
        "4,The campaign has no such market.",
    ]
    assert is_error(staff.get(f"{clean}refused/"), 409, "nothing_refused")


def test_used_codes_are_reported_by_a_file(staff: Api, tour: Campaign) -> None:
    sent(staff)
    scenario.run_jobs()

    path = sent(staff, b"code\nAURORA-01\nAURORA-99\n", kind="redeemed")
    scenario.run_jobs()

    body = staff.get(path).body
    assert (body["status"], body["error"], body["kind"], body["added"], body["refused"]) == (
        "finished",
        "",
        "redeemed",
        1,
        1,
    )


def test_codes_are_made(staff: Api, tour: Campaign) -> None:
    asked = {"campaign": "aurora", "market": "AZ-PHX", "event": "AZ-PHX-1", "count": 50, "length": 9, "prefix": "AU-"}

    answer = staff.post("codes/generate/", asked)
    scenario.run_jobs()

    body = staff.get(f"codes/uploads/{answer.body['id']}/").body
    assert (answer.status, body["status"], body["kind"], body["added"]) == (202, "finished", "generated", 50)
    assert {len(value) for value in Code.objects.values_list("value", flat=True)} == {12}


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"count": 2_000_001}, "invalid", "count"),
        ({"count": 2_000_000, "length": 6}, "cannot_upload", "length"),
        ({"length": 5}, "invalid", "length"),
        ({"alphabet": "all"}, "invalid", "alphabet"),
        ({"prefix": "=A"}, "cannot_upload", "prefix"),
        ({"market": "NO"}, "invalid", "market"),
        ({"market": "AZ-PHX"}, "cannot_upload", "event"),
    ],
)
def test_codes_that_cannot_be_made_are_refused(
    staff: Api, tour: Campaign, change: dict[str, object], code: str, field: str
) -> None:
    answer = staff.post("codes/generate/", {"campaign": "aurora", "market": "CA-LAX", "count": 5, **change})

    assert is_error(answer, 400, code)
    assert list(answer.body["errors"]) == [field]


def test_nothing_changes_in_a_finished_campaign(staff: Api, tour: Campaign) -> None:
    path = sent(staff, draft="true")
    Campaign.objects.filter(pk=tour.pk).update(status="finished")

    for answer in (
        staff.upload("codes/uploads/", MIXED, campaign="aurora"),
        staff.post(f"{path}start/"),
        staff.post("codes/generate/", {"campaign": "aurora", "market": "CA-LAX", "count": 5}),
    ):
        assert is_error(answer, 409, "campaign_finished")
