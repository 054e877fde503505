"""Every way to have another order once a wave is frozen: none of them changes it.

The order that has to follow is worked out before each attempt, by the outsiders' file from the frozen snapshot.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from django.utils import timezone

from campaigns import lifecycle, secrets
from campaigns.lifecycle import CannotOpenCampaign
from campaigns.models import Campaign, Event
from campaigns.published import published
from codes import holding, inventory
from codes.models import Assignment, CodeRange
from core import jobs, storage
from entries import leaving, own_entry
from entries.form import Form
from entries.models import Entry, ScoreRun
from tests import scenario
from tests.scenario import SUPREME, make_wave, prepare_wave, register_fan, upload_codes
from waves import preparation, selection, verification, verify_draw
from waves.models import Draw, Wave, WavePrep
from waves.preparation import BadPublicValue, CannotAbandon, CannotPrepare, Options
from waves.rules import RANKINGS

pytestmark = pytest.mark.django_db(transaction=True)
VALUE = "4fa1 0c"
OTHERS = Options(ranking=(), score_tier=1, score_min=50, reassign=True, limits={"CA-LAX": 1})
FROZEN = ("number", "rules_sha256", "snapshot_sha256", "root", "entries", "eligible", "frozen_at", "storage_prefix")
Attempt = Callable[[Wave], object]


@pytest.fixture
def tour() -> Campaign:
    """The tour, open, with 120 fans and codes for 60, some more of which come later."""
    campaign = scenario.open_tour()
    scenario.many_fans(campaign, 120)
    upload_codes(campaign, "CA-LAX", 30)
    upload_codes(campaign, "AZ-PHX", 10, event="AZ-PHX-1")
    upload_codes(campaign, "AZ-PHX", 20, event="AZ-PHX-2")
    return campaign


@pytest.fixture
def wave(tour: Campaign) -> Wave:
    """A wave that is frozen, and awaits its public value."""
    options = Options(ranking=RANKINGS[0], score_min=10, public_source="tomorrow's paper", limits={"CA-LAX": 25})
    return prepare_wave(make_wave(tour), options)


def order_to_come(draw: Draw, folder: Path) -> str:
    """The hash of the allocation that follows from what is frozen and from the public value, by the outsiders' file."""
    path = storage.fetch(f"{draw.storage_prefix}snapshot.csv", folder / "snapshot.csv")
    rules = json.loads(bytes(draw.rules))
    snapshot = verify_draw.Snapshot(path, rules, set())
    told = {"public_value": VALUE, "secret": secrets.secret_of(draw.campaign, draw.number).hex()}
    key = verify_draw.draw_key(told, snapshot.root, bytes(draw.rules))
    lines = ["ref,market,choice,event,position", *verify_draw.allocation_lines(rules, snapshot, key)]
    return sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def draw_now(wave: Wave) -> None:
    """Enter the value, unless it was entered; a worker goes on from the freeze."""
    if Draw.objects.get(wave=wave).public_value is None:
        preparation.enter_public_value(wave=wave, value=VALUE, actor=SUPREME, now=timezone.now())
    jobs.run("waves.waveprep", str(wave.prep.pk))


def prepare_again(wave: Wave) -> None:
    """Prepare it once more, with other options."""
    with pytest.raises(CannotPrepare):
        preparation.start_preparation(wave=wave, options=OTHERS, actor=SUPREME, now=timezone.now())


def prepare_again_after_a_failure(wave: Wave) -> None:
    """The work fails, and the operator prepares it again with other options."""
    WavePrep.objects.filter(wave=wave).update(status="failed", finished_at=timezone.now())
    preparation.give_up(WavePrep.objects.get(wave=wave))
    preparation.start_preparation(wave=wave, options=OTHERS, actor=SUPREME, now=timezone.now())
    jobs.run("waves.waveprep", str(wave.prep.pk))


def prepare_again_after_a_cancel(wave: Wave) -> None:
    """Cancel it just before it is drawn, and prepare it again with other options."""
    if not Draw.objects.get(wave=wave).allocation_sha256:
        preparation.enter_public_value(wave=wave, value=VALUE, actor=SUPREME, now=timezone.now())
        preparation.cancel(wave=wave, actor=SUPREME, now=timezone.now())
        preparation.start_preparation(wave=wave, options=OTHERS, actor=SUPREME, now=timezone.now())
        jobs.run("waves.waveprep", str(wave.prep.pk))
    with pytest.raises(jobs.CannotCancel):
        preparation.cancel(wave=wave, actor=SUPREME, now=timezone.now())


