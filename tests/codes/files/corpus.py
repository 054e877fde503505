"""Damaged and hostile files, each with what the operator must see. All are made by code, at a size that is quick.

``CORPUS`` is for any test that brings files into the product; ``ODD`` are files that look wrong and are good.
"""

import bz2
import io
import lzma
import random
import struct
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.codes.files.building import (
    SECTOR,
    XML,
    column_of,
    gzipped,
    old_container,
    old_workbook,
    shared_strings,
    sheet_of,
    text_cell,
    with_declared_size,
    with_password_flag,
    workbook_of,
    zipped,
)

MEBIBYTE = 2**20


@dataclass(frozen=True)
class Hostile:
    """A file, and a fragment of what is said about it."""

    name: str
    file_name: str
    data: Callable[[], bytes]
    message: str
    codes: tuple[str, ...] | None = None
    """What can be read of it all the same, where the message is about a line; None where the whole file is refused."""

    def build(self, folder: Path) -> Path:
        """Write the file into a folder and give its path."""
        path = folder / self.file_name
        path.write_bytes(self.data())
        return path


@dataclass(frozen=True)
class Odd:
    """A file that looks wrong and is good: exactly these codes are in it, and so many lines are refused."""

    name: str
    file_name: str
    data: Callable[[], bytes]
    codes: tuple[str, ...]
    refused: int = 0

    def build(self, folder: Path) -> Path:
        """Write the file into a folder and give its path."""
        path = folder / self.file_name
        path.write_bytes(self.data())
        return path


GOOD = ("AAAA1111", "BBBB2222", "CCCC3333")
LIST = b"code\nAAAA1111\nBBBB2222\nCCCC3333\n"
BOOK = workbook_of({"Codes": column_of(["code", *GOOD])})
NOISE = random.Random(6).randbytes(20_000)
ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "AAAAAAAAAA">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)


def with_line(line: bytes) -> Callable[[], bytes]:
    """A list of good codes with one line among them."""
    return lambda: b"code\nAAAA1111\n" + line + b"\nBBBB2222\nCCCC3333\n"


def with_cell(cell: str) -> Callable[[], bytes]:
    """A sheet of good codes with one cell in row 3 among them."""
    rows = {1: text_cell("A1", "code"), 2: text_cell("A2", GOOD[0]), 3: cell}
    return lambda: workbook_of({"Codes": sheet_of(rows | {4: text_cell("A4", GOOD[1]), 5: text_cell("A5", GOOD[2])})})


def packed_bomb() -> bytes:
    """80 MiB in a gzip of some 80 KB."""
    return gzipped(b"code\nAAAA1111\n" + (b"A" * 50_000 + b"\n") * 1_680)


