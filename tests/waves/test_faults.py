"""A worker that dies anywhere between the hold and the last mail: the wave goes on by itself, to the same bytes.

It dies at a known statement, where a lock of the test's own has it stand still with its transaction half done, or at a
moment by chance, which finds the files and mails too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Any

import pytest
from django.db.models import Model, QuerySet
from django.utils import timezone

from campaigns import lifecycle
from core import jobs
from core.models import Job
from entries import sending
from entries.models import Message
from tests import scenario
from tests.processes import kill, process, wait_until
from tests.scenario import SUPREME, make_wave, upload_codes
from tests.waves.standing_still import Point, is_reached, rows_into, rows_out_of, standing_still
from waves import preparation, selection, verification
from waves.models import Draw, Notification, Selection, Wave, WavePrep

pytestmark = pytest.mark.django_db(transaction=True)
LEASE_SECONDS = 3.0
WITHIN_SECONDS = 60.0
WORKER = ("-m", "celery", "-A", "monoql", "worker", "--concurrency", "1", "--loglevel", "INFO")
POINTS: dict[type[Job], tuple[Point | str, ...]] = {
    WavePrep: (
        rows_into("codes_hold"),
        rows_out_of("entries_entry"),
        rows_into("waves_draw", "INSERT INTO"),
        rows_into("codes_assignment"),
        rows_into("waves_marketoutcome"),
        "drawing",
        "writing",
    ),
    Selection: (rows_out_of("entries_entry"), rows_into("waves_wave"), rows_into("waves_notification"), "writing"),
    Notification: (rows_into("entries_message", "INSERT INTO"), "queueing", "sending"),
}
"""Where each job can be killed: where a lock has it stand still, or as soon as its row tells of a phase."""
Where = Point | str | float


@dataclass
class Witness:
    """What was seen on the way: hashes of what was frozen and drawn, which no later look may find changed."""

    wave: Wave
    frozen: dict[str, str] = field(default_factory=dict)
    longest: float = 0.0

    def look(self) -> None:
        """Compare what there is with what was seen before."""
        found = Draw.objects.filter(wave=self.wave).values(
            "number", "rules_sha256", "snapshot_sha256", "root", "allocation_sha256"
        )
        for name, value in (found.first() or {}).items():
            if value:
                assert self.frozen.setdefault(name, str(value)) == str(value), name


@contextmanager
def clock(folder: Path) -> Iterator[None]:
    """The tick, as a process of its own."""
    with process("-m", "django", "tick", "--every", "0.5", lease_seconds=LEASE_SECONDS, log=folder / "tick.log"):
        yield


@contextmanager
def worker(folder: Path) -> Iterator[Callable[[], None]]:
    """A worker, killed at the end of the block, or before by what is given."""
    with process(*WORKER, lease_seconds=LEASE_SECONDS, log=folder / "worker.log") as child:
        yield lambda: kill(child)


def ready_wave(fans: int) -> Wave:
    """A closed campaign of so many fans with codes for a third of them, and its wave."""
    campaign = scenario.open_tour()
    scenario.many_fans(campaign, fans)
    upload_codes(campaign, "CA-LAX", fans // 6)
    for event in ("AZ-PHX-1", "AZ-PHX-2"):
        upload_codes(campaign, "AZ-PHX", fans // 12, event=event)
    return make_wave(lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now()))


def rows_of(job: type[Job], wave: Wave) -> QuerySet[Any]:
    """A wave's row of this kind of work."""
    manager: Any = job._default_manager
    found: QuerySet[Any] = manager.filter(wave=wave)
    return found


def kill_one(job: type[Job], wave: Wave, folder: Path, where: Where) -> None:
    """Have a worker come to a point of the job's work or a phase of it, or work at it for so long, and kill it."""
    rows = rows_of(job, wave)
    running = rows.filter(status="running", **({"phase": where} if isinstance(where, str) else {})).exists
    ended = rows.filter(status="finished").exists
    if isinstance(where, Point):
        # The worker that was killed last may have come past the point already: then it dies where it is.
        is_past = Message.objects.filter(wave_id=wave.pk).exists
        with standing_still(where), worker(folder) as kill_it:
            wait_until(
                lambda: is_reached(where) or ended() or (job is Notification and is_past()),
                seconds=WITHIN_SECONDS,
                what=f"a worker comes to the {where}",
            )
            kill_it()
        return
    with worker(folder) as kill_it:
        wait_until(lambda: running() or ended(), seconds=WITHIN_SECONDS, what=f"{job.__name__} begins")
        began, seconds = monotonic(), where if isinstance(where, float) else 0.0
        while monotonic() - began < seconds and not ended():
            sleep(0.01)
        kill_it()


