"""How many rows there are, without counting millions: exact while they are few, else from the planner's statistics."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, models
from psycopg import sql

EXACT_UP_TO = 10_000


@dataclass(frozen=True)
class Count:
    """A number of rows. An estimate is right to some per cent; ``at_least`` means that even that is not known."""

    number: int
    is_exact: bool = True
    is_at_least: bool = False

    def __str__(self) -> str:
        if self.is_exact:
            return f"{self.number:,}"
        if self.is_at_least:
            return f"more than {self.number:,}"
        return f"about {_rounded(self.number):,}"


def _rounded(number: int) -> int:
    """To three digits: more would pretend to be known."""
    size = 10 ** max(0, len(str(number)) - 3)
    return int(round(number / size) * size)


def counts_by_key(
    model: type[models.Model], column: str, keys: Sequence[int], *, exact_up_to: int = EXACT_UP_TO
) -> dict[int, Count]:
    """How many rows of a table have each key in an indexed column. Two queries at most, whatever the number of keys."""
    if not keys:
        return {}
    capped = _capped(model._meta.db_table, column, keys, exact_up_to)
    large = [key for key, number in capped.items() if number > exact_up_to]
    estimates = _estimates(model._meta.db_table, column) if large else {}
    return {
        key: Count(number)
        if number <= exact_up_to
        else Count(estimates[key], is_exact=False)
        if estimates.get(key, 0) > exact_up_to
        else Count(exact_up_to, is_exact=False, is_at_least=True)
        for key, number in capped.items()
    }


def _capped(table: str, column: str, keys: Sequence[int], most: int) -> dict[int, int]:
    """Count along the index, and stop behind ``most``."""
    statement = sql.SQL(
        "SELECT key, (SELECT count(*) FROM (SELECT FROM {table} WHERE {column} = key LIMIT {most}) AS found)"
        " FROM unnest(%s::bigint[]) AS key"
    ).format(table=sql.Identifier(table), column=sql.Identifier(column), most=sql.Literal(most + 1))
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(keys)])
        return {int(key): int(number) for key, number in cursor.fetchall()}


def _estimates(table: str, column: str) -> dict[int, int]:
    """Rows by key, from the statistics that ANALYZE keeps of the most common values."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT value, (frequency * greatest(relation.reltuples, 0))::bigint
            FROM pg_class AS relation, pg_stats AS statistics,
                 unnest(statistics.most_common_vals::text::bigint[], statistics.most_common_freqs)
                     AS one (value, frequency)
            WHERE relation.oid = %s::regclass AND statistics.tablename = relation.relname
              AND statistics.schemaname = relation.relnamespace::regnamespace::text AND statistics.attname = %s
            """,
            [table, column],
        )
        return {int(value): int(number) for value, number in cursor.fetchall()}
