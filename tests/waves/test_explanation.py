"""Why a wave chose an entry or did not: told to support with all that decided it, to the fan in safe words."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256

import pytest
from django.db import connection
from django.db.models import Q, QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from campaigns import secrets
from campaigns.models import Campaign
from campaigns.published import published
from codes.models import Assignment
from core import storage
from entries.leaving import block
from entries.models import Entry, ScoreRun
from monoql import fan_words
from tests import scenario
from tests.scenario import SUPREME, make_wave, prepare_wave, register_fan, upload_codes
from tests.waves.rerun import walk_down
from waves import preparation, proof, selection
from waves.admin_pages.explaining import explained
from waves.draw import draw_key, sort_key
from waves.explanation import Explanation, explain, outcomes
from waves.models import Draw, Wave
from waves.preparation import Options
from waves.rules import RANKINGS, Ranking

pytestmark = pytest.mark.django_db(transaction=True)
FANS = 60
PLACES = {"AZ-PHX": 6, "CA-LAX": 9, "NV-LAS": 0}


@pytest.fixture
def tour() -> Campaign:
    """The tour with a third city, sixty fans with one to three wishes and scores of all sizes, and codes for waves."""
    campaign = scenario.open_tour()
    scenario.add_market(campaign, "NV-LAS", "Las Vegas", split="concurrent", events=2, now=timezone.now())
    scenario.many_fans(campaign, FANS)
    numbers = list(campaign.markets.order_by("code").values_list("number", flat=True))
    for place, entry in enumerate(Entry.objects.order_by("ref")):
        entry.choices = [*numbers[place % 3 :], *numbers[: place % 3]][: 1 + place % 4][:3]
        entry.save(update_fields=["choices"])
    upload_codes(campaign, "CA-LAX", 60)
    upload_codes(campaign, "AZ-PHX", 60, event="AZ-PHX-1")
    upload_codes(campaign, "NV-LAS", 10)
    return campaign


def triggered(campaign: Campaign, *, month: int = 2, **options: object) -> Wave:
    """A wave that was prepared by these options and triggered."""
    wave = prepare_wave(
        make_wave(campaign, local=datetime(2027, month, 1, 10, 0)),
        Options(**options),  # type: ignore[arg-type]  # As the tests say.
    )
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    scenario.run_jobs()
    return Wave.objects.get(pk=wave.pk)


def the_one(entry: Entry, wave: Wave) -> Explanation:
    """What is told of one wave."""
    (why,) = explain(entry, wave=wave)
    return why


def pairs_of(draw: Draw) -> Iterator[tuple[str, int, str, int, int]]:
    """Every pair that was drawn, with a ticket that is computed anew, as the specification says."""
    key = draw_key(
        secret=secrets.secret_of(draw.campaign, draw.number),
        root=bytes.fromhex(draw.root),
        rules_json=bytes(draw.rules),
        public_value="",
    )
    for line in storage.get(f"{draw.storage_prefix}snapshot.csv").decode().splitlines()[1:]:
        ref, reason, tier, choices = line.split(",")
        ticket = int.from_bytes(sha256(key + ref.encode()).digest()[:8])
        for choice, market in enumerate(choices.split("|") if choices and not reason else [], start=1):
            yield ref, choice, market, int(tier), ticket


CRITERIA = {"choice": "preference", "tier": "score", "ticket": "lot"}


def what_differs(ranking: Ranking, mine: Sequence[int | str], theirs: Sequence[int | str]) -> str:
    """By what a pair came behind the last one that got in: the first in which their keys differ."""
    names = {criterion: name for name, criterion in CRITERIA.items()}
    parts = [*(names[criterion] for criterion in ranking), "ticket", "ticket"]
    return next(part for part, own, other in zip(parts, mine, theirs, strict=False) if own != other)


@pytest.mark.parametrize("ranking", RANKINGS)
def test_what_is_told_agrees_with_the_draw(tour: Campaign, ranking: Ranking) -> None:
    wave = triggered(tour, ranking=ranking, score_tier=25, limits=PLACES)

    pairs = list(pairs_of(wave.draw))
    placed = walk_down(pairs, list(ranking), PLACES)
    keys: dict[tuple[str, str], tuple[int | str, ...]] = {}
    for ref, choice, market, tier, ticket in pairs:
        keys[ref, market] = sort_key(ranking=ranking, choice=choice, tier=tier, ticket=ticket, ref=ref)
    last = {name: max(keys[ref, name] for ref in placed if placed[ref][0] == name) for name in ("AZ-PHX", "CA-LAX")}
    told = set()
    for entry in Entry.objects.exclude(email_confirmed_at=None):
        why = the_one(entry, wave)
        assert why.result == ("placed" if entry.ref in placed else "markets_full")
        assert int(why.ticket, 16) == next(pair[4] for pair in pairs if pair[0] == entry.ref)
        mine = placed.get(entry.ref, ("", 99, 0))
        for named in why.named:
            code = named.market.code
            is_full = named.choice < mine[1]
            assert bool(named.full_by) == is_full
            if named.cutoff is not None:
                assert named.cutoff.sort_key(ranking) == last[code]
                assert not is_full or keys[entry.ref, code] > last[code]
            assert (named.full_by == "no_places") == (is_full and code == "NV-LAS")
            if is_full and code in last:
                assert named.full_by == what_differs(ranking, keys[entry.ref, code], last[code])
            told.add(named.full_by)
        if entry.ref in placed:
            assert why.assignment is not None
            assert (why.assignment.market.code, why.assignment.choice, why.assignment.position) == mine
    # What decides first is told in every draw; whether anybody fails by the next only, the lot says.
    assert {"", "no_places", [*ranking, "lot"][0]} <= {CRITERIA.get(full_by, full_by) for full_by in told}


def test_each_reason_is_told_and_support_learns_what_stands_behind_excluded(tour: Campaign) -> None:
    now = timezone.now()
    triggered(tour, month=2, limits={"CA-LAX": 1, "AZ-PHX": 0, "NV-LAS": 0})
    chosen = Entry.objects.get(pk__in=[one.entry_id for one in Assignment.objects.all()])
    tour.markets.filter(code="NV-LAS").update(is_active=False)
    names = ("Ada", "Ben", "Cleo", "Una", "Gus", "Low", "Top", "Nil")
    fans = {name: register_fan(tour, name, ["CA-LAX"], is_confirmed=name != "Una") for name in names}
    Entry.objects.filter(name="Nil").update(choices=[tour.markets.get(code="NV-LAS").number])
    Entry.objects.filter(name="Ben").update(withdrawn_at=now)
    Entry.objects.filter(name="Cleo").update(blocked_at=now)
    Entry.objects.filter(name="Gus").update(gates_failed=True)
    run = ScoreRun.objects.get(campaign=tour, is_current=True)
    for name in ("Ada", "Low", "Top", "Nil"):
        run.scores.create(entry=fans[name], score={"Low": 5, "Top": 99}.get(name, 50))

    wave = triggered(tour, month=3, score_min=10, score_max=90, limits={"CA-LAX": 0})

    told = {name: the_one(entry, wave) for name, entry in fans.items()}
    assert {name: (why.result, why.hidden_reason) for name, why in told.items()} == {
        "Ada": ("markets_full", ""),
        "Ben": ("withdrawn", ""),
        "Cleo": ("excluded", "blocked"),
        "Gus": ("excluded", "gate_failed"),
        "Una": ("unconfirmed", ""),
        "Low": ("below_min_score", ""),
        "Top": ("above_max_score", ""),
        "Nil": ("no_choice", ""),
    }
    assert the_one(chosen, wave).result == "already_selected"
    assert {name: explained(why).words for name, why in told.items() if name in ("Cleo", "Gus")} == {
        "Cleo": "on the filter list",
        "Gus": "a gate not passed",
    }
    for name in ("Cleo", "Gus"):
        (newest, *_) = outcomes(fans[name], published(tour.domain))
        assert (newest.reason, newest.why) == ("excluded", None)
        assert "filter" not in fan_words.outcome_text(newest)


def test_who_stands_outside_the_audience_is_told_so(tour: Campaign) -> None:
    late = Entry.objects.filter(email_confirmed_at=None).first()
    assert late is not None
    triggered(tour, month=2, limits=PLACES)
    Entry.objects.filter(pk=late.pk).update(email_confirmed_at=timezone.now())

    wave = triggered(tour, month=3, audience="waitlisted:2027-02-01T10:00", limits=PLACES)

    assert the_one(late, wave).result == "not_in_audience"


def test_who_came_after_the_freeze_is_told_so_unless_the_wave_was_over(tour: Campaign) -> None:
    wave = prepare_wave(make_wave(tour))
    between = register_fan(tour, "Ada", ["CA-LAX"])
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    afterwards = register_fan(tour, "Ben", ["CA-LAX"])

    assert [outcome.reason for outcome in outcomes(between, published(tour.domain))] == ["after_freeze"]
    assert outcomes(afterwards, published(tour.domain)) == []
    assert [the_one(entry, wave).result for entry in (between, afterwards)] == ["after_freeze", "after_freeze"]


def test_a_voided_place_is_told_with_its_reason(tour: Campaign) -> None:
    wave = prepare_wave(make_wave(tour), Options(limits=PLACES))
    chosen = Entry.objects.filter(pk__in=[one.entry_id for one in Assignment.objects.all()]).order_by("pk")[0]
    block(entry=chosen, reason="A bot.", actor=SUPREME, now=timezone.now())
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())

    why = the_one(chosen, wave)
    (outcome,) = outcomes(chosen, published(tour.domain))

    assert why.result == "placed"
    assert explained(why).words.endswith("voided: put on the filter list after the freeze")
    assert (outcome.reason, outcome.voided_because) == ("voided", "excluded")
    assert "excluded before the codes were sent" in fan_words.outcome_text(outcome)


def test_nothing_is_told_before_the_trigger_nor_of_an_abandoned_wave(tour: Campaign) -> None:
    wave = prepare_wave(make_wave(tour))
    before = [explain(entry) for entry in Entry.objects.all()[:5]]
    preparation.abandon(wave=wave, reason="Wrong rules.", actor=SUPREME, now=timezone.now())

    assert before == [[]] * 5
    assert all(explain(entry) == [] for entry in Entry.objects.all()[:5])
    assert all(outcomes(entry, published(tour.domain)) == [] for entry in Entry.objects.all()[:5])


def test_a_fan_reads_her_number_and_the_last_one_drawn(tour: Campaign) -> None:
    Entry.objects.update(choices=[tour.markets.get(code="CA-LAX").number])
    wave = triggered(tour, ranking=(), limits=PLACES)
    loser = next(entry for entry in Entry.objects.all() if the_one(entry, wave).result == "markets_full")

    (outcome,) = outcomes(loser, published(tour.domain))
    first, second = fan_words.why_lines(outcome)

    own, last = first.split(": 0.")[1][:4], second.split("was 0.")[1][:4]
    assert first == f"Your number in this draw: 0.{own}. Lower numbers come first."
    assert second == f"Los Angeles: the last number drawn was 0.{last}."
    assert last < own
    assert fan_words.outcome_text(outcome) == "Los Angeles was full before your number came up."


def test_a_fan_reads_nothing_of_scores(tour: Campaign) -> None:
    wave = triggered(tour, ranking=("score", "preference"), score_tier=25, limits=PLACES)
    told: dict[str, list[str]] = {language: [] for language in ("en", "de", "es", "fr", "pt", "ja", "ar")}

    for entry in Entry.objects.all():
        why = the_one(entry, wave)
        for outcome in outcomes(entry, published(tour.domain)):
            assert outcome.why is None or why.full == outcome.why.full
            for language, lines in told.items():
                with translation.override(language):
                    lines += [fan_words.outcome_text(outcome), *fan_words.why_lines(outcome)]

    for language, lines in told.items():
        assert lines
        for word in ("score", "tier", "bot", "fraud", "Wertung", "puntu", "pontua"):
            assert not any(word in line for line in lines)
        assert language == "en" or not any("drawn" in line for line in lines)


def test_numbers_that_begin_alike_are_told_apart() -> None:
    assert fan_words.number_text(0) == "0.0000"
    assert fan_words.number_text(2**64 - 1) == "0.9999"
    assert fan_words._digits_apart(2**63, [2**63 + 2**40]) == 8


def test_telling_takes_as_many_queries_for_many_waves_as_for_one(tour: Campaign) -> None:
    entry = Entry.objects.exclude(email_confirmed_at=None).order_by("ref")[0]
    triggered(tour, month=2, reassign=True, limits=PLACES)
    counts = []
    for month in (3, 4):
        triggered(tour, month=month, reassign=True, limits=PLACES)
        found = published(tour.domain)
        with CaptureQueriesContext(connection) as asked:
            explain(entry)
            outcomes(entry, found)
        counts.append(len(asked))

    assert counts[0] == counts[1] <= 10


def test_a_hidden_reason_is_found_among_thousands_by_one_short_read() -> None:
    campaign = scenario.open_tour()
    scenario.many_fans(campaign, 3000)
    upload_codes(campaign, "CA-LAX", 1)
    first = Entry.objects.order_by("pk")[0].pk
    Entry.objects.filter(pk__lt=first + 2000).update(blocked_at=timezone.now())
    Entry.objects.filter(blocked_at=None, pk__lt=first + 2900).update(gates_failed=True)
    wave = triggered(campaign)

    expected = {entry.ref: "blocked" if entry.blocked_at else "gate_failed" for entry in excluded(first)}

    assert len(proof._hidden_blocks(wave.draw.storage_prefix).refs) > 10
    assert {ref: proof.hidden_reason_of(wave.draw, ref) for ref in list(expected)[::97]} == dict(
        list(expected.items())[::97]
    )
    assert proof.hidden_reason_of(wave.draw, "0" * 32) == ""


def excluded(first: int) -> QuerySet[Entry]:
    """The entries that a reason behind ``excluded`` keeps out; who is not confirmed has that reason before a gate's."""
    outside = Q(blocked_at__isnull=False) | Q(gates_failed=True, email_confirmed_at__isnull=False)
    return Entry.objects.filter(outside, pk__gte=first).order_by("ref")
