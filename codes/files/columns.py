"""Which delimiter a text has, whether it has a header, and which column is what."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from codes.files.cells import SCIENTIFIC_NUMBER, is_code, shown
from codes.files.shape import MOST_COLUMNS, ROLES, CannotRead

DELIMITERS = ",;\t"

_NAMES = """
code code codes offercode offercodes accesscode accesscodes presalecode presalecodes promocode promocodes promotioncode
code promotioncodes vouchercode vouchercodes voucher vouchers passcode passcodes unlockcode unlockcodes uniquecode
code uniquecodes couponcode couponcodes coupon discountcode discountcodes ticketcode barcode codevalue codenumber
code zugangscode zugangscodes vorverkaufscode vorverkaufscodes aktionscode aktionscodes gutscheincode gutscheincodes
code gutschein rabattcode rabattcodes
code codigo codigos codigodeacceso codigosdeacceso codigoacceso codigodepreventa codigosdepreventa codigopreventa
code codigopromocional codigospromocionales
code codedacces codesdacces codeacces codedeprevente codeprevente codesprevente codepromo codespromo codepromotionnel
code codespromotionnels
type type codetype typeofcode offertype typ codetyp codeart tipo tipodecodigo tipocodigo typedecode
campaign campaign campaignid campaigncode campaignname campaigndomain idcampaign kampagne kampagnenid kampagneid
campaign campana campanaid idcampana iddecampana campagne campagneid idcampagne
market market marketcode marketid marketname markt marktcode mercado codigomercado codigodemercado idmercado
market marche codemarche codedumarche idmarche
event event eventid eventcode eventname idevent show showid veranstaltung veranstaltungsid veranstaltungscode
event evento eventoid idevento codigoevento codigodeevento codigodelevento
event evenement evenementid idevenement codeevenement
"""
"""A role, then what its column is called in English, German, Spanish and French, as ``_plain`` writes it."""


def _names_by_role() -> dict[str, frozenset[str]]:
    lines = [line.split() for line in _NAMES.strip().split("\n")]
    return {role: frozenset(name for line in lines if line[0] == role for name in line[1:]) for role in ROLES}


NAMES = _names_by_role()

SECOND_NAMES = {"market": frozenset({"city", "stadt", "ciudad", "ville"})}
"""What stands for a role where no column has its own name."""


class Columns(NamedTuple):
    """What is known of a table's columns."""

    has_header: bool
    names: tuple[str, ...]
    roles: dict[str, int]
    warnings: list[str]


NO_COLUMN_NAMED = "No column is called “code”: “{}” is read, whose cells look most like codes."
MOST_IN_NAME = 60
CLEARLY = 0.8
"""The share of cells that must look alike before a header is told from the first code."""


def delimiter_of(lines: Sequence[str]) -> str:
    """The delimiter that most of the first lines have, and have equally often; empty where there is none.

    The first line counts most: a header names every column.
    """
    if not lines:
        return ""
    if declared := declared_delimiter(lines[0]):
        return declared
    scores = {delimiter: _score(lines, delimiter) for delimiter in DELIMITERS}
    best = max(DELIMITERS, key=scores.__getitem__)
    return best if scores[best] > 0 else ""


def declared_delimiter(line: str) -> str:
    """What a first line like ``sep=;``, which Excel writes and reads, says; empty where it is none."""
    has_form = len(line) == 5 and line.lower().startswith("sep=") and line[4] in DELIMITERS
    return line[4] if has_form else ""


def _score(lines: Sequence[str], delimiter: str) -> float:
    """How well a delimiter fits: it stands in the first line, in most, equally often in each, and leaves codes."""
    counts = [_count_outside_quotes(line, delimiter) for line in lines]
    usual, times = Counter(counts).most_common(1)[0]
    if not usual and not counts[0]:
        return 0.0
    rows = [[cell.strip('"') for cell in line.split(delimiter, MOST_COLUMNS)] for line in lines]
    columns = ([row[column] for row in rows if column < len(row)] for column in range(min(usual, 20) + 1))
    likeness = max(_likeness(cells) for cells in columns if cells)
    return (counts[0] > 0) + (usual > 0) + times / len(counts) + likeness


def _count_outside_quotes(line: str, delimiter: str) -> int:
    if delimiter == "," and SCIENTIFIC_NUMBER.fullmatch(line):
        return 0  # 1,23E+11 is one damaged cell.
    if '"' not in line:
        return line.count(delimiter)
    return sum(part.count(delimiter) for part in line.split('"')[::2])


