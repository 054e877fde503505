"""The lines of a file on their way to the database: one COPY into a table of the transaction's own, checked in sets.

``codes_staging`` holds a line's number, its place and its code; ``codes_refused`` the lines that gave none, and why.
Both are gone with the transaction. A file of any size costs this process a batch of lines.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

from django.db import connection
from django.db.backends.utils import CursorWrapper

from codes.files import Batch, CannotRead, Shape, read
from codes.files.cells import EMPTY_LINE
from codes.looking import local_name, looked_at
from codes.models import Upload
from core import storage
from core.bulk import copy_into, copy_out
from core.jobs import Claim, PermanentFailure

MOST_LINES = 20_000_000
SHOWN_REFUSALS = 100
LOOKED_UP_ALONE = 10
"""From so many known codes for each staged one it is quicker to look each one up."""

type PlaceOf = Callable[[tuple[str, ...]], int | str]
"""The number of a line's place, or why it has none; from what it says of type, campaign, market and event."""


@dataclass(frozen=True)
class Source:
    """A file as a worker has it."""

    path: Path
    shape: Shape
    total: int
    """Where ``Batch.done`` ends."""


@contextmanager
def source_of(claim: Claim[Upload]) -> Iterator[Source]:
    """Fetch the file, and recognise it where nobody has looked at it yet. Not within a transaction.

    :raises PermanentFailure: it cannot be read, or not as it was said.
    """
    upload = claim.job
    with storage.working_folder() as folder:
        path = storage.fetch(upload.storage_key, folder / local_name(upload.file_name))
        if "file" not in upload.shape:
            claim.enter("looking")
            try:
                claim.write(shape=looked_at(upload, path))
            except CannotRead as refusal:
                raise PermanentFailure(refusal.message) from refusal
        yield Source(path, Shape.from_json(upload.shape["file"]), upload.shape["total"])


def make_tables() -> None:
    """Make the transaction's two tables."""
    with connection.cursor() as cursor:
        # The sorts and hashes of what follows happen in memory up to some millions of codes.
        cursor.execute("SET LOCAL work_mem = '256MB'")
        cursor.execute(
            """
            CREATE TEMPORARY TABLE codes_staging (line integer, place integer, value text COLLATE "C") ON COMMIT DROP;
            CREATE TEMPORARY TABLE codes_refused (line integer, reason text) ON COMMIT DROP
            """
        )


def stage_codes(claim: Claim[Upload], source: Source, place_of: PlaceOf | None = None) -> int:
    """Copy a file's codes into ``codes_staging`` and its refused lines into ``codes_refused``; give how many lines.

    Without ``place_of`` every line has the place 0, whatever it says beside its code.

    :raises PermanentFailure: the file turned out to be damaged, or has too many lines.
    """
    lines = 0
    kept = source.path.with_name("refused")
    try:
        # A connection copies into one table at a time, so refused lines wait in a file of their own.
        with (
            kept.open("w", encoding="utf-8") as refused,
            closing(cast("Generator[Batch]", read(source.path, source.shape))) as batches,
            copy_into("codes_staging", ["line", "place", "value"]) as copy,
        ):
            for batch in batches:
                copy.write("".join(_placed(batch, refused, place_of)))
                lines += len(batch.rows) + len(batch.refused)
                if lines > MOST_LINES:
                    raise CannotRead(f"The file has more than {MOST_LINES:,} lines: split it into smaller files.")
                claim.progress(lines, total=max(lines, lines * source.total // max(1, batch.done)))
    except CannotRead as refusal:
        raise PermanentFailure(refusal.message) from refusal
    with kept.open("rb") as file, copy_into("codes_refused", ["line", "reason"]) as copy:
        while piece := file.read(2**20):
            copy.write(piece)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE codes_staging")
    return lines


def _placed(batch: Batch, refused: TextIO, place_of: PlaceOf | None) -> list[str]:
    """A batch's rows as COPY takes them. No code has a character that COPY would read otherwise."""
    refused.writelines(f"{line}\t{reason}\n" for line, reason in batch.refused)
    if place_of is None:
        return [f"{row[0]}\t0\t{row[1]}\n" for row in batch.rows]
    rows: list[str] = []
    before: tuple[str, ...] | None = None
    place: int | str = ""
    for row in batch.rows:
        if (said := row[2:]) != before:  # Neighbours mostly say the same.
            place, before = place_of(said), said
        if isinstance(place, int):
            rows.append(f"{row[0]}\t{place}\t{row[1]}\n")
        else:
            refused.write(f"{row[0]}\t{place}\n")
    return rows


def refuse(query: str, parameters: Sequence[Any] = ()) -> int:
    """Take lines out of ``codes_staging``: a query that deletes them returns their number and the reason."""
    with connection.cursor() as cursor:
        statement = f"WITH gone AS ({query}) INSERT INTO codes_refused (line, reason) SELECT * FROM gone"  # noqa: S608
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


@contextmanager
def joined_in_sets(cursor: CursorWrapper, table: str, known: int) -> Iterator[None]:
    """Keep the database from looking up the campaign's codes one by one where there are few for each staged one.

    It does not know how many codes a campaign has, and guessed wrong by a minute for two million beside 16 million.
    """
    cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608  One of our own tables.
    is_in_sets = int(cursor.fetchone()[0]) * LOOKED_UP_ALONE > known
    if is_in_sets:
        cursor.execute("SET LOCAL enable_nestloop = off")
    yield
    if is_in_sets:
        cursor.execute("SET LOCAL enable_nestloop TO DEFAULT")


def refuse_repeated() -> int:
    """Refuse every code that stands in an earlier line too, and say in which."""
    return refuse(
        """
        DELETE FROM codes_staging USING (
            SELECT line, first_value(line) OVER (PARTITION BY value ORDER BY line) AS first FROM codes_staging
        ) AS one WHERE one.line = codes_staging.line AND one.first < one.line
        RETURNING one.line, 'The same code stands in line ' || one.first || '.'
        """
    )


@dataclass(frozen=True)
class Refusals:
    """The lines of a file that gave no code."""

    count: int
    with_words: int
    """How many of them held something. An empty line at a file's end is told, and refuses nothing else."""
    shown: list[dict[str, object]]
    key: str
    """Where the file of all of them is stored; empty where there is none."""


def store_refusals(key: str) -> Refusals:
    """Put the refused lines into storage, in their order."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(*) FILTER (WHERE reason <> %s) FROM codes_refused", [EMPTY_LINE])
        count, with_words = map(int, cursor.fetchone())
        cursor.execute("SELECT line, reason FROM codes_refused ORDER BY line LIMIT %s", [SHOWN_REFUSALS])
        shown: list[dict[str, object]] = [{"line": line, "reason": reason} for line, reason in cursor.fetchall()]
    if not count:
        return Refusals(0, 0, [], "")
    with storage.working_folder() as folder:
        path = folder / "refused.csv"
        with path.open("wb") as file:
            for piece in copy_out(
                "SELECT line, reason FROM codes_refused ORDER BY line", [], options="FORMAT csv, HEADER"
            ):
                file.write(piece)
        with path.open("rb") as stored:
            storage.put_file(key, stored, content_type="text/csv")
    return Refusals(count, with_words, shown, key)