def have_another_worker_do_it(wave: Wave) -> None:
    """Another worker takes the job and does it from what the row says."""
    WavePrep.objects.filter(wave=wave).update(status="running", lease_until=datetime(2020, 1, 1, tzinfo=UTC))
    jobs.run("waves.waveprep", str(wave.prep.pk))


def change_the_options(wave: Wave) -> None:
    """Change the rows of the options in the database."""
    changed = {"ranking": [], "score_tier": 1, "score_min": 90, "reassign": True, "limits": {"CA-LAX": 1}}
    WavePrep.objects.filter(wave=wave).update(**changed, public_source="", audience="fanlist:nobody")


def block_fans(wave: Wave) -> None:
    """Put fans on the filter list."""
    for entry in Entry.objects.order_by("ref")[:40]:
        leaving.block(entry=entry, reason="Too lucky.", actor=SUPREME, now=timezone.now())


def withdraw_fans(wave: Wave) -> None:
    """Fans withdraw, and some of them enter again."""
    found = published(wave.campaign.domain)
    for number, entry in enumerate(Entry.objects.filter(email_confirmed_at__isnull=False).order_by("ref")[:40]):
        own_entry.withdraw(published=found, entry=entry, now=timezone.now())
        if number % 2:
            form = Form(name="Back", choices=["AZ-PHX"])
            own_entry.change(published=found, entry=entry, form=form, now=timezone.now())


def erase_fans(wave: Wave) -> None:
    """Fans want to be erased."""
    for entry in Entry.objects.order_by("ref")[:20]:
        leaving.erase(entry=entry, reason="She asked for it.", actor=SUPREME, now=timezone.now())


def register_more_fans(wave: Wave) -> None:
    """New fans register while the campaign is open."""
    for number in range(10):
        register_fan(wave.campaign, f"Late{number}", ["CA-LAX", "AZ-PHX"])


def change_fans_choices(wave: Wave) -> None:
    """Fans name other cities, in their own page and by a deed on the rows."""
    Entry.objects.filter(pk__in=Entry.objects.order_by("ref").values("pk")[:60]).update(choices=[2])


def change_the_scores(wave: Wave) -> None:
    """Another run of scores becomes the current one."""
    ScoreRun.objects.update(is_current=False)
    run = ScoreRun.objects.create(campaign=wave.campaign, source="?", is_current=True, created_at=timezone.now())
    for number, pk in enumerate(Entry.objects.order_by("-ref").values_list("pk", flat=True)):
        run.scores.create(entry_id=pk, score=number % 101)


def limit_the_markets(wave: Wave) -> None:
    """Take places from the markets, a date and a whole market from the tour."""
    wave.campaign.markets.update(population_limit=1)
    Event.objects.filter(code="AZ-PHX-1").update(is_active=False)
    wave.campaign.markets.filter(code="CA-LAX").update(is_active=False)


def replace_codes(wave: Wave) -> None:
    """Replace codes that are held by others of the pool."""
    upload_codes(wave.campaign, "CA-LAX", 8, prefix="NEW")
    part = CodeRange.objects.filter(hold=wave.prep.hold, pool__market__code="CA-LAX").order_by("first")[0]
    for code_id in range(part.first, part.first + 5):
        holding.swap(code_id=code_id, reason="Misprinted.", actor=SUPREME, now=timezone.now())


def enter_another_value(wave: Wave) -> None:
    """Enter the public value twice."""
    if Draw.objects.get(wave=wave).public_value is None:
        preparation.enter_public_value(wave=wave, value=VALUE, actor=SUPREME, now=timezone.now())
    with pytest.raises(BadPublicValue):
        preparation.enter_public_value(wave=wave, value="another", actor=SUPREME, now=timezone.now())


def reopen_the_campaign(wave: Wave) -> None:
    """Close the campaign, and open it again for others."""
    campaign = lifecycle.close_campaign(campaign=wave.campaign, actor=SUPREME, now=timezone.now())
    with pytest.raises(CannotOpenCampaign, match="frozen"):
        lifecycle.open_campaign(campaign=campaign, actor=SUPREME, now=timezone.now())


def store_another_snapshot(wave: Wave) -> None:
    """Put another snapshot in the storage, without the first fans; once it is noticed, the right one comes back."""
    spoil_the_snapshot(wave, lambda data: b"".join([*data.splitlines(keepends=True)[:1], *data.splitlines(True)[9:]]))


def delete_the_snapshot(wave: Wave) -> None:
    """Delete the snapshot from the storage, and bring it back."""
    spoil_the_snapshot(wave, None)


