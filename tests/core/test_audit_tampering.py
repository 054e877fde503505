"""Whoever owns the database may change the audit trail; none of it goes unseen."""

from collections.abc import Iterator
from random import Random

import pytest
from django.db import connection, transaction

from core.audit_chain import COLUMNS
from core.audit_verification import Finding, Verification
from core.models import AuditEvent
from tests.core.test_audit_chain import found, new_chain, seal, sealed, tamper, write

__all__ = ["new_chain"]
pytestmark = pytest.mark.django_db(transaction=True)


def flips(random: Random, event: AuditEvent) -> tuple[str, str]:
    """A statement that spoils one byte of a random column, and the column."""
    column = random.choice([name for name in COLUMNS if name != "id"])
    spoiled = {
        "at": "at + interval '1 microsecond'",
        "campaign_id": "coalesce(campaign_id, 0) # 1",
        "changes": """replace(changes::text, 'old', 'olD')::jsonb""",
        "actor_kind": "'worked'",
    }
    text = f"overlay({column} placing chr(ascii(left({column}, 1)) # 1) from 1 for 1)"
    empty = f"CASE WHEN {column} = '' THEN 'x' ELSE {text} END"
    return f"UPDATE core_auditevent SET {column} = {spoiled.get(column, empty)} WHERE id = %s", column  # noqa: S608


def spoil_and_look(events: list[AuditEvent], times: int) -> list[str]:
    """Spoil so many random events one after the other, each looked for and then mended; give those not found."""
    random = Random(2027)
    unseen = []
    for _ in range(times):
        event = random.choice(events)
        statement, column = flips(random, event)
        # The constraint on kinds of actors would refuse a spoiled one; whoever owns the table owns it too.
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE core_auditevent DISABLE TRIGGER USER")
                cursor.execute("ALTER TABLE core_auditevent DROP CONSTRAINT core_auditevent_actor_known")
                cursor.execute(statement, [event.pk])
            findings = list(PlainVerification().findings())
            if [(finding.kind, finding.event_id) for finding in findings] != [("changed", event.pk)]:
                unseen.append(f"{column} of event {event.pk}: {findings}")
            transaction.set_rollback(True)
    return unseen


class PlainVerification(Verification):
    """A verification inside a test's own transaction, which is rolled back."""

    def findings(self) -> Iterator[Finding]:
        """The same, without a transaction of its own."""
        yield from self._chain([])
        yield from self._told_apart()
        yield from self._unsealed()


def test_one_flipped_byte_in_a_random_event_is_found_and_named() -> None:
    events = sealed(120)

    unseen = spoil_and_look(events, 25)

    assert unseen == []
    assert found() == []


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_one_flipped_byte_in_any_of_a_thousand_random_events_is_found_and_named() -> None:
    events = sealed(2000)

    unseen = spoil_and_look(events, 1000)

    assert unseen == []


@pytest.mark.parametrize(
    "spoiled", ["at = 'infinity'", "at = '20270-01-01'", "changes = ('{\"a\": ' || repeat('9', 5000) || '}')::jsonb"]
)
def test_an_event_that_cannot_even_be_read_is_named(spoiled: str) -> None:
    events = sealed(3)

    tamper(f"UPDATE core_auditevent SET {spoiled} WHERE id = %s", events[1].pk)  # noqa: S608

    assert [(finding.kind, finding.event_id) for finding in found()] == [("changed", events[1].pk)]


def test_two_changed_events_are_each_named_alone() -> None:
    events = sealed(9)

    tamper("UPDATE core_auditevent SET reason = 'none' WHERE id = ANY (%s)", [events[2].pk, events[3].pk])

    assert [(finding.kind, finding.position) for finding in found()] == [("changed", 3), ("changed", 4)]


def test_an_event_deleted_in_the_middle_is_found() -> None:
    events = sealed(9)

    tamper("DELETE FROM core_auditevent WHERE id = %s", events[4].pk)

    assert [(finding.kind, finding.position, finding.event_id) for finding in found()] == [("missing", 5, events[4].pk)]


