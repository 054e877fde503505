"""What a file is, judged by its first bytes: a name says nothing."""

from codes.files.shape import CannotRead

ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
GZIP = b"\x1f\x8b"

SAVE_AS = "Save the codes as CSV or XLSX and upload that file."

FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"RIFF", "a media file"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3\x00", "a database"),
    (b"PAR1", "a Parquet file"),
    (b"{\\rtf", "an RTF document"),
)
"""How files begin that hold no list of codes, and what they are called."""

COULD_BE_CODES = (b"GIF87a", b"GIF89a", b"RIFF", b"BZh", b"MZ", b"PAR1")
"""A code may begin like this; the file is foreign only where bytes follow that no text has."""

MARKUP: tuple[tuple[str, str], ...] = (
    ("<!doctype html", "a web page (HTML)"),
    ("<html", "a web page (HTML)"),
    ("<table", "a web page (HTML)"),
    ("<head", "a web page (HTML)"),
    ("<meta", "a web page (HTML)"),
    ("<?xml", "an XML file"),
    ("<", "an XML file or a web page"),
    ("{", "a JSON file"),
    ("[", "a JSON file"),
    ("mime-version:", "a saved web page or mail"),
)
"""How texts begin that are no table; no code has these characters."""

# Control characters that a text does not have; tab, line ends, form feed and NUL are judged elsewhere.
CONTROL = bytes(set(range(32)) - {0, 9, 10, 11, 12, 13, 26})
TAR_MARK = slice(257, 262)


def refuse_foreign(head: bytes, *, name: str) -> None:
    """Refuse what is evidently no text; ``head`` is the file's beginning, unpacked where it was packed.

    :raises CannotRead: it is a document, an image, an archive, a web page, or no text at all.
    """
    start_bytes = head[:512]
    has_binary = len(start_bytes.translate(None, CONTROL + b"\0")) < len(start_bytes)
    if head.startswith((ZIP, OLE, GZIP)):
        raise CannotRead(f"{name} has another packed file inside: unpack it and upload what is in it.", field="file")
    for start, what in FOREIGN:
        if head.startswith(start) and (has_binary or start not in COULD_BE_CODES):
            raise CannotRead(f"{name} is {what}, not a list of codes. {SAVE_AS}", field="file")
    if head[TAR_MARK] == b"ustar":
        raise CannotRead(f"{name} is a TAR archive: unpack it and upload the file that is in it.", field="file")


def refuse_markup(start: str, *, name: str) -> None:
    """Refuse a text that begins as no table of codes does, such as a web page that is called .xls.

    :raises CannotRead: it is HTML, XML or JSON.
    """
    text = start.lstrip().lower()
    for beginning, what in MARKUP:
        if text.startswith(beginning):
            raise CannotRead(f"{name} is {what}, whatever its name says. {SAVE_AS}", field="file")


def refuse_binary(head: bytes, *, name: str) -> None:
    """Refuse what has so many control characters that it cannot be text of one byte a character.

    :raises CannotRead: more than one byte in ten is NUL or another control character.
    """
    strange = len(head) - len(head.translate(None, CONTROL + b"\0"))
    if strange * 10 > len(head):
        raise CannotRead(f"{name} is not a text file and not a spreadsheet. {SAVE_AS}", field="file")
