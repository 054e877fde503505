"""The questions of a campaign's own form."""

import json
from collections.abc import Collection, Mapping
from itertools import count
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import slugify

from campaigns import set_up_rules
from campaigns.admin_pages.catalogue import WORDS_FIRST, TranslatedForm, in_all_languages, language_tabs
from campaigns.admin_pages.ordered import OrderedAdmin
from campaigns.admin_pages.scoped import ScopedForm
from campaigns.field_rules import CHOICES, LIMITED, NO, TICKS, YES, possible_values
from campaigns.models import Field
from core.admin_forms import styled
from core.admin_words import badge

LANGUAGES = dict(settings.LANGUAGES)
MOST_LETTERS_OF_KEY = 30
"""Of one that is made from a label; whoever types one may use 40."""


def options_as_text(options: list[dict[str, Any]]) -> str:
    """A question's options, one a line: ``floor | en: Floor | de: Innenraum``."""
    lines = []
    for option in options:
        labels = [f"{language}: {label}" for language, label in option.get("labels", {}).items()]
        lines.append(" | ".join([str(option.get("value", "")), *labels]))
    return "\n".join(lines)


def options_from_text(text: str) -> list[dict[str, Any]]:
    """Read what ``options_as_text`` writes.

    :raises ValidationError: with the line and what is wrong in it.
    """
    options: list[dict[str, Any]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        value, *parts = [part.strip() for part in line.split("|")]
        labels = {}
        for part in parts:
            language, colon, label = part.partition(":")
            if not colon or language.strip() not in LANGUAGES or not label.strip():
                raise forms.ValidationError(
                    f"Line {number}: “{part}” is not a label. Write it like “en: Floor”; "
                    f"languages are {', '.join(LANGUAGES)}."
                )
            labels[language.strip()] = label.strip()
        if not value or len(value) > 100:
            raise forms.ValidationError(f"Line {number}: begin with the option's value, of at most 100 letters.")
        if value in [option["value"] for option in options]:
            raise forms.ValidationError(f"Line {number}: the value “{value}” stands twice.")
        options.append({"value": value, "labels": labels or {settings.LANGUAGE_CODE: value}})
    return options


def key_from(label: str, *, taken: Collection[str]) -> str:
    """A question's key that no other has, made from its label: ``how_did_you_hear``."""
    words = slugify(label).replace("-", "_").lstrip("_0123456789")
    key = words if len(words) <= MOST_LETTERS_OF_KEY else words[:MOST_LETTERS_OF_KEY].rpartition("_")[0]
    key = key or "question"
    return next(name for number in count(1) if (name := key if number == 1 else f"{key}_{number}") not in taken)


CONDITION = "condition"
"""The one input of the form for both columns of a condition."""


def applying_inputs() -> dict[str, list[str]]:
    """For each type the names of the inputs that not every type has."""
    return {
        str(kind): [
            *(["options"] if kind in CHOICES else []),
            *(["minimum", "maximum"] if kind in LIMITED else []),
            *(["is_required", "is_personal", CONDITION] if kind != Field.Type.RANKING else []),
        ]
        for kind in Field.Type
    }


class FieldForm(TranslatedForm[Field], ScopedForm[Field]):
    """A question, with its options as lines of text and its condition as one menu."""

    must_have = ("label",)
    set_fields = ScopedForm.set_fields | {"shown_if", "shown_if_value"}
    rules = set_up_rules.FIELD
    options = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="For radio buttons, a dropdown or a multiple choice, one option a line: floor | en: Floor | de: …",
    )
    condition = forms.ChoiceField(
        required=False,
        label="When",
        help_text="Always, or only if another question has this answer. Otherwise what a fan sends for it is dropped.",
    )

    class Meta:
        model = Field
        exclude = ("shown_if", "shown_if_value")
        help_texts = {
            "minimum": "The least number, the first date as 2001-12-31, or the fewest letters or choices.",
            "maximum": "The greatest number, the last date, or the most letters or choices.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "options" in self.fields:
            self.initial["options"] = options_as_text(self.instance.options)
        if CONDITION in self.fields:
            self._offer_conditions()
        if "key" in self.fields:
            self.fields["key"].required = False
            self.fields["key"].help_text = "The answer's name in files and the API. Left empty, the label gives it."
        if "type" in self.fields:
            self.fields["type"].widget.attrs["data-applies"] = json.dumps(applying_inputs())
        own = {name: self.fields[name] for name in ("options", CONDITION) if name in self.fields}
        styled(_Part(own))  # type: ignore[type-var]  # It has what is looked at.

    def _offer_conditions(self) -> None:
        self._sources = {
            field.key: field
            for field in Field.objects.filter(campaign=self.instance.campaign_id)
            .exclude(pk=self.instance.pk)
            .order_by("number", "pk")
            if possible_values(field) and (field.is_active or field.pk == self.instance.shown_if_id)
        }
        offered = [
            (f"{key}={value}", f"only if “{field.label}” is: {text}")
            for key, field in self._sources.items()
            for value, text in answers_in_words(field)
        ]
        self.fields[CONDITION].choices = [("", "always"), *offered]  # type: ignore[attr-defined]  # A menu has them.
        source = self.instance.shown_if
        self.initial[CONDITION] = f"{source.key}={self.instance.shown_if_value}" if source is not None else ""

    def clean(self) -> dict[str, Any]:
        """Make the key from the label where none was typed."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "key" in cleaned and not cleaned["key"]:
            taken = Field.objects.filter(campaign=self.instance.campaign_id).exclude(pk=self.instance.pk)
            cleaned["key"] = key_from(
                str(cleaned.get("label_en") or ""), taken=set(taken.values_list("key", flat=True))
            )
        return cleaned

    def clean_options(self) -> list[dict[str, Any]]:
        """Read the lines."""
        return options_from_text(self.cleaned_data["options"])

    def clean_condition(self) -> str:
        """Set both columns of the condition."""
        chosen: str = self.cleaned_data[CONDITION]
        key, _, value = chosen.partition("=")
        self.instance.shown_if = self._sources[key] if key else None
        self.instance.shown_if_value = value
        return chosen

    def _update_errors(self, errors: ValidationError) -> None:
        """Show what is wrong with a part that has no input of its own where a reader looks for it."""
        if hasattr(errors, "error_dict"):
            shown: dict[str, Any] = {}
            for name, found in errors.error_dict.items():
                place = CONDITION if name in ("shown_if", "shown_if_value") else name
                shown.setdefault(place if place in self.fields else "__all__", []).extend(found)
            errors = ValidationError(shown)
        super()._update_errors(errors)  # type: ignore[misc]  # Django's own hook.


class _Part:
    """Some fields of a form, to be given the look of our own."""

    def __init__(self, fields: Mapping[str, forms.Field]) -> None:
        self.fields = fields


def answers_in_words(field: Field) -> list[tuple[str, str]]:
    """The answers that a condition can name, each with what a reader calls it."""
    if field.type in TICKS:
        return [(YES, "ticked"), (NO, "not ticked")]
    labels = {str(option.get("value")): (option.get("labels") or {}).get("en", "") for option in field.options}
    return [(value, labels.get(value) or value) for value in possible_values(field)]


@admin.register(Field)
class FieldAdmin(OrderedAdmin[Field]):
    """What a campaign asks its fans beside e-mail, name and cities."""

    section = "form"
    empty_note = "Fans are always asked for their address, name and cities. Add what else you want to know."
    list_display = ("label_column", "type", "required_column", "condition_column", "personal_column")
    list_display_links = ("label_column",)
    list_select_related = ("campaign", "shown_if")
    list_filter = ("type", "is_active", "is_required", "is_personal")
    search_fields = ("key", *in_all_languages("label"))
    search_help_text = "Key or label"
    form = FieldForm
    change_form_template = WORDS_FIRST
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "type",
                    "options",
                    ("minimum", "maximum"),
                    "is_required",
                    "is_personal",
                    CONDITION,
                    "is_active",
                    "key",
                    "number",
                )
            },
        ),
        *language_tabs("label", "help_text"),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Field | None = None) -> tuple[str, ...]:
        """The key is fixed since the opening: answers are kept under it."""
        return ("key",) if obj is not None and obj.campaign.has_opened else ()

    def get_fieldsets(self, request: HttpRequest, obj: Field | None = None) -> Any:
        """Without the menu of conditions where nothing can be changed."""
        found = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return found
        (title, first), *tabs = found
        kept = tuple(name for name in first["fields"] if name != CONDITION)
        return ((title, {**first, "fields": kept}), *tabs)

    def save_model(self, request: HttpRequest, obj: Field, form: Any, change: bool) -> None:
        """Write the condition with the rest; it has other names than its input."""
        super().save_model(request, obj, form, change)
        if change:
            obj.save(update_fields=["shown_if", "shown_if_value"])

    # Columns

    @admin.display(description="question", ordering="label_en")
    def label_column(self, field: Field) -> SafeString:
        """The question's words, and its key."""
        return format_html(
            '<strong class="mq-name">{}</strong><code class="mq-soft mq-block">{}</code>', field.label, field.key
        )

    @admin.display(description="required", ordering="is_required")
    def required_column(self, field: Field) -> str | SafeString:
        """Whether it must be answered, or is asked no more."""
        if not field.is_active:
            return badge("not asked")
        if field.type == Field.Type.RANKING:
            return "required"
        return "required" if field.is_required else "optional"

    @admin.display(description="asked")
    def condition_column(self, field: Field) -> str:
        """When it is asked."""
        if field.shown_if is None:
            return "always"
        words = dict(answers_in_words(field.shown_if)).get(field.shown_if_value, field.shown_if_value)
        return f"if “{field.shown_if.label}” is {words}"

    @admin.display(description="data", ordering="is_personal")
    def personal_column(self, field: Field) -> str | SafeString:
        """Whether the answers are personal data."""
        return badge("personal", "warn") if field.is_personal else "ordinary"
