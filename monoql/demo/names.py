"""Given and family names of many languages, in their own script and in the letters of an e-mail address.

A name that is not written in Latin letters carries its Latin form behind a colon. The lists are common
names, joined at random, so a full name that somebody really has is chance.
"""

import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

NAMES_FILE = Path(__file__).with_name("names.toml")

# Letters that do not fall apart into a base letter and an accent.
_LATIN_BASE = str.maketrans(
    dict(zip("ßøØłŁđĐðþÞæÆœŒı", "ss o O l L d D d th Th ae Ae oe Oe i".split(), strict=True))  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class NamePart:
    """A name as it is written at home, in Latin letters without accents, and in plain a to z."""

    written: str
    latin: str
    plain: str


@dataclass(frozen=True, slots=True)
class NameStock:
    """The names of one community and how it puts a full name together."""

    given: tuple[NamePart, ...]
    family: tuple[NamePart, ...]
    is_family_first: bool = False
    joint: str = " "
    has_two_families: bool = False


def plain_letters(text: str) -> str:
    """Give the text in lower-case ASCII letters only, accents and all else dropped."""
    return "".join(letter for letter in _without_accents(text).lower() if letter.isalpha())


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.translate(_LATIN_BASE))
    return "".join(letter for letter in decomposed if letter.isascii())


def _parts(words: str) -> tuple[NamePart, ...]:
    parts = []
    for word in words.split():
        written, _, romanised = word.replace("_", " ").partition(":")
        latin = romanised.title() if romanised else _without_accents(written)
        parts.append(NamePart(written=written, latin=latin, plain=plain_letters(romanised or written)))
    return tuple(parts)


_FAMILY_FIRST = {"japanese": " ", "korean": "", "chinese": ""}
_TWO_FAMILIES = frozenset({"spanish", "castilian", "portuguese"})


@cache
def _words() -> dict[str, dict[str, str]]:
    return tomllib.loads(NAMES_FILE.read_text(encoding="utf-8"))


def communities() -> tuple[str, ...]:
    """Give the names of all communities, in an order that never changes."""
    return tuple(_words())


@cache
def name_stock(community: str) -> NameStock:
    """Give the community's names, parsed once."""
    words = _words()[community]
    return NameStock(
        given=_parts(words["given"]),
        family=_parts(words["family"]),
        is_family_first=community in _FAMILY_FIRST,
        joint=_FAMILY_FIRST.get(community, " "),
        has_two_families=community in _TWO_FAMILIES,
    )
