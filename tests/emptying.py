"""Emptying the tables between tests that commit.

Django truncates every table and then makes its content types and permissions anew, which costs more than most tests.
Here only rows are deleted, where there are any. A table that has grown, or whose rows the database has counted since,
is truncated after all, so that statements are planned as on new tables whatever ran before.
"""

from functools import lru_cache

from django.db import connection
from django.test import TransactionTestCase

KEPT = ("django_content_type", "auth_permission", "django_migrations")
"""What migrations and the models themselves have filled; no test changes it."""
LARGE_BYTES = 10 * 8192
"""A table without statistics is planned as if it had ten pages, if it has not more."""


@lru_cache(maxsize=1)
def _question() -> str:
    """The SQL that names each table that is not as new, and says whether deleting its rows makes it so."""
    tables = [name for name in connection.introspection.table_names() if name not in KEPT]
    names = ", ".join(f"('{name}', EXISTS (SELECT FROM {connection.ops.quote_name(name)}))" for name in tables)
    found = f"(VALUES {names}) AS found (name, has_rows) JOIN pg_class ON pg_class.oid = name::regclass"
    is_small = "reltuples < 0 AND pg_relation_size(pg_class.oid) <= %s"
    return f"SELECT name, {is_small} FROM {found} WHERE has_rows OR reltuples >= 0"  # noqa: S608  Our own names.


def empty_tables() -> None:
    """Delete every row that a test has left."""
    with connection.cursor() as cursor:
        cursor.execute(_question(), [LARGE_BYTES])
        found = cursor.fetchall()
        large = [connection.ops.quote_name(name) for name, is_small in found if not is_small]
        deletes = [f"DELETE FROM {connection.ops.quote_name(name)}" for name, is_small in found if is_small]  # noqa: S608
        if large:
            cursor.execute(f"TRUNCATE {', '.join(large)} CASCADE")
        if deletes:
            # Without foreign keys and the triggers that keep the audit trail, so in any order.
            cursor.execute("; ".join(["BEGIN", "SET LOCAL session_replication_role = replica", *deletes, "COMMIT"]))


def install() -> None:
    """Have every test that commits end so. Django has no public place for it."""
    TransactionTestCase._fixture_teardown = lambda _: empty_tables()  # type: ignore[attr-defined]
