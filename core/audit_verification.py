"""Does the audit trail still say what was sealed? Every deviation is found, with its place.

One pass over the seals in their order, with the events beside them and the kept heads merged in, in memory that does
not grow with the trail. A hash that does not fit is reported and then taken as it is, so that each change is named
alone and not everything that follows it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from core import audit_heads
from core.audit_chain import COLUMNS, GENESIS, canonical, next_hash, selected
from core.audit_heads import Head
from core.models import AuditSeal

CHUNK = 2_000
MOST_COMPARED = 500
"""Hashes that do not fit and are compared with one another, to tell what was moved from what was changed."""
AT, ACTION = COLUMNS.index("at"), COLUMNS.index("action")
_SEALED = f"""
    SELECT seal.position, seal.event_id, seal.hash, {selected("event")}
    FROM core_auditseal AS seal LEFT JOIN core_auditevent AS event ON event.id = seal.event_id ORDER BY seal.position
"""  # noqa: S608  Only names of columns are put in.
_UNSEALED = f"""
    SELECT queue.event_id IS NOT NULL, {selected("event")}
    FROM core_auditevent AS event LEFT JOIN core_auditqueue AS queue ON queue.event_id = event.id
    WHERE NOT EXISTS (SELECT FROM core_auditseal AS seal WHERE seal.event_id = event.id) ORDER BY event.id
"""  # noqa: S608  As above.
_LOST_BEFORE_SEALING = """
    SELECT queue.event_id FROM core_auditqueue AS queue
    WHERE NOT EXISTS (SELECT FROM core_auditevent AS event WHERE event.id = queue.event_id) ORDER BY queue.event_id
