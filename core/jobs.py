"""Claiming and fencing of long work.

The truth about a job is its row. A worker claims it with one conditional UPDATE that raises the fence; every later
write carries the fence and is refused once another worker has claimed the row. A heartbeat keeps the lease while
the worker lives; the reaper gives the row back when the lease has run out. The broker only carries hints.

Leases are compared with the database's own clock, so that workers on machines whose clocks differ agree.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, models, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from kombu.exceptions import OperationalError

from core import audit
from core.error_texts import describe, where
from core.models import Job
from core.refusal import Refusal

log = structlog.get_logger(__name__)
MOST_ATTEMPTS = 40
"""Claims after which a job that never ends by itself is given up: nearly 20 minutes of a server that is away."""
LONGEST_PAUSE = 30
"""Seconds between two tries, at most: once a server is back, work goes on and ends within a minute."""


class LostLease(Exception):
    """Another worker has claimed the job since; whatever this one still wants to write is refused."""


class Waiting(Exception):
    """Raised by work that cannot go on until somebody acts; the job's status becomes ``waiting``."""


class Later(Exception):
    """Raised by work that has nothing to do before a moment; the job is queued for it and leaves its worker."""

    def __init__(self, at: datetime) -> None:
        super().__init__(str(at))
        self.at = at


class CannotCancel(Refusal):
    """The job goes on, or has ended."""

    code = "cannot_cancel"


class PermanentFailure(Exception):
    """Raised by work that would fail again; the job ends as failed with this message, fit for staff to read."""


class ClockNow(Now):
    """The database's clock at this very moment; ``Now`` stands still within a transaction."""

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        """Compile to ``clock_timestamp()``."""
        return self.as_sql(compiler, connection, template="clock_timestamp()", **context)


def _lease_end() -> Any:
    return ClockNow() + Value(timedelta(seconds=settings.JOB_LEASE_SECONDS), output_field=models.DurationField())


