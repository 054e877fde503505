"""What a fan may answer: each field's rule, and the shape in which an answer is kept."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from campaigns.models import Field

MOST_LETTERS = {Field.Type.TEXT: 200, Field.Type.LONG_TEXT: 2000}
MOST_DIGITS = 15


class BadAnswer(ValueError):
    """One answer breaks its field's rule; the message tells the fan what to do."""


def clean_answers(fields: Sequence[Field], given: Mapping[str, Any], errors: dict[str, list[str]]) -> dict[str, Any]:
    """Check every field's answer and give what is kept, by field key.

    Each wrong answer adds its message to ``errors`` under ``answers.<key>``; so does an answer to no known field.
    """
    kept: dict[str, Any] = {}
    for unknown in sorted(set(given) - {field.key for field in fields})[:5]:
        errors.setdefault(f"answers.{unknown[:40]}", []).append(_("The form has no such question."))
    for field in fields:
        try:
            answer = clean_answer(field, given.get(field.key))
        except BadAnswer as bad:
            errors.setdefault(f"answers.{field.key}", []).append(str(bad))
        else:
            if answer is not None:
                kept[field.key] = answer
    return kept


def clean_answer(field: Field, given: Any) -> Any:
    """One field's answer in the shape that is kept; ``None`` where nothing was answered.

    :raises BadAnswer: it is missing though required, or breaks the rule of its type.
    """
    answer = None if given is None or given == "" else CLEANERS[Field.Type(field.type)](field, given)
    if field.is_required and answer in (None, False, ""):
        if field.type in (Field.Type.CONSENT, Field.Type.CHECKBOX):
            raise BadAnswer(_("Please tick this box: it is needed to take part."))
        raise BadAnswer(_("Please answer this question."))
    return answer


def clean_line(text: Any, *, most: int) -> str:
    """One line of text without white space at its ends.

    :raises BadAnswer: it is no text, too long, or has characters that cannot be shown.
    """
    if not isinstance(text, str):
        raise BadAnswer(_("Please enter text."))
    line: str = text.strip()
    if len(line) > most:
        raise BadAnswer(_("Please use at most %(most)s characters.") % {"most": most})
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in line):
        raise BadAnswer(_("Please remove the characters that cannot be shown."))
    return line


def _line(field: Field, given: Any) -> str | None:
    return clean_line(given, most=MOST_LETTERS[Field.Type.TEXT]) or None


def _lines(field: Field, given: Any) -> str | None:
    if not isinstance(given, str):
        raise BadAnswer(_("Please enter text."))
    most = MOST_LETTERS[Field.Type.LONG_TEXT]
    if len(given) > most:
        raise BadAnswer(_("Please use at most %(most)s characters.") % {"most": most})
    return "\n".join(clean_line(line, most=most) for line in given.strip().splitlines()) or None


def _number(field: Field, given: Any) -> int | float:
    wrong = BadAnswer(_("Please enter a number."))
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise wrong
    try:
        number = Decimal(str(given).strip().replace(",", "."))
    except InvalidOperation:
        raise wrong from None
    if not number.is_finite() or abs(number) >= 10**MOST_DIGITS:
        raise wrong
    return int(number) if number == number.to_integral_value() else float(number)


def _date(field: Field, given: Any) -> str:
    try:
        return date.fromisoformat(str(given).strip()).isoformat()
    except ValueError:
        raise BadAnswer(_("Please enter a date, as in 2001-12-31.")) from None


def _tick(field: Field, given: Any) -> bool:
    if isinstance(given, bool):
        return given
    if isinstance(given, str) and given.lower() in ("on", "true", "1", "yes"):
        return True
    if isinstance(given, str) and given.lower() in ("off", "false", "0", "no"):
        return False
    raise BadAnswer(_("Please tick the box or leave it empty."))


def _option(field: Field, given: Any) -> str:
    if given in [option.get("value") for option in field.options]:
        return str(given)
    raise BadAnswer(_("Please choose one of the options."))


CLEANERS: Mapping[Field.Type, Callable[[Field, Any], Any]] = {
    Field.Type.TEXT: _line,
    Field.Type.LONG_TEXT: _lines,
    Field.Type.NUMBER: _number,
    Field.Type.DATE: _date,
    Field.Type.CHECKBOX: _tick,
    Field.Type.CONSENT: _tick,
    Field.Type.DROPDOWN: _option,
}