def test_an_event_deleted_with_its_seal_is_found() -> None:
    events = sealed(9)

    tamper("DELETE FROM core_auditevent WHERE id = %s", events[4].pk)
    tamper("DELETE FROM core_auditseal WHERE position = 5")

    assert [(finding.kind, finding.position) for finding in found()] == [("missing", 5)]


def test_the_last_event_deleted_alone_is_found() -> None:
    events = sealed(9)

    tamper("DELETE FROM core_auditevent WHERE id = %s", events[-1].pk)

    assert [(finding.kind, finding.position) for finding in found()] == [("missing", 9)]


def test_the_last_events_deleted_with_their_seals_are_found_by_the_head_in_storage() -> None:
    events = sealed(9)

    tamper("DELETE FROM core_auditevent WHERE id >= %s", events[7].pk)
    tamper("DELETE FROM core_auditseal WHERE position >= 8")

    assert [(finding.kind, finding.position) for finding in found()] == [("missing", 9)]


def test_a_whole_trail_that_was_emptied_is_found() -> None:
    sealed(3)

    tamper("DELETE FROM core_auditevent")
    tamper("DELETE FROM core_auditseal")

    assert [finding.kind for finding in found()] == ["missing"]


def test_a_chain_that_was_computed_anew_is_found_by_the_heads_in_storage() -> None:
    events = sealed(5)
    write()
    seal()

    tamper("UPDATE core_auditevent SET reason = 'none' WHERE id = %s", events[1].pk)
    tamper("DELETE FROM core_auditseal")
    tamper("INSERT INTO core_auditqueue SELECT id FROM core_auditevent")
    seal()

    assert {(finding.kind, finding.position) for finding in found()} == {("rewritten", 5), ("rewritten", 6)}


@pytest.mark.parametrize(("low", "high"), [(3, 7), (4, 5)])
@pytest.mark.parametrize(
    "swap",
    [
        "UPDATE core_auditseal SET position = CASE position WHEN {high} THEN {low} ELSE {high} END",
        "UPDATE core_auditseal SET event_id = CASE position WHEN {high} THEN (SELECT event_id FROM core_auditseal"
        " WHERE position = {low}) ELSE (SELECT event_id FROM core_auditseal WHERE position = {high}) END",
        "UPDATE core_auditevent SET id = CASE id WHEN {high_id} THEN {low_id} ELSE {high_id} END",
    ],
)
def test_two_swapped_events_are_found_and_both_named(low: int, high: int, swap: str) -> None:
    events = sealed(9)
    ids = {"low_id": events[low - 1].pk, "high_id": events[high - 1].pk}
    table, key = ("core_auditevent", "id") if "low_id" in swap else ("core_auditseal", "position")
    pair = (ids["low_id"], ids["high_id"]) if key == "id" else (low, high)
    unique = {"core_auditevent": "core_auditevent_pkey", "core_auditseal": "core_auditseal_pkey"}[table]

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {unique}")
        cursor.execute("ALTER TABLE core_auditseal DROP CONSTRAINT core_auditseal_event_once")
        cursor.execute(f"{swap.format(low=low, high=high, **ids)} WHERE {key} IN (%s, %s)", pair)
        findings = list(PlainVerification().findings())
        transaction.set_rollback(True)

    assert {finding.kind for finding in findings} == {"reordered"}
    assert {low, high} <= {finding.position for finding in findings}


def test_an_event_put_in_by_hand_is_found() -> None:
    sealed(3)

    tamper(
        "INSERT INTO core_auditevent (id, at, actor_kind, actor_id, actor_label, action, target_type, target_id,"
        " changes, reason, request_id) VALUES (999999, now(), 'staff', '1', 'sue', 'wave.trigger', 'waves.wave', '1',"
        " '{}', '', '')"
    )

    assert [(finding.kind, finding.event_id) for finding in found()] == [("inserted", 999_999)]


def test_an_event_that_disappears_before_it_is_sealed_is_found() -> None:
    sealed(2)
    event = write()

    tamper("DELETE FROM core_auditevent WHERE id = %s", event.pk)
    seal()

    assert [(finding.kind, finding.event_id) for finding in found()] == [("missing", event.pk)]