"""


@dataclass(frozen=True)
class Finding:
    """One deviation: ``changed``, ``missing``, ``inserted``, ``reordered`` or ``rewritten``, where, and in words."""

    kind: str
    text: str
    position: int | None = None
    event_id: int | None = None


@dataclass(frozen=True)
class Misfit:
    """A seal whose hash does not follow from what stands before it and its event."""

    position: int
    previous: bytes
    row: tuple[Any, ...]
    hash: bytes


@dataclass
class Verification:
    """A pass over the whole trail. The counts are whole when ``findings`` has come to its end."""

    sealed: int = 0
    waiting: int = 0
    heads: int = 0
    last: Head | None = None
    last_kept: Head | None = None
    _misfits: list[Misfit] = field(default_factory=list)

    def findings(self) -> Iterator[Finding]:
        """Every deviation, as it is found."""
        beyond: list[Head] = []
        with _one_moment():
            yield from self._chain(beyond)
            yield from self._told_apart()
            yield from self._unsealed()
        # What was sealed and kept since this pass began is no deviation.
        for head in beyond:
            if not AuditSeal.objects.filter(position=head.position, hash=head.hash).exists():
                yield Finding(
                    "missing",
                    f"The chain ends before position {head.position}, whose seal {_short(head.hash)} is kept in object "
                    f"storage: the last events were deleted together with their seals.",
                    position=head.position,
                )

    def _chain(self, beyond: list[Head]) -> Iterator[Finding]:
        """Follow the chain, beside the heads that were kept of it."""
        heads = self._heads()
        head = next(heads, None)
        expected, previous = 1, GENESIS
        for position, event_id, stored, *row in _rows(_SEALED):
            stored = bytes(stored)
            while head is not None and head.position < position:
                yield from self._head_without_seal(head, expected)
                head = next(heads, None)
            while head is not None and head.position == position:
                if head.hash != stored:
                    yield Finding(
                        "rewritten",
                        f"Position {position}: its seal is {_short(stored)}, and object storage keeps "
                        f"{_short(head.hash)}. The chain was written anew.",
                        position=position,
                        event_id=event_id,
                    )
                head = next(heads, None)
            is_whole = position == expected
            if not is_whole:
                yield _gap(expected, position)
            if row[0] is None:
                yield Finding(
                    "missing",
                    f"Position {position}: event {event_id} was sealed here and is gone.",
                    position=position,
                    event_id=event_id,
                )
            elif is_whole and next_hash(previous, _bytes(row)) != stored:
                yield from self._note(Misfit(position, previous, tuple(row), stored))
            expected, previous = position + 1, stored
            self.sealed += 1
            self.last = Head(position=position, hash=stored)
        while head is not None:
            beyond[:] = [head]
            head = next(heads, None)

    def _heads(self) -> Iterator[Head]:
        for head in audit_heads.kept():
            self.heads += 1
            self.last_kept = head
            yield head

    def _head_without_seal(self, head: Head, expected: int) -> Iterator[Finding]:
        """A kept head within a gap says once more that its seal is gone; the gap itself is reported with its end."""
        if head.position < expected:
            yield Finding(
                "rewritten",
                f"Position {head.position}: object storage keeps a second seal, {_short(head.hash)}. "
                f"The chain was written anew.",
                position=head.position,
            )

    def _note(self, misfit: Misfit) -> Iterator[Finding]:
        """Keep what does not fit, to compare it at the end; what is too much for that is reported at once."""
        if len(self._misfits) < MOST_COMPARED:
            self._misfits.append(misfit)
        else:
            yield _changed(misfit)

    def _told_apart(self) -> Iterator[Finding]:
        """Say of each hash that did not fit whether it was moved or changed."""
        for misfit in self._misfits:
            yield self._moved(misfit) or _changed(misfit)

    def _moved(self, misfit: Misfit) -> Finding | None:
        """Whether the seal follows from another place, or another's event from here."""
        own = _bytes(misfit.row)
        for other in self._misfits:
            if other is misfit:
                continue
            renumbered = _bytes((other.row[0], *misfit.row[1:]))
            if next_hash(other.previous, own) in (other.hash, misfit.hash) or (
                next_hash(other.previous, renumbered) == other.hash
            ):
                return Finding(
                    "reordered",
                    f"Position {misfit.position}: {_named(misfit.row)} stands here and was sealed at position "
                    f"{other.position}.",
                    position=misfit.position,
                    event_id=misfit.row[0],
                )
            if next_hash(other.hash, own) == misfit.hash:
                return Finding(
                    "reordered",
                    f"Position {misfit.position}: {_named(misfit.row)} was sealed after another seal than the one that "
                    f"stands before it.",
                    position=misfit.position,
                    event_id=misfit.row[0],
                )
        return None

    def _unsealed(self) -> Iterator[Finding]:
        """Events without a seal: those that wait for the next tick, and those that do not even wait."""
        for is_waiting, *row in _rows(_UNSEALED):
            if is_waiting:
                self.waiting += 1
                continue
            yield Finding(
                "inserted",
                f"{_named(row).capitalize()} has no seal and does not wait for one: it was put in by hand, or its seal "
                f"was taken away.",
                event_id=row[0],
            )
        for (event_id,) in _rows(_LOST_BEFORE_SEALING):
            yield Finding("missing", f"Event {event_id} waited for its seal and is gone.", event_id=event_id)


@contextmanager
def _one_moment() -> Iterator[None]:
    """A transaction that sees one moment of the database, however long it reads."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _rows(query: str) -> Iterator[tuple[Any, ...]]:
    """A query's rows, fetched in pieces from a cursor in the database."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(CHUNK):
            yield from rows


def _gap(first: int, after: int) -> Finding:
    places = f"Position {first} has" if after == first + 1 else f"Positions {first} to {after - 1} have"
    return Finding("missing", f"{places} no seal: what was sealed there was deleted.", position=first)


def _changed(misfit: Misfit) -> Finding:
    return Finding(
        "changed",
        f"Position {misfit.position}: {_named(misfit.row)} is not what was sealed here.",
        position=misfit.position,
        event_id=misfit.row[0],
    )


def _named(row: Any) -> str:
    """An event in words: id, time and action as they stand now."""
    return f"event {row[0]} ({str(row[AT])[:19].replace('T', ' ')} UTC, {row[ACTION]})"


def _bytes(row: Sequence[Any]) -> bytes:
    """An event's bytes; those of one that cannot be read fit nowhere."""
    try:
        return canonical(row)
    except ValueError:
        return b""


def _short(digest: bytes) -> str:
    return digest.hex()[:16] + "…"
