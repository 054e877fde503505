"""Single codes, with all but their ends hidden."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns.admin_pages.scoped import ScopedAdmin
from campaigns.models import Campaign
from codes.models import POOL_SPAN, Assignment, Code, CodeRange, Hold, Pool
from core.admin_words import badge
from core.masking import masked_end
from viewers.permissions import Action

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
else:
    from unfold.views import ChangeList

STATE_KINDS = {"available": "good", "reserved": "warn", "assigned": "busy", "revoked": "bad"}


def pools_of(request: HttpRequest, campaign: Campaign | None) -> list[Pool]:
    """The campaign's pools in order, fetched once a request: the filter, the list and every row need them."""
    if campaign is None:
        return []
    kept: dict[int, list[Pool]] = request.__dict__.setdefault("_pools_of", {})
    if campaign.pk not in kept:
        rows = campaign.pools.select_related("market__venue", "event")
        kept[campaign.pk] = list(rows.order_by("market__number", "event__number", "pk"))
    return kept[campaign.pk]


class CodeList(ChangeList):
    """A page of codes, with the state of each from the ranges that cover the page."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page, then the ranges that cover it: one query more at any size."""
        super().get_results(request)
        codes: list[Any] = list(self.result_list)
        self.result_list = codes
        if not codes:
            return
        ids = [code.pk for code in codes]
        pools = {pool.pk: pool for pool in pools_of(request, codes[0].campaign)}
        ranges = list(
            CodeRange.objects.filter(pool__in=pools, first__lte=max(ids), last__gte=min(ids))
            .select_related("hold")
            .order_by("first")
        )
        for code in codes:
            code.pool = pools.get(code.pk // POOL_SPAN)
            covering = next((part for part in ranges if part.first <= code.pk <= part.last), None)
            code.state = state_of(covering)


def state_of(part: CodeRange | None) -> str:
    """What a range's codes are, in the inventory's words."""
    if part is None:
        return "unknown"
    if part.is_revoked:
        return "revoked"
    if part.hold is None:
        return "available"
    return "assigned" if part.hold.status == Hold.Status.ASSIGNED else "reserved"


class PoolFilter(admin.SimpleListFilter):
    """By pool: a pool's codes are neighbours in the table."""

    title = "pool"
    parameter_name = "pool"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The pools of the campaign."""
        return [(str(pool.pk), str(pool)) for pool in pools_of(request, model_admin.campaign_of(request))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Code]) -> QuerySet[Code]:
        """The codes whose ids lie in the pool's span."""
        value = self.value()
        if not value or not value.isdigit():
            return queryset
        pool = int(value)
        return queryset.filter(pk__gt=pool * POOL_SPAN, pk__lt=(pool + 1) * POOL_SPAN)


@admin.register(Code)
class CodeAdmin(ScopedAdmin[Code]):
    """Single codes. All but the last two letters are hidden: a code opens a presale to whoever reads it."""

    section = "codes"
    empty_note = "Upload a file of codes first."
    view_right = Action.MANAGE_CODES
    list_display = ("masked", "number", "pool_column", "state_column", "entry_column")
    list_display_links = None
    list_select_related = ("campaign",)
    list_filter = (PoolFilter,)
    search_fields = ("value__exact",)
    search_help_text = "The whole code"
    ordering = ("pk",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list that knows states."""
        return CodeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Code]:
        """Within the ids of the campaign's pools, so that the primary key alone finds a page; with who has each."""
        given = Assignment.objects.filter(code=OuterRef("pk")).order_by("-pk").values("entry_id")[:1]
        rows = super().get_queryset(request).annotate(entry_id=Subquery(given))
        campaign = self.campaign_of(request)
        if campaign is None:
            return rows
        pools = [pool.pk for pool in pools_of(request, campaign)]
        if not pools:
            return rows.none()
        return rows.filter(pk__gt=min(pools) * POOL_SPAN, pk__lt=(max(pools) + 1) * POOL_SPAN)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """A code has no page of its own; its line in the list says all."""
        return self.not_found(request) if self.has_view_permission(request) else self.not_allowed(request)

    # Columns

    @admin.display(description="code")
    def masked(self, code: Code) -> SafeString:
        """Its end."""
        return format_html("<code>{}</code>", masked_end(code.value))

    def number(self, code: Code) -> str:
        """Its number in the pool."""
        return f"{code.pk % POOL_SPAN:,}"

    @admin.display(description="codes for")
    def pool_column(self, code: Any) -> str:
        """The pool."""
        return str(code.pool)

    @admin.display(description="state")
    def state_column(self, code: Any) -> SafeString:
        """Free, held, given or revoked."""
        return badge(code.state, STATE_KINDS.get(code.state, "plain"))

    @admin.display(description="entry")
    def entry_column(self, code: Any) -> str | SafeString:
        """The entry that has it."""
        if code.entry_id is None:
            return "–"
        return format_html(
            '<a class="mq-link" href="{}">entry</a>', reverse("admin:entries_entry_change", args=[code.entry_id])
        )
