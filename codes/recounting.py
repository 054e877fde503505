"""The recount of all that is kept of codes, as statements: each gives what deviates, what it should be, and what it is.

%(campaigns)s are the campaigns' ids. Each statement is a scan or two of what it recounts, whatever the size.
"""

# A pool's ids lie in a span of their own, so each count below is one scan of a part of a primary key.
ROWS_OF_POOLS = """
    WITH pool AS MATERIALIZED (SELECT * FROM codes_pool WHERE campaign_id = ANY (%(campaigns)s::bigint[])), rows AS (
        SELECT pool.id, pool.campaign_id, pool.size, pool.last_number, counted.*
        FROM pool CROSS JOIN LATERAL (
            SELECT count(*) AS codes, coalesce(max(code.id) & ((1::bigint << 32) - 1), 0) AS highest,
                count(*) FILTER (WHERE code.campaign_id <> pool.campaign_id) AS strangers
            FROM codes_code AS code WHERE code.id >= pool.id << 32 AND code.id < (pool.id + 1) << 32
        ) AS counted
    )
    SELECT 'pool ' || id || ': codes', size, codes FROM rows WHERE codes <> size
    UNION ALL SELECT 'pool ' || id || ': highest number', last_number, highest FROM rows WHERE highest > last_number
    UNION ALL SELECT 'pool ' || id || ': codes of another campaign', 0, strangers FROM rows WHERE strangers > 0
"""
"""Its codes are as many as it says, and none is another campaign's."""
RANGES_OF_POOLS = """
    WITH pool AS MATERIALIZED (SELECT * FROM codes_pool WHERE campaign_id = ANY (%(campaigns)s::bigint[])),
    part AS MATERIALIZED (SELECT * FROM codes_coderange WHERE pool_id IN (SELECT id FROM pool)), covered AS (
        SELECT pool.id, pool.size, coalesce(sum(part.last - part.first + 1), 0) AS codes
        FROM pool LEFT JOIN part ON part.pool_id = pool.id GROUP BY pool.id, pool.size
    ), full_of AS (
        SELECT part.first, part.last, counted.codes FROM part CROSS JOIN LATERAL (
            SELECT count(*) AS codes FROM codes_code AS code WHERE code.id BETWEEN part.first AND part.last
        ) AS counted
    )
    SELECT 'pool ' || id || ': codes in ranges', size, codes FROM covered WHERE codes <> size
    UNION ALL
    SELECT 'codes ' || first || ' to ' || last, last - first + 1, codes FROM full_of WHERE codes <> last - first + 1
"""
"""Its ranges cover exactly the codes that there are: no gap, and none twice."""
UPLOADS = """
    WITH upload AS MATERIALIZED (SELECT * FROM codes_upload WHERE campaign_id = ANY (%(campaigns)s::bigint[])),
    kept AS (
        SELECT upload.id, CASE WHEN kind = 'redeemed' OR undone_at IS NOT NULL THEN 0 ELSE added END AS added,
            coalesce(sum(part.last - part.first + 1), 0) AS codes
        FROM upload LEFT JOIN codes_coderange AS part ON part.upload_id = upload.id
        GROUP BY upload.id, upload.kind, upload.undone_at, upload.added
    )
    SELECT 'upload ' || id || ': codes in ranges', added, codes FROM kept WHERE codes <> added
"""
"""What an upload added is in ranges of its own; nothing is where it was undone."""
ASSIGNMENTS = """
    WITH hold AS MATERIALIZED (SELECT * FROM codes_hold WHERE campaign_id = ANY (%(campaigns)s::bigint[])),
    part AS MATERIALIZED (
        SELECT part.*, hold.status, hold.kind, counted.* FROM codes_coderange AS part
        JOIN hold ON hold.id = part.hold_id CROSS JOIN LATERAL (
            SELECT count(*) AS given, count(*) FILTER (WHERE voided = '') AS in_force FROM codes_assignment
            WHERE code_id BETWEEN part.first AND part.last AND hold_id = part.hold_id
        ) AS counted
    ), rows AS (
        SELECT hold.id, hold.kind, hold.status, count(assignment.code_id) AS given
        FROM hold LEFT JOIN codes_assignment AS assignment ON assignment.hold_id = hold.id
        GROUP BY hold.id, hold.kind, hold.status
    ), covered AS (
        SELECT rows.*, coalesce(sum(part.given), 0) AS inside, count(part.id) AS parts
        FROM rows LEFT JOIN part ON part.hold_id = rows.id GROUP BY rows.id, rows.kind, rows.status, rows.given
    )
    SELECT 'hold ' || id || ': assigned codes in its ranges', given, inside FROM covered WHERE inside <> given
    UNION ALL
    SELECT 'hold ' || id || ': assignments of a released or reserving hold', 0, given FROM covered
    WHERE given > 0 AND (status = 'released' OR kind = 'reserve')
    UNION ALL SELECT 'hold ' || id || ': ranges of a released hold', 0, parts FROM covered
    WHERE parts > 0 AND status = 'released'
    UNION ALL
    SELECT 'codes ' || first || ' to ' || last || ' of hold ' || hold_id || ': assignments in force',
        last - first + 1, in_force
    FROM part WHERE status = 'assigned' AND NOT is_revoked AND in_force <> last - first + 1
    UNION ALL
    SELECT 'codes ' || first || ' to ' || last || ' of hold ' || hold_id || ', revoked: assignments in force',
        0, in_force
    FROM part WHERE is_revoked AND in_force > 0
"""
"""What is assigned lies in its hold; what a wave or a hand gave has one fan a code, unless it was revoked."""
FANS = """
    WITH hold AS MATERIALIZED (SELECT * FROM codes_hold WHERE campaign_id = ANY (%(campaigns)s::bigint[])), twice AS (
        SELECT assignment.hold_id, assignment.entry_id, count(*) AS codes FROM codes_assignment AS assignment
        WHERE assignment.hold_id IN (SELECT id FROM hold) GROUP BY 1, 2 HAVING count(*) > 1
    ), astray AS (
        SELECT assignment.hold_id, count(*) AS codes FROM codes_assignment AS assignment
        JOIN hold ON hold.id = assignment.hold_id LEFT JOIN codes_pool AS pool ON pool.id = assignment.code_id >> 32
        WHERE pool.market_id IS DISTINCT FROM assignment.market_id OR pool.campaign_id <> hold.campaign_id
            OR pool.code_type <> hold.code_type
        GROUP BY 1
    )
    SELECT 'hold ' || hold_id || ', entry ' || entry_id || ': codes', 1, codes FROM twice
    UNION ALL
    SELECT 'hold ' || hold_id || ': codes of another market, type or campaign', 0, codes FROM astray
"""
"""No fan has two codes of one hold, and none one of another market, type or campaign."""
FORMER = """
    WITH pool AS MATERIALIZED (SELECT * FROM codes_pool WHERE campaign_id = ANY (%(campaigns)s::bigint[])), former AS (
        SELECT code_id FROM codes_formerassignment WHERE code_id >> 32 IN (SELECT id FROM pool)
    )
    SELECT 'code ' || code_id || ', which another replaced: in force', 0, 1 FROM former
    WHERE NOT EXISTS (
        SELECT FROM codes_coderange AS part
        WHERE int8range(part.first, part.last, '[]') @> former.code_id AND part.is_revoked
    )
    UNION ALL
    SELECT 'code ' || code_id || ', which another replaced: assignments', 0, 1 FROM former
    WHERE EXISTS (SELECT FROM codes_assignment AS assignment WHERE assignment.code_id = former.code_id)
"""
"""A code that another replaced is revoked, and nobody's."""
REDEEMED = """
    WITH pool AS MATERIALIZED (SELECT * FROM codes_pool WHERE campaign_id = ANY (%(campaigns)s::bigint[])), counted AS (
        SELECT pool.id, pool.redeemed, used.* FROM pool CROSS JOIN LATERAL (
            SELECT count(*) AS codes, count(*) FILTER (WHERE code.id IS NULL) AS unknown
            FROM codes_redemption AS redemption LEFT JOIN codes_code AS code ON code.id = redemption.code_id
            WHERE redemption.code_id >= pool.id << 32 AND redemption.code_id < (pool.id + 1) << 32
        ) AS used
    )
    SELECT 'pool ' || id || ': redeemed', redeemed, codes FROM counted WHERE codes <> redeemed
    UNION ALL SELECT 'pool ' || id || ': redeemed codes that there are not', 0, unknown FROM counted WHERE unknown > 0
"""
"""What was used is a code, and counted by its pool."""

CHECKS = (ROWS_OF_POOLS, RANGES_OF_POOLS, UPLOADS, ASSIGNMENTS, FANS, FORMER, REDEEMED)
