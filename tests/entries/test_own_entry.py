"""What a fan does who has proved who she is: change, withdraw, enter again; and the ways by which she proves it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from campaigns import lifecycle
from campaigns.models import Campaign, Field, Member
from campaigns.published import published
from core.refusal import Invalid
from entries import own_entry, registration
from entries.consents import AGE, texts_of
from entries.form import Form
from entries.mail_codes import CODE_MINUTES, MOST_TRIES, TooManyCodes, WrongCode, confirm_by_code, forget
from entries.models import CodeTries, ConsentText, Entry, Message, Submission, TurnedAway
from entries.own_entry import CannotWithdraw, TooManyChanges
from entries.proof import link_token, mail_code
from entries.registration import CannotRegister
from tests import scenario
from tests.scenario import SUPREME
from viewers.models import Staff

pytestmark = pytest.mark.django_db
ADA = Form(email="ada@example.com", name="Ada", choices=["CA-LAX", "AZ-PHX"])


def submit(campaign: Campaign, form: Form = ADA) -> None:
    """A fan presses the button."""
    registration.register(published=published(campaign.domain), form=form, now=timezone.now())


def change(entry: Entry, form: Form) -> Entry:
    """A fan who is known sends the form again."""
    return own_entry.change(published=published(entry.campaign.domain), entry=entry, form=form, now=timezone.now())


def withdraw(entry: Entry) -> Entry:
    """A fan takes her entry out."""
    return own_entry.withdraw(published=published(entry.campaign.domain), entry=entry, now=timezone.now())


def code_of(message: Message) -> str:
    """The digits of a mail."""
    return mail_code(entry_id=message.entry_id, message_id=message.pk)


def type_code(campaign: Campaign, code: str, *, email: str = "ada@example.com", at: datetime | None = None) -> Entry:
    """A fan types a code."""
    now = at or timezone.now()
    return confirm_by_code(published=published(campaign.domain), email=email, code=code, now=now)


@pytest.fixture
def ada(tour: Campaign) -> Entry:
    """An entry whose address is proved."""
    return scenario.register_fan(tour, "Ada", ["CA-LAX"])


# Changing and withdrawing


def test_a_change_is_in_force_at_once_and_keeps_who_she_is(tour: Campaign, ada: Entry) -> None:
    changed = change(ada, Form(email="mallory@example.com", name="Ada L.", choices=["AZ-PHX"]))

    assert (changed.ref, changed.email, changed.name) == (ada.ref, ada.email, "Ada L.")
    assert changed.choices == [tour.markets.get(code="AZ-PHX").number]
    assert Entry.objects.count() == 1


def test_a_wrong_change_changes_nothing(ada: Entry) -> None:
    with pytest.raises(Invalid) as refused:
        change(ada, Form(name="", choices=["MARS"]))

    assert set(refused.value.errors) == {"name", "choices"}
    ada.refresh_from_db()
    assert ada.name == "Ada"


def test_a_link_that_waited_before_a_change_does_not_undo_it(tour: Campaign, ada: Entry) -> None:
    submit(tour, Form(email=ada.email, name="Mallory", choices=["AZ-PHX"]))
    waiting = Submission.objects.get(applied_at=None)
    change(ada, Form(name="Ada L.", choices=["CA-LAX"]))

    token = link_token(entry_id=ada.pk, submission_id=waiting.pk)
    own_entry.confirm(published=published(tour.domain), token=token, now=timezone.now())

    ada.refresh_from_db()
    assert ada.name == "Ada L."


def test_changes_have_an_end(ada: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_entry, "MOST_CHANGES", 2)
    for _ in range(2):
        change(ada, Form(name="Ada L.", choices=["CA-LAX"]))

    with pytest.raises(TooManyChanges):
        change(ada, Form(name="Once more", choices=["CA-LAX"]))


def test_ten_quick_changes_are_one_mail(ada: Entry) -> None:
    Message.objects.all().delete()

    for number in range(10):
        change(ada, Form(name=f"Ada {number}", choices=["CA-LAX"]))

    assert Message.objects.count() == 1


def test_who_withdraws_can_enter_again_and_keeps_her_ref(ada: Entry) -> None:
    withdrawn = withdraw(ada)
    assert withdrawn.withdrawn_at is not None
    assert withdraw(ada).withdrawn_at == withdrawn.withdrawn_at  # Pressed twice.

    again = change(ada, Form(name="Ada", choices=["AZ-PHX"]))

    assert (again.withdrawn_at, again.ref) == (None, ada.ref)


def test_who_withdrew_can_register_anew_by_mail(tour: Campaign, ada: Entry) -> None:
    withdraw(ada)
    submit(tour, Form(email=ada.email, name="Ada again", choices=["AZ-PHX"]))
    waiting = Submission.objects.get(applied_at=None)

    token = link_token(entry_id=ada.pk, submission_id=waiting.pk)
    again = own_entry.confirm(published=published(tour.domain), token=token, now=timezone.now())

    assert (again.withdrawn_at, again.name, again.ref) == (None, "Ada again", ada.ref)


def test_a_link_that_waited_before_a_withdrawal_does_not_revive_it(tour: Campaign, ada: Entry) -> None:
    submit(tour, Form(email=ada.email, name="Mallory", choices=["AZ-PHX"]))
    waiting = Submission.objects.get(applied_at=None)
    withdraw(ada)

    token = link_token(entry_id=ada.pk, submission_id=waiting.pk)
    still = own_entry.confirm(published=published(tour.domain), token=token, now=timezone.now())

    assert (still.withdrawn_at is not None, still.name) == (True, "Ada")


def test_after_the_close_nothing_is_changed_or_withdrawn(tour: Campaign, ada: Entry) -> None:
    lifecycle.close_campaign(campaign=tour, actor=SUPREME, now=timezone.now())

    with pytest.raises(CannotRegister):
        change(ada, Form(name="Late", choices=["CA-LAX"]))
    with pytest.raises(CannotWithdraw):
        withdraw(ada)
    ada.refresh_from_db()
    assert (ada.name, ada.withdrawn_at) == ("Ada", None)


def test_a_close_that_memory_has_not_seen_is_seen_under_the_lock(tour: Campaign, ada: Entry) -> None:
    remembered = published(tour.domain)
    lifecycle.close_campaign(campaign=tour, actor=SUPREME, now=timezone.now())

    with pytest.raises(CannotRegister):
        own_entry.change(
            published=remembered, entry=ada, form=Form(name="Late", choices=["CA-LAX"]), now=timezone.now()
        )
    with pytest.raises(CannotWithdraw):
        own_entry.withdraw(published=remembered, entry=ada, now=timezone.now())


@pytest.mark.parametrize(("phone", "is_kept"), [("+12135550123", True), ("+12135550124", False)])
def test_a_phone_stays_confirmed_until_its_number_changes(ada: Entry, phone: str, is_kept: bool) -> None:
    Entry.objects.update(phone="+12135550123", phone_confirmed_at=timezone.now())

    changed = change(ada, Form(name="Ada", choices=["CA-LAX"], phone=phone))

    assert (changed.phone_confirmed_at is not None) == is_kept


# The code of the mail


def test_the_digits_of_the_mail_prove_the_address(tour: Campaign) -> None:
    submit(tour)

    entry = type_code(tour, f" {code_of(Message.objects.get())[:3]} {code_of(Message.objects.get())[3:]} ")

    assert entry.email_confirmed_at is not None
    assert not CodeTries.objects.exists()


def test_the_digits_of_every_script_are_digits(tour: Campaign) -> None:
    submit(tour)
    code = code_of(Message.objects.get()).translate({ord("0") + digit: ord("٠") + digit for digit in range(10)})

    assert type_code(tour, code).email_confirmed_at is not None


def test_digits_put_their_own_submission_in_force_and_work_once(tour: Campaign, ada: Entry) -> None:
    submit(tour, Form(email=ada.email, name="Ada L.", choices=["AZ-PHX"]))
    code = code_of(Message.objects.get(submission__isnull=False))

    assert type_code(tour, code).name == "Ada L."
    with pytest.raises(WrongCode):
        type_code(tour, code)


def test_digits_are_too_old_after_an_hour(tour: Campaign) -> None:
    submit(tour)
    code, later = code_of(Message.objects.get()), timezone.now() + timedelta(minutes=CODE_MINUTES, seconds=1)

    with pytest.raises(WrongCode):
        type_code(tour, code, at=later)


def test_digits_of_another_entry_prove_nothing(tour: Campaign) -> None:
    submit(tour)
    code = code_of(Message.objects.get())
    submit(tour, Form(email="ben@example.com", name="Ben", choices=["CA-LAX"]))

    with pytest.raises(WrongCode):
        type_code(tour, code, email="ben@example.com")
    assert not Entry.objects.filter(email_confirmed_at__isnull=False).exists()


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_five_tries_an_hour_whether_the_address_is_known_or_not(tour: Campaign, email: str) -> None:
    submit(tour)
    right = code_of(Message.objects.get())
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"

    told = []
    for _ in range(MOST_TRIES):
        with pytest.raises(WrongCode) as refused:
            type_code(tour, wrong, email=email)
        told.append(str(refused.value))
    assert len(set(told)) == 1
    with pytest.raises(TooManyCodes):
        type_code(tour, right, email=email)
    later = timezone.now() + timedelta(hours=1, seconds=1)
    with pytest.raises(WrongCode):  # It may be tried again, and is too old by now.
        type_code(tour, right, email=email, at=later)


@pytest.mark.parametrize("code", ["", "12345", "1234567", None, 123456, ["123456"], "\ud800", "\x00" * 6])
def test_what_is_no_code_is_a_wrong_one(tour: Campaign, code: object) -> None:
    submit(tour)

    with pytest.raises(WrongCode):
        confirm_by_code(published=published(tour.domain), email="ada@example.com", code=code, now=timezone.now())


@pytest.mark.django_db(transaction=True)
def test_fifty_guesses_at_once_count_as_fifty() -> None:
    campaign = scenario.open_tour()
    submit(campaign)
    right = code_of(Message.objects.get())
    guesses = [f"{(int(right) + number) % 1_000_000:06d}" for number in range(1, 50)]
    guesses.append(right)  # The right one is among the last to start.
    start = Barrier(10)

    def guess(number: int) -> str:
        if number < 10:
            start.wait()
        try:
            type_code(campaign, guesses[number])
        except WrongCode:
            return "wrong"
        except TooManyCodes:
            return "refused"
        finally:
            connection.close()
        return "right"

    with ThreadPoolExecutor(10) as pool:
        told = list(pool.map(guess, range(50)))

    assert told.count("wrong") == MOST_TRIES
    assert told.count("refused") == 50 - MOST_TRIES
    assert CodeTries.objects.get().tries == 50


@pytest.mark.django_db(transaction=True)
def test_the_right_digits_twice_at_once_prove_once() -> None:
    campaign = scenario.open_tour()
    submit(campaign)
    code, start = code_of(Message.objects.get()), Barrier(2)

    def prove(_number: int) -> bool:
        start.wait()
        try:
            type_code(campaign, code)
        except WrongCode:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        told = sorted(pool.map(prove, range(2)))

    assert told == [False, True]
    assert Message.objects.filter(kind="receipt").count() == 1


# A new link


def test_a_link_is_mailed_to_an_entry_and_nobody_learns_whether_there_is_one(tour: Campaign, ada: Entry) -> None:
    found = published(tour.domain)
    Message.objects.all().delete()

    for email in (ada.email, "nobody@example.com"):
        registration.send_link(published=found, email=email, now=timezone.now())

    assert [(message.entry_id, message.kind) for message in Message.objects.all()] == [(ada.pk, "link")]
    assert [row.reason for row in TurnedAway.objects.all()] == ["no_entry"]


def test_who_never_proved_her_address_is_mailed_a_confirmation(tour: Campaign) -> None:
    submit(tour)
    Message.objects.all().delete()

    registration.send_link(published=published(tour.domain), email="ada@example.com", now=timezone.now())

    assert type_code(tour, code_of(Message.objects.get(kind="confirmation"))).email_confirmed_at is not None


def test_links_have_an_end(tour: Campaign, ada: Entry) -> None:
    for _ in range(registration.MOST_LINKS + 5):
        registration.send_link(published=published(tour.domain), email=ada.email, now=timezone.now())

    assert Message.objects.count() == registration.MOST_LINKS


def test_it_is_not_remembered_for_ever_who_was_turned_away(tour: Campaign) -> None:
    registration.send_link(published=published(tour.domain), email="nobody@example.com", now=timezone.now())
    with pytest.raises(WrongCode):
        type_code(tour, "123456", email="nobody@example.com")

    assert forget(timezone.now()) == 0
    assert forget(timezone.now() + timedelta(days=31)) == 2
    assert not TurnedAway.objects.exists()


# Member numbers


@pytest.fixture
def club(db: None) -> Campaign:
    """A campaign for the members of the artist's fan club."""
    campaign = scenario.open_tour(domain="club", identifier_type="memberId")
    Member.objects.create(artist=campaign.artist, number="A-7", email="ada@example.com")
    return campaign


