"""A campaign's own texts, one page a locale."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns.admin_pages.scoped import ScopedForm, SetupAdmin
from campaigns.models import Campaign, Content, Locale
from core.admin_words import badge
from viewers.permissions import Action

PAGES = ("title", "not_started", "open", "registered", "closed", "selected", "not_selected", "finished")
MAILS = tuple(text for text in Content.TEXTS if text not in PAGES)
PLACEHOLDERS = (
    "In mails, {name}, {artist}, {campaign}, {code}, {market}, {presale} and {link} are filled in for each fan."
)


class ContentForm(ScopedForm[Content]):
    """One locale's texts; an empty one shows what fans will read in its place."""

    rules = {"campaign,locale": ("locale", "The campaign has texts in this locale already: change those.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        campaign = self.instance.campaign
        if "locale" in self.fields:
            menu = self.fields["locale"]
            if isinstance(menu, forms.ModelChoiceField):
                menu.queryset = Locale.objects.filter(is_active=True).order_by("name", "code")
        if self.instance.locale_id == campaign.default_locale_id:
            return
        default = campaign.contents.filter(locale=campaign.default_locale_id).first()
        for text in Content.TEXTS:
            if default is not None and text in self.fields:
                self.fields[text].widget.attrs["placeholder"] = getattr(default, text)


@admin.register(Content)
class ContentAdmin(SetupAdmin[Content]):
    """What fans read: the pages of each stage, and the mails."""

    section = "content"
    empty_note = "Write the default locale first: every other one falls back to it."
    list_display = ("locale_column", "title", "filled_column")
    list_select_related = ("locale", "campaign")
    ordering = ("locale", "pk")
    list_before_template = "admin/campaigns/content/missing.html"
    form = ContentForm
    edit_right = Action.EDIT_CONTENT
    fieldsets = (
        (None, {"fields": ("locale",)}),
        (
            "Pages",
            {
                "fields": PAGES,
                "classes": ("tab",),
                "description": "An empty text falls back to the default locale's, shown in grey.",
            },
        ),
        ("Mails", {"fields": MAILS, "classes": ("tab",), "description": PLACEHOLDERS}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Content | None = None) -> tuple[str, ...]:
        """The locale of written texts stays."""
        return ("locale",) if obj is not None else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The locale that the link names."""
        return {"locale": request.GET.get("locale", "")}

    def list_context(self, request: HttpRequest, campaign: Campaign | None) -> Mapping[str, Any]:
        """The campaign's locales that have no texts yet."""
        if campaign is None:
            return {}
        written = set(campaign.contents.values_list("locale", flat=True))
        missing = campaign.locales.exclude(pk__in=written).order_by("name", "code")
        add = reverse("admin:campaigns_content_add")
        return {"missing": [(locale, f"{add}?campaign={campaign.pk}&locale={locale.pk}") for locale in missing]}

    # Columns

    @admin.display(description="locale", ordering="locale")
    def locale_column(self, content: Content) -> SafeString:
        """The locale, and whether the others fall back to it."""
        is_default = content.locale_id == content.campaign.default_locale_id
        return format_html(
            '<strong class="mq-name" dir="auto">{}</strong> {}',
            content.locale,
            badge("default", "good") if is_default else "",
        )

    @admin.display(description="texts")
    def filled_column(self, content: Content) -> str:
        """How many of its texts are written."""
        filled = sum(bool(getattr(content, text)) for text in Content.TEXTS)
        return f"{filled} of {len(Content.TEXTS)} written"
