"""Single codes, with all but their ends hidden: a list by state and upload, and a page for each."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns.admin_pages.confirming import Step, confirm
from campaigns.admin_pages.scoped import PageAdmin
from campaigns.models import Campaign
from codes import holding
from codes.inventory import IN_STATE, state_of
from codes.models import POOL_SPAN, Assignment, Code, CodeRange, FormerAssignment, Hold, Pool, Redemption, Upload
from codes.revealing import Reason, reveal_code
from core.admin_base import MOST_COUNTED, Page
from core.admin_forms import styled
from core.admin_words import badge
from core.masking import masked_end
from core.refusal import Refusal
from viewers.permissions import Action

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
else:
    from unfold.views import ChangeList

STATE_KINDS = {"available": "good", "reserved": "warn", "assigned": "busy", "revoked": "bad"}
MOST_UPLOADS = 200


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
            code.state = state_of(covering) if covering is not None else "unknown"


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


IDS_IN_RANGES = """
    SELECT generate_series(part.first, part.last) FROM (
        SELECT part.first, part.last FROM codes_coderange AS part JOIN codes_pool AS pool ON pool.id = part.pool_id
        LEFT JOIN codes_hold AS hold ON hold.id = part.hold_id WHERE pool.campaign_id = %s AND {condition}
        ORDER BY part.first
    ) AS part LIMIT %s
"""
"""The first ids of a campaign's ranges that meet a condition: as many as a list can be leafed through."""


def in_ranges(request: HttpRequest, campaign: Campaign, condition: str, *parameters: object) -> RawSQL:
    """The ids of codes whose ranges meet a condition, and lie in the pool that the list is kept to."""
    pool = request.GET.get("pool", "")
    if pool.isdigit() and len(pool) <= 18:
        condition, parameters = f"{condition} AND part.pool_id = %s", (*parameters, int(pool))
    query = IDS_IN_RANGES.format(condition=condition)
    return RawSQL(query, [campaign.pk, *parameters, MOST_COUNTED + 1])  # noqa: S611  The conditions are ours.


class StateFilter(admin.SimpleListFilter):
    """By what the ranges say."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The states."""
        self.campaign = model_admin.campaign_of(request)
        return [(state, state) for state in IN_STATE]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Code]) -> QuerySet[Code]:
        """The codes in that state: their ids come from the ranges, so that a rare state costs no walk over all."""
        condition = IN_STATE.get(self.value() or "")
        if condition is None or self.campaign is None:
            return queryset
        return queryset.filter(pk__in=in_ranges(request, self.campaign, condition))


class UploadFilter(admin.SimpleListFilter):
    """By the upload that brought them."""

    title = "upload"
    parameter_name = "upload"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The campaign's latest uploads."""
        self.campaign = model_admin.campaign_of(request)
        rows = Upload.objects.filter(campaign=self.campaign, added__gt=0).exclude(kind=Upload.Kind.REDEEMED)
        named = rows.order_by("-created_at", "pk").values_list("pk", "file_name")
        return [(str(pk), name) for pk, name in named[:MOST_UPLOADS]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Code]) -> QuerySet[Code]:
        """Its codes."""
        if self.campaign is None or self.value() not in {value for value, _ in self.lookup_choices}:
            return queryset
        return queryset.filter(pk__in=in_ranges(request, self.campaign, "part.upload_id = %s::uuid", self.value()))


IDS_OF_USED = """
    SELECT used.code_id FROM codes_pool AS pool
    JOIN codes_redemption AS used ON used.code_id >= pool.id << 32 AND used.code_id < (pool.id + 1) << 32
    WHERE pool.campaign_id = %s ORDER BY used.code_id LIMIT %s
"""
IDS_OF_UNUSED = """
    SELECT given.id FROM (
        SELECT generate_series(part.first, part.last) AS id FROM codes_coderange AS part
        JOIN codes_pool AS pool ON pool.id = part.pool_id JOIN codes_hold AS hold ON hold.id = part.hold_id
        WHERE pool.campaign_id = %s AND hold.status = 'assigned' AND NOT part.is_revoked
    ) AS given WHERE NOT EXISTS (SELECT FROM codes_redemption AS used WHERE used.code_id = given.id) LIMIT %s
"""


class UsedFilter(admin.SimpleListFilter):
    """By what the ticketing platform has reported."""

    title = "use"
    parameter_name = "used"
    QUERIES = {"yes": IDS_OF_USED, "no": IDS_OF_UNUSED}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Used, or a fan's and not used."""
        self.campaign = model_admin.campaign_of(request)
        return [("yes", "used"), ("no", "assigned and not used")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Code]) -> QuerySet[Code]:
        """The codes that were, or were not."""
        query = self.QUERIES.get(self.value() or "")
        if query is None or self.campaign is None:
            return queryset
        return queryset.filter(pk__in=RawSQL(query, [self.campaign.pk, MOST_COUNTED + 1]))  # noqa: S611  Ours.