def member(number: object, email: str = "ada@example.com") -> Form:
    """A form with a member number."""
    return Form(email=email, member_id=number, name="Ada", choices=["CA-LAX"])


def test_a_member_is_known_by_her_number(club: Campaign) -> None:
    submit(club, member(" A-7 "))
    submit(club, member("A-7"))

    entry = Entry.objects.get()
    assert (entry.identifier, entry.email) == ("A-7", "ada@example.com")
    assert Submission.objects.count() == 1


@pytest.mark.parametrize(("number", "email"), [("A-8", "ada@example.com"), ("A-7", "mallory@example.com")])
def test_number_and_address_must_be_one_members_and_nobody_learns_which_is_not(
    club: Campaign, number: str, email: str
) -> None:
    submit(club, member("A-7"))
    submit(club, member(number, email))

    assert Entry.objects.count() == 1
    assert not Submission.objects.exists()
    assert [row.reason for row in TurnedAway.objects.all()] == ["no_member"]


@pytest.mark.parametrize("number", ["", None, 7, "\x00", "x" * 300])
def test_what_is_no_number_is_told_beside_it(club: Campaign, number: object) -> None:
    with pytest.raises(Invalid) as refused:
        submit(club, member(number))

    assert set(refused.value.errors) == {"member_id"}


