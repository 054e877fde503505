"""Uploading codes from one CSV, against a bare COPY of the same values into a table with the same constraints."""

import io
import time
from collections.abc import Iterator

import numpy as np
from django.db import connection
from django.utils import timezone

from bench.rows import Row, compare
from bench.tour import open_tour
from codes.models import POOL_SPAN, CodeRange, Pool, Upload
from codes.upload import pool_for, start_upload
from core import jobs
from core.bulk import copy_into
from core.models import Job
from viewers.viewer import WORKER

ALPHABET = b"ABCDEFGHJKMNPQRSTUVWXYZ23456789"
LETTERS = 10
ROWS_A_PIECE = 65_536


def measure(codes: int) -> list[Row]:
    """One row, at this number of codes."""
    print(f"  making a file of {codes:,} codes", flush=True)
    market = open_tour(domain="bench-uploading", markets=1).markets.get()
    pool = pool_for(market=market, event=None, actor=WORKER, now=timezone.now())
    file = file_of(codes)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_code (LIKE codes_code INCLUDING ALL)")
    return [
        compare(
            "uploading codes",
            unit="run",
            goal=1.5,
            ours=lambda: upload_once(pool, file, codes),
            reference=lambda: copy_once(pool, file, codes),
            rounds=5 if codes <= 500_000 else 3,
        )
    ]


def file_of(codes: int, *, seed: int = 2027) -> bytes:
    """A file of so many different codes in no order, one a line below a header."""
    letters = np.frombuffer(ALPHABET, np.uint8)
    drawn = np.random.default_rng(seed).integers(0, len(letters), (codes + codes // 1_000 + 1, LETTERS), np.uint8)
    lines = np.concatenate([letters[drawn], np.full((len(drawn), 1), ord("\n"), np.uint8)], axis=1)
    values = dict.fromkeys(lines.tobytes().splitlines())
    if len(values) < codes:
        raise RuntimeError("Too many codes came out twice.")
    return b"\n".join([b"code", *list(values)[:codes], b""])


def upload_once(pool: Pool, file: bytes, codes: int) -> float:
    """The seconds from the call that takes the file to the end of its job; the pool is emptied before."""
    _empty(pool)
    start = time.perf_counter()
    upload = start_upload(
        pool=pool, file=io.BytesIO(file), file_name="codes.csv", size=len(file), actor=WORKER, now=timezone.now()
    )
    jobs.run("codes.upload", str(upload.pk))
    seconds = time.perf_counter() - start
    upload = Upload.objects.get(pk=upload.pk)
    if upload.status != Job.Status.FINISHED or upload.added != codes:
        raise RuntimeError(f"the upload ended as {upload.status} with {upload.added:,} codes: {upload.error}")
    return seconds


def _empty(pool: Pool) -> None:
    """Every round begins with an empty table, as the reference does."""
    CodeRange.objects.filter(pool=pool).delete()
    Pool.objects.filter(pk=pool.pk).update(size=0, last_number=0)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE codes_code")


def copy_once(pool: Pool, file: bytes, codes: int) -> float:
    """The seconds of the bare COPY, whose bytes are ready before."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE bench_code")
    pieces = list(_rows(pool, file))
    start = time.perf_counter()
    with copy_into("bench_code", ["id", "campaign_id", "value"]) as copy:
        for piece in pieces:
            copy.write(piece)
    seconds = time.perf_counter() - start
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM bench_code")
        if cursor.fetchone() != (codes,):
            raise RuntimeError("the reference has lost codes")
    return seconds


def _rows(pool: Pool, file: bytes) -> Iterator[bytes]:
    """The file's codes as COPY reads them, numbered in the order of the file."""
    values = file.splitlines()[1:]
    first, campaign = pool.pk * POOL_SPAN + 1, pool.campaign_id
    for start in range(0, len(values), ROWS_A_PIECE):
        part = values[start : start + ROWS_A_PIECE]
        yield b"".join(
            b"%d\t%d\t%s\n" % (number, campaign, value) for number, value in enumerate(part, start=first + start)
        )
