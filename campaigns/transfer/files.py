"""Tables as CSV and XLSX files, read and written so that no cell becomes a formula of a spreadsheet."""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import BinaryIO

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.utils.exceptions import InvalidFileException

from core.refusal import Refusal

MOST_BYTES = 2 * 2**20
MOST_UNPACKED_BYTES = 32 * 2**20
MOST_ROWS = 2000
MOST_COLUMNS = 200
MOST_IN_CELL = 100_000
MOST_IN_XLSX_CELL = 32_767
"""What the format holds; openpyxl cuts longer texts off in silence."""
NUMBER = re.compile(r"-?\d+(\.\d+)?")
FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
"""What a spreadsheet may run, behind any apostrophes that were put before it."""
NO_SPREADSHEET = (
    zipfile.BadZipFile,
    InvalidFileException,
    NotImplementedError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    OSError,
    SyntaxError,
)
"""What openpyxl raises at files that are none, or not whole."""

Cell = str | int | Decimal


class CannotWrite(Refusal):
    """The rows do not fit into the kind of file."""

    code = "cannot_write"


class CannotRead(Refusal):
    """The file is no table that can be imported."""

    code = "cannot_read"
    status = 400


@dataclass(frozen=True)
class Table:
    """A file's columns and rows; each row with its line in the file."""

    columns: list[str]
    rows: list[tuple[int, list[str]]]


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula: behind an apostrophe, if it begins like one."""
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def unguarded(text: str) -> str:
    """The text that ``guarded`` was given."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """A CSV file in UTF-8, with the mark by which spreadsheets know that it is."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def write_xlsx(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """An XLSX file whose texts are texts; control characters, which it cannot hold, are left out.

    :raises CannotWrite: a text is longer than a cell can be.
    """
    table = [list(columns), *rows]
    if any(isinstance(value, str) and len(guarded(value)) > MOST_IN_XLSX_CELL for row in table for value in row):
        raise CannotWrite(f"A text has more than {MOST_IN_XLSX_CELL:,} letters, too many for XLSX. Take CSV.")
    book = Workbook(write_only=True)
    sheet = book.create_sheet("MonoQL")
    for row in table:
        cells = []
        for value in row:
            cell = WriteOnlyCell(
                sheet, ILLEGAL_CHARACTERS_RE.sub("", guarded(value)) if isinstance(value, str) else value
            )
            if isinstance(value, str):
                cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read_table(file: BinaryIO, *, size: int) -> Table:
    """Read a CSV or XLSX file; which of them it is, its first bytes say.

    :raises CannotRead: it is too large, no such file, or has no header with different names.
    """
    if size > MOST_BYTES:
        raise CannotRead(f"The file is larger than {MOST_BYTES >> 20} MiB. Split it.", field="file")
    data = file.read(MOST_BYTES + 1)
    lines = _lines_of_xlsx(data) if data.startswith(b"PK") else _lines_of_csv(data)
    found = [(number, cells) for number, cells in lines if any(cell.strip() for cell in cells)]
    if not found:
        raise CannotRead("The file is empty.", field="file")
    if len(found) > MOST_ROWS + 1:
        raise CannotRead(f"The file has more than {MOST_ROWS:,} rows. Split it.", field="file")
    columns = [name.strip() for name in found[0][1]]
    while columns and not columns[-1]:
        columns.pop()
    if len(set(columns)) < len(columns) or "" in columns:
        raise CannotRead("The first line must name each column once.", field="file")
    return Table(columns, [(number, _cells(number, cells, len(columns))) for number, cells in found[1:]])


def _cells(number: int, cells: list[str], width: int) -> list[str]:
    if any(cell.strip() for cell in cells[width:]):
        raise CannotRead(f"Line {number} has more cells than the first line has columns.", field="file")
    whole = [*cells[:width], *[""] * (width - len(cells))]
    if any(len(cell) > MOST_IN_CELL for cell in whole):
        raise CannotRead(f"Line {number} has a cell of more than {MOST_IN_CELL:,} characters.", field="file")
    return [unguarded(cell) for cell in whole]


def _lines_of_csv(data: bytes) -> list[tuple[int, list[str]]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CannotRead("The file is not in UTF-8: save it as “CSV UTF-8”, or as XLSX.", field="file") from error
    if "\0" in text:
        raise CannotRead("The file is no CSV and no XLSX file.", field="file")
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    lines, before = [], 0
    try:
        for cells in reader:
            lines.append((before + 1, cells))
            before = reader.line_num
    except csv.Error as error:
        raise CannotRead(f"Line {before + 1} cannot be read: {error}.", field="file") from error
    return lines


def _lines_of_xlsx(data: bytes) -> list[tuple[int, list[str]]]:
    try:
        # What is packed small may be huge: the sizes are declared, and no more than that is unpacked.
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(part.file_size for part in packed.infolist()) > MOST_UNPACKED_BYTES:
                raise CannotRead("The file is too large when it is unpacked. Split it.", field="file")
        sheet = load_workbook(io.BytesIO(data), read_only=True, data_only=True).worksheets[0]
        rows = sheet.iter_rows(max_row=MOST_ROWS + 2, max_col=MOST_COLUMNS, values_only=True)
        return [(number, [_text(value) for value in row]) for number, row in enumerate(rows, start=1)]
    except NO_SPREADSHEET as error:
        raise CannotRead("The file is no XLSX file that can be read.", field="file") from error


def _text(value: object) -> str:
    """A cell's value as CSV would have it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
