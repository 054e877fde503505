"""A fan confirms her phone by REST."""

import pytest
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign
from core.throttling import fan_requests
from entries.models import Entry, PhoneCode
from entries.proof import fan_token
from tests import scenario
from tests.api.calling import Api, is_error
from tests.api.test_hostile import HOSTILE, is_civil
from tests.entries.phones import (
    NUMBER,
    OTHER_NUMBER,
    a_minute_later,
    campaign,
    fan_with_phone,
    messages,
    newest_digits,
    phone_tour,
    text_messages,
    wrong_digits,
)

__all__ = ["campaign", "text_messages"]
pytestmark = pytest.mark.django_db
SEND, CONFIRM, ENTRY = (f"campaigns/aurora/entry/{path}" for path in ("phone/", "phone/confirm/", ""))


@pytest.fixture
def ada(campaign: Campaign) -> Entry:
    """Ada, whose phone is not confirmed yet."""
    return fan_with_phone(campaign, "Ada")


def program_of(entry: Entry) -> Api:
    """A client that has the token of an entry's fan."""
    return Api(authorization=f"Bearer {fan_token(campaign_id=entry.campaign_id, ref=entry.ref)}")


def test_a_fan_asks_for_a_code_and_confirms(ada: Entry) -> None:
    program = program_of(ada)
    assert program.get(ENTRY).body["missing"] == ["phone_confirmation"]

    sent = program.post(SEND)
    confirmed = program.post(CONFIRM, {"code": newest_digits()})

    assert sent.status == 202
    assert sent.body["phone"] == NUMBER
    assert set(sent.body) == {"phone", "expires_at", "next_at"}
    assert confirmed.status == 200
    assert (confirmed.body["missing"], confirmed.body["counts"]) == ([], True)


def test_a_fan_corrects_her_number(ada: Entry) -> None:
    program = program_of(ada)

    assert program.post(SEND, {"number": OTHER_NUMBER}).body["phone"] == OTHER_NUMBER

    assert messages()[-1]["to"] == OTHER_NUMBER
    assert program.get(ENTRY).body["phone"] == OTHER_NUMBER


def test_refusals_have_codes_that_programs_can_read(campaign: Campaign, ada: Entry) -> None:
    program = program_of(ada)

    early, no_number = program.post(CONFIRM, {"code": "123456"}), program.post(SEND, {"number": "12"})
    assert is_error(early, 400, "wrong_code")
    assert is_error(no_number, 400, "invalid")
    assert (list(early.body["errors"]), list(no_number.body["errors"])) == (["code"], ["number"])
    program.post(SEND)
    soon = program.post(SEND)
    assert is_error(soon, 429, "throttled")
    assert 1 <= int(soon.headers["Retry-After"]) <= 60
    for _try in range(5):
        assert is_error(program.post(CONFIRM, {"code": wrong_digits()}), 400, "wrong_code")
    assert is_error(program.post(CONFIRM, {"code": newest_digits()}), 429, "too_many_tries")
    a_minute_later(ada)
    program.post(SEND)
    assert program.post(CONFIRM, {"code": newest_digits()}).status == 200
    assert is_error(program.post(SEND), 409, "no_phone_to_confirm")
    lifecycle.close_campaign(campaign=campaign, actor=scenario.SUPREME, now=timezone.now())
    assert is_error(program.post(SEND), 409, "not_open")
    assert is_error(program.post(CONFIRM, {"code": newest_digits()}), 409, "not_open")


def test_a_number_of_somebody_elses_is_answered_alike_until_its_code_is_known(campaign: Campaign, ada: Entry) -> None:
    program_of(ada).post(SEND)
    program_of(ada).post(CONFIRM, {"code": newest_digits()})
    ben, cleo = (fan_with_phone(campaign, name, number=OTHER_NUMBER) for name in ("Ben", "Cleo"))

    taken = program_of(ben).post(SEND, {"number": NUMBER})
    free = program_of(cleo).post(SEND, {"number": "+12135550177"})
    assert (taken.status, set(taken.body)) == (free.status, set(free.body))
    wrong = [program_of(fan).post(CONFIRM, {"code": "1"}) for fan in (ben, cleo)]
    assert wrong[0].body == wrong[1].body
    digits = next(message["text"][:6] for message in reversed(messages()) if message["to"] == NUMBER)
    assert is_error(program_of(ben).post(CONFIRM, {"code": digits}), 409, "number_not_taken")


@pytest.mark.parametrize("path", [SEND, CONFIRM])
def test_only_the_entrys_fan_may(path: str, api: Api, ada: Entry) -> None:
    elsewhere = fan_with_phone(phone_tour(domain="other"), "Ben")

    for program in (api, Api(authorization="Bearer x"), program_of(elsewhere)):
        assert program.post(path, {"code": "123456"}).status == 401

    assert not PhoneCode.objects.exists()


@pytest.mark.parametrize(("path", "name"), [(SEND, "number"), (CONFIRM, "code")])
def test_no_value_of_a_fans_is_our_fault(path: str, name: str, ada: Entry) -> None:
    program = program_of(ada)
    program.post(SEND)

    for value in HOSTILE:
        fan_requests.clear()
        assert is_civil(program.post(path, {name: value})), value
