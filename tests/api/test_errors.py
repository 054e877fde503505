"""Every error has one shape: a stable code, a message for people, and messages by field."""

import json

import pytest
from django.db import DataError, IntegrityError, OperationalError
from django.test import RequestFactory

from campaigns.models import Campaign
from core.api import GENERAL, flat, refusal_handler
from core.storage import NotStored
from tests.api.calling import Api, is_error

pytestmark = pytest.mark.django_db
REGISTER = "campaigns/aurora/entries/"


@pytest.mark.parametrize(
    "path",
    ["nothing/", "campaigns", "campaigns/none/", "campaigns/none/entry/", "campaigns/a%00b/", "/api/v2/", "/api/"],
)
def test_what_is_not_there_is_not_found(api: Api, path: str) -> None:
    assert is_error(api.get(path), 404, "not_found")


@pytest.mark.parametrize(
    "path", ["artists/7/", f"waves/{10**30}/", f"waves/{'9' * 5000}/", "exports/none/", "waves/-1/"]
)
def test_a_row_that_is_not_there_is_not_found(staff: Api, path: str) -> None:
    assert is_error(staff.get(path), 404, "not_found")


def test_another_method_is_not_allowed(api: Api, staff: Api, tour: Campaign) -> None:
    answer = api.get(REGISTER)

    assert is_error(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "POST"
    assert is_error(api.send("OPTIONS", REGISTER), 405, "method_not_allowed")
    assert is_error(staff.send("DELETE", "artists/"), 405, "method_not_allowed")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "no kind"])
def test_another_kind_of_body_is_not_supported(api: Api, tour: Campaign, kind: str) -> None:
    assert is_error(api.raw("POST", REGISTER, b"email=ada@example.com", kind), 415, "unsupported_media_type")


def test_another_kind_of_answer_is_not_acceptable(api: Api, tour: Campaign) -> None:
    assert is_error(api.get("campaigns/aurora/", accept="application/xml"), 406, "not_acceptable")


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"7",
        b"\xff\xfe{\x00}\x00",
        b'{"email": "\xed\xa0\x80"}',
        b'{"email": "\\ud800"}',
        b'{"answers": {"\\udfff": [1, {"a": "b"}]}}',
        b'{"email": "a\\u0000b"}',
        b'{"email": "a\x00b"}',
        b'{"age": NaN}',
        b'{"age": -Infinity}',
        b'{"age": 1e999}',
        b'{"age": ' + b"9" * 5000 + b"}",
        b"[" * 30_000,
    ],
    ids=lambda data: repr(data[:30]),
)
def test_a_body_that_is_no_json_object_cannot_be_read(api: Api, tour: Campaign, data: bytes) -> None:
    assert is_error(api.raw("POST", REGISTER, data), 400, "parse_error")


def test_text_in_any_script_can_be_read_escaped_or_not(api: Api, tour: Campaign) -> None:
    for text in (json.dumps({"name": "Ada 🎤\\u0000"}), json.dumps({"name": "Ada 🎤"}, ensure_ascii=False)):
        assert is_error(api.raw("POST", REGISTER, text.encode()), 400, "invalid")


@pytest.mark.parametrize("declares", [True, False])
def test_a_body_that_is_too_large_is_not_read(api: Api, staff: Api, tour: Campaign, declares: bool) -> None:
    data = json.dumps({"name": "x" * 300_000}).encode()
    headers = {} if declares else {"content_length": "100000000"}

    assert is_error(api.raw("POST", REGISTER, data, **headers), 413, "too_large")
    assert is_error(staff.raw("POST", "artists/", data), 413, "too_large")


def test_a_body_in_chunks_is_not_taken_for_an_empty_one(api: Api, tour: Campaign) -> None:
    answer = api.raw("POST", REGISTER, b"", transfer_encoding="chunked")

    assert is_error(answer, 411, "length_required")


