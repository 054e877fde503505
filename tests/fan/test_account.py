"""Campaigns that know fans by their account: signing in with the issuer, registering, and coming back.

The issuer is the development one. Our server's requests to it go through a test client instead of the network; what
happens on the wire is in tests/viewers/test_code_flow.py.
"""

import io
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from email.message import Message as Headers
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.http import HttpResponse, HttpResponseBase
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

from campaigns import lifecycle
from campaigns.models import Campaign
from entries.fan_sign_in import Account, account_token
from entries.models import Entry
from monoql import dev_issuer, dev_sign_in
from tests import scenario
from tests.fan.conftest import form_of
from viewers import code_flow, issuer_keys
from viewers.issuers import development_issuer

AT_ISSUER = "http://localhost:8000/dev/issuer/"


class Wire:
    """The network between our server and the issuer."""

    def __init__(self) -> None:
        self.is_down = False
        self.exchanges = 0
        """How many codes our server has brought."""
        self.changes: dict[str, str | None] = {}
        """What the exchange's form says otherwise."""

    def __call__(self, address: str, *, form: bytes | None = None, headers: Mapping[str, str] | None = None) -> bytes:
        assert address.startswith(AT_ISSUER)
        if self.is_down:
            raise TimeoutError
        path = urlsplit(address).path
        if form is None:
            return bytes(Client().get(path).content)
        self.exchanges += 1
        sent = {**{name: values[0] for name, values in parse_qs(form.decode()).items()}, **self.changes}
        answer = Client().post(path, {name: value for name, value in sent.items() if value is not None})
        if answer.status_code >= 400:
            raise HTTPError(address, answer.status_code, "refused", Headers(), io.BytesIO(answer.content))
        return bytes(answer.content)


