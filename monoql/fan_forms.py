"""The registration form as a page shows it, and as a browser sends it back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from django.http import QueryDict
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from campaigns.models import Field, Locale
from campaigns.published import Published
from entries.models import Entry
from entries.registration import Form
from monoql.fan_words import city_text

FIRST_SLOTS = 3
"""How many places for a city the form begins with where there is no JavaScript; more come on demand, without end."""
ANSWER = "answers."
SLOT = "choice-"


@dataclass(frozen=True)
class Option:
    """One choice of a list: what is sent, and what is read."""

    value: str
    label: str


@dataclass(frozen=True)
class Problem:
    """One thing to mend: the id of its input, what that is called, and what is wrong."""

    id: str
    label: str
    text: str


@dataclass(frozen=True)
class Question:
    """One question of the campaign's own, with what was answered and what is wrong with it."""

    field: Field
    value: str = ""
    is_ticked: bool = False
    errors: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The name of its input."""
        return f"{ANSWER}{self.field.key}"

    @property
    def id(self) -> str:
        """The id of its input."""
        return f"answer-{self.field.key}"

    @property
    def is_tick(self) -> bool:
        """Whether it is answered by a tick."""
        return self.field.type in (Field.Type.CHECKBOX, Field.Type.CONSENT)

    @property
    def input_type(self) -> str:
        """The type of its input. A date that is none is kept as text, since a date input would drop it."""
        if self.field.type == Field.Type.DATE and (not self.value or _is_date(self.value)):
            return "date"
        return "text"

    @property
    def options(self) -> list[Option]:
        """A dropdown's options in the active language."""
        language = get_language() or "en"
        return [Option(str(option.get("value", "")), _label(option, language)) for option in self.field.options]


@dataclass(frozen=True)
class ShownForm:
    """A form with what was typed into it. ``slots`` are market codes by rank, an empty one where none is chosen yet."""

    email: str = ""
    name: str = ""
    phone: str = ""
    slots: Sequence[str] = ()
    questions: Sequence[Question] = ()
    cities: Sequence[Option] = ()
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    focus: str = ""
    """The id of the input that takes the focus when the page has loaded."""
    is_change: bool = False
    """Whether it shows an entry that its fan means to change."""

    @property
    def focus_slot(self) -> int:
        """The rank of the city whose list takes the focus; 0 where another input or none does."""
        rank = self.focus.removeprefix(SLOT)
        return int(rank) if rank != self.focus else 0

    @property
    def problems(self) -> list[Problem]:
        """Every error, in the order of the page."""
        inputs = (
            ("email", "email", _("E-mail address")),
            ("name", "name", _("Name")),
            ("phone", "phone", _("Mobile phone")),
            ("choices", f"{SLOT}1", _("Your cities, favourite first")),
        )
        fixed = [Problem(input_id, label, text) for key, input_id, label in inputs for text in self.errors.get(key, ())]
        asked = [Problem(item.id, item.field.label, text) for item in self.questions for text in item.errors]
        return fixed + asked


def empty_form(published: Published) -> ShownForm:
    """The form that nobody has filled in."""
    return _shown(published, Form())


def form_of_entry(published: Published, entry: Entry) -> ShownForm:
    """The form with what an entry holds, to be changed and sent again."""
    markets = published.market_of_number
    choices = [markets[number].code for number in entry.choices if number in markets]
    form = Form(email=entry.email, name=entry.name, phone=entry.phone, choices=choices, answers=entry.answers)
    return replace(_shown(published, form), is_change=True)


def form_with_another_city(published: Published, form: Form) -> ShownForm:
    """What was sent, with one more place for a city, which takes the focus."""
    return _shown(published, form, more_slots=1)


def form_with_errors(published: Published, form: Form, errors: Mapping[str, Sequence[str]]) -> ShownForm:
    """What was sent, with what must be mended; the first error's input takes the focus."""
    return _shown(published, form, errors=errors)


def read_form(data: QueryDict, published: Published, locale: Locale) -> Form:
    """What a browser sent. Answers to questions that the campaign no longer asks are left out."""
    answers = {item.key: data[f"{ANSWER}{item.key}"] for item in published.fields if f"{ANSWER}{item.key}" in data}
    return Form(
        email=data.get("email", ""),
        name=data.get("name", ""),
        phone=data.get("phone", ""),
        choices=[code for code in data.getlist("choices") if code],
        answers=answers,
        locale=locale.code,
    )


def _shown(
    published: Published,
    form: Form,
    *,
    errors: Mapping[str, Sequence[str]] | None = None,
    more_slots: int = 0,
) -> ShownForm:
    errors = errors or {}
    slots = _slots(published, list(form.choices), more_slots)
    shown = ShownForm(
        email=form.email,
        name=form.name,
        phone=form.phone,
        slots=slots,
        questions=[_question(item, form.answers, errors) for item in published.fields],
        cities=_cities(published),
        errors=errors,
        focus=f"{SLOT}{len(slots)}" if more_slots else "",
    )
    if not shown.problems:
        return shown
    return replace(shown, focus=shown.problems[0].id)


def _slots(published: Published, chosen: list[str], more: int) -> list[str]:
    count = min(max(FIRST_SLOTS, len(chosen)), max(len(published.markets), len(chosen)))
    blank = count - len(chosen)
    return [*chosen, *[""] * (blank + more)]


def _question(item: Field, answers: Mapping[str, Any], errors: Mapping[str, Sequence[str]]) -> Question:
    given = answers.get(item.key)
    return Question(
        field=item,
        value="" if given is None or isinstance(given, bool) else str(given),
        is_ticked=given is True or (isinstance(given, str) and given.lower() in ("on", "true", "1", "yes")),
        errors=errors.get(f"{ANSWER}{item.key}", ()),
    )


def _cities(published: Published) -> list[Option]:
    """The cities by name, as a fan looks for hers."""
    options = [Option(market.code, f"{city_text(market)} · {market.venue.name}") for market in published.markets]
    return sorted(options, key=lambda option: option.label.casefold())


def _label(option: Mapping[str, Any], language: str) -> str:
    labels = option.get("labels") or {}
    names = (language, language.partition("-")[0], "en")
    return next((str(labels[name]) for name in names if labels.get(name)), str(option.get("value", "")))


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
