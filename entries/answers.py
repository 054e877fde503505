"""What a fan may answer: each field's rule, and the shape in which an answer is kept.

Texts and addresses are kept as text, numbers as numbers, dates as ``2001-12-31``, ticks as true or false, a choice as
its option's value, and several choices as a list of values in the order of the options.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import phonenumbers
from django.utils.translation import gettext as _

from campaigns.field_rules import CHOICES, MOST_DIGITS, MOST_LETTERS, NO, TICKS, YES, limits
from campaigns.models import Field
from entries.identifiers import BadIdentifier, check_deliverable, normalize_email

MOST_LETTERS_OF_NUMBER = 40
DATE_FORM = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
NUMBER_FORM = re.compile(r"[+-]?\d{1,20}([.,]\d{1,20})?")


class BadAnswer(ValueError):
    """One answer breaks its field's rule; the message tells the fan what to do."""


def clean_answers(
    fields: Sequence[Field], given: Mapping[str, Any], errors: dict[str, list[str]], *, region: str | None = None
) -> dict[str, Any]:
    """Check every field's answer and give what is kept, by field key.

    A field whose condition is not met is not asked: whatever was sent for it is dropped. Each wrong answer adds its
    message to ``errors`` under ``answers.<key>``; so does an answer to no known field. The cities of a market ranking
    are the form's choices, never an answer. ``region`` is the country in which phone numbers without a code are read.
    """
    asked = [field for field in fields if field.type != Field.Type.RANKING]
    for unknown in sorted(set(given) - {field.key for field in asked})[:5]:
        errors.setdefault(f"answers.{unknown[:40]}", []).append(_("The form has no such question."))
    sheet = _Sheet({field.pk: field for field in asked}, given, region)
    for field in asked:
        sheet.read(field)
    for key, message in sheet.wrong.items():
        errors.setdefault(f"answers.{key}", []).append(message)
    return {field.key: sheet.kept[field.key] for field in asked if field.key in sheet.kept}


class _Sheet:
    """One fan's answers while they are read, each after those on which it hangs."""

    def __init__(self, fields: Mapping[int, Field], given: Mapping[str, Any], region: str | None) -> None:
        self.fields, self.given, self.region = fields, given, region
        self.kept: dict[str, Any] = {}
        self.wrong: dict[str, str] = {}
        self._shown: dict[int, bool] = {}

    def read(self, field: Field) -> bool:
        """Read one answer if its field is asked, once; tell whether it is asked and answered rightly."""
        if field.pk not in self._shown:
            self._shown[field.pk] = False  # A circle, if the definitions ever held one, ends here.
            self._shown[field.pk] = self._is_asked(field) and self._read(field)
        return self._shown[field.pk]

    def _is_asked(self, field: Field) -> bool:
        if field.shown_if_id is None:
            return True
        source = self.fields.get(field.shown_if_id)
        return source is not None and self.read(source) and meets(source, self.kept.get(source.key), field)

    def _read(self, field: Field) -> bool:
        try:
            answer = clean_answer(field, self.given.get(field.key), region=self.region)
        except BadAnswer as bad:
            self.wrong[field.key] = str(bad)
            return False
        if answer is not None:
            self.kept[field.key] = answer
        return True


def meets(source: Field, answer: Any, field: Field) -> bool:
    """Whether an answer to its source is the one with which a field is asked."""
    if source.type in TICKS:
        return field.shown_if_value == (YES if answer is True else NO)
    return field.shown_if_value in answer if isinstance(answer, list) else field.shown_if_value == answer


def clean_answer(field: Field, given: Any, *, region: str | None = None) -> Any:
    """One field's answer in the shape that is kept; ``None`` where nothing was answered.

    :raises BadAnswer: it is missing though required, or breaks the rule of its type.
    """
    if given is None or given == "":
        answer: Any = None
    elif field.type == Field.Type.PHONE:
        answer = clean_phone(given, region=region)
    else:
        answer = CLEANERS[Field.Type(field.type)](field, given)
    if field.is_required and (answer is None or answer is False):
        if field.type in TICKS:
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


def clean_phone(given: Any, *, region: str | None) -> str:
    """A phone number in E.164; one without a country code is read in ``region``.

    :raises BadAnswer: there is no such number.
    """
    number = None
    if isinstance(given, str) and len(given) <= MOST_LETTERS_OF_NUMBER:
        try:
            number = phonenumbers.parse(given, region)
        except phonenumbers.NumberParseException:
            number = None
    if number is None or not phonenumbers.is_valid_number(number):
        raise BadAnswer(_("Please enter a phone number with its country code, as in +1 213 555 0123."))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _line(field: Field, given: Any) -> str | None:
    return _within_letters(field, clean_line(given, most=MOST_LETTERS[Field.Type.TEXT]))


