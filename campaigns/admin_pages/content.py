"""A campaign's own texts: the matrix of what is written in which locale, the editor of one, and links to previews."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from campaigns import placeholders, rich_text, set_up_rules
from campaigns.admin_pages import preview_links
from campaigns.admin_pages.scoped import ScopedForm, SetupAdmin
from campaigns.admin_pages.transfer import CampaignTransferAdmin, pages_of
from campaigns.completeness import FALLS_BACK, MISSING, OWN, Completeness, Item, completeness_of, items
from campaigns.models import Campaign, Content, Locale
from campaigns.models.content import MOST_LETTERS_OF_REFUSAL, REFUSALS
from core.admin_base import Page
from core.admin_forms import styled
from viewers.permissions import Action

PAGES = ("title", *Content.RICH)
MAILS = tuple(text for text in Content.TEXTS if text not in PAGES)
REFUSAL = "refusal_"
SIGNS = {OWN: ("✓", "good"), FALLS_BACK: ("↩", "warn"), MISSING: ("–", "plain")}


def refusal_field(code: str) -> forms.CharField:
    """The input for a campaign's own words for a refusal."""
    label = REFUSALS[code]
    return forms.CharField(
        label=f"{label[0].upper()}{label[1:]}",
        required=False,
        max_length=MOST_LETTERS_OF_REFUSAL,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class ContentForm(ScopedForm[Content]):
    """One locale's texts; an empty one shows what fans will read in its place."""

    rules = set_up_rules.CONTENT
    refusal_not_open = refusal_field("not_open")
    refusal_closed = refusal_field("closed")
    refusal_wrong_password = refusal_field("wrong_password")
    refusal_bad_link = refusal_field("bad_link")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for code in REFUSALS:
            self.initial.setdefault(f"{REFUSAL}{code}", self.instance.errors.get(code, ""))
        if "locale" in self.fields:
            menu = self.fields["locale"]
            if isinstance(menu, forms.ModelChoiceField):
                menu.queryset = Locale.objects.filter(is_active=True).order_by("name", "code")
        for text, known in placeholders.OF_TEXT.items():
            if known and text in self.fields:
                self.fields[text].help_text = f"It can say {placeholders.listed(known)}."
        self._show_fallbacks()
        styled(self)

    def _show_fallbacks(self) -> None:
        """Show in grey what fans read where a text is left empty, and let each run in its own direction."""
        campaign = self.instance.campaign
        default = None
        if self.instance.locale_id != campaign.default_locale_id:
            default = campaign.contents.filter(locale=campaign.default_locale_id).first()
        for name, field in self.fields.items():
            if name == "locale":
                continue
            field.widget.attrs["dir"] = "auto"
            if default is not None:
                code = name.removeprefix(REFUSAL)
                text = default.errors.get(code, "") if code != name else getattr(default, name)
                field.widget.attrs["placeholder"] = text

    def clean(self) -> dict[str, Any]:
        """Gather the words for refusals, each complaint beside its own input."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        words = {code: cleaned.get(f"{REFUSAL}{code}", "") for code in REFUSALS}
        for code, text in words.items():
            if complaint := placeholders.complaint(text, ()):
                self.add_error(f"{REFUSAL}{code}", complaint)
                words[code] = ""
        self.instance.errors = words
        return cleaned


@dataclass(frozen=True)
class Cell:
    """One text in one locale: how it stands, and where it is written."""

    locale: Locale
    state: str
    sign: str
    kind: str
    link: str
    count: int = 0


@dataclass(frozen=True)
class Row:
    """One text in all locales."""

    item: Item
    cells: list[Cell]


@dataclass(frozen=True)
class Group:
    """Texts that belong together."""

    title: str
    note: str
    rows: list[Row]


STANDARD = ("Mails", "Refusals")
"""Groups of texts for which there are words of our own where nothing is written."""
NOTES = {
    "Pages": "Below a page's own sentences about dates and the next step.",
    "Mails": "Where nothing is written, the mail has words of its own in the fan's language.",
    "Images": "Without a main image the artist's is shown.",
    "Questions": "A page shows one locale's questions, never a mixture.",
    "Refusals": "In place of our own words.",
}


@admin.register(Content)
class ContentAdmin(CampaignTransferAdmin[Content], SetupAdmin[Content]):
    """What fans read: the pages of each stage, and the mails."""

    section = "content"
    form = ContentForm
    edit_right = Action.EDIT_CONTENT
    pages = (*pages_of(Action.EDIT_CONTENT), Page("previews/", "previews_page", Action.VIEW))
    fieldsets = (
        (None, {"fields": ("locale",)}),
        ("Pages", {"fields": PAGES, "description": f"An empty text falls back to the grey one. {rich_text.HELP}"}),
        ("Mails", {"fields": MAILS, "description": "Plain text. Left empty, a mail has words of its own."}),
        (
            "Words for refusals",
            {
                "fields": tuple(f"{REFUSAL}{code}" for code in REFUSALS),
                "description": "What a fan reads when something is refused; plain text, in place of our own words.",
            },
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Content | None = None) -> tuple[str, ...]:
        """The locale of written texts stays."""
        return ("locale",) if obj is not None else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The locale that the link names."""
        return {"locale": request.GET.get("locale", "")}

    def save_model(self, request: HttpRequest, obj: Content, form: Any, change: bool) -> None:
        """Write the texts, and the words for refusals, which are one column for many inputs."""
        super().save_model(request, obj, form, change)
        if change:
            obj.save(update_fields=["errors"])

    # The matrix

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Locales across, texts down: what is own, what falls back, what is missing."""
        if not self.has_view_permission(request):
            return self.not_allowed(request)
        campaign = self.campaign_of(request)
        if campaign is None:
            return self.ask_for_campaign(request)
        found = completeness_of(campaign)
        may_edit = self.has_add_permission(request) and campaign.status != Campaign.Status.FINISHED
        context = {
            "locales": found.locales,
            "standard": STANDARD,
            "transfers": self.transfers(request),
            "groups": self._groups(found, may_edit=may_edit),
            "missing": found.missing(),
            "falling_back": sum(found.falling_back().values()),
            "previews": f"{reverse('admin:campaigns_content_previews_page')}?campaign={campaign.pk}",
            "images": f"{reverse('admin:campaigns_image_changelist')}?campaign={campaign.pk}",
            "faqs": f"{reverse('admin:campaigns_faq_changelist')}?campaign={campaign.pk}",
            **self.workspace(campaign),
        }
        return TemplateResponse(
            request, "admin/campaigns/content/matrix.html", self.page_context(request, "Content", **context)
        )

    def _groups(self, found: Completeness, *, may_edit: bool) -> list[Group]:
        groups: dict[str, Group] = {}
        for item in items():
            group = groups.setdefault(item.group, Group(item.group, NOTES[item.group], []))
            cells = [self._cell(found, locale, item, may_edit=may_edit) for locale in found.locales]
            group.rows.append(Row(item, cells))
        return list(groups.values())

    def _cell(self, found: Completeness, locale: Locale, item: Item, *, may_edit: bool) -> Cell:
        state = found.state(locale.code, item)
        sign, kind = SIGNS[state]
        is_red = state == MISSING and item.is_needed
        count = found.found.get(locale.code, {}).get((item.group, item.name), 0)
        return Cell(
            locale=locale,
            state=state,
            sign="!" if is_red else sign,
            kind="bad" if is_red else kind,
            link=_editor(found, locale, item, may_edit=may_edit),
            count=count if item.group == "Questions" else 0,
        )

    # Previews

    def previews_page(self, request: HttpRequest) -> HttpResponse:
        """Links that show the fan pages in each locale and state to whoever has them."""
        campaign = self.campaign_of(request)
        if campaign is None:
            return self.ask_for_campaign(request)
        locales = completeness_of(campaign).locales
        rows = [
            (title, [(locale, preview_links.link_to(campaign, locale.code, state)) for locale in locales])
            for state, title in preview_links.STATES
        ]
        context = {"locales": locales, "rows": rows, "back": self.list_url_of(campaign), **self.workspace(campaign)}
        return TemplateResponse(
            request, "admin/campaigns/content/previews.html", self.page_context(request, "Previews", **context)
        )


def _editor(found: Completeness, locale: Locale, item: Item, *, may_edit: bool) -> str:
    """Where an item is written in a locale; empty where it is not and the viewer may not write it."""
    scope = {"campaign": found.campaign.pk, "locale": locale.code}
    if item.group == "Images":
        if (image := found.images.get((locale.code, item.name))) is not None:
            return reverse("admin:campaigns_image_change", args=[image])
        return f"{reverse('admin:campaigns_image_add')}?{urlencode({**scope, 'kind': item.name})}" if may_edit else ""
    if item.group == "Questions":
        if found.found.get(locale.code, {}).get((item.group, item.name)):
            chosen = {"campaign": found.campaign.pk, "locale__code__exact": locale.code, "page__exact": item.name}
            return f"{reverse('admin:campaigns_faq_changelist')}?{urlencode(chosen)}"
        return f"{reverse('admin:campaigns_faq_add')}?{urlencode({**scope, 'page': item.name})}" if may_edit else ""
    field = f"{REFUSAL}{item.name}" if item.group == "Refusals" else item.name
    if (content := found.contents.get(locale.code)) is not None:
        return f"{reverse('admin:campaigns_content_change', args=[content.pk])}#id_{field}"
    return f"{reverse('admin:campaigns_content_add')}?{urlencode(scope)}#id_{field}" if may_edit else ""
