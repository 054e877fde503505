"""COPY, in and out, on Django's own connection."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import batched
from typing import Any

import psycopg
from django.db import connection
from psycopg import sql

BINARY_HEADER_BYTES = 19
"""A signature of eleven bytes, flags, and the length of an extension that there is none of."""
BINARY_TRAILER = b"\xff\xff"


def copy_in(table: str, columns: list[str], rows: Iterable[tuple[Any, ...]]) -> int:
    """COPY rows into a table within the present transaction and return how many."""
    count = 0
    with copy_into(table, columns) as copy:
        for count, row in enumerate(rows, start=1):  # noqa: B007  The last value is the answer.
            copy.write_row(row)
    return count


@contextmanager
def copy_into(table: str, columns: list[str], *, binary: bool = False) -> Iterator[psycopg.Copy]:
    """Open a COPY … FROM STDIN, in text format for rows, or in binary for bytes that are already in it."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN {}").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL("(FORMAT binary)" if binary else ""),
    )
    with connection.cursor() as cursor, cursor.cursor.copy(statement) as copy:
        yield copy


def copy_out(query: str, parameters: list[Any], *, options: str = "") -> Iterator[memoryview | bytes]:
    """Give a query's rows as COPY sends them, one a piece and newline included; ``options`` choose another format."""
    connection.ensure_connection()
    statement = sql.SQL("COPY ({}) TO STDOUT {}").format(
        sql.SQL(query),
        sql.SQL(f"({options})" if options else ""),
    )
    with connection.cursor() as cursor:
        bound = psycopg.ClientCursor(cursor.connection).mogrify(statement, parameters)
        with cursor.cursor.copy(bound) as copy:
            yield from copy


def copy_out_binary(query: str, parameters: list[Any], *, rows_a_piece: int) -> Iterator[list[memoryview | bytes]]:
    """Give a query's rows in COPY's binary format, some thousand at a time, without what stands before the first and
    behind the last.
    """
    is_first = True
    for batch in batched(copy_out(query, parameters, options="FORMAT binary"), rows_a_piece):
        rows = list(batch)
        if is_first:  # The header comes with the first row, or with the trailer where there is none.
            rows[0], is_first = bytes(rows[0])[BINARY_HEADER_BYTES:], False
        if rows[-1] == BINARY_TRAILER:
            rows.pop()
        yield rows
