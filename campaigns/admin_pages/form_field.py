"""The questions of a campaign's own form."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns.admin_pages.catalogue import TranslatedForm, in_all_languages, language_tabs
from campaigns.admin_pages.scoped import ScopedForm, SetupAdmin
from campaigns.models import Field
from core.admin_words import badge
from viewers.permissions import Action

LANGUAGES = dict(settings.LANGUAGES)


def options_as_text(options: list[dict[str, Any]]) -> str:
    """A dropdown's options, one a line: ``floor | en: Floor | de: Innenraum``."""
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


class FieldForm(TranslatedForm[Field], ScopedForm[Field]):
    """A question, with its options as lines of text."""

    must_have = ("label",)
    rules = {
        "campaign,key": ("key", "Another question of this campaign has this key."),
        "campaign,number": ("number", "Another question has this place in the order."),
    }
    options = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="For a dropdown, one option a line: floor | en: Floor | de: Innenraum",
    )

    class Meta:
        model = Field
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "options" in self.fields:
            from unfold.widgets import UnfoldAdminTextareaWidget

            self.fields["options"].widget = UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false"})
            self.initial["options"] = options_as_text(self.instance.options)

    def clean_options(self) -> list[dict[str, Any]]:
        """Read the lines."""
        return options_from_text(self.cleaned_data["options"])

    def clean(self) -> dict[str, Any]:
        """A dropdown needs something to choose from."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("type") == Field.Type.DROPDOWN and not self.errors and not cleaned.get("options"):
            self.add_error("options", "A dropdown needs at least one option.")
        return cleaned


@admin.register(Field)
class FieldAdmin(SetupAdmin[Field]):
    """What a campaign asks its fans beside e-mail, name and cities."""

    section = "form"
    empty_note = "Fans are always asked for their address, name and cities. Add what else you want to know."
    list_display = ("number", "label_column", "type", "required_column", "personal_column")
    list_display_links = ("label_column",)
    list_select_related = ("campaign",)
    list_filter = ("type", "is_required", "is_personal")
    search_fields = ("key", *in_all_languages("label"))
    search_help_text = "Key or label"
    ordering = ("number", "pk")
    form = FieldForm
    edit_right = Action.EDIT_SETUP
    fieldsets = (
        (None, {"fields": ("number", "key", "type", "is_required", "is_personal", "options")}),
        *language_tabs("label", "help_text"),
    )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new question goes to the end."""
        campaign = self.campaign_of(request)
        last = campaign.fields.order_by("-number").first() if campaign is not None else None
        return {"number": (last.number if last is not None else 0) + 1}

    # Columns

    @admin.display(description="question", ordering="label_en")
    def label_column(self, field: Field) -> SafeString:
        """The question's words, and its key."""
        return format_html(
            '<strong class="mq-name">{}</strong><code class="mq-soft mq-block">{}</code>', field.label, field.key
        )

    @admin.display(description="required", ordering="is_required")
    def required_column(self, field: Field) -> str:
        """Whether it must be answered."""
        return "required" if field.is_required else "optional"

    @admin.display(description="data", ordering="is_personal")
    def personal_column(self, field: Field) -> str | SafeString:
        """Whether the answers are personal data."""
        return badge("personal", "warn") if field.is_personal else "ordinary"