def archive_of_tar() -> bytes:
    """A TAR with a list of codes."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        entry = tarfile.TarInfo("codes.csv")
        entry.size = len(LIST)
        archive.addfile(entry, io.BytesIO(LIST))
    return data.getvalue()


def hidden_reach() -> bytes:
    """A sparse sheet that hides how far it reaches behind megabytes of spaces."""
    rows = f'<row r="1">{text_cell("A1", "code")}</row>' + " " * 12 * MEBIBYTE
    rows += f'<row r="1048576">{text_cell("XFD1048576", "x")}</row>' + " " * 3 * MEBIBYTE
    return workbook_of({"Codes": sheet_of(rows)})


def repeated_text() -> bytes:
    """One text of 3 MB that a thousand cells share."""
    text = random.Random(3).randbytes(1_500_000).hex()
    rows = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(1, 1_001))
    return workbook_of({"Codes": sheet_of(rows)}, more={"xl/sharedStrings.xml": shared_strings([text])})


def endless_chain() -> bytes:
    """An old container whose folder leads back to its own beginning."""
    data = bytearray(old_workbook([["code"], ["AAAA1111"]]))
    struct.pack_into("<I", data, SECTOR + 4, 1)
    return bytes(data)


NOT_TEXT = (
    Hostile("nothing at all", "codes.csv", lambda: b"", "is empty"),
    Hostile("only line ends", "codes.csv", lambda: b"\r\n" * 500, "its lines are empty"),
    Hostile("only commas and spaces", "codes.csv", lambda: b" , ,\n" * 50, "its lines are empty"),
    Hostile("a PDF", "codes.csv", lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + NOISE, "is a PDF document"),
    Hostile("a PNG image", "codes.csv", lambda: b"\x89PNG\r\n\x1a\n" + NOISE, "is a PNG image"),
    Hostile("a JPEG image", "codes.txt", lambda: b"\xff\xd8\xff\xe0\x00\x10JFIF" + NOISE, "is a JPEG image"),
    Hostile("a GIF image", "codes.csv", lambda: b"GIF89a\x01\x00\x01\x00" + NOISE, "is a GIF image"),
    Hostile("a ZIP archive", "codes.csv", lambda: zipped({"codes.csv": LIST}), "is a ZIP archive: unpack it"),
    Hostile("an empty ZIP archive", "codes.zip", lambda: zipped({}), "is an empty ZIP archive"),
    Hostile(
        "a Word document",
        "codes.csv",
        lambda: zipped({"[Content_Types].xml": XML, "word/document.xml": XML}),
        "is a Word document",
    ),
    Hostile(
        "a presentation",
        "codes.xlsx",
        lambda: zipped({"[Content_Types].xml": XML, "ppt/presentation.xml": XML}),
        "is a PowerPoint presentation",
    ),
    Hostile(
        "an OpenDocument sheet",
        "codes.xlsx",
        lambda: zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": XML}),
        "is an OpenDocument file",
    ),
    Hostile(
        "a binary workbook",
        "codes.xlsx",
        lambda: zipped({"[Content_Types].xml": XML, "xl/workbook.bin": NOISE}),
        "is a binary Excel workbook (XLSB)",
    ),
    Hostile("a Numbers document", "codes.csv", lambda: zipped({"Index/Document.iwa": NOISE}), "is an Apple Numbers"),
    Hostile(
        "a web page as workbook",
        "codes.xlsx",
        lambda: b"\r\n<!DOCTYPE html><html><table><tr><td>AAAA1111</td></tr></table></html>",
        "is a web page (HTML)",
    ),
    Hostile(
        "a web page in UTF-16",
        "codes.xls",
        lambda: "\ufeff<html><table><tr><td>AAAA1111</td></tr></table></html>".encode("utf-16-le"),
        "is a web page (HTML)",
    ),
    Hostile(
        "a web page of one long line",
        "codes.xls",
        lambda: b"<table>" + b"<tr><td>AAAA1111</td></tr>" * 10_000 + b"</table>",
        "is a web page (HTML)",
    ),
    Hostile("an XML workbook of 2003", "codes.xls", lambda: f"{XML}<Workbook/>".encode(), "is an XML file"),
    Hostile("JSON", "codes.csv", lambda: b'[{"code": "AAAA1111"}]', "is a JSON file"),
    Hostile("a saved mail", "codes.csv", lambda: b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n", "is a saved web"),
    Hostile("an RTF document", "codes.txt", lambda: b"{\\rtf1\\ansi AAAA1111}", "is an RTF document"),
    Hostile("a program", "codes.csv", lambda: b"\x7fELF\x02\x01\x01\x00" + NOISE, "is a program"),
    Hostile("a program for Windows", "codes.xls", lambda: b"MZ\x90\x00\x03\x00\x00\x00" + NOISE, "is a program"),
    Hostile("a database", "codes.csv", lambda: b"SQLite format 3\x00" + NOISE, "is a database"),
    Hostile("a Parquet file", "codes.csv", lambda: b"PAR1\x15\x04\x15\x00" + NOISE, "is a Parquet file"),
    Hostile("a bzip2 archive", "codes.gz", lambda: bz2.compress(LIST), "is a bzip2 archive"),
    Hostile("an xz archive", "codes.gz", lambda: lzma.compress(LIST), "is an xz archive"),
    Hostile("a 7z archive", "codes.csv", lambda: b"7z\xbc\xaf\x27\x1c\x00\x04" + NOISE, "is a 7z archive"),
    Hostile("a RAR archive", "codes.csv", lambda: b"Rar!\x1a\x07\x01\x00" + NOISE, "is a RAR archive"),
    Hostile("a Zstandard archive", "codes.csv", lambda: b"\x28\xb5\x2f\xfd\x04\x58" + NOISE, "is a Zstandard archive"),
    Hostile("a TAR archive", "codes.csv", archive_of_tar, "is a TAR archive: unpack it"),
    Hostile("noise", "codes.csv", lambda: b"\x01" + NOISE, "is not a text file and not a spreadsheet"),
    Hostile("only NUL bytes", "codes.csv", lambda: bytes(30_000), "is not a text file and not a spreadsheet"),
    Hostile("UTF-32", "codes.csv", lambda: LIST.decode().encode("utf-32"), "is a text in UTF-32"),
    Hostile("one line without an end", "codes.csv", lambda: b"A1" * MEBIBYTE, "is longer than 65,536 bytes"),
    Hostile("a million columns", "codes.csv", lambda: b"A1," * 1_000_000 + b"\n", "has more than 256 columns"),
    Hostile("257 columns", "codes.csv", lambda: (b"A1;" * 256 + b"A1\n") * 3, "has more than 256 columns"),
    Hostile("only open quotation marks", "codes.csv", lambda: b'"AAAA1111;x\n"BBBB2222;x\n', "open quotation mark"),
)

PACKED = (
    Hostile("a gzip that ends early", "codes.csv.gz", lambda: gzipped(LIST)[:-12], "ends in the middle"),
    Hostile("a gzip that ends in its head", "codes.csv.gz", lambda: gzipped(LIST)[:6], "ends in the middle"),
    Hostile("a gzip with a wrong checksum", "codes.csv.gz", lambda: gzipped(LIST)[:-8] + bytes(8), "is damaged"),
    Hostile("a gzip with noise after it", "codes.csv.gz", lambda: gzipped(LIST) + b"noise", "is damaged"),
    Hostile("a gzip of nothing", "codes.csv.gz", lambda: gzipped(b""), "is empty"),
    Hostile("a gzip of a workbook", "codes.xlsx.gz", lambda: gzipped(BOOK), "has another packed file inside"),
    Hostile("a gzip of a gzip", "codes.gz", lambda: gzipped(gzipped(LIST)), "has another packed file inside"),
    Hostile("a gzip of a PDF", "codes.csv.gz", lambda: gzipped(b"%PDF-1.7\n" + NOISE), "is a PDF document"),
    Hostile("a gzip bomb", "codes.csv.gz", packed_bomb, "unpacks to more than 200 times its size"),
)

WORKBOOKS = (
    Hostile(
        "a sparse workbook of 1.4 KB",
        "codes.xlsx",
        lambda: workbook_of({"Codes": sheet_of({1: text_cell("A1", "x"), 1048576: text_cell("XFD1048576", "x")})}),
        "The sheet “Codes” reaches to cell XFD1048576 but holds hardly anything",
    ),
    Hostile(
        "a sparse workbook that says it is small",
        "codes.xlsx",
        lambda: workbook_of(
            {
                "Codes": sheet_of({1: text_cell("A1", "x"), 900000: text_cell("ZZ900000", "x")}).replace(
                    "<sheetData>", '<dimension ref="A1:A2"/><sheetData>'
                )
            }
        ),
        "reaches to cell ZZ900000",
    ),
    Hostile("a sparse workbook that hides it", "codes.xlsx", hidden_reach, "needs more memory than a list of codes"),
    Hostile(
        "a row that no sheet has",
        "codes.xlsx",
        lambda: workbook_of({"Codes": sheet_of({1: text_cell("A99999999999", "x")})}),
        "reaches to cell A99999999999",
    ),
    Hostile(
        "a column that no sheet has",
        "codes.xlsx",
        lambda: workbook_of({"Codes": sheet_of({1: text_cell("ZZZZZZ1", "x")})}),
        "reaches to cell ZZZZZZ1",
    ),
    Hostile(
        "a zip bomb",
        "codes.xlsx",
        lambda: workbook_of({"Codes": sheet_of(" " * 80 * MEBIBYTE)}),
        "unpacks to far more than its size",
    ),
    Hostile(
        "a zip that declares too much",
        "codes.xlsx",
        lambda: with_declared_size(BOOK, "xl/worksheets/sheet1.xml", 2**32 - 2),
        "unpacks to far more than its size",
    ),
    Hostile(
        "a zip that declares too little",
        "codes.xlsx",
        lambda: with_declared_size(BOOK, "xl/worksheets/sheet1.xml", 100),
        "is damaged",
    ),
    Hostile(
        "too many parts",
        "codes.xlsx",
        lambda: workbook_of({"Codes": column_of(GOOD)}, more={f"xl/media/{n}.png": b"" for n in range(3_000)}),
        "has 3,006 parts",
    ),
    Hostile("one text a thousand times", "codes.xlsx", repeated_text, "needs more memory than a list of codes"),
    Hostile(
        "entities in a sheet",
        "codes.xlsx",
        lambda: workbook_of({"Codes": sheet_of({1: text_cell("A1", "&i;")}, before=ENTITIES)}),
        "holds XML entities",
    ),
    Hostile(
        "entities in the list of sheets",
        "codes.xlsx",
        lambda: workbook_of({"Codes": column_of(GOOD)}, before=ENTITIES),
        "list of sheets is not as spreadsheet programs write it",
    ),
    Hostile(
        "entities among the shared texts",
        "codes.xlsx",
        lambda: workbook_of(
            {"Codes": sheet_of('<row r="1"><c r="A1" t="s"><v>0</v></c></row>')},
            more={"xl/sharedStrings.xml": shared_strings(["&i;"], before=ENTITIES)},
        ),
        "is damaged",
    ),
    Hostile("a workbook that ends early", "codes.xlsx", lambda: BOOK[: len(BOOK) * 2 // 3], "is damaged"),
    Hostile("a workbook with noise in it", "codes.xlsx", lambda: BOOK[:400] + NOISE[:300] + BOOK[700:], "is damaged"),
    Hostile(
        "a sheet that ends early",
        "codes.xlsx",
        lambda: workbook_of({"Codes": column_of(["code", *GOOD])[:-40]}),
        "is damaged",
    ),
    Hostile(
        "a shared text that is not there",
        "codes.xlsx",
        lambda: workbook_of({"Codes": sheet_of('<row r="1"><c r="A1" t="s"><v>7</v></c></row>')}),
        "is damaged",
    ),
    Hostile("no sheet at all", "codes.xlsx", lambda: workbook_of({}), "has no sheet with cells"),
    Hostile(
        "only empty sheets", "codes.xlsx", lambda: workbook_of({"A": sheet_of(""), "B": sheet_of("")}), "empty sheets"
    ),
    Hostile(
        "a sheet that is not there",
        "codes.xlsx",
        lambda: workbook_of({"Codes": column_of(GOOD)}, more={"xl/_rels/workbook.xml.rels": XML + "<Relationships/>"}),
        "is damaged",
    ),
    Hostile(
        "a sheet of 300 columns",
        "codes.xlsx",
        lambda: workbook_of(
            {
                "Codes": sheet_of(
                    {1: "".join(f'<c r="{chr(65 + n // 26)}{chr(65 + n % 26)}1"><v>1</v></c>' for n in range(300))}
                )
            }
        ),
        "has more than 256 columns",
    ),
    Hostile(
        "a workbook with a password",
        "codes.xlsx",
        lambda: old_container("EncryptedPackage", NOISE),
        "is protected with a password",
    ),
    Hostile("a zip with a password", "codes.xlsx", lambda: with_password_flag(BOOK), "is protected with a password"),
    Hostile(
        "an old workbook with a password",
        "codes.xls",
        lambda: old_workbook([["code"], ["AAAA1111"]], is_protected=True),
        "is protected with a password",
    ),
    Hostile(
        "an old Word document", "codes.xls", lambda: old_container("WordDocument", NOISE), "is an old Word document"
    ),
    Hostile(
        "an old presentation",
        "codes.xls",
        lambda: old_container("PowerPoint Document", NOISE),
        "is an old PowerPoint presentation",
    ),
    Hostile("an old container of noise", "codes.xls", lambda: old_container("Workbook", NOISE), "is damaged"),
    Hostile("an old container's head", "codes.xls", lambda: old_workbook([["code"]])[:520], "is damaged"),
    Hostile("an old container that turns in circles", "codes.xls", endless_chain, "needs more memory"),
)

LINES = (
    Hostile("a rounded number", "codes.csv", with_line(b"1.23E+11"), "rounded number", GOOD),
    Hostile("a rounded number with a comma", "codes.csv", with_line(b"1,23E+11"), "rounded number", GOOD),
    Hostile("a date", "codes.csv", with_line(b"2027-02-01 00:00:00"), "into a date", GOOD),
    Hostile("an American date", "codes.csv", with_line(b"2/1/2027"), "into a date", GOOD),
    Hostile("a German date", "codes.csv", with_line(b"01.02.2027"), "into a date", GOOD),
    Hostile("a day and month", "codes.csv", with_line(b"2-Mar"), "into a date", GOOD),
    Hostile("a month and year", "codes.csv", with_line(b"Mar-27"), "into a date", GOOD),
    Hostile("an error value", "codes.csv", with_line(b"#N/A"), "error value", GOOD),
    Hostile("a formula", "codes.csv", with_line(b"=A1+1"), "is a formula", GOOD),
    Hostile("a formula in quotation marks", "codes.csv", with_line(b'"=HYPERLINK(""x"")"'), "is a formula", GOOD),
    Hostile("a formula with a plus", "codes.csv", with_line(b"+1+cmd|' /C calc'!A0"), "is a formula", GOOD),
    Hostile("a formula with a minus", "codes.csv", with_line(b"-2+3*4"), "is a formula", GOOD),
    Hostile("a formula with an at", "codes.csv", with_line(b"@SUM(1+1)"), "is a formula", GOOD),
    Hostile("zeros kept by a formula", "codes.csv", with_line(b'="00012345"'), "is a formula", GOOD),
    Hostile("NUL bytes in a line", "codes.csv", with_line(b"AB\0\0CD12"), "control characters or NUL", GOOD),
    Hostile("control characters in a line", "codes.csv", with_line(b"AB\x1b[31m"), "control characters or NUL", GOOD),
    Hostile("a unit separator in quotes", "codes.csv", with_line(b'"AB"\x1fCD'), "control characters or NUL", GOOD),
    Hostile("an open quotation mark", "codes.csv", with_line(b'"DDDD4444'), "never closed", GOOD),
    Hostile(
        "a field over two lines",
        "codes.csv",
        lambda: b'code,type\nAAAA1111,x\n"DDDD\n4444",x\nBBBB2222,x\nCCCC3333,x\n',
        "never closed",
        GOOD,
    ),
    Hostile("a code of 65 letters", "codes.csv", with_line(b"A" * 65), "longer than 64 characters", GOOD),
    Hostile("a line of 600 KB", "codes.csv", with_line(b"A" * 600_000), "longer than 65,536 bytes", GOOD),
    Hostile("an empty line", "codes.csv", with_line(b""), "line is empty", GOOD),
    Hostile("a space in a code", "codes.csv", with_line(b"DDDD 4444"), "characters other than", GOOD),
    Hostile("a letter of another script", "codes.csv", with_line("ВBBB4444".encode()), "characters other than", GOOD),
    Hostile("an invisible letter", "codes.csv", with_line("DDDD\u200b4444".encode()), "characters other than", GOOD),
    Hostile("bytes that are no UTF-8", "codes.csv", with_line(b"DD\xff\xfe44"), "characters other than", GOOD),
    Hostile(
        "half a character of UTF-16",
        "codes.csv",
        lambda: LIST.decode().encode("utf-16") + b"\x00\xd8",
        "characters other than",
        GOOD,
    ),
    Hostile(
        "lines that end early",
        "codes.csv",
        lambda: b"type;code\nx;AAAA1111\nx\nx;BBBB2222\nx;CCCC3333\n",
        "ends before the column of the codes",
        GOOD,
    ),
    Hostile(
        "a NUL beside a code",
        "codes.csv",
        lambda: b"code,market\nAAAA1111,LAX\nDDDD4444,L\0X\nBBBB2222,LAX\nCCCC3333,LAX\n",
        "control characters or NUL",
        GOOD,
    ),
    Hostile(
        "a market like a novel",
        "codes.csv",
        lambda: b"code,market\nAAAA1111,LAX\nDDDD4444," + b"x" * 300 + b"\nBBBB2222,LAX\nCCCC3333,LAX\n",
        "The market is longer than 200 characters",
        GOOD,
    ),
    Hostile("a truth value", "codes.xlsx", with_cell('<c r="A3" t="b"><v>1</v></c>'), "TRUE or FALSE", GOOD),
    Hostile("an error cell", "codes.xlsx", with_cell('<c r="A3" t="e"><v>#REF!</v></c>'), "error value", GOOD),
    Hostile("a date cell", "codes.xlsx", with_cell('<c r="A3" s="1"><v>46419</v></c>'), "into a date", GOOD),
    Hostile("16 digits", "codes.xlsx", with_cell('<c r="A3"><v>1234567890123456</v></c>'), "rounded number", GOOD),
    Hostile("a huge number", "codes.xlsx", with_cell('<c r="A3"><v>1e308</v></c>'), "rounded number", GOOD),
    Hostile("a fraction", "codes.xlsx", with_cell('<c r="A3"><v>12.5</v></c>'), "number with a fraction", GOOD),
    Hostile(
        "an uncounted formula", "codes.xlsx", with_cell('<c r="A3"><f>B3&amp;C3</f></c>'), "never calculated", GOOD
    ),
    Hostile("a formula as text", "codes.xlsx", with_cell(text_cell("A3", "=1+1")), "is a formula", GOOD),
    Hostile("a row that is empty", "codes.xlsx", with_cell(""), "line is empty", GOOD),
    Hostile("a cell of a megabyte", "codes.xlsx", with_cell(text_cell("A3", "A" * MEBIBYTE)), "longer than 64", GOOD),
    Hostile(
        "16 digits in an old workbook",
        "codes.xls",
        lambda: old_workbook([["code"], [GOOD[0]], [1e15], [GOOD[1]], [GOOD[2]]]),
        "rounded number",
        GOOD,
    ),
)

CORPUS: list[Hostile] = [*NOT_TEXT, *PACKED, *WORKBOOKS, *LINES]

ODD: list[Odd] = [
    Odd("mixed line ends", "codes.txt", lambda: b"AAAA1111\rBBBB2222\r\nCCCC3333\n", GOOD),
    Odd("no line end at the end", "codes.txt", lambda: b"AAAA1111\r\nBBBB2222\r\nCCCC3333", GOOD),
    Odd("a mark at the beginning", "codes.csv", lambda: b"\xef\xbb\xbf" + LIST, GOOD),
    Odd("marks in the middle", "codes.csv", lambda: LIST + b"\xef\xbb\xbfDDDD4444\n", (*GOOD, "DDDD4444")),
    Odd("UTF-16 without a mark", "codes.csv", lambda: LIST.decode().encode("utf-16-be"), GOOD),
    Odd("spaces around", "codes.csv", lambda: "code\n AAAA1111\t\nBBBB2222\xa0\n CCCC3333 \n".encode(), GOOD),
    Odd("two gzip members", "codes.gz", lambda: gzipped(LIST[:12]) + gzipped(b"") + gzipped(LIST[12:]), GOOD),
    Odd("a gzip with zeros after it", "codes.csv.gz", lambda: gzipped(LIST) + bytes(700), GOOD),
    Odd("a workbook called CSV", "codes.csv", lambda: BOOK, GOOD),
    Odd("a list called XLSX", "codes.xlsx", lambda: LIST, GOOD),
    Odd("an old workbook", "codes.xls", lambda: old_workbook([["code"], *([code] for code in GOOD)]), GOOD),
    Odd(
        "what Excel declares",
        "codes.csv",
        lambda: b"sep=;\r\nmarket;code\r\nLAX;AAAA1111\r\nLAX;BBBB2222\r\n",
        GOOD[:2],
    ),
    Odd("a French header", "codes.csv", lambda: "Marché;Code d’accès\nNCE;AAAA1111\n".encode("cp1252"), GOOD[:1]),
    Odd("an unknown header", "codes.csv", lambda: b"Voucher no.:\nAAAA1111\nBBBB2222\nCCCC3333\n", GOOD),
    Odd("empty lines before the header", "codes.csv", lambda: b"\n\n" + LIST, GOOD, refused=2),
    Odd("every field in quotes", "codes.csv", lambda: b'"code";"type"\n"AAAA1111";"a;b"\n"BBBB2222";"c"\n', GOOD[:2]),
    Odd(
        "a code that begins with a sign",
        "codes.txt",
        lambda: b"-AAAA1111\n+BBBB2222\n#CC/C.3_3*\n",
        ("-AAAA1111", "+BBBB2222", "#CC/C.3_3*"),
    ),
    Odd(
        "codes like another file's beginning",
        "codes.txt",
        lambda: b"MZAA1111\nPAR12222\nGIF89a33\n",
        ("MZAA1111", "PAR12222", "GIF89a33"),
    ),
    Odd(
        "other bytes in one line", "codes.csv", lambda: b"code,market\nAAAA1111,S\xc3\xa3o\nBBBB2222,S\xe3o\n", GOOD[:2]
    ),
    Odd(
        "numbers as codes",
        "codes.xlsx",
        lambda: workbook_of({"A": sheet_of({1: '<c r="A1"><v>123456789012345</v></c>'})}),
        ("123456789012345",),
    ),
    Odd(
        "cells without places",
        "codes.xlsx",
        lambda: workbook_of({"A": sheet_of("<row><c><v>1111</v></c></row><row><c><v>2222</v></c></row>")}),
        ("1111", "2222"),
    ),
    Odd(
        "a table that begins at C5",
        "codes.xlsx",
        lambda: workbook_of({"A": sheet_of({5: text_cell("C5", "code"), 6: text_cell("C6", GOOD[0])})}),
        GOOD[:1],
        refused=4,
    ),
    Odd(
        "codes on a second sheet",
        "codes.xlsx",
        lambda: workbook_of({"Notes": column_of(["Read me"]), "Codes": column_of(["code", *GOOD])}),
        GOOD,
    ),
    Odd(
        "a hidden first sheet",
        "codes.xlsx",
        lambda: workbook_of({"Old": column_of(["x"]), "New": column_of(["code", *GOOD])}, hidden=["Old"]),
        GOOD,
    ),
    Odd(
        "a counted formula",
        "codes.xlsx",
        lambda: workbook_of({"A": sheet_of({1: '<c r="A1" t="str"><f>B1</f><v>AAAA1111</v></c>'})}),
        GOOD[:1],
    ),
]