def check_count(count: int, *, name: str) -> None:
    """Refuse a table that is too wide to be a list of codes.

    :raises CannotRead: it has more than ``MOST_COLUMNS`` columns.
    """
    if count > MOST_COLUMNS:
        raise CannotRead(
            f"{name} has more than {MOST_COLUMNS} columns, as no list of codes does: "
            "put each code on a line of its own.",
            field="file",
        )


def recognised(rows: Sequence[Sequence[str]]) -> Columns:
    """What the columns of a table are, judged by its first rows; the first of all may be a header."""
    width = max(map(len, rows))
    roles, warnings = roles_by_name(rows[0])
    has_header = bool(roles)
    if "code" not in roles:
        column = column_of_codes(rows[1:] if has_header or len(rows) > 1 else rows, taken=list(roles.values()))
        roles = {"code": column, **roles}
        if not has_header:
            cells = [row[column] if column < len(row) else "" for row in rows]
            has_header = is_header_by_content(cells[0], cells[1:])
        if width > 1:
            warnings.append(NO_COLUMN_NAMED.format(names_of(rows[0] if has_header else [], width)[column]))
    names = names_of(rows[0] if has_header else [], width)
    return Columns(has_header, names, {role: roles[role] for role in ROLES if role in roles}, warnings)


def roles_by_name(header: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """The roles that the cells of a header name, and what is worth a warning."""
    plain = [_plain(cell) for cell in header]
    roles: dict[str, int] = {}
    warnings = []
    for names in (NAMES, SECOND_NAMES):
        for role, words in names.items():
            columns = [column for column, cell in enumerate(plain) if cell in words]
            if role in roles or not columns:
                continue
            roles[role] = columns[0]
            if len(columns) > 1:
                both = " and ".join(f"“{cell}”" for cell in shown(header[column] for column in columns[:2]))
                warnings.append(f"{both} could both be the {role}; the first is read.")
    return roles, warnings


def _plain(name: str) -> str:
    """A name in small letters, without accents, spaces and signs: ``Código de acceso`` is ``codigodeacceso``."""
    letters = unicodedata.normalize("NFKD", name[:200]).lower()
    return "".join(letter for letter in letters if letter.isascii() and letter.isalnum())


def column_of_codes(rows: Sequence[Sequence[str]], taken: Sequence[int] = ()) -> int:
    """The column whose cells look most like codes; the first where none does.

    Codes are many, different, of one length and rarely words: each of these counts.
    """
    width = max(map(len, rows), default=0)
    best, best_score = next((column for column in range(width) if column not in taken), 0), 0.0
    for column in range(width):
        cells = [row[column].strip() for row in rows if column < len(row) and row[column].strip()]
        if column in taken or not cells:
            continue
        score = _likeness(cells) * len(cells) / len(rows)
        if score > best_score + 0.01:  # The first of two that are alike.
            best, best_score = column, score
    return best


def _likeness(cells: Sequence[str]) -> float:
    """How much cells look like codes, from 0 to 1."""
    codes = [cell for cell in cells if is_code(cell)]
    if not codes:
        return 0.0
    different = len(set(codes)) / len(cells)
    usual = Counter(map(len, codes)).most_common(1)[0]
    of_one_length = usual[1] / len(cells)
    long_enough = sum(len(code) >= 5 for code in codes) / len(cells)
    mixed = sum(any(map(str.isdigit, code)) and any(map(str.isalpha, code)) for code in codes) / len(cells)
    return (len(codes) / len(cells)) * (0.4 * different + 0.2 * of_one_length + 0.2 * long_enough + 0.2 * mixed)


def is_header_by_content(first: str, below: Sequence[str]) -> bool:
    """Whether the first cell of the codes' column is evidently no code, while those below are."""
    first = first.strip()
    cells = [cell.strip() for cell in below if cell.strip()]
    if not first or not cells or sum(map(is_code, cells)) < CLEARLY * len(cells):
        return False
    if not is_code(first):
        return any(letter.isspace() or letter in "()[]:?" for letter in first)
    with_digits = sum(any(map(str.isdigit, cell)) for cell in cells)
    same_length = len(first) in set(map(len, cells))
    return first.isalpha() and not same_length and with_digits >= CLEARLY * len(cells)


def names_of(header: Sequence[str], width: int) -> tuple[str, ...]:
    """The columns' names for the screen, numbered where the header has none."""
    cells = [cell.strip()[:MOST_IN_NAME] for cell in shown(header)]
    cells += [""] * (width - len(cells))
    return tuple(cell or f"Column {number}" for number, cell in enumerate(cells, start=1))
