"""The audit trail's chain: many writers, one order, and nothing that was sealed changes unseen."""

import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from pytest_django import Settings

from campaigns.models import Locale
from core import audit, audit_heads, audit_sealing, storage
from core.audit_chain import COLUMNS, GENESIS, canonical, next_hash
from core.audit_verification import Finding, Verification
from core.locks import Space, try_exclusive
from core.models import AuditEvent, AuditQueue, AuditSeal
from viewers.viewer import WORKER

pytestmark = pytest.mark.django_db(transaction=True)
WRITERS = 32
EACH = 20


@pytest.fixture(autouse=True)
def new_chain(transactional_db: None) -> None:
    """Storage without the seals of other tests, whose tables are gone."""
    for head in audit_heads.kept():
        storage.client().delete_object(Bucket=django_settings.AWS_STORAGE_BUCKET_NAME, Key=head.key)
    audit_sealing._memory.kept = None


def write(number: int = 0, **values: Any) -> AuditEvent:
    """One event."""
    fields: dict[str, Any] = {
        "actor": WORKER,
        "action": "test.write",
        "target": Locale(code=f"t{number}"),
        "campaign_id": number % 7 or None,
        "changes": {"größe": [number, {"b": 1.5, "a": None}], "state": ["old", "new"]},
        "reason": f"reason {number}",
        "now": timezone.now(),
    }
    return audit.record(**{**fields, **values})


def seal() -> int:
    """What the tick does."""
    return audit_sealing.seal_new(timezone.now())


def sealed(count: int) -> list[AuditEvent]:
    """So many events, sealed."""
    events = [write(number) for number in range(count)]
    seal()
    return events


def found() -> list[Finding]:
    """What a verification finds."""
    return list(Verification().findings())


def tamper(statement: str, *values: Any) -> None:
    """What somebody does who owns the database."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, list(values))


def in_thread(work: Callable[[], None]) -> threading.Thread:
    """Start some work on a connection of its own."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


# Writing and sealing


def test_the_chain_is_what_its_format_says() -> None:
    first, second = sealed(2)

    seals = list(AuditSeal.objects.order_by("position"))
    rows = list(AuditEvent.objects.order_by("pk").values_list(*COLUMNS))
    (pk, at, *start), end = rows[0][:-3], rows[0][-2:]
    changes = '{"state": ["old", "new"], "größe": [0, {"a": null, "b": 1.5}]}'
    text = canonical([pk, f"{at:%Y-%m-%dT%H:%M:%S.%f}+00:00", *start, changes, *end])
    assert text.startswith(
        b'{"action":"test.write","actor_id":"","actor_kind":"worker","actor_label":"a worker","at":"'
    )
    assert '"changes":{"größe":[0,{"a":null,"b":1.5}],"state":["old","new"]},"format":"monoql-audit-1"'.encode() in text
    assert [(row.position, row.event_id) for row in seals] == [(1, first.pk), (2, second.pk)]
    assert bytes(seals[0].hash) == next_hash(GENESIS, text)


def test_thirty_two_writers_at_once_leave_one_whole_chain() -> None:
    barrier = threading.Barrier(WRITERS)

    def write_some(writer: int) -> None:
        barrier.wait()
        for number in range(EACH):
            write(writer * EACH + number)
        connection.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write_some, range(WRITERS)))
    count = seal()

    assert count == WRITERS * EACH
    assert found() == []
    assert set(AuditSeal.objects.values_list("event_id", flat=True)) == set(
        AuditEvent.objects.values_list("pk", flat=True)
    )


def test_a_writer_in_a_long_transaction_holds_up_nobody_and_is_sealed_late() -> None:
    has_written, may_commit = threading.Event(), threading.Event()
    late: list[int] = []

    def write_slowly() -> None:
        with transaction.atomic():
            late.append(write(1).pk)
            has_written.set()
            may_commit.wait(30)

    thread = in_thread(write_slowly)
    assert has_written.wait(30)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '1s'")
    others = [write(number).pk for number in range(10)]
    first_count = seal()
    may_commit.set()
    thread.join()
    second_count = seal()
    with connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout")

    assert (first_count, second_count) == (10, 1)
    assert min(others) > late[0]
    assert AuditSeal.objects.get(position=11).event_id == late[0]
    assert found() == []