class Claim[J: Job]:
    """A worker's hold on one job row, good for as long as its fence is the row's."""

    def __init__(self, job: J) -> None:
        self.job = job
        self.fence = job.fence
        self._lost = threading.Event()
        self._progress, self._total = job.progress_done, job.progress_total
        self._announced: tuple[str, float] | None = None

    def _row(self) -> "models.QuerySet[J]":
        return type(self.job)._default_manager.filter(pk=self.job.pk, fence=self.fence, status=Job.Status.RUNNING)

    def write(self, **fields: Any) -> None:
        """Change the job's row, and the object with it.

        :raises LostLease: the row has another claim by now.
        """
        if not self._row().update(**fields):
            raise LostLease(str(self.job.pk))
        for name, value in fields.items():
            if not isinstance(value, ClockNow):
                setattr(self.job, name, value)

    def enter(self, phase: str, *, total: int = 0) -> None:
        """Begin a phase, with its size if known. Not within a transaction: the heartbeat would wait for its lock."""
        self._progress, self._total, self._announced = 0, total, None
        self.write(phase=phase, phase_started_at=ClockNow(), progress_done=0, progress_total=total)

    def announce(self, phase: str, *, total: int = 0) -> None:
        """Begin a phase within a transaction: the next heartbeat writes it. It informs people, nothing else.

        :raises LostLease: the heartbeat has seen that the row has another claim by now.
        """
        self._progress, self._total, self._announced = 0, total, (phase, monotonic())
        self.check()

    def progress(self, done: int, *, total: int | None = None) -> None:
        """Say how far the phase has come, and of how much where that is only now known or guessed better.

        The heartbeat writes it, so this costs nothing in a loop.

        :raises LostLease: the heartbeat has seen that the row has another claim by now.
        """
        self._progress = done
        if total is not None:
            self._total = total
        self.check()

    def check(self) -> None:
        """Stop early where the heartbeat has seen that the lease is lost.

        :raises LostLease: it is.
        """
        if self._lost.is_set():
            raise LostLease(str(self.job.pk))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction that commits only if the claim still holds at its end.

        The row is locked last, not first: a long COPY must not block its own heartbeat. Two workers may then write
        at the same time, but the one without the claim rolls everything back.

        :raises LostLease: the row has another claim by now; nothing was written.
        """
        with transaction.atomic():
            yield
            if not self._row().select_for_update(no_key=True).values("pk"):
                raise LostLease(str(self.job.pk))

    def beat(self) -> bool:
        """Renew the lease and write the progress; tell whether the lease was still ours."""
        progress: dict[str, Any] = {"progress_done": self._progress, "progress_total": self._total}
        if (announced := self._announced) is not None:
            began = ClockNow() - Value(
                timedelta(seconds=monotonic() - announced[1]), output_field=models.DurationField()
            )
            progress |= {"phase": announced[0], "phase_started_at": began}
        if self._row().update(lease_until=_lease_end(), heartbeat_at=ClockNow(), **progress):
            return True
        self._lost.set()
        return False

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Beat once a second from a thread of its own, as long as the block runs."""
        stop = threading.Event()

        def beat_until_stopped() -> None:
            while not stop.wait(min(1.0, settings.JOB_LEASE_SECONDS / 3)):
                try:
                    if not self.beat():
                        break
                except DatabaseError as error:
                    # The database is away for a moment. The lease may still hold, so this only tries again.
                    log.warning("heartbeat_failed", job=str(self.job.pk), error=type(error).__name__)
                    connection.close()
            connection.close()

        thread = threading.Thread(target=beat_until_stopped, name=f"heartbeat-{self.job.pk}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def claim[J: Job](model: type[J], pk: UUID | str) -> Claim[J] | None:
    """Claim a job that is queued and due, or whose worker's lease has run out; ``None`` where that is not so."""
    due = Q(status=Job.Status.QUEUED) & (Q(run_after__isnull=True) | Q(run_after__lte=ClockNow()))
    stale = Q(status=Job.Status.RUNNING, lease_until__lt=ClockNow())
    with transaction.atomic():  # So that the row which is read is the one that this claim has changed.
        claimed = model._default_manager.filter(due | stale, pk=pk).update(
            status=Job.Status.RUNNING,
            fence=F("fence") + 1,
            attempts=F("attempts") + 1,
            lease_until=_lease_end(),
            heartbeat_at=ClockNow(),
            started_at=Coalesce("started_at", ClockNow()),
            error="",
        )
        return Claim(model._default_manager.get(pk=pk)) if claimed else None


@dataclass(frozen=True)
class Kind[J: Job]:
    """What the system does with one model of jobs."""

    model: type[J]
    work: Callable[[Claim[J]], None]
    on_failure: Callable[[J], None] | None = None
    outcome: Callable[[J], dict[str, int]] | None = None
    locks_first: Callable[[J], None] | None = None


_kinds: dict[str, Kind[Any]] = {}


def register[J: Job](
    model: type[J],
    work: Callable[[Claim[J]], None],
    *,
    on_failure: Callable[[J], None] | None = None,
    outcome: Callable[[J], dict[str, int]] | None = None,
    locks_first: Callable[[J], None] | None = None,
) -> None:
    """Name the function that does a model's work, what follows when the work is given up, and what to count at its end.

    The counts stand in the audit event of the end. What follows may change a row that others lock before the job's:
    ``locks_first`` locks it, so that nobody waits in a circle.
    """
    _kinds[model._meta.label_lower] = Kind(model, work, on_failure, outcome, locks_first)


def kinds() -> list[Kind[Any]]:
    """All registered kinds, by label."""
    return [_kinds[label] for label in sorted(_kinds)]


def run(label: str, pk: str) -> bool:
    """Claim a job and do its work; tell whether there was anything to claim.

    Whatever the work raises ends in the row: as a wait, a failure, or another try after a pause that grows.
    """
    kind = _kinds[label]
    held = claim(kind.model, pk)
    if held is None:
        return False
    bound = log.bind(job=str(pk), kind=label, attempt=held.job.attempts)
    try:
        _work(kind, held, bound)
    except LostLease:
        bound.warning("job_lost_its_lease")
    return True


def _work(kind: Kind[Any], held: Claim[Any], bound: Any) -> None:
    """Do a claimed job's work and write how it ended.

    :raises LostLease: another has the row by now, or somebody has cancelled it; how it ended here is nothing to it.
    """
    try:
        with held.heartbeat():
            kind.work(held)
        with transaction.atomic():
            held.write(status=Job.Status.FINISHED, lease_until=None, finished_at=timezone.now())
            _record_end(kind, held.job, "finish")
        bound.info("job_finished")
    except LostLease:
        raise
    except Waiting as wait:
        held.write(status=Job.Status.WAITING, lease_until=None, error=str(wait))
        bound.info("job_waits")
    except Later as later:
        held.write(status=Job.Status.QUEUED, lease_until=None, run_after=later.at, attempts=0)
    except PermanentFailure as failure:
        _fail(kind, held, str(failure))
    except Exception as error:
        bound.error("job_stumbled", error=describe(error), where=where(error))
        _stumble(kind, held, error)


def _stumble(kind: Kind[Any], held: Claim[Any], error: Exception) -> None:
    """Try again later, or give up after too many attempts."""
    text = f"An unexpected error stopped the work ({describe(error)})."
    try:
        if held.job.attempts >= MOST_ATTEMPTS:
            _fail(kind, held, text)
        else:
            pause = timedelta(seconds=min(LONGEST_PAUSE, 2**held.job.attempts))
            held.write(
                status=Job.Status.QUEUED,
                lease_until=None,
                error=f"{text} It is tried again by itself.",
                run_after=timezone.now() + pause,
            )
    except (LostLease, DatabaseError):
        # The reaper will find the row once its lease has run out.
        log.warning("job_could_not_be_given_back", job=str(held.job.pk))


def _fail(kind: Kind[Any], held: Claim[Any], text: str) -> None:
    with transaction.atomic():  # The fenced write locks the row, and what follows from it is short.
        if kind.locks_first is not None:
            kind.locks_first(held.job)
        held.write(status=Job.Status.FAILED, lease_until=None, error=text, finished_at=timezone.now())
        _record_end(kind, held.job, "fail")
        if kind.on_failure is not None:
            kind.on_failure(held.job)


def _record_end(kind: Kind[Any], job: Job, verb: str) -> None:
    """Write the end into the audit trail: its state and its counts, never the error's text."""
    counts = kind.outcome(job) if kind.outcome is not None and verb == "finish" else {}
    audit.record(
        actor=audit.WORKER,
        action=f"{job._meta.model_name}.{verb}",
        target=job,
        campaign_id=getattr(job, "campaign_id", None),
        changes={"status": [Job.Status.RUNNING, job.status], **{name: [None, count] for name, count in counts.items()}},
        now=timezone.now(),
    )


def enqueue(job: Job) -> None:
    """Tell the workers of a job once its transaction commits. A lost hint is made good by the tick."""
    label, pk = job._meta.label_lower, str(job.pk)
    transaction.on_commit(lambda: hint(label, pk))


def hint(label: str, pk: str) -> None:
    """Send the broker's hint; a broker that is away costs only the seconds until the tick looks."""
    from core.tasks import run_job

    try:
        run_job.apply_async((label, pk), retry=False)
    except (OperationalError, OSError) as error:
        log.warning("broker_away", error=type(error).__name__)


def requeue(job: Job, *, attempts: int = 0) -> None:
    """Put a job that waits or has ended back in the queue, and tell the workers."""
    type(job)._default_manager.filter(pk=job.pk).exclude(status=Job.Status.RUNNING).update(
        status=Job.Status.QUEUED, attempts=attempts, error="", run_after=None, finished_at=None
    )
    job.refresh_from_db()
    enqueue(job)


def cancel(job: Job, *, now: datetime) -> None:
    """Take a job from whoever works at it: nothing that a worker still writes for it is kept.

    For work whose results are written in one transaction; the caller asks for the right and records the event.

    :raises CannotCancel: it has ended.
    """
    rows = type(job)._default_manager.filter(pk=job.pk).exclude(status__in=Job.ENDED)
    if not rows.update(status=Job.Status.CANCELLED, lease_until=None, fence=F("fence") + 1, finished_at=now):
        raise CannotCancel("It has ended already: there is nothing left to cancel.")
    job.refresh_from_db()


def give_back_stale() -> int:
    """Queue every job whose worker has died, and hint all that are due; give back how many were stale.

    A job that killed its workers too often is failed instead.
    """
    stale_count = 0
    for kind in kinds():
        rows = kind.model._default_manager
        stale = Q(status=Job.Status.RUNNING, lease_until__lt=ClockNow())
        for job in rows.filter(stale, attempts__gte=MOST_ATTEMPTS):
            held = claim(kind.model, job.pk)
            if held is not None:
                _fail(kind, held, f"The work stopped {held.job.attempts} times without an error. See the worker's log.")
        stale_count += rows.filter(stale).update(status=Job.Status.QUEUED, lease_until=None)
        due = Q(status=Job.Status.QUEUED) & (Q(run_after__isnull=True) | Q(run_after__lte=ClockNow()))
        for pk in rows.filter(due).order_by("created_at", "pk").values_list("pk", flat=True)[:100]:
            hint(kind.model._meta.label_lower, str(pk))
    return stale_count
