"""From the hold to the files: the draw of a campaign, run again by a program that shares nothing with it."""

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from campaigns import lifecycle, secrets
from campaigns.models import Campaign
from campaigns.published import published
from codes import inventory
from codes.models import Assignment, CodeRange
from core import jobs
from entries import leaving, own_entry
from entries.form import Form
from entries.models import Entry, ScoreRun
from entries.registration import register
from tests import scenario
from tests.scenario import SUPREME, make_wave, prepare_wave, register_fan, upload_codes
from tests.waves.rerun import differences
from waves import preparation, selection, verification
from waves.merkle import verify
from waves.models import Draw, Wave
from waves.preparation import BadPublicValue, CannotAbandon, CannotPrepare, Options
from waves.proof import line_of, proof_of
from waves.rules import RANKINGS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tour() -> Campaign:
    """The tour with 400 fans, closed, with fewer codes than fans."""
    campaign = scenario.open_tour()
    scenario.many_fans(campaign, 400)
    upload_codes(campaign, "CA-LAX", 60)
    upload_codes(campaign, "AZ-PHX", 30, event="AZ-PHX-1")
    upload_codes(campaign, "AZ-PHX", 50, event="AZ-PHX-2")
    return lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now())


def trigger(wave: Wave) -> Wave:
    """Trigger a wave and do what follows."""
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    jobs.run("waves.selection", str(wave.selection.pk))
    return Wave.objects.select_related("draw").get(pk=wave.pk)


@pytest.mark.parametrize("ranking", RANKINGS)
def test_an_outsider_gets_the_same_bytes(tour: Campaign, tmp_path: Path, ranking: tuple[str, ...]) -> None:
    wave = trigger(prepare_wave(make_wave(tour), Options(ranking=ranking, score_min=10, score_max=95)))

    assert wave.status == Wave.Status.COMPLETED
    assert differences(scenario.bundle_of(wave, tmp_path)) == []
    assert wave.draw.placed == 140


def test_the_bundle_says_what_the_database_did(tour: Campaign, tmp_path: Path) -> None:
    wave = trigger(prepare_wave(make_wave(tour)))
    folder = scenario.bundle_of(wave, tmp_path)

    lines = (folder / "allocation.csv").read_text().splitlines()[1:]
    refs = dict(Entry.objects.values_list("pk", "ref"))
    rows = Assignment.objects.select_related("market", "event", "code").order_by("market__code", "position")
    assert lines == [
        f"{refs[row.entry_id]},{row.market.code},{row.choice},{row.event.code if row.event else ''},{row.position}"
        for row in rows
    ]
    assert len({row.code_id for row in rows}) == len(rows) == 140
    assert all(row.code.value.startswith(row.event.code if row.event else row.market.code) for row in rows)


def test_every_place_has_a_code_and_no_code_is_lost(tour: Campaign) -> None:
    wave = prepare_wave(make_wave(tour), Options(limits={"AZ-PHX": 31}))
    assert inventory.counts(CodeRange.objects.all()) == {
        "available": 49,
        "reserved": 91,
        "assigned": 0,
        "revoked": 0,
    }

    trigger(wave)

    assert inventory.counts(CodeRange.objects.all())["assigned"] == 91
    assert inventory.verify([tour]) == []
    assert Assignment.objects.filter(event__code="AZ-PHX-1").count() == 30
    assert Assignment.objects.filter(event__code="AZ-PHX-2").count() == 1


def test_a_population_limit_counts_earlier_waves(tour: Campaign) -> None:
    tour.markets.filter(code="CA-LAX").update(population_limit=40)
    trigger(prepare_wave(make_wave(tour), Options(limits={"CA-LAX": 30, "AZ-PHX": 0})))

    second = trigger(prepare_wave(make_wave(tour, local=datetime(2027, 3, 1, 10, 0)), Options(limits={"AZ-PHX": 0})))

    places = json.loads(bytes(second.draw.rules))["markets"]["CA-LAX"]["places"]
    assert places == 10
    assert Assignment.objects.count() == 40


def test_reassign_decides_whether_the_chosen_may_be_chosen_again(tour: Campaign, tmp_path: Path) -> None:
    first = trigger(prepare_wave(make_wave(tour), Options(limits={"CA-LAX": 20, "AZ-PHX": 20})))
    second = trigger(prepare_wave(make_wave(tour, local=datetime(2027, 3, 1, 10, 0))))

    assert second.draw.reasons["already_selected"] == 40
    rules = json.loads(bytes(second.draw.rules))
    assert rules["previous_allocation_sha256"] == first.draw.allocation_sha256
    assert rules["previous_voided_sha256"] == first.draw.voided_sha256
    assert differences(scenario.bundle_of(second, tmp_path)) == []
    assert Assignment.objects.values("entry_id").distinct().count() == Assignment.objects.count()


