"""Lists over big tables: few queries, none of which reads or counts a whole table. The plans are looked at."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import Campaign
from codes.models import Code
from core.models import AuditEvent
from entries.models import Entry
from tests import scenario
from tests.admin.conftest import Desk

pytestmark = pytest.mark.django_db(transaction=True)
MOST_QUERIES = 13
BIG = {Entry._meta.db_table, Code._meta.db_table, AuditEvent._meta.db_table, "entries_score", "codes_assignment"}
LISTS = {
    "entries": "entries_entry_changelist?campaign={pk}",
    "entries of a state": "entries_entry_changelist?campaign={pk}&state=confirmed",
    "an entry by its address": "entries_entry_changelist?campaign={pk}&q=fan7@example.com",
    "codes": "codes_code_changelist?campaign={pk}",
    "codes of a state": "codes_code_changelist?campaign={pk}&state=available",
    "codes of a state that none is in": "codes_code_changelist?campaign={pk}&state=revoked",
    "history": "core_auditevent_changelist?campaign_id={pk}",
    "everybody's history": "core_auditevent_changelist?",
    "the tenth page of entries": "entries_entry_changelist?campaign={pk}&p=10",
}


def fill(rows: int) -> Campaign:
    """The tour with so many entries, codes and audit events, and half as many of another campaign."""
    tour = scenario.open_tour()
    scenario.many_fans(tour, rows)
    scenario.upload_codes(tour, "CA-LAX", rows)
    other = scenario.open_tour(domain="elsewhere")
    scenario.many_fans(other, rows // 2, seed=2)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_auditevent (at, actor_kind, actor_id, actor_label, on_behalf_of, action, campaign_id,"
            " target_type, target_id, changes, reason, request_id)"
            " SELECT now(), 'staff', '1', 'sue', '', 'market.update', %s, 'campaigns.market', number, '{}', '', ''"
            " FROM generate_series(1, %s) AS number",
            [tour.pk, rows],
        )
        for table in BIG:
            cursor.execute(f"ANALYZE {table}")
    return tour


def scans(plan: dict[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Every read of a table in a plan: how, which, and of how many rows."""
    if "Relation Name" in plan:
        yield plan["Node Type"], plan["Relation Name"], plan["Actual Rows"] * plan["Actual Loops"]
    for part in plan.get("Plans", []):
        yield from scans(part)


def whole_reads(sql: str) -> list[str]:
    """The big tables of which a statement touches more rows than a list may count."""
    if not sql.lstrip().upper().startswith("SELECT"):
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
        (answer,) = cursor.fetchone()
    plan = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
    return [
        f"{how} of {table}, {count:.0f} rows: {sql[:200]}"
        for how, table, count in scans(plan)
        if table in BIG and count > 10_001
    ]


@pytest.mark.parametrize("rows", [40_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_lists_over_big_tables_ask_little_and_read_no_table_whole(desk: Desk, rows: int) -> None:
    tour = fill(rows)
    wrong = {}

    for name, address in LISTS.items():
        page, _mark, query = address.partition("?")
        url = f"{reverse(f'admin:{page}')}?{query.format(pk=tour.pk)}"
        desk.get(url)
        with CaptureQueriesContext(connection) as queries:
            answer = desk.get(url)
        asked = [entry["sql"] for entry in queries.captured_queries if entry["sql"].startswith("SELECT")]
        problems = [problem for sql in asked for problem in whole_reads(sql)]
        assert answer.status_code == 200, name
        if len(asked) > MOST_QUERIES:
            problems.append(f"{len(asked)} queries: " + "\n".join(sql[:110] for sql in asked))
        if problems:
            wrong[name] = problems

    assert wrong == {}, "\n\n".join(f"{name}:\n" + "\n".join(problems) for name, problems in wrong.items())
