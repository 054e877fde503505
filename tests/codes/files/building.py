"""Files made by hand: workbooks part by part, Microsoft's old container sector by sector, and ZIPs that lie."""

import gzip
import io
import struct
import zipfile
from collections.abc import Mapping, Sequence

XML = '<?xml version="1.0" encoding="UTF-8"?>'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
SECTOR = 512
END_OF_CHAIN, FREE, FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    """A ZIP of these parts."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return data.getvalue()


def text_cell(place: str, text: str) -> str:
    """A cell with its text in it."""
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def sheet_of(rows: Mapping[int, str] | str, *, before: str = "") -> str:
    """A sheet's XML from its rows, each the XML of its cells."""
    if not isinstance(rows, str):
        rows = "".join(f'<row r="{number}">{cells}</row>' for number, cells in rows.items())
    return f'{XML}{before}<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def column_of(cells: Sequence[str]) -> str:
    """A sheet with these texts below each other in column A."""
    return sheet_of({row: text_cell(f"A{row}", cell) for row, cell in enumerate(cells, start=1)})


def workbook_of(
    sheets: Mapping[str, str | bytes],
    *,
    more: Mapping[str, str | bytes] | None = None,
    hidden: Sequence[str] = (),
    before: str = "",
) -> bytes:
    """An XLSX workbook of these sheets; ``more`` adds parts or replaces them."""
    states = {name: ' state="hidden"' if name in hidden else "" for name in sheets}
    names = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"{states[name]}/>' for n, name in enumerate(sheets, start=1)
    )
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    parts = {
        "[Content_Types].xml": f'{XML}<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'{XML}<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{XML}{before}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">'
        f"<sheets>{names}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'{XML}<Relationships xmlns="{PACKAGE}/relationships">{links}</Relationships>',
        "xl/styles.xml": f'{XML}<styleSheet xmlns="{MAIN}"><cellXfs count="2"><xf numFmtId="0"/>'
        '<xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>',
    }
    return zipped(
        {
            **parts,
            **{f"xl/worksheets/sheet{n}.xml": xml for n, xml in enumerate(sheets.values(), start=1)},
            **(more or {}),
        }
    )


def shared_strings(texts: Sequence[str], *, before: str = "") -> str:
    """The part that holds a workbook's texts."""
    return f'{XML}{before}<sst xmlns="{MAIN}">' + "".join(f"<si><t>{text}</t></si>" for text in texts) + "</sst>"


def old_container(stream: str, content: bytes) -> bytes:
    """A file in Microsoft's old container with one stream."""
    content = content.ljust(4096, b"\0")  # What is smaller would go into another kind of sector.
    count = -(-len(content) // SECTOR)
    chain = [FAT, END_OF_CHAIN, *range(3, count + 2), END_OF_CHAIN]
    table = struct.pack("<128I", *(chain + [FREE] * (128 - len(chain))))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, END_OF_CHAIN, 0, END_OF_CHAIN, 0)
    header += struct.pack("<109I", 0, *[FREE] * 108)
    folder = _entry("Root Entry", 5, child=1, start=END_OF_CHAIN, size=0) + _entry(
        stream, 2, start=2, size=len(content)
    )
    folder += bytes(2 * 128)
    return header + table + folder + content.ljust(count * SECTOR, b"\0")


def _entry(name: str, kind: int, *, start: int, size: int, child: int = FREE) -> bytes:
    text = name.encode("utf-16-le") + b"\0\0"
    return (
        text.ljust(64, b"\0")
        + struct.pack("<HBBIII", len(text), kind, 1, FREE, FREE, child)
        + bytes(36)
        + struct.pack("<IQ", start, size)
    )


def old_workbook(rows: Sequence[Sequence[str | float]], *, sheet: str = "Codes", is_protected: bool = False) -> bytes:
    """An XLS workbook with one sheet."""
    beginning = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 0))
    if is_protected:
        beginning += _record(0x002F, struct.pack("<HHH", 1, 1, 1))
    name = struct.pack("<BB", len(sheet), 0) + sheet.encode("latin-1")
    place = len(beginning) + 4 + 6 + len(name) + 4
    stream = beginning + _record(0x0085, struct.pack("<IH", place, 0) + name) + _record(0x000A, b"")
    stream += _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 0))
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            where = struct.pack("<HHH", row, column, 0)
            if isinstance(cell, str):
                text = struct.pack("<HB", len(cell), 0) + cell.encode("latin-1")
                stream += _record(0x0204, where + text)
            else:
                stream += _record(0x0203, where + struct.pack("<d", cell))
    return old_container("Workbook", stream + _record(0x000A, b""))


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def with_declared_size(package: bytes, part: str, size: int) -> bytes:
    """The ZIP with another unpacked size declared for a part, in both places that say it."""
    data = bytearray(package)
    with zipfile.ZipFile(io.BytesIO(package)) as opened:
        entry = opened.getinfo(part)
    struct.pack_into("<I", data, entry.header_offset + 22, size)
    central = data.rindex(b"PK\x01\x02", 0, data.rindex(part.encode()))
    struct.pack_into("<I", data, central + 24, size)
    return bytes(data)


def with_password_flag(package: bytes) -> bytes:
    """The ZIP with every part marked as encrypted."""
    data = bytearray(package)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 4)
    return bytes(data)


def gzipped(data: bytes) -> bytes:
    """A gzip member without a time, so that it is always the same."""
    return gzip.compress(data, mtime=0)
