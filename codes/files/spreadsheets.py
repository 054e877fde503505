"""Reading XLSX and XLS by a process of its own (``spreadsheet_child``), which this side starts, hears and ends."""

import json
import math
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from codes.files import cells
from codes.files.columns import check_count, recognised
from codes.files.rows import Fields, rows_of_columns, rows_of_table
from codes.files.shape import MOST_COLUMNS, ROLES, SHOWN_ROWS, Batch, CannotRead, Look, Row, Shape
from codes.files.spreadsheet_child import DAMAGED, TOO_LARGE

CHILD = Path(__file__).with_name("spreadsheet_child.py")
MEMORY_BYTES = 2**30
PROCESSOR_SECONDS = 120
SILENT_SECONDS = 180.0
"""A child that says nothing for so long is ended."""

MOST_UNPACKED_BYTES = 2 * 2**30
MOST_IN_ANSWER = 64 * 2**20
MOST_DIGITS = 15
"""A spreadsheet keeps so many digits of a number; the others have become zeros."""

TOO_SLOW = "{} takes longer to read than any list of codes: save it as CSV, or split it."

ANSWERS = (
    {"sheets", "sheet", "width", "total", "rows", "columns", "has_formulas"},
    {"number", "columns", "blank"},
    {"end"},
)
"""The fields of what a child says, beside a refusal."""

MOST_IN_REFUSAL = 500

type Cell = str | float | bool | Mapping[str, str]


def look_at_spreadsheet(path: Path, *, kind: str, name: str, sheet: str) -> Look:
    """Recognise a workbook by the first rows of the sheet that holds the codes.

    :raises CannotRead: it is no workbook, is hostile or damaged, or holds no codes.
    """
    with _answers(path, {"do": "look", "kind": kind, "sheet": sheet, "most_columns": MOST_COLUMNS}, name) as answers:
        seen = next(answers)
    check_count(seen["width"], name=f"The sheet “{seen['sheet']}”")
    rows = [[_shown(cell) for cell in row] for row in seen["rows"]]
    columns = recognised(rows)
    shape = Shape(
        kind=kind,
        is_gzip=False,
        encoding="",
        delimiter="",
        has_header=columns.has_header,
        columns=columns.names,
        sheet=seen["sheet"],
        roles=columns.roles,
    )
    below = rows[1:] if columns.has_header else rows
    return Look(
        shape=shape,
        rows=tuple(map(cells.shown, below[:SHOWN_ROWS])),
        warnings=(*columns.warnings, *_warnings(seen, shape, has_rows=bool(below))),
        total=seen["total"],
        sheets=tuple(seen["sheets"]),
    )


def _warnings(seen: Mapping[str, Any], shape: Shape, *, has_rows: bool) -> Iterator[str]:
    if len(seen["sheets"]) > 1:
        yield f"The file has {len(seen['sheets'])} sheets; “{seen['sheet']}” is read."
    if not has_rows:
        yield "The sheet has a header and no codes below it."
    column = seen["columns"][shape.roles["code"]]
    if column["longest"] and (column["shortest"] != column["longest"] or column["has_leading_zero"]):
        yield cells.LOST_ZEROS.format(shape.columns[shape.roles["code"]])
    if seen["has_formulas"]:
        yield "The sheet holds formulas: what they gave when the file was saved is read."


def read_spreadsheet(path: Path, shape: Shape) -> Iterator[Batch]:
    """The rows of the shape's sheet in batches.

    :raises CannotRead: the child came to one of its limits, or the file is damaged.
    """
    roles = [role for role in ROLES if role in shape.roles]
    request = {"do": "read", "kind": shape.kind, "sheet": shape.sheet}
    has_begun = False
    with _answers(path, request | {"columns": [shape.roles[role] for role in roles]}, "The workbook") as answers:
        for answer in answers:
            if "end" in answer:
                return
            batch, has_begun = _batch(answer, roles, has_begun=has_begun, has_header=shape.has_header)
            yield batch


def _batch(answer: Mapping[str, Any], roles: Sequence[str], *, has_begun: bool, has_header: bool) -> tuple[Batch, bool]:
    """The batch of one answer, and whether the first row that holds something was reached."""
    first, blank, columns = answer["number"], set(answer["blank"]), answer["columns"]
    count = len(columns[0])
    batch = Batch(done=first + count - 1)
    skipped = 0
    if not has_begun:
        skipped = next((index for index in range(count) if index not in blank), count)
        batch.refused = [(first + index, cells.EMPTY_LINE) for index in range(skipped)]
        has_begun = skipped < count
        skipped = min(count, skipped + has_header)
        columns = [column[skipped:] for column in columns]
        blank = {index - skipped for index in blank if index >= skipped}
    numbers = range(first + skipped, first + count)
    rows = _quick_rows(numbers, columns, roles) if not blank else None
    if rows is not None:
        batch.rows = rows
        return batch, has_begun
    table = [
        cells.EMPTY_LINE if index in blank else _fields(row, roles)
        for index, row in enumerate(zip(*columns, strict=True))
    ]
    batch.rows, refused = rows_of_table(numbers, table, {role: at for at, role in enumerate(roles)})
    batch.refused += refused
    return batch, has_begun


