"""Reads a spreadsheet in a process of its own, so that a hostile one costs this process and no other.

Run as ``python -I spreadsheet_child.py REQUEST`` with a request in JSON; answers in lines of JSON. It imports nothing
of the project and gives up every right to memory, time and files that it does not need before it opens the file.

A cell is a text, a number or a truth value as JSON has them, or an object: ``{"date": …}``, ``{"error": …}``,
``{"formula": …}``.
"""

import ctypes
import datetime
import json
import mmap
import os
import posixpath
import re
import resource
import signal
import sys
import zipfile
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple
from xml.etree import ElementTree

PR_SET_PDEATHSIG = 1  # From linux/prctl.h.

MOST_ENTRIES = 2_000
FREE_UNPACKED_BYTES = 64 * 2**20
MOST_RATIO = 200
MOST_INDEX_BYTES = 4 * 2**20
"""Of the parts that name the sheets."""

LAST_ROW = 2**20
LAST_COLUMN = 2**14 - 1
FULLY_SCANNED = 8
"""So many pieces of a sheet, and the last, are searched for how far it reaches: rows come in order, and a search of
all would take as long as reading. A sheet that hides its reach from this comes to the limit of memory."""

FREE_AREA = 2_000_000
SPARSE = 50
"""A sheet whose used range has so many times more places than cells is sparse."""

MOST_EXACT = 10**15
"""A spreadsheet keeps numbers exactly up to here."""

MOST_MARKS = 200_000
MOST_LETTERS = 200
"""Of a cell; the rest is cut, and the cut text is still too long for anything that a cell may be."""

ROWS_IN_LINE = 10_000
HEAD_ROWS = 60
PIECE_BYTES = 2**20

SAVE_AS = "Save the codes as CSV or XLSX and upload that file."
TOO_LARGE = "{} needs more memory than a list of codes may take: save it as CSV, or split it."
DAMAGED = "{} is damaged: open it in a spreadsheet program, save it again, and upload that file."
BOMB = "{} unpacks to far more than its size, as no list of codes does: copy the codes into a new file."

OTHER_PACKAGES = (
    ("xl/workbook.bin", "a binary Excel workbook (XLSB)"),
    ("word/", "a Word document"),
    ("ppt/", "a PowerPoint presentation"),
    ("visio/", "a Visio drawing"),
    ("mimetype", "an OpenDocument file"),
    ("Index/", "an Apple Numbers or Pages document"),
    ("META-INF/", "a program archive (JAR)"),
)
OLD_STREAMS = (
    ("EncryptedPackage", ""),
    ("WordDocument", "an old Word document"),
    ("PowerPoint Document", "an old PowerPoint presentation"),
    ("__nameid_version1.0", "an Outlook message"),
)

# In a sheet's XML. No expression runs over the next "<", so none of them is ever slow.
REFERENCE = re.compile(rb"\br=[\"']([A-Za-z]{1,9})(\d{1,12})[\"']")
ERROR_CELL = re.compile(rb"<(?:\w{1,20}:)?c\s(?=[^<>]*\bt=[\"']e[\"'])[^<>]*?\br=[\"']([A-Za-z]{1,9})(\d{1,12})[\"']")
BARE_FORMULA = re.compile(
    rb"<(?:\w{1,20}:)?c\s[^<>]*?\br=[\"']([A-Za-z]{1,9})(\d{1,12})[\"'][^<>]*>\s*"
    rb"<(?:\w{1,20}:)?f\b[^<>]*(?:/>|>[^<]*</(?:\w{1,20}:)?f>)\s*"
    rb"(?:<(?:\w{1,20}:)?v\s*/>|<(?:\w{1,20}:)?v></(?:\w{1,20}:)?v>)?\s*</(?:\w{1,20}:)?c>"
)

type Marks = dict[int, dict[int, dict[str, str]]]
"""Row from 1, column from 0: what stands in a cell that comes out empty."""


class Refused(Exception):
    """The spreadsheet is not read; the text is for the person at the screen."""


class Sheet(NamedTuple):
    """What a sheet's XML says about it."""

    marks: Marks
    has_formulas: bool


def give_up_rights(*, memory: int, seconds: int) -> None:
    """Limit memory, processor time and files written, for good."""
    limits = {
        "RLIMIT_CORE": (0, 0),
        "RLIMIT_FSIZE": (0, 0),
        "RLIMIT_CPU": (seconds, seconds + 5),
        "RLIMIT_AS": (memory, memory),
    }
    for name, limit in limits.items():
        try:
            resource.setrlimit(getattr(resource, name), limit)
        except (AttributeError, ValueError, OSError):  # A system that does not have this limit.
            continue


