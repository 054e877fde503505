"""Tokens from outside: whom they sign in, and every way we know to sign in without a good one."""

import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as rsa_key
from pytest_django import Settings

from core.models import AuditEvent
from core.refusal import Refusal
from tests.api.calling import Answer, Api, is_error
from tests.viewers.issuer import (
    ISSUER,
    KEY,
    STRANGERS_KEY,
    Company,
    claims_of,
    company,
    forged,
    jwk,
    public_pem,
    signed,
)
from viewers import issuer_keys
from viewers.issuer_keys import IssuerAway, KeySet, UnknownKey
from viewers.models import ApiSession, Staff
from viewers.outside_tokens import MOST_BYTES, read_token

pytestmark = pytest.mark.django_db
NOW = int(time.time())


def sign_in(api: Api, token: str, kind: str = "access") -> Answer:
    """Send a token."""
    return api.post("auth/", {"token": token, "kind": kind})


def is_refused(answer: Answer) -> bool:
    """Whether nobody was signed in."""
    is_told = is_error(answer, 401, "authentication_failed") and answer.headers["WWW-Authenticate"]
    return bool(is_told) and not answer.headers.get("Set-Cookie") and not ApiSession.objects.exists()


def test_a_good_token_signs_a_fan_in(api: Api, trusted: Company) -> None:
    for kind in ("access", "id"):
        answer = sign_in(api, signed(kind=kind), kind)

        assert answer.status == 200, answer.body
        assert (answer.body["viewer"]["kind"], answer.body["viewer"]["subject"]) == ("fan", "fan-1")
        assert (answer.body["viewer"]["may"], answer.body["viewer"]["permissions"]) == ([], {})
        assert answer.headers["Cache-Control"] == "no-store"
    assert trusted.asked == 1


def test_the_claim_that_names_the_fan_is_the_configured_one(api: Api, trusted: Company, settings: Settings) -> None:
    settings.OUTSIDE_ISSUERS = (trusted.issuer(subject_claim="globalUserId"),)

    answer = sign_in(api, signed(globalUserId="g-7"))

    assert answer.body["viewer"]["subject"] == "g-7"
    assert is_error(sign_in(api, signed()), 401, "authentication_failed")