class FindForm(forms.Form):
    """Takes a whole code. It is sent in a body, so that no address and no log has it."""

    value = forms.CharField(
        label="Code",
        max_length=64,
        help_text="The whole code, letter by letter.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)


@admin.register(Code)
class CodeAdmin(PageAdmin[Code]):
    """Single codes. All but the last two letters are hidden: a code opens a presale to whoever reads it."""

    section = "codes"
    empty_note = "Upload a file of codes first."
    view_right = Action.MANAGE_CODES
    list_display = ("masked", "number", "pool_column", "state_column", "entry_column")
    list_select_related = ("campaign",)
    list_filter = (StateFilter, UsedFilter, PoolFilter, UploadFilter)
    list_before_template = "admin/codes/code/head.html"
    ordering = ("pk",)
    pages = (
        Page("find/", "find_page", Action.MANAGE_CODES),
        Page("<path:object_id>/reveal/", "reveal_page", Action.MANAGE_CODES),
        Page("<path:object_id>/revoke/", "revoke_page", Action.MANAGE_CODES, is_dangerous=True),
        Page("<path:object_id>/replace/", "replace_page", Action.MANAGE_CODES, is_dangerous=True),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list that knows states."""
        return CodeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Code]:
        """Within the ids of the campaign's pools, so that the primary key alone finds a page; with who has each."""
        given = Assignment.objects.filter(code=OuterRef("pk")).order_by("-pk").values("entry_id")[:1]
        rows = super().get_queryset(request).annotate(entry_id=Subquery(given))
        campaign = self.campaign_of(request)
        if campaign is None:
            return rows.select_related("campaign")
        pools = [pool.pk for pool in pools_of(request, campaign)]
        if not pools:
            return rows.none()
        return rows.filter(pk__gt=min(pools) * POOL_SPAN, pk__lt=(max(pools) + 1) * POOL_SPAN)

    def page_of(self, code_id: int) -> str:
        """A code's own page, named by its number and not by itself."""
        return reverse("admin:codes_code_change", args=[code_id])

    def object_page(self, request: HttpRequest, code: Code) -> HttpResponse:
        """A code's own page, masked."""
        return self._page(request, code, "")

    def reveal_page(self, request: HttpRequest, code: Code) -> HttpResponse:
        """The same page, once, with the whole code; the look is written in the history."""
        if request.method == "POST":
            try:
                reason = request.POST.get("reason", "")
                value = reveal_code(code=code, reason=reason, actor=self.actor(request), now=timezone.now())
                return self._page(request, code, value)
            except Refusal as refusal:
                messages.error(request, refusal.message)
        return HttpResponseRedirect(self.page_of(code.pk))

    def _page(self, request: HttpRequest, code: Code, revealed: str) -> HttpResponse:
        try:
            part = holding.range_of(code.pk)
        except holding.NoSuchCode:
            return self.not_found(request)
        is_open = code.campaign.status != Campaign.Status.FINISHED and not part.is_revoked
        is_held = part.hold is not None and part.hold.status == Hold.Status.HELD
        former = FormerAssignment.objects.filter(code=code.pk).first()
        context = self.page_context(
            request,
            f"Code {masked_end(code.value)}",
            original=code,
            code=code,
            masked=masked_end(code.value),
            revealed=revealed,
            reasons=Reason.choices,
            part=part,
            number=code.pk % POOL_SPAN,
            state=badge(state_of(part), STATE_KINDS[state_of(part)]),
            assignment=Assignment.objects.filter(code=code.pk).first(),
            former=former,
            redemption=Redemption.objects.filter(code=code.pk).first(),
            can_revoke=is_open and (part.hold is None or (is_held and part.hold.kind == Hold.Kind.RESERVE)),
            can_replace=is_open and is_held,
            **self.workspace(code.campaign),
        )
        response = TemplateResponse(request, "admin/codes/code/page.html", context)
        response.headers["Cache-Control"] = "no-store"
        return response

    # Operations

    def find_page(self, request: HttpRequest) -> HttpResponse:
        """Takes a whole code and leads to its page."""
        campaign = self.campaign_of(request)
        if campaign is None:
            return self.ask_for_campaign(request)
        form = FindForm(request.POST if request.method == "POST" else None)

        def find() -> str:
            found = Code.objects.filter(campaign=campaign, value=form.cleaned_data["value"].strip())
            code_id = found.values_list("pk", flat=True).first()
            if code_id is None:
                raise holding.NoSuchCode("The campaign has no such code.", field="value")
            return self.page_of(code_id)

        return self.form_page(
            request,
            form,
            find,
            title="Find a code",
            button="Find",
            back=self.list_url_of(campaign),
            **self.workspace(campaign),
        )

    def revoke_page(self, request: HttpRequest, code: Code) -> HttpResponse:
        """Asks why, and takes a code out of the stock."""
        step = Step(
            campaign=code.campaign,
            title=f"Revoke code {masked_end(code.value)}",
            facts=["Nobody gets this code any more, and the stock has one less.", "This cannot be undone."],
            button="Revoke",
            operation=lambda reason: holding.revoke_code(
                code_id=code.pk, reason=reason, actor=self.actor(request), now=timezone.now()
            ),
            done="The code is revoked.",
            back=self.page_of(code.pk),
            is_grave=True,
            asks_reason="Why",
            needs_reason=True,
        )
        return confirm(self, request, step, original=code, section=self.section)

    def replace_page(self, request: HttpRequest, code: Code) -> HttpResponse:
        """Asks why, and puts a free code in the place of a faulty one that is held."""
        step = Step(
            campaign=code.campaign,
            title=f"Replace code {masked_end(code.value)}",
            facts=[
                "A free code of the same pool takes its place in the hold. Places and draw stay as they are.",
                "This code is revoked. That cannot be undone.",
            ],
            button="Replace",
            operation=lambda reason: holding.swap(
                code_id=code.pk, reason=reason, actor=self.actor(request), now=timezone.now()
            ),
            done="Another code has taken its place. This one is revoked.",
            back=self.page_of(code.pk),
            is_grave=True,
            asks_reason="Why",
            needs_reason=True,
        )
        return confirm(self, request, step, original=code, section=self.section)

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
