"""Fans who are known by their account: registering, what their mails can do, and what a campaign needs to open."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from campaigns import lifecycle, readiness
from campaigns.lifecycle import CannotOpenCampaign
from campaigns.models import Campaign, Gate
from campaigns.published import published
from entries.fan_sign_in import Account, NotSignedIn
from entries.form import Form
from entries.gates import GatesFailed
from entries.mail_codes import confirm_by_code
from entries.messages import Letter, compose_confirmations
from entries.models import Entry, Message, Submission, TurnedAway
from entries.own_entry import change, confirm, register_account
from entries.proof import BadLink, link_token
from entries.registration import register, send_link
from tests import scenario
from tests.scenario import SUPREME
from viewers.issuers import Issuer, development_issuer

pytestmark = pytest.mark.django_db
FORM = Form(email="ada@example.com", name="Ada", choices=["CA-LAX", "AZ-PHX"])


@pytest.fixture
def signed_in(db: None) -> Campaign:
    """A campaign that knows fans by their account."""
    return scenario.open_tour(domain="account", identifier_type="globalUserId")


def by_account(campaign: Campaign, account: Account | None, *, email: str = "", name: str = "Ada") -> Entry:
    """A fan who has signed in presses the button."""
    form = Form(account=account, email=email, name=name, choices=["CA-LAX"])
    return register_account(published=published(campaign.domain), form=form, now=timezone.now())


def test_an_account_with_a_proved_address_is_in_at_once(signed_in: Campaign) -> None:
    entry = by_account(signed_in, Account(id="4711", email="ada@example.com"))

    assert (entry.identifier, entry.email) == ("4711", "ada@example.com")
    assert entry.email_confirmed_at is not None
    assert [message.kind for message in Message.objects.all()] == ["receipt"]


def test_an_account_registers_once_and_changes_after_that(signed_in: Campaign) -> None:
    account = Account(id="4711", email="ada@example.com")
    first = by_account(signed_in, account)

    again = by_account(signed_in, account, name="Ada L.")

    assert (again.pk, again.name) == (first.pk, "Ada L.")
    assert Entry.objects.count() == 1


def test_an_address_that_the_account_does_not_prove_is_mailed_a_link(signed_in: Campaign) -> None:
    entry = by_account(signed_in, Account(id="4711"), email="ada@example.com")
    assert entry.email_confirmed_at is None
    assert [message.kind for message in Message.objects.all()] == ["confirmation"]

    token = link_token(entry_id=entry.pk)
    entry = confirm(published=published(signed_in.domain), token=token, now=timezone.now())
    assert entry.email_confirmed_at is not None

    entry = by_account(signed_in, Account(id="4711"), email="other@example.com")
    assert (entry.email, entry.email_confirmed_at) == ("other@example.com", None)


def test_nobody_registers_without_an_account_where_one_is_needed(signed_in: Campaign) -> None:
    with pytest.raises(NotSignedIn):
        register(published=published(signed_in.domain), form=FORM, now=timezone.now())
    with pytest.raises(NotSignedIn):
        by_account(signed_in, None)
    assert not Entry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_first_forms_of_an_account_at_once_are_one_entry_in_force() -> None:
    campaign = scenario.open_tour(domain="account", identifier_type="globalUserId")
    account, start = Account(id="4711", email="ada@example.com"), Barrier(8)

    def send(number: int) -> str:
        start.wait()
        try:
            return by_account(campaign, account, name=f"Ada {number}").name
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        told = set(pool.map(send, range(8)))

    assert told == {f"Ada {number}" for number in range(8)}
    assert Entry.objects.count() == 1
    assert not Submission.objects.filter(
        applied_at=None, pk__gt=Submission.objects.filter(applied_at__isnull=False).latest("pk").pk
    ).exists()


def test_a_change_is_judged_by_whose_entry_it_is_whatever_account_is_named(signed_in: Campaign) -> None:
    fail = by_account(signed_in, Account(id="4711", email="fail+ada@example.com"))
    Gate.objects.create(campaign=signed_in, kind="card_type", provider="sandbox")
    form = Form(account=Account(id="4712", email="eve@example.com"), name="Ada", choices=["CA-LAX"])

    with pytest.raises(GatesFailed):
        change(published=published(signed_in.domain), entry=fail, form=form, now=timezone.now())

    fail.refresh_from_db()
    assert (fail.identifier, fail.email) == ("4711", "fail+ada@example.com")


# What a campaign needs to open


def issuers(*, has_pages: bool = True, count: int = 1) -> tuple[Issuer, ...]:
    """So many issuers, with which fans can sign in on our pages or not."""
    ours = vars(development_issuer("http://localhost:8000"))
    pages = {} if has_pages else {"authorize_url": "", "token_url": ""}
    return tuple(Issuer(**{**ours, **pages, "name": f"company-{place}"}) for place in range(count))


def red_lines(campaign: Campaign) -> list[str]:
    """What is missing for fans' accounts."""
    lines = readiness.lines(campaign, now=timezone.now())
    return [line.text for line in lines if line.is_red and "FAN_ISSUER" in line.text]