def end_with(parent: int) -> None:
    """Have the system end this process with the one that started it, where it can."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    except (AttributeError, OSError):
        return
    if os.getppid() != parent:  # It died before the system knew.
        sys.exit(1)


def say(message: dict[str, Any]) -> None:
    """Give one line of the answer."""
    sys.stdout.write(json.dumps(message, ensure_ascii=False, separators=(",", ":"), default=_tagged))
    sys.stdout.write("\n")
    sys.stdout.flush()


def _tagged(value: object) -> dict[str, str]:
    """What JSON has no type for: everything that calamine gives beside text, number and truth is a date or a time."""
    if isinstance(value, datetime.datetime | datetime.date | datetime.time | datetime.timedelta):
        return {"date": str(value)}
    return {"error": type(value).__name__}


def check_package(package: zipfile.ZipFile, *, name: str, size: int, most_unpacked: int) -> None:
    """Judge a ZIP by its table of contents, before anything is unpacked.

    :raises Refused: it is no XLSX workbook, or declares more than any list of codes.
    """
    entries = package.infolist()
    if len(entries) > MOST_ENTRIES:
        raise Refused(f"{name} has {len(entries):,} parts, as no list of codes does: copy the codes into a new file.")
    names = {entry.filename for entry in entries}
    if not any(entry.endswith("workbook.xml") for entry in names):
        for start, what in OTHER_PACKAGES:
            if any(entry.startswith(start) for entry in names):
                raise Refused(f"{name} is {what}. {SAVE_AS}")
        if "[Content_Types].xml" in names:
            raise Refused(DAMAGED.format(name))
        raise Refused(f"{name} is a ZIP archive: unpack it and upload the file that is in it.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise Refused(f"{name} is protected with a password: save it without one.")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > most_unpacked or (unpacked > FREE_UNPACKED_BYTES and unpacked > MOST_RATIO * size):
        raise Refused(BOMB.format(name))


def part_of_sheet(package: zipfile.ZipFile, sheet: str) -> str:
    """The name of the part that holds a sheet; empty where the workbook does not say it plainly."""
    names = set(package.namelist())
    workbook = next(entry for entry in sorted(names, key=len) if entry.endswith("workbook.xml"))
    folder, file = posixpath.split(workbook)
    index = f"{folder}/_rels/{file}.rels".lstrip("/")
    if index not in names:
        return ""
    key = next(
        (
            value
            for element in _elements(package, workbook, "sheet")
            if element.get("name") == sheet
            for attribute, value in element.items()
            if attribute.endswith("}id")
        ),
        "",
    )
    target = next((e.get("Target", "") for e in _elements(package, index, "Relationship") if e.get("Id") == key), "")
    part = posixpath.normpath(target.lstrip("/") if target.startswith("/") else f"{folder}/{target}")
    return part if part in names else ""


def _elements(package: zipfile.ZipFile, part: str, name: str) -> Iterator[ElementTree.Element]:
    with package.open(part) as file:
        data = file.read(MOST_INDEX_BYTES + 1)
    if len(data) > MOST_INDEX_BYTES or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise Refused(f"The workbook's list of sheets is not as spreadsheet programs write it. {SAVE_AS}")
    root = ElementTree.fromstring(data)  # noqa: S314  It has no entities, and this process little memory.
    return (element for element in root.iter() if element.tag.rpartition("}")[2] == name)


def scan_sheet(package: zipfile.ZipFile, part: str, *, name: str) -> Sheet:
    """Look through a sheet's XML for how far it reaches and for cells that would come out empty.

    :raises Refused: it reaches far and holds hardly anything, or holds what no spreadsheet program writes.
    """
    reach = Reach()
    marks: Marks = {}
    has_formulas = False
    last = b""
    for number, piece in enumerate(_pieces(package, part)):
        if b"<!DOCTYPE" in piece or b"<!ENTITY" in piece:
            raise Refused(f"{name} holds XML entities, which no spreadsheet program writes. {SAVE_AS}")
        reach.cells += piece.count(b"<c ") + piece.count(b":c ")
        if number < FULLY_SCANNED:
            reach.see(piece)
        if b'"e"' in piece or b"'e'" in piece:
            _mark(marks, ERROR_CELL.findall(piece), {"error": "#"})
        if b"<f" in piece or b":f" in piece:
            has_formulas = True
            _mark(marks, BARE_FORMULA.findall(piece), {"formula": ""})
        last = piece or last
    reach.see(last)
    if reach.is_sparse():
        raise Refused(
            f"{name} reaches to cell {reach.last_cell()} but holds hardly anything: copy the codes into a new file."
        )
    return Sheet(marks, has_formulas)


class Reach:
    """How far a sheet's cells reach, and how many they are."""

    def __init__(self) -> None:
        self.cells = 0
        self.columns: set[bytes] = set()
        self.rows: set[int] = set()

    def see(self, piece: bytes) -> None:
        """Take in the references of some XML."""
        references = REFERENCE.findall(piece)
        if references:
            columns, rows = zip(*references, strict=True)
            self.columns.update(columns)
            numbers = [int(row) for row in set(rows)]
            self.rows |= {min(numbers), max(numbers)}

    def is_sparse(self) -> bool:
        """Whether the sheet would take far more memory than what it holds."""
        if not self.columns:
            return False
        numbers = [_column(letters) for letters in self.columns]
        area = (max(numbers) - min(numbers) + 1) * (max(self.rows) - min(self.rows) + 1)
        is_outside = max(self.rows) > LAST_ROW or max(numbers) > LAST_COLUMN
        return is_outside or (area > FREE_AREA and area > SPARSE * self.cells)

    def last_cell(self) -> str:
        """The lower right corner, as a spreadsheet program calls it."""
        return f"{max(self.columns, key=_column).decode().upper()}{max(self.rows)}"