def test_a_members_link_and_code_go_by_her_number(club: Campaign) -> None:
    submit(club, member("A-7"))
    found, now = published(club.domain), timezone.now()

    entry = confirm_by_code(published=found, member_id="A-7", code=code_of(Message.objects.get()), now=now)
    registration.send_link(published=found, member_id="A-7", now=now)

    assert entry.email_confirmed_at is not None
    assert Message.objects.filter(kind="link").count() == 1


# Consents and age


def test_a_consent_is_kept_with_its_time_and_the_words_that_the_fan_read(tour: Campaign) -> None:
    Field.objects.create(
        campaign=tour, number=8, key="news", type="consent", label_en="Write to me.", label_de="Schreibt mir."
    )
    submit(tour, Form(email="ada@example.com", name="Ada", choices=["CA-LAX"], answers={"news": True}))
    submit(tour, Form(email="ben@example.com", name="Ben", choices=["CA-LAX"], answers={"news": False}))

    ada, ben = Entry.objects.order_by("pk")
    assert ben.consents == {}
    assert set(ada.consents) == {"news"}
    assert datetime.fromisoformat(ada.consents["news"]["at"]) <= timezone.now()
    Field.objects.filter(key="news").update(label_en="Something else")
    assert texts_of(tour, ada.consents) == {"news": "Write to me."}
    with translation.override("de"):
        assert texts_of(tour, ada.consents) == {"news": "Write to me."}


