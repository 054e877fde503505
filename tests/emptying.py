"""Emptying the tables between tests that commit.

Django truncates every table and then makes its content types and permissions anew, which costs more than most tests.
Here only rows are deleted, where there are any; a table that a test has made large is truncated after all.
"""

from functools import lru_cache

from django.db import connection
from django.test import TransactionTestCase

KEPT = ("django_content_type", "auth_permission", "django_migrations")
"""What migrations and the models themselves have filled; no test changes it."""
LARGE_BYTES = 4 * 2**20


@lru_cache(maxsize=1)
def _question() -> str:
    """The SQL that names each table with rows, and says whether it is large."""
    tables = [name for name in connection.introspection.table_names() if name not in KEPT]
    names = ", ".join(f"('{name}', EXISTS (SELECT FROM {connection.ops.quote_name(name)}))" for name in tables)
    found = f"(VALUES {names}) AS found (name, has_rows)"
    return f"SELECT name, pg_relation_size(name::regclass) > %s FROM {found} WHERE has_rows"  # noqa: S608  Our own names.


def empty_tables() -> None:
    """Delete every row that a test has left."""
    with connection.cursor() as cursor:
        cursor.execute(_question(), [LARGE_BYTES])
        found = cursor.fetchall()
        large = ", ".join(connection.ops.quote_name(name) for name, is_large in found if is_large)
        deletes = [f"DELETE FROM {connection.ops.quote_name(name)}" for name, _ in found]  # noqa: S608
        if large:
            cursor.execute(f"TRUNCATE {large} CASCADE")
        if deletes:
            # Without foreign keys and the triggers that keep the audit trail, so in any order.
            cursor.execute("; ".join(["BEGIN", "SET LOCAL session_replication_role = replica", *deletes, "COMMIT"]))


def install() -> None:
    """Have every test that commits end so."""
    TransactionTestCase._fixture_teardown = lambda _: empty_tables()  # type: ignore[attr-defined]
