"""Sealing: at each tick the audit events that are new are chained, and the last seal is kept outside the database.

Not to be confused with ``core.sealing``, which encrypts secrets at rest.
"""

from dataclasses import dataclass
from datetime import datetime

import structlog
from botocore.exceptions import BotoCoreError, ClientError
from django.db import connection, transaction

from core import audit_heads
from core.audit_chain import GENESIS, canonical, next_hash, selected
from core.audit_heads import Head
from core.bulk import copy_in
from core.locks import Space, try_exclusive
from core.models import AuditSeal
from core.tick import every_tick

log = structlog.get_logger(__name__)
BATCH = 5_000
_TAKE = f"""
    WITH taken AS (
        DELETE FROM core_auditqueue WHERE event_id IN (
            SELECT queue.event_id FROM core_auditqueue AS queue
            JOIN core_auditevent AS event ON event.id = queue.event_id
            ORDER BY queue.event_id LIMIT %s
        ) RETURNING event_id
    )
    SELECT {selected("event")}
    FROM core_auditevent AS event WHERE id IN (SELECT event_id FROM taken) ORDER BY id
"""  # noqa: S608  Only names of columns are put in.
"""An id whose event is gone stays in the queue: verification names it."""


@dataclass
class _Memory:
    """What this process knows to be in storage, so that a quiet second asks storage nothing."""

    kept: Head | None = None


_memory = _Memory()


@every_tick
def seal_new(now: datetime) -> int:
    """Seal every event that is committed, keep the last seal, and return how many were sealed.

    Where another process is at it, this one leaves it alone. Where storage is away, the last seal is kept later.
    """
    count = 0
    while True:
        sealed = seal_batch()
        count += sealed
        if sealed < BATCH:
            break
    keep_head(now)
    return count


def seal_batch(size: int = BATCH) -> int:
    """Seal so many of the waiting events, in the order of their ids, and return how many there were."""
    with transaction.atomic():
        if not try_exclusive(Space.AUDIT, 0):
            return 0
        last = AuditSeal.objects.order_by("-position").first()
        position, previous = (last.position, bytes(last.hash)) if last is not None else (0, GENESIS)
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, [size])
            rows = cursor.fetchall()
        seals = []
        for position, row in enumerate(rows, start=position + 1):  # noqa: B020  It goes on from the last one.
            previous = next_hash(previous, canonical(row))
            seals.append((position, row[0], previous))
        if seals:
            copy_in("core_auditseal", ["position", "event_id", "hash"], seals)
    return len(seals)


def keep_head(now: datetime) -> None:
    """Have the last seal in storage and in the log, unless this process has seen to it before."""
    last = AuditSeal.objects.order_by("-position").first()
    if last is None:
        return
    head = Head(position=last.position, hash=bytes(last.hash))
    if head == _memory.kept:
        return
    try:
        audit_heads.keep(head, event_id=last.event_id, now=now)
    except (BotoCoreError, ClientError, OSError) as error:
        log.warning("audit_head_not_kept", position=head.position, error=type(error).__name__)
        return
    finally:
        log.info("audit_sealed", position=head.position, event_id=last.event_id, hash=head.hash.hex())
    _memory.kept = head
