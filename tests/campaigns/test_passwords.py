"""The artist's password: kept as a hash, asked of every fan, and guessed at slowly."""

import pytest
from django.utils import timezone

from campaigns import passwords
from campaigns.models import Campaign
from campaigns.passwords import WRONG_AT_ONCE, CannotSetPassword, TooManyTries, WrongPassword, check, set_password
from campaigns.published import published
from core.models import AuditEvent
from core.refusal import NotAllowed
from entries.form import Form
from entries.models import Entry
from entries.registration import register
from viewers.models import Staff
from viewers.viewer import Viewer, viewer_of_staff

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_has_guessed() -> None:
    """Forget the guesses of other tests."""
    passwords.wrong_tries.clear()


@pytest.fixture
def secret(tour: Campaign, operator: Viewer) -> Campaign:
    """The tour, for those who know the word."""
    return set_password(campaign=tour, password="Nordlicht 27", actor=operator, now=timezone.now())


@pytest.mark.parametrize("typed", ["Nordlicht 27", " nordlicht 27 ", "NORDLICHT 27"])
def test_capitals_and_spaces_at_the_ends_make_no_difference(secret: Campaign, typed: str) -> None:
    check(secret, typed, asker="203.0.113.1")


@pytest.mark.parametrize("typed", ["", "nordlicht", None, 27, ["Nordlicht 27"], "Nordlicht 27\0"])
def test_anything_else_is_refused(secret: Campaign, typed: object) -> None:
    with pytest.raises(WrongPassword):
        check(secret, typed, asker="203.0.113.1")


def test_neither_the_row_nor_the_history_holds_it(secret: Campaign) -> None:
    secret.refresh_from_db()

    assert "nordlicht" not in secret.password_hash.lower()
    assert AuditEvent.objects.get(action="campaign.password").changes == {"password": ["none", "changed"]}


def test_two_campaigns_with_the_same_password_have_other_hashes(secret: Campaign, operator: Viewer) -> None:
    again = set_password(campaign=secret, password="Nordlicht 27", actor=operator, now=timezone.now())

    assert again.password_hash != secret.password_hash


def test_a_network_that_guesses_is_slowed_down_and_others_are_not(secret: Campaign) -> None:
    for _ in range(WRONG_AT_ONCE):
        with pytest.raises(WrongPassword):
            check(secret, "wrong", asker="203.0.113.1")

    with pytest.raises(TooManyTries):
        check(secret, "Nordlicht 27", asker="203.0.113.1")
    check(secret, "Nordlicht 27", asker="203.0.113.2")


def test_an_empty_one_asks_for_none(secret: Campaign, operator: Viewer) -> None:
    opened = set_password(campaign=secret, password="", actor=operator, now=timezone.now())

    check(opened, "", asker="")


@pytest.mark.parametrize("bad", ["abc", "x" * 101])
def test_too_short_and_too_long_are_refused(tour: Campaign, operator: Viewer, bad: str) -> None:
    with pytest.raises(CannotSetPassword):
        set_password(campaign=tour, password=bad, actor=operator, now=timezone.now())


def test_only_whoever_edits_the_set_up_sets_it(tour: Campaign, clerk: Staff) -> None:
    with pytest.raises(NotAllowed):
        set_password(campaign=tour, password="Nordlicht", actor=viewer_of_staff(clerk), now=timezone.now())


def test_nobody_registers_without_it(secret: Campaign) -> None:
    form = {"email": "ada@example.com", "name": "Ada", "choices": ["CA-LAX"], "asker": "203.0.113.1"}

    with pytest.raises(WrongPassword):
        register(published=published("aurora"), form=Form(**form), now=timezone.now())  # type: ignore[arg-type]  # As typed.
    register(published=published("aurora"), form=Form(**form, password="nordlicht 27"), now=timezone.now())  # type: ignore[arg-type]  # As typed.

    assert Entry.objects.filter(campaign=secret).count() == 1
