"""The assignments and messages of a wave against its rules, its draw's row and its hold: a statement each.

Each gives what deviates, what it should be and what it is. Whatever the size, a statement is a scan or two.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.db import connection

from core.models import Job
from waves.models import Draw, MarketOutcome, Wave
from waves.rules import Rules
from waves.verification.statuses import Record

ORPHANS = """
    WITH mine AS (SELECT * FROM codes_assignment WHERE hold_id = %(hold)s), gone AS (
        SELECT count(*) FILTER (WHERE entry.id IS NULL) AS entries, count(*) FILTER (WHERE code.id IS NULL) AS codes,
            count(*) FILTER (WHERE market.id IS NULL) AS markets,
            count(*) FILTER (WHERE event.id IS NULL AND mine.event_id IS NOT NULL) AS events
        FROM mine LEFT JOIN entries_entry AS entry ON entry.id = mine.entry_id AND entry.campaign_id = %(campaign)s
        LEFT JOIN codes_code AS code ON code.id = mine.code_id AND code.campaign_id = %(campaign)s
        LEFT JOIN campaigns_market AS market ON market.id = mine.market_id AND market.campaign_id = %(campaign)s
        LEFT JOIN campaigns_event AS event ON event.id = mine.event_id AND event.market_id = mine.market_id
    )
    SELECT 'assignments of an entry that is not there', 0, entries FROM gone
    UNION ALL SELECT 'assignments of a code that is not there', 0, codes FROM gone
    UNION ALL SELECT 'assignments of a market that is not there', 0, markets FROM gone
    UNION ALL SELECT 'assignments of an event that is not there', 0, events FROM gone
"""
"""The anti-joins that stand in for foreign keys: a COPY of millions is ten times as fast without them."""
CODES = """
    WITH mine AS MATERIALIZED (SELECT * FROM codes_assignment WHERE hold_id = %(hold)s), inside AS (
        SELECT part.is_revoked, part.last - part.first + 1 AS codes, counted.*
        FROM codes_coderange AS part CROSS JOIN LATERAL (
            SELECT count(*) AS given, count(*) FILTER (WHERE voided = '') AS in_force FROM codes_assignment
            WHERE code_id BETWEEN part.first AND part.last AND hold_id = part.hold_id
        ) AS counted WHERE part.hold_id = %(hold)s
    ), astray AS (
        SELECT count(*) AS codes FROM mine JOIN codes_hold AS hold ON hold.id = mine.hold_id
        LEFT JOIN codes_pool AS pool ON pool.id = mine.code_id >> 32
        WHERE pool.market_id IS DISTINCT FROM mine.market_id OR pool.event_id <> mine.event_id
            OR pool.code_type <> hold.code_type
    )
    SELECT 'assigned codes in the ranges of its hold', (SELECT count(*) FROM mine), coalesce(sum(given), 0) FROM inside
    UNION ALL SELECT 'codes of another pool than the place''s', 0, codes FROM astray
    UNION ALL SELECT 'codes in force that are revoked', 0, coalesce(sum(in_force), 0) FROM inside WHERE is_revoked
    UNION ALL SELECT 'voided codes that are not revoked', 0, coalesce(sum(given - in_force), 0) FROM inside
    WHERE NOT is_revoked
    UNION ALL SELECT 'codes that its hold keeps, and nobody has', 0, coalesce(sum(codes - given), 0) FROM inside
    WHERE NOT is_revoked AND %(is_drawn)s
"""
"""What a wave gives lies in its hold, is of the place's pool, and is revoked exactly where the place is void."""
CHOSEN_BEFORE = """
    SELECT 'places of fans whom an earlier wave had chosen', 0, count(*)
    FROM codes_assignment AS mine JOIN codes_assignment AS earlier USING (entry_id)
    JOIN waves_waveprep AS prep ON prep.hold_id = earlier.hold_id JOIN waves_draw AS draw ON draw.wave_id = prep.wave_id
    JOIN waves_wave AS wave ON wave.id = prep.wave_id
    WHERE mine.hold_id = %(hold)s AND earlier.hold_id <> %(hold)s AND earlier.voided = ''
      AND draw.number < %(number)s AND wave.triggered_at IS NOT NULL
"""
MESSAGES = """
    WITH mine AS MATERIALIZED (SELECT * FROM codes_assignment WHERE hold_id = %(hold)s),
    mail AS MATERIALIZED (SELECT * FROM entries_message WHERE wave_id = %(wave)s)
    SELECT 'mails with a code to fans without a place', 0, count(*)
    FROM mail LEFT JOIN mine ON mine.entry_id = mail.entry_id AND mine.voided IN ('', 'taken_back')
    WHERE mail.kind = 'selected' AND mine.code_id IS NULL
    UNION ALL SELECT 'mails of no luck to fans with a place', 0, count(*)
    FROM mail JOIN mine USING (entry_id) WHERE mail.kind = 'not_selected'
    UNION ALL SELECT 'mails to entries of another campaign', 0, count(*)
    FROM mail LEFT JOIN entries_entry AS entry ON entry.id = mail.entry_id AND entry.campaign_id = %(campaign)s
    WHERE entry.id IS NULL
    UNION ALL SELECT 'places without a mail', 0, count(*)
    FROM mine JOIN entries_entry AS entry ON entry.id = mine.entry_id AND entry.left_at IS NULL
    LEFT JOIN mail ON mail.entry_id = mine.entry_id AND mail.kind = 'selected'
    WHERE %(is_notified)s AND mine.voided = '' AND mail.id IS NULL
    UNION ALL SELECT 'mails left unsent', 0, count(*) FROM mail
    WHERE %(is_notified)s AND mail.status IN ('queued', 'sending')
    UNION ALL SELECT 'mails before the wave''s completion', 0, count(*) FROM mail WHERE NOT %(is_completed)s
"""
"""One mail for each place that is not void, once all are sent; none for anybody else, and none too early."""
PLACES = """
    SELECT coalesce(market.code, ''), coalesce(event.code, ''), mine.choice, count(*), min(mine.position),
        max(mine.position)
    FROM codes_assignment AS mine LEFT JOIN campaigns_market AS market ON market.id = mine.market_id
    LEFT JOIN campaigns_event AS event ON event.id = mine.event_id WHERE mine.hold_id = %s GROUP BY 1, 2, 3
"""


