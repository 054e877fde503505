"""The job row: claimed once, fenced, given back."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from core import jobs
from core.jobs import Claim, LostLease, PermanentFailure, Waiting
from exports.models import Export
from tests import processes, scenario
from tests.processes import heard, script, wait_until

LABEL = "exports.export"


@pytest.fixture
def job(transactional_db: None) -> Export:
    """A queued job."""
    return Export.objects.create(campaign=scenario.make_tour(), dataset="entries", storage_key="exports/x.csv")


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for the work of exports and notes what was done."""
    done: list[str] = []
    kind = jobs.Kind(Export, lambda claim: done.append(str(claim.job.pk)))
    monkeypatch.setitem(jobs._kinds, LABEL, kind)
    return done


def claim_after(barrier: Barrier, pk: UUID) -> bool:
    """Claim when all others do."""
    barrier.wait()
    try:
        return jobs.claim(Export, pk) is not None
    finally:
        connection.close()


def naive_claim_after(barrier: Barrier, pk: UUID) -> bool:
    """The same without the conditional UPDATE: look, then write."""
    try:
        is_free = Export.objects.get(pk=pk).status == Export.Status.QUEUED
        barrier.wait()
        Export.objects.filter(pk=pk).update(status="running", lease_until=timezone.now())
        return is_free
    finally:
        connection.close()


@pytest.mark.parametrize(("claim", "winners"), [(claim_after, 1), (naive_claim_after, 8)])
def test_of_eight_workers_on_one_row_one_gets_it(job: Export, claim: object, winners: int) -> None:
    barrier = Barrier(8)
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda _: claim(barrier, job.pk), range(8)))  # type: ignore[operator]  # One of the two.

    assert sum(won) == winners


def test_a_job_that_is_done_is_not_done_again(job: Export, work: list[str]) -> None:
    assert jobs.run(LABEL, str(job.pk)) is True
    assert jobs.run(LABEL, str(job.pk)) is False
    assert work == [str(job.pk)]


def test_a_worker_that_is_killed_gives_its_job_to_the_next(job: Export, work: list[str]) -> None:
    code = f"""
import time
from core import jobs
from exports.models import Export
held = jobs.claim(Export, "{job.pk}")
with held.heartbeat():
    say("claimed")
    time.sleep(60)
"""
    with script(code, lease_seconds=1.0) as worker:
        assert heard(worker) == "claimed"
        assert jobs.run(LABEL, str(job.pk)) is False
        processes.kill(worker)

        seconds = wait_until(lambda: jobs.give_back_stale() == 1, seconds=10, what="the reaper gives the job back")

    assert seconds < 5
    assert jobs.run(LABEL, str(job.pk)) is True
    job.refresh_from_db()
    assert (job.status, job.attempts, job.fence) == ("finished", 2, 2)


def test_a_worker_that_wakes_past_its_lease_may_not_write(job: Export) -> None:
    code = f"""
from core import jobs
from core.jobs import LostLease
from exports.models import Export
held = jobs.claim(Export, "{job.pk}")
say("claimed")
input()
for write in (lambda: held.write(rows=13), held.beat):
    try:
        say(str(write()))
    except LostLease:
        say("refused")
try:
    with held.transaction():
        Export.objects.filter(pk=held.job.pk).update(rows=13)
except LostLease:
    say("rolled back")
"""
    with processes.process("-c", processes.SETUP + code.replace("input()", "import time; time.sleep(3)")) as worker:
        assert heard(worker) == "claimed"
        os.killpg(worker.pid, signal.SIGSTOP)
        wait_until(lambda: jobs.claim(Export, job.pk) is not None, seconds=10, what="the lease runs out")
        os.killpg(worker.pid, signal.SIGCONT)

        assert [heard(worker) for _ in range(3)] == ["refused", "False", "rolled back"]

    job.refresh_from_db()
    assert (job.rows, job.fence, job.status) == (0, 2, "running")


def test_a_heartbeat_keeps_the_lease_and_shows_the_progress(job: Export, settings: Settings) -> None:
    settings.JOB_LEASE_SECONDS = 0.9
    held = jobs.claim(Export, job.pk)
    assert held is not None

    with held.heartbeat():
        held.progress(7)
        wait_until(lambda: Export.objects.filter(progress_done=7).exists(), seconds=5, what="the progress shows")
        wait_until(lambda: job.lease_until != Export.objects.get().lease_until, seconds=5, what="the lease grows")
        assert jobs.give_back_stale() == 0

    held.write(rows=1)


def fail(claim: Claim[Export]) -> None:
    """Work that can never succeed."""
    raise PermanentFailure("There is no such market.")


def stumble(claim: Claim[Export]) -> None:
    """Work that may succeed next time."""
    raise ConnectionError("the storage is away")


def wait(claim: Claim[Export]) -> None:
    """Work that needs a person first."""
    raise Waiting("")


@pytest.mark.parametrize(("does", "status"), [(fail, "failed"), (stumble, "queued"), (wait, "waiting")])
def test_whatever_work_raises_ends_in_its_row(
    job: Export, monkeypatch: pytest.MonkeyPatch, does: object, status: str
) -> None:
    gave_up: list[Export] = []
    monkeypatch.setitem(jobs._kinds, LABEL, jobs.Kind(Export, does, gave_up.append))  # type: ignore[arg-type]

    jobs.run(LABEL, str(job.pk))

    job.refresh_from_db()
    assert (job.status, job.lease_until) == (status, None)
    assert len(gave_up) == (status == "failed")
    if status == "queued":
        assert job.run_after is not None
        assert job.run_after > timezone.now()
        assert jobs.run(LABEL, str(job.pk)) is False


@pytest.mark.parametrize("attempts", [0, 5, jobs.MOST_ATTEMPTS - 2])
def test_a_job_that_stumbles_is_tried_again_within_half_a_minute(
    job: Export, monkeypatch: pytest.MonkeyPatch, attempts: int
) -> None:
    monkeypatch.setitem(jobs._kinds, LABEL, jobs.Kind(Export, stumble, None))
    Export.objects.update(attempts=attempts)

    jobs.run(LABEL, str(job.pk))

    job.refresh_from_db()
    assert job.status == "queued"
    assert job.run_after is not None
    assert timedelta(0) < job.run_after - timezone.now() <= timedelta(seconds=30)


def test_a_job_that_kills_every_worker_is_given_up(job: Export) -> None:
    Export.objects.update(status="running", lease_until=timezone.now() - timedelta(days=1), attempts=jobs.MOST_ATTEMPTS)

    jobs.give_back_stale()

    job.refresh_from_db()
    assert job.status == "failed"
    assert "worker" in job.error


def test_a_broker_that_is_away_costs_nothing_but_time(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_URL", "redis://127.0.0.1:1/0")
    code = f"""
from core import jobs
jobs.hint("{LABEL}", "6f1f6f0e-0000-4000-8000-000000000000")
say("went on")
"""

    with script(code) as hinting:
        assert heard(hinting) == "went on"


def test_a_write_without_the_fence_is_refused(job: Export) -> None:
    held = jobs.claim(Export, job.pk)
    assert held is not None
    Export.objects.update(fence=held.fence + 1)

    with pytest.raises(LostLease):
        held.write(rows=1)