def _pieces(package: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """A part in pieces that end between two cells, where there is such a place."""
    with package.open(part) as file:
        carry = b""
        while read := file.read(PIECE_BYTES):
            body = carry + read
            end = max(body.rfind(b"<c "), body.rfind(b":c "))
            cut = body.rfind(b"<", 0, end + 1) if end > 0 else -1
            carry = body[cut:] if cut > 0 and len(body) - cut < PIECE_BYTES else b""
            yield body[: len(body) - len(carry)]
        yield carry


def _mark(marks: Marks, references: list[tuple[bytes, bytes]], what: dict[str, str]) -> None:
    for letters, row in references[: max(0, MOST_MARKS - len(marks))]:
        marks.setdefault(int(row), {})[_column(letters)] = what


def _column(letters: bytes) -> int:
    """The number of a column from 0: A is 0, AA is 26."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number - 1


class Workbook:
    """A spreadsheet that was opened, and the sheet of it that is read."""

    def __init__(self, request: dict[str, Any]) -> None:
        from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

        self.name: str = request["name"]
        self.path: str = request["path"]
        self.package: zipfile.ZipFile | None = None
        if request["kind"] == "xlsx":
            self.package = zipfile.ZipFile(self.path)
            check_package(self.package, name=self.name, size=request["size"], most_unpacked=request["most_unpacked"])
        self.book = CalamineWorkbook.from_path(self.path)
        sheets = [sheet for sheet in self.book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
        self.sheets = [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible]
        self.sheets = self.sheets or [sheet.name for sheet in sheets]
        self.marks: Marks = {}
        self.has_formulas = False

    def open_sheet(self, sheet: str) -> Any:
        """Scan a sheet for what makes it dangerous, then load it."""
        if self.package is not None and (part := part_of_sheet(self.package, sheet)):
            self.marks, self.has_formulas = scan_sheet(self.package, part, name=f"The sheet “{sheet[:40]}”")
        return self.book.get_sheet_by_name(sheet)

    def rows_of(self, sheet: Any) -> Iterator[list[Any]]:
        """The sheet's rows from its row 1, beginning with its first used column."""
        if not self.marks:
            yield from sheet.iter_rows()
            return
        first = sheet.start[1] if sheet.start else 0
        for number, row in enumerate(sheet.iter_rows(), start=1):
            for column, what in self.marks.get(number, {}).items():
                if 0 <= column - first < len(row) and row[column - first] == "":
                    row[column - first] = what
            yield row


def look(request: dict[str, Any]) -> None:
    """Say which sheets there are, which is read, its first rows, and what its columns hold."""
    workbook = Workbook(request)
    if not workbook.sheets:
        raise Refused(f"{workbook.name} has no sheet with cells. {SAVE_AS}")
    wanted = (
        [request["sheet"]]
        if request["sheet"] in workbook.sheets
        else sorted(workbook.sheets[:20], key=lambda sheet: sheet.strip().lower() not in ("code", "codes"))
    )
    sheet, name = None, ""
    for name in wanted:
        sheet = workbook.open_sheet(name)
        if sheet.end is not None:
            break
    if sheet is None or sheet.end is None:
        raise Refused(f"{workbook.name} has only empty sheets: choose the file that holds the codes.")
    rows = workbook.rows_of(sheet)
    head: list[list[Any]] = []
    total = 0
    columns = [Column() for _ in range(min(sheet.width, request["most_columns"]))]
    for chunk in iter(lambda: list(islice(rows, ROWS_IN_LINE)), []):
        total += len(chunk)
        for row in chunk:
            if len(head) >= HEAD_ROWS:
                break
            if row.count("") < len(row):
                head.append([_cut(cell) for cell in row[: request["most_columns"]]])
        for number, column in enumerate(columns):
            column.see([row[number] for row in chunk])
    say(
        {
            "sheets": workbook.sheets,
            "sheet": name,
            "width": sheet.width,
            "total": total,
            "rows": head,
            "columns": [column.seen() for column in columns],
            "has_formulas": workbook.has_formulas,
        }
    )


class Column:
    """What the cells of a column are like, as far as lost zeros are told from it."""

    def __init__(self) -> None:
        self.smallest, self.largest = float("inf"), 0.0
        self.has_leading_zero = False

    def see(self, cells: list[Any]) -> None:
        """Take in some cells."""
        numbers = {cell for cell in cells if (type(cell) is float or type(cell) is int) and 0 <= cell < MOST_EXACT}
        if numbers:
            self.smallest, self.largest = min(self.smallest, *numbers), max(self.largest, *numbers)
        if not self.has_leading_zero and len(numbers) < len(cells):
            self.has_leading_zero = any(type(cell) is str and cell[:1] == "0" and len(cell) > 1 for cell in cells)

    def seen(self) -> dict[str, Any]:
        """The lengths of the shortest and longest number (0 where there is none), and whether a text begins with 0."""
        has_numbers = self.largest >= self.smallest
        lengths = [len(str(int(number))) for number in (self.smallest, self.largest)] if has_numbers else [0, 0]
        return {"shortest": lengths[0], "longest": lengths[1], "has_leading_zero": self.has_leading_zero}


def read(request: dict[str, Any]) -> None:
    """Give the rows, column by column and only the wanted ones, and at the end their number."""
    workbook = Workbook(request)
    sheet = workbook.open_sheet(request["sheet"])
    rows = workbook.rows_of(sheet)
    wanted = request["columns"]
    number = 1
    for chunk in iter(lambda: list(islice(rows, ROWS_IN_LINE)), []):
        width = len(chunk[0])
        columns = [[_cut(row[column]) for row in chunk] if column < width else [""] * len(chunk) for column in wanted]
        blank = [index for index, row in enumerate(chunk) if row.count("") == width] if "" in columns[0] else []
        say({"number": number, "columns": columns, "blank": blank})
        number += len(chunk)
    say({"end": number - 1})


def _cut(cell: Any) -> Any:
    return cell[: MOST_LETTERS + 1] if type(cell) is str and len(cell) > MOST_LETTERS else cell


def explain_old_file(path: str, *, name: str) -> str:
    """What a file in Microsoft's old container is, if not a workbook that can be read."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for stream, what in OLD_STREAMS:
            if data.find(stream.encode("utf-16-le")) >= 0:
                if not what:
                    return f"{name} is protected with a password: save it without one."
                return f"{name} is {what}. {SAVE_AS}"
    return DAMAGED.format(name)


def explain(error: BaseException, request: dict[str, Any]) -> str:
    """What a failure means, for the person at the screen."""
    name = request["name"]
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, MemoryError):
        return TOO_LARGE.format(name)
    if type(error).__name__ == "PasswordError":
        return f"{name} is protected with a password: save it without one."
    if request["kind"] == "xls":
        return explain_old_file(request["path"], name=name)
    return DAMAGED.format(name)


def main() -> None:
    """Do what the request says; whatever goes wrong becomes one line."""
    request = json.loads(sys.argv[1])
    end_with(request["parent"])
    give_up_rights(memory=request["memory"], seconds=request["seconds"])
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # It is a text stream here.
    try:
        {"look": look, "read": read}[request["do"]](request)
    except BrokenPipeError:
        return
    except BaseException as error:  # A panic of the reader is no Exception.
        say({"refusal": explain(error, request)})


if __name__ == "__main__":
    main()
