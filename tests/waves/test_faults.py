"""A worker that dies anywhere between the hold and the last mail: the wave goes on by itself, to the same bytes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from time import monotonic, sleep

import pytest
from django.utils import timezone

from campaigns import lifecycle
from codes import inventory
from codes.models import Assignment, CodeRange
from entries.models import Message
from tests import scenario
from tests.processes import kill, process, wait_until
from tests.scenario import SUPREME, make_wave, upload_codes
from tests.waves.rerun import differences
from waves import preparation, selection
from waves.models import Notification, Wave, WavePrep

pytestmark = pytest.mark.django_db(transaction=True)
LEASE_SECONDS = 3.0
WITHIN_SECONDS = 60.0
ENDS_WITHIN_SECONDS = 300.0
WORKER = ("-m", "celery", "-A", "monoql", "worker", "--concurrency", "1", "--loglevel", "INFO")


@contextmanager
def clock(folder: Path) -> Iterator[None]:
    """The tick, as a process of its own."""
    log = folder / "tick.log"
    with process("-m", "django", "tick", "--every", "0.5", lease_seconds=LEASE_SECONDS, log=log):
        yield


def ready_wave(fans: int) -> Wave:
    """A closed campaign of so many fans with codes for a third of them, and its wave."""
    campaign = scenario.open_tour()
    scenario.many_fans(campaign, fans)
    upload_codes(campaign, "CA-LAX", fans // 6)
    for event in ("AZ-PHX-1", "AZ-PHX-2"):
        upload_codes(campaign, "AZ-PHX", fans // 12, event=event)
    return make_wave(lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now()))


def run_wave(wave: Wave, folder: Path, *, kill_after: list[float]) -> float:
    """Prepare, trigger and notify with workers that are killed so many seconds after each start; the last one lives.

    Gives the longest time from a kill until another worker had claimed what it broke. The end comes later: the mails
    that the dead worker left in doubt stay claimed for a minute.
    """
    log = folder / "worker.log"
    kills = iter(kill_after)
    longest, fence = 0.0, -1
    job: type[WavePrep | Notification]

    def has_ended() -> bool:
        return job.objects.filter(wave=wave, status="finished").exists()

    def goes_on() -> bool:
        return has_ended() or job.objects.filter(wave=wave, fence__gt=fence).exists()

    with clock(folder):
        preparation.start_preparation(wave=wave, options=preparation.Options(), actor=SUPREME, now=timezone.now())
        for job in (WavePrep, Notification):
            if job is Notification:
                selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
            for seconds in (next(kills), None):
                with process(*WORKER, lease_seconds=LEASE_SECONDS, log=log) as worker:
                    if seconds is not None:
                        started = monotonic()
                        while monotonic() - started < seconds and not has_ended():
                            sleep(0.02)
                        kill(worker)
                        fence = job.objects.filter(wave=wave).values_list("fence", flat=True).first() or 0
                    else:
                        what = f"{job.__name__} goes on"
                        longest = max(longest, wait_until(goes_on, seconds=WITHIN_SECONDS, what=what))
                        wait_until(has_ended, seconds=ENDS_WITHIN_SECONDS, what=f"{job.__name__} ends")
    return longest


def check(wave: Wave, folder: Path) -> None:
    """Everything that must hold, whatever died."""
    wave.refresh_from_db()
    assert wave.status == Wave.Status.COMPLETED
    assert differences(scenario.bundle_of(wave, folder)) == []
    placed = json.loads((folder / "manifest.json").read_text())["placed"]
    assert Assignment.objects.count() == placed
    assert inventory.counts(CodeRange.objects.all())["assigned"] == placed
    assert inventory.verify([wave.campaign]) == []
    sent = Message.objects.filter(wave_id=wave.pk)
    assert sent.count() == sent.filter(status="sent").count() == placed


def test_a_wave_goes_on_after_its_worker_is_killed(tmp_path: Path) -> None:
    random = Random(2027)
    wave = ready_wave(600)

    seconds = run_wave(wave, tmp_path, kill_after=[random.uniform(1.5, 4.0), random.uniform(1.5, 4.0)])

    check(wave, tmp_path / "bundle")
    assert seconds < WITHIN_SECONDS


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(25))
def test_a_wave_of_20_000_goes_on_wherever_its_worker_is_killed(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    wave = ready_wave(20_000)

    seconds = run_wave(wave, tmp_path, kill_after=[random.uniform(1.0, 9.0), random.uniform(1.0, 25.0)])

    check(wave, tmp_path / "bundle")
    print(f"seed {seed}: the longest way back took {seconds:.1f} s")
