"""From staged codes to a pool's own: numbered without gaps, inserted, covered by one free range a pool and upload.

Uploads into a campaign take turns from the comparison with its codes to the commit. Pools are locked and new ones made
at the very end: whoever holds codes or edits a pool does not wait for an insert of millions.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import connection
from django.db.backends.utils import CursorWrapper

from codes.models import POOL_SPAN, CodeRange, Pool, Upload
from codes.places import Place
from codes.ranges import lock_pools
from codes.staging import joined_in_sets, refuse
from codes.upload import record_new_pool
from core.jobs import Claim
from viewers.viewer import WORKER

PARTS = 40
"""Parts in which codes are inserted, so that their progress can be told."""
LEAST_BLOCKS = 200
"""A part is no smaller: some tens of thousands of codes."""

ELSEWHERE = "Another pool of the campaign has this code."


def pools_of(campaign_id: int, places: Sequence[Place]) -> dict[int, Pool]:
    """The pools that there are, by the number of their place."""
    rows = Pool.objects.filter(campaign=campaign_id, market__in={place.market_id for place in places})
    known = {Place(pool.market_id, pool.event_id, pool.code_type): pool for pool in rows}
    return {number: known[place] for number, place in enumerate(places) if place in known}


def with_new(campaign_id: int, places: Sequence[Place], known: Mapping[int, Pool]) -> dict[int, Pool]:
    """The same with a pool for every place. The new ones have a key, and no row yet."""
    missing = [number for number in range(len(places)) if number not in known]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('codes_pool', 'id')) FROM generate_series(1, %s)", [len(missing)]
        )
        keys = [int(key) for (key,) in cursor.fetchall()]
    pools = dict(known)
    for number, key in zip(missing, keys, strict=True):
        market_id, event_id, code_type = places[number]
        pools[number] = Pool(
            pk=key, campaign_id=campaign_id, market_id=market_id, event_id=event_id, code_type=code_type
        )
    return pools


def sort_staged() -> None:
    """Put the staged codes in order into ``codes_sorted``, and refuse each that stands in an earlier line too.

    One sort finds what is repeated and numbers the rest; where nothing is taken out later, the numbers stay.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE TEMPORARY TABLE codes_sorted ON COMMIT DROP AS
            SELECT line, place, value, row_number() OVER (ORDER BY value, line) AS number,
                first_value(line) OVER (PARTITION BY value ORDER BY line) AS first_line
            FROM codes_staging
            """
        )
    refuse(
        """
        DELETE FROM codes_sorted WHERE first_line < line
        RETURNING line, 'The same code stands in line ' || first_line || '.'
        """
    )


def take_out_known(campaign_id: int, pools: Mapping[int, Pool]) -> dict[int, int]:
    """Take out of the sorted codes those that the campaign has: give how many their own pools have, by its key.

    What another pool has is refused.
    """
    keys = [pools[place].pk for place in range(len(pools))]
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(size), 0) FROM codes_pool WHERE campaign_id = %s", [campaign_id])
        known = int(cursor.fetchone()[0])
        if not known:
            return {}
        cursor.execute("ANALYZE codes_sorted")
        with joined_in_sets(cursor, "codes_sorted", known):
            cursor.execute(
                """
                WITH gone AS (
                    DELETE FROM codes_sorted USING codes_code AS code
                    WHERE code.campaign_id = %s AND code.value = codes_sorted.value
                    RETURNING line, code.id / %s AS pool_id, code.id / %s = (%s::bigint[])[place + 1] AS is_its_own
                ), elsewhere AS (
                    INSERT INTO codes_refused (line, reason) SELECT line, %s FROM gone WHERE NOT is_its_own
                )
                SELECT pool_id, count(*) FROM gone WHERE is_its_own GROUP BY pool_id
                """,
                [campaign_id, POOL_SPAN, POOL_SPAN, keys, ELSEWHERE],
            )
            return dict(cursor.fetchall())


def insert_sorted(claim: Claim[Upload], pools: Mapping[int, Pool], *, now: datetime) -> dict[int, int]:
    """Add the sorted codes to their pools and give how many to each, by its key. ``CODES`` is locked by the caller."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT place, count(*), max(number) FROM codes_sorted GROUP BY place")
        rows = cursor.fetchall()
        counts = {pools[place].pk: int(count) for place, count, _ in rows}
        claim.announce("storing", total=sum(counts.values()))
        table = "codes_sorted"
        if len(rows) > 1 or any(count < highest for _, count, highest in rows):
            table = "codes_numbered"
            cursor.execute(
                """
                CREATE TEMPORARY TABLE codes_numbered ON COMMIT DROP AS
                SELECT place, value, row_number() OVER (PARTITION BY place ORDER BY value) AS number FROM codes_sorted
                """
            )
        bases = [pools[place].pk * POOL_SPAN + pools[place].last_number for place in range(len(pools))]
        _insert_by_blocks(claim, cursor, table, bases)
    _cover(claim.job, [pool for pool in pools.values() if pool.pk in counts], counts, now=now)
    return counts


def _insert_by_blocks(claim: Claim[Upload], cursor: CursorWrapper, table: str, bases: Sequence[int]) -> None:
    """Insert a table's codes, each pool's in their order, so that the unique index on them grows from left to right.

    In parts, whose progress can be told, and of which none is begun once somebody has cancelled.
    """
    cursor.execute("SELECT pg_relation_size(%s) / current_setting('block_size')::integer", [table])
    blocks, added = int(cursor.fetchone()[0]), 0
    step = max(LEAST_BLOCKS, -(-blocks // PARTS))
    for first in range(0, blocks, step):
        cursor.execute(
            f"""
            INSERT INTO codes_code (id, campaign_id, value) SELECT (%s::bigint[])[place + 1] + number, %s, value
            FROM {table} WHERE ctid >= %s::tid AND ctid < %s::tid
            """,  # noqa: S608  One of our own two tables.
            [list(bases), claim.job.campaign_id, f"({first},0)", f"({first + step},0)"],
        )
        added += int(cursor.rowcount)
        claim.progress(added)


def _cover(upload: Upload, pools: list[Pool], counts: Mapping[int, int], *, now: datetime) -> None:
    """Make the pools that there were not, and say of all of them that they have so many codes more, free."""
    new = [pool for pool in pools if pool._state.adding]
    Pool.objects.bulk_create(new)
    for pool in new:
        record_new_pool(pool, actor=WORKER, now=now)
    lock_pools(counts)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE codes_pool SET size = size + more.count, last_number = last_number + more.count
            FROM unnest(%s::bigint[], %s::integer[]) AS more (id, count) WHERE codes_pool.id = more.id
            """,
            [list(counts), list(counts.values())],
        )
    bases = {pool.pk: pool.pk * POOL_SPAN + pool.last_number for pool in pools}
    CodeRange.objects.bulk_create(
        CodeRange(pool_id=key, upload=upload, first=bases[key] + 1, last=bases[key] + count)
        for key, count in sorted(counts.items())
    )
