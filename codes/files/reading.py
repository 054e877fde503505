"""Looking at a file of codes and reading it, whatever kind it is."""

from collections.abc import Iterator
from pathlib import Path

from codes.files.cells import shown
from codes.files.kinds import GZIP, OLE, ZIP
from codes.files.shape import Batch, Look, Shape
from codes.files.spreadsheets import look_at_spreadsheet, read_spreadsheet
from codes.files.text import look_at_text, read_text

MOST_IN_SHOWN_NAME = 80


def look(path: Path, *, file_name: str, sheet: str = "") -> Look:
    """Recognise a file and give its first rows. ``file_name`` is what the person calls it, ``sheet`` what she chose.

    :raises CannotRead: it holds no codes that can be read.
    """
    (shown_name,) = shown([Path(file_name).name[-MOST_IN_SHOWN_NAME:]])
    name = f"“{shown_name}”"
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(ZIP):
        return look_at_spreadsheet(path, kind="xlsx", name=name, sheet=sheet)
    if start.startswith(OLE):
        return look_at_spreadsheet(path, kind="xls", name=name, sheet=sheet)
    return look_at_text(path, is_gzip=start.startswith(GZIP), name=name)


def read(path: Path, shape: Shape) -> Iterator[Batch]:
    """The file's lines in batches of about 20,000, in flat memory.

    :raises CannotRead: it turned out to be damaged, or larger than any list of codes.
    """
    return read_text(path, shape) if shape.kind == "text" else read_spreadsheet(path, shape)