def _quick_rows(numbers: Sequence[int], columns: Sequence[Sequence[Cell]], roles: Sequence[str]) -> list[Row] | None:
    """The rows, where nothing in these columns is doubtful; else nothing."""
    plain = {}
    for role, column in zip(roles, columns, strict=True):
        texts = _plain_column(column)
        if texts is None:
            return None
        plain[role] = texts
    return rows_of_columns(numbers, plain)


def _plain_column(column: Sequence[Cell]) -> Sequence[str] | None:
    """A column as text where nothing in it is doubtful; else nothing."""
    types = set(map(type, column))
    if types == {str}:
        return column  # type: ignore[return-value]  # All are texts.
    if types <= {float, int}:
        texts = [_digits(number) for number in column]  # type: ignore[arg-type]
        return texts if all(texts) else None
    return None


def _digits(number: float) -> str:
    """A whole number's digits; empty where it has a fraction or more digits than a spreadsheet keeps."""
    if -(10**MOST_DIGITS) < number < 10**MOST_DIGITS and number == int(number):
        return str(int(number))
    return ""


def _fields(row: Sequence[Cell], roles: Sequence[str]) -> Fields:
    """One row as text, or what is wrong with it."""
    texts = []
    for cell, role in zip(row, roles, strict=True):
        problem = _problem_of(cell, is_code=role == "code")
        if problem:
            return problem
        texts.append(_shown(cell))
    return texts


def _problem_of(cell: Cell, *, is_code: bool) -> str:
    if isinstance(cell, str):
        return ""
    if isinstance(cell, bool):
        return cells.TRUTH if is_code else ""
    if isinstance(cell, Mapping):
        if "date" in cell:
            return cells.DATE if is_code else ""
        return cells.ERROR if "error" in cell else cells.NOT_CALCULATED
    if _digits(cell) if math.isfinite(cell) else "":
        return ""
    is_fraction = math.isfinite(cell) and abs(cell) < 10**MOST_DIGITS
    if is_fraction:
        return cells.FRACTION if is_code else ""
    return cells.ROUNDED


def _shown(cell: Cell) -> str:
    """A cell as text, whatever it is."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, Mapping):
        return cell.get("date") or ("#ERROR" if "error" in cell else "=…")
    return (_digits(cell) if math.isfinite(cell) else "") or repr(cell)


@contextmanager
def _answers(path: Path, request: Mapping[str, Any], name: str) -> Iterator[Iterator[dict[str, Any]]]:
    """Start a child on a request and give its answers; it is ended with the block, however that is left."""
    whole = {
        **request,
        "name": name,
        "path": str(path.resolve()),
        "size": path.stat().st_size,
        "memory": MEMORY_BYTES,
        "seconds": PROCESSOR_SECONDS,
        "most_unpacked": MOST_UNPACKED_BYTES,
        "parent": os.getpid(),
    }
    child = subprocess.Popen(
        [sys.executable, "-I", str(CHILD), json.dumps(whole)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # A panic may quote cells.
        cwd="/",
        # None of our secrets; and a panic that runs out of memory must not look for its own backtrace.
        env={"RUST_BACKTRACE": "0", "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", "")},
    )
    try:
        yield _heard(child, name)
    finally:
        child.kill()
        child.wait()
        assert child.stdout is not None  # noqa: S101  It was asked for above.
        child.stdout.close()


def _heard(child: subprocess.Popen[bytes], name: str) -> Iterator[dict[str, Any]]:
    """What a child says, line by line.

    :raises CannotRead: it refuses the file, says nothing for too long, or dies.
    """
    is_finished = False
    for line in _lines(child, name):
        answer = _answer(line)
        if "refusal" in answer:
            raise CannotRead(str(answer["refusal"])[:MOST_IN_REFUSAL], field="file")
        if not any(keys <= answer.keys() for keys in ANSWERS):
            raise CannotRead(DAMAGED.format(name), field="file")
        is_finished = "number" not in answer
        yield answer
    if not is_finished:
        raise CannotRead(_cause_of_death(child.wait()).format(name), field="file")


def _answer(line: bytes) -> dict[str, Any]:
    """One line of a child that may have been taken over by its file; empty where it is no answer."""
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _lines(child: subprocess.Popen[bytes], name: str) -> Iterator[bytes]:
    assert child.stdout is not None  # noqa: S101  It was asked for when the child was started.
    buffer = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(SILENT_SECONDS):
                raise CannotRead(TOO_SLOW.format(name), field="file")
            piece = os.read(child.stdout.fileno(), 2**20)
            if not piece:
                return
            searched = len(buffer)
            buffer += piece
            while (end := buffer.find(b"\n", searched)) >= 0:
                yield bytes(buffer[:end])
                del buffer[: end + 1]
                searched = 0
            if len(buffer) > MOST_IN_ANSWER:
                raise CannotRead(TOO_LARGE.format(name), field="file")


def _cause_of_death(code: int) -> str:
    """What the end of a child that did not finish means."""
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return TOO_SLOW
    return DAMAGED if code in (-signal.SIGSEGV, -signal.SIGBUS) else TOO_LARGE