def good_claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good access token."""
    return {**claims_of(signed()), **changes}


FORGED: dict[str, str] = {
    "no signature": forged({"typ": "at+jwt", "kid": "k1", "alg": "none"}, good_claims()),
    "no signature, in capitals": forged({"typ": "at+jwt", "kid": "k1", "alg": "NONE"}, good_claims()),
    "no algorithm": forged({"typ": "at+jwt", "kid": "k1"}, good_claims()),
    "algorithm that is no text": forged({"typ": "at+jwt", "kid": "k1", "alg": ["RS256"]}, good_claims()),
    "key confusion": forged({"typ": "at+jwt", "kid": "k1", "alg": "HS256"}, good_claims(), secret=public_pem()),
    "key confusion, key as the set has it": forged(
        {"typ": "at+jwt", "kid": "k1", "alg": "HS256"}, good_claims(), secret=json.dumps(jwk(KEY, "k1")).encode()
    ),
    "RS256 with an HMAC": forged({"typ": "at+jwt", "kid": "k1", "alg": "RS256"}, good_claims(), secret=public_pem()),
    "another algorithm than the pinned one": signed(algorithm="RS512"),
    "foreign issuer": signed(iss="https://elsewhere.example"),
    "issuer that is no text": forged({"typ": "at+jwt", "kid": "k1", "alg": "RS256"}, good_claims(iss=[ISSUER])),
    "a stranger's key": signed(key=STRANGERS_KEY),
    "wrong audience": signed(aud="somebody-else"),
    "wrong audiences": signed(aud=["somebody", "else"]),
    "audience of no kind": signed(aud=[]),
    "expired": signed(exp=NOW - 31),
    "not valid yet": signed(nbf=NOW + 600),
    "issued in the future": signed(iat=NOW + 600),
    "expiry that is no number": signed(exp="tomorrow"),
    "expiry beyond numbers": signed(exp=float("inf")),
    "an id token": signed(kind="id"),
    "an id token that says it is for the API": signed(kind="id", aud="monoql"),
    "an access token for the web": signed(aud="monoql-web"),
    "unknown key": signed(header={"kid": "k2"}),
    "no key named": signed(header={"kid": None}),
    "empty key name": signed(header={"kid": ""}),
    "endless key name": signed(header={"kid": "k" * 201}),
    "no type": signed(header={"typ": None}),
    "another type": signed(header={"typ": "JWT"}),
    "our own type": signed(header={"typ": "monoql-viewer+jwt"}),
    "no expiry": signed(exp=None),
    "no not-before": signed(nbf=None),
    "no issue time": signed(iat=None),
    "no issuer": signed(iss=None),
    "no audience": signed(aud=None),
    "no subject": signed(sub=None),
    "empty subject": signed(sub=""),
    "endless subject": signed(sub="x" * 256),
    "subject with a line break": signed(sub="fan\n1"),
    "a critical extension": signed(header={"crit": ["exp"]}),
    "oversized": signed(extra="x" * MOST_BYTES),
    "a key in its header": signed(key=STRANGERS_KEY, header={"jwk": jwk(STRANGERS_KEY, "k1")}),
    "a certificate in its header": signed(key=STRANGERS_KEY, header={"x5c": ["AAAA"], "x5t": "AAAA"}),
    "no token": "no token",
    "nothing in it": "..",
    "one part": "eyJhbGciOiJub25lIn0",
    "five parts": ".".join([signed(), "a", "b"]),
    "a list as header": forged([], {}),
    "deep as a well": "eyJhbGciOiJub25lIn0." + "W1tb" * 1500 + ".",
    "a letter more": signed() + "A",
    "half of it": signed()[: len(signed()) // 2],
}


@pytest.mark.parametrize("name", sorted(FORGED))
def test_a_token_that_is_not_good_signs_nobody_in(api: Api, trusted: Company, name: str) -> None:
    answer = sign_in(api, FORGED[name])

    if name == "oversized":
        assert answer.status in (400, 401, 413)
        assert not ApiSession.objects.exists()
    else:
        assert is_refused(answer), answer.body


def test_the_longest_token_is_refused_by_the_reader_too(trusted: Company) -> None:
    with pytest.raises(Refusal, match="longer than 8 KB"):
        read_token(FORGED["oversized"], kind="access")


def test_an_access_token_is_no_id_token(api: Api, trusted: Company) -> None:
    assert is_refused(sign_in(api, signed(), "id"))
    assert is_refused(sign_in(api, signed(kind="id", aud="monoql"), "id"))
    assert sign_in(api, signed(kind="id"), "id").status == 200


def test_every_changed_letter_of_the_claims_is_noticed(trusted: Company) -> None:
    token = signed(sub="fan-1")
    header, _payload, signature = token.split(".")
    other = signed(sub="fan-2").split(".")[1]

    for spoilt in (f"{header}.{other}.{signature}", token.replace(".", ".e", 1), token[:-5] + token[-4:]):
        with pytest.raises(Refusal):
            read_token(spoilt, kind="access")


def test_clocks_may_differ_by_half_a_minute(api: Api, trusted: Company) -> None:
    now = int(time.time())

    assert sign_in(api, signed(exp=now - 20, nbf=now - 90, iat=now - 90)).status == 200
    assert sign_in(api, signed(nbf=now + 20, iat=now + 20)).status == 200


@pytest.mark.parametrize("name", ["jku", "x5u"])
def test_an_address_in_a_token_is_never_asked(api: Api, trusted: Company, name: str) -> None:
    with company() as stranger:
        stranger.keys = [jwk(STRANGERS_KEY, "k1"), jwk(STRANGERS_KEY, "s1")]
        for kid in ("k1", "s1"):
            header = {name: f"{stranger.address}/jwks.json", "kid": kid}

            assert is_refused(sign_in(api, signed(key=STRANGERS_KEY, header=header)))

        assert stranger.asked == 0


def test_keys_are_asked_for_once_however_many_unknown_ones_are_named(trusted: Company) -> None:
    clock = Clock()
    keys = KeySet(trusted.issuer(), clock=clock)

    for number in range(50):
        with pytest.raises(UnknownKey):
            keys.key(f"made-up-{number}", "RS256")
    assert trusted.asked == 1

    clock.now += issuer_keys.RETRY_SECONDS
    with pytest.raises(UnknownKey):
        keys.key("made-up", "RS256")
    assert trusted.asked == 2


def test_a_new_key_is_found_and_a_withdrawn_one_is_forgotten(trusted: Company) -> None:
    clock = Clock()
    keys = KeySet(trusted.issuer(), clock=clock)
    assert keys.key("k1", "RS256").key_id == "k1"
    trusted.keys = [jwk(STRANGERS_KEY, "k2")]

    clock.now += issuer_keys.RETRY_SECONDS
    assert keys.key("k2", "RS256").key_id == "k2"
    with pytest.raises(UnknownKey):
        keys.key("k1", "RS256")


def test_a_withdrawn_key_is_forgotten_in_ten_minutes_without_anything_new(trusted: Company) -> None:
    clock = Clock()
    keys = KeySet(trusted.issuer(), clock=clock)
    keys.key("k1", "RS256")
    trusted.keys = []

    clock.now += issuer_keys.FRESH_SECONDS + 1
    with pytest.raises(UnknownKey):
        keys.key("k1", "RS256")


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"keys": 1}', b"[" * 100_000, b" " * 300_000])
def test_an_issuer_that_answers_nonsense_is_away(trusted: Company, body: bytes) -> None:
    trusted.body = body

    with pytest.raises(IssuerAway):
        KeySet(trusted.issuer()).key("k1", "RS256")


def test_an_issuer_that_is_away_is_forgiven_for_an_hour(trusted: Company) -> None:
    clock = Clock()
    keys = KeySet(trusted.issuer(), clock=clock)
    keys.key("k1", "RS256")
    trusted.body = b"no json"

    clock.now += issuer_keys.KEPT_SECONDS - 1
    assert keys.key("k1", "RS256").key_id == "k1"
    clock.now += 2
    with pytest.raises(IssuerAway):
        keys.key("k1", "RS256")


def test_an_issuer_that_nobody_reaches_is_told_as_such(api: Api, trusted: Company, settings: Settings) -> None:
    settings.OUTSIDE_ISSUERS = (trusted.issuer(jwks_url="http://127.0.0.1:9/jwks.json"),)

    assert is_error(sign_in(api, signed()), 503, "unavailable")


def test_an_issuers_address_that_leads_elsewhere_is_not_followed(trusted: Company) -> None:
    with company() as elsewhere:
        trusted.redirect = f"{elsewhere.address}/jwks.json"

        with pytest.raises(IssuerAway):
            KeySet(trusted.issuer()).key("k1", "RS256")

        assert elsewhere.asked == 0


UNFIT: dict[str, dict[str, Any]] = {
    "for encryption": jwk(KEY, "k1", use="enc"),
    "for another algorithm": jwk(KEY, "k1", alg="RS512"),
    "a shared secret": {"kty": "oct", "k": "AAAA", "kid": "k1"},
    "too short": jwk(rsa_key(public_exponent=65537, key_size=1024), "k1"),  # noqa: S505  That is the point.
    "broken": {"kty": "RSA", "n": "!", "e": "AQAB", "kid": "k1"},
    "incomplete": {"kty": "RSA", "kid": "k1"},
    "of another kind": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "k1"},
    "a private one": {**jwk(KEY, "k1"), "d": "AAAA"},
}


@pytest.mark.parametrize("name", sorted(UNFIT))
def test_a_key_that_is_unfit_is_no_key(trusted: Company, name: str) -> None:
    trusted.keys = [UNFIT[name]]

    with pytest.raises(UnknownKey):
        KeySet(trusted.issuer()).key("k1", "RS256")


def test_a_key_of_an_algorithm_that_is_not_pinned_does_not_help(api: Api, trusted: Company) -> None:
    elliptic = ec_key(SECP256R1())

    assert is_refused(sign_in(api, signed(key=elliptic, algorithm="ES256")))


def test_an_installation_without_issuers_signs_nobody_in(api: Api, settings: Settings) -> None:
    settings.OUTSIDE_ISSUERS = ()

    assert is_refused(sign_in(api, signed()))


@pytest.mark.parametrize(
    "body",
    [{}, {"token": "x"}, {"kind": "access"}, {"token": 1, "kind": "refresh"}, {"token": ["x"], "kind": "access"}],
)
def test_a_body_without_a_token_is_invalid(api: Api, trusted: Company, body: dict[str, Any]) -> None:
    assert is_error(api.post("auth/", body), 400, "invalid")


def test_another_site_signs_nobody_in(api: Api, trusted: Company) -> None:
    body = json.dumps({"token": signed(), "kind": "access"}).encode()

    assert is_error(api.raw("POST", "auth/", body, kind="text/plain"), 415, "unsupported_media_type")
    assert is_error(api.raw("POST", "auth/", body, sec_fetch_site="cross-site"), 403, "csrf_failed")
    assert not ApiSession.objects.exists()


def test_signing_in_as_a_fan_leaves_no_line_of_staff_in_the_trail(api: Api, supreme: Staff, trusted: Company) -> None:
    sign_in(api, signed())

    assert not AuditEvent.objects.exists()


class Clock:
    """Seconds as a test sets them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The present one."""
        return self.now
