"""Which encoding a text is in, judged by its beginning."""

import codecs

from codes.files.shape import CannotRead

MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks and what they say."""

SAMPLE_BYTES = 4096


def encoding_of(head: bytes, *, name: str) -> str:
    """The codec that the text is read with.

    A text without a mark is UTF-16 where every other byte is NUL, as in any list of codes; else it is UTF-8 where
    most letters beyond ASCII are valid UTF-8, and Windows-1252 where they are not.

    :raises CannotRead: it is in UTF-32.
    """
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise CannotRead(f"{name} is a text in UTF-32: save it as “CSV UTF-8”.", field="file")
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding
    sample = head[:SAMPLE_BYTES]
    units = len(sample) // 2
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if units and odd > units * 0.7 and not even:
        return "utf-16-le"
    if units and even > units * 0.7 and not odd:
        return "utf-16-be"
    # A line that is not valid is read as the other encoding, so this only says what most of the text is.
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head)
    wrong = text.count("\ufffd")
    right = 0 if text.isascii() else sum(not letter.isascii() for letter in text) - wrong
    return "cp1252" if wrong > right else "utf-8"


def mark_of(head: bytes) -> bytes:
    """The byte order mark that a text begins with; empty where there is none."""
    return next((mark for mark, _ in MARKS if head.startswith(mark)), b"")
