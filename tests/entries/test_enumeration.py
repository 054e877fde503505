"""Nobody learns from an answer, or from the time that it took, whether an address or a member number is known."""

from collections.abc import Callable, Sequence
from random import Random
from time import perf_counter

import pytest
from django.utils import timezone

from campaigns.models import Gate, Member
from campaigns.published import published
from entries import registration
from entries.form import Form
from entries.mail_codes import TooManyCodes, WrongCode, confirm_by_code
from tests import scenario

pytestmark = pytest.mark.django_db(transaction=True)
MOST_TOLD_APART = 0.60
"""The share of answers that the best threshold on their time may sort rightly; a coin sorts half of them."""
SAMPLES = [80, pytest.param(2000, marks=pytest.mark.soak)]
WARM_UP = 20


def told_apart(known: Sequence[float], unknown: Sequence[float]) -> float:
    """How many of the times the best single threshold sorts rightly, 0.5 to 1."""
    marked = sorted([(time, True) for time in known] + [(time, False) for time in unknown])
    right = best = len(known)
    for _time, is_known in marked:
        right += -1 if is_known else 1
        best = max(best, right, len(marked) - right)
    return best / len(marked)


def timed(deed: Callable[[], object]) -> float:
    """The seconds that a deed takes."""
    began = perf_counter()
    deed()
    return perf_counter() - began


def measure(samples: int, known: Callable[[int], object], unknown: Callable[[int], object]) -> float:
    """Do both deeds by turns in a random order, and tell them apart by their times."""
    random, times = Random(samples), ([], [])  # type: tuple[Random, tuple[list[float], list[float]]]
    for number in range(samples // 2 + WARM_UP):
        pair = [0, 1]
        random.shuffle(pair)
        for which in pair:
            seconds = timed(lambda which=which, number=number: (known, unknown)[which](number))  # type: ignore[misc]
            if number >= WARM_UP:
                times[which].append(seconds)
    return told_apart(*times)


def allowed(samples: int) -> float:
    """What chance alone may reach with so few samples, and what must not be passed with many."""
    return MOST_TOLD_APART if samples >= 2000 else 0.75


def test_the_measure_tells_apart_what_differs() -> None:
    assert told_apart([1.0, 1.1, 1.2], [2.0, 2.1, 2.2]) == 1.0
    assert told_apart([1.0, 2.0], [1.0, 2.0]) <= 0.75


@pytest.mark.parametrize("gates", [0, 3], ids=["no gates", "gates"])
@pytest.mark.parametrize("samples", SAMPLES)
def test_registering_takes_as_long_for_a_known_address_as_for_a_new_one(samples: int, gates: int) -> None:
    campaign = scenario.open_tour()
    for _ in range(gates):
        Gate.objects.create(
            campaign=campaign, kind="card_type", provider="sandbox", wanted="visa", message_en="Pay by Visa."
        )
    found = published(campaign.domain)

    def register(email: str) -> None:
        form = Form(email=email, name="Fan", choices=["CA-LAX"])
        registration.register(published=found, form=form, now=timezone.now())

    for number in range(samples // 2 + WARM_UP):
        register(f"known{number}@example.com")

    share = measure(
        samples,
        known=lambda number: register(f"known{number}@example.com"),
        unknown=lambda number: register(f"fresh{number}@example.com"),
    )

    assert share <= allowed(samples)


@pytest.mark.parametrize("samples", SAMPLES)
def test_a_member_is_answered_as_fast_as_somebody_who_is_none(samples: int) -> None:
    campaign = scenario.open_tour(identifier_type="memberId")
    count = samples // 2 + WARM_UP
    Member.objects.bulk_create(
        Member(artist=campaign.artist, number=f"M-{number}", email=f"fan{number}@example.com")
        for number in range(count)
    )
    found = published(campaign.domain)

    def register(number: str, email: str) -> None:
        form = Form(email=email, member_id=number, name="Fan", choices=["CA-LAX"])
        registration.register(published=found, form=form, now=timezone.now())

    share = measure(
        samples,
        known=lambda number: register(f"M-{number}", f"fan{number}@example.com"),
        unknown=lambda number: register(f"N-{number}", f"fan{number}@example.com"),
    )

    assert share <= allowed(samples)


@pytest.mark.parametrize("samples", SAMPLES)
def test_asking_for_a_link_and_typing_a_code_tell_nothing_either(samples: int) -> None:
    campaign = scenario.open_tour()
    found = published(campaign.domain)
    for number in range(samples // 2 + WARM_UP):
        form = Form(email=f"known{number}@example.com", name="Fan", choices=["CA-LAX"])
        registration.register(published=found, form=form, now=timezone.now())

    def ask(email: str) -> None:
        registration.send_link(published=found, email=email, now=timezone.now())

    def guess(email: str) -> None:
        with pytest.raises((WrongCode, TooManyCodes)):
            confirm_by_code(published=found, email=email, code="12", now=timezone.now())

    for deed in (ask, guess):
        share = measure(
            samples,
            known=lambda number, deed=deed: deed(f"known{number}@example.com"),  # type: ignore[misc]
            unknown=lambda number, deed=deed: deed(f"fresh{number}@example.com"),  # type: ignore[misc]
        )
        assert share <= allowed(samples)
