"""A fan club's member list: read from a file line by line, copied into a table of its own, and merged as one set."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from django.db import connection, transaction

from campaigns.models import Artist, Member
from core import audit
from core.bulk import copy_into
from core.normal_forms import BadIdentifier, check_deliverable, normalize_email, normalize_number
from core.refusal import Refusal
from viewers.permissions import Action, require
from viewers.viewer import Viewer

MOST_BYTES = 32 * 2**20
MOST_LETTERS = 64
SHOWN_REFUSALS = 100
NUMBER_HEADERS = ("number", "member number", "membership number", "member", "member id", "memberid", "id", "no")
EMAIL_HEADERS = ("email", "e-mail", "mail", "email address", "e-mail address")
Row = tuple[int, str, str]


class CannotImportMembers(Refusal):
    """The member list stays as it is."""

    code = "cannot_import_members"
    status = 400


@dataclass
class Outcome:
    """What became of a file's lines. Refused ones are told by their line: their text is personal."""

    added: int = 0
    changed: int = 0
    there: int = 0
    removed: int = 0
    refused: int = 0
    shown: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, line: int, reason: str) -> None:
        """Note a line that is not taken."""
        self.refused += 1
        if len(self.shown) < SHOWN_REFUSALS:
            self.shown.append((line, reason))

    @property
    def counts(self) -> dict[str, int]:
        """The numbers, which name nobody."""
        names = ("added", "changed", "there", "removed", "refused")
        return {name: getattr(self, name) for name in names}


def import_members(
    *, artist: Artist, file: BinaryIO, size: int, is_whole_list: bool, actor: Viewer, now: datetime
) -> Outcome:
    """Take members from a CSV file. As the whole list, it also removes the members whom it does not name.

    :raises NotAllowed: the actor may not edit the catalogue.
    :raises CannotImportMembers: the file is too large or no CSV file, or not one of its lines is a member.
    """
    require(actor, Action.EDIT_CATALOGUE, None)
    if size > MOST_BYTES:
        raise CannotImportMembers(f"The file is larger than {MOST_BYTES >> 20} MiB. Split it.", field="file")
    outcome = Outcome()
    with transaction.atomic():
        Artist.objects.select_for_update(no_key=True).get(pk=artist.pk)  # Imports into one list take turns.
        _stage(file, outcome)
        _refuse_repeated(outcome)
        if not _count_staged():
            raise CannotImportMembers(_nothing_in(outcome), field="file")
        if is_whole_list:
            outcome.removed = _remove_others(artist.pk)
        _merge(artist.pk, outcome)
        _record(artist, "import", outcome.counts, actor, now)
    outcome.shown.sort()
    return outcome


def remove_members(*, artist: Artist, actor: Viewer, now: datetime) -> int:
    """Forget the whole list, and say how many members it had.

    :raises NotAllowed: the actor may not edit the catalogue.
    """
    require(actor, Action.EDIT_CATALOGUE, None)
    with transaction.atomic():
        # One statement: no row is loaded.
        removed = Member.objects.filter(artist=artist)._raw_delete(using=connection.alias)
        _record(artist, "remove", {"removed": removed}, actor, now)
    return int(removed)


def _record(artist: Artist, verb: str, counts: dict[str, int], actor: Viewer, now: datetime) -> None:
    changes = {name: [None, number] for name, number in counts.items()}
    audit.record(actor=actor, action=f"members.{verb}", target=artist, changes=changes, now=now)


def _nothing_in(outcome: Outcome) -> str:
    if not outcome.shown:
        return "The file has no members."
    line, reason = outcome.shown[0]
    return f"Not one line of the file is a member. Line {line}: {reason}"


