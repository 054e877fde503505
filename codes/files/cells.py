"""What is wrong with one cell of a file, whatever pool it is for; and the same asked of many cells at once."""

import re
from collections.abc import Iterable, Sequence

MOST_LETTERS = 64
MOST_IN_OTHER_CELLS = 200

CODE_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+/#*"
SPACES = " \t\xa0\u2007\u202f\ufeff"
"""What may surround a code without being part of it: spaces, also those that do not break, and a byte order mark."""

EMPTY_LINE = "The line is empty."
NO_CODE = "The line has no code."
NO_COLUMN = "The line ends before the column of the codes."
UNCLOSED = "The line has a quotation mark that is never closed."
LONG_CODE = f"The code is longer than {MOST_LETTERS} characters."
CONTROL_CHARACTERS = "The line has control characters or NUL bytes: the file may be damaged."
CHARACTERS = "The code has characters other than letters, digits and . _ - + / # *."
FORMULA = "This is a formula and not a code: let the spreadsheet save its values."
ROUNDED = "A spreadsheet has turned this code into a rounded number: format the column as text and enter it anew."
DATE = "A spreadsheet has turned this code into a date: format the column as text and enter it anew."
FRACTION = "A spreadsheet has turned this code into a number with a fraction: format the column as text."
TRUTH = "A spreadsheet has turned this code into TRUE or FALSE: format the column as text and enter it anew."
ERROR = "This is a spreadsheet's error value and not a code: correct the formula behind it."
NOT_CALCULATED = "This is a formula that was never calculated: open the file in a spreadsheet program and save it."

LOST_ZEROS = (
    "The column “{}” holds numbers of different lengths: a spreadsheet may have taken the zeros that codes began with. "
    "Format the column as text and enter the codes anew."
)

SCIENTIFIC_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?[Ee]\+\d+")
MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
DATES = (
    r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?"
    r"|\d{1,2}/\d{1,2}/\d{4}(?: \d\d?:\d\d(?::\d\d)?)?"
    r"|\d{1,2}\.\d{1,2}\.\d{4}(?: \d\d?:\d\d(?::\d\d)?)?"
    rf"|\d{{1,2}}-{MONTH}(?:-\d\d(?:\d\d)?)?|{MONTH}-\d\d"
)
"""How spreadsheets show and save what they took for a date: ``2027-02-01 00:00:00``, ``2/1/2027``, ``2-Mar``."""

FORMULAS = r"[=@].*|[+-].*[()!|&^%<>='\",;].*|[+-][A-Za-z0-9.]+(?:[+*/][A-Za-z0-9.]+)+"
"""``=A1``, ``@SUM(A1)``, ``-2+3``, ``+cmd|' /C calc'!A0``; a code may begin with + or - otherwise."""

_ERROR_VALUES = """
#N/A #NV #N/D #REF! #BEZUG! #¡REF! #VALUE! #WERT! #¡VALOR! #VALEUR! #DIV/0! #¡DIV/0! #NAME? #NOM? #¿NOMBRE? #NUM!
#ZAHL! #¡NUM! #NOMBRE! #NULL! #¡NULO! #NUL! #SPILL! #CALC! #GETTING_DATA #FIELD! #BLOCKED! #UNKNOWN! #CONNECT! #BUSY!
Err:502 Err:503 Err:504 Err:508 Err:509 Err:510 Err:511 Err:512 Err:522
"""
ERROR_VALUES = frozenset(_ERROR_VALUES.split())

# One expression for each question; possessive, so that no text makes them slow.
_CLEAN = re.compile(r"[A-Za-z0-9._\-+/#*]{1,64}+")
_DATE = re.compile(DATES)
_FORMULA = re.compile(FORMULAS, re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
# What SCIENTIFIC_NUMBER, _DATE, _FORMULA and the error values find and _CLEAN does not, in lines of clean characters.
_SUSPICIOUS = re.compile(
    rb"^(?:[+-]|#[A-Z]|[0-9]{1,4}[-/.][0-9]{1,2}[-/.]|[0-9]{1,2}-[A-Z][a-z]{2}(?:-|$)|[A-Z][a-z]{2}-[0-9]{2}$"
    rb"|[0-9]+(?:\.[0-9]+)?[Ee]\+)",
    re.MULTILINE,
)
_MAY_BE_SUSPICIOUS = (b"-", b"+", b"/", b".", b"#")
_SUSPICIOUS_TEXT = re.compile(_SUSPICIOUS.pattern.decode())


def all_are_codes(block: bytes, codes: Sequence[str]) -> bool:
    """Whether nothing at all is wrong with these codes. ``block`` is the same with a line feed after each.

    It costs a few nanoseconds a character: two million codes take a fifth of a second.
    """
    if block.translate(None, CODE_CHARACTERS + b"\n") or b"\n\n" in block or block.startswith(b"\n"):
        return False
    if any(character in block for character in _MAY_BE_SUSPICIOUS) and _SUSPICIOUS.search(block):
        return False
    return max(map(len, codes), default=0) <= MOST_LETTERS


def is_code(text: str) -> bool:
    """Whether nothing is wrong with this text, decided quickly; where it says no, ``problem_of`` decides."""
    return _CLEAN.fullmatch(text) is not None and _SUSPICIOUS_TEXT.match(text) is None


def problem_of(text: str) -> str:
    """What is wrong with a code, without the spaces around it; empty where nothing is."""
    if not text:
        return NO_CODE
    if _CONTROL.search(text):
        return CONTROL_CHARACTERS
    if text in ERROR_VALUES:
        return ERROR
    if SCIENTIFIC_NUMBER.fullmatch(text):
        return ROUNDED
    if _DATE.fullmatch(text):
        return DATE
    if _FORMULA.fullmatch(text):
        return FORMULA
    if len(text) > MOST_LETTERS:
        return LONG_CODE
    return "" if _CLEAN.fullmatch(text) else CHARACTERS


def problem_beside(text: str, role: str) -> str:
    """What is wrong with a cell that is not the code; empty where nothing is."""
    if _CONTROL.search(text):
        return CONTROL_CHARACTERS
    if len(text) > MOST_IN_OTHER_CELLS:
        return f"The {role} is longer than {MOST_IN_OTHER_CELLS} characters."
    return ""


def shown(cells: Iterable[str]) -> tuple[str, ...]:
    """Cells for a person to look at: cut, and without what a screen or a database cannot hold."""
    return tuple(_CONTROL.sub("\ufffd", cell[:MOST_IN_OTHER_CELLS]) for cell in cells)
