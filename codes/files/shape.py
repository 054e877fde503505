"""What is recognised in a file of codes, and what reading it gives."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from core.refusal import Refusal

ROLES = ("code", "type", "campaign", "market", "event")
"""What a column can be. A row gives its values in this order."""

SHOWN_ROWS = 20
"""So many rows below the header are shown before anything is stored."""

MOST_COLUMNS = 256

type Row = tuple[int, str, str, str, str, str]
"""Line (1-based), then what stands in the column of each role; empty where there is no such column."""

type Refused = tuple[int, str]
"""Line (1-based) and reason. The line's text is never kept: it may be a code."""


class CannotRead(Refusal):
    """The file is not read. The message says what the file is and what to do."""

    code = "cannot_read_file"
    status = 400


@dataclass(frozen=True)
class Shape:
    """Everything that was recognised in a file, so that it is read again in the same way."""

    kind: str
    """``text``, ``xlsx`` or ``xls``."""
    is_gzip: bool
    encoding: str
    """A codec's name, such as ``utf-16-le``; empty for spreadsheets."""
    delimiter: str
    """Comma, semicolon or tab; empty where each line is one code."""
    has_header: bool
    columns: tuple[str, ...]
    """The header's names, or ``Column 1`` and so on."""
    sheet: str
    """The name of the sheet that is read; empty for text."""
    roles: dict[str, int]
    """Role to column, from 0. There is always a ``code``."""

    def to_json(self) -> dict[str, Any]:
        """What JSON can keep."""
        return asdict(self) | {"columns": list(self.columns)}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Shape":
        """The shape that ``to_json`` kept."""
        return cls(**{**kept, "columns": tuple(kept["columns"]), "roles": dict(kept["roles"])})


@dataclass(frozen=True)
class Look:
    """A file's shape and its first rows, for a person to judge."""

    shape: Shape
    rows: tuple[tuple[str, ...], ...]
    """The first rows below the header, cells as text."""
    warnings: tuple[str, ...]
    total: int = 0
    """Where ``Batch.done`` ends: bytes of the file, or rows of the sheet."""
    sheets: tuple[str, ...] = ()
    """The workbook's sheets; empty for text."""


@dataclass
class Batch:
    """Some lines of a file, in order."""

    rows: list[Row] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    done: int = 0
    """Bytes of the stored file that were read so far; rows for a spreadsheet."""


def with_roles(shape: Shape, roles: Mapping[str, int], *, has_header: bool | None = None) -> Shape:
    """Give the shape with the columns mapped as a person says.

    :raises CannotRead: no column is the code, a role or a column does not exist, or a column has two roles.
    """
    if "code" not in roles:
        raise CannotRead("Say which column holds the codes.", field="code")
    taken: dict[int, str] = {}
    for role, column in roles.items():
        if role not in ROLES:
            raise CannotRead(f"A column can be {', '.join(ROLES)}; “{role[:40]}” is none of these.")
        if not 0 <= column < len(shape.columns):
            most = len(shape.columns)
            raise CannotRead(f"The file has {most} columns: choose the {role} among them.", field=role)
        if column in taken:
            name = shape.columns[column]
            raise CannotRead(f"The column “{name}” cannot be both {taken[column]} and {role}: choose one.", field=role)
        taken[column] = role
    return replace(shape, roles=dict(roles), has_header=shape.has_header if has_header is None else has_header)
