"""Reading in flat memory, whatever the file: each file is read by a process of its own that tells its peak."""

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.codes.files.building import gzipped, sheet_of, text_cell, workbook_of
from tests.processes import PROJECT

MEBIBYTE = 2**20
MOST_GROWTH = 100 * MEBIBYTE
MOST_IN_CHILD = 2**30
READ = """
import json, resource, sys, time
from pathlib import Path
from codes.files import CannotRead, look, read

def peak():
    # Not ru_maxrss: that begins with the peak of the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

path = Path(sys.argv[1])
before, began = peak(), time.monotonic()
rows = refused = 0
message = ""
try:
    for batch in read(path, look(path, file_name=path.name).shape):
        rows, refused = rows + len(batch.rows), refused + len(batch.refused)
except CannotRead as error:
    message = error.message
growth = peak() - before
child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([rows, refused, message, growth * 1024, child * 1024, time.monotonic() - began]))
"""


class Reading(NamedTuple):
    """What became of a file, and what it cost: bytes beyond those of the imports, and seconds."""

    rows: int
    refused: int
    message: str
    growth: int
    child: int
    seconds: float


def reading_of(path: Path) -> Reading:
    """Look at a file and read it, in a process of its own."""
    command = [sys.executable, "-c", READ, str(path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    return Reading(*json.loads(done.stdout))


def written(path: Path, pieces: Iterator[bytes]) -> Path:
    """The path, with these bytes in it."""
    with path.open("wb") as file:
        file.writelines(pieces)
    return path


def one_line(size: int) -> Iterator[bytes]:
    """A header, a code, and a line of so many bytes."""
    yield b"code\nAAAA1111\n"
    yield from (b"A" * MEBIBYTE for _ in range(size // MEBIBYTE))
    yield b"\nBBBB2222\n"


def wide_lines(size: int) -> Iterator[bytes]:
    """A header, and lines of a million columns."""
    yield b"code,type\nAAAA1111,x\n"
    yield from (b"A," * MEBIBYTE + b"\n" for _ in range(size // (2 * MEBIBYTE)))


def open_quotes(size: int) -> Iterator[bytes]:
    """A header, and lines of which each opens a quotation mark: a quarter of the size, for they take long."""
    yield b"code,type\nAAAA1111,x\n"
    yield from (b'"AAAA1111,x\n' * 20_000 for _ in range(size // MEBIBYTE))


def line_ends(size: int) -> Iterator[bytes]:
    """A header, a code, and nothing but line ends: a quarter of the size, for they are many."""
    yield b"code\nAAAA1111\n"
    yield from (b"\n" * (MEBIBYTE // 4) for _ in range(size // MEBIBYTE))


def nul_bytes(size: int) -> Iterator[bytes]:
    """A megabyte of codes, then NUL bytes."""
    yield b"code\n" + b"AAAA1111\n" * 120_000
    yield from (bytes(MEBIBYTE) for _ in range(size // MEBIBYTE))


BUILDERS = [one_line, wide_lines, open_quotes, line_ends, nul_bytes]


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_memory_does_not_grow_with_the_file(build: Callable[[int], Iterator[bytes]], tmp_path: Path) -> None:
    small = reading_of(written(tmp_path / "small.csv", build(2 * MEBIBYTE)))
    large = reading_of(written(tmp_path / "large.csv", build(8 * MEBIBYTE)))

    assert large.rows >= 1
    assert large.refused >= 1
    assert large.growth < MOST_GROWTH
    assert large.growth < small.growth + 12 * MEBIBYTE


@pytest.mark.soak
@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_a_gigabyte_costs_no_more_memory(build: Callable[[int], Iterator[bytes]], tmp_path: Path) -> None:
    size = 1024 if build not in (line_ends, open_quotes) else 512

    seen = reading_of(written(tmp_path / "codes.csv", build(size * MEBIBYTE)))

    print(f"{size} MiB of {build.__name__}: {seen}")
    assert seen.growth < MOST_GROWTH


@pytest.mark.soak
def test_a_gzip_of_more_than_four_gibibytes_is_refused_in_flat_memory(tmp_path: Path) -> None:
    digits = random.Random(4)
    lines = b"".join(b"%030d%s\n" % (digits.getrandbits(64), b"A" * 3000) for _ in range(22_000))
    member = gzipped(lines)

    seen = reading_of(written(tmp_path / "codes.csv.gz", (member for _ in range(66))))

    print(f"{len(member) * 66:,} bytes for 4 GiB: {seen}")
    assert len(lines) / len(member) < 200
    assert "unpacks to more than 4,096 MiB" in seen.message
    assert seen.growth < MOST_GROWTH


@pytest.mark.soak
@pytest.mark.parametrize("columns", [1, 5])
def test_a_workbook_of_a_million_rows_stays_below_its_limits(columns: int, tmp_path: Path) -> None:
    beside = "".join(text_cell(f"{letter}{{row}}", "presale") for letter in "BCDE"[: columns - 1])
    rows = "".join(
        f'<row r="{row}">{text_cell(f"A{row}", f"CODE{row * 7919:010}")}{beside.format(row=row)}</row>'
        for row in range(1, 1_000_001)
    )
    path = written(tmp_path / "codes.xlsx", iter([workbook_of({"Codes": sheet_of(rows)})]))

    seen = reading_of(path)

    print(f"1,000,000 rows of {columns} columns: {seen}")
    assert seen.rows == 1_000_000
    assert seen.growth < MOST_GROWTH
    assert seen.child < MOST_IN_CHILD
