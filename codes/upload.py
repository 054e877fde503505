"""Bringing codes from a file into a pool.

The file is streamed to storage, then read as a stream, checked line by line, copied into a temporary table, and
inserted in one set under the pool's lock: duplicates fall out there, and the numbers stay dense.
"""

import csv
import io
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from django.db import connection, transaction
from django.utils import timezone

from campaigns.models import Event, Market
from codes.models import POOL_SPAN, CodeRange, Pool, Upload
from core import audit, jobs, storage
from core.bulk import copy_into
from core.jobs import Claim
from core.locks import Space, lock_exclusive
from core.refusal import Refusal
from viewers.permissions import Action, require
from viewers.viewer import WORKER, Viewer

MOST_BYTES = 512 * 2**20
MOST_LETTERS = 64
MOST_IN_LINE = 4096
SHOWN_REFUSALS = 100
STORED = "stored"
CODE = re.compile(r"[A-Za-z0-9._\-+/#*]+")
SPREADSHEET_NUMBER = re.compile(r"\d(\.\d+)?E\+\d+")
HEADERS = ("code", "codes", "offer code", "access code", "offercode", "accesscode", "presale code")


class CannotUpload(Refusal):
    """The file is not taken."""

    code = "cannot_upload"
    status = 400


def pool_for(*, market: Market, event: Event | None, actor: Viewer, now: datetime, code_type: str = "presale") -> Pool:
    """The pool of a market (concurrent split) or of one of its events (sequential), made if there is none.

    :raises CannotUpload: the split asks for an event, or for none.
    """
    require(actor, Action.MANAGE_CODES, market.campaign_id)
    if market.split == Market.Split.SEQUENTIAL and event is None:
        events = list(market.events.order_by("number", "pk")[:2])
        if len(events) != 1:
            raise CannotUpload("This market's events have separate pools: say which event.", field="event")
        event = events[0]
    if market.split == Market.Split.CONCURRENT and event is not None:
        raise CannotUpload("This market's events share one pool: name no event.", field="event")
    if event is not None and event.market_id != market.pk:
        raise CannotUpload("This event belongs to another market.", field="event")
    with transaction.atomic():
        pool, is_new = Pool.objects.get_or_create(
            market=market, event=event, code_type=code_type, defaults={"campaign_id": market.campaign_id}
        )
        if is_new:
            names = {"market": market.code, "event": event.code if event else None, "code_type": code_type}
            audit.record(
                actor=actor,
                action="pool.add",
                target=pool,
                campaign_id=pool.campaign_id,
                changes={name: [None, value] for name, value in names.items()},
                now=now,
            )
    return pool


def start_upload(*, pool: Pool, file: BinaryIO, file_name: str, size: int, actor: Viewer, now: datetime) -> Upload:
    """Store a file of codes and queue its reading.

    :raises CannotUpload: it is empty or larger than ``MOST_BYTES``.
    """
    require(actor, Action.MANAGE_CODES, pool.campaign_id)
    if size == 0:
        raise CannotUpload("The file is empty.", field="file")
    if size > MOST_BYTES:
        raise CannotUpload(f"The file is larger than {MOST_BYTES >> 20} MiB. Split it.", field="file")
    upload = Upload(
        campaign_id=pool.campaign_id,
        pool=pool,
        file_name=Path(file_name).name[-255:],
        size_bytes=size,
        uploaded_by=actor.label,
    )
    upload.storage_key = f"uploads/{upload.pk}/codes"
    storage.put_file(upload.storage_key, file, content_type="text/csv")
    with transaction.atomic():
        upload.save(force_insert=True)
        audit.record(
            actor=actor,
            action="codes.upload",
            target=upload,
            campaign_id=pool.campaign_id,
            changes={"pool": [None, pool.pk], "size_bytes": [None, size]},
            now=now,
        )
        jobs.enqueue(upload)
    return upload


class Refusals:
    """The lines that were refused: all of them in a file, the first ones for the screen."""

    def __init__(self, path: Path) -> None:
        self.count = 0
        self.shown: list[dict[str, object]] = []
        self._file = path.open("w", encoding="utf-8")
        self._file.write("line,reason\n")

    def add(self, line: int, reason: str) -> None:
        """Note one refused line. Its text is not kept: it may be a code."""
        self.count += 1
        if len(self.shown) < SHOWN_REFUSALS:
            self.shown.append({"line": line, "reason": reason})
        self._file.write(f'{line},"{reason}"\n')

    def store(self, key: str) -> str:
        """Put the file into storage and give its key, or an empty one where nothing was refused."""
        self._file.close()
        if self.count:
            with open(self._file.name, "rb") as file:
                storage.put_file(key, file, content_type="text/csv")
        return key if self.count else ""


def read_upload(claim: Claim[Upload]) -> None:
    """The work of an upload: read, check, insert. The result is written with the codes, so it is all or nothing."""
    upload = claim.job
    if upload.phase == STORED:  # A worker died after the commit; everything is there.
        return
    with storage.working_folder() as folder:
        path = storage.fetch(upload.storage_key, folder / "codes")
        refusals = Refusals(folder / "refused.csv")
        claim.enter("reading", total=path.stat().st_size)
        with claim.transaction():
            with path.open("rb") as file:
                _stage(file, refusals, claim)
            # Codes are unique in the campaign, so uploads into its pools take turns from here to the commit.
            lock_exclusive(Space.CODES, upload.campaign_id)
            already_there = _sort_out(upload, refusals)
            added = _insert(upload)
            claim.write(
                phase=STORED,
                added=added,
                already_there=already_there,
                refused=refusals.count,
                refused_lines=refusals.shown,
                refused_key=refusals.store(f"uploads/{upload.pk}/refused.csv"),
            )
            audit.record(
                actor=WORKER,
                action="codes.add",
                target=upload,
                campaign_id=upload.campaign_id,
                changes={"pool": [None, upload.pool_id], **{name: [None, n] for name, n in counts_of(upload).items()}},
                now=timezone.now(),
            )


