"""What makes a question's definition right: its options, limits and condition, by type, for forms and REST alike."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError

from campaigns import readiness
from campaigns.models.campaign import Campaign
from campaigns.models.field import Field
from campaigns.readiness import Line

Type = Field.Type
CHOICES = (Type.RADIO, Type.DROPDOWN, Type.MULTIPLE)
"""Types with options."""
TICKS = (Type.CHECKBOX, Type.CONSENT)
"""Types that are answered by a tick."""
LIMITED = (Type.TEXT, Type.LONG_TEXT, Type.NUMBER, Type.DATE, Type.MULTIPLE)
"""Types that can have a minimum and a maximum."""
MOST_LETTERS = {Type.TEXT: 200, Type.LONG_TEXT: 2000}
MOST_DIGITS = 15
YES, NO = "yes", "no"
"""What a condition calls a box that is ticked, and one that is not."""

Limit = Decimal | date | int


def read_limit(field: Field, text: str) -> Limit | None:
    """A limit as its type compares it: a number, a date, or a count of letters or of choices; none where it is empty.

    :raises ValueError: with what to write instead.
    """
    if not text:
        return None
    if field.type == Type.NUMBER:
        return _number(text)
    if field.type == Type.DATE:
        return _date(text)
    return _count(text, of="letters" if field.type in MOST_LETTERS else "choices")


def limits(field: Field) -> tuple[Any, Any]:
    """The minimum and the maximum of a question whose definition is right; ``None`` for one that it has not."""
    return _limit_or_none(field, field.minimum), _limit_or_none(field, field.maximum)


def _limit_or_none(field: Field, text: str) -> Limit | None:
    """A limit, or none where its type was changed by a way around the rules: fans can still answer then."""
    try:
        return read_limit(field, text) if field.type in LIMITED else None
    except ValueError:
        return None


def possible_values(field: Field) -> list[str]:
    """The answers that a condition can name; none where nothing can hang on the question."""
    if field.type in TICKS:
        return [YES, NO]
    return [str(option.get("value", "")) for option in field.options] if field.type in CHOICES else []


Siblings = Mapping[int, Field]
"""The questions of a campaign as they are stored, by id."""
Rule = Callable[[Field, Siblings], Mapping[str, str]]


def check(field: Field) -> None:
    """Refuse a definition that fans could not answer.

    :raises ValidationError: with what to mend, beside each part of it.
    """
    stored = Field.objects.filter(campaign=field.campaign_id) if field.campaign_id else Field.objects.none()
    errors = problems(field, {other.pk: other for other in stored})
    if errors:
        raise ValidationError(dict(errors))


def problems(field: Field, siblings: Siblings) -> Mapping[str, str]:
    """What is wrong with a definition, by its part; nothing where all is well."""
    errors: dict[str, str] = {}
    for rule in RULES:
        for name, text in rule(field, siblings).items():
            errors.setdefault(name, text)
    return errors


@readiness.register
def fields(campaign: Campaign, now: datetime) -> Iterable[Line]:
    """Every question that is asked must be one that fans can answer."""
    siblings = {field.pk: field for field in campaign.fields.order_by("number", "pk")}
    for field in siblings.values():
        if field.is_active and (found := problems(field, siblings)):
            yield Line(f"Question “{field.label}”: {' '.join(found.values())}", is_red=True, section="form")


def _check_options(field: Field, siblings: Siblings) -> Mapping[str, str]:
    name = Type(field.type).label if field.type in Type.values else field.type
    if field.type not in CHOICES:
        return {"options": f"A question of the type “{name}” has no options. Empty them."} if field.options else {}
    if not field.options:
        article = "A dropdown needs" if field.type == Type.DROPDOWN else f"The type “{name}” needs"
        return {"options": f"{article} at least one option."}
    if not isinstance(field.options, list) or not all(map(_is_option, field.options)):
        return {"options": "Each option is a value of at most 100 letters, with labels by language."}
    values = [option["value"] for option in field.options]
    twice = [value for value in values if values.count(value) > 1]
    return {"options": f"The value “{twice[0]}” stands twice."} if twice else {}


def _is_option(option: object) -> bool:
    if not isinstance(option, dict):
        return False
    value, labels = option.get("value"), option.get("labels") or {}
    is_value = isinstance(value, str) and value == value.strip() and 0 < len(value) <= 100
    return (
        is_value
        and isinstance(labels, dict)
        and all(
            language in dict(settings.LANGUAGES) and isinstance(label, str) and 0 < len(label) <= 200
            for language, label in labels.items()
        )
    )


def _check_limits(field: Field, siblings: Siblings) -> Mapping[str, str]:
    given = {name: getattr(field, name) for name in ("minimum", "maximum") if getattr(field, name)}
    if given and field.type not in LIMITED:
        label = Type(field.type).label if field.type in Type.values else field.type
        return dict.fromkeys(given, f"A question of the type “{label}” has no limits. Empty this.")
    read: dict[str, Any] = {}
    errors = {}
    for name, text in given.items():
        try:
            read[name] = read_limit(field, text)
        except ValueError as error:
            errors[name] = str(error)
    if errors:
        return errors
    least, most = read.get("minimum"), read.get("maximum")
    if least is not None and most is not None and least > most:
        return {"maximum": "The maximum is below the minimum."}
    ceiling = MOST_LETTERS.get(Type(field.type)) or (len(field.options) if field.type == Type.MULTIPLE else None)
    over = [name for name, limit in read.items() if ceiling is not None and limit > ceiling]
    what = "letters" if field.type in MOST_LETTERS else "options"
    return dict.fromkeys(over, f"There are at most {ceiling} {what}.")


def _check_kept(field: Field, siblings: Siblings) -> Mapping[str, str]:
    """Answers are kept under the key, so it stays once there can be some."""
    stored = siblings.get(field.pk) if field.pk else None
    if stored is None or stored.key == field.key or not field.campaign.has_opened:
        return {}
    return {"key": f"The campaign has opened, and answers are kept under “{stored.key}”: it keeps this key."}


def _check_condition(field: Field, siblings: Siblings) -> Mapping[str, str]:
    if field.shown_if_id is None:
        words = "Choose the question that must be answered so, or empty this."
        return {"shown_if_value": words} if field.shown_if_value else {}
    source = siblings.get(field.shown_if_id)
    if source is None:
        return {"shown_if": "Choose a question of the same campaign."}
    if field.type == Type.RANKING:
        return {"shown_if": "Fans always choose their cities: the market ranking has no condition."}
    if field.pk and (source.pk == field.pk or field.pk in _above(source, siblings)):
        return {"shown_if": "This makes a circle: the question would be asked only if it were answered itself."}
    if not source.is_active and field.is_active:
        return {"shown_if": f"“{source.label}” is not asked any more, so this would never be asked either."}
    values = possible_values(source)
    if not values:
        return {"shown_if": f"A question can hang on a tick or a choice; “{source.label}” is neither."}
    if field.shown_if_value not in values:
        return {"shown_if_value": f"“{source.label}” is answered by one of: {', '.join(values)}."}
    return {}


def _above(field: Field, siblings: Siblings) -> set[int]:
    """The questions on which a question hangs, at any height."""
    found: set[int] = set()
    above = field.shown_if_id
    while above is not None and above not in found:
        found.add(above)
        above = siblings[above].shown_if_id if above in siblings else None
    return found


def _check_dependents(field: Field, siblings: Siblings) -> Mapping[str, str]:
    """What hangs on a question keeps it asked, and keeps the answer that it names possible."""
    hanging = [other for other in siblings.values() if field.pk and other.shown_if_id == field.pk and other.is_active]
    if not hanging:
        return {}
    names = ", ".join(f"“{other.label}”" for other in hanging)
    if not field.is_active:
        return {"is_active": f"On its answer hangs whether fans are asked {names}. Change that first."}
    lost = sorted({other.shown_if_value for other in hanging} - set(possible_values(field)))
    if not lost:
        return {}
    place = "options" if field.type in CHOICES else "type"
    return {place: f"{names} is asked only if the answer is “{lost[0]}”: keep that answer, or change that first."}


RULES: tuple[Rule, ...] = (_check_options, _check_limits, _check_kept, _check_condition, _check_dependents)


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("Write a number, as in 18 or 2.5.") from None
    if not number.is_finite() or abs(number) >= 10**MOST_DIGITS:
        raise ValueError(f"Write a number of at most {MOST_DIGITS} digits.")
    return number


def _date(text: str) -> date:
    try:
        if len(text) != len("2001-12-31"):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("Write a date as in 2001-12-31.") from None


def _count(text: str, *, of: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and int(text) > 0):
        raise ValueError(f"Write how many {of}, as a whole number above 0.")
    return int(text)
