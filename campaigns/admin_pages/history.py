"""The audit trail, to read."""

from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns.admin_pages.scoped import ScopedAdmin
from campaigns.admin_pages.words import changes_text
from campaigns.models import Content
from core.models import AuditEvent
from viewers.admin_base import GuardedAdmin
from viewers.permissions import Action, campaigns_of
from viewers.viewer import viewer_of_request

if TYPE_CHECKING:
    from django.contrib.admin import DateFieldListFilter as RangeDateFilter
    from django.contrib.admin.views.main import ChangeList
else:
    from unfold.contrib.filters.admin import RangeDateFilter
    from unfold.views import ChangeList


class ActorFilter(admin.SimpleListFilter):
    """By who did it. The kinds are few and known, so no query looks for them."""

    title = "who"
    parameter_name = "actor_kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The kinds of actors."""
        return [(kind, kind) for kind in ("staff", "fan", "clock", "worker", "machine", "auditor")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """The events of the chosen kind."""
        return queryset.filter(actor_kind=self.value()) if self.value() else queryset


class TargetFilter(admin.SimpleListFilter):
    """By the kind of what was changed: those that have pages here."""

    title = "what it was done to"
    parameter_name = "target_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The models of the admin, by their names."""
        models = [model for model in admin.site._registry if model is not AuditEvent]
        return sorted(((model._meta.label_lower, str(model._meta.verbose_name)) for model in models), key=itemgetter(1))

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """The events of the chosen kind."""
        return queryset.filter(target_type=self.value()) if self.value() else queryset


class DaysFilter(RangeDateFilter):
    """By days, both included, as they begin and end in UTC. What is no date is left out."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """The events of the chosen days."""
        for ending, lookup, more in (("_from", "gte", timedelta()), ("_to", "lt", timedelta(days=1))):
            text = self.used_parameters.get(f"at{ending}")
            try:
                day = datetime.strptime(str(text), "%Y-%m-%d").replace(tzinfo=UTC)
                queryset = queryset.filter(**{f"at__{lookup}": day + more})
            except (ValueError, OverflowError):
                continue
        return queryset


class EventList(ChangeList):
    """A page of the trail, with the locales of its texts fetched at once."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page, then the locale of each content row that it names."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        label = Content._meta.label_lower
        ids = {event.target_id for event in self.result_list if event.target_type == label}
        locales = dict(Content.objects.filter(pk__in=ids).values_list("pk", "locale_id")) if ids else {}
        for event in self.result_list:
            event.locale = locales.get(int(event.target_id)) if event.target_type == label else None


@admin.register(AuditEvent)
class AuditEventAdmin(ScopedAdmin[AuditEvent]):
    """What people, the clock and the workers did. Nobody can change a line of it."""

    section = "history"
    campaign_field = "campaign_id"
    needs_campaign = False
    list_display = ("at_column", "actor_column", "action", "target_column", "changes_column")
    list_display_links = None
    list_filter = (ActorFilter, TargetFilter, ("at", DaysFilter))
    list_filter_submit = True
    search_fields = ("target_id__exact", "action__exact", "actor_label__exact")
    search_help_text = "Exact id of what was changed, exact action, or exact name of who did it"
    ordering = ("-pk",)

    def campaign_of(self, request: HttpRequest, obj: AuditEvent | None = None) -> Any:
        """The campaign that the address names; an event's own page is not shown."""
        return super().campaign_of(request, None)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        """The events of campaigns that the viewer may view; those of none are for whoever manages the staff."""
        rows = super(GuardedAdmin, self).get_queryset(request)
        found = campaigns_of(viewer_of_request(request))
        if found is None:
            return rows
        seen = Q(campaign_id__in=sorted(found))
        return rows.filter(seen | Q(campaign_id=None) if self.may(request, Action.MANAGE_STAFF) else seen)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list that fetches locales."""
        return EventList

    # Columns

    @admin.display(description="when (UTC)", ordering="pk")
    def at_column(self, event: AuditEvent) -> str:
        """The moment, to the second."""
        return f"{event.at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="who")
    def actor_column(self, event: AuditEvent) -> SafeString:
        """The actor's label, or what kind it is; and for whom it acted."""
        who = event.actor_label or event.actor_kind
        if not event.on_behalf_of:
            return format_html("{}", who)
        return format_html('{}<span class="mq-soft mq-block">for {}</span>', who, event.on_behalf_of)

    @admin.display(description="what it was done to")
    def target_column(self, event: AuditEvent) -> SafeString:
        """Kind and id; of texts their locale too."""
        kind = event.target_type.partition(".")[2]
        locale = getattr(event, "locale", None)
        return format_html(
            '{} <code class="mq-soft mq-break">{}</code>', f"{kind} {locale}" if locale else kind, event.target_id
        )

    @admin.display(description="change")
    def changes_column(self, event: AuditEvent) -> SafeString:
        """Each field with its old and new value, the reason, and the request."""
        if not event.request_id:
            return changes_text(event)
        return format_html(
            '{}<span class="mq-soft mq-block">request <code class="mq-break">{}</code></span>',
            changes_text(event),
            event.request_id,
        )
