"""The catalogues: every word that a fan may read exists in every language, whole and compiled."""

import ast
import re
from collections.abc import Iterator
from gettext import GNUTranslations
from pathlib import Path

import pytest
from django.conf import settings
from django.template import engines
from django.template.base import Node, NodeList
from django.templatetags.i18n import BlockTranslateNode, TranslateNode

ROOT = Path(settings.BASE_DIR)
LANGUAGES = ("de", "es", "fr", "pt", "ja", "ar")
CALLS = {"_": 0, "gettext": 0, "gettext_lazy": 0, "pgettext": 1, "ngettext": 0}
"""Functions that mark a text for translation, and which of their arguments is the text."""
CODE = sorted(
    [
        *ROOT.glob("monoql/fan_*.py"),
        *ROOT.glob("entries/*.py"),
        *(
            ROOT / name
            for name in (
                "monoql/start_page.py",
                "core/api.py",
                "core/normal_forms.py",
                "campaigns/passwords.py",
                "waves/notification.py",
                "waves/auditors.py",
                "waves/draws_api.py",
            )
        ),
    ]
)
TEMPLATES = sorted(
    str(path.relative_to(ROOT / "templates"))
    for folder in ("fan", "mail", "start", ".")
    for path in (ROOT / "templates" / folder).glob("*.*")
)
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")


def catalogue(language: str) -> GNUTranslations:
    """A language's compiled catalogue."""
    with (ROOT / "locale" / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        return GNUTranslations(file)


def texts_of_code(path: Path) -> Iterator[str]:
    """The texts that a module marks for translation."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
            argument = node.args[CALLS[node.func.id]]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value


def nodes(part: Node | NodeList) -> Iterator[Node]:
    """A template's nodes at any depth."""
    for node in part if isinstance(part, NodeList) else [part]:
        yield node
        lists = [getattr(node, name) for name in getattr(node, "child_nodelists", ()) if hasattr(node, name)]
        for inner in [*lists, *(inner for _, inner in getattr(node, "conditions_nodelists", ()))]:
            yield from nodes(inner)


def texts_of_template(name: str) -> Iterator[str]:
    """The texts that a template marks for translation."""
    for node in nodes(engines["django"].get_template(name).template.nodelist):  # type: ignore[attr-defined]  # The backend's own template has it.
        if isinstance(node, TranslateNode):
            yield str(node.filter_expression.var.literal)
        elif isinstance(node, BlockTranslateNode):
            yield node.render_token_list(node.singular)[0]
            if node.plural:
                yield node.render_token_list(node.plural)[0]


def all_texts() -> set[str]:
    """Every text that a fan may read."""
    of_code = {text for path in CODE for text in texts_of_code(path)}
    return of_code | {text for name in TEMPLATES for text in texts_of_template(name)}


def known_texts(language: str) -> dict[str, list[str]]:
    """A catalogue's texts with their translations, one a plural form, whatever their context."""
    known: dict[str, list[str]] = {}
    for key, text in catalogue(language)._catalog.items():  # type: ignore[attr-defined]  # No public way lists it.
        source = key[0] if isinstance(key, tuple) else key
        known.setdefault(source.rpartition("\x04")[2], []).append(text)
    return known


def po_texts(language: str) -> list[str]:
    """The translations of a catalogue's source, in its order."""
    source = (ROOT / "locale" / language / "LC_MESSAGES" / "django.po").read_text()
    found = re.findall(r'^msgstr(?:\[\d\])? ((?:".*"\n)+)', source, re.MULTILINE)
    return ["".join(ast.literal_eval(line) for line in block.splitlines()) for block in found][1:]


def test_there_is_something_to_translate() -> None:
    assert len(all_texts()) > 150


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_has_a_translation(language: str) -> None:
    known = known_texts(language)
    # The second form of a plural is found under its first.
    source = (ROOT / "locale" / language / "LC_MESSAGES" / "django.po").read_text().replace('"\n"', "")

    missing = [text for text in all_texts() if text not in known and f'msgid_plural "{text}"' not in source]

    assert sorted(missing) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_placeholders_of_its_text(language: str) -> None:
    wrong = [
        (source, text)
        for source, texts in known_texts(language).items()
        for text in texts
        # A plural form for one or two may leave out the number, which the word tells.
        if source
        and set(PLACEHOLDER.findall(text)) - {"%(count)s", "%(days)s"}
        != set(PLACEHOLDER.findall(source)) - {"%(count)s", "%(days)s"}
    ]

    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_is_that_of_its_source(language: str) -> None:
    compiled = [text for texts in known_texts(language).values() for text in texts]

    assert sorted(text for text in po_texts(language) if text) == sorted(
        text for text in compiled if "Plural-Forms" not in text
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_is_a_guess_to_be_checked(language: str) -> None:
    assert "fuzzy" not in (ROOT / "locale" / language / "LC_MESSAGES" / "django.po").read_text()