@pytest.mark.parametrize(
    ("found", "name"),
    [
        ((), ""),
        (issuers(has_pages=False), ""),
        (issuers(count=2), ""),
        (issuers(count=2), "company-7"),
    ],
    ids=["none", "none with pages", "two, and none is named", "another is named"],
)
def test_a_campaign_does_not_open_where_no_fan_could_sign_in(
    settings: Settings, found: tuple[Issuer, ...], name: str
) -> None:
    settings.OUTSIDE_ISSUERS, settings.FAN_ISSUER = found, name
    campaign = scenario.make_tour()
    assert red_lines(campaign) == []  # Its fans are known by their mail.
    Campaign.objects.filter(pk=campaign.pk).update(identifier_type="globalUserId")
    campaign.refresh_from_db()

    assert len(red_lines(campaign)) == 1
    with pytest.raises(CannotOpenCampaign):
        lifecycle.open_campaign(campaign=campaign, actor=SUPREME, now=timezone.now())


@pytest.mark.parametrize(("count", "name"), [(1, ""), (2, "company-1")])
def test_it_opens_where_fans_can_sign_in(settings: Settings, count: int, name: str) -> None:
    settings.OUTSIDE_ISSUERS, settings.FAN_ISSUER = issuers(count=count), name

    campaign = scenario.open_tour(identifier_type="globalUserId")

    assert (campaign.status, red_lines(campaign)) == ("open", [])


# What mails can do


def test_whoever_follows_a_bad_link_is_told_to_sign_in(signed_in: Campaign, tour: Campaign) -> None:
    for campaign, words in ((signed_in, "Sign in to open your entry."), (tour, "Register again to get a new one.")):
        with pytest.raises(BadLink, match=words):
            confirm(published=published(campaign.domain), token="WzEsMF0:damaged", now=timezone.now())


def test_no_link_is_asked_for_and_no_code_is_typed_by_address(signed_in: Campaign) -> None:
    by_account(signed_in, Account(id="ada@example.com"), email="ada@example.com")
    found, now = published(signed_in.domain), timezone.now()
    Message.objects.all().delete()

    with pytest.raises(NotSignedIn):
        send_link(published=found, email="ada@example.com", now=now)
    with pytest.raises(NotSignedIn):
        confirm_by_code(published=found, email="ada@example.com", code="123456", now=now)

    assert (Message.objects.count(), TurnedAway.objects.count()) == (0, 0)


def test_the_mail_shows_no_code_that_could_be_typed_nowhere(signed_in: Campaign, tour: Campaign) -> None:
    by_account(signed_in, Account(id="4711"), email="ada@example.com")
    scenario.register_fan(tour, "Ben", ["CA-LAX"], is_confirmed=False)

    codes = {}
    for campaign in (signed_in, tour):
        messages = list(Message.objects.filter(entry__campaign=campaign).select_related("entry"))
        [letter] = compose_confirmations(messages, published(campaign.domain)).values()
        assert isinstance(letter, Letter)
        codes[campaign.domain] = str(letter.context["code"])

    assert codes[signed_in.domain] == ""
    assert len(codes[tour.domain]) == 6