@pytest.fixture(autouse=True)
def wire(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """The installation trusts the development issuer alone, and reaches it."""
    settings.PUBLIC_URL = "http://localhost:8000"
    settings.OUTSIDE_ISSUERS = (development_issuer(settings.PUBLIC_URL),)
    found = Wire()
    monkeypatch.setattr(issuer_keys, "fetched", found)
    monkeypatch.setattr(code_flow, "fetched", found)
    issuer_keys.forget_keys()
    yield found
    issuer_keys.forget_keys()


@pytest.fixture
def tour(tour: Campaign) -> Campaign:
    """The tour, which knows fans by their account."""
    Campaign.objects.filter(pk=tour.pk).update(identifier_type="globalUserId")
    tour.refresh_from_db()
    return tour


def path_of(address: str) -> str:
    """An address without its host."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def begin(client: Client, base: str, query: str = "") -> str:
    """Press "Sign in"; the issuer's address."""
    address = client.get(f"{base}sign-in/{query}").headers["Location"]
    assert address.startswith(f"{AT_ISSUER}authorize/?")
    return str(address)


def at_issuer(address: str, **typed: str) -> str:
    """Type a name at the issuer; the address of ours to which it sends the browser."""
    typed = {"subject": "fan-1", "email": "Ada@Example.com", "is_verified": "on", **typed}
    answer = Client().post(path_of(address), {name: value for name, value in typed.items() if value})
    assert answer.headers["Location"].startswith("http://localhost:8000/signed-in/?")
    return str(answer.headers["Location"])


def led_on(address: str) -> str:
    """Follow the common address to the campaign's own."""
    return str(Client().get(path_of(address), headers={"host": "localhost:8000"}).headers["Location"])


def sign_in(client: Client, base: str, *, query: str = "", **typed: str) -> HttpResponseBase:
    """Sign in from the first press to the answer of the campaign's own page."""
    return client.get(path_of(led_on(at_issuer(begin(client, base, query), **typed))))


def words(response: HttpResponseBase) -> str:
    """A page's text."""
    assert isinstance(response, HttpResponse)
    return response.content.decode()


def account_form(**changes: object) -> dict[str, object]:
    """What Ada sends after signing in."""
    return {"name": "Ada Lovelace", "choices": ["AZ-PHX", "CA-LAX"], **changes}


def test_a_fan_signs_in_registers_and_is_in(client: Client, tour: Campaign, base: str) -> None:
    answer = sign_in(client, base)
    form = client.get(answer.headers["Location"])
    sent = client.post(f"{base}register/", account_form())
    page = client.get(sent.headers["Location"])

    assert (answer.status_code, answer.headers["Location"]) == (303, "/c/aurora/register/")
    assert "ada@example.com" in words(form)
    assert 'name="email"' not in words(form)
    assert form.headers["Cache-Control"] == "no-store"
    assert (sent.status_code, sent.headers["Location"]) == (303, "/c/aurora/entry/")
    assert "You are in." in words(page)
    entry = Entry.objects.get()
    assert (entry.identifier, entry.email, entry.email_confirmed_at is not None) == ("fan-1", "ada@example.com", True)


def test_whoever_has_an_entry_is_led_to_it(client: Client, tour: Campaign, base: str) -> None:
    sign_in(client, base)
    client.post(f"{base}register/", account_form())

    other_phone = Client()
    answer = sign_in(other_phone, base)

    assert answer.headers["Location"] == "/c/aurora/entry/"
    assert answer.cookies["monoql_account"].value == ""
    assert "You are in." in words(other_phone.get(f"{base}entry/"))


def test_a_sign_in_leads_to_named_places_alone(client: Client, tour: Campaign, base: str) -> None:
    sign_in(client, base)
    client.post(f"{base}register/", account_form())

    assert sign_in(Client(), base, query="?to=change").headers["Location"] == "/c/aurora/entry/change/"
    assert sign_in(Client(), base, query="?to=//evil.example/").headers["Location"] == "/c/aurora/entry/"


def test_an_address_that_the_account_does_not_prove_is_asked_and_mailed(
    client: Client, tour: Campaign, base: str
) -> None:
    sign_in(client, base, is_verified="")
    form = words(client.get(f"{base}register/"))
    refused = client.post(f"{base}register/", account_form(email="grace@"))
    client.post(f"{base}register/", account_form(email="grace@example.com"))
    page = words(client.get(f"{base}entry/"))

    assert 'name="email"' in form
    assert "ada@example.com" not in form.lower()
    assert refused.status_code == 400
    assert 'id="email-error"' in words(refused)
    entry = Entry.objects.get()
    assert (entry.email, entry.email_confirmed_at) == ("grace@example.com", None)
    assert "Your entry does not count yet." in page
    assert "Your address must still be confirmed" in page
    assert entry.messages.get().kind == "confirmation"


def test_a_mistyped_address_can_be_mended_until_it_is_proved(client: Client, tour: Campaign, base: str) -> None:
    sign_in(client, base, email="")
    client.post(f"{base}register/", account_form(email="grcae@example.com"))

    form = words(client.get(f"{base}entry/change/"))
    client.post(f"{base}entry/change/", account_form(email="grace@example.com"))

    assert re.search(r'<input id="email"[^>]*value="grcae@example.com"', form)
    assert Entry.objects.get().email == "grace@example.com"
    Entry.objects.update(email_confirmed_at=timezone.now())
    assert 'name="email"' not in words(client.get(f"{base}entry/change/"))


def test_a_fan_cannot_name_another_address_than_her_account_proves(client: Client, tour: Campaign, base: str) -> None:
    sign_in(client, base)
    client.post(f"{base}register/", account_form(email="victim@example.com"))

    assert Entry.objects.get().email == "ada@example.com"


def test_errors_stand_beside_the_fields_of_the_form(client: Client, tour: Campaign, base: str) -> None:
    sign_in(client, base)
    response = client.post(f"{base}register/", account_form(name="", choices=["CA-LAX"]))
    page = words(response)

    assert response.status_code == 400
    assert 'id="name-error"' in page
    assert '<option value="CA-LAX" selected>' in page
    assert f'action="{base}register/"' in page
    assert "ada@example.com" in page


def test_another_city_can_be_added_without_javascript(client: Client, tour: Campaign, base: str) -> None:
    sign_in(client, base)
    response = client.post(f"{base}register/", account_form(add_city="1"))

    assert response.status_code == 200
    assert 'value="Ada Lovelace"' in words(response)
    assert not Entry.objects.exists()


def test_the_landing_page_is_one_for_everybody(client: Client, tour: Campaign, base: str) -> None:
    fresh = client.get(base)
    sign_in(client, base)
    signed_in = client.get(base)

    assert words(fresh) == words(signed_in)
    assert "Sign in to register" in words(fresh)
    assert 'name="name"' not in words(fresh)
    assert "You sign in with your account" in words(fresh)
    assert "We mail you a link" not in words(fresh)
    assert fresh.headers["Cache-Control"] == signed_in.headers["Cache-Control"] == "public, max-age=5"
    assert not fresh.cookies


def test_a_form_sent_to_the_landing_page_registers_nobody(client: Client, tour: Campaign, base: str) -> None:
    response = client.post(base, form_of())

    assert response.headers["Location"] == f"{base}register/"
    assert not Entry.objects.exists()


def test_a_closed_campaign_shows_no_sign_in_to_register(client: Client, tour: Campaign, base: str) -> None:
    sign_in(client, base)
    lifecycle.close_campaign(campaign=tour, actor=scenario.SUPREME, now=timezone.now())

    assert "Sign in to register" not in words(client.get(base))
    assert client.get(f"{base}register/").headers["Location"] == base
    refused = client.post(f"{base}register/", account_form())
    assert refused.status_code == 409
    assert "Your form was not taken." in words(refused)
    answer = sign_in(Client(), base)
    assert (answer.status_code, "This account has no entry here" in words(answer)) == (200, True)
    assert not Entry.objects.exists()


def test_the_cookie_of_a_sign_in_is_hidden_short_and_of_one_campaign(client: Client, tour: Campaign, base: str) -> None:
    response = client.get(f"{base}sign-in/")

    cookie = response.cookies["monoql_sign_in"]
    assert (cookie["path"], cookie["samesite"], cookie["httponly"], cookie["max-age"]) == (base, "Lax", True, 600)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"


def test_the_issuer_learns_the_challenge_and_one_address_of_ours(client: Client, tour: Campaign, base: str) -> None:
    asked = parse_qs(urlsplit(begin(client, base)).query)

    assert asked["redirect_uri"] == ["http://localhost:8000/signed-in/"]
    assert asked["client_id"] == ["monoql-web"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["scope"] == ["openid email"]
    assert set(asked) & {"code_verifier", "client_secret"} == set()


def refusal(response: HttpResponseBase, base: str) -> str:
    """The heading of a page that signs nobody in and offers to try again."""
    assert "monoql_fan" not in response.cookies
    assert "monoql_account" not in response.cookies
    assert f'href="{base}sign-in/' in words(response)
    assert response.headers["Cache-Control"] == "no-store"
    [heading] = re.findall(r"<h1>(.*?)</h1>", words(response))
    return str(heading)


def test_who_cancels_reads_so_and_can_try_again(client: Client, tour: Campaign, base: str) -> None:
    address = begin(client, base)
    answer = Client().post(path_of(address), {"cancel": "1", "subject": "fan-1"})

    assert refusal(client.get(path_of(led_on(answer.headers["Location"]))), base) == "You have not signed in"


def test_a_code_of_another_browsers_sign_in_signs_nobody_in(
    client: Client, tour: Campaign, base: str, wire: Wire
) -> None:
    """An attacker has his own account's answer opened by his victim, who would register for him."""
    attackers = led_on(at_issuer(begin(Client(), base), subject="attacker"))

    assert refusal(client.get(path_of(attackers)), base) == "This sign-in is over"
    begin(client, base)
    assert refusal(client.get(path_of(attackers)), base) == "This sign-in is over"
    assert wire.exchanges == 0


def test_a_code_of_another_sign_in_under_the_right_state_signs_nobody_in(
    client: Client, tour: Campaign, base: str
) -> None:
    """Verifier and nonce are this browser's; the code was made for a challenge of another one."""
    stolen = parse_qs(urlsplit(at_issuer(begin(Client(), base), subject="victim")).query)["code"][0]
    own_state = parse_qs(urlsplit(begin(client, base)).query)["state"][0]

    answer = client.get(f"{base}signed-in/", {"code": stolen, "state": own_state})

    assert refusal(answer, base) == "This sign-in is over"


def test_a_wrong_verifier_gets_no_token(client: Client, tour: Campaign, base: str, wire: Wire) -> None:
    wire.changes = {"code_verifier": "x" * 64}
    assert refusal(sign_in(client, base), base) == "This sign-in is over"
    wire.changes = {"code_verifier": None}
    assert refusal(sign_in(client, base), base) == "This sign-in is over"
    wire.changes = {"redirect_uri": "http://localhost:8000/elsewhere/"}
    assert refusal(sign_in(client, base), base) == "This sign-in is over"
    wire.changes = {}
    assert sign_in(client, base).status_code == 303


def test_a_token_with_another_nonce_is_refused(
    client: Client, tour: Campaign, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = dev_issuer.mint
    monkeypatch.setattr(dev_sign_in, "mint", lambda **claims: honest(**{**claims, "nonce": "another"}))

    assert refusal(sign_in(client, base), base) == "The sign-in did not work"


def test_a_token_of_another_issuer_is_refused(
    client: Client, tour: Campaign, base: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are trusted, and sign with the same key here; fans have their accounts with the first alone."""
    ours = development_issuer(settings.PUBLIC_URL)
    changed = {**vars(ours), "name": "other", "issuer": "https://other.example"}
    settings.OUTSIDE_ISSUERS = (ours, type(ours)(**changed))
    settings.FAN_ISSUER = ours.name
    honest = dev_issuer.mint
    monkeypatch.setattr(dev_sign_in, "mint", lambda **claims: honest(**{**claims, "iss": "https://other.example"}))

    assert refusal(sign_in(client, base), base) == "The sign-in did not work"
    monkeypatch.undo()


def test_an_answer_works_once(client: Client, tour: Campaign, base: str) -> None:
    address = begin(client, base)
    cookie = client.cookies["monoql_sign_in"].value
    back = path_of(led_on(at_issuer(address)))
    first = client.get(back)

    again = client.get(back)
    copied = Client()
    copied.cookies["monoql_sign_in"] = cookie

    assert first.headers["Location"] == f"{base}register/"
    assert first.cookies["monoql_sign_in"]["max-age"] == 0
    assert refusal(again, base) == "This sign-in is over"
    assert refusal(copied.get(back), base) == "This sign-in is over"  # The issuer has used the code up.


def test_a_sign_in_of_another_campaign_is_not_taken(client: Client, tour: Campaign, base: str) -> None:
    other = scenario.open_tour(domain="other")
    Campaign.objects.filter(pk=other.pk).update(identifier_type="globalUserId")
    back = urlsplit(led_on(at_issuer(begin(client, "/c/other/"))))

    assert back.path == "/c/other/signed-in/"
    assert refusal(client.get(f"{base}signed-in/?{back.query}"), base) == "This sign-in is over"


def test_an_account_of_another_campaign_opens_no_form(client: Client, tour: Campaign, base: str) -> None:
    other = scenario.open_tour(domain="other")
    client.cookies["monoql_account"] = account_token(Account("fan-1", "ada@example.com"), campaign_id=other.pk)

    assert "Sign in to see your entry" in words(client.get(f"{base}register/"))
    assert client.post(f"{base}register/", account_form()).status_code == 400
    assert not Entry.objects.exists()


def test_a_sign_in_that_takes_too_long_is_over(client: Client, tour: Campaign, base: str) -> None:
    address = begin(client, base)
    at_own_page = led_on(at_issuer(address))

    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=True):
        late = Client().get(path_of(at_issuer(address)))
        assert refusal(client.get(path_of(at_own_page)), base) == "This sign-in is over"
    assert (late.status_code, "Location" in late.headers) == (400, False)


def test_a_form_sent_after_an_hour_is_not_taken_and_says_so(client: Client, tour: Campaign, base: str) -> None:
    sign_in(client, base)

    with time_machine.travel(timezone.now() + timedelta(minutes=61), tick=True):
        response = client.post(f"{base}register/", account_form())

    assert (response.status_code, "Please sign in again" in words(response)) == (400, True)
    assert not Entry.objects.exists()


@pytest.mark.parametrize("state", ["", "x", "https://evil.example/", "//evil.example/"])
def test_the_common_address_leads_nowhere_without_our_own_state(client: Client, tour: Campaign, state: str) -> None:
    response = client.get("/signed-in/", {"code": "c", "state": state})

    assert (response.status_code, "Location" in response.headers) == (400, False)
    assert "This sign-in is over" in words(response)


def test_an_issuer_that_does_not_answer_is_said_to_be_away(
    client: Client, tour: Campaign, base: str, wire: Wire
) -> None:
    back = path_of(led_on(at_issuer(begin(client, base))))
    wire.is_down = True

    response = client.get(back)

    assert response.status_code == 503
    assert refusal(response, base) == "Signing in does not work at the moment"


@pytest.mark.parametrize("is_without", ["issuer", "pages"])
def test_without_an_issuer_of_fans_the_page_says_so(
    client: Client, tour: Campaign, base: str, settings: Settings, is_without: str
) -> None:
    ours = development_issuer(settings.PUBLIC_URL)
    bare = type(ours)(**{**vars(ours), "authorize_url": "", "token_url": ""})
    settings.OUTSIDE_ISSUERS = () if is_without == "issuer" else (bare,)

    response = client.get(f"{base}sign-in/")

    assert response.status_code == 503
    assert refusal(response, base) == "Signing in does not work at the moment"


def test_nothing_of_a_sign_in_is_logged(client: Client, tour: Campaign, base: str, wire: Wire) -> None:
    with capture_logs() as lines:
        wire.changes = {"code_verifier": "x" * 64}
        address = begin(client, base)
        back = at_issuer(address)
        client.get(path_of(led_on(back)))

    code = parse_qs(urlsplit(back).query)["code"][0]
    ours = [line for line in lines if line["event"] in ("fan_not_signed_in", "sign_in_code_not_exchanged")]
    assert len(ours) == 2
    assert code not in repr(ours)
    assert parse_qs(urlsplit(address).query)["state"][0] not in repr(ours)


def test_signing_out_forgets_the_account_and_the_issuer_asks_again(client: Client, tour: Campaign, base: str) -> None:
    sign_in(client, base)
    assert "prompt=login" not in begin(Client(), base)

    out = client.post(f"{base}entry/sign-out/")

    assert out.cookies["monoql_account"]["max-age"] == 0
    assert "Sign in to see your entry" in words(client.get(f"{base}register/"))
    assert "prompt=login" in begin(client, base)
    answer = sign_in(client, base, subject="fan-2", email="ben@example.com")
    assert answer.cookies["monoql_signed_out"]["max-age"] == 0
    assert "ben@example.com" in words(client.get(f"{base}register/"))


def test_another_site_cannot_send_the_form(client: Client, tour: Campaign, base: str) -> None:
    sign_in(client, base)
    response = client.post(f"{base}register/", account_form(), headers={"Sec-Fetch-Site": "cross-site"})

    assert response.status_code == 403
    assert not Entry.objects.exists()


def test_who_is_not_known_is_offered_to_sign_in(client: Client, tour: Campaign, base: str) -> None:
    page = words(client.get(f"{base}entry/"))

    assert "Sign in to see your entry" in page
    assert f'href="{base}sign-in/"' in page
    assert "mail" not in page.lower().partition("<main")[2]


def test_a_campaign_on_its_own_host_gets_its_fans_back(client: Client, tour: Campaign) -> None:
    host = {"host": "aurora.localhost:8000"}
    asked = client.get("/sign-in/", headers=host).headers["Location"]
    back = led_on(at_issuer(str(asked)))

    answer = client.get(path_of(back), headers=host)

    assert back.startswith("http://aurora.localhost:8000/signed-in/?")
    assert (answer.headers["Location"], answer.cookies["monoql_account"]["path"]) == ("/register/", "/")


def test_a_fanlist_is_joined_with_an_account(client: Client, tour: Campaign, base: str) -> None:
    Campaign.objects.filter(pk=tour.pk).update(
        type="fanlist", open_at=None, close_at=None, presale_window_start_at=None, presale_window_end_at=None
    )

    landing = words(client.get(base))
    sign_in(client, base)
    form = words(client.get(f"{base}register/"))
    sent = client.post(f"{base}register/", {"name": "Ada Lovelace"})

    assert "Sign in to register" in landing
    assert "You leave your address." not in landing
    assert 'name="choices"' not in form
    assert sent.headers["Location"] == f"{base}entry/"
    assert "You are on the list." in words(client.get(f"{base}entry/"))


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_bad_link_leads_to_signing_in(client: Client, tour: Campaign, base: str, method: str) -> None:
    response = getattr(client, method)(f"{base}confirm/WzEsMF0:damaged/")
    page = response.content.decode()

    assert response.status_code == 400
    assert f'href="{base}sign-in/"' in page
    assert "signing in opens it" in page
    assert "new link" not in page


def test_nobody_is_mailed_a_way_back_who_can_sign_in(client: Client, tour: Campaign, base: str) -> None:
    response = client.post(f"{base}entry/link/", {"email": "ada@example.com"})

    assert response.headers["Location"] == f"{base}entry/"
    assert "Sign in to see your entry" in words(client.get(f"{base}entry/"))


def test_campaigns_that_know_fans_by_mail_have_no_sign_in(client: Client, base: str, db: None) -> None:
    scenario.open_tour()

    for page in ("sign-in/", "signed-in/", "register/"):
        assert client.get(f"{base}{page}").headers["Location"] == base
    assert "Sign in to register" not in words(client.get(base))


def test_the_development_issuer_serves_its_one_client_alone(client: Client, tour: Campaign, base: str) -> None:
    address = begin(client, base)
    good = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    changes: list[dict[str, Any]] = [
        {"redirect_uri": "https://evil.example/"},
        {"client_id": "stranger"},
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
        {"state": ""},
        {"scope": "email"},
    ]

    assert client.get(path_of(address)).status_code == 200
    for change in changes:
        answer = client.get("/dev/issuer/authorize/", {**good, **change})
        assert (answer.status_code, "Location" in answer.headers) == (400, False), change
