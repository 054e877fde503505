"""The registration form as a page shows it, and as a browser sends it back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from django.http import QueryDict
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from campaigns.field_rules import CHOICES, MOST_LETTERS, TICKS, YES, limits
from campaigns.models import Campaign, Field, Locale
from campaigns.published import Published
from entries.consents import AGE, age_text
from entries.fan_sign_in import Account
from entries.form import Form
from entries.models import Entry
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
    values: Sequence[str] = ()
    """What is ticked among several choices."""
    is_ticked: bool = False
    source: Field | None = None
    """The question on which it hangs."""
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
        return self.field.type in TICKS

    @property
    def is_group(self) -> bool:
        """Whether it has an input for each of its options."""
        return self.field.type in (Field.Type.RADIO, Field.Type.MULTIPLE)

    @property
    def is_ranking(self) -> bool:
        """Whether it is the place and the words of the cities."""
        return self.field.type == Field.Type.RANKING

    @property
    def is_required(self) -> bool:
        """Whether it must be answered whatever else is; one with a condition only where that holds."""
        return self.field.is_required and self.source is None

    @property
    def input_type(self) -> str:
        """The type of its input. A date that is none is kept as text, since a date input would drop it."""
        if self.field.type == Field.Type.DATE and (not self.value or _is_date(self.value)):
            return "date"
        return {Field.Type.EMAIL.value: "email", Field.Type.PHONE.value: "tel"}.get(self.field.type, "text")

    @property
    def hint(self) -> str:
        """The limits in words; empty without any, and for texts, which say so where they are broken."""
        if self.field.type in (Field.Type.TEXT, Field.Type.LONG_TEXT):
            return ""
        least, most = limits(self.field)
        parts = [_("At least: %(least)s.") % {"least": least}] if least is not None else []
        return " ".join([*parts, *([_("At most: %(most)s.") % {"most": most}] if most is not None else [])])

    @property
    def most_letters(self) -> int:
        """How many letters its input takes."""
        own = limits(self.field)[1] if self.field.type in MOST_LETTERS else None
        return int(own or MOST_LETTERS.get(Field.Type(self.field.type), 320))

    @property
    def condition(self) -> str:
        """In words, when it is asked; empty for always."""
        if self.source is None:
            return ""
        names = {"question": self.source.label, "answer": self.field.shown_if_value}
        if self.source.type in TICKS:
            is_yes = self.field.shown_if_value == YES
            return (_("Only if you tick “%(question)s”.") if is_yes else _("Unless you tick “%(question)s”.")) % names
        options = {option.value: option.label for option in _options(self.source)}
        names["answer"] = options.get(self.field.shown_if_value, self.field.shown_if_value)
        return _("Only if your answer to “%(question)s” is “%(answer)s”.") % names

    @property
    def has_hint(self) -> bool:
        """Whether words stand between its label and its input."""
        return bool(self.field.help_text or self.hint or self.condition)

    @property
    def options(self) -> list[Option]:
        """Its options in the active language."""
        return _options(self.field)


@dataclass(frozen=True)
class ShownForm:
    """A form with what was typed into it. ``slots`` are market codes by rank, an empty one where none is chosen yet."""

    email: str = ""
    name: str = ""
    phone: str = ""
    password: str = ""
    slots: Sequence[str] = ()
    questions: Sequence[Question] = ()
    cities: Sequence[Option] = ()
    places: str = ""
    """Where the venues are, as JSON by market code; empty where no place is known."""
    member_id: str = ""
    age: str = ""
    """The words beside the tick for the minimum age; empty where the campaign has none."""
    is_old_enough: bool = False
    known_email: str = ""
    """The address that is shown and not asked: it is proved, or cannot be changed."""
    known_member_id: str = ""
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    focus: str = ""
    """The id of the input that takes the focus when the page has loaded."""
    is_change: bool = False
    """Whether it shows an entry that its fan means to change."""
    path: str = ""
    """Where it is sent, below the campaign's landing page."""

    @property
    def focus_slot(self) -> int:
        """The rank of the city whose list takes the focus; 0 where another input or none does."""
        rank = self.focus.removeprefix(SLOT)
        return int(rank) if rank != self.focus else 0

    @property
    def problems(self) -> list[Problem]:
        """Every error, in the order of the page."""
        inputs = [
            ("gates", "email", _("Who may take part")),
            ("email", "email", _("E-mail address")),
            ("member_id", "member-id", _("Member number")),
            ("name", "name", _("Name")),
            ("phone", "phone", _("Mobile phone")),
            ("password", "password", _("The artist's password")),
        ]
        if self.ranking is None and self.cities:
            inputs.append(("choices", f"{SLOT}1", _("Your cities, favourite first")))
        found = [Problem(input_id, label, text) for key, input_id, label in inputs for text in self.errors.get(key, ())]
        for item in self.questions:
            if item.is_ranking:
                found += [Problem(f"{SLOT}1", item.field.label, text) for text in self.errors.get("choices", ())]
            found += [Problem(item.id, item.field.label, text) for text in item.errors]
        found += [Problem("is-old-enough", self.age, text) for text in self.errors.get("is_old_enough", ())]
        return found

    @property
    def ranking(self) -> Question | None:
        """The question that gives the cities their words and their place; without it they come first."""
        return next((item for item in self.questions if item.is_ranking), None)