def go_on(job: type[Job], witness: Witness, folder: Path, has_ended: Callable[[], bool], *, travels: bool) -> None:
    """Another worker does the job to its end; ``travels`` lets the minute pass that mails in doubt stay claimed."""
    rows = rows_of(job, witness.wave)
    fence = rows.values_list("fence", flat=True)[0]
    goes_on = lambda: has_ended() or rows.filter(fence__gt=fence).exists()  # noqa: E731
    if travels:
        let_a_minute_pass()
    with worker(folder):
        seconds = WITHIN_SECONDS + sending.CLAIM.total_seconds()
        longest = wait_until(goes_on, seconds=seconds, what=f"{job.__name__} goes on")
        witness.longest = max(witness.longest, longest)
        wait_until(has_ended, seconds=5 * WITHIN_SECONDS, what=f"{job.__name__} ends")
    witness.look()


def let_a_minute_pass() -> None:
    """What a dead sender left in doubt may be sent again from now on."""
    past = timezone.now() - timedelta(seconds=1)
    Message.objects.filter(status="sending").update(claimed_until=past)
    Notification.objects.filter(status="queued", run_after__isnull=False).update(run_after=past)


def live_through(wave: Wave, folder: Path, kills: dict[type[Job], Where], *, travels: bool = True) -> Witness:
    """Prepare, trigger, complete and notify, with a worker killed in those that are named; gives what was seen."""
    witness = Witness(wave)
    ends: dict[type[Model], Callable[[], bool]] = {
        WavePrep: WavePrep.objects.filter(wave=wave, status="finished").exists,
        Selection: Wave.objects.filter(pk=wave.pk, status="completed").exists,
        Notification: Notification.objects.filter(wave=wave, status="finished").exists,
    }
    with clock(folder):
        preparation.start_preparation(wave=wave, options=preparation.Options(), actor=SUPREME, now=timezone.now())
        for job, has_ended in ends.items():
            assert issubclass(job, Job)
            if job is Selection:
                selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
            if job not in kills:
                jobs.run(job._meta.label_lower, str(rows_of(job, wave).get().pk))
                continue
            kill_one(job, wave, folder, kills[job])
            witness.look()
            go_on(job, witness, folder, has_ended, travels=travels)
    return witness


def check(wave: Wave, witness: Witness) -> None:
    """Everything that must hold, whatever died: the same bytes, one message for each place, and nothing deviates."""
    wave = Wave.objects.select_related("draw", "campaign").get(pk=wave.pk)
    assert wave.status == Wave.Status.COMPLETED
    assert set(witness.frozen) == {"number", "rules_sha256", "snapshot_sha256", "root", "allocation_sha256"}
    assert [str(one) for one in verification.verify_campaign(wave.campaign, run_again=True)] == []
    sent = Message.objects.filter(wave_id=wave.pk, kind="selected")
    assert sent.count() == sent.filter(status="sent").count() == wave.draw.placed


def chosen(random: Random, seconds: dict[type[Job], float]) -> dict[type[Job], Where]:
    """For each job a point, or as often a moment by chance."""
    return {
        job: random.choice(points) if random.random() < 0.5 else random.uniform(0.0, seconds[job])
        for job, points in POINTS.items()
    }


def test_a_wave_goes_on_after_its_worker_is_killed(tmp_path: Path) -> None:
    """While it mails; in the preparation and the trigger it is killed by tests/codes/test_inventory_faults.py."""
    wave = ready_wave(600)

    witness = live_through(wave, tmp_path, {Notification: 0.2})

    check(wave, witness)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(50))
def test_a_wave_of_3_000_goes_on_wherever_its_worker_is_killed(tmp_path: Path, seed: int) -> None:
    wave = ready_wave(3_000)
    kills = chosen(Random(seed), {WavePrep: 1.0, Selection: 0.3, Notification: 3.0})

    witness = live_through(wave, tmp_path, kills, travels=seed % 10 > 0)

    check(wave, witness)
    print(f"seed {seed}: the longest way back took {witness.longest:.1f} s; killed at", *map(str, kills.values()))
