"""Reading texts: whatever a table of codes is written in, it is read back."""

import codecs
import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codes.files import Batch, CannotRead, look, pieces, read, with_roles
from codes.files.cells import SPACES, problem_of
from tests.codes.files.building import gzipped
from tests.codes.files.conftest import read_whole

MARKS = {"utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
LATIN = st.characters(min_codepoint=0xC0, max_codepoint=0xFF) | st.sampled_from("ABCxyz019 '\"&()")
ANY_SCRIPT = st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp"), exclude_characters=",;\t")
CODE = st.text("ABCDEFGHJKLMNPQRSTUVWXYZabc0123456789._-+/#*", min_size=1, max_size=64).filter(
    lambda text: not problem_of(text)
)


def read_bytes(data: bytes, folder: Path) -> tuple[list[str], list[tuple[int, str]]]:
    """The codes and the refused lines of a file with these bytes."""
    path = folder / "codes.csv"
    path.write_bytes(data)
    return read_whole(path)


class Case(NamedTuple):
    """A table of codes and markets, and the bytes of a file that holds it."""

    rows: list[tuple[str, str]]
    delimiter: str
    has_header: bool
    data: bytes


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any table of codes in any encoding, with any delimiter, line ends, header, mark and packing."""
    encoding = draw(st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "cp1252"]))
    has_mark = encoding in MARKS and draw(st.booleans())
    is_latin = encoding == "cp1252" or (encoding.startswith("utf-16") and not has_mark)
    delimiter = draw(st.sampled_from(["", ",", ";", "\t"]))
    market = st.text(LATIN if is_latin else ANY_SCRIPT, max_size=30).filter(lambda text: text == text.strip(SPACES))
    rows = draw(st.lists(st.tuples(CODE, market if delimiter else st.just("")), min_size=1, max_size=30))
    has_header = draw(st.booleans())
    lines = [["code", "market"], *map(list, rows)] if delimiter else [["code"], *([code] for code, _ in rows)]
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=delimiter or ",",
        lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )
    writer.writerows(lines if has_header else lines[1:])
    data = (MARKS[encoding] if has_mark else b"") + text.getvalue().encode(encoding)
    return Case(rows, delimiter, has_header, gzipped(data) if draw(st.booleans()) else data)


@settings(deadline=None)
@given(cases())
def test_a_table_is_read_back_whatever_it_is_written_in(case: Case) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "codes")
        path.write_bytes(case.data)

        shape = look(path, file_name="codes.csv").shape
        # What no file can say by itself is mapped as a person would.
        roles = {"code": 0, "market": 1} if case.delimiter else {"code": 0}
        shape = with_roles(shape, roles, has_header=case.has_header)
        batches = list(read(path, shape))

    first = 2 if case.has_header else 1
    assert shape.delimiter == case.delimiter
    assert [(row[1], row[4]) for batch in batches for row in batch.rows] == case.rows
    assert [row[0] for batch in batches for row in batch.rows] == list(range(first, first + len(case.rows)))
    assert not any(batch.refused for batch in batches)


PARTS = [b"A1B2C3", b"", b'"', b'"D4E5"', b"\n", b"\r", b"\r\n", b",", b";", b"\xff", b"\0", b"=", b" "]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PARTS)), st.integers(min_value=1, max_value=50))
def test_every_line_of_any_file_is_read_or_refused_once(parts: list[bytes], piece_bytes: int) -> None:
    data = b"code\n" + b"AAAA1111\n" * 100 + b"".join(parts)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE_BYTES", piece_bytes)
        path = Path(folder, "codes")
        path.write_bytes(data)

        shape = look(path, file_name="codes.csv").shape
        batches = list(read(path, shape))

    lines = [line[0] for batch in batches for line in [*batch.rows, *batch.refused]]
    plain = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    count = plain.count(b"\n") + (not plain.endswith(b"\n"))
    assert sorted(lines) == list(range(2, count + 1))


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_lines_keep_their_numbers_across_pieces(
    encoding: str, line_end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 7)
    codes = [f"CODE{number:04}" for number in range(300)]

    found, refused = read_bytes(line_end.join(["code", *codes, ""]).encode(encoding), tmp_path)

    assert found == codes
    assert refused == []


def test_a_long_line_is_refused_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 1000)
    monkeypatch.setattr(pieces, "MOST_IN_LINE", 5000)

    found, refused = read_bytes(b"code\nAAAA1111\r\n" + b"B" * 20_000 + b"\r\nCCCC3333\n" + b"D" * 9_000, tmp_path)

    assert found == ["AAAA1111", "CCCC3333"]
    assert [line for line, _ in refused] == [3, 5]


def test_a_gzip_may_not_unpack_to_more_than_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MOST_UNPACKED_BYTES", 2 * 2**20)
    path = tmp_path / "codes.gz"
    path.write_bytes(gzipped(b"".join(b"CODE%07d\n" % number for number in range(200_000))))
    shape = look(path, file_name="codes.gz").shape
    batches: list[Batch] = []

    with pytest.raises(CannotRead, match="unpacks to more than 2 MiB: split it"):
        batches.extend(read(path, shape))


def test_a_small_gzip_may_be_packed_well(tmp_path: Path) -> None:
    found, _ = read_bytes(gzipped(b"code,market\n" + b"AAAA1111,LAX\n" * 300_000), tmp_path)

    assert len(found) == 300_000


def test_progress_ends_at_the_size_of_the_stored_file(tmp_path: Path) -> None:
    path = tmp_path / "codes.gz"
    path.write_bytes(gzipped(b"".join(b"CODE%07d\n" % number for number in range(200_000))))

    seen = look(path, file_name="codes.gz")
    done = [batch.done for batch in read(path, seen.shape)]

    assert done == sorted(done)
    assert done[-1] == seen.total == path.stat().st_size


def test_a_look_shows_the_first_rows_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_bytes(b"code;city\n" + b"".join(b"CODE%04d;New York\0\n" % number for number in range(500)))

    seen = look(path, file_name="codes.csv")

    assert len(seen.rows) == 20
    assert seen.rows[0] == ("CODE0000", "New York\ufffd")
    assert seen.shape.columns == ("code", "city")
    assert seen.shape.roles == {"code": 0, "market": 1}


def test_numbers_of_different_lengths_are_worth_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("code\n12345678\n2345678\n")

    seen = look(path, file_name="codes.csv")

    assert any("zeros that codes began with" in warning for warning in seen.warnings)
