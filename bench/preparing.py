"""Preparing a wave, against the floor: COPY out, the hashes, one sort, COPY in, and the two files."""

import hashlib
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
from django.db import connection
from django.utils import timezone

from bench.rows import Row, compare
from bench.tour import load_codes, load_entries, open_tour
from campaigns.models import Campaign
from core import jobs, storage
from core.models import Job
from viewers.viewer import WORKER
from waves import preparation, scheduling
from waves.merkle import node_hash
from waves.rules import RANKINGS, Ranking

MARKETS = 52
CODES_A_HUNDRED_ENTRIES = 43


def measure(entries: int) -> list[Row]:
    """A row for the default ranking and one for the pure lottery, at this number of entries."""
    print(f"  loading {entries:,} entries", flush=True)
    campaign = open_tour(domain="bench-preparing", markets=MARKETS)
    load_entries(campaign, entries, markets=MARKETS)
    load_codes(campaign, entries * CODES_A_HUNDRED_ENTRIES // 100)
    _make_floor_tables(campaign)
    local = iter(datetime(2027, 2, 1, 10, 0) + timedelta(days=day) for day in range(30))
    rows = [
        compare(
            f"preparing a wave of {entries:,}" + ("" if ranking else ", pure lottery"),
            unit="run",
            goal=1.5,
            ours=partial(_prepare_next, campaign, local, ranking),
            reference=floor_once,
            rounds=5 if entries <= 500_000 else 3,
        )
        for ranking in (RANKINGS[0], ())
    ]
    print(f"  peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    return rows


def _prepare_next(campaign: Campaign, local: Iterator[datetime], ranking: Ranking) -> float:
    return prepare_once(campaign, next(local), ranking)


def prepare_once(campaign: Campaign, local: datetime, ranking: Ranking = RANKINGS[0]) -> float:
    """The seconds of one whole preparation, by the product's own job; the wave is abandoned afterwards."""
    now = timezone.now()
    wave = scheduling.schedule_wave(campaign=campaign, local=local, actor=WORKER, now=now)
    prep = preparation.start_preparation(wave=wave, options=preparation.Options(ranking=ranking), actor=WORKER, now=now)
    start = time.perf_counter()
    jobs.run("waves.waveprep", str(prep.pk))
    seconds = time.perf_counter() - start
    prep.refresh_from_db()
    if prep.status != Job.Status.FINISHED:
        raise RuntimeError(f"the preparation ended as {prep.status}: {prep.error}")
    preparation.abandon(wave=wave, reason="The next round of the benchmark.", actor=WORKER, now=timezone.now())
    return seconds


def _make_floor_tables(campaign: Campaign) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE TABLE bench_entry AS
            SELECT entry.id, entry.ref, CASE WHEN email_confirmed_at IS NULL THEN 'unconfirmed' ELSE '' END AS status,
                   score.score, array_to_string(choices, '|') AS choices
            FROM entries_entry AS entry JOIN entries_score AS score ON score.entry_id = entry.id
            WHERE entry.campaign_id = %s
            """,
            [campaign.pk],
        )
        cursor.execute("CREATE UNIQUE INDEX bench_entry_ref ON bench_entry (ref); ANALYZE bench_entry")
        cursor.execute(
            "CREATE TABLE bench_assignment (entry bigint, code bigint, market integer, position integer);"
            "CREATE UNIQUE INDEX ON bench_assignment (entry); CREATE UNIQUE INDEX ON bench_assignment (code)"
        )


def floor_once() -> float:
    """The bare minimum of the same work, once."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE bench_assignment")
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        _floor(Path(folder))
    return time.perf_counter() - start


def _floor(folder: Path) -> None:
    refs, scores, leaves = [], [], []
    with (
        (folder / "snapshot.csv").open("wb") as file,
        connection.cursor() as cursor,
        cursor.cursor.copy("COPY (SELECT ref, status, score, choices FROM bench_entry ORDER BY ref) TO STDOUT") as copy,
    ):
        for row in copy:
            line = bytes(row)
            file.write(line)
            ref, _, score, _ = line.split(b"\t")
            refs.append(ref)
            scores.append(int(score))
            leaves.append(hashlib.sha256(b"\x00" + line).digest())
    _tree(leaves)
    key = os.urandom(32)
    tickets = np.array([int.from_bytes(hashlib.sha256(key + ref).digest()[:8]) for ref in refs], np.uint64)
    order = np.lexsort((tickets, -np.array(scores, np.int16) // 10))
    placed = order[: len(refs) * CODES_A_HUNDRED_ENTRIES // 100]
    _copy_in(placed)
    with (folder / "allocation.csv").open("wb") as file:
        file.writelines(b"%s,M-001,1,,%d\n" % (refs[entry], place) for place, entry in enumerate(placed, start=1))
    for name in ("snapshot.csv", "allocation.csv"):
        with (folder / name).open("rb") as file:
            storage.put_file(f"bench/{name}", file)


def _tree(nodes: list[bytes]) -> bytes:
    while len(nodes) > 1:
        above = [node_hash(nodes[place], nodes[place + 1]) for place in range(0, len(nodes) - 1, 2)]
        nodes = above + nodes[len(nodes) // 2 * 2 :]
    return nodes[0]


def _copy_in(placed: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> None:
    """COPY in of (entry, code, market, position), as text, with the two unique indexes there."""
    with connection.cursor() as cursor, cursor.cursor.copy("COPY bench_assignment FROM STDIN") as copy:
        for start in range(0, len(placed), 65_536):
            part = placed[start : start + 65_536].tolist()
            copy.write(
                b"".join(
                    b"%d\t%d\t%d\t%d\n" % (entry, start + place, place % MARKETS, start + place)
                    for place, entry in enumerate(part, start=1)
                )
            )