def _stage(file: BinaryIO, outcome: Outcome) -> None:
    """Copy every line that names a member into the transaction's own table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE members_staging"
            ' (line integer, number text COLLATE "C", email text COLLATE "C") ON COMMIT DROP'
        )
    with copy_into("members_staging", ["line", "number", "email"]) as copy:
        for row in members_of(file, outcome):
            copy.write_row(row)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE members_staging")


def members_of(file: BinaryIO, outcome: Outcome) -> Iterator[Row]:
    """The members of a CSV file with their lines, in normal form; what is none goes to the refused.

    :raises CannotImportMembers: the file is not in UTF-8, or no CSV file.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    places, before = (0, 1), 0
    try:
        first = text.readline(4096)
        delimiter = max(",;\t", key=first.count)
        header = _places_of(next(csv.reader([first], delimiter=delimiter), []))
        if header is not None:
            places, before = header, 1
        else:
            text.seek(0)
        lines = csv.reader(text, delimiter=delimiter, strict=True)
        start = before + 1
        for cells in lines:
            if any(cell.strip() for cell in cells) and (member := _member(start, cells, places, outcome)) is not None:
                yield member
            start = before + lines.line_num + 1
    except UnicodeDecodeError as error:
        raise CannotImportMembers("The file is not in UTF-8: save it as “CSV UTF-8”.", field="file") from error
    except csv.Error as error:
        raise CannotImportMembers(f"The file is no CSV file that can be read: {error}.", field="file") from error
    finally:
        text.detach()


def _places_of(cells: list[str]) -> tuple[int, int] | None:
    """Where number and address stand, if the first line says so."""
    names = [cell.strip().lower().replace("_", " ") for cell in cells]
    numbers = [place for place, name in enumerate(names) if name in NUMBER_HEADERS]
    emails = [place for place, name in enumerate(names) if name in EMAIL_HEADERS]
    return (numbers[0], emails[0] if emails else -1) if numbers else None


def _member(line: int, cells: list[str], places: tuple[int, int], outcome: Outcome) -> Row | None:
    """A line's member, or nothing where it is refused."""
    number, email = ("" if not 0 <= place < len(cells) else cells[place].strip() for place in places)
    if not number:
        outcome.refuse(line, "There is no number.")
        return None
    try:
        number = normalize_number(number)
    except BadIdentifier:
        outcome.refuse(line, "The number has characters that cannot be typed, or is far too long.")
        return None
    if len(number) > MOST_LETTERS:
        outcome.refuse(line, f"The number is longer than {MOST_LETTERS} characters.")
        return None
    try:
        email = normalize_email(email) if email else ""
        if email:
            check_deliverable(email)
    except BadIdentifier:
        outcome.refuse(line, "The address does not look like an e-mail address.")
        return None
    return line, number, email


def _refuse_repeated(outcome: Outcome) -> None:
    """Of several lines with one number the first counts."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH repeated AS (
                SELECT line, first_value(line) OVER (PARTITION BY number ORDER BY line) AS first FROM members_staging
            )
            DELETE FROM members_staging USING repeated
            WHERE repeated.line = members_staging.line AND repeated.first < repeated.line
            RETURNING repeated.line, repeated.first
            """
        )
        for line, first in sorted(cursor.fetchall()):
            outcome.refuse(line, f"The same number stands in line {first}.")


def _count_staged() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM members_staging")
        return int(cursor.fetchone()[0])


def _remove_others(artist_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM campaigns_member WHERE artist_id = %s"
            " AND NOT EXISTS (SELECT FROM members_staging WHERE members_staging.number = campaigns_member.number)",
            [artist_id],
        )
        return int(cursor.rowcount)


def _merge(artist_id: int, outcome: Outcome) -> None:
    """Bring the staged members into the list: changed addresses first, then those who are new."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE campaigns_member SET email = staged.email FROM members_staging AS staged"
            " WHERE artist_id = %s AND campaigns_member.number = staged.number"
            " AND campaigns_member.email <> staged.email",
            [artist_id],
        )
        outcome.changed = int(cursor.rowcount)
        cursor.execute(
            "INSERT INTO campaigns_member (artist_id, number, email)"
            " SELECT %s, number, email FROM members_staging ORDER BY number ON CONFLICT (artist_id, number) DO NOTHING",
            [artist_id],
        )
        outcome.added = int(cursor.rowcount)
    outcome.there = _count_staged() - outcome.added - outcome.changed
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE members_staging")  # A later import in the same transaction makes its own.