def test_each_entry_stands_with_its_first_reason(tmp_path: Path) -> None:
    campaign = scenario.open_tour()
    now = timezone.now()
    fans = {
        name: register_fan(campaign, name, ["CA-LAX"], is_confirmed=name != "Una")
        for name in ("Ada", "Ben", "Cleo", "Una", "Wim", "Gus", "Low", "Top")
    }
    register_fan(campaign, "Zoe", ["AZ-PHX"])
    for name, fields in (
        ("Wim", {"withdrawn_at": now}),
        ("Cleo", {"blocked_at": now}),
        ("Gus", {"gates_failed": True}),
    ):
        Entry.objects.filter(pk=fans[name].pk).update(**fields)
    run = ScoreRun.objects.create(campaign=campaign, source="test", is_current=True, created_at=now)
    for name, score in (("Ada", 50), ("Ben", 55), ("Low", 5), ("Top", 99), ("Cleo", 1)):
        run.scores.create(entry=fans[name], score=score)
    campaign.markets.filter(code="AZ-PHX").update(is_active=False)
    upload_codes(campaign, "CA-LAX", 1)

    wave = trigger(prepare_wave(make_wave(campaign), Options(score_min=10, score_max=90)))

    reasons = {name: line_of(wave.draw, entry.ref).reason for name, entry in fans.items()}
    assert reasons == {
        "Ada": "",
        "Ben": "",
        "Cleo": "excluded",
        "Una": "unconfirmed",
        "Wim": "withdrawn",
        "Gus": "excluded",
        "Low": "below_min_score",
        "Top": "above_max_score",
    }
    assert wave.draw.reasons == {
        "withdrawn": 1,
        "blocked": 1,
        "unconfirmed": 1,
        "gate_failed": 1,
        "no_choice": 1,
        "below_min_score": 1,
        "above_max_score": 1,
    }
    assert differences(scenario.bundle_of(wave, tmp_path)) == []


def test_every_entry_proves_its_line(tour: Campaign) -> None:
    wave = trigger(prepare_wave(make_wave(tour)))

    for entry in Entry.objects.order_by("?")[:25]:
        line = line_of(wave.draw, entry.ref)
        assert verify(
            line=line.text.encode(),
            index=line.index,
            entries=wave.draw.entries,
            proof=proof_of(wave.draw, line),
            root=wave.draw.root,
        )


def test_who_is_blocked_after_the_freeze_keeps_the_place_and_loses_the_code(tour: Campaign, tmp_path: Path) -> None:
    wave = prepare_wave(make_wave(tour))
    before = wave.draw.allocation_sha256
    chosen = Assignment.objects.order_by("code_id").first()
    assert chosen is not None
    Entry.objects.filter(pk=chosen.entry_id).update(blocked_at=timezone.now())

    wave = trigger(wave)

    assert wave.draw.allocation_sha256 == before
    assert inventory.counts(CodeRange.objects.all()) == {
        "available": 0,
        "reserved": 0,
        "assigned": 139,
        "revoked": 1,
    }
    assert bytes(wave.draw.voided or b"").decode().count("excluded") == 1
    assert differences(scenario.bundle_of(wave, tmp_path)) == []


def test_a_public_value_is_awaited_and_taken_once(tour: Campaign, tmp_path: Path) -> None:
    wave = prepare_wave(make_wave(tour), Options(public_source="drand round 4102338"))
    assert (wave.prep.status, wave.prep.phase) == ("waiting", preparation.AWAITING)
    now = timezone.now()

    for bad in ("", " x", "é", "x" * 257):
        with pytest.raises(BadPublicValue):
            preparation.enter_public_value(wave=wave, value=bad, actor=SUPREME, now=now)
    preparation.enter_public_value(wave=wave, value="4fa1 0c", actor=SUPREME, now=now)
    with pytest.raises(BadPublicValue):
        preparation.enter_public_value(wave=wave, value="other", actor=SUPREME, now=now)
    jobs.run("waves.waveprep", str(wave.prep.pk))

    assert differences(scenario.bundle_of(trigger(wave), tmp_path)) == []


def test_after_the_freeze_nothing_rerolls_the_draw(tour: Campaign) -> None:
    wave = prepare_wave(make_wave(tour), Options(public_source="tomorrow's paper"))
    frozen = Draw.objects.values("number", "rules_sha256", "snapshot_sha256", "root").get()
    register_late = Entry.objects.first()
    assert register_late is not None
    Entry.objects.filter(pk=register_late.pk).update(withdrawn_at=timezone.now())

    Wave.objects.filter(pk=wave.pk).update(status=Wave.Status.SCHEDULED)
    again = preparation.start_preparation(
        wave=wave, options=Options(ranking=(), reassign=True, score_min=90), actor=SUPREME, now=timezone.now()
    )
    jobs.run("waves.waveprep", str(again.pk))

    assert Draw.objects.values("number", "rules_sha256", "snapshot_sha256", "root").get() == frozen