def counts_of(upload: Upload) -> dict[str, int]:
    """What became of the lines of a file that was read."""
    return {"added": upload.added, "already_there": upload.already_there, "refused": upload.refused}


def _stage(file: BinaryIO, refusals: Refusals, claim: Claim[Upload]) -> None:
    """Copy every line that can be a code into the transaction's own table."""
    with connection.cursor() as cursor:
        cursor.execute('CREATE TEMPORARY TABLE codes_staging (line integer, value text COLLATE "C") ON COMMIT DROP')
    with copy_into("codes_staging", ["line", "value"]) as copy:
        for number, value in codes_of(file, refusals):
            copy.write_row((number, value))
            if number % 20_000 == 0:
                claim.progress(file.tell())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE codes_staging")


def codes_of(file: BinaryIO, refusals: Refusals) -> Iterator[tuple[int, str]]:
    """The codes of a CSV file with their line numbers; what is no code goes to the refusals.

    UTF-8 with or without BOM; comma, semicolon or tab; any line ends; with or without a header that names the code
    column (else it is the first). A field does not run over a line's end.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline=None)
    dialect: tuple[str, int] | None = None
    number = 0
    while line := text.readline(MOST_IN_LINE):
        number += 1
        if not line.endswith("\n") and len(line) == MOST_IN_LINE:
            while (rest := text.readline(MOST_IN_LINE)) and not rest.endswith("\n"):
                pass
            refusals.add(number, "The line is too long to be a code.")
            continue
        line = line.rstrip("\n")
        if not line.strip():
            refusals.add(number, "The line is empty.")
            continue
        if dialect is None:
            dialect, is_header = _dialect_of(line)
            if is_header:
                continue
        problem, value = _code_in(line, *dialect)
        if problem:
            refusals.add(number, problem)
        else:
            yield number, value
    text.detach()


def _dialect_of(line: str) -> tuple[tuple[str, int], bool]:
    """The delimiter and the code's column, read from the first line, and whether that line is a header."""
    delimiter = max(",;\t", key=line.count)
    names = [name.strip().strip('"').lower() for name in line.split(delimiter)]
    for column, name in enumerate(names):
        if name in HEADERS:
            return (delimiter, column), True
    return (delimiter, 0), False


def _code_in(line: str, delimiter: str, column: int) -> tuple[str, str]:
    """What is wrong with a line, or an empty string; and its code."""
    if '"' in line:
        try:
            fields = next(csv.reader([line], delimiter=delimiter, strict=True))
        except csv.Error:
            return "The line has a quotation mark that is never closed.", ""
    else:
        fields = line.split(delimiter)
    value = fields[column].strip() if column < len(fields) else ""
    if not value:
        return "The line has no code.", ""
    if len(value) > MOST_LETTERS:
        return f"The code is longer than {MOST_LETTERS} characters.", ""
    if SPREADSHEET_NUMBER.fullmatch(value):
        return "A spreadsheet has turned this code into a rounded number.", ""
    if not CODE.fullmatch(value):
        return "The code has characters other than letters, digits and . _ - + / # *.", ""
    return "", value


def _sort_out(upload: Upload, refusals: Refusals) -> int:
    """Take out of the table what cannot be added; return how many codes the pool has already."""
    low, high = upload.pool_id * POOL_SPAN, (upload.pool_id + 1) * POOL_SPAN
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH repeated AS (
                SELECT line, first_value(line) OVER (PARTITION BY value ORDER BY line) AS first FROM codes_staging
            )
            DELETE FROM codes_staging USING repeated
            WHERE repeated.line = codes_staging.line AND repeated.first < repeated.line
            RETURNING repeated.line, repeated.first
            """
        )
        for line, first in sorted(cursor.fetchall()):
            refusals.add(line, f"The same code stands in line {first}.")
        cursor.execute(
            """
            DELETE FROM codes_staging USING codes_code AS code
            WHERE code.campaign_id = %s AND code.value = codes_staging.value
            RETURNING codes_staging.line, code.id > %s AND code.id < %s
            """,
            [upload.campaign_id, low, high],
        )
        elsewhere, already_there = [], 0
        for line, is_in_this_pool in cursor.fetchall():
            if is_in_this_pool:
                already_there += 1
            else:
                elsewhere.append(line)
        for line in sorted(elsewhere):
            refusals.add(line, "Another pool of the campaign has this code.")
    return already_there


def _insert(upload: Upload) -> int:
    """Add what is left to the pool, numbered without gaps, and cover it with one free range."""
    pool = Pool.objects.select_for_update().get(pk=upload.pool_id)
    base = pool.pk * POOL_SPAN + pool.last_number
    with connection.cursor() as cursor:
        # In the order of the values, so that the unique index on them grows from left to right.
        cursor.execute(
            "INSERT INTO codes_code (id, campaign_id, value) "
            "SELECT %s + row_number() OVER (ORDER BY value), %s, value FROM codes_staging ORDER BY value",
            [base, upload.campaign_id],
        )
        added = int(cursor.rowcount)
    if added:
        pool.size += added
        pool.last_number += added
        pool.save(update_fields=["size", "last_number"])
        CodeRange.objects.create(pool=pool, upload=upload, first=base + 1, last=base + added)
    return added


jobs.register(Upload, read_upload, outcome=counts_of)