def spoil_the_snapshot(wave: Wave, change: Callable[[bytes], bytes] | None) -> None:
    """Nothing is drawn, and nothing frozen anew, while the stored snapshot is not the frozen one."""
    draw = Draw.objects.get(wave=wave)
    if draw.allocation_sha256:
        return
    key = f"{draw.storage_prefix}snapshot.csv"
    kept = storage.get(key)
    if change is None:
        storage.delete(key)
    else:
        storage.put(key, change(kept))
    draw_now(wave)
    prep = WavePrep.objects.get(wave=wave)
    assert prep.status == ("queued" if change is None else "failed")
    assert change is None or "not the frozen one" in prep.error
    assert not Draw.objects.get(wave=wave).allocation_sha256
    assert not Assignment.objects.exists()
    assert inventory.counts_of(wave.campaign)["reserved"] == 60  # They wait for this draw, and for no other.
    storage.put(key, kept)
    if change is not None:
        preparation.start_preparation(wave=wave, options=OTHERS, actor=SUPREME, now=timezone.now())
    WavePrep.objects.filter(wave=wave).update(run_after=None)


ATTEMPTS: list[Attempt] = [
    prepare_again,
    prepare_again_after_a_failure,
    prepare_again_after_a_cancel,
    have_another_worker_do_it,
    change_the_options,
    block_fans,
    withdraw_fans,
    erase_fans,
    register_more_fans,
    change_fans_choices,
    change_the_scores,
    limit_the_markets,
    replace_codes,
    enter_another_value,
    reopen_the_campaign,
    store_another_snapshot,
    delete_the_snapshot,
]


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize("is_drawn", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["frozen", "drawn"])
def test_an_attempt_to_reroll_changes_nothing(wave: Wave, tmp_path: Path, is_drawn: bool, attempt: Attempt) -> None:
    before = Draw.objects.values(*FROZEN).get()
    order = order_to_come(Draw.objects.get(), tmp_path)
    if is_drawn:
        draw_now(wave)

    attempt(wave)
    draw_now(wave)
    found = Draw.objects.values(*FROZEN).get(), Draw.objects.get().allocation_sha256
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    scenario.run_jobs()

    assert found == (before, order)
    assert Draw.objects.get().allocation_sha256 == order
    assert Wave.objects.get().status == "completed"
    assert Assignment.objects.count() == 55
    assert [str(one) for one in verification.verify_campaign(wave.campaign, run_again=True)] == []


def test_the_wave_after_an_abandoned_one_has_another_number_and_key(wave: Wave, tmp_path: Path) -> None:
    draw_now(wave)
    first = Draw.objects.get()
    preparation.abandon(wave=wave, reason="The wrong limit.", actor=SUPREME, now=timezone.now())
    with pytest.raises(CannotAbandon):
        preparation.abandon(wave=wave, reason="Again.", actor=SUPREME, now=timezone.now())
    with pytest.raises(CannotPrepare):
        preparation.start_preparation(wave=wave, options=Options(), actor=SUPREME, now=timezone.now())

    same = Options(score_min=10, public_source="tomorrow's paper", limits={"CA-LAX": 25})
    again = prepare_wave(make_wave(wave.campaign, local=datetime(2027, 3, 1, 10, 0)), same)

    draw_now(again)
    second = Draw.objects.get(wave=again)
    manifest = json.loads((scenario.bundle_of(wave, tmp_path) / "manifest.json").read_text())
    assert (first.number, second.number) == (1, 2)
    assert manifest["root"] == first.root
    assert manifest["secret"] == secrets.secret_of(wave.campaign, 1).hex()
    assert manifest["abandoned"] == "The wrong limit."
    assert secrets.secret_of(wave.campaign, 1) != secrets.secret_of(wave.campaign, 2)
    assert second.snapshot_sha256 == first.snapshot_sha256  # The same fans stand in it, in another order.
    assert second.allocation_sha256 not in ("", first.allocation_sha256)
    assert [str(one) for one in verification.verify_campaign(wave.campaign, run_again=True)] == []


def test_a_number_that_was_taken_is_never_taken_again(tour: Campaign) -> None:
    for month in range(1, 5):
        wave = prepare_wave(make_wave(tour, local=datetime(2027, month, 1, 10, 0)))
        preparation.abandon(wave=wave, reason="Once more.", actor=SUPREME, now=timezone.now())

    assert list(Draw.objects.order_by("pk").values_list("number", flat=True)) == [1, 2, 3, 4]
    assert Draw.objects.exclude(revealed_at=None).exclude(abandoned="").count() == 4
    assert inventory.counts_of(tour)["available"] == 60
