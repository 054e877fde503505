"""Cutting and joining the ranges that say what state a pool's codes are in.

Whoever changes ranges locks their pools first, in the order of their keys, and before that the hold whose ranges
change: so two changes at once never give one code to two purposes, and never wait in a circle.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import batched

from django.db import connection, transaction
from django.db.models import F, Model, QuerySet

from codes.models import POOL_SPAN, CodeRange, Pool

SIZE = F("last") - F("first") + 1
"""How many codes a range has."""
_BATCH = 5_000


def locked[M: Model](rows: "QuerySet[M]", *, skip_locked: bool = False) -> "QuerySet[M]":
    """The query of pools or holds that locks them until the transaction ends, in the order of their keys.

    Not their keys: whoever joins a pool's ranges writes rows that point to other holds and to the pool, and those
    foreign keys must wait for nobody who holds one of them and asks for the other.
    """
    return rows.select_for_update(of=("self",), no_key=True, skip_locked=skip_locked).order_by("pk")


def lock_pools(pool_ids: Iterable[int]) -> list[int]:
    """Lock pools until the transaction ends; give the keys of those that there are."""
    return list(locked(Pool.objects.filter(pk__in=set(pool_ids))).values_list("pk", flat=True))


def divide(ranges: Iterable[CodeRange], *, counts: Mapping[int, int], first: int | None, rest: int | None) -> int:
    """Put the first so many codes of each pool's ranges into the hold ``first``, the rest into ``rest``; give the sum.

    ``None`` is no hold: free. The ranges come in their order, their pools are locked, and none is revoked.
    """
    left = dict(counts)
    inside: list[int] = []
    outside: list[int] = []
    cut: list[CodeRange] = []
    upper: list[CodeRange] = []
    for part in ranges:
        size, wanted = part.last - part.first + 1, left.get(part.pool_id, 0)
        left[part.pool_id] = max(0, wanted - size)
        if wanted >= size:
            inside.append(part.pk)
        elif wanted == 0:
            outside.append(part.pk)
        else:
            edge = part.first + wanted
            upper.append(_piece(part, edge, part.last, hold_id=rest))
            part.last, part.hold_id = edge - 1, first
            cut.append(part)
    CodeRange.objects.filter(pk__in=inside).update(hold=first)
    CodeRange.objects.filter(pk__in=outside).update(hold=rest)
    # The lower parts give way before the upper ones are made: ranges never overlap, not even for a moment.
    CodeRange.objects.bulk_update(cut, ["last", "hold"], batch_size=_BATCH)
    CodeRange.objects.bulk_create(upper, batch_size=_BATCH)
    return sum(counts.values()) - sum(left.values())


def _piece(part: CodeRange, first: int, last: int, *, hold_id: int | None, is_revoked: bool = False) -> CodeRange:
    return CodeRange(
        pool_id=part.pool_id,
        upload_id=part.upload_id,
        hold_id=hold_id,
        first=first,
        last=last,
        is_revoked=is_revoked,
    )


@dataclass(frozen=True)
class _Cut:
    """A range with some of its codes, in order, that are to leave it."""

    part: CodeRange
    codes: list[int]


def _cuts(code_ids: list[int]) -> list[_Cut]:
    """The ranges that the codes lie in; the index of the exclusion constraint finds each in one step."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT part.id, array_agg(code ORDER BY code) FROM unnest(%s::bigint[]) AS code
            JOIN codes_coderange AS part ON int8range(part.first, part.last, '[]') @> code GROUP BY part.id
            """,
            [code_ids],
        )
        found = dict(cursor.fetchall())
    parts = CodeRange.objects.in_bulk(list(found))
    if sum(map(len, found.values())) != len(code_ids):
        raise LookupError("some of these codes lie in no range")
    return [_Cut(parts[pk], codes) for pk, codes in found.items()]


def _runs(codes: list[int]) -> Iterator[tuple[int, int]]:
    """Neighbours among ordered numbers, as closed intervals."""
    first = last = codes[0]
    for code in codes[1:]:
        if code != last + 1:
            yield first, last
            first = code
        last = code
    yield first, last


def _set_apart(cuts: list[_Cut], *, hold_id: int | None, is_revoked: bool) -> None:
    """Take codes out of their ranges into ranges of their own. A revoked one stays in the hold where it was."""
    pieces: list[CodeRange] = []
    for cut in cuts:
        part, at = cut.part, cut.part.first
        for first, last in _runs(cut.codes):
            if at < first:
                pieces.append(_piece(part, at, first - 1, hold_id=part.hold_id))
            own = part.hold_id if is_revoked else hold_id
            pieces.append(_piece(part, first, last, hold_id=own, is_revoked=is_revoked))
            at = last + 1
        if at <= part.last:
            pieces.append(_piece(part, at, part.last, hold_id=part.hold_id))
    CodeRange.objects.filter(pk__in=[cut.part.pk for cut in cuts]).delete()
    CodeRange.objects.bulk_create(pieces, batch_size=_BATCH)


def revoke(code_ids: Iterable[int]) -> int:
    """Mark codes as revoked and return how many were not before: each is cut out of its range, and stays in its hold.

    A handful of statements, however many they are. Their holds, if they are in any, are locked by the caller.

    :raises LookupError: one of them is no code.
    """
    ids = sorted(set(code_ids))
    count = 0
    with transaction.atomic():
        lock_pools(code // POOL_SPAN for code in ids)
        for some in batched(ids, _BATCH):
            cuts = [cut for cut in _cuts(list(some)) if not cut.part.is_revoked]
            _set_apart(cuts, hold_id=None, is_revoked=True)
            count += sum(len(cut.codes) for cut in cuts)
    return count


def take_one(*, pool_id: int, hold_id: int) -> int | None:
    """Take a pool's first free code into a hold and return its id, or ``None`` where there is none.

    One that the ticketing platform has seen already is passed over: it would open nothing. The pool is locked.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT code.id FROM codes_coderange AS part CROSS JOIN LATERAL (
                SELECT id FROM codes_code WHERE id BETWEEN part.first AND part.last
                AND NOT EXISTS (SELECT FROM codes_redemption WHERE code_id = codes_code.id) ORDER BY id LIMIT 1
            ) AS code WHERE part.pool_id = %s AND part.hold_id IS NULL AND NOT part.is_revoked
            ORDER BY part.first LIMIT 1
            """,
            [pool_id],
        )
        found = cursor.fetchone()
    if found is None:
        return None
    code_id = int(found[0])
    _set_apart(_cuts([code_id]), hold_id=hold_id, is_revoked=False)
    join([pool_id])
    return code_id


def join(pool_ids: Iterable[int]) -> None:
    """Make one range of neighbours in the same state, so that there are few however often codes come and go.

    Ranges of two uploads stay apart: an upload is counted and undone by its own. The pools are locked.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH marked AS (
                SELECT *, (lag(last) OVER neighbours = first - 1
                    AND lag(upload_id) OVER neighbours IS NOT DISTINCT FROM upload_id
                    AND lag(hold_id) OVER neighbours IS NOT DISTINCT FROM hold_id
                    AND lag(is_revoked) OVER neighbours = is_revoked) IS NOT TRUE AS begins
                FROM codes_coderange WHERE pool_id = ANY (%s::bigint[])
                WINDOW neighbours AS (PARTITION BY pool_id ORDER BY first)
            ), numbered AS (
                SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY pool_id ORDER BY first) AS island
                FROM marked
            ), long AS (
                SELECT pool_id, island FROM numbered GROUP BY pool_id, island HAVING count(*) > 1
            ), gone AS (
                DELETE FROM codes_coderange USING numbered JOIN long USING (pool_id, island)
                WHERE codes_coderange.id = numbered.id RETURNING numbered.*
            )
            INSERT INTO codes_coderange (pool_id, upload_id, hold_id, is_revoked, first, last)
            SELECT pool_id, upload_id, hold_id, is_revoked, min(first), max(last) FROM gone
            GROUP BY pool_id, island, upload_id, hold_id, is_revoked
            """,
            [sorted(pool_ids)],
        )