def test_each_version_of_a_text_is_kept_once(tour: Campaign) -> None:
    Field.objects.create(campaign=tour, number=8, key="news", type="consent", label_en="Write to me.")
    for number in range(3):
        submit(tour, Form(email=f"f{number}@example.com", name="F", choices=["CA-LAX"], answers={"news": True}))

    assert ConsentText.objects.count() == 1


@pytest.mark.parametrize("tick", [False, None, "", "off", 1, ["on"]])
def test_who_is_not_old_enough_cannot_register(tour: Campaign, tick: object) -> None:
    Campaign.objects.filter(pk=tour.pk).update(minimum_age=16)

    with pytest.raises(Invalid) as refused:
        submit(tour, Form(email="ada@example.com", name="Ada", choices=["CA-LAX"], is_old_enough=tick))

    assert set(refused.value.errors) == {"is_old_enough"}
    assert "16" in refused.value.errors["is_old_enough"][0]


@pytest.mark.parametrize("tick", [True, "on"])
def test_the_tick_for_the_age_is_kept_as_a_consent(tour: Campaign, tick: object) -> None:
    Campaign.objects.filter(pk=tour.pk).update(minimum_age=16)

    submit(tour, Form(email="ada@example.com", name="Ada", choices=["CA-LAX"], is_old_enough=tick))

    assert texts_of(tour, Entry.objects.get().consents) == {AGE: "I am 16 years old or older."}