def test_events_wait_while_somebody_else_seals_and_nobody_waits_for_them() -> None:
    write()
    with transaction.atomic():
        has_the_lock = try_exclusive(Space.AUDIT, 0)
        counts: list[int] = []
        in_thread(lambda: counts.append(seal())).join(10)

    assert has_the_lock
    assert counts == [0]
    assert seal() == 1


def test_two_ticks_at_once_seal_each_event_once() -> None:
    for number in range(300):
        write(number)
    counts: list[int] = []
    barrier = threading.Barrier(2)

    def seal_in_small_batches() -> None:
        barrier.wait()
        counts.extend(audit_sealing.seal_batch(10) for _ in range(60))

    threads = [in_thread(seal_in_small_batches) for _ in range(2)]
    for thread in threads:
        thread.join()
    seal()

    assert AuditSeal.objects.count() == 300
    assert AuditQueue.objects.count() == 0
    assert found() == []


def test_what_is_rolled_back_leaves_no_event_and_nothing_to_seal() -> None:
    try:
        with transaction.atomic():
            write()
            raise RuntimeError
    except RuntimeError:
        pass

    assert seal() == 0
    assert not AuditQueue.objects.exists()


def test_a_machine_is_recorded_with_whom_it_acts_for() -> None:
    machine = audit.SystemActor(kind="machine", id="7", label="box office", on_behalf_of="staff 12 sue")

    event = write(actor=machine)
    event.refresh_from_db()

    assert (event.actor_kind, event.actor_label, event.on_behalf_of) == ("machine", "box office", "staff 12 sue")


# Heads outside the database


def test_the_last_seal_is_kept_in_storage_once() -> None:
    sealed(3)
    seal()
    audit_sealing._memory.kept = None
    seal()
    write()
    seal()

    heads = list(audit_heads.kept())
    last = AuditSeal.objects.get(position=4)
    assert [head.position for head in heads] == [3, 4]
    assert heads[-1].hash == bytes(last.hash)
    body = storage.get(heads[-1].key)
    assert str(last.event_id).encode() in body


def test_while_storage_is_away_sealing_goes_on_and_the_head_is_kept_later(settings: Settings) -> None:
    endpoint = settings.AWS_S3_ENDPOINT_URL
    settings.AWS_S3_ENDPOINT_URL = "http://127.0.0.1:9"

    sealed(2)
    settings.AWS_S3_ENDPOINT_URL = endpoint
    before = list(audit_heads.kept())
    seal()

    assert AuditSeal.objects.count() == 2
    assert before == []
    assert [head.position for head in audit_heads.kept()] == [2]


# Append-only


@pytest.mark.parametrize("table", ["core_auditevent", "core_auditseal"])
@pytest.mark.parametrize("deed", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_database_refuses_to_change_what_was_written(table: str, deed: str) -> None:
    sealed(1)
    column = "action" if table == "core_auditevent" else "event_id"
    statement = deed.format(table, column, column)

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_never_emptied")
        with pytest.raises(DatabaseError, match="never changed"):
            cursor.execute(statement)
        transaction.set_rollback(True)

    assert AuditEvent.objects.count() == AuditSeal.objects.count() == 1


# The command


def test_the_command_says_what_it_verified_and_how_much_is_not_sealed_yet() -> None:
    sealed(3)
    write()
    out = io.StringIO()

    call_command("verify_audit", stdout=out)

    assert "3 events are sealed; 1 wait for the next tick." in out.getvalue()
    assert "the last one of position 3" in out.getvalue()
    assert out.getvalue().endswith("OK: the audit trail is what was sealed.\n")


def test_the_command_says_in_plain_words_where_the_trail_deviates_and_fails() -> None:
    events = sealed(3)
    tamper("UPDATE core_auditevent SET reason = 'none' WHERE id = %s", events[1].pk)
    errors = io.StringIO()

    with pytest.raises(CommandError, match="deviates in 1 places"):
        call_command("verify_audit", stdout=io.StringIO(), stderr=errors)

    assert f"changed: Position 2: event {events[1].pk} (" in errors.getvalue()
    assert "test.write) is not what was sealed here." in errors.getvalue()


def test_the_command_refuses_to_vouch_for_a_trail_whose_kept_seals_it_cannot_read(settings: Settings) -> None:
    sealed(1)
    settings.AWS_S3_ENDPOINT_URL = "http://127.0.0.1:9"

    with pytest.raises(CommandError, match="Object storage does not answer"):
        call_command("verify_audit", stdout=io.StringIO(), stderr=io.StringIO())
