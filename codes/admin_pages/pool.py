"""Pools with their counts, and the page that takes a file of codes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns.admin_pages.scoped import ScopedAdmin
from campaigns.models import Campaign, Event, Market
from codes import inventory
from codes.models import CodeRange, Pool, Upload
from codes.upload import MOST_BYTES, pool_for, start_upload
from core.admin_base import Page
from core.admin_forms import styled
from viewers.permissions import Action

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
else:
    from unfold.views import ChangeList


class UploadForm(forms.Form):
    """A file, and the pool that it fills."""

    place = forms.ChoiceField(label="Codes for")
    code_type = forms.CharField(
        label="Type of code", initial="presale", max_length=40, help_text="A wave gives codes of one type."
    )
    file = forms.FileField(
        label="CSV file",
        allow_empty_file=True,
        help_text=f"One code a line, with or without a header; up to {MOST_BYTES >> 20} MiB.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv"}),
    )

    def __init__(self, campaign: Campaign, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places: dict[str, tuple[Market, Event | None]] = {}
        menu: list[tuple[str, Any]] = [("", "Choose a market")]
        markets = campaign.markets.select_related("venue").prefetch_related("events").order_by("number")
        menu += [self._entry_of(market) for market in markets]
        self.fields["place"].choices = menu  # type: ignore[attr-defined]  # A menu has choices.
        styled(self)

    def _entry_of(self, market: Market) -> tuple[str, Any]:
        """A market's line in the menu; one a date where each date has its own pool."""
        events = sorted(market.events.all(), key=lambda event: event.number)
        if market.split == Market.Split.CONCURRENT or len(events) < 2:
            self.places[f"m{market.pk}"] = (market, None)
            return f"m{market.pk}", f"{market.code} · {market}"
        for event in events:
            self.places[f"e{event.pk}"] = (market, event)
        return f"{market.code} · {market}", [(f"e{event.pk}", f"{event.code} · {event}") for event in events]


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


@admin.register(Pool)
class PoolAdmin(ScopedAdmin[Pool]):
    """How many codes there are, where, and in which state."""

    section = "codes"
    empty_note = "Upload a file of codes: each market, or each of its dates, then has a pool here."
    list_display = ("pool_column", "available", "reserved", "assigned", "revoked", "all_codes")
    list_display_links = None
    list_select_related = ("campaign", "market__venue", "event")
    ordering = ("market__number", "event__number", "pk")
    list_before_template = "admin/codes/pool/head.html"
    pages = (Page("upload/", "upload_page", Action.MANAGE_CODES),)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list that fetches counts."""
        return PoolList

    def list_context(self, request: HttpRequest, campaign: Campaign | None) -> Mapping[str, Any]:
        """The whole campaign's counts, its last uploads, and the markets that have no code yet."""
        if campaign is None:
            return {}
        uploads = Upload.objects.filter(campaign=campaign).select_related("pool__market__venue", "pool__event")
        filled = set(campaign.pools.filter(size__gt=0).values_list("market", flat=True))
        empty = campaign.markets.filter(is_active=True).exclude(pk__in=filled).select_related("venue")
        return {
            "counts": inventory.counts(CodeRange.objects.filter(pool__campaign=campaign)),
            "uploads": uploads.order_by("-created_at", "pk")[:5],
            "empty_markets": empty.order_by("number"),
            "may_upload": campaign.status != Campaign.Status.FINISHED
            and self.may_in(request, Action.MANAGE_CODES, campaign.pk),
        }

    def upload_page(self, request: HttpRequest) -> HttpResponse:
        """Takes a file of codes; what came of it stands on the upload's page."""
        campaign = self.campaign_of(request)
        if campaign is None:
            return self.ask_for_campaign(request)
        initial = {"place": request.GET.get("place", ""), "code_type": "presale"}
        form = UploadForm(
            campaign, *([request.POST, request.FILES] if request.method == "POST" else []), initial=initial
        )

        def upload() -> str:
            market, event = form.places[form.cleaned_data["place"]]
            file = form.cleaned_data["file"]
            actor, now = self.actor(request), timezone.now()
            started = start_upload(
                pool=pool_for(
                    market=market, event=event, code_type=form.cleaned_data["code_type"], actor=actor, now=now
                ),
                file=file,
                file_name=file.name,
                size=file.size,
                actor=actor,
                now=now,
            )
            return reverse("admin:codes_upload_change", args=[started.pk])

        return self.form_page(
            request,
            form,
            upload,
            title="Upload codes",
            button="Upload",
            back=self.list_url_of(campaign),
            **self.workspace(campaign),
        )

    # Columns

    @admin.display(description="codes for")
    def pool_column(self, pool: Pool) -> SafeString:
        """Market or date, linked to its codes."""
        link = f"{reverse('admin:codes_code_changelist')}?campaign={pool.campaign_id}&pool={pool.pk}"
        return format_html(
            '<a class="mq-link mq-name" href="{}">{}</a><span class="mq-soft mq-block">{} · {}</span>',
            link,
            pool.event or pool.market,
            (pool.event or pool.market).code,
            pool.code_type,
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
