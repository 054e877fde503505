"""Reading texts: CSV, TSV and plain lists, of any size, encoding and line ends."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from codes.files.cells import EMPTY_LINE, LOST_ZEROS, SPACES, shown
from codes.files.columns import DELIMITERS, check_count, declared_delimiter, delimiter_of, recognised
from codes.files.encoding import encoding_of
from codes.files.kinds import refuse_binary, refuse_foreign, refuse_markup
from codes.files.pieces import MOST_IN_LINE, TOO_LONG, Block, blocks_of, head_of, pieces_of, plain_pieces
from codes.files.rows import (
    NO_DELIMITER,
    columns_of,
    fields_of,
    rows_of_codes,
    rows_of_columns,
    rows_of_table,
    table_of,
)
from codes.files.shape import MOST_COLUMNS, SHOWN_ROWS, Batch, CannotRead, Look, Refused, Shape

HEAD_BYTES = 2**20
"""What of a file is looked at before it is read: its first lines are in there, or they are no codes."""

JUDGED_LINES = 200
EMPTY = "{} holds no codes: its lines are empty. Choose the file that holds the codes."
NOTHING = SPACES + DELIMITERS
"""A line of these alone is empty."""


def look_at_text(path: Path, *, is_gzip: bool, name: str) -> Look:
    """Recognise a text by its beginning.

    :raises CannotRead: it is something else, or holds no lines of codes.
    """
    head, is_whole = head_of(path, is_gzip=is_gzip, most=HEAD_BYTES)
    if not head:
        raise CannotRead(f"{name} is empty: choose the file that holds the codes.", field="file")
    refuse_foreign(head, name=name)
    encoding = encoding_of(head, name=name)
    if not encoding.startswith("utf-16"):
        refuse_binary(head, name=name)
    lines = _first_lines(head, encoding=encoding, is_whole=is_whole, name=name)
    delimiter = delimiter_of(lines)
    if declared_delimiter(lines[0]):
        del lines[0]
    if not lines:
        raise CannotRead(EMPTY.format(name), field="file")
    table = [fields_of(line, delimiter or NO_DELIMITER) for line in lines]
    rows = [fields for fields in table if isinstance(fields, list)]
    if not rows:
        raise CannotRead(f"{name} has no line without an open quotation mark: save the codes anew.", field="file")
    check_count(len(rows[0]), name=name)
    columns = recognised([fields[:MOST_COLUMNS] for fields in rows])
    shape = Shape(
        kind="text",
        is_gzip=is_gzip,
        encoding=encoding,
        delimiter=delimiter,
        has_header=columns.has_header,
        columns=columns.names,
        sheet="",
        roles=columns.roles,
    )
    below = rows[1:] if columns.has_header else rows
    warnings = (*columns.warnings, *_warnings(shape, below))
    seen = tuple(shown(fields[:MOST_COLUMNS]) for fields in below[:SHOWN_ROWS])
    return Look(shape, seen, warnings, total=path.stat().st_size)


def _warnings(shape: Shape, below: Sequence[Sequence[str]]) -> Iterator[str]:
    if shape.encoding == "cp1252":
        yield "The file is not in UTF-8: it is read as Windows-1252."
    if not below:
        yield "The file has a header and no codes below it."
    column = shape.roles["code"]
    codes = [row[column].strip(SPACES) for row in below if column < len(row)]
    if codes and all(code.isdigit() for code in codes) and len(set(map(len, codes))) > 1:
        yield LOST_ZEROS.format(shape.columns[column])


def _first_lines(head: bytes, *, encoding: str, is_whole: bool, name: str) -> list[str]:
    """The first lines that are not empty.

    :raises CannotRead: there is none, it is no table, or the first is longer than any line of codes.
    """
    plain = b"".join(piece for piece, _ in plain_pieces(iter([(head, 0)]), encoding=encoding)).lstrip(b"\n")
    refuse_markup(plain[:512].decode("utf-8", "replace"), name=name)
    lines = plain.split(b"\n", JUDGED_LINES * 5)
    if len(lines) > 1 and (not is_whole or len(lines) > JUDGED_LINES * 5):
        del lines[-1]  # It may be cut.
    if len(lines[0]) > MOST_IN_LINE:
        check_count(max(lines[0].count(delimiter.encode()) for delimiter in DELIMITERS) + 1, name=name)
        raise CannotRead(
            f"The first line of {name} is longer than {MOST_IN_LINE:,} bytes: put each code on a line of its own.",
            field="file",
        )
    texts = [_line_of(line, encoding=encoding) for line in lines]
    full = [text for text in texts if text.strip(NOTHING)][:JUDGED_LINES]
    if not full:
        raise CannotRead(EMPTY.format(name), field="file")
    return full


def read_text(path: Path, shape: Shape) -> Iterator[Batch]:
    """The file's lines in batches.

    :raises CannotRead: the gzip is damaged, or unpacks to more than any list of codes.
    """
    pieces = plain_pieces(pieces_of(path, is_gzip=shape.is_gzip), encoding=shape.encoding)
    has_begun = False
    for block in blocks_of(pieces):
        if block.is_too_long:
            yield Batch(refused=[(block.number, TOO_LONG)], done=block.done)
            continue
        lines = _lines_of(block, encoding=shape.encoding)
        before: list[Refused] = []
        number = block.number
        if not has_begun:
            skipped, before, has_begun = _before_codes(lines, number=number, has_header=shape.has_header)
            lines, number = lines[skipped:], number + skipped
            block = Block(number, "".join(f"{line}\n" for line in lines).encode("utf-8", "replace"), block.done)
        batch = _batch(block, lines, shape)
        batch.refused[:0] = before
        yield batch


def _batch(block: Block, lines: list[str], shape: Shape) -> Batch:
    if not lines:
        return Batch(done=block.done)
    if not shape.delimiter:
        return Batch(*rows_of_codes(block.number, block.lines, lines), block.done)
    numbers = range(block.number, block.number + len(lines))
    table = table_of(lines, shape.delimiter) if b'"' in block.lines else None
    columns = columns_of(lines, table, shape.delimiter, shape.roles)
    rows = rows_of_columns(numbers, columns) if columns is not None else None
    if rows is not None:
        return Batch(rows, [], block.done)
    return Batch(*rows_of_table(numbers, table or table_of(lines, shape.delimiter), shape.roles), block.done)


def _before_codes(lines: Sequence[str], *, number: int, has_header: bool) -> tuple[int, list[Refused], bool]:
    """How many lines stand before the first code, which of them are refused, and whether the first code is reached."""
    refused: list[Refused] = []
    for skipped, line in enumerate(lines):
        if number + skipped == 1 and declared_delimiter(line):
            continue
        if line.strip(NOTHING):
            return skipped + has_header, refused, True
        refused.append((number + skipped, EMPTY_LINE))
    return len(lines), refused, False


def _lines_of(block: Block, *, encoding: str) -> list[str]:
    body = block.lines[:-1]
    try:
        # All at once where that can be: a line that is not valid is met once in many blocks.
        return body.decode(encoding if encoding == "cp1252" else "utf-8").split("\n")
    except UnicodeDecodeError:
        pass
    return [_line_of(line, encoding=encoding) for line in body.split(b"\n")]


def _line_of(line: bytes, *, encoding: str) -> str:
    """A line as text. One that is not valid UTF-8 is taken for Windows-1252, as in files that programs add to."""
    if encoding != "cp1252":
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return line.decode("cp1252", "replace")