def _lines(field: Field, given: Any) -> str | None:
    if not isinstance(given, str):
        raise BadAnswer(_("Please enter text."))
    most = MOST_LETTERS[Field.Type.LONG_TEXT]
    if len(given) > 2 * most:  # Browsers send two letters for the end of a line.
        raise BadAnswer(_("Please use at most %(most)s characters.") % {"most": most})
    text = "\n".join(clean_line(line, most=most) for line in given.strip().splitlines())
    if len(text) > most:
        raise BadAnswer(_("Please use at most %(most)s characters.") % {"most": most})
    return _within_letters(field, text)


def _within_letters(field: Field, text: str) -> str | None:
    least, most = limits(field)
    if text and least is not None and len(text) < least:
        raise BadAnswer(_("Please use at least %(least)s characters.") % {"least": least})
    if most is not None and len(text) > most:
        raise BadAnswer(_("Please use at most %(most)s characters.") % {"most": most})
    return text or None


def _number(field: Field, given: Any) -> int | float:
    number = _read_number(given)
    _within(field, number)
    return int(number) if number == number.to_integral_value() else float(number)


def _read_number(given: Any) -> Decimal:
    wrong = BadAnswer(_("Please enter a number."))
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise wrong
    if isinstance(given, str):
        given = given.strip().replace("٫", ".").replace("−", "-")
        if not NUMBER_FORM.fullmatch(given):
            raise wrong
        given = given.replace(",", ".")
    try:
        # A float by its shortest text, so that 0.1 is one tenth.
        number = Decimal(str(given) if isinstance(given, float) else given)
    except InvalidOperation:
        raise wrong from None
    if not number.is_finite() or abs(number) >= 10**MOST_DIGITS:
        raise wrong
    return number


def _date(field: Field, given: Any) -> str:
    wrong = BadAnswer(_("Please enter a date, as in 2001-12-31."))
    text = given.strip() if isinstance(given, str) else ""
    if not DATE_FORM.fullmatch(text):
        raise wrong
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise wrong from None
    _within(field, day)
    return day.isoformat()


def _within(field: Field, value: Decimal | date) -> None:
    least, most = limits(field)
    if least is not None and value < least:
        raise BadAnswer(_("The least is %(least)s.") % {"least": least})
    if most is not None and value > most:
        raise BadAnswer(_("The most is %(most)s.") % {"most": most})


def _email(field: Field, given: Any) -> str:
    try:
        email = normalize_email(given if isinstance(given, str) else "")
        check_deliverable(email)
        email.encode()
    except BadIdentifier as bad:
        raise BadAnswer(bad.message) from bad
    except UnicodeEncodeError:
        raise BadAnswer(_("Please remove the characters that cannot be shown.")) from None
    return email


def _tick(field: Field, given: Any) -> bool:
    if isinstance(given, bool):
        return given
    if isinstance(given, str) and given.lower() in ("on", "true", "1", "yes"):
        return True
    if isinstance(given, str) and given.lower() in ("off", "false", "0", "no"):
        return False
    raise BadAnswer(_("Please tick the box or leave it empty."))


def _option(field: Field, given: Any) -> str:
    if isinstance(given, str) and given in _values(field):
        return given
    raise BadAnswer(_("Please choose one of the options."))


def _choices(field: Field, given: Any) -> list[str] | None:
    """Values in the order of the options, whatever the order in which they were sent."""
    values = _values(field)
    if not isinstance(given, list | tuple) or not all(isinstance(value, str) and value in values for value in given):
        raise BadAnswer(_("Please choose among the options."))
    if len(set(given)) != len(given):
        raise BadAnswer(_("Please choose each option once."))
    if not given:
        return None
    least, most = limits(field)
    if least is not None and len(given) < least:
        raise BadAnswer(_("Please choose more options. The fewest: %(least)s") % {"least": least})
    if most is not None and len(given) > most:
        raise BadAnswer(_("Please choose fewer options. The most: %(most)s") % {"most": most})
    return [value for value in values if value in given]


def _values(field: Field) -> list[str]:
    return [str(option.get("value", "")) for option in field.options] if field.type in CHOICES else []


CLEANERS: Mapping[Field.Type, Callable[[Field, Any], Any]] = {
    Field.Type.TEXT: _line,
    Field.Type.LONG_TEXT: _lines,
    Field.Type.NUMBER: _number,
    Field.Type.DATE: _date,
    Field.Type.EMAIL: _email,
    Field.Type.CHECKBOX: _tick,
    Field.Type.CONSENT: _tick,
    Field.Type.RADIO: _option,
    Field.Type.DROPDOWN: _option,
    Field.Type.MULTIPLE: _choices,
}
