"""Seeing from outside that somebody waits for a lock."""

from django.db import connection


def is_waited_for() -> bool:
    """Whether some process of the test's database waits for a lock of another one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # A transaction sees the same activity all along otherwise.
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0)"
        )
        return bool(cursor.fetchone()[0])
