"""A worker that stands still past its lease and is woken: its writes are refused, and those of the other one stand."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import pytest
from django.utils import timezone

from campaigns import lifecycle
from codes.models import Assignment
from core import jobs
from core.models import AuditEvent, Job
from entries.models import Message
from tests import scenario
from tests.locks import is_waited_for
from tests.processes import script, stop, wait_until, wake
from tests.scenario import SUPREME, make_wave, upload_codes
from tests.waves.standing_still import Point, is_reached, rows_into, rows_out_of, standing_still
from waves import preparation, selection, verification
from waves.models import Draw, MarketOutcome, Wave, WavePrep

pytestmark = pytest.mark.django_db(transaction=True)
LEASE_SECONDS = 1.5
WITHIN_SECONDS = 60.0


@pytest.fixture
def wave() -> Wave:
    """A wave of 200 fans, queued to be prepared."""
    campaign = scenario.open_tour()
    scenario.many_fans(campaign, 200)
    upload_codes(campaign, "CA-LAX", 40)
    upload_codes(campaign, "AZ-PHX", 30, event="AZ-PHX-1")
    wave = make_wave(lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now()))
    preparation.start_preparation(wave=wave, options=preparation.Options(), actor=SUPREME, now=timezone.now())
    return wave


@contextmanager
def worker(job: Job, log: Path) -> Iterator["Popen[str]"]:
    """A process that does one job, and ends."""
    name = job._meta.label_lower
    code = f"from core import jobs\nsay('begins')\njobs.run({name!r}, {str(job.pk)!r})\nsay('has ended')\n"
    with script(code, lease_seconds=LEASE_SECONDS, log=log) as child:
        yield child


@contextmanager
def stopped_worker(job: Job, point: Point, log: Path) -> Iterator["Popen[str]"]:
    """A worker that came to the point and stands still since, its lease run out. Its statement is done, no more."""
    with worker(job, log) as child:
        with standing_still(point):
            wait_until(lambda: is_reached(point), seconds=WITHIN_SECONDS, what=f"the {point}")
            stop(child)
        is_stale = type(job)._default_manager.filter(pk=job.pk, lease_until__lt=jobs.ClockNow()).exists
        wait_until(is_stale, seconds=WITHIN_SECONDS, what="the lease runs out")
        yield child


def end(child: "Popen[str]", log: Path) -> str:
    """Wake a worker, wait for its end, and give what it said on the way."""
    wake(child)
    child.wait(timeout=WITHIN_SECONDS)
    said = log.read_text()
    assert "has ended" in said
    assert "job_finished" not in said
    return said


def the_other(job: Job, log: Path) -> None:
    """Another worker does the job, beginning to end."""
    with worker(job, log) as child:
        child.wait(timeout=WITHIN_SECONDS)
    assert "job_finished" in log.read_text()


def seen(wave: Wave) -> list[object]:
    """All that a preparation leaves in the database."""
    return [
        list(Draw.objects.filter(wave=wave).values_list()),
        list(Assignment.objects.order_by("code_id").values_list()),
        list(MarketOutcome.objects.order_by("market_id").values_list("market_id", "placed", "cutoff")),
        list(WavePrep.objects.filter(wave=wave).values_list("status", "fence", "phase", "finished_at")),
    ]


def deviations(wave: Wave) -> list[str]:
    """What verify_wave says."""
    return [str(one) for one in verification.verify_campaign(wave.campaign, run_again=True)]


@pytest.mark.soak
@pytest.mark.parametrize(
    "point", [rows_out_of("entries_entry"), rows_into("waves_draw", "INSERT INTO")], ids=["reading", "freezing"]
)
def test_who_wakes_in_a_freeze_that_another_has_made_freezes_nothing(wave: Wave, tmp_path: Path, point: Point) -> None:
    log = tmp_path / "one.log"

    with stopped_worker(wave.prep, point, log) as child:
        if point.before == "INSERT INTO":  # Its transaction has the campaign's row, so the other one waits for it.
            with worker(wave.prep, tmp_path / "other.log") as other:
                wait_until(is_waited_for, seconds=WITHIN_SECONDS, what="the other one waits")
                said = end(child, log)
                other.wait(timeout=WITHIN_SECONDS)
            before = seen(wave)
        else:
            the_other(wave.prep, tmp_path / "other.log")
            before = seen(wave)
            said = end(child, log)

    assert "job_lost_its_lease" in said
    assert seen(wave) == before
    assert Draw.objects.get().storage_prefix.endswith("-2/")
    assert deviations(wave) == []


@pytest.mark.soak
def test_who_wakes_after_another_has_assigned_assigns_nothing(wave: Wave, tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    WavePrep.objects.filter(wave=wave).update(public_source="tomorrow's paper")
    scenario.run_jobs()
    wave = Wave.objects.get(pk=wave.pk)
    preparation.enter_public_value(wave=wave, value="17", actor=SUPREME, now=timezone.now())

    with stopped_worker(wave.prep, rows_out_of("campaigns_drawsecrets"), log) as child:
        the_other(wave.prep, tmp_path / "other.log")
        before = seen(wave)
        said = end(child, log)

    assert "job_lost_its_lease" in said
    assert seen(wave) == before
    assert deviations(wave) == []


def test_who_wakes_in_the_middle_of_assigning_takes_its_rows_back(wave: Wave, tmp_path: Path) -> None:
    log, other_log = tmp_path / "one.log", tmp_path / "other.log"

    point = rows_into("waves_marketoutcome")
    with stopped_worker(wave.prep, point, log) as child, worker(wave.prep, other_log) as other:
        # A transaction that has written all assignments keeps the hold locked, so the other one waits for its end.
        wait_until(is_waited_for, seconds=WITHIN_SECONDS, what="the other one waits")
        said = end(child, log)
        other.wait(timeout=WITHIN_SECONDS)

    assert "job_lost_its_lease" in said
    assert "job_finished" in other_log.read_text()
    assert AuditEvent.objects.filter(action="wave.place").count() == 1
    assert Assignment.objects.count() == Draw.objects.get().placed == 70
    assert deviations(wave) == []


@pytest.mark.soak
@pytest.mark.parametrize(
    "point", [rows_out_of("entries_entry"), rows_into("waves_wave")], ids=["writing", "completing"]
)
def test_who_wakes_after_another_has_completed_a_wave_completes_nothing(
    wave: Wave, tmp_path: Path, point: Point
) -> None:
    scenario.run_jobs()
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    log, other_log = tmp_path / "one.log", tmp_path / "other.log"

    with stopped_worker(wave.selection, point, log) as child, worker(wave.selection, other_log) as other:
        if point.table == "waves_wave":
            wait_until(is_waited_for, seconds=WITHIN_SECONDS, what="the other one waits")
            said = end(child, log)
            other.wait(timeout=WITHIN_SECONDS)
        else:
            other.wait(timeout=WITHIN_SECONDS)
            said = end(child, log)

    assert "job_lost_its_lease" in said
    assert "job_finished" in other_log.read_text()
    assert AuditEvent.objects.filter(action="wave.complete").count() == 1
    wave.selection.refresh_from_db()
    assert (wave.selection.status, wave.selection.fence) == ("finished", 2)
    scenario.run_jobs()
    assert deviations(wave) == []


def test_a_sender_that_wakes_marks_its_batch_and_sends_no_more(wave: Wave, tmp_path: Path) -> None:
    scenario.run_jobs()
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    jobs.run("waves.selection", str(wave.selection.pk))
    jobs.run("waves.notification", str(wave.notification.pk))
    Message.objects.filter(wave_id=wave.pk).update(status="queued", sent_at=None)
    jobs.requeue(wave.notification)
    log = tmp_path / "one.log"

    with stopped_worker(wave.notification, rows_into("entries_message"), log) as child:
        claimed = jobs.claim(type(wave.notification), wave.notification.pk)
        said = end(child, log)

    assert claimed is not None
    assert claimed.fence == 3
    assert "job_lost_its_lease" in said
    unsent = Message.objects.filter(wave_id=wave.pk, status="queued").count()
    assert unsent >= 70 - 50  # At most the one batch that it had in its hands.
    Message.objects.filter(wave_id=wave.pk, status="sending").update(claimed_until=timezone.now())
    claimed.write(status="queued", lease_until=None)
    scenario.run_jobs()
    assert Message.objects.filter(wave_id=wave.pk, status="sent").count() == 70
    assert deviations(wave) == []
