"""Pools with their counts, what is said of their codes, and the pages that take files."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns.admin_pages.scoped import ScopedAdmin, ScopedForm
from campaigns.models import Campaign
from codes import inventory
from codes.admin_pages import uploading
from codes.format_rules import check_pattern
from codes.models import Pool, Upload
from codes.stock import MOST_NAMED, stock_of
from core.admin_base import Page, add_refusal
from core.admin_times import LocalTimeField, LocalTimes
from core.refusal import Refusal
from viewers.permissions import Action

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
else:
    from unfold.views import ChangeList


class PoolList(ChangeList):
    """A page of pools, with the counts of all of them in one query."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page, then the counts."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        campaigns = {pool.campaign_id: pool.campaign for pool in self.result_list}
        for campaign in campaigns.values():
            counts = inventory.counts_by_pool(campaign)
            for pool in self.result_list:
                if pool.campaign_id == campaign.pk:
                    pool.counts = counts[pool.pk]


class PoolForm(LocalTimes, ScopedForm[Pool]):
    """What an operator says of a pool's codes; its times are typed in the campaign's reference timezone."""

    presale_start_at = LocalTimeField(
        label="Presale starts", required=False, help_text="Empty takes the date's own, else the campaign's."
    )
    presale_end_at = LocalTimeField(label="Presale ends", required=False, help_text="Empty takes the campaign's.")

    rules = {
        "codes_pool_presale_starts_before_end": ("presale_end_at", "The presale ends after its start."),
        "codes_pool_lengths_in_range": ("max_length", "Lengths lie between 1 and 64, the shortest first."),
    }

    class Meta:
        model = Pool
        fields = (
            "is_tied_to_account",
            "presale_start_at",
            "presale_end_at",
            "min_length",
            "max_length",
            "alphabet",
            "pattern",
        )
        labels = {"is_tied_to_account": "Tied to the fan's account"}
        help_texts = {
            "is_tied_to_account": "The ticketing platform is told yes for her own account alone. Where the campaign "
            "knows fans by their account, the code stands in no mail: she signs in to see it.",
            "pattern": "A regular expression that the whole code fits, as in [A-Z]{3}-[0-9]{6}. It judges new uploads.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = self.instance.campaign.zone
        self._stored = {name: getattr(self.instance, name) for name in self._time_names()}
        self.show_times(self._stored, shown_in=zone, typed_in=zone)

    def clean(self) -> dict[str, Any]:
        """Read the times on the campaign's clock, and try the pattern on the database that will use it."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self.read_times(self._stored, zone=self.instance.campaign.zone, is_zone_new=False)
        try:
            check_pattern(cleaned.get("pattern", ""))
        except Refusal as refusal:
            add_refusal(self, refusal)
        return cleaned


@admin.register(Pool)
class PoolAdmin(ScopedAdmin[Pool]):
    """How many codes there are, where, and in which state."""

    section = "codes"
    empty_note = "Upload a file of codes: each market, or each of its dates, then has a pool here."
    list_display = ("pool_column", "available", "reserved", "assigned", "revoked", "all_codes", "used_column")
    list_display_links = None
    list_select_related = ("campaign", "market__venue", "event")
    ordering = ("market__number", "event__number", "pk")
    list_before_template = "admin/codes/pool/head.html"
    edit_right = Action.MANAGE_CODES
    form = PoolForm
    fieldsets = (
        (None, {"fields": ("is_tied_to_account",)}),
        ("Presale", {"fields": ("presale_start_at", "presale_end_at")}),
        ("What a code looks like", {"fields": ("min_length", "max_length", "alphabet", "pattern")}),
    )
    pages = (
        Page("upload/", "upload_page", Action.MANAGE_CODES),
        Page("used/", "used_page", Action.MANAGE_CODES),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list that fetches counts."""
        return PoolList

    def list_context(self, request: HttpRequest, campaign: Campaign | None) -> Mapping[str, Any]:
        """The whole campaign's counts, its last uploads, and the markets that have no code yet."""
        if campaign is None:
            return {}
        stock = stock_of(campaign)
        short = [one for one in stock if one.missing]
        uploads = Upload.objects.filter(campaign=campaign).select_related("pool__market__venue", "pool__event")
        filled = set(campaign.pools.filter(size__gt=0).values_list("market", flat=True))
        empty = campaign.markets.filter(is_active=True).exclude(pk__in=filled).select_related("venue")
        return {
            "counts": inventory.counts_of(campaign),
            "stock": stock,
            "short": short[:MOST_NAMED],
            "more_short": len(short[MOST_NAMED:]),
            "used": sum(campaign.pools.values_list("redeemed", flat=True)),
            "uploads": uploads.order_by("-created_at", "pk")[:5],
            "empty_markets": empty.order_by("number"),
            "may_upload": campaign.status != Campaign.Status.FINISHED
            and self.may_in(request, Action.MANAGE_CODES, campaign.pk),
        }

    def upload_page(self, request: HttpRequest) -> HttpResponse:
        """Takes a file of codes and leads to its first rows."""
        return uploading.upload_page(self, request)

    def used_page(self, request: HttpRequest) -> HttpResponse:
        """Takes a file of used codes and leads to its first rows."""
        return uploading.used_page(self, request)

    # Columns

    @admin.display(description="codes for")
    def pool_column(self, pool: Pool) -> SafeString:
        """Market or date, linked to its codes."""
        link = f"{reverse('admin:codes_code_changelist')}?campaign={pool.campaign_id}&pool={pool.pk}"
        return format_html(
            '<a class="mq-link mq-name" href="{}">{}</a><span class="mq-soft mq-block">{} · {}{} · '
            '<a class="mq-link" href="{}">rules</a></span>',
            link,
            pool.event or pool.market,
            (pool.event or pool.market).code,
            pool.code_type,
            " · tied to accounts" if pool.is_tied_to_account else "",
            reverse("admin:codes_pool_change", args=[pool.pk]),
        )

    def _count(self, pool: Pool, state: str) -> str:
        return f"{getattr(pool, 'counts', {}).get(state, 0):,}"

    def available(self, pool: Pool) -> str:
        """Free codes."""
        return self._count(pool, "available")

    def reserved(self, pool: Pool) -> str:
        """Codes that a wave holds."""
        return self._count(pool, "reserved")

    def assigned(self, pool: Pool) -> str:
        """Codes that fans have."""
        return self._count(pool, "assigned")

    def revoked(self, pool: Pool) -> str:
        """Codes that nobody gets any more."""
        return self._count(pool, "revoked")

    @admin.display(description="uploaded", ordering="size")
    def all_codes(self, pool: Pool) -> str:
        """All that were ever added."""
        return f"{pool.size:,}"

    @admin.display(description="used", ordering="redeemed")
    def used_column(self, pool: Pool) -> str:
        """How many the ticketing platform has seen, of those that fans have."""
        return f"{pool.redeemed:,}"