def test_an_abandoned_wave_keeps_its_number_and_is_published(tour: Campaign, tmp_path: Path) -> None:
    wave = prepare_wave(make_wave(tour))

    preparation.abandon(wave=wave, reason="Wrong limit in Phoenix.", actor=SUPREME, now=timezone.now())

    assert inventory.counts(CodeRange.objects.all())["available"] == 140
    assert not Assignment.objects.exists()
    assert differences(scenario.bundle_of(wave, tmp_path)) == []
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["abandoned"] == "Wrong limit in Phoenix."
    assert manifest["secret"] == secrets.secret_of(tour, 1).hex()
    second = prepare_wave(make_wave(tour, local=datetime(2027, 3, 1, 10, 0)))
    assert second.draw.number == 2
    with pytest.raises(CannotAbandon):
        preparation.abandon(wave=wave, reason="Again.", actor=SUPREME, now=timezone.now())


def test_a_wave_is_abandoned_while_storage_is_away(tour: Campaign, settings: Settings) -> None:
    wave = prepare_wave(make_wave(tour))
    endpoint, settings.AWS_S3_ENDPOINT_URL = settings.AWS_S3_ENDPOINT_URL, "http://127.0.0.1:9"

    abandoned = preparation.abandon(wave=wave, reason="Wrong limit.", actor=SUPREME, now=timezone.now())

    settings.AWS_S3_ENDPOINT_URL = endpoint
    assert abandoned.status == "failed"
    assert [str(one) for one in verification.verify_campaign(tour, run_again=True)] == []


def test_one_wave_of_a_campaign_at_a_time(tour: Campaign) -> None:
    prepare_wave(make_wave(tour))

    with pytest.raises(CannotPrepare, match="under way"):
        prepare_wave(make_wave(tour, local=datetime(2027, 3, 1, 10, 0)))


def test_a_failed_preparation_gives_the_codes_back(tour: Campaign) -> None:
    wave = make_wave(tour)
    prep = preparation.start_preparation(wave=wave, options=Options(), actor=SUPREME, now=timezone.now())
    for number in range(1, 33):
        other = Wave.objects.create(
            campaign=tour, date_key=f"2026-01-01T{number // 60:02}:{number:02}", created_at=timezone.now()
        )
        Draw.objects.create(
            wave=other, campaign=tour, number=number, rules=b"", entries=0, eligible=0, frozen_at=timezone.now()
        )

    jobs.run("waves.waveprep", str(prep.pk))

    wave = Wave.objects.select_related("prep").get(pk=wave.pk)
    assert (wave.status, wave.prep.status) == ("scheduled", "failed")
    assert "32 draws" in wave.prep.error
    assert inventory.counts(CodeRange.objects.all())["available"] == 140


@pytest.mark.parametrize(
    "bad",
    [
        {"ranking": ("score", "score")},
        {"score_tier": 0},
        {"score_min": 60, "score_max": 50},
        {"score_max": 101},
        {"limits": {"MARS": 1}},
        {"limits": {"CA-LAX": -1}},
        {"limits": {"CA-LAX": True}},
        {"public_source": "two\nlines"},
    ],
)
def test_options_that_no_draw_follows_are_refused(tour: Campaign, bad: dict[str, object]) -> None:
    with pytest.raises(CannotPrepare):
        prepare_wave(make_wave(tour), replace(Options(), **bad))  # type: ignore[arg-type]  # That is the test.


@pytest.mark.parametrize("way", ["withdrawn", "excluded", "erased"])
def test_who_leaves_after_the_freeze_and_comes_back_has_lost_her_place(
    tour: Campaign, tmp_path: Path, way: str
) -> None:
    tour = lifecycle.open_campaign(campaign=tour, actor=SUPREME, now=timezone.now())
    wave = prepare_wave(make_wave(tour))
    chosen = Assignment.objects.order_by("code_id").first()
    assert chosen is not None
    entry, now, found = Entry.objects.get(pk=chosen.entry_id), timezone.now(), published(tour.domain)
    choices = [market.code for market in tour.markets.filter(number__in=entry.choices)]
    if way == "withdrawn":
        own_entry.withdraw(published=found, entry=entry, now=now)
        own_entry.change(published=found, entry=entry, form=Form(name="Back", choices=choices), now=now)
    elif way == "excluded":
        leaving.block(entry=entry, reason="A bot.", actor=SUPREME, now=now)
        leaving.unblock(entry=entry, reason="No bot.", actor=SUPREME, now=now)
    else:
        email = entry.email
        leaving.erase(entry=entry, reason="She asked for it.", actor=SUPREME, now=now)
        register(published=found, form=Form(email=email, name="Back", choices=choices), now=now)

    wave = trigger(wave)

    assert bytes(wave.draw.voided or b"").decode() == f"ref,reason\n{entry.ref},{way}\n"
    assert Assignment.objects.get(pk=chosen.pk).voided == way
    part = CodeRange.objects.get(first__lte=chosen.code_id, last__gte=chosen.code_id)
    assert inventory.state_of(part) == "revoked"
    assert differences(scenario.bundle_of(wave, tmp_path)) == []
