"""A whole wave at its full size: the time and the memory of each step, and the size of what it leaves.

``ONLY=wave .venv/bin/python -m bench`` measures 350,000 entries, with ``SIZE=full`` also 3,500,000 and 10,000,000;
``SIZE=`` a number measures only that many.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from django.db import connection
from django.utils import timezone

from bench.preparing import CODES_A_HUNDRED_ENTRIES, MARKETS
from bench.tour import load_codes, load_entries, open_tour
from campaigns.models import Campaign
from core import storage
from core.models import Job
from viewers.viewer import WORKER
from waves import bundle, preparation, scheduling, selection
from waves.models import Selection, Wave
from waves.rules import RANKINGS, Ranking

ORDINARY, FULL = 350_000, (350_000, 3_500_000, 10_000_000)
EVERY = 0.02
"""Seconds between two looks at the job that runs."""
BYTES_AN_ENTRY, BYTES_A_CHOICE = 100, 20
"""The most memory over idle that a preparation may take."""
MOST_VERIFIED_TWICE = 3_500_000
VERIFIER = Path(__file__).parent.parent / "waves" / "verify_draw.py"
MANAGE = Path(__file__).parent.parent / "manage.py"


@dataclass
class Step:
    """What one step took: seconds, and the most memory over the idle process in MiB."""

    name: str
    seconds: float = 0.0
    memory: float = 0.0


@dataclass
class Run:
    """A job that ran in a process of its own, phase by phase."""

    steps: list[Step] = field(default_factory=list)
    seconds: float = 0.0
    peak: int = 0
    """The most memory over idle, in bytes."""


def sizes() -> tuple[int, ...]:
    """The numbers of entries that ``SIZE`` asks for."""
    size = os.environ.get("SIZE", "")
    return FULL if size == "full" else (int(size or ORDINARY),)


def measure() -> None:
    """Measure and print a table for each size; no ratios."""
    for entries in sizes():
        _measure(entries)


def _measure(entries: int) -> None:
    start = time.perf_counter()
    campaign = open_tour(domain=f"bench-wave-{entries}", markets=MARKETS)
    load_entries(campaign, entries, markets=MARKETS)
    load_codes(campaign, entries * CODES_A_HUNDRED_ENTRIES // 100)
    choices = _choices(campaign)
    print(f"{entries:,} entries, {choices:,} choices, loaded in {time.perf_counter() - start:.0f} s", flush=True)
    times = (datetime(2027, 2, 1, 10, 0) + timedelta(days=day) for day in range(30))
    for ranking in (RANKINGS[3], RANKINGS[0]):
        wave = _prepared(campaign, next(times), ranking, choices)
        if ranking != RANKINGS[0]:
            preparation.abandon(wave=wave, reason="The next ranking.", actor=WORKER, now=timezone.now())
        else:
            _trigger_and_complete(wave)
        if ranking == RANKINGS[0] or entries <= MOST_VERIFIED_TWICE:
            _verify(wave)
    _empty_the_tables()


def _choices(campaign: Campaign) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(cardinality(choices)) FROM entries_entry WHERE campaign_id = %s", [campaign.pk])
        return int(cursor.fetchone()[0])


def _prepared(campaign: Campaign, local: datetime, ranking: Ranking, choices: int) -> Wave:
    now = timezone.now()
    wave = scheduling.schedule_wave(campaign=campaign, local=local, actor=WORKER, now=now)
    options = preparation.Options(ranking=ranking)
    start = time.perf_counter()
    prep = preparation.start_preparation(wave=wave, options=options, actor=WORKER, now=now)
    print(f"  ranking {json.dumps(ranking)}: started in {time.perf_counter() - start:.2f} s", flush=True)
    run = _watched("waves.waveprep", prep)
    draw = wave.draw
    allowed = BYTES_AN_ENTRY * draw.entries + BYTES_A_CHOICE * choices
    for step in run.steps:
        print(f"    {step.name:12} {step.seconds:8.2f} s {step.memory:8.0f} MiB", flush=True)
    print(
        f"    prepared in {run.seconds:.2f} s: {draw.entries:,} entries, {draw.eligible:,} drawn, "
        f"{draw.placed:,} placed; peak over idle {run.peak / 2**20:.0f} MiB of {allowed / 2**20:.0f} allowed",
        flush=True,
    )
    return wave


def _watched(label: str, job: Job) -> Run:
    """Run a job in a process of its own, and look at its row and at its memory all the while."""
    run = Run()
    with subprocess.Popen(
        [sys.executable, "-m", "bench.one_job", label, str(job.pk)], stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdout is None:
            raise RuntimeError("the process has no output")
        idle = int(process.stdout.readline())
        began = time.perf_counter()
        while process.poll() is None:
            job.refresh_from_db(fields=["phase"])
            now = time.perf_counter()
            if not run.steps or run.steps[-1].name != job.phase:
                began = now
                run.steps.append(Step(job.phase))
            run.steps[-1].seconds = now - began
            run.steps[-1].memory = max(run.steps[-1].memory, (_resident(process.pid) - idle) / 2**20)
            time.sleep(EVERY)
        peak = process.stdout.readline()
    job.refresh_from_db()
    if job.status != Job.Status.FINISHED or job.started_at is None or job.finished_at is None:
        raise RuntimeError(f"the job ended as {job.status}: {job.error}")
    run.seconds = (job.finished_at - job.started_at).total_seconds()
    run.peak = int(peak) - idle
    run.steps = [step for step in run.steps if step.name not in ("", "finished")]
    return run


def _resident(pid: int) -> int:
    """The memory that a process has at this moment, in bytes; 0 where it has just ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _trigger_and_complete(wave: Wave) -> None:
    start = time.perf_counter()
    selection.trigger(wave=wave, actor=WORKER, now=timezone.now())
    print(f"    triggered in {time.perf_counter() - start:.3f} s", flush=True)
    run = _watched("waves.selection", Selection.objects.get(wave=wave))
    print(f"    completed in {run.seconds:.2f} s; peak over idle {run.peak / 2**20:.0f} MiB", flush=True)


def _verify(wave: Wave) -> None:
    """Download the bundle as an outsider does, and run it again."""
    draw = wave.draw
    draw.refresh_from_db()
    with _folder() as folder:
        for name in bundle.STORED:
            storage.fetch(f"{draw.storage_prefix}{name}", folder / name)
        for name, data in bundle.small_files(draw):
            (folder / name).write_bytes(data)
        listed = ", ".join(f"{path.name} {path.stat().st_size / 2**20:.1f} MiB" for path in sorted(folder.iterdir()))
        print(f"    bundle: {listed}", flush=True)
        _verify_by("verified", str(VERIFIER), str(folder))
    _verify_by("verify_wave", str(MANAGE), "verify_wave", f"{draw.campaign.domain}/{draw.wave.date_key}")


def _verify_by(what: str, *words: str) -> None:
    """Run a program that verifies the wave, and say what it said and took."""
    start = time.perf_counter()
    with subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.read() if process.stdout is not None else ""
        _, process.returncode, used = os.wait4(process.pid, 0)
    print(
        f"    {what} in {time.perf_counter() - start:.1f} s, {used.ru_maxrss / 2**10:.0f} MiB:"
        f" {(said.strip().splitlines() or ['nothing'])[-1]}",
        flush=True,
    )


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def _empty_the_tables() -> None:
    """Leave the database as small as it was, so that one size does not weigh on the next."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE entries_entry, codes_assignment, codes_code CASCADE")
