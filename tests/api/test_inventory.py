"""Codes by REST: counted, kept back, given, replaced, taken back, checked and reported as used."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from campaigns.models import Campaign
from codes import inventory
from codes.models import Assignment, Code, Hold, Pool, Upload
from entries.models import Entry
from tests.api.calling import Answer, Api, is_error
from tests.scenario import SUPREME, make_wave, open_tour, prepare_wave, register_fan, upload_codes
from waves import account_check, selection

pytestmark = pytest.mark.django_db(transaction=True)
CAMPAIGN = {"campaign": "aurora"}


@pytest.fixture
def stocked() -> Campaign:
    """The tour with Ada, six codes for Los Angeles, and two and three for the dates of Phoenix."""
    tour = open_tour()
    register_fan(tour, "Ada", ["CA-LAX"])
    upload_codes(tour, "CA-LAX", 6)
    upload_codes(tour, "AZ-PHX", 2, event="AZ-PHX-1")
    upload_codes(tour, "AZ-PHX", 3, event="AZ-PHX-2")
    account_check.checks.clear()
    return tour


def pool(market: str = "CA-LAX") -> Pool:
    """The first pool of a market."""
    return Pool.objects.filter(market__code=market).order_by("pk")[0]


def groups(staff: Api, by: str) -> dict[Any, tuple[int, ...]]:
    """The counts by something: available, reserved, assigned, revoked."""
    answer = staff.get(f"codes/counts/?campaign=aurora&by={by}")
    assert answer.status == 200
    return {row["key"]: tuple(row[state] for state in inventory.STATES) for row in answer.body["groups"]}


def later(days: float) -> str:
    """A moment to come."""
    return (timezone.now() + timedelta(days=days)).isoformat()


def keep_back(staff: Api, **values: Any) -> Answer:
    """Keep codes back for two days."""
    return staff.post("codes/holds/", {**CAMPAIGN, "purpose": "the sponsor", "expires_at": later(2), **values})


def ref() -> str:
    """Ada's ref."""
    return Entry.objects.get(name="Ada").ref


def give(staff: Api, **values: Any) -> Answer:
    """Give Ada a code for Los Angeles."""
    return staff.post("codes/given/", {**CAMPAIGN, "ref": ref(), "pool": pool().pk, "reason": "she asked", **values})


def test_codes_are_counted_by_everything_that_has_them(staff: Api, stocked: Campaign) -> None:
    keep_back(staff, parts=[{"pool": pool().pk, "codes": 2}])

    assert groups(staff, "market") == {"CA-LAX": (4, 2, 0, 0), "AZ-PHX": (5, 0, 0, 0)}
    assert groups(staff, "event") == {"AZ-PHX-1": (2, 0, 0, 0), "AZ-PHX-2": (3, 0, 0, 0), None: (4, 2, 0, 0)}
    assert groups(staff, "type") == {"presale": (9, 2, 0, 0)}
    assert groups(staff, "pool")[str(pool().pk)] == (4, 2, 0, 0)
    uploads = {str(pk): (4, 2, 0, 0) for pk in Upload.objects.filter(pool=pool()).values_list("pk", flat=True)}
    assert groups(staff, "upload").items() >= uploads.items()


def test_the_counts_without_a_group_are_pool_by_pool(staff: Api, stocked: Campaign) -> None:
    answer = staff.get("codes/counts/?campaign=aurora")

    assert (answer.body["available"], answer.body["total"]) == (11, 11)
    assert [(row["market"], row["event"], row["total"], row["redeemed"]) for row in answer.body["pools"]] == [
        ("CA-LAX", None, 6, 0),
        ("AZ-PHX", "AZ-PHX-1", 2, 0),
        ("AZ-PHX", "AZ-PHX-2", 3, 0),
    ]
    assert is_error(staff.get("codes/counts/?campaign=aurora&by=colour"), 400, "invalid")


