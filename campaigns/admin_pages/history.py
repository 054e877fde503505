"""The audit trail, to read."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns.admin_pages.scoped import ScopedAdmin
from campaigns.admin_pages.words import changes_text
from core.models import AuditEvent


class ActorFilter(admin.SimpleListFilter):
    """By who did it. The kinds are few and known, so no query looks for them."""

    title = "who"
    parameter_name = "actor_kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The kinds of actors."""
        return [(kind, kind) for kind in ("staff", "fan", "clock", "worker", "machine")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """The events of the chosen kind."""
        return queryset.filter(actor_kind=self.value()) if self.value() else queryset


@admin.register(AuditEvent)
class AuditEventAdmin(ScopedAdmin[AuditEvent]):
    """What people, the clock and the workers did. Nobody can change a line of it."""

    section = "history"
    campaign_field = "campaign_id"
    needs_campaign = False
    list_display = ("at_column", "actor_column", "action", "target_column", "changes_column")
    list_display_links = None
    list_filter = (ActorFilter,)
    search_fields = ("target_id__exact", "action__exact")
    search_help_text = "Exact id of what was changed, or exact action"
    ordering = ("-pk",)

    def campaign_of(self, request: HttpRequest, obj: AuditEvent | None = None) -> Any:
        """The campaign that the address names; an event's own page is not shown."""
        return super().campaign_of(request, None)

    # Columns

    @admin.display(description="when (UTC)", ordering="pk")
    def at_column(self, event: AuditEvent) -> str:
        """The moment, to the second."""
        return f"{event.at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="who")
    def actor_column(self, event: AuditEvent) -> str:
        """The actor's label, or what kind it is."""
        return event.actor_label or event.actor_kind

    @admin.display(description="what it was done to")
    def target_column(self, event: AuditEvent) -> SafeString:
        """Kind and id."""
        return format_html(
            '{} <code class="mq-soft mq-break">{}</code>', event.target_type.partition(".")[2], event.target_id
        )

    @admin.display(description="change")
    def changes_column(self, event: AuditEvent) -> SafeString:
        """Each field with its old and new value, and the reason."""
        return changes_text(event)