def test_an_upload_that_is_too_large_is_refused_before_it_is_stored(staff: Api, tour: Campaign) -> None:
    answer = staff.raw(
        "POST", "codes/uploads/", b"--x\r\n", "multipart/form-data; boundary=x", content_length=str(2**40)
    )

    assert is_error(answer, 413, "too_large")


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=x"]
)
def test_a_broken_form_cannot_be_read(staff: Api, tour: Campaign, kind: str) -> None:
    answer = staff.raw("POST", "codes/uploads/", b"--x\r\nContent-Disposition: form-data; name=", kind)

    assert is_error(answer, 400, "parse_error") or is_error(answer, 400, "invalid")


def test_a_form_of_too_many_fields_cannot_be_read(staff: Api, tour: Campaign) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
    answer = staff.raw("POST", "codes/uploads/", part * 3000 + b"--x--\r\n", "multipart/form-data; boundary=x")

    assert is_error(answer, 400, "parse_error")


def test_messages_stand_beside_their_fields(staff: Api) -> None:
    answer = staff.post("artists/", {"name": "", "image": "no address", "nmae": "Ada"})

    assert is_error(answer, 400, "invalid")
    assert set(answer.body["errors"]) == {"nmae"}
    assert set(staff.post("artists/", {"name": "", "image": "no address"}).body["errors"]) == {"name", "image"}


def test_nested_messages_are_named_by_their_path() -> None:
    detail = {"events": [{}, {"code": ["Wrong."]}], "name": ["Empty.", "Short."], "non_field_errors": ["No."]}

    assert flat(detail) == {"events.1.code": ["Wrong."], "name": ["Empty.", "Short."], GENERAL: ["No."]}
    assert flat(["No."]) == {GENERAL: ["No."]}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (DataError("out of range"), 400, "invalid"),
        (IntegrityError("twice"), 409, "conflict"),
        (OperationalError("gone"), 503, "unavailable"),
        (NotStored("key"), 503, "unavailable"),
        (ZeroDivisionError("division"), 500, "server_error"),
    ],
)
def test_what_no_function_foresaw_has_the_shape_too(error: Exception, status: int, code: str) -> None:
    answer = refusal_handler(error, {"request": RequestFactory().get("/")})

    assert answer is not None
    assert (answer.status_code, answer.data["code"]) == (status, code)
    assert str(error) not in answer.data["message"]
    assert ("Retry-After" in answer.headers) == (status == 503)


@pytest.mark.parametrize("path", ["artists/", "codes/uploads/?campaign=aurora", "waves/?campaign=aurora"])
@pytest.mark.parametrize(
    "query", ["cursor=x", "cursor=cD1hYmM%3D", "cursor=cD0lMDA%3D", "cursor=%F0%9F%8E%A4", "cursor=bz0tMQ%3D%3D"]
)
def test_a_cursor_that_was_never_given_out_is_refused(staff: Api, tour: Campaign, path: str, query: str) -> None:
    answer = staff.get(f"{path}{'&' if '?' in path else '?'}{query}")

    assert answer.status == 200 or is_error(answer, 404, "not_found")


@pytest.mark.parametrize("query", ["", "?campaign=", "?campaign=none", "?campaign=%00", "?campaign=a%20b&campaign=%FF"])
def test_a_list_of_a_campaign_must_name_one(staff: Api, query: str) -> None:
    for path in ("codes/uploads/", "codes/counts/", "waves/", "exports/"):
        answer = staff.get(f"{path}{query}")
        assert is_error(answer, 400, "invalid")
        assert list(answer.body["errors"]) == ["campaign"]


def test_answers_are_kept_nowhere_unless_they_say_so(staff: Api, api: Api, tour: Campaign) -> None:
    private = [staff.get("artists/"), staff.get("campaigns/aurora/"), api.get("campaigns/aurora/entry/"), api.get("x/")]

    assert [answer.headers["Cache-Control"] for answer in private] == ["no-store"] * len(private)