def test_staff_see_to_which_words_a_fan_agreed(tour: Campaign, client: Client, supreme: Staff) -> None:
    Campaign.objects.filter(pk=tour.pk).update(minimum_age=16)
    submit(tour, Form(email="ada@example.com", name="Ada", choices=["CA-LAX"], is_old_enough=True))
    client.force_login(supreme)

    page = client.get(reverse("admin:entries_entry_change", args=[Entry.objects.get().pk])).content.decode()

    assert "I am 16 years old or older." in page


def test_a_members_number_is_masked_until_it_is_revealed(club: Campaign, client: Client, supreme: Staff) -> None:
    Member.objects.create(artist=club.artist, number="MEMBER-1234567", email="eve@example.com")
    submit(club, member("MEMBER-1234567", "eve@example.com"))
    client.force_login(supreme)
    key = Entry.objects.get().pk

    masked = client.get(reverse("admin:entries_entry_change", args=[key])).content.decode()
    shown = client.post(reverse("admin:entries_entry_reveal_page", args=[key]), {"reason": "help"}).content.decode()

    assert "MEMBER-1234567" not in masked
    assert "MEMBER-1234567" in shown


def test_a_change_keeps_the_time_of_a_consent_to_the_same_words(tour: Campaign, ada: Entry) -> None:
    Field.objects.create(campaign=tour, number=8, key="news", type="consent", label_en="Write to me.")
    first = change(ada, Form(name="Ada", choices=["CA-LAX"], answers={"news": True})).consents["news"]
    then = {**first, "at": "2026-01-02T03:04:05Z"}
    Entry.objects.update(consents={"news": then})

    again = change(ada, Form(name="Ada", choices=["AZ-PHX"], answers={"news": True}))
    assert again.consents["news"] == then
    Field.objects.filter(key="news").update(label_en="Write to me and to others.")
    other = change(ada, Form(name="Ada", choices=["AZ-PHX"], answers={"news": True}))
    assert other.consents["news"]["version"] != then["version"]
    assert other.consents["news"]["at"] > then["at"]
    assert change(ada, Form(name="Ada", choices=["AZ-PHX"])).consents == {}
