"""Looking at a file before anything is read from it: its kind, its columns, and its first rows with the codes hidden.

What was recognised is kept with the upload as ``shape``: ``file`` is the ``Shape`` that it is read by, ``total`` where
reading it ends, ``preview`` what a person is shown. A file that nobody has looked at has only what was ``asked`` of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from codes.files import ROLES, CannotRead, Look, Shape, look, with_roles
from codes.models import Upload
from codes.places import Places

type Columns = Mapping[str, int | str | None]
"""Role to column: its name in the header, or its number from 1; none or empty where the file has no such column."""

MOST_SHOWN_LETTERS = 40
HIDDEN_LETTER = "•"
ENDINGS = (".xls", ".xlsx", ".xlsm", ".csv", ".txt", ".gz")
FEW = 3
"""Fewer cells than this do not show whether a column repeats itself."""


def local_name(file_name: str) -> str:
    """What a file is called while it is read: its ending alone, by which libraries tell old workbooks apart."""
    ending = Path(file_name).suffix.lower()
    return f"codes{ending}" if ending in ENDINGS else "codes"


def looked_at(upload: Upload, path: Path) -> dict[str, Any]:
    """Recognise an upload's file, map its columns as was asked, and give its new ``shape``.

    :raises CannotRead: it holds no codes that can be read, or has no such column.
    """
    asked: dict[str, Any] = upload.shape.get("asked", {})
    found = look(path, file_name=upload.file_name, sheet=asked.get("sheet", ""))
    shape = mapped(found.shape, asked.get("columns", {}), has_header=asked.get("has_header"))
    places = Places(upload.campaign, default=None, code_type=upload.code_type)
    return {
        "asked": asked,
        "file": shape.to_json(),
        "total": found.total,
        "preview": preview_of(found, words=places.words),
    }


def preview_of(found: Look, *, words: Iterable[str]) -> dict[str, Any]:
    """What a person is shown of a file, and what is kept of it: no cell that may be a code is whole."""
    known = set(words)
    width = max([len(found.shape.columns), *map(len, found.rows)])
    columns = [[row[column] if column < len(row) else "" for row in found.rows] for column in range(width)]
    return {
        "rows": [list(row) for row in zip(*(_shown(cells, known) for cells in columns), strict=True)],
        "warnings": list(found.warnings),
        "sheets": list(found.sheets),
    }


def _shown(cells: Sequence[str], known: set[str]) -> list[str]:
    """A column's cells. Words that the campaign uses, and what a column says again and again, are no codes."""
    said = [cell for cell in cells if cell.strip()]
    repeats = len(said) >= FEW and len(set(said)) * 2 <= len(said)
    return [cell if repeats or cell.strip().casefold() in known else outline(cell) for cell in cells]


def outline(text: str) -> str:
    """A text as its length, its signs and its last two letters: ``••••••-•••01``. A very short one shows no letter."""
    hidden = "".join(HIDDEN_LETTER if letter.isalnum() else letter for letter in text)
    shown = hidden[:-2] + text[-2:] if len(text) > 4 else hidden
    return shown if len(shown) <= MOST_SHOWN_LETTERS else f"{shown[: MOST_SHOWN_LETTERS - 4]}… {shown[-2:]}"


def mapped(shape: Shape, columns: Columns, *, has_header: bool | None = None) -> Shape:
    """The shape with its columns mapped as a person says; what she does not mention stays as it was recognised.

    :raises CannotRead: the file has no such column, or a column has two roles.
    """
    roles = {role: column for role, column in shape.roles.items() if role not in columns}
    for role, column in columns.items():
        if column not in (None, ""):
            roles[role] = _number_of(shape, role, column)
    # A column that is given another role loses the one that was only guessed.
    asked = {number for role, number in roles.items() if role in columns}
    roles = {role: number for role, number in roles.items() if role in {*columns, "code"} or number not in asked}
    return with_roles(shape, {role: roles[role] for role in ROLES if role in roles}, has_header=has_header)


def _number_of(shape: Shape, role: str, column: int | str | None) -> int:
    """The column's number from 0."""
    if isinstance(column, str):
        names = [name.casefold() for name in shape.columns]
        if (name := column.strip().casefold()) in names:
            return names.index(name)
        if not (name.isascii() and name.isdigit() and len(name) <= 6):
            # The name is not repeated: it may be the first code of a file without a header.
            raise CannotRead(f"The file has no column of this name for the {role}.", field=role)
        column = int(name)
    return int(column or 0) - 1
