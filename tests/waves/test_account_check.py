"""Whose a code is: what the ticketing platform is told, and what nobody learns from it."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from campaigns.models import Campaign
from codes import holding
from codes.models import Assignment, Code, Pool
from core.refusal import NotAllowed
from entries.models import Entry
from tests.entries.test_enumeration import SAMPLES, allowed, measure
from tests.scenario import SUPREME, make_wave, open_tour, prepare_wave, register_fan, upload_codes
from viewers.viewer import ANONYMOUS
from waves import account_check, by_hand, selection
from waves.account_check import TooManyChecks, is_code_of_account

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tour() -> Campaign:
    """Ada and Ben; Ada has a code that is tied to her account, and five are free."""
    campaign = open_tour()
    upload_codes(campaign, "CA-LAX", 6)
    Pool.objects.update(is_tied_to_account=True)
    register_fan(campaign, "Ben", ["CA-LAX"])
    ada = register_fan(campaign, "Ada", ["CA-LAX"])
    by_hand.give(entry=ada, pool=campaign.pools.get(), reason="x", actor=SUPREME, now=timezone.now())
    account_check.checks.clear()
    return campaign


def code() -> str:
    """Ada's code."""
    return Code.objects.get(pk=Assignment.objects.get(entry_id=Entry.objects.get(name="Ada").pk).code_id).value


def is_valid(campaign: Campaign, given: object, account: object) -> bool:
    """What the platform is told."""
    return is_code_of_account(campaign=campaign, code=given, account=account, actor=SUPREME)


def test_it_is_hers_in_every_spelling_of_her_address_and_nobody_elses(tour: Campaign) -> None:
    assert is_valid(tour, code(), " ADA@Example.com ")
    assert is_valid(tour, f" {code()} ", "ada@example.com")

    assert not is_valid(tour, code(), "ben@example.com")
    assert not is_valid(tour, code().lower(), "ada@example.com")


@pytest.mark.parametrize("account", ["", "no address", None, 7, ["ada@example.com"], "a" * 500, "a\0da@example.com"])
def test_what_is_no_account_has_no_code(tour: Campaign, account: object) -> None:
    assert not is_valid(tour, code(), account)


@pytest.mark.parametrize("given", ["", "NONE", None, 7, "x" * 500, "\0"])
def test_what_is_no_code_is_nobodys(tour: Campaign, given: object) -> None:
    assert not is_valid(tour, given, "ada@example.com")


def test_a_free_code_and_one_of_another_campaign_are_nobodys(tour: Campaign) -> None:
    free = Code.objects.exclude(value=code()).order_by("pk").values_list("value", flat=True)[0]
    other = open_tour(domain="borealis")

    assert not is_valid(tour, free, "ada@example.com")
    assert not is_valid(other, code(), "ada@example.com")


def test_a_replaced_code_is_nobodys_and_the_new_one_is_hers(tour: Campaign) -> None:
    old = code()

    by_hand.replace(assignment=Assignment.objects.get(), reason="x", actor=SUPREME, now=timezone.now())

    assert not is_valid(tour, old, "ada@example.com")
    assert is_valid(tour, code(), "ada@example.com")


def test_a_code_that_was_taken_back_is_nobodys(tour: Campaign) -> None:
    by_hand.take_back(assignment=Assignment.objects.get(), reason="x", actor=SUPREME, now=timezone.now())

    assert not is_valid(tour, code(), "ada@example.com")


def test_a_waves_code_is_hers_with_the_trigger(tour: Campaign) -> None:
    wave = prepare_wave(make_wave(tour))
    ben = Entry.objects.get(name="Ben")
    value = Code.objects.get(pk=Assignment.objects.get(entry_id=ben.pk).code_id).value
    assert not is_valid(tour, value, "ben@example.com")

    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())

    assert is_valid(tour, value, "ben@example.com")


def test_an_untied_code_that_was_given_opens_for_whoever_has_it(tour: Campaign) -> None:
    Pool.objects.update(is_tied_to_account=False)
    free = Code.objects.exclude(value=code()).order_by("pk").values_list("value", flat=True)[0]

    assert is_valid(tour, code(), "ben@example.com")
    assert is_valid(tour, code(), "")
    assert not is_valid(tour, free, "ben@example.com")


def test_it_is_one_statement_that_walks_unique_indexes(tour: Campaign) -> None:
    value = code()
    with CaptureQueriesContext(connection) as asked:
        is_valid(tour, value, "ada@example.com")
    statements = [query["sql"] for query in asked.captured_queries if "codes_code" in query["sql"]]

    assert len(statements) == 1
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {statements[0]}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "codes_code_once_a_campaign" in plan
    assert "codes_assignment_pkey" in plan
    assert "Seq Scan" not in plan


def test_a_viewer_who_asks_very_often_waits(tour: Campaign, settings: Settings) -> None:
    settings.CODE_CHECKS_PER_SECOND = 0.05  # One in twenty seconds.
    is_valid(tour, code(), "ada@example.com")

    with pytest.raises(TooManyChecks) as refused:
        is_valid(tour, code(), "ada@example.com")

    assert refused.value.retry_after


def test_without_the_right_nothing_is_answered(tour: Campaign) -> None:
    with pytest.raises(NotAllowed):
        is_code_of_account(campaign=tour, code=code(), account="ada@example.com", actor=ANONYMOUS)


def test_what_is_kept_back_is_nobodys(tour: Campaign) -> None:
    now = timezone.now()
    held = holding.hold_codes(campaign=tour, code_type="presale", purpose="a wave", now=now)
    value = Code.objects.get(pk=held.ranges.order_by("first")[0].first).value

    assert not is_valid(tour, value, "ada@example.com")


@pytest.mark.parametrize("samples", SAMPLES)
def test_the_time_of_an_answer_does_not_tell_whether_there_is_such_a_code(
    tour: Campaign, settings: Settings, samples: int
) -> None:
    settings.CODE_CHECKS_PER_SECOND, settings.PUBLISHED_SECONDS = 0, 60
    value = code()

    share = measure(
        samples,
        known=lambda number: is_valid(tour, value, "ada@example.com"),
        unknown=lambda number: is_valid(tour, f"NONE-{number}", "ada@example.com"),
    )

    assert share <= allowed(samples)
