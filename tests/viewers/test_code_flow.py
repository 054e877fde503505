"""Exchanging what a browser brings from an issuer for a token: what is sent, and what is taken."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from jwt import get_unverified_header
from pytest_django import Settings
from structlog.testing import capture_logs

from core.refusal import Refusal
from tests.viewers.issuer import STRANGERS_KEY, Company, signed
from viewers import code_flow, issuer_keys
from viewers.code_flow import CodeRefused, SignIn, address_of_sign_in, subject_of_code
from viewers.issuer_keys import IssuerAway
from viewers.issuers import Issuer
from viewers.outside_tokens import Subject, TokenRefused, read_token

BACK = "https://presale.example/signed-in/"


def begun() -> SignIn:
    """A sign-in with values that can be told apart."""
    return SignIn(state="state-1", nonce="nonce-1", verifier="verifier-1" * 5)


def exchange(issuer: Issuer) -> Subject:
    """Bring a code."""
    return subject_of_code(issuer, begun(), code="code-1", redirect_uri=BACK)


def answer_of(**claims: Any) -> bytes:
    """What a token endpoint says for a good code."""
    return json.dumps({"token_type": "Bearer", "id_token": signed(kind="id", nonce="nonce-1", **claims)}).encode()


def test_the_browser_is_sent_with_a_challenge_and_never_with_the_verifier(trusted: Company) -> None:
    issuer = trusted.issuer(authorize_url="https://sign-in.example/authorize?tenant=7")

    address = address_of_sign_in(issuer, begun(), redirect_uri=BACK, language="de-DE", is_asked_again=False)
    asked = parse_qs(urlsplit(address).query)

    assert address.startswith("https://sign-in.example/authorize?tenant=7&response_type=code&")
    assert asked == {
        "tenant": ["7"],
        "response_type": ["code"],
        "client_id": ["monoql-web"],
        "redirect_uri": [BACK],
        "scope": ["openid email"],
        "state": ["state-1"],
        "nonce": ["nonce-1"],
        # Computed with openssl from the verifier above.
        "code_challenge": ["yweOG1vIOgi-DEsVqesg0tBEaxjillv-MnlNRh-RKAU"],
        "code_challenge_method": ["S256"],
        "ui_locales": ["de-DE"],
    }
    again = address_of_sign_in(issuer, begun(), redirect_uri=BACK, language="de-DE", is_asked_again=True)
    assert parse_qs(urlsplit(again).query)["prompt"] == ["login"]


def test_each_sign_in_has_values_of_its_own() -> None:
    many = [SignIn(state="s") for _ in range(50)]

    assert len({one.nonce for one in many} | {one.verifier for one in many}) == 100
    assert all(43 <= len(one.verifier) <= 128 for one in many)  # RFC 7636, 4.1.
    assert many[0].verifier not in repr(many[0])


def test_a_code_gives_whom_the_token_names(trusted: Company) -> None:
    trusted.token = answer_of(email="Ada@Example.com", email_verified=True)

    subject = exchange(trusted.issuer())

    assert (subject.id, subject.email, subject.is_email_verified) == ("fan-1", "Ada@Example.com", True)
    assert trusted.exchanges == [
        (
            {
                "grant_type": ["authorization_code"],
                "code": ["code-1"],
                "redirect_uri": [BACK],
                "code_verifier": ["verifier-1" * 5],
                "client_id": ["monoql-web"],
            },
            "",
        )
    ]


def test_an_id_token_needs_no_claim_of_when_it_begins(trusted: Company) -> None:
    trusted.token = answer_of(nbf=None)

    assert exchange(trusted.issuer()).id == "fan-1"
    with pytest.raises(TokenRefused, match="nbf"):
        read_token(signed(nbf=None), kind="access")


def test_an_id_token_needs_no_type_where_its_issuer_gave_it_to_us(trusted: Company) -> None:
    trusted.token = answer_of(header={"typ": None})
    token = json.loads(trusted.token)["id_token"]
    assert "typ" not in get_unverified_header(token)

    assert exchange(trusted.issuer()).id == "fan-1"
    with pytest.raises(TokenRefused, match="type JWT"):
        read_token(token, kind="id")  # As whoever got hold of it would bring it.


def test_a_client_with_a_secret_proves_itself_and_tells_no_log(trusted: Company) -> None:
    trusted.token, trusted.token_status = b"no", 500
    issuer = trusted.issuer(client_secret="hush:hush")

    with capture_logs() as lines, pytest.raises(IssuerAway) as away:
        exchange(issuer)

    [(form, proof)] = trusted.exchanges
    assert proof == "Basic bW9ub3FsLXdlYjpodXNoJTNBaHVzaA=="
    assert "client_id" not in form
    told = f"{lines} {away.value} {away.value.__cause__} {issuer!r}"
    assert lines
    assert not any(secret in told for secret in ("hush", "verifier-1", "code-1", "nonce-1"))


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"token_status": 400, "token": b'{"error": "invalid_grant"}'}, CodeRefused),
        ({"token_status": 401}, IssuerAway),
        ({"token_status": 503}, IssuerAway),
        ({"token": b"no json"}, IssuerAway),
        ({"token": b"[" * 100_000}, IssuerAway),
        ({"token": b" " * (issuer_keys.MOST_BYTES + 1)}, IssuerAway),
        ({"token": b"[]"}, TokenRefused),
        ({"token": b"{}"}, TokenRefused),
        ({"token": b'{"id_token": 7}'}, TokenRefused),
        ({"redirect": "http://127.0.0.1:9/elsewhere"}, IssuerAway),
    ],
)
def test_what_is_no_answer_signs_nobody_in(trusted: Company, changes: dict[str, Any], refusal: type[Refusal]) -> None:
    trusted.token = answer_of()
    for name, value in changes.items():
        setattr(trusted, name, value)

    with pytest.raises(refusal):
        exchange(trusted.issuer())
    assert len(trusted.exchanges) == 1


def test_an_issuer_that_dawdles_is_not_waited_for(trusted: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer_keys, "TIMEOUT_SECONDS", 0.1)
    trusted.token, trusted.pause = answer_of(), 0.15

    with pytest.raises(IssuerAway):
        exchange(trusted.issuer())


def test_an_issuer_that_is_down_is_away(trusted: Company) -> None:
    with pytest.raises(IssuerAway):
        exchange(trusted.issuer(token_url="http://127.0.0.1:9/token"))


@pytest.mark.parametrize(
    "token",
    [
        {"nonce": "nonce-2"},
        {"nonce": None},
        {"nonce": ["nonce-1"]},
        {"aud": "monoql"},
        {"iss": "https://elsewhere.example"},
        {"key": STRANGERS_KEY},
        {"exp": 1},
        {"header": {"typ": "at+jwt"}},
        {"header": {"typ": "application/at+jwt"}},
        {"header": {"typ": None}, "nonce": "nonce-2"},
        {"header": {"typ": None}, "key": STRANGERS_KEY},
        {"header": {"typ": None}, "aud": "monoql"},
    ],
    ids=lambda token: " ".join(str(token["header"]) if name == "header" else name for name in token),
)
def test_a_token_for_another_sign_in_or_somebody_else_is_refused(trusted: Company, token: dict[str, Any]) -> None:
    trusted.token = json.dumps({"id_token": signed(**{"kind": "id", "nonce": "nonce-1", **token})}).encode()

    with pytest.raises(TokenRefused):
        exchange(trusted.issuer())


def test_an_issuer_cannot_vouch_for_the_fans_of_another(trusted: Company, settings: Settings) -> None:
    other = trusted.issuer(name="other", issuer="https://elsewhere.example")
    settings.OUTSIDE_ISSUERS = (trusted.issuer(), other)
    trusted.token = answer_of(header={"typ": None})

    with pytest.raises(TokenRefused, match="another issuer's"):
        exchange(other)
    assert exchange(trusted.issuer()).id == "fan-1"


@pytest.mark.parametrize("code", ["", "c" * (code_flow.MOST_LETTERS_OF_CODE + 1)])
def test_what_cannot_be_a_code_is_not_sent(trusted: Company, code: str) -> None:
    with pytest.raises(CodeRefused):
        subject_of_code(trusted.issuer(), begun(), code=code, redirect_uri=BACK)
    assert trusted.exchanges == []
