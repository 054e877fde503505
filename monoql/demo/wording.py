"""The demo's texts, read from the TOML files of ``texts/``: pages, mails, the form, names of cities."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TEXTS = Path(__file__).with_name("texts")
LOCALES = ("en_US", "es_MX", "fr_CA", "pt_BR", "ja_JP", "de_DE", "ar_EG", "en_GB", "es_ES", "fr_FR")
"""The first is the default; en_GB has only what reads otherwise in Britain, and falls back for the rest."""
RIGHT_TO_LEFT = frozenset({"ar_EG"})


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the form; labels and help are by language."""

    key: str
    type: str
    is_required: bool
    is_personal: bool
    label: dict[str, str]
    help: dict[str, str]
    options: list[dict[str, Any]]


@cache
def _file(name: str) -> dict[str, Any]:
    return tomllib.loads((TEXTS / f"{name}.toml").read_text(encoding="utf-8"))


def locale_name(locale: str) -> str:
    """Give the locale's name in its own language."""
    return str(_file(locale)["name"])


def texts(locale: str, *, campaign: str) -> dict[str, str]:
    """Give a campaign's texts in one locale; ``campaign`` is ``open``, ``closed`` or ``sent``."""
    words = {key: str(text).strip() for key, text in _file(locale).items()}
    title = words[f"{campaign}_title"]
    left_out = {"name", "open_title", "closed_title", "sent_title"}
    return {"title": title, **{key: text for key, text in words.items() if key not in left_out}}


def questions() -> list[Question]:
    """Give the form's questions in order."""
    return [
        Question(
            key=field["key"],
            type=field["type"],
            is_required=field["is_required"],
            is_personal=field["is_personal"],
            label=field["label"],
            help=field.get("help", {}),
            options=field.get("options", []),
        )
        for field in _file("form")["field"]
    ]


def city_names(market: str) -> dict[str, str]:
    """Give a market's city by language, where it is written otherwise than in the tour's file."""
    return dict(_file("cities").get(market, {}))
