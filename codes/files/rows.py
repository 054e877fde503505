"""From lines and cells to rows of values and refusals: the quick way for most, the careful way for the rest."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat

from codes.files.cells import (
    CONTROL_CHARACTERS,
    EMPTY_LINE,
    NO_COLUMN,
    SPACES,
    UNCLOSED,
    all_are_codes,
    is_code,
    problem_beside,
    problem_of,
)
from codes.files.pieces import MOST_IN_LINE, TOO_LONG
from codes.files.shape import ROLES, Refused, Row

NO_DELIMITER = "\x1f"
"""Given to the CSV reader where each line is one code. No code has it."""


def rows_of_codes(number: int, block: bytes, codes: Sequence[str]) -> tuple[list[Row], list[Refused]]:
    """Rows of a file in which each line is one code, numbered from ``number``.

    ``block`` holds the same lines, each with a line feed.
    """
    if all_are_codes(block, codes):
        none = repeat("")
        return list(zip(range(number, number + len(codes)), codes, none, none, none, none, strict=False)), []
    rows: list[Row] = []
    refused: list[Refused] = []
    for line, text in enumerate(codes, start=number):
        if not text:
            refused.append((line, EMPTY_LINE))
            continue
        code, problem = (text, "") if is_code(text) else _judged(text)
        if problem:
            refused.append((line, problem))
        else:
            rows.append((line, code, "", "", "", ""))
    return rows, refused


def _judged(text: str) -> tuple[str, str]:
    """The code in a line of its own, and what is wrong with it."""
    code = text.strip(SPACES)
    if not code:
        return "", EMPTY_LINE
    if '"' in code:
        fields = fields_of(code, NO_DELIMITER)
        if isinstance(fields, str):
            return "", fields
        if len(fields) > 1:
            return "", CONTROL_CHARACTERS
        code = fields[0].strip(SPACES)
    return code, problem_of(code)


type Fields = Sequence[str] | str
"""A line's fields; or, as one text, why it has none."""


def fields_of(line: str, delimiter: str) -> Fields:
    """The fields of one line, or that a quotation mark in it is never closed."""
    if '"' not in line:
        return line.split(delimiter)
    if len(line) > MOST_IN_LINE:
        return TOO_LONG
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return UNCLOSED


def table_of(lines: Sequence[str], delimiter: str) -> Sequence[Fields]:
    """The fields of each line. A field does not run over a line's end."""
    try:
        # At the speed of C, if no quoted field takes in the line after it.
        whole = list(csv.reader(lines, delimiter=delimiter, strict=True))
        if len(whole) == len(lines):
            return whole
    except csv.Error:
        pass
    return [fields_of(line, delimiter) for line in lines]


def columns_of(
    lines: Sequence[str], table: Sequence[Fields] | None, delimiter: str, roles: Mapping[str, int]
) -> dict[str, Sequence[str]] | None:
    """The columns that have a role, where every line has equally many fields; else nothing.

    ``table`` is given where fields are quoted; without it the lines are split here, all at once.
    """
    if table is None:
        width = lines[0].count(delimiter) + 1
        if width <= max(roles.values()) or {line.count(delimiter) for line in lines} != {width - 1}:
            return None
        cells = delimiter.join(lines).split(delimiter)
        return {role: cells[column::width] for role, column in roles.items()}
    width = max(roles.values()) + 1
    whole = [fields for fields in table if not isinstance(fields, str) and len(fields) >= width]
    if len(whole) < len(table):
        return None
    return {role: [fields[column] for fields in whole] for role, column in roles.items()}


def rows_of_columns(numbers: Sequence[int], columns: Mapping[str, Sequence[str]]) -> list[Row] | None:
    """The rows of columns in which nothing at all is wrong; nothing where something is."""
    codes = columns["code"]
    block = ("\n".join(codes) + "\n").encode("utf-8", "replace")
    if block.count(b"\n") != len(codes) or not all_are_codes(block, codes):
        return None
    beside: list[Iterable[str]] = []
    for role in ROLES[1:]:
        values = _clean_column(columns[role]) if role in columns else repeat("")
        if values is None:
            return None
        beside.append(values)
    return list(zip(numbers, codes, *beside, strict=False))


def _clean_column(cells: Sequence[str]) -> Sequence[str] | None:
    """A column beside the codes without surrounding spaces; nothing where something in it is wrong.

    It says the same few things a million times, so each of them is judged once.
    """
    clean = {cell: cell.strip(SPACES) for cell in set(cells)}
    if any(problem_beside(cell, "") for cell in clean.values()):
        return None
    if all(cell == text for cell, text in clean.items()):
        return cells
    return [clean[cell] for cell in cells]


def rows_of_table(
    numbers: Sequence[int], table: Sequence[Fields], roles: Mapping[str, int]
) -> tuple[list[Row], list[Refused]]:
    """Rows of a table, of which ``roles`` says what the columns are, each line judged by itself."""
    rows: list[Row] = []
    refused: list[Refused] = []
    beside = [(role, roles.get(role, -1)) for role in ROLES[1:]]
    for line, fields in zip(numbers, table, strict=True):
        if isinstance(fields, str):
            refused.append((line, fields))
            continue
        code, problem = _code_in(fields, roles["code"])
        values = _values_in(fields, beside) if not problem else []
        problem = problem or next((what for what, _ in values if what), "")
        if problem:
            refused.append((line, problem))
        else:
            kind, campaign, market, event = (value for _, value in values)
            rows.append((line, code, kind, campaign, market, event))
    return rows, refused


def _code_in(fields: Sequence[str], column: int) -> tuple[str, str]:
    if column >= len(fields):
        is_empty = not any(field.strip(SPACES) for field in fields)
        return "", EMPTY_LINE if is_empty else NO_COLUMN
    if is_code(fields[column]):
        return fields[column], ""
    code = fields[column].strip(SPACES)
    if not code and not any(field.strip(SPACES) for field in fields):
        return "", EMPTY_LINE
    return code, problem_of(code)


def _values_in(fields: Sequence[str], beside: Sequence[tuple[str, int]]) -> list[tuple[str, str]]:
    """What is wrong with each of the other columns' cells, and the cell. A line may end before them."""
    cells = ((role, fields[column].strip(SPACES) if 0 <= column < len(fields) else "") for role, column in beside)
    return [(problem_beside(cell, role), cell) for role, cell in cells]
