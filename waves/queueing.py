"""Whom a wave mails: a message for each fan with a code, and where the wave wants it for each who was not chosen.

Who was not chosen is read from the frozen snapshot, not from today's entries. Both are made some ten thousand at a
time, and making them again adds none, so a worker that dies costs nothing but its last portion.
"""

import hashlib
from collections.abc import Iterator
from itertools import batched
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from django.db import connection
from django.utils import timezone

from core import storage
from core.jobs import Claim, PermanentFailure
from waves.models import Draw, Notification, Wave
from waves.snapshot import HEADER
from waves.snapshot_rows import REASONS_HEADER

PORTION = 50_000
IDS_A_READ = 1 << 16
TOLD_REASONS = frozenset((b"", b"no_choice", b"below_min_score", b"above_max_score"))
"""Published reasons of those who took part and are told that they were not chosen; empty where markets were full.

Not told are: who had withdrawn or had not proved who she is; who has a code from an earlier wave or belongs to another
audience; and who is on the filter list, but not who failed a gate. The two share ``excluded``; reasons.csv tells them
apart.
"""
EXCLUDED, GATE_FAILED = b"excluded", b"gate_failed"

_SELECTED = """
    WITH portion AS MATERIALIZED (
        SELECT assignment.entry_id, assignment.code_id FROM codes_assignment AS assignment
        JOIN waves_waveprep AS prep ON prep.hold_id = assignment.hold_id
        WHERE prep.wave_id = %(wave)s AND assignment.voided = '' AND assignment.code_id > %(after)s
        ORDER BY assignment.code_id LIMIT %(portion)s
    ), made AS (
        INSERT INTO entries_message (entry_id, kind, wave_id, status, attempts, error, created_at)
        SELECT entry.id, 'selected', %(wave)s, 'queued', 0, '', now()
        FROM portion JOIN entries_entry AS entry ON entry.id = portion.entry_id
        WHERE entry.withdrawn_at IS NULL AND entry.blocked_at IS NULL AND entry.erased_at IS NULL
        ORDER BY portion.code_id ON CONFLICT DO NOTHING
    )
    SELECT count(*), max(code_id) FROM portion
"""
_NOT_SELECTED = """
    INSERT INTO entries_message (entry_id, kind, wave_id, status, attempts, error, created_at)
    SELECT entry.id, 'not_selected', %(wave)s, 'queued', 0, '', now()
    FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS line (id, place) JOIN entries_entry AS entry ON entry.id = line.id
    WHERE entry.campaign_id = %(campaign)s
      AND entry.withdrawn_at IS NULL AND entry.blocked_at IS NULL AND entry.erased_at IS NULL
      AND (entry.left_at IS NULL OR entry.left_at < %(frozen)s)
      AND NOT EXISTS (
          SELECT FROM codes_assignment AS assignment JOIN waves_waveprep AS prep ON prep.hold_id = assignment.hold_id
          WHERE assignment.entry_id = entry.id AND prep.wave_id = %(wave)s
      )
    ORDER BY line.place ON CONFLICT DO NOTHING
"""


def queue(claim: Claim[Notification], *, wave: Wave) -> None:
    """Make the messages that a wave wants and does not have yet."""
    notification = claim.job
    if notification.selected_queued_at is None:
        claim.enter("queueing", total=wave.draw.placed or 0)
        _queue_selected(claim, wave)
        _analyze()
        claim.write(selected_queued_at=timezone.now())
    if wave.tells_not_selected and notification.not_selected_queued_at is None:
        claim.enter("queueing those not chosen", total=wave.draw.entries)
        with storage.working_folder() as folder:
            _queue_not_selected(claim, wave, folder)
        _analyze()
        claim.write(not_selected_queued_at=timezone.now())


def _queue_selected(claim: Claim[Notification], wave: Wave) -> None:
    after, done = 0, 0
    while True:
        with claim.transaction(), connection.cursor() as cursor:
            cursor.execute(_SELECTED, {"wave": wave.pk, "after": after, "portion": PORTION})
            count, last = cursor.fetchone()
        if not count:
            return
        after, done = last, done + count
        claim.progress(done)


def _queue_not_selected(claim: Claim[Notification], wave: Wave, folder: Path) -> None:
    draw, done = wave.draw, 0
    names = ("snapshot.csv", "reasons.csv", "entry_ids")
    for name in names:
        storage.fetch(f"{draw.storage_prefix}{name}", folder / name)
    with (
        (folder / "snapshot.csv").open("rb") as snapshot,
        (folder / "reasons.csv").open("rb") as reasons,
        (folder / "entry_ids").open("rb") as ids,
    ):
        for portion in batched(_who_took_part(draw, snapshot, reasons, ids), PORTION):
            parameters: dict[str, Any] = {
                "ids": list(portion),
                "wave": wave.pk,
                "campaign": draw.campaign_id,
                "frozen": draw.frozen_at,
            }
            with claim.transaction(), connection.cursor() as cursor:
                cursor.execute(_NOT_SELECTED, parameters)
            done += len(portion)
            claim.progress(done)


def _who_took_part(draw: Draw, snapshot: BinaryIO, reasons: BinaryIO, ids: BinaryIO) -> Iterator[int]:
    """The ids of the entries that took part, placed or not, in the snapshot's order.

    :raises PermanentFailure: the stored files are not those that were frozen.
    """
    digest = hashlib.sha256()
    digest.update(header := snapshot.readline())
    if header != HEADER or reasons.readline() != REASONS_HEADER:
        raise PermanentFailure("The stored files of the draw have no heading.")
    for line, pk in zip(snapshot, _ids(ids), strict=True):
        digest.update(line)
        ref, reason, _ = line.split(b",", 2)
        if reason == EXCLUDED:
            hidden_ref, _, hidden = reasons.readline().rstrip(b"\n").partition(b",")
            if hidden_ref != ref:
                raise PermanentFailure("The draw's reasons.csv does not belong to its snapshot.csv.")
            if hidden == GATE_FAILED:
                yield pk
        elif reason in TOLD_REASONS:
            yield pk
    if digest.hexdigest() != draw.snapshot_sha256:
        raise PermanentFailure("The stored snapshot.csv is not the one that was frozen.")


def _ids(file: BinaryIO) -> Iterator[int]:
    while portion := file.read(8 * IDS_A_READ):
        yield from np.frombuffer(portion, np.int64).tolist()


def _analyze() -> None:
    """Let the database know that the table has grown, before it plans a million claims."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE entries_message")
