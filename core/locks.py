"""Advisory locks, always bound to the transaction: session locks do not survive a connection pooler."""

from enum import IntEnum

from django.db import connection


class Space(IntEnum):
    """The first key of an advisory lock: what is locked of the campaign that the second key numbers."""

    REGISTRATION = 1
    CODES = 2
    AUDIT = 3
    """The chain of seals; there is one for all campaigns, and its number is 0."""


def lock_shared(space: Space, number: int) -> None:
    """Take the lock together with others, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [int(space), number])


def lock_exclusive(space: Space, number: int) -> None:
    """Take the lock alone, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [int(space), number])


def try_exclusive(space: Space, number: int) -> bool:
    """Take the lock alone until the transaction ends, or tell at once that somebody has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [int(space), number])
        return bool(cursor.fetchone()[0])
