"""Signing in with a company's account: who is known, and how nobody else gets in."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from core.models import AuditEvent
from monoql.sign_in_settings import Company, cache, openid_connect
from tests.sign_in.conftest import DOOR, give_app
from tests.sign_in.issuer import CLIENT_ID, CLIENT_SECRET, Issuer, running_issuer
from viewers.models import Staff

pytestmark = pytest.mark.django_db
SUE = {"sub": "42", "email": "Sue@MonoQL.example", "email_verified": True, "name": "Sue"}


@pytest.fixture
def acme(settings: Settings) -> Iterator[Issuer]:
    """A company's issuer that runs, and the settings that know it."""
    with running_issuer() as issuer:
        issuer.person = dict(SUE)
        know(settings, Company("acme", "Acme", issuer.url, CLIENT_ID, CLIENT_SECRET))
        yield issuer


def know(settings: Settings, company: Company) -> None:
    """Put a company into the settings."""
    settings.STAFF_COMPANIES = [company]
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [company.app]}}


def come_from_company(browser: Client, back: str = "/admin/viewers/staff/") -> str:
    """Go to the company and come back; give where that leads, or the text of the page."""
    away = browser.post(reverse("openid_connect_login", args=["acme"]), {"next": back})
    returned = requests.get(away.headers["Location"], allow_redirects=False, timeout=5).headers["Location"]
    parts = urlsplit(returned)
    answer = browser.get(f"{parts.path}?{parts.query}")
    return answer.headers.get("Location") or answer.content.decode()


def test_a_verified_address_opens_the_account_that_has_it_and_links_it(
    browser: Client, acme: Issuer, supreme: Staff
) -> None:
    page = browser.get(reverse("account_login"))

    led_to = come_from_company(browser)

    assert "Continue with <bdi>Acme</bdi>" in page.content.decode()
    assert f"form-action 'self' {acme.url};" in page.headers["Content-Security-Policy"]
    assert led_to == "/admin/viewers/staff/"
    assert browser.get(DOOR).status_code == 200
    assert SocialAccount.objects.get().user_id == supreme.pk
    assert supreme.check_password("correct horse")
    events = list(AuditEvent.objects.order_by("pk").values_list("action", "changes"))
    assert events == [
        ("staff.link_company_account", {"company": ["", "acme"]}),
        ("staff.sign_in", {"proof": ["", "acme"]}),
    ]


def test_a_linked_account_opens_whatever_address_it_has_later(browser: Client, acme: Issuer, supreme: Staff) -> None:
    come_from_company(browser)
    browser.post(reverse("account_logout"))
    acme.person = {"sub": "42", "email": "married@acme.example", "email_verified": False}

    assert come_from_company(browser) == "/admin/viewers/staff/"


@pytest.mark.parametrize(
    "said",
    [
        {"email": "stranger@acme.example"},
        {"email_verified": False},
        {"email_verified": "false"},
        {"email_verified": "true"},
        {"email": ""},
    ],
)
def test_a_stranger_gets_no_account(browser: Client, acme: Issuer, supreme: Staff, said: dict[str, object]) -> None:
    acme.person = {**SUE, **said}

    text = come_from_company(browser)

    assert "You have no account here" in text
    assert browser.get(DOOR).status_code == 302
    assert Staff.objects.count() == 1
    assert SocialAccount.objects.count() == 0


@pytest.mark.parametrize("flag", ["is_active", "is_staff"])
def test_an_account_that_is_switched_off_is_not_opened(
    browser: Client, acme: Issuer, supreme: Staff, flag: str
) -> None:
    come_from_company(browser)
    browser.post(reverse("account_logout"))
    Staff.objects.filter(pk=supreme.pk).update(**{flag: False})

    assert come_from_company(browser) == reverse("account_inactive")
    assert browser.get(DOOR).status_code == 302


def test_two_accounts_with_one_address_are_not_guessed_between(browser: Client, acme: Issuer, supreme: Staff) -> None:
    Staff.objects.create_user("sue2", "sue@monoql.example", "correct horse", is_staff=True)

    assert "You have no account here" in come_from_company(browser)


def test_a_token_for_another_program_opens_nothing(browser: Client, acme: Issuer, supreme: Staff) -> None:
    acme.audience = "another program"

    assert "Your company did not sign you in" in come_from_company(browser)
    assert browser.get(DOOR).status_code == 302


def test_an_answer_that_nobody_asked_for_opens_nothing(browser: Client, acme: Issuer, supreme: Staff) -> None:
    way = reverse("openid_connect_callback", args=["acme"])

    answer = browser.get(way, {"code": "stolen", "state": "made-up"})

    assert "Your company did not sign you in" in answer.content.decode()
    assert browser.get(DOOR).status_code == 302


def test_a_second_factor_is_asked_after_the_company_too(browser: Client, acme: Issuer, supreme: Staff) -> None:
    give_app(supreme)

    assert come_from_company(browser) == reverse("mfa_authenticate")


@pytest.mark.usefixtures("everybody_needs_a_factor")
@pytest.mark.parametrize("asks", [True, False])
def test_a_company_that_asks_for_the_second_factor_itself_is_believed(
    browser: Client, acme: Issuer, supreme: Staff, settings: Settings, asks: bool
) -> None:
    know(settings, Company("acme", "Acme", acme.url, CLIENT_ID, CLIENT_SECRET, asks_second_factor=asks))

    come_from_company(browser)

    assert browser.get(DOOR).status_code == (200 if asks else 302)


def test_an_unknown_company_is_not_there(browser: Client) -> None:
    assert browser.post(reverse("openid_connect_login", args=["nobody"])).status_code == 404


def test_companies_are_read_from_the_environment() -> None:
    [company] = openid_connect(
        '[{"id": "a", "name": "A", "server_url": "https://a.example/x", "client_id": "c", "secret": "s",'
        ' "verified_domains": ["a.example"]}]'
    )

    assert (company.origin, company.verified_domains) == ("https://a.example", ("a.example",))
    assert openid_connect("") == []
    for wrong in ("{", '{"id": 1}', '[{"id": "a"}]', '[{"colour": "red"}]', "[1]"):
        with pytest.raises(ImproperlyConfigured):
            openid_connect(wrong)


def test_a_broker_that_counts_nothing_is_refused() -> None:
    assert cache("redis://127.0.0.1:1/0", prefix="x-")["KEY_PREFIX"] == "x-monoql-cache"
    with pytest.raises(ImproperlyConfigured, match="CACHE_URL"):
        cache("amqp://127.0.0.1:1/", prefix="")