def test_codes_are_kept_back_longer_and_given_back(staff: Api, stocked: Campaign) -> None:
    made = keep_back(staff, parts=[{"pool": pool().pk, "codes": 4}])
    address = f"codes/holds/{made.body['id']}/"
    extended = staff.post(f"{address}extend/", {"expires_at": later(9)})
    listed = staff.get("codes/holds/?campaign=aurora")
    released = staff.post(f"{address}release/")

    assert (made.status, made.body["codes"], made.body["kind"], made.body["status"]) == (201, 4, "reserve", "held")
    assert extended.body["expires_at"] > made.body["expires_at"]
    assert [row["id"] for row in listed.body["results"]] == [made.body["id"]]
    assert (released.body["status"], released.body["codes"]) == ("released", 0)
    assert is_error(staff.post(f"{address}release/"), 409, "cannot_release")
    assert groups(staff, "type") == {"presale": (11, 0, 0, 0)}


def test_a_pool_with_too_few_codes_is_named(staff: Api, stocked: Campaign) -> None:
    answer = keep_back(staff, parts=[{"pool": pool().pk, "codes": 7}])

    assert is_error(answer, 409, "cannot_hold")
    assert "6 free codes, not 7" in answer.body["message"]
    assert is_error(keep_back(staff, expires_at=later(91)), 409, "cannot_hold")
    assert is_error(keep_back(staff, expires_at="2027-01-01T00:00:00"), 400, "invalid")


def test_a_faulty_code_is_revoked_or_replaced_where_it_is_held(staff: Api, stocked: Campaign) -> None:
    faulty = {**CAMPAIGN, "code": "CA-LAX-000000", "reason": "printed twice"}
    assert is_error(staff.post("codes/replace/", faulty), 409, "cannot_replace")
    assert staff.post("codes/revoke/", faulty).status == 204
    assert is_error(staff.post("codes/revoke/", faulty), 409, "cannot_revoke")
    assert is_error(staff.post("codes/revoke/", {**faulty, "code": "NONE"}), 400, "invalid")

    keep_back(staff, parts=[{"pool": pool().pk, "codes": 1}])
    assert staff.post("codes/replace/", {**faulty, "code": "CA-LAX-000001"}).status == 204

    assert groups(staff, "market")["CA-LAX"] == (3, 1, 0, 2)
    assert inventory.verify([stocked]) == []


def test_one_fan_is_given_a_code_gets_another_and_loses_it(staff: Api, stocked: Campaign) -> None:
    given = give(staff)
    hers = {**CAMPAIGN, "ref": ref(), "reason": "it did not work"}
    again = give(staff)
    replaced = staff.post("codes/given/replace/", hers)
    taken = staff.post("codes/given/take-back/", hers)

    assert (given.status, given.body["code"], given.body["is_in_force"]) == (201, "•••00", True)
    assert is_error(again, 409, "cannot_give")
    assert (replaced.status, replaced.body["code"]) == (200, "•••01")
    assert (taken.status, taken.body["is_in_force"]) == (200, False)
    assert is_error(staff.post("codes/given/take-back/", hers), 409, "cannot_take_back")
    assert inventory.verify([stocked]) == []


def test_no_answer_about_a_fans_code_holds_the_code(staff: Api, stocked: Campaign) -> None:
    given = give(staff)
    replaced = staff.post("codes/given/replace/", {**CAMPAIGN, "ref": ref(), "reason": "x"})

    values = Code.objects.values_list("value", flat=True)
    assert not any(value in f"{given.body} {replaced.body}" for value in values)


def test_a_waves_code_is_named_by_its_wave(staff: Api, stocked: Campaign) -> None:
    wave = prepare_wave(make_wave(stocked))
    hers = {**CAMPAIGN, "ref": ref(), "reason": "x"}
    assert is_error(staff.post("codes/given/take-back/", {**hers, "wave": wave.date_key}), 409, "cannot_take_back")
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())

    assert is_error(staff.post("codes/given/take-back/", hers), 400, "invalid")
    assert staff.post("codes/given/take-back/", {**hers, "wave": wave.date_key}).status == 200
    assert Assignment.objects.get().voided == "taken_back"


