"""Registering: once a fan, only while open, and never by another's hand."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign
from campaigns.published import published
from core.refusal import Invalid
from entries.form import Form
from entries.models import Entry, Message, Submission
from entries.own_entry import confirm
from entries.proof import BadLink, link_token
from entries.receipts import registration_receipt
from entries.registration import MOST_WAITING, CannotRegister, register
from tests import scenario
from tests.scenario import SUPREME

ADA = Form(email="ada@example.com", name="Ada", choices=["CA-LAX", "AZ-PHX"])


def submit(campaign: Campaign, form: Form) -> None:
    """A fan presses the button."""
    register(published=published(campaign.domain), form=form, now=timezone.now())


def follow(campaign: Campaign, entry: Entry, submission: Submission | None = None) -> Entry:
    """A fan follows the link of the mail."""
    token = link_token(entry_id=entry.pk, submission_id=submission.pk if submission else 0)
    return confirm(published=published(campaign.domain), token=token, now=timezone.now())


def test_a_fan_registers_and_proves_her_address(tour: Campaign) -> None:
    submit(tour, ADA)
    assert Entry.objects.filter(email_confirmed_at=None).count() == 1

    follow(tour, Entry.objects.get())

    entry = Entry.objects.get()
    assert entry.email_confirmed_at is not None
    assert [market.code for number in entry.choices for market in tour.markets.filter(number=number)] == [
        "CA-LAX",
        "AZ-PHX",
    ]
    assert list(Message.objects.order_by("pk").values_list("kind", flat=True)) == ["confirmation", "receipt"]


@pytest.mark.parametrize("email", ["ADA@example.com", " ada@EXAMPLE.com ", "ａｄａ@example.com"])
def test_a_second_try_in_another_spelling_makes_no_second_entry(tour: Campaign, email: str) -> None:
    submit(tour, ADA)
    submit(tour, Form(email=email, name="Ada L.", choices=["AZ-PHX"]))

    assert Entry.objects.count() == 1
    assert Submission.objects.count() == 1


def test_a_later_submission_waits_until_its_own_link_is_followed(tour: Campaign) -> None:
    submit(tour, ADA)
    entry = Entry.objects.get()
    follow(tour, entry)
    submit(tour, Form(email="ada@example.com", name="Mallory", choices=["AZ-PHX"]))
    submission = Submission.objects.get()

    follow(tour, entry)
    entry.refresh_from_db()
    assert entry.name == "Ada"

    follow(tour, entry, submission)
    entry.refresh_from_db()
    assert (entry.name, entry.ref) == ("Mallory", Entry.objects.get().ref)


def test_an_older_link_does_not_undo_a_newer_one(tour: Campaign) -> None:
    submit(tour, ADA)
    entry = Entry.objects.get()
    for name in ("Second", "Third"):
        submit(tour, Form(email="ada@example.com", name=name, choices=["AZ-PHX"]))
    second, third = Submission.objects.order_by("pk")

    for submission in (third, second, None):
        follow(tour, entry, submission)

    entry.refresh_from_db()
    assert entry.name == "Third"
    assert entry.email_confirmed_at is not None


def test_nobody_fills_another_ones_mailbox(tour: Campaign) -> None:
    for number in range(MOST_WAITING + 5):
        submit(tour, Form(email="ada@example.com", name=f"Ada {number}", choices=["AZ-PHX"]))

    assert Submission.objects.count() == MOST_WAITING
    assert Message.objects.count() == MOST_WAITING + 1


@pytest.mark.parametrize("moment", ["before", "by hand", "by time"])
def test_nobody_registers_while_the_campaign_is_not_open(db: None, moment: str) -> None:
    now = timezone.now()
    campaign = scenario.make_tour() if moment == "before" else scenario.open_tour()
    if moment == "by hand":
        lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=now)
    if moment == "by time":
        now += timedelta(days=3, seconds=1)

    with pytest.raises(CannotRegister):
        register(published=published(campaign.domain), form=ADA, now=now)
    assert not Entry.objects.exists()


def test_a_close_that_memory_has_not_seen_is_seen_under_the_lock(tour: Campaign) -> None:
    remembered = published(tour.domain)
    lifecycle.close_campaign(campaign=tour, actor=SUPREME, now=timezone.now())

    with pytest.raises(CannotRegister):
        register(published=remembered, form=ADA, now=timezone.now())


def test_every_wrong_field_is_told_at_once(tour: Campaign) -> None:
    with pytest.raises(Invalid) as refused:
        submit(tour, Form(email="ada", name="", phone="12", choices=["MARS"], answers={"moon": 1, "seat": "\x00"}))

    assert set(refused.value.errors) == {"email", "name", "phone", "choices", "answers.moon", "answers.seat"}


@pytest.mark.parametrize("choices", [[], ["CA-LAX", "CA-LAX"], "CA-LAX", [1], [None], [["CA-LAX"]], None])
def test_choices_are_known_and_distinct(tour: Campaign, choices: object) -> None:
    with pytest.raises(Invalid) as refused:
        submit(tour, Form(email="ada@example.com", name="Ada", choices=choices))

    assert set(refused.value.errors) == {"choices"}


def test_a_damaged_or_foreign_link_proves_nothing(tour: Campaign) -> None:
    other = scenario.open_tour(domain="other")
    submit(tour, ADA)
    entry = Entry.objects.get()

    for found, token in ((tour, "nonsense"), (tour, link_token(entry_id=entry.pk)[:-1]), (other, "")):
        with pytest.raises(BadLink):
            confirm(published=published(found.domain), token=token or link_token(entry_id=entry.pk), now=timezone.now())
    entry.refresh_from_db()
    assert entry.email_confirmed_at is None


def test_a_receipt_is_signed_by_the_published_key(tour: Campaign) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])

    receipt = registration_receipt(entry, published(tour.domain))

    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(receipt["signing_key"]))
    key.verify(bytes.fromhex(receipt["signature"]), receipt["receipt"].encode())
    assert f'"ref": "{entry.ref}"' in receipt["receipt"]


def race(campaign: Campaign, threads: int) -> list[str]:
    """The same fan, so many times at the same moment; what each call raised."""
    barrier = Barrier(threads)
    found = published(campaign.domain)

    def press(_: int) -> str:
        barrier.wait()
        try:
            register(published=found, form=ADA, now=timezone.now())
        except Exception as error:
            return repr(error)
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(press, range(threads)))


@pytest.mark.django_db(transaction=True)
def test_64_threads_that_register_the_same_fan_make_one_entry() -> None:
    campaign = scenario.open_tour()

    assert race(campaign, 64) == [""] * 64

    assert Entry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_unique_constraint_they_make_more() -> None:
    campaign = scenario.open_tour()
    constraint = next(rule for rule in Entry._meta.constraints if rule.name == "entries_entry_once")
    with connection.schema_editor() as editor:
        editor.remove_constraint(Entry, constraint)
    try:
        race(campaign, 64)
        assert Entry.objects.count() > 1
    finally:
        Message.objects.all().delete()
        Submission.objects.all().delete()
        Entry.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(Entry, constraint)
