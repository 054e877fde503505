"""Which issuers this installation trusts, as its settings say it; and the development issuer."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from monoql import dev_issuer
from viewers.issuers import LOOPBACK, development_issuer, read_issuers

GOOD: dict[str, Any] = {
    "name": "company",
    "issuer": "https://sign-in.example/",
    "jwks_url": "https://sign-in.example/jwks.json",
    "audience": "monoql",
    "algorithms": ["RS256"],
}


SIGN_IN = {
    "authorize_url": "https://sign-in.example/authorize?tenant=7",
    "token_url": "https://sign-in.example/token",
}


def test_a_sign_in_is_read_and_its_secret_shows_nowhere() -> None:
    (issuer,) = read_issuers(json.dumps([{**GOOD, **SIGN_IN, "client_secret": "hush-hush"}]))

    assert (issuer.client_secret, issuer.has_sign_in) == ("hush-hush", True)
    assert "hush-hush" not in repr(issuer)
    assert not read_issuers(json.dumps([GOOD]))[0].has_sign_in


def test_a_sign_in_by_plain_http_is_for_development_machines() -> None:
    local = {**SIGN_IN, "token_url": "http://localhost:9000/token"}

    with pytest.raises(ImproperlyConfigured, match="token_url"):
        read_issuers(json.dumps([{**GOOD, **local}]))
    (issuer,) = read_issuers(json.dumps([{**GOOD, **local}]), loopback=LOOPBACK)
    assert issuer.token_url == "http://localhost:9000/token"


def test_an_issuer_is_read_with_what_is_usual() -> None:
    (issuer,) = read_issuers(json.dumps([GOOD]))

    assert issuer.audiences == {"access": "monoql", "id": "monoql"}
    assert issuer.types == {"access": "at+jwt", "id": "JWT"}
    assert (issuer.subject_claim, issuer.staff) == ("sub", False)


def test_no_variable_is_no_issuer() -> None:
    assert read_issuers("") == read_issuers("[]") == ()


def test_a_kind_that_is_left_out_is_not_taken() -> None:
    (issuer,) = read_issuers(json.dumps([{**GOOD, "types": {"id": "JWT"}, "audience": {"id": "web"}}]))

    assert (issuer.types, issuer.audiences) == ({"id": "JWT"}, {"id": "web"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "name must be given"),
        ({"name": "x" * 81}, "name is a text of up to 80 letters"),
        ({"issuer": 7}, "issuer is the text"),
        ({"jwks_url": "http://sign-in.example/jwks.json"}, "jwks_url is an https address"),
        ({"jwks_url": "file:///etc/passwd"}, "jwks_url is an https address"),
        ({"algorithms": ["HS256"]}, "asymmetric ones alone, not HS256"),
        ({"algorithms": ["none", "RS256"]}, "asymmetric ones alone, not none"),
        ({"algorithms": "RS256"}, "algorithms is a list"),
        ({"algorithms": []}, "algorithms must be given"),
        ({"audience": ["a", "b"]}, "audience is one text"),
        ({"audience": {"access": "a"}}, "audience is one text, or has one for each kind"),
        ({"types": {}}, "types has access, id or both"),
        ({"types": {"refresh": "x"}}, "types has access, id or both"),
        ({"types": {"access": "JWT", "id": "jwt"}}, "types must differ between access and id"),
        ({"staff": "yes"}, "staff is true or false"),
        ({"subject_claim": ""}, "subject_claim is the name of a claim"),
        ({"jwks_uri": "https://x"}, "jwks_uri is not known"),
        ({"authorize_url": "https://sign-in.example/"}, "authorize_url and token_url belong together"),
        ({"token_url": "https://sign-in.example/"}, "authorize_url and token_url belong together"),
        ({**SIGN_IN, "token_url": "http://sign-in.example/"}, "token_url is an https address"),
        ({**SIGN_IN, "authorize_url": "http://localhost/"}, "authorize_url is an https address"),
        ({**SIGN_IN, "authorize_url": "javascript:alert(1)"}, "authorize_url is an https address"),
        ({**SIGN_IN, "authorize_url": "https://sign-in.example/#top"}, "authorize_url is an https address"),
        ({**SIGN_IN, "types": {"access": "at+jwt"}}, "authorize_url needs id tokens"),
        ({**SIGN_IN, "client_secret": 7}, "client_secret is a text"),
        ({"client_secret": "x"}, "client_secret goes with authorize_url"),
    ],
)
def test_what_is_wrong_with_an_issuer_stops_the_start_and_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=words):
        read_issuers(json.dumps([{**GOOD, **change}]))


@pytest.mark.parametrize("text", ["no json", "{}", '"x"', "[1]"])
def test_a_variable_that_is_no_list_of_issuers_stops_the_start(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="OUTSIDE_ISSUERS"):
        read_issuers(text)


def test_kinds_of_one_type_are_told_apart_by_their_audiences() -> None:
    types, audience = {"access": "JWT", "id": "JWT"}, {"access": "api", "id": "web"}

    assert read_issuers(json.dumps([{**GOOD, "types": types, "audience": audience}]))


@pytest.mark.parametrize("same", ["name", "issuer"])
def test_two_issuers_are_never_taken_for_one_another(same: str) -> None:
    other = {**GOOD, "name": "other", "issuer": "https://other.example/", same: GOOD[same]}

    with pytest.raises(ImproperlyConfigured, match=f"same {same}"):
        read_issuers(json.dumps([GOOD, other]))


def test_the_development_issuer_is_nowhere_else(client: Client, settings: Settings) -> None:
    settings.DEVELOPMENT = False
    settings.ROOT_URLCONF = "tests.api.development_urls"

    for address in ("/dev/issuer/", "/dev/issuer/jwks.json", "/dev/issuer/authorize/"):
        assert client.get(address).status_code == 404
    assert client.post("/dev/issuer/exchange/", {"code": "x"}).status_code == 404
    assert client.post("/dev/issuer/token/", {"subject": "fan-1"}).status_code == 404
    with pytest.raises(dev_issuer.NotInDevelopment):
        dev_issuer.mint(subject="fan-1", kind="access", now=timezone.now())
    with pytest.raises(CommandError):
        call_command("dev_token", "--subject", "fan-1")


def test_the_development_issuer_makes_tokens_by_page_address_and_command(client: Client, settings: Settings) -> None:
    settings.DEVELOPMENT = True
    settings.ROOT_URLCONF = "tests.api.development_urls"
    out = StringIO()

    page = client.post("/dev/issuer/", {"subject": "<fan>", "kind": "id"})
    bare = client.post("/dev/issuer/token/", {"subject": "fan-1"})
    call_command("dev_token", "--subject", "fan-1", "--kind", "id", stdout=out)

    assert "&lt;fan&gt;" in page.content.decode()
    assert page.content.decode().count(">eyJ") == 1
    assert bare.content.count(b".") == out.getvalue().count(".") == 2
    assert client.post("/dev/issuer/token/", {}).status_code == 400
    assert set(client.get("/dev/issuer/jwks.json").json()["keys"][0]) == {"kty", "crv", "use", "alg", "kid", "x"}
    assert development_issuer("http://localhost:8000").jwks_url == "http://localhost:8000/dev/issuer/jwks.json"
