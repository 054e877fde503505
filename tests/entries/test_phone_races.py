"""Codes at the same moment: guesses, askers, two fans with one number, and a close while a code is typed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.models import Campaign
from core.refusal import Refusal
from entries import phone
from entries.models import Entry, PhoneCode, PhoneSends
from entries.phone import TooManyMessages, TooManyPhoneTries, WrongPhoneCode
from entries.registration import CannotRegister
from tests import scenario
from tests.entries.phones import (
    OTHER_NUMBER,
    ask,
    confirm,
    fan_with_phone,
    messages,
    newest_digits,
    phone_tour,
    text_messages,
)
from waves.models import Draw

__all__ = ["text_messages"]
pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Make calls at the same moment, each in its own thread; gives what each returned or how it was refused."""
    start = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return call()
        except Refusal as refusal:
            return type(refusal)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_negative_control_tries_counted_after_reading_let_more_than_five_through() -> None:
    ada = fan_with_phone(phone_tour(), "Ada")
    ask(ada)
    have_read = Barrier(8)

    def count_after_reading() -> bool:
        code = PhoneCode.objects.get(entry=ada, voided_at=None)
        have_read.wait()
        code.tries += 1
        code.save(update_fields=["tries"])
        return code.tries <= phone.MOST_TRIES

    looked_at = at_once(*[count_after_reading] * 8)

    assert sum(looked_at) == 8


def test_fifty_guesses_at_once_count_as_fifty_and_five_are_looked_at() -> None:
    ada = fan_with_phone(phone_tour(), "Ada")
    ask(ada)
    right = int(newest_digits())
    guesses = [f"{(right + 1 + number) % 1_000_000:06d}" for number in range(50)]

    refused: list[Any] = []
    for first in range(0, 50, 10):  # As many at a time as the pool of connections lets through.
        refused += at_once(*[lambda guess=guess: confirm(ada, guess) for guess in guesses[first : first + 10]])

    assert refused.count(WrongPhoneCode) == 5
    assert refused.count(TooManyPhoneTries) == 45
    assert PhoneCode.objects.get().tries == 50
    with pytest.raises(TooManyPhoneTries):
        confirm(ada, newest_digits())


def test_a_code_typed_many_times_at_once_confirms_once() -> None:
    ada = fan_with_phone(phone_tour(), "Ada")
    ask(ada)
    digits = newest_digits()

    outcomes = at_once(*[lambda: confirm(ada, digits)] * 5)

    assert sum(isinstance(outcome, Entry) for outcome in outcomes) == 1
    assert outcomes.count(WrongPhoneCode) == 4


def test_of_two_fans_with_one_number_at_once_one_confirms() -> None:
    campaign = phone_tour()
    for number in range(5):
        fans = [fan_with_phone(campaign, f"{name}{number}", number=f"+1213555011{number}") for name in ("Ada", "Ben")]
        digits = []
        for fan in fans:
            ask(fan)
            digits.append(newest_digits())

        outcomes = at_once(*[partial(confirm, fan, code) for fan, code in zip(fans, digits, strict=True)])

        assert sorted(isinstance(outcome, Entry) for outcome in outcomes) == [False, True]
        assert phone.CannotUseNumber in outcomes
    assert Entry.objects.filter(phone_confirmed_at__isnull=False).count() == 5


def test_negative_control_without_its_constraint_a_number_is_confirmed_twice() -> None:
    campaign = phone_tour()
    fans = [fan_with_phone(campaign, name) for name in ("Ada", "Ben")]
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX entries_entry_phone_once")
    try:
        for fan in fans:
            ask(fan)
            confirm(fan, newest_digits())
        assert Entry.objects.filter(phone_confirmed_at__isnull=False).count() == 2
    finally:
        Entry.objects.update(phone_confirmed_at=None)
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE UNIQUE INDEX entries_entry_phone_once ON entries_entry (campaign_id, phone)"
                " WHERE phone_confirmed_at IS NOT NULL AND NOT (phone = '')"
            )


def test_a_fan_who_asks_many_times_at_once_gets_one_message() -> None:
    ada = fan_with_phone(phone_tour(), "Ada")

    outcomes = at_once(*[lambda: ask(ada)] * 8)

    assert outcomes.count(TooManyMessages) == 7
    assert len(messages()) == 1


@pytest.mark.parametrize("cap", ["number", "network", "prefix"])
def test_caps_hold_exactly_for_many_at_once(cap: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = phone_tour()
    monkeypatch.setattr(phone, "MOST_FOR_NUMBER", 3 if cap == "number" else 100)
    settings.PHONE_NETWORK_PER_HOUR = 3 if cap == "network" else 100
    settings.PHONE_PREFIX_PER_HOUR = 3 if cap == "prefix" else 100
    numbers = ["+12135550100" if cap == "number" else f"+1213555010{fan}" for fan in range(8)]
    fans = [fan_with_phone(campaign, f"Fan{fan}", number=numbers[fan]) for fan in range(8)]

    def asker(fan: int) -> str:
        return "192.0.2.7" if cap == "network" else f"192.0.2.{fan}"

    outcomes = at_once(*[lambda fan=fan: ask(fans[fan], asker=asker(fan)) for fan in range(8)])

    assert outcomes.count(TooManyMessages) == 5
    assert len(messages()) == 3
    assert PhoneSends.objects.get().sends == 3


def test_whoever_was_told_confirmed_is_confirmed_when_the_close_returns() -> None:
    told = []
    for number in range(12):
        campaign = phone_tour(domain=f"tour-{number}")
        ada = fan_with_phone(campaign, "Ada")
        ask(ada, asker=f"198.51.100.{number}") if number < 10 else ask(ada, number=OTHER_NUMBER)
        digits = newest_digits()

        def close(campaign: Campaign = campaign) -> bool:
            lifecycle.close_campaign(campaign=campaign, actor=scenario.SUPREME, now=timezone.now())
            return Entry.objects.get(campaign=campaign).phone_confirmed_at is not None

        confirmed, seen = at_once(partial(confirm, ada, digits), close)

        is_told = isinstance(confirmed, Entry)
        assert is_told or confirmed is CannotRegister
        assert seen == is_told == (Entry.objects.get(pk=ada.pk).phone_confirmed_at is not None)
        told.append(is_told)
    print(f"{sum(told)} of {len(told)} before the close")


def test_an_unconfirmed_phone_is_unconfirmed_at_the_freeze() -> None:
    campaign = phone_tour()
    fan_with_phone(campaign, "Ada")
    ben = fan_with_phone(campaign, "Ben", number=OTHER_NUMBER)
    ask(ben)
    confirm(ben, newest_digits())
    scenario.upload_codes(campaign, "CA-LAX", 5)
    closed = lifecycle.close_campaign(campaign=campaign, actor=scenario.SUPREME, now=timezone.now())

    wave = scenario.prepare_wave(scenario.make_wave(closed))

    draw = Draw.objects.get(wave=wave)
    assert (draw.entries, draw.eligible, draw.reasons) == (2, 1, {"unconfirmed": 1})
