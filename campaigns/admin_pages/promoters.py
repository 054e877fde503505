"""Who promotes campaigns, and the analytics tags that their pages may load."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from campaigns import catalogue_rules
from campaigns.admin_pages.catalogue import CatalogueAdmin
from campaigns.models import PrivacyPolicy, Promoter, Tracker
from core.admin_base import StackedInline
from core.admin_forms import ConsoleForm
from core.admin_words import badge
from viewers.permissions import Action, may
from viewers.viewer import viewer_of_request


class PolicyForm(ConsoleForm[PrivacyPolicy]):
    """One address, with the database's rules in words."""

    rules = catalogue_rules.POLICY


class PolicyInline(StackedInline[PrivacyPolicy, Promoter]):
    """The addresses of a promoter's privacy policy."""

    model = PrivacyPolicy
    form = PolicyForm
    fields = ("locale", "url")
    extra = 0
    ordering = ("locale",)
    verbose_name = "privacy policy in a locale"
    verbose_name_plural = "privacy policies by locale"

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A menu without icons that would lead away from a half-filled form."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        widget = getattr(field, "widget", None)
        for way in ("can_add_related", "can_change_related", "can_delete_related", "can_view_related"):
            if hasattr(widget, way):
                setattr(widget, way, False)
        return field

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever sees the promoter sees them."""
        return True

    def _may_edit(self, request: HttpRequest) -> bool:
        return may(viewer_of_request(request), Action.EDIT_CATALOGUE, None)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether they can be changed."""
        return self._may_edit(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether one can be added."""
        return self._may_edit(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether one can go."""
        return self._may_edit(request)


class PromoterForm(ConsoleForm[Promoter]):
    """A promoter, with the database's rules in words."""

    rules = catalogue_rules.PROMOTER


@admin.register(Promoter)
class PromoterAdmin(CatalogueAdmin[Promoter]):
    """The promoters; the address of their privacy policy stands on every fan page of their campaigns."""

    empty_note = "A campaign needs a promoter before it opens: fans read its privacy policy beside the register button."
    list_display = ("name", "policies_column", "uses_column")
    search_fields = ("name",)
    search_help_text = "Name"
    ordering = ("name", "pk")
    form = PromoterForm
    fields = ("name", "privacy_url")
    inlines = (PolicyInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Promoter]:
        """With the addresses."""
        return super().get_queryset(request).prefetch_related("policies")

    # Columns

    @admin.display(description="privacy policy")
    def policies_column(self, promoter: Promoter) -> SafeString:
        """The locales that have an address of their own."""
        policies = sorted(promoter.policies.all(), key=lambda policy: policy.locale_id)
        found = format_html_join(" ", "{}", ((badge(policy.locale_id),) for policy in policies))
        if promoter.privacy_url:
            return format_html("{} {}", found, badge("all others" if policies else "all locales", "good"))
        return found or badge("no address", "bad")


class TrackerForm(ConsoleForm[Tracker]):
    """A tracker, with the database's rules in words."""

    rules = catalogue_rules.TRACKER


@admin.register(Tracker)
class TrackerAdmin(CatalogueAdmin[Tracker]):
    """The analytics tags that campaigns may load once a fan has agreed."""

    empty_note = "A tag of Google, Meta, TikTok, X or Snap, or an image from an address."
    list_display = ("name", "kind", "what_column", "state_column", "uses_column")
    list_filter = ("kind", "is_active")
    search_fields = ("name", "identifier", "url")
    search_help_text = "Name, id or address"
    ordering = ("name", "pk")
    form = TrackerForm
    fieldsets = (
        (
            None,
            {
                "fields": ("name", "kind", "identifier", "url", "is_active"),
                "description": "The six tags are known by an id; an image is loaded from its address. "
                "One that is not in use stays with its campaigns and is not loaded.",
            },
        ),
    )

    # Columns

    @admin.display(description="id or address", ordering="identifier")
    def what_column(self, tracker: Tracker) -> str:
        """What tells it from others of its kind."""
        return tracker.identifier or tracker.url

    @admin.display(description="state", ordering="is_active")
    def state_column(self, tracker: Tracker) -> SafeString:
        """Whether it is loaded."""
        return badge("in use", "good") if tracker.is_active else badge("not in use")
