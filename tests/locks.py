"""Seeing from outside that somebody waits for a lock."""

from time import sleep

from django.db import connection


def wait_for_a_waiting_one() -> None:
    """Wait until another connection waits for a lock."""
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        sleep(0.05)
    raise AssertionError("Nobody came to wait for a lock.")