def empty_form(published: Published) -> ShownForm:
    """The form that nobody has filled in."""
    return _shown(published, Form())


def form_of_entry(published: Published, entry: Entry) -> ShownForm:
    """The form with what an entry holds, to be changed and sent again."""
    markets = published.market_of_number
    choices = [markets[number].code for number in entry.choices if number in markets]
    form = Form(
        email=entry.email,
        name=entry.name,
        phone=entry.phone,
        choices=choices,
        answers=entry.answers,
        is_old_enough=AGE in entry.consents,
    )
    return as_change(_shown(published, form), entry)


def as_change(form: ShownForm, entry: Entry) -> ShownForm:
    """The same form, of a fan who changes her entry: who she is stands there, and is not asked.

    An address that she gave beside her account, and has not proved yet, can still be mended.
    """
    is_mendable = entry.campaign.is_by_account and entry.email_confirmed_at is None
    return replace(
        form,
        is_change=True,
        path="entry/change/",
        known_email="" if is_mendable else entry.email,
        known_member_id=entry.identifier if entry.campaign.is_by_membership else "",
    )


def as_of_account(form: ShownForm, account: Account) -> ShownForm:
    """The same form, of a fan who has signed in: an address that her account proves is not asked."""
    return replace(form, path="register/", known_email=account.email)


def form_with_another_city(published: Published, form: Form) -> ShownForm:
    """What was sent, with one more place for a city, which takes the focus."""
    return _shown(published, form, more_slots=1)


def form_with_errors(published: Published, form: Form, errors: Mapping[str, Sequence[str]]) -> ShownForm:
    """What was sent, with what must be mended; the first error's input takes the focus."""
    return _shown(published, form, errors=errors)


def read_form(data: QueryDict, published: Published, locale: Locale) -> Form:
    """What a browser sent. Answers to questions that the campaign no longer asks are left out."""
    answers = {
        item.key: data.getlist(name) if item.type == Field.Type.MULTIPLE else data[name]
        for item in published.fields
        if (name := f"{ANSWER}{item.key}") in data and item.type != Field.Type.RANKING
    }
    return Form(
        email=data.get("email", ""),
        name=data.get("name", ""),
        phone=data.get("phone", ""),
        choices=[code for code in data.getlist("choices") if code],
        answers=answers,
        locale=locale.code,
        password=data.get("password", ""),
        member_id=data.get("member_id", ""),
        is_old_enough=data.get("is_old_enough", ""),
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
        password=form.password if isinstance(form.password, str) else "",
        member_id=form.member_id,
        age=age_text(published.campaign) if published.campaign.minimum_age else "",
        is_old_enough=is_ticked(form.is_old_enough),
        slots=slots,
        questions=_questions(published, form.answers, errors),
        cities=_cities(published),
        places=_places(published),
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


def _questions(published: Published, answers: Mapping[str, Any], errors: Mapping[str, Sequence[str]]) -> list[Question]:
    fields = {item.pk: item for item in published.fields}
    return [_question(item, answers, errors, fields.get(item.shown_if_id or 0)) for item in published.fields]


def _question(
    item: Field, answers: Mapping[str, Any], errors: Mapping[str, Sequence[str]], source: Field | None
) -> Question:
    given = answers.get(item.key)
    return Question(
        field=item,
        value=str(given) if isinstance(given, str | int | float) and not isinstance(given, bool) else "",
        values=[str(value) for value in given] if isinstance(given, list) else (),
        source=source,
        is_ticked=is_ticked(given),
        errors=errors.get(f"{ANSWER}{item.key}", ()),
    )


def is_ticked(given: Any) -> bool:
    """Whether what was sent for a tick says yes."""
    return given is True or (isinstance(given, str) and given.lower() in ("on", "true", "1", "yes"))


def _cities(published: Published) -> list[Option]:
    """The cities by name, as a fan looks for hers; a fanlist asks for none."""
    if published.campaign.type == Campaign.Type.FANLIST:
        return []
    options = [Option(market.code, f"{city_text(market)} · {market.venue.name}") for market in published.markets]
    return sorted(options, key=lambda option: option.label.casefold())


def _places(published: Published) -> str:
    """Latitude and longitude of each market's venue that has them; a hundredth of a degree is a kilometre."""
    places = {
        market.code: [round(float(market.venue.latitude), 2), round(float(market.venue.longitude), 2)]
        for market in published.markets
        if market.venue.latitude is not None and market.venue.longitude is not None
    }
    return json.dumps(places, separators=(",", ":")) if places and _cities(published) else ""


def _options(item: Field) -> list[Option]:
    language = get_language() or "en"
    found = item.options if item.type in CHOICES else []
    return [Option(str(option.get("value", "")), _label(option, language)) for option in found]


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
