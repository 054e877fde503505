"""kill -9 while codes are held, assigned and made the fans': another worker goes on, and the sum holds.

A lock of the test's own stops the worker at a known statement; there it is killed, with its transaction half done.
The upload's own are in test_upload_faults.py.
"""

from pathlib import Path
from random import Random
from time import sleep

import pytest
from django.utils import timezone

from campaigns import lifecycle
from codes import inventory
from codes.models import Assignment, CodeRange
from entries.models import Entry
from tests import scenario
from tests.processes import heard, kill, process, script, wait_until
from tests.scenario import SUPREME, make_wave, upload_codes
from tests.waves.rerun import differences
from tests.waves.standing_still import Point, is_reached, rows_into, standing_still
from waves import preparation, selection
from waves.models import Wave, WavePrep
from waves.selection import CannotTrigger

pytestmark = pytest.mark.django_db(transaction=True)
LEASE_SECONDS = 3.0
WITHIN_SECONDS = 90.0
WORKER = ("-m", "celery", "-A", "monoql", "worker", "--concurrency", "1", "--loglevel", "INFO")


def row_of(table: str) -> Point:
    """At the change or the lock of one row, the last by its key."""
    return Point(table, f"SELECT 1 FROM {table} ORDER BY id DESC LIMIT 1 FOR UPDATE")  # noqa: S608  Our own names.


LAST_WORDS = rows_into("core_auditevent")
"""The audit event is the last that a transaction writes: everything is done, and nothing is there yet."""
HOLD = (row_of("codes_pool"), rows_into("codes_hold"), rows_into("codes_coderange"), LAST_WORDS)
ASSIGN = (rows_into("codes_assignment"), rows_into("waves_marketoutcome"))
TRIGGER = (rows_into("codes_coderange"), row_of("codes_hold"), row_of("waves_draw"), LAST_WORDS)


def kill_a_worker(point: Point, log: Path) -> None:
    """Start a worker, and kill it where it stands still."""
    with standing_still(point), process(*WORKER, lease_seconds=LEASE_SECONDS, log=log) as worker:
        wait_until(lambda: is_reached(point), seconds=WITHIN_SECONDS, what=f"a worker comes to {point.table}")
        kill(worker)


def kill_a_trigger(wave: Wave, *, point: Point | None, after: float = 0.0) -> None:
    """Press the button in a process that is killed at the point, or so many seconds after it has begun."""
    code = (
        "from django.utils import timezone; from tests.scenario import SUPREME\n"
        "from waves import selection; from waves.models import Wave\n"
        f"wave = Wave.objects.get(pk={wave.pk}); say('ready')\n"
        "selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())"
    )
    with script(code, lease_seconds=LEASE_SECONDS) as child:
        if point is None:
            assert heard(child) == "ready"
            sleep(after)
            kill(child)
            return
        with standing_still(point):
            wait_until(lambda: is_reached(point), seconds=WITHIN_SECONDS, what=f"the trigger comes to {point.table}")
            kill(child)


def ready_wave(fans: int) -> Wave:
    """A closed campaign of so many fans with codes for a third of them, and its wave."""
    campaign = scenario.open_tour()
    scenario.many_fans(campaign, fans)
    upload_codes(campaign, "CA-LAX", fans // 6)
    for event in ("AZ-PHX-1", "AZ-PHX-2"):
        upload_codes(campaign, "AZ-PHX", fans // 12, event=event)
    return make_wave(lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now()))


def counts() -> tuple[int, ...]:
    """Available, reserved, assigned, revoked."""
    return tuple(inventory.counts(CodeRange.objects.all()).values())


def live_through(wave: Wave, folder: Path, random: Random) -> None:
    """Hold, assign and trigger, each killed once on its way; then everything comes to its end by itself."""
    total, log = sum(counts()), folder / "log"
    hold, assign, trigger = (random.choice(points) for points in (HOLD, ASSIGN, TRIGGER))
    print(f"killed at {hold.table}, {assign.table}, {trigger.table}")
    options = preparation.Options(limits={"AZ-PHX": 31})
    preparation.start_preparation(wave=wave, options=options, actor=SUPREME, now=timezone.now())

    kill_a_worker(hold, log)
    assert counts() == (total, 0, 0, 0)  # Nothing is held by halves.

    with process("-m", "django", "tick", "--every", "0.5", lease_seconds=LEASE_SECONDS, log=log):
        kill_a_worker(assign, log)
        assert counts() == (0, total, 0, 0)
        assert not Assignment.objects.exists()
        with process(*WORKER, lease_seconds=LEASE_SECONDS, log=log):
            is_prepared = WavePrep.objects.filter(wave=wave, status="finished").exists
            wait_until(is_prepared, seconds=WITHIN_SECONDS, what="the preparation ends")
            press_until_triggered(wave, trigger, random)
            is_completed = Wave.objects.filter(pk=wave.pk, status="completed").exists
            wait_until(is_completed, seconds=WITHIN_SECONDS, what="the wave completes")


def press_until_triggered(wave: Wave, point: Point, random: Random) -> None:
    """Kill the trigger at the point, then within any of its statements or after them, and press once more."""
    block_some(5)
    before = counts()
    kill_a_trigger(wave, point=point)
    assert counts() == before
    assert not Assignment.objects.exclude(voided="").exists()
    kill_a_trigger(wave, point=None, after=random.uniform(0.0, 0.03))
    wave.refresh_from_db()
    if wave.triggered_at is None:
        assert counts() == before
        selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    else:
        with pytest.raises(CannotTrigger):
            selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())


def block_some(count: int) -> None:
    """Fans who are blocked after the freeze: the trigger has to revoke their codes."""
    chosen = Assignment.objects.order_by("code_id").values_list("entry_id", flat=True)[:count]
    Entry.objects.filter(pk__in=list(chosen)).update(blocked_at=timezone.now())


def check(wave: Wave, folder: Path, *, total: int, fans: int) -> None:
    """Everything that must hold, whatever died: all codes of Los Angeles and 31 of Phoenix have found a fan."""
    wave = Wave.objects.select_related("draw", "campaign").get(pk=wave.pk)
    placed = wave.draw.placed or 0
    assert placed == 31 + fans // 6
    assert counts() == (total - placed, 0, placed - 5, 5)
    assert Assignment.objects.count() == placed
    assert Assignment.objects.filter(voided="excluded").count() == 5
    assert Assignment.objects.values("entry_id").distinct().count() == placed
    assert inventory.verify([wave.campaign]) == []
    assert differences(scenario.bundle_of(wave, folder)) == []


def test_codes_come_to_their_fans_whatever_is_killed_on_the_way(tmp_path: Path) -> None:
    fans = 600
    wave = ready_wave(fans)
    total = sum(counts())

    live_through(wave, tmp_path, Random(2027))

    check(wave, tmp_path / "bundle", total=total, fans=fans)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_codes_of_20_000_come_to_their_fans_wherever_work_is_killed(tmp_path: Path, seed: int) -> None:
    fans = 20_000
    wave = ready_wave(fans)
    total = sum(counts())

    live_through(wave, tmp_path, Random(seed))

    check(wave, tmp_path / "bundle", total=total, fans=fans)
