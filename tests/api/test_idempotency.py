"""What is sent again with the same Idempotency-Key is done once and answered in the same way."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from campaigns.models import Artist, Campaign
from core import idempotency
from core.models import KeptAnswer
from entries.models import Entry, Message
from entries.proof import link_token
from tests import scenario
from tests.api.addresses import addresses
from tests.api.calling import Answer, Api, is_error, signed_in
from tests.processes import heard, script
from viewers.models import Staff

REGISTER = "campaigns/aurora/entries/"
ADA = {"email": "ada@example.com", "name": "Ada", "choices": ["CA-LAX"]}
BEN = {**ADA, "email": "ben@example.com", "name": "Ben"}
AT_ONCE = 50


def is_same(one: Answer, other: Answer) -> bool:
    """Whether two answers say the same."""
    return (one.status, one.body) == (other.status, other.body)


def is_replayed(answer: Answer) -> bool:
    """Whether an answer says that it was given before."""
    return bool(answer.headers.get("Idempotent-Replayed") == "true")


@pytest.mark.django_db
def test_the_same_key_and_body_get_the_same_answer(staff: Api) -> None:
    first, again = [staff.post("artists/", {"name": "Aurora"}, idempotency_key="one") for _ in range(2)]

    assert first.status == 201
    assert is_same(first, again)
    assert (is_replayed(first), is_replayed(again)) == (False, True)
    assert first.headers["Content-Type"] == again.headers["Content-Type"]
    assert first.headers["Content-Language"] == again.headers["Content-Language"]
    assert first.headers["Cache-Control"] == again.headers["Cache-Control"] == "no-store"
    assert Artist.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("other", [b'{"name":"Aurora"}', b'{"name": "Borealis"}', b"", b"{"])
def test_the_same_key_with_another_body_is_a_conflict(staff: Api, other: bytes) -> None:
    first = staff.post("artists/", {"name": "Aurora"}, idempotency_key="one")

    assert is_error(staff.raw("POST", "artists/", other, idempotency_key="one"), 409, "idempotency_key_used")
    assert is_same(staff.post("artists/", {"name": "Aurora"}, idempotency_key="one"), first)
    assert Artist.objects.count() == 1


@pytest.mark.django_db
def test_another_query_is_another_request(api: Api, tour: Campaign) -> None:
    api.post(f"{REGISTER}?locale=en", ADA, idempotency_key="one")

    assert is_error(api.post(f"{REGISTER}?locale=de", ADA, idempotency_key="one"), 409, "idempotency_key_used")


@pytest.mark.django_db
def test_other_addresses_methods_and_askers_have_keys_of_their_own(staff: Api, tour: Campaign, clerk: Staff) -> None:
    rita = signed_in(Staff.objects.create_superuser("rita", "rita@monoql.example", "correct horse"))
    body = {"name": "Sunset", "privacy_url": "https://sunset.example/"}

    answers = [
        staff.post("artists/", {"name": "Aurora"}, idempotency_key="one"),
        rita.post("artists/", {"name": "Aurora"}, idempotency_key="one"),
        staff.post("promoters/", body, idempotency_key="one"),
        staff.patch(f"artists/{Artist.objects.first().pk}/", {"name": "Aurora"}, idempotency_key="one"),  # type: ignore[union-attr]  # There is one.
    ]

    assert [(answer.status, is_replayed(answer)) for answer in answers] == [(201, False)] * 3 + [(200, False)]
    assert is_error(signed_in(clerk).post("artists/", {"name": "Aurora"}, idempotency_key="one"), 403, "not_allowed")
    assert is_error(Api().post("artists/", {"name": "Aurora"}, idempotency_key="one"), 401, "not_authenticated")


@pytest.mark.django_db
def test_nobody_reads_what_another_fan_was_answered(api: Api, tour: Campaign) -> None:
    tokens = []
    for name in ("Ada", "Ben"):
        entry = scenario.register_fan(tour, name, ["CA-LAX"])
        confirmed = api.post(f"{REGISTER}confirm/", {"token": link_token(entry_id=entry.pk)}, idempotency_key="one")
        tokens += [confirmed.body["fan_token"]] if name == "Ada" else []
        assert is_error(confirmed, 409, "idempotency_key_used") if name == "Ben" else confirmed.status == 200
    ada = Api(authorization=f"Bearer {tokens[0]}")
    body = {"name": "Ada", "choices": ["AZ-PHX"]}
    changed = ada.put("campaigns/aurora/entry/", body, idempotency_key="two")

    assert (changed.status, changed.body["choices"]) == (200, ["AZ-PHX"])
    assert is_replayed(ada.put("campaigns/aurora/entry/", body, idempotency_key="two"))
    assert is_error(api.put("campaigns/aurora/entry/", body, idempotency_key="two"), 401, "not_authenticated")


@pytest.mark.django_db
def test_a_refusal_is_kept_too(api: Api, tour: Campaign) -> None:
    answers = [api.post(REGISTER, {**ADA, "choices": []}, idempotency_key="one") for _ in range(2)]

    assert is_error(answers[0], 400, "invalid")
    assert is_same(*answers)
    assert [is_replayed(answer) for answer in answers] == [False, True]


@pytest.mark.django_db
def test_a_withdrawal_is_kept_too(api: Api, tour: Campaign) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    token = api.post(f"{REGISTER}confirm/", {"token": link_token(entry_id=entry.pk)}).body["fan_token"]
    ada = Api(authorization=f"Bearer {token}")

    answers = [ada.send("DELETE", "campaigns/aurora/entry/", idempotency_key="one") for _ in range(2)]

    assert answers[0].body["is_withdrawn"] is True
    assert is_same(*answers)
    assert is_replayed(answers[1])


@pytest.mark.django_db
def test_a_lack_of_rights_or_of_patience_is_not_kept(api: Api, tour: Campaign, settings: Settings) -> None:
    settings.FAN_REQUESTS_PER_SECOND = 1 / 20
    api.get("campaigns/aurora/")
    assert is_error(api.post(REGISTER, ADA, idempotency_key="one"), 429, "throttled")

    settings.FAN_REQUESTS_PER_SECOND = 0
    assert is_error(api.put("campaigns/aurora/entry/", ADA, idempotency_key="two"), 401, "not_authenticated")
    assert not KeptAnswer.objects.exists()
    assert api.post(REGISTER, ADA, idempotency_key="one").status == 202


@pytest.mark.django_db
def test_our_own_fault_is_not_kept(staff: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    staff.client.raise_request_exception = False
    with monkeypatch.context() as broken:
        broken.setattr("campaigns.api.writing.SetUpSerializer.create", lambda *_words: 1 / 0)
        assert is_error(staff.post("artists/", {"name": "Aurora"}, idempotency_key="one"), 500, "server_error")

    answer = staff.post("artists/", {"name": "Aurora"}, idempotency_key="one")

    assert (answer.status, is_replayed(answer)) == (201, False)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "key",
    ["", " ", "a b", "é", "a\tb", "\x7f", "x" * 201, "x" * 60_000, "\N{MICROPHONE}"],
    ids=lambda key: ascii(key)[:12],
)
def test_a_key_that_cannot_be_kept_is_refused_in_words(api: Api, tour: Campaign, key: str) -> None:
    answer = api.post(REGISTER, ADA, idempotency_key=key)

    assert is_error(answer, 400, "bad_idempotency_key")
    assert "200" in answer.body["message"]
    assert not Entry.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "key", ["x" * 200, "'; DROP TABLE core_keptanswer; --".replace(" ", "+"), "%s", "{}", '"quoted"', "!", "~"]
)
def test_a_key_may_be_any_visible_ascii(api: Api, tour: Campaign, key: str) -> None:
    answers = [api.post(REGISTER, ADA, idempotency_key=key) for _ in range(2)]

    assert [(answer.status, is_replayed(answer)) for answer in answers] == [(202, False), (202, True)]


@pytest.mark.django_db
def test_a_file_is_sent_without_a_key(staff: Api, tour: Campaign) -> None:
    staff.headers["idempotency_key"] = "one"

    answer = staff.upload("codes/uploads/", b"A\n", campaign="aurora", market="CA-LAX")

    assert is_error(answer, 400, "bad_idempotency_key")


@pytest.mark.django_db
def test_a_body_that_is_too_large_is_not_read_for_its_key(api: Api, tour: Campaign) -> None:
    data = json.dumps({"name": "x" * 300_000}).encode()

    assert is_error(api.raw("POST", REGISTER, data, idempotency_key="one"), 413, "too_large")


@pytest.mark.django_db
def test_without_the_header_nothing_is_asked_of_the_database(api: Api, tour: Campaign) -> None:
    with CaptureQueriesContext(connection) as queries:
        api.post(REGISTER, ADA)
        api.get("campaigns/aurora/", idempotency_key="one")

    assert not [query for query in queries.captured_queries if "keptanswer" in query["sql"]]


@pytest.mark.django_db
def test_nothing_is_kept_in_clear(api: Api, tour: Campaign) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    proof = link_token(entry_id=entry.pk)
    token = api.post(f"{REGISTER}confirm/", {"token": proof}, idempotency_key="my-own-key").body["fan_token"]
    api.post(REGISTER, BEN, idempotency_key="my-own-key")

    rows = [
        str(row) + str([bytes(value) for value in row if isinstance(value, memoryview | bytes)])
        for row in KeptAnswer.objects.values_list()
    ]

    assert len(rows) == 2
    for word in ("ada@", "ben@", "Ada", "Ben", "my-own-key", token, proof, "check_your_mail", REGISTER):
        assert word not in " ".join(rows)


@pytest.mark.django_db
def test_who_guesses_at_a_body_gets_no_answer_at_all(api: Api, tour: Campaign) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    proof = {"token": link_token(entry_id=entry.pk)}
    assert api.post(f"{REGISTER}confirm/", proof, idempotency_key="1").status == 200

    guesses = [api.post(f"{REGISTER}confirm/", {"token": str(guess)}, idempotency_key="1") for guess in range(5)]

    assert all(is_error(guess, 409, "idempotency_key_used") for guess in guesses)
    assert is_error(api.post(f"{REGISTER}confirm/", proof, idempotency_key="1"), 409, "idempotency_key_used")
    assert api.post(f"{REGISTER}confirm/", proof, idempotency_key="2").status == 200


@pytest.mark.django_db
def test_guesses_while_the_first_is_at_work_count_too(staff: Api) -> None:
    values = {"asker": "a", "method": "POST", "path": "/", "query": "", "key": "1"}
    claim = idempotency.claim_or_answer(**values, body=b"ada")
    for guess in range(5):
        with pytest.raises(idempotency.KeyUsed):
            idempotency.claim_or_answer(**values, body=str(guess).encode())

    idempotency.keep(claim, idempotency.Answer(200, {}, (), b"secret").response())  # type: ignore[arg-type]  # The first has it.

    with pytest.raises(idempotency.KeyUsed):
        idempotency.claim_or_answer(**values, body=b"ada")


@pytest.mark.django_db
def test_after_a_day_a_key_is_new_again(staff: Api) -> None:
    now = timezone.now()
    staff.post("artists/", {"name": "Aurora"}, idempotency_key="one")

    with time_machine.travel(now + timedelta(hours=23, minutes=59)):
        assert idempotency.forget_expired(timezone.now()) == 0
        kept = idempotency.claim_or_answer(**asked_by(staff), key="one", body=b'{"name": "Aurora"}')
        assert isinstance(kept, idempotency.Answer)
    with time_machine.travel(now + timedelta(hours=24, minutes=1)):
        again = idempotency.claim_or_answer(**asked_by(staff), key="one", body=b'{"name": "Borealis"}')
        assert isinstance(again, idempotency.Claim)


def asked_by(staff: Api) -> dict[str, str]:
    """What names a request of Sue for a new artist."""
    sue = Staff.objects.get(username="sue")
    return {"asker": f"staff {sue.pk} ", "method": "POST", "path": "/api/v1/artists/", "query": ""}


@pytest.mark.django_db
def test_the_tick_forgets_so_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "FORGET_AT_ONCE", 2)
    now = timezone.now()
    for days in (-3, -2, -1, 1):
        end = now + timedelta(days=days)
        start = end - timedelta(days=1)
        KeptAnswer.objects.create(
            id=uuid4(), claim=uuid4(), fingerprint=b"." * 32, answer=b"x", created_at=start, expires_at=end
        )

    assert [idempotency.forget_expired(now) for _ in range(3)] == [2, 1, 0]
    assert KeptAnswer.objects.count() == 1


@pytest.mark.django_db
def test_the_claim_of_a_dead_process_ends_by_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 0.05)
    values: dict[str, Any] = {"asker": "a", "method": "POST", "path": "/", "query": "", "key": "1", "body": b"ada"}
    first = idempotency.claim_or_answer(**values)
    with pytest.raises(idempotency.InProgress) as refusal:
        idempotency.claim_or_answer(**values)
    assert refusal.value.retry_after > 0

    with time_machine.travel(timezone.now() + idempotency.LEASE + timedelta(seconds=1)):
        second = idempotency.claim_or_answer(**values)
        assert isinstance(first, idempotency.Claim)
        assert isinstance(second, idempotency.Claim)
        # The first was only slow: it neither gives the claim of the second back nor puts its own answer there.
        idempotency.release(first)
        idempotency.keep(first, idempotency.Answer(200, {}, (), b"first").response())
        idempotency.keep(second, idempotency.Answer(200, {}, (), b"second").response())
        answer = idempotency.claim_or_answer(**values)

    assert isinstance(answer, idempotency.Answer)
    assert answer.body == b"second"


@pytest.mark.django_db
def test_who_waits_too_long_is_told_when_to_come_back(
    api: Api, tour: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 0.05)
    idempotency.claim_or_answer(
        asker="", method="POST", path=f"/api/v1/{REGISTER}", query="", key="one", body=json.dumps(ADA).encode()
    )

    answer = api.post(REGISTER, ADA, idempotency_key="one")

    assert is_error(answer, 409, "in_progress")
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.django_db
def test_a_sign_in_sets_its_cookie_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = idempotency.Answer(200, {"Content-Type": "application/json"}, (), b"{}").response()
    answer.set_cookie("monoql_api", "a.b.c", max_age=900, path="/api/", httponly=True, samesite="Lax")

    kept = idempotency.Answer.from_bytes(idempotency.Answer.of(answer).as_bytes()).response()

    assert kept.cookies["monoql_api"].OutputString() == answer.cookies["monoql_api"].OutputString()


def test_every_address_that_changes_something_takes_keys() -> None:
    without = [
        address.path
        for address in addresses()
        if set(address.methods) & idempotency.METHODS and not hasattr(address.view, "asker_of_key")
    ]

    assert without == []


def at_once(call: Callable[[], Answer], times: int) -> list[Answer]:
    """Do the same from so many threads, each with a connection of its own, at one moment."""
    barrier = Barrier(times)

    def wait_and_call(_number: int) -> Answer:
        try:
            barrier.wait(timeout=60)
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(wait_and_call, range(times)))


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    """Fifty at one moment."""

    def test_without_a_key_each_request_has_its_effect(self, staff: Api) -> None:
        answers = at_once(lambda: Api(staff.client).post("artists/", {"name": "Aurora"}), 12)

        assert {answer.status for answer in answers} == {201}
        assert Artist.objects.count() == 12

    def test_if_nobody_claimed_the_key_it_would_be_done_many_times(
        self, staff: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The negative control: the same race, with an INSERT that lets everybody through.
        monkeypatch.setattr(
            idempotency,
            "CLAIM",
            idempotency.CLAIM.replace("kept.expires_at <= EXCLUDED.created_at", "kept.answer IS NULL"),
        )

        at_once(lambda: Api(staff.client).post("artists/", {"name": "Aurora"}, idempotency_key="one"), 12)

        assert Artist.objects.count() > 1

    def test_one_key_has_one_effect_and_one_answer(self, staff: Api) -> None:
        answers = at_once(
            lambda: Api(staff.client).post("artists/", {"name": "Aurora"}, idempotency_key="one"), AT_ONCE
        )

        assert Artist.objects.count() == 1
        assert Counter((answer.status, json.dumps(answer.body)) for answer in answers) == {
            (201, json.dumps(answers[0].body)): AT_ONCE
        }
        assert Counter(map(is_replayed, answers)) == {True: AT_ONCE - 1, False: 1}

    def test_a_fan_on_a_bad_network_registers_once(self, tour: Campaign) -> None:
        answers = at_once(lambda: Api().post(REGISTER, ADA, idempotency_key="one"), AT_ONCE)

        assert Counter((answer.status, answer.body["status"]) for answer in answers) == {
            (202, "check_your_mail"): AT_ONCE
        }
        assert Counter(map(is_replayed, answers)) == {True: AT_ONCE - 1, False: 1}
        assert (Entry.objects.count(), Message.objects.count()) == (1, 1)

    def test_of_two_bodies_at_once_one_counts(self, staff: Api) -> None:
        bodies = iter([{"name": "Aurora"}, {"name": "Borealis"}] * 10)

        answers = at_once(lambda: Api(staff.client).post("artists/", next(bodies), idempotency_key="one"), 20)

        assert Artist.objects.count() == 1
        assert {answer.status for answer in answers} == {201, 409}

    def test_a_key_survives_a_restart(self, tour: Campaign) -> None:
        code = f"""
from tests.api.calling import Api
answer = Api().post({REGISTER!r}, {ADA!r}, idempotency_key="one")
say(f"{{answer.status}} {{answer.body['status']}} {{answer.headers.get('Idempotent-Replayed')}}")
"""
        said = []
        for _process in range(2):
            with script(code) as child:
                said.append(heard(child))

        assert said == ["202 check_your_mail None", "202 check_your_mail true"]
        assert is_replayed(Api().post(REGISTER, ADA, idempotency_key="one"))
        assert Message.objects.count() == 1