def test_what_is_not_there_is_named_field_by_field(staff: Api, stocked: Campaign) -> None:
    assert set(give(staff, ref="0" * 32).body["errors"]) == {"ref"}
    assert set(give(staff, pool=1).body["errors"]) == {"pool"}
    assert set(give(staff, reason=" ").body["errors"]) == {"reason"}


def test_the_platform_asks_whose_a_code_is(staff: Api, stocked: Campaign) -> None:
    Pool.objects.update(is_tied_to_account=True)
    give(staff)
    code = Code.objects.get(pk=Assignment.objects.get().code_id).value

    def ask(code: str, account: str) -> Any:
        return staff.post("codes/check/", {**CAMPAIGN, "code": code, "account": account}).body

    assert ask(code, "Ada@example.com") == {"is_valid": True}
    assert ask(code, "ben@example.com") == ask("NONE", "ada@example.com") == ask("", "") == {"is_valid": False}


def test_whoever_has_no_right_learns_nothing(clerk_api: Api, stocked: Campaign) -> None:
    for path in ("check", "redemptions", "given", "holds", "revoke"):
        assert clerk_api.post(f"codes/{path}/", {**CAMPAIGN, "code": "CA-LAX-000000"}).status in (400, 403)


def test_used_codes_are_reported(staff: Api, stocked: Campaign) -> None:
    give(staff)
    report = {
        **CAMPAIGN,
        "codes": [
            {"code": "CA-LAX-000000", "redeemed_at": "2027-02-02T18:00:00Z"},
            {"code": "CA-LAX-000005"},
            {"code": "NONE"},
        ],
    }

    first, second = staff.post("codes/redemptions/", report), staff.post("codes/redemptions/", report)

    assert first.body == {"recorded": 2, "already": 0, "unknown": 1, "never_given": 1}
    assert second.body == {"recorded": 0, "already": 2, "unknown": 1, "never_given": 0}
    counted = staff.get("codes/counts/?campaign=aurora").body["pools"]
    assert [row["redeemed"] for row in counted] == [2, 0, 0]
    assert is_error(staff.post("codes/redemptions/", {**CAMPAIGN, "codes": [{"code": "A"}] * 1001}), 400, "invalid")


def test_a_pool_is_tied_given_a_presale_and_rules_for_its_codes(staff: Api, stocked: Campaign) -> None:
    address = f"codes/pools/{pool().pk}/"

    changed = staff.patch(
        address, {"is_tied_to_account": True, "presale_start_at": "2027-02-01T18:00:00Z", "pattern": "[A-Z0-9-]+"}
    )

    assert changed.status == 200
    assert (changed.body["is_tied_to_account"], changed.body["pattern"]) == (True, "[A-Z0-9-]+")
    assert staff.get("codes/pools/?campaign=aurora").body[0] == changed.body
    assert is_error(staff.patch(address, {"pattern": "[A-"}), 400, "bad_pattern")
    backwards = {"presale_end_at": "2027-01-01T18:00:00Z"}
    assert is_error(staff.patch(address, backwards), 400, "invalid")
    assert is_error(staff.patch(address, {"min_length": 9, "max_length": 8}), 400, "invalid")
    assert is_error(staff.patch(address, {"size": 7}), 400, "invalid") or pool().size == 6


def test_a_finished_campaigns_codes_stay_as_they_are(staff: Api, stocked: Campaign) -> None:
    held = keep_back(staff, parts=[{"pool": pool().pk, "codes": 1}])
    Campaign.objects.update(status="finished")

    assert is_error(keep_back(staff), 409, "campaign_finished")
    assert is_error(give(staff), 409, "campaign_finished")
    assert is_error(staff.patch(f"codes/pools/{pool().pk}/", {"pattern": ""}), 409, "campaign_finished")
    assert Hold.objects.get(pk=held.body["id"]).status == "held"
