"""Known points within a wave's work, where a lock of the test's own has it stand still, to be killed or stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction


@dataclass(frozen=True)
class Point:
    """Where work stands still: at the first statement on this table that has to wait for this lock."""

    table: str
    lock: str
    before: str = ""
    """What stands before the table's name in such a statement, where others on the table wait too."""

    def __str__(self) -> str:
        return f"{self.before or 'first statement on'} {self.table}"


def rows_into(table: str, before: str = "") -> Point:
    """At the first row that is written into a table, or changed in it."""
    return Point(table, f"LOCK TABLE {table} IN SHARE MODE", before)


def rows_out_of(table: str) -> Point:
    """At the first reading of a table."""
    return Point(table, f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")


@contextmanager
def standing_still(point: Point) -> Iterator[None]:
    """Hold the lock for as long as the block runs."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(point.lock)
        yield


def is_reached(point: Point) -> bool:
    """Whether somebody waits for this test at the point."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # A transaction sees the same activity all along otherwise.
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"
            " AND query ~ %s)",
            [f'{point.before} "?{point.table}' if point.before else point.table],
        )
        return bool(cursor.fetchone()[0])
