"""Reading workbooks in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.styles import numbers

from codes.files import CannotRead, Look, look, read, spreadsheets
from tests.codes.files.building import column_of, old_workbook, sheet_of, text_cell, workbook_of
from tests.codes.files.conftest import children
from tests.processes import PROJECT, wait_until


def written(path: Path, data: bytes) -> Path:
    """The path, with these bytes in it."""
    path.write_bytes(data)
    return path


def many(count: int) -> bytes:
    """A workbook with so many codes."""
    rows = "".join(f'<row r="{row}">{text_cell(f"A{row}", f"CODE{row:07}")}</row>' for row in range(1, count + 1))
    return workbook_of({"Codes": sheet_of(rows)})


def look_at(data: bytes, folder: Path, *, sheet: str = "") -> Look:
    """A look at a workbook with these bytes."""
    return look(written(folder / "codes.xlsx", data), file_name="codes.xlsx", sheet=sheet)


def test_a_workbook_as_a_spreadsheet_program_saves_it_is_read(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Offer code", "Type", "Market", "Event ID"])
    sheet.append(["00123", "presale", "LAX", 1234567890])
    sheet.append(["AB-12", None, "LAX", 15])
    sheet["A4"] = 987654321
    sheet["A4"].number_format = numbers.FORMAT_NUMBER_00
    book.save(tmp_path / "codes.xlsx")

    shape = look(tmp_path / "codes.xlsx", file_name="codes.xlsx").shape
    rows = [row for batch in read(tmp_path / "codes.xlsx", shape) for row in batch.rows]

    assert rows == [
        (2, "00123", "presale", "", "LAX", "1234567890"),
        (3, "AB-12", "", "", "LAX", "15"),
        (4, "987654321", "", "", "", ""),
    ]


def test_an_old_workbook_is_read_with_all_its_columns(tmp_path: Path) -> None:
    path = written(tmp_path / "codes.xls", old_workbook([["code", "event"], ["AAAA1111", 7.0], ["BBBB2222", 8.5]]))

    shape = look(path, file_name="codes.xls").shape
    rows = [row for batch in read(path, shape) for row in batch.rows]

    assert shape.kind == "xls"
    assert rows == [(2, "AAAA1111", "", "", "", "7"), (3, "BBBB2222", "", "", "", "8.5")]


def test_lost_zeros_are_worth_a_warning(tmp_path: Path) -> None:
    cells = {1: text_cell("A1", "code"), 2: '<c r="A2"><v>12345678</v></c>', 30_000: '<c r="A30000"><v>234567</v></c>'}

    seen = look_at(workbook_of({"Codes": sheet_of(cells)}), tmp_path)

    assert any("zeros that codes began with" in warning for warning in seen.warnings)


def test_a_person_chooses_another_sheet(tmp_path: Path) -> None:
    data = workbook_of({"Codes": column_of(["AAAA1111"]), "Late": column_of(["BBBB2222"])})

    first, second = look_at(data, tmp_path), look_at(data, tmp_path, sheet="Late")

    assert first.sheets == second.sheets == ("Codes", "Late")
    assert first.rows == (("AAAA1111",),)
    assert second.rows == (("BBBB2222",),)
    assert second.warnings == ("The file has 2 sheets; “Late” is read.",)


def test_rows_keep_their_numbers_across_batches(tmp_path: Path) -> None:
    path = written(tmp_path / "codes.xlsx", many(25_000))

    seen = look(path, file_name="codes.xlsx")
    batches = list(read(path, seen.shape))

    assert [row[:2] for batch in batches for row in batch.rows] == [(n, f"CODE{n:07}") for n in range(1, 25_001)]
    assert [batch.done for batch in batches] == [10_000, 20_000, 25_000]
    assert seen.total == 25_000


def test_the_child_has_no_rights_and_none_of_our_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "never to be seen")
    path = written(tmp_path / "codes.xlsx", many(200_000))
    shape = look(path, file_name="codes.xlsx").shape
    before = children()

    batches = read(path, shape)
    next(batches)
    (child,) = children() - before
    limits = Path(f"/proc/{child}/limits").read_text()
    environment = Path(f"/proc/{child}/environ").read_text()
    batches.close()  # type: ignore[attr-defined]  # It is a generator.

    limit = {line[:26].strip(): line[26:].split()[1] for line in limits.splitlines()}
    assert limit["Max address space"] == str(2**30)
    assert limit["Max file size"] == "0"
    assert limit["Max core file size"] == "0"
    assert int(limit["Max cpu time"]) < 200
    assert "never to be seen" not in environment
    assert children() == before


def test_a_reading_that_is_left_early_ends_its_child(tmp_path: Path) -> None:
    path = written(tmp_path / "codes.xlsx", many(100_000))
    shape = look(path, file_name="codes.xlsx").shape
    before = children()

    def interrupted() -> None:
        for _ in read(path, shape):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert children() == before


def test_a_child_ends_with_a_reader_that_is_killed(large: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from codes.files import look, read
from tests.codes.files.conftest import children

path = Path(sys.argv[1])
batches = read(path, look(path, file_name="codes.xlsx").shape)
next(batches)
print(*children(), flush=True)
time.sleep(600)
"""
    command = [sys.executable, "-c", script, str(large)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        child = Path("/proc", reader.stdout.readline().strip())
        assert child.exists()

        reader.kill()
        reader.wait()

        wait_until(lambda: not child.exists(), seconds=10, what="the child's end")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook that takes more than a second and more than 100 MiB to read."""
    return written(tmp_path_factory.mktemp("large") / "codes.xlsx", many(900_000))


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [("MEMORY_BYTES", 100 * 2**20, "needs more memory"), ("PROCESSOR_SECONDS", 1, "takes longer to read")],
)
def test_a_child_that_comes_to_a_limit_says_which(
    limit: str, value: int, message: str, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheets, limit, value)

    with pytest.raises(CannotRead, match=message):
        look(large, file_name="codes.xlsx")


def test_a_child_that_says_nothing_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "SILENT_SECONDS", 0.001)

    with pytest.raises(CannotRead, match="takes longer to read"):
        look_at(workbook_of({"Codes": column_of(["AAAA1111"])}), tmp_path)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("print('{}'); sys.exit()", "is damaged"),
        ("os.abort()", "needs more memory"),
        ("os.kill(os.getpid(), 11)", "is damaged"),
        ("print('no JSON')", "is damaged"),
        ("print('x' * 70_000_000)", "needs more memory"),
    ],
)
def test_a_child_that_was_taken_over_cannot_do_more_than_lie(
    answer: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child.py"
    child.write_text(f"import os, sys\n{answer}\n")
    monkeypatch.setattr(spreadsheets, "CHILD", child)

    with pytest.raises(CannotRead, match=message):
        look_at(workbook_of({"Codes": column_of(["AAAA1111"])}), tmp_path)
