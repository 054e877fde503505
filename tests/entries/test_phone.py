"""A phone is confirmed by a code: one that cannot be guessed, used twice, used late, or used for another entry."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from campaigns import lifecycle, readiness
from campaigns.models import Campaign
from campaigns.published import published
from core.refusal import Invalid, Refusal
from entries import phone
from entries.form import Form, clean
from entries.models import Entry, Message, PhoneCode, PhoneSends
from entries.own_entry import change, withdraw
from entries.phone import (
    CannotConfirmPhone,
    CannotUseNumber,
    MessageNotSent,
    TooManyMessages,
    TooManyPhoneTries,
    WrongPhoneCode,
)
from entries.registration import CannotRegister
from entries.standing import Standing, standing_of
from tests import scenario
from tests.entries.phones import (
    NUMBER,
    OTHER_NUMBER,
    a_minute_later,
    ask,
    confirm,
    fan_with_phone,
    messages,
    newest_digits,
    phone_tour,
    text_messages,
    wrong_digits,
)

__all__ = ["text_messages"]
pytestmark = pytest.mark.django_db


class Failing:
    """A sender that takes nothing."""

    def send(self, *, number: str, text: str) -> None:
        """Fail."""
        raise OSError(f"no way to {number}")


class Hanging:
    """A sender that takes for ever."""

    def send(self, *, number: str, text: str) -> None:
        """Hang."""
        time.sleep(1)


@pytest.fixture
def campaign(db: None) -> Campaign:
    """The tour that asks for phones."""
    return phone_tour()


@pytest.fixture
def ada(campaign: Campaign) -> Entry:
    """Ada, whose phone is not confirmed yet."""
    return fan_with_phone(campaign, "Ada")


def test_an_entry_counts_once_its_code_was_typed(ada: Entry) -> None:
    assert standing_of(ada) is Standing.UNCONFIRMED

    sent = ask(ada)
    confirmed = confirm(ada, newest_digits())

    assert sent.number == NUMBER
    assert messages()[-1]["to"] == NUMBER
    assert standing_of(confirmed) is Standing.COUNTS
    assert Entry.objects.get(pk=ada.pk).phone_confirmed_at is not None


@pytest.mark.parametrize("zero", ["0", "٠", "０"])
def test_a_code_may_be_typed_with_spaces_and_in_the_fans_own_digits(zero: str, ada: Entry) -> None:
    ask(ada)
    digits = "".join(chr(ord(zero) + int(digit)) for digit in newest_digits())

    assert confirm(ada, f" {digits[:3]}-{digits[3:]} ").phone_confirmed_at is not None


def test_the_database_holds_no_code(ada: Entry) -> None:
    ask(ada)
    digits = newest_digits()

    kept = PhoneCode.objects.get()

    assert len(bytes(kept.digest)) == 32
    assert digits not in str(PhoneCode.objects.values().get())
    assert "192.0.2.7" not in kept.asker


def test_codes_differ(ada: Entry) -> None:
    found = set()
    for _code in range(5):
        ask(ada)
        found.add(newest_digits())
        a_minute_later(ada)

    assert len(found) > 1


def test_five_tries_are_looked_at_and_then_even_the_right_code_is_refused(ada: Entry) -> None:
    ask(ada)
    for _try in range(5):
        with pytest.raises(WrongPhoneCode):
            confirm(ada, wrong_digits())

    with pytest.raises(TooManyPhoneTries):
        confirm(ada, newest_digits())

    assert Entry.objects.get(pk=ada.pk).phone_confirmed_at is None


def test_the_fifth_try_may_be_the_right_one(ada: Entry) -> None:
    ask(ada)
    for _try in range(4):
        with pytest.raises(WrongPhoneCode):
            confirm(ada, wrong_digits())

    assert confirm(ada, newest_digits()).phone_confirmed_at is not None


@pytest.mark.parametrize("typed", [None, "", 123456, [], {}, "x" * 5000, "\x00", "\ud800", "²" * 6])
def test_what_is_no_code_is_a_wrong_one(typed: object, ada: Entry) -> None:
    ask(ada)

    with pytest.raises(WrongPhoneCode):
        confirm(ada, typed)


def test_a_code_works_once(ada: Entry) -> None:
    ask(ada)
    digits = newest_digits()
    confirm(ada, digits)
    Entry.objects.update(phone_confirmed_at=None)

    with pytest.raises(WrongPhoneCode):
        confirm(ada, digits)


def test_a_code_works_for_ten_minutes(ada: Entry) -> None:
    now = timezone.now()
    ask(ada, now=now)

    with pytest.raises(WrongPhoneCode):
        confirm(ada, newest_digits(), now=now + timedelta(minutes=10))

    assert confirm(ada, newest_digits(), now=now + timedelta(minutes=9, seconds=59)).phone_confirmed_at is not None


def test_another_entrys_code_confirms_nothing(campaign: Campaign, ada: Entry) -> None:
    ben = fan_with_phone(campaign, "Ben", number=OTHER_NUMBER)
    ask(ada)
    of_ada = newest_digits()

    with pytest.raises(WrongPhoneCode):
        confirm(ben, of_ada)
    ask(ben)
    if newest_digits() != of_ada:
        with pytest.raises(WrongPhoneCode):
            confirm(ben, of_ada)

    assert Entry.objects.filter(phone_confirmed_at__isnull=False).count() == 0


def test_a_new_code_makes_the_older_one_void(ada: Entry) -> None:
    ask(ada)
    older = newest_digits()
    a_minute_later(ada)
    ask(ada)

    if older != newest_digits():
        with pytest.raises(WrongPhoneCode):
            confirm(ada, older)

    assert PhoneCode.objects.filter(voided_at=None).count() == 1
    assert confirm(ada, newest_digits()).phone_confirmed_at is not None


def test_a_fan_corrects_her_number_while_asking(ada: Entry) -> None:
    ask(ada, number="(213) 555-0199")

    assert messages()[-1]["to"] == OTHER_NUMBER
    confirmed = confirm(ada, newest_digits())
    assert (confirmed.phone, Entry.objects.get(pk=ada.pk).phone) == (OTHER_NUMBER, OTHER_NUMBER)


def test_another_number_ends_a_confirmation(ada: Entry) -> None:
    ask(ada)
    confirm(ada, newest_digits())
    a_minute_later(ada)

    ask(ada, number=OTHER_NUMBER)

    assert standing_of(Entry.objects.get(pk=ada.pk)) is Standing.UNCONFIRMED


def test_a_code_for_a_number_that_she_has_changed_since_confirms_nothing(campaign: Campaign, ada: Entry) -> None:
    ask(ada)
    form = Form(email=ada.email, name="Ada", choices=["CA-LAX"], phone=OTHER_NUMBER)
    change(published=published(campaign.domain), entry=ada, form=form, now=timezone.now())

    with pytest.raises(WrongPhoneCode):
        confirm(ada, newest_digits())

    assert Entry.objects.get(pk=ada.pk).phone_confirmed_at is None


def test_after_the_close_no_code_is_sent_and_none_is_taken(campaign: Campaign, ada: Entry) -> None:
    stale = published(campaign.domain)
    ask(ada)
    digits, count = newest_digits(), len(messages())
    a_minute_later(ada)
    lifecycle.close_campaign(campaign=campaign, actor=scenario.SUPREME, now=timezone.now())

    for found in (stale, published(campaign.domain)):
        with pytest.raises(CannotRegister):
            phone.send_code(published=found, entry=ada, asker="", now=timezone.now())
        with pytest.raises(CannotRegister):
            phone.confirm_code(published=found, entry=ada, code=digits, now=timezone.now())

    assert len(messages()) == count
    assert Entry.objects.get(pk=ada.pk).phone_confirmed_at is None


def test_a_number_that_another_entry_has_confirmed_is_refused_only_to_who_has_its_code(
    campaign: Campaign, ada: Entry
) -> None:
    ask(ada)
    confirm(ada, newest_digits())
    ben = fan_with_phone(campaign, "Ben")

    sent = ask(ben, asker="192.0.2.8")
    with pytest.raises(WrongPhoneCode):
        confirm(ben, wrong_digits())
    with pytest.raises(CannotUseNumber) as refusal:
        confirm(ben, newest_digits())

    assert sent.number == NUMBER
    assert "Ada" not in refusal.value.message
    assert Entry.objects.get(pk=ben.pk).phone_confirmed_at is None
    with pytest.raises(WrongPhoneCode):  # It is used up all the same.
        confirm(ben, newest_digits())


def test_another_campaign_may_have_the_same_number(ada: Entry) -> None:
    ask(ada)
    confirm(ada, newest_digits())
    elsewhere = fan_with_phone(phone_tour(domain="other"), "Ben")

    ask(elsewhere)

    assert confirm(elsewhere, newest_digits()).phone_confirmed_at is not None


def test_what_is_confirmed_or_withdrawn_or_not_asked_for_gets_no_code(campaign: Campaign, ada: Entry) -> None:
    ask(ada)
    confirm(ada, newest_digits())
    a_minute_later(ada)
    ben = fan_with_phone(campaign, "Ben", number=OTHER_NUMBER)
    withdraw(published=published(campaign.domain), entry=ben, now=timezone.now())
    elsewhere = scenario.register_fan(scenario.open_tour(domain="other"), "Cleo", ["CA-LAX"])

    for entry in (ada, ben, elsewhere):
        with pytest.raises(CannotConfirmPhone):
            ask(entry)

    assert len(messages()) == 1


@pytest.mark.parametrize("number", ["", "123", "+1 900 555 0123", "+1 800 555 0123", 5, [], "x" * 5000])
def test_what_is_no_number_for_messages_is_refused_beside_its_field(number: str, ada: Entry) -> None:
    with pytest.raises(Invalid) as refusal:
        ask(ada, number=number)

    assert list(refusal.value.errors) == ["number"]
    assert not PhoneCode.objects.exists()


def test_where_phones_from_abroad_are_not_allowed_they_are_refused_everywhere() -> None:
    campaign = phone_tour(allows_international_phones=False)
    ada = fan_with_phone(campaign, "Ada")
    found = published(campaign.domain)

    with pytest.raises(Invalid):
        ask(ada, number="+49 30 901820")
    with pytest.raises(Invalid) as refusal:
        clean(found, Form(email="x@example.com", name="X", choices=["CA-LAX"], phone="+49 30 901820"), timezone.now())
    home = clean(found, Form(email="x@example.com", name="X", choices=["CA-LAX"], phone=NUMBER), timezone.now())

    assert list(refusal.value.errors) == ["phone"]
    assert home.phone == NUMBER


def test_a_minute_lies_between_two_messages(ada: Entry) -> None:
    now = timezone.now()
    ask(ada, now=now)

    with pytest.raises(TooManyMessages) as refusal:
        ask(ada, number=OTHER_NUMBER, now=now + timedelta(seconds=59))

    assert refusal.value.retry_after == 1
    assert Entry.objects.get(pk=ada.pk).phone == NUMBER  # What is refused changes nothing.
    ask(ada, now=now + timedelta(seconds=60))


def test_an_entry_gets_five_codes_a_day(ada: Entry) -> None:
    now = timezone.now()
    for minute in range(5):
        ask(ada, number=f"+1213555010{minute}", now=now + timedelta(minutes=minute))

    with pytest.raises(TooManyMessages):
        ask(ada, now=now + timedelta(minutes=10))

    ask(ada, now=now + timedelta(days=1, seconds=1))


def test_a_number_gets_ten_codes_a_day_for_whomever(campaign: Campaign) -> None:
    now = timezone.now()
    for fan in range(10):
        ask(fan_with_phone(campaign, f"Fan{fan}"), now=now)
    late = fan_with_phone(campaign, "Late")

    with pytest.raises(TooManyMessages):
        ask(late, now=now)

    ask(late, number=OTHER_NUMBER, now=now)
    ask(late, number=NUMBER, now=now + timedelta(days=1, seconds=1))


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("PHONE_NETWORK_PER_HOUR", timedelta(minutes=59), timedelta(minutes=61)),
        ("PHONE_NETWORK_PER_DAY", timedelta(hours=23), timedelta(hours=25)),
    ],
)
def test_a_network_has_its_cap(
    name: str, before: timedelta, after: timedelta, settings: Settings, campaign: Campaign
) -> None:
    Campaign.objects.update(close_at=timezone.now() + timedelta(days=3))
    setattr(settings, name, 3)
    now = timezone.now()
    for fan in range(3):
        ask(fan_with_phone(campaign, f"Fan{fan}", number=f"+1213555010{fan}"), asker=f"2001:db8::{fan}", now=now)
    late = fan_with_phone(campaign, "Late")

    with pytest.raises(TooManyMessages):
        ask(late, asker="2001:db8::ffff", now=now + before)

    ask(late, asker="2001:db8:1::1", now=now + before)
    a_minute_later(late)
    ask(late, asker="2001:db8::ffff", now=now + after)


def test_a_country_has_its_cap_an_hour(settings: Settings, campaign: Campaign) -> None:
    settings.PHONE_PREFIX_PER_HOUR = 2
    settings.PHONE_PREFIX_CAPS = {49: 0, 44: 1}
    now = timezone.now().replace(minute=10)
    for fan in range(2):
        ask(fan_with_phone(campaign, f"Fan{fan}", number=f"+1213555010{fan}"), now=now)
    late = fan_with_phone(campaign, "Late")

    for number in (NUMBER, "+49 151 23456789"):
        with pytest.raises(TooManyMessages):
            ask(late, number=number, now=now)

    ask(late, number="+44 7400 123456", now=now)
    ask(late, number=NUMBER, now=now + timedelta(hours=1))


@pytest.mark.parametrize("sender", ["Failing", "Hanging"])
def test_a_message_that_is_not_sent_counts_no_cap(
    sender: str, settings: Settings, ada: Entry, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    good = settings.PHONE_SENDER
    settings.PHONE_SENDER = {"BACKEND": f"tests.entries.test_phone.{sender}"}
    settings.PHONE_SECONDS = 0.1

    with pytest.raises(MessageNotSent):
        ask(ada)

    assert PhoneSends.objects.get().sends == 0
    settings.PHONE_SENDER, settings.PHONE_SECONDS = good, 5
    ask(ada)  # At once, without a pause.
    assert confirm(ada, newest_digits()).phone_confirmed_at is not None
    assert NUMBER not in caplog.text + "".join(capsys.readouterr())


def test_failing_again_and_again_comes_to_an_end(settings: Settings, ada: Entry) -> None:
    settings.PHONE_SENDER = {"BACKEND": "tests.entries.test_phone.Failing"}
    for _try in range(20):
        with pytest.raises(MessageNotSent):
            ask(ada)

    with pytest.raises(TooManyMessages):
        ask(ada)


def test_neither_code_nor_number_is_logged(
    ada: Entry, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    ask(ada)
    digits = newest_digits()
    confirm(ada, digits)

    written = caplog.text + "".join(capsys.readouterr())
    assert digits not in written
    assert NUMBER not in written


def test_the_message_speaks_the_fans_language(ada: Entry) -> None:
    Entry.objects.update(locale="de_DE")
    ada.refresh_from_db()

    ask(ada)

    assert "ist dein Code für: Aurora Vale auf Tournee" in messages()[-1]["text"]


def test_whoever_has_confirmed_is_not_reminded_any_more(ada: Entry) -> None:
    Message.objects.create(entry=ada, kind="reminder", created_at=timezone.now())
    ask(ada)

    confirm(ada, newest_digits())

    assert not Message.objects.filter(kind="reminder").exists()


def test_old_codes_and_numbers_are_forgotten(ada: Entry) -> None:
    ask(ada)

    phone.forget_codes(timezone.now() + timedelta(days=6))
    assert PhoneCode.objects.count() == 1
    phone.forget_codes(timezone.now() + timedelta(days=8))

    assert (PhoneCode.objects.count(), PhoneSends.objects.count()) == (0, 0)


def test_a_campaign_without_a_sender_cannot_open(settings: Settings, campaign: Campaign) -> None:
    assert not [line for line in readiness.lines(campaign, now=timezone.now()) if "PHONE_SENDER" in line.text]
    settings.PHONE_SENDER = {}

    red = [line for line in readiness.lines(campaign, now=timezone.now()) if "PHONE_SENDER" in line.text]

    assert [line.is_red for line in red] == [True]
    with pytest.raises(Refusal):
        ask(fan_with_phone(campaign, "Ada"))
