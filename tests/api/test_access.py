"""Who may do what: staff with rights everything, other staff and strangers nothing, fans what is theirs."""

import base64

import pytest
from django.test import Client

from campaigns.models import Campaign
from entries.models import Entry
from tests.api.addresses import addresses
from tests.api.calling import Api, is_error, signed_in
from viewers.api import StaffEndpoint
from viewers.auth_api import WhoIsAsking
from viewers.authentication import CHALLENGE
from viewers.models import Staff

pytestmark = pytest.mark.django_db

STAFF_ONLY = [
    (method, address)
    for address in addresses()
    for method in address.methods
    if issubclass(address.view, StaffEndpoint)
    and address.view is not WhoIsAsking
    and (method, address.path) != ("GET", "campaigns/aurora/")
]


def basic(name: str, password: str) -> str:
    """The header of basic authentication, which nothing here takes."""
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def test_the_sweep_sees_every_endpoint_for_staff() -> None:
    paths = {address.path for _method, address in STAFF_ONLY}

    assert {"artists/", "campaigns/aurora/open/", "codes/uploads/", "waves/1/trigger/"} <= paths
    assert len(STAFF_ONLY) > 35


def test_no_stranger_gets_in(tour: Campaign) -> None:
    answers = {(method, address.path): Api().send(method, address.path) for method, address in STAFF_ONLY}

    assert [place for place, answer in answers.items() if not is_error(answer, 401, "not_authenticated")] == []
    assert {answer.headers["WWW-Authenticate"] for answer in answers.values()} == {CHALLENGE}


def test_no_staff_without_the_right_get_in(tour: Campaign, clerk_api: Api) -> None:
    answers = {(method, address.path): clerk_api.send(method, address.path) for method, address in STAFF_ONLY}

    assert [place for place, answer in answers.items() if not is_error(answer, 403, "not_allowed")] == []


def test_staff_without_the_right_see_a_campaign_as_fans_do(tour: Campaign, clerk_api: Api, staff: Api) -> None:
    assert "readiness" not in clerk_api.get("campaigns/aurora/").body
    assert "readiness" in staff.get("campaigns/aurora/").body


def test_a_session_must_send_its_csrf_token(supreme: Staff) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(supreme)
    sue = Api(client)

    without = sue.post("artists/", {"name": "Aurora Vale"})
    token = sue.get("viewer/").body["csrf_token"]
    with_token = sue.post("artists/", {"name": "Aurora Vale"}, x_csrftoken=token)

    assert is_error(without, 403, "csrf_failed")
    assert with_token.status == 201


@pytest.mark.parametrize("header", [basic("sue", "correct horse"), "Basic", "Bearer", "Bearer x", "Token x", "x"])
def test_only_tokens_of_ours_are_read_from_the_header(supreme: Staff, header: str) -> None:
    assert is_error(Api(authorization=header).get("artists/"), 401, "not_authenticated")


def test_the_viewer_is_told_who_she_is(staff: Api, clerk_api: Api, api: Api) -> None:
    sue, carl, fan = (program.get("viewer/").body for program in (staff, clerk_api, api))

    assert (sue["kind"], sue["name"], sue["is_supreme"]) == ("staff", "sue", True)
    assert "run_waves" in sue["may"]
    assert (carl["kind"], carl["is_supreme"], carl["may"]) == ("staff", False, [])
    assert (fan["kind"], fan["name"], fan["may"]) == ("fan", "", [])


def test_a_session_of_staff_plays_no_role_in_registering(tour: Campaign, supreme: Staff) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(supreme)
    form = {"email": "ada@example.com", "name": "Ada", "choices": ["CA-LAX"]}

    answer = Api(client).post("campaigns/aurora/entries/", form, authorization=basic("sue", "wrong"))

    assert answer.status == 202
    assert Entry.objects.get().identifier == "ada@example.com"


def test_staff_of_an_inactive_account_are_strangers(supreme: Staff) -> None:
    sue = signed_in(supreme)
    Staff.objects.update(is_active=False)

    assert is_error(sue.get("artists/"), 401, "not_authenticated")