def deviations(record: Record) -> Iterator[str]:
    """Each deviation among the rows of a wave."""
    if record.hold is not None:
        for check in (ORPHANS, CODES, MESSAGES):
            yield from _deviating(check, record)
    if record.draw is None:
        return
    rules = Rules.from_json(bytes(record.draw.rules))
    if record.hold is not None and not rules.reassign:
        yield from _deviating(CHOSEN_BEFORE, record)
    yield from _of_places(record, record.draw, rules)


def _deviating(check: str, record: Record) -> Iterator[str]:
    notification = record.notification
    parameters: dict[str, Any] = {
        "hold": record.hold.pk if record.hold is not None else 0,
        "campaign": record.wave.campaign_id,
        "wave": record.wave.pk,
        "number": record.draw.number if record.draw is not None else 0,
        "is_drawn": record.is_drawn,
        "is_completed": record.wave.status == Wave.Status.COMPLETED,
        "is_notified": notification is not None and notification.status == Job.Status.FINISHED,
    }
    for what, expected, found in _table(check, parameters):
        if expected != found:
            yield f"{what}: {found:,} instead of {expected:,}"


def _table(query: str, parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


def _of_places(record: Record, draw: Draw, rules: Rules) -> Iterator[str]:
    """Counts of the assignments by market, event and choice, against the rules, the draw and its outcomes."""
    is_given = record.hold is not None and record.wave.status != Wave.Status.FAILED
    table = _table(PLACES, [record.hold.pk]) if is_given and record.hold is not None else []
    markets: Counter[str] = Counter()
    events: Counter[tuple[str, str]] = Counter()
    choices: Counter[int] = Counter()
    last: dict[str, int] = {}
    for market, event, choice, count, first, position in table:
        markets[market] += count
        events[market, event] += count
        choices[choice] += count
        last[market] = max(last.get(market, 0), position)
        if first < 1:
            yield f"market {market}: a position before the first"
    for market, count in markets.items():
        if last[market] != count:
            yield f"market {market}: {count:,} places have positions up to {last[market]:,}"
    yield from _over_the_rules(markets, events, rules)
    if record.wave.status != Wave.Status.FAILED:
        yield from _of_the_row(draw, sum(markets.values()), choices)
    yield from _of_outcomes(draw, markets if record.wave.status != Wave.Status.FAILED else None, rules)


def _over_the_rules(markets: Counter[str], events: Counter[tuple[str, str]], rules: Rules) -> Iterator[str]:
    for market, count in markets.items():
        places = rules.markets[market].places if market in rules.markets else 0
        if count > places:
            yield f"market {market}: {count:,} placed, and {places:,} places"
    for (market, event), count in events.items():
        listed = rules.markets[market].events if market in rules.markets else ()
        places = {one.event: one.places for one in listed}.get(event, 0)
        if (listed or event) and count > places:
            yield f"market {market}, event {event or 'none'}: {count:,} placed, and {places:,} places"


def _of_the_row(draw: Draw, placed: int, choices: Counter[int]) -> Iterator[str]:
    if (draw.placed or 0) != placed:
        yield f"assignments: {placed:,} instead of {draw.placed or 0:,}"
    by_choice = [choices[choice] for choice in range(1, len(draw.placed_by_choice) + 1)]
    if by_choice != draw.placed_by_choice or sum(by_choice) != placed:
        yield f"placed by choice: {dict(sorted(choices.items()))} instead of {draw.placed_by_choice}"


def _of_outcomes(draw: Draw, markets: Counter[str] | None, rules: Rules) -> Iterator[str]:
    """The outcomes name each market of the rules once the draw has placed, with its places and its count."""
    outcomes = {row.market.code: row for row in MarketOutcome.objects.filter(draw=draw).select_related("market")}
    wanted = set(rules.markets) if draw.allocation_sha256 else set()
    if set(outcomes) != wanted:
        yield f"outcomes: of {len(outcomes):,} markets instead of {len(wanted):,}"
    for code in sorted(set(outcomes) & wanted):
        outcome, places = outcomes[code], rules.markets[code].places
        if outcome.places != places:
            yield f"market {code}: its outcome tells of {outcome.places:,} places, the rules of {places:,}"
        if markets is not None and outcome.placed != markets[code]:
            yield f"market {code}: its outcome tells of {outcome.placed:,} placed, and {markets[code]:,} are"
