"""The history of one object, from the audit trail: field by field, per locale, filtered, a page at a time.

It asks the database one question at any size of the trail and counts nothing.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import Q, TextField
from django.db.models.functions import Cast
from modeltranslation.utils import build_localized_fieldname

from core.admin_forms import styled
from core.audit import CHANGED
from core.models import AuditEvent

ENTRIES = 50
"""Entries of one page."""
MOST_ON_A_LINE = 120
LANGUAGES = dict(settings.LANGUAGES)
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d")


# Words


def field_words(label: str, name: str) -> str:
    """A changed field's name in words, with its language where it is translated: ``Label (German)``.

    ``label`` names the model. A part's field comes with the part before it: ``date LAX-1: starts_at``.
    """
    part, colon, own = name.rpartition(": ")
    base, _, code = own.rpartition("_")
    if base and code in LANGUAGES and (colon or _verbose(label, base)):
        words = f"{_verbose(label, base) or base} ({LANGUAGES[code]})"
    else:
        words = (not colon and _verbose(label, own)) or own
    return f"{part}{colon}{words}".replace("_", " ")


def _verbose(label: str, name: str) -> str:
    try:
        return str(getattr(apps.get_model(label)._meta.get_field(name), "verbose_name", name))
    except (LookupError, ValueError, FieldDoesNotExist):
        return ""


def value_words(value: Any) -> str:
    """A value in words; nothing is a dash."""
    if value in (None, "", [], {}):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, str) and INSTANT.fullmatch(value):
        return f"{datetime.fromisoformat(value).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class Change:
    """One field of one event, in words. What was there before is empty where there was nothing or it is not told."""

    field: str
    old: str
    new: str

    @property
    def is_long(self) -> bool:
        """Whether it is folded away."""
        return max(len(self.old), len(self.new)) > MOST_ON_A_LINE


@dataclass(frozen=True)
class Entry:
    """One event of the history."""

    event: AuditEvent

    @cached_property
    def changes(self) -> list[Change]:
        """Its fields in the order in which they were written."""
        found = []
        for name, pair in self.event.changes.items():
            old, new = pair if isinstance(pair, list) and len(pair) == 2 else (None, pair)
            words = field_words(self.event.target_type, name)
            before = "" if old in (None, "") or new == CHANGED else value_words(old)
            found.append(Change(field=words, old=before, new=value_words(new)))
        return found


# Filters


@dataclass(frozen=True)
class FieldChoices:
    """The fields of a model by which its history can be filtered: value → words, and value → keys in the trail."""

    words: Mapping[str, str]
    keys: Mapping[str, Sequence[str]]
    parts: Mapping[str, str]
    """Kinds of parts that are edited on the same page, by their name in the keys."""


def field_choices(model: type[models.Model], parts: Mapping[str, str]) -> FieldChoices:
    """A model's fields. A translated one is offered for any language and for each."""
    label = model._meta.label_lower
    names = {field.name for field in [*model._meta.concrete_fields, *model._meta.many_to_many]}
    words: dict[str, str] = {}
    keys: dict[str, Sequence[str]] = {}
    for field in [*model._meta.concrete_fields, *model._meta.many_to_many]:
        if field.primary_key:
            continue
        base, _, code = field.name.rpartition("_")
        columns = [build_localized_fieldname(field.name, code) for code in LANGUAGES]
        is_of_a_language = base in names and code in LANGUAGES
        is_default = is_of_a_language and code == settings.LANGUAGE_CODE
        words[field.name] = field_words(label, field.name)
        keys[field.name] = [field.name, *([base] if is_default else [])]
        if not is_of_a_language and names.issuperset(columns):
            words[field.name] += " (any language)"
            keys[field.name] = [field.name, *columns]
    return FieldChoices(words, keys, parts)


class HistoryForm(forms.Form):
    """What of an object's history is shown."""

    field = forms.ChoiceField(required=False, label="Field")
    who = forms.CharField(required=False, label="Who", max_length=150)
    since = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput(attrs={"type": "date"}))
    before = forms.IntegerField(required=False, min_value=0, max_value=2**63 - 1, widget=forms.HiddenInput)

    def __init__(self, choices: FieldChoices, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        menu = self.fields["field"]
        if isinstance(menu, forms.ChoiceField):
            menu.choices = [("", "Any"), *choices.words.items(), *choices.parts.items()]
        self.fields["who"].widget.attrs["placeholder"] = "Name, clock, worker"
        styled(self)


@dataclass(frozen=True)
class Filters:
    """The filters that were asked for and make sense; others are left out."""

    choices: FieldChoices
    field: str = ""
    who: str = ""
    since: date | None = None
    until: date | None = None
    before: int | None = None

    def rows(self, events: "models.QuerySet[AuditEvent]") -> "models.QuerySet[AuditEvent]":
        """The events that pass."""
        if self.field in self.choices.keys:
            events = events.filter(changes__has_any_keys=list(self.choices.keys[self.field]))
        elif self.field:
            events = events.annotate(text=Cast("changes", TextField())).filter(text__contains=f'"{self.field} ')
        if self.who:
            name = Q(actor_label__iexact=self.who) | Q(on_behalf_of__iendswith=f" {self.who}")
            events = events.filter(name | Q(actor_kind=self.who.lower()))
        if self.since is not None:
            events = events.filter(at__gte=_midnight(self.since))
        if self.until is not None and self.until < date.max:
            events = events.filter(at__lt=_midnight(self.until + timedelta(days=1)))
        return events if self.before is None else events.filter(pk__lt=self.before)

    def query(self, *, before: int | None) -> str:
        """The address's query for the same filters, from another event on."""
        values = {"field": self.field, "who": self.who, "since": self.since, "until": self.until, "before": before}
        return urlencode({name: value for name, value in values.items() if value})

    @property
    def are_set(self) -> bool:
        """Whether anything is filtered."""
        return bool(self.field or self.who or self.since or self.until)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def history_context(
    *, model: type[models.Model], object_id: str, parts: Sequence[type[models.Model]], asked: Mapping[str, Any]
) -> dict[str, Any]:
    """What the template needs: the form, the entries, and where older and newer ones are.

    ``parts`` are models whose rows are edited on the same page.
    """
    names = {str(part._meta.verbose_name): f"its {part._meta.verbose_name_plural}" for part in parts}
    choices = field_choices(model, names)
    form = HistoryForm(choices, asked)
    form.is_valid()
    filters = Filters(choices, **{name: value for name, value in form.cleaned_data.items() if value})
    own = AuditEvent.objects.filter(target_type=model._meta.label_lower, target_id=object_id)
    events = list(filters.rows(own).order_by("-pk")[: ENTRIES + 1])
    older = events[ENTRIES - 1].pk if len(events) > ENTRIES else None
    return {
        "form": form,
        "filters": filters,
        "entries": [Entry(event) for event in events[:ENTRIES]],
        "older": filters.query(before=older) if older is not None else "",
        "newest": f"?{filters.query(before=None)}" if filters.before is not None else "",
    }
