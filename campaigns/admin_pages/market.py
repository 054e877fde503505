"""The markets of a campaign, each with its dates."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns import set_up_rules
from campaigns.admin_pages.catalogue import in_all_languages
from campaigns.admin_pages.market_map import market_map
from campaigns.admin_pages.scoped import ScopedForm, SetupAdmin, campaign_named
from campaigns.admin_pages.transfer import CampaignTransferAdmin, pages_of
from campaigns.models import Campaign, Event, Market
from core.admin_base import StackedInline
from core.admin_forms import ConsoleForm
from core.admin_times import LocalTimeField, LocalTimes
from core.admin_words import badge
from viewers.permissions import Action, may
from viewers.viewer import viewer_of_request


class EventForm(LocalTimes, ConsoleForm[Event]):
    """One date of a market; its times are typed in the campaign's reference timezone."""

    campaign: Campaign
    starts_at = LocalTimeField(label="Date", help_text="On the campaign's clock, which may not be the venue's.")
    presale_at = LocalTimeField(
        label="Presale", required=False, help_text="Only where it differs from the campaign's presale."
    )

    set_fields = frozenset({"campaign"})
    rules = set_up_rules.EVENT

    class Meta:
        model = Event
        fields = "__all__"
        help_texts = {
            "code": "Its short name in files and the API, as in CA-LAX-1, or its id on the ticketing platform.",
            "name": "What fans read; empty shows the date alone.",
            "link": "Where a chosen fan buys; empty takes the market's.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.campaign = self.campaign
        self._stored = {name: getattr(self.instance, name) for name in self._time_names()}
        self.show_times(self._stored, shown_in=self.campaign.zone, typed_in=self.campaign.zone)

    def clean(self) -> dict[str, Any]:
        """Read the times on the campaign's clock."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self.read_times(self._stored, zone=self.campaign.zone, is_zone_new=False)
        return cleaned


class EventInline(StackedInline[Event, Market]):
    """The dates of one market."""

    model = Event
    form = EventForm
    fields = ("code", "name", "starts_at", "presale_at", "link", "number", "is_active")
    extra = 0
    ordering = ("number", "pk")
    verbose_name = "date"
    verbose_name_plural = "dates"

    def get_formset(self, request: HttpRequest, obj: Market | None = None, **kwargs: Any) -> Any:
        """The dates' forms, bound to the campaign whose clock they are typed on."""
        formset = super().get_formset(request, obj, **kwargs)
        formset.form.campaign = obj.campaign if obj is not None else campaign_named(request)  # type: ignore[attr-defined]
        return formset

    def _may(self, request: HttpRequest, obj: Any, action: Action = Action.EDIT_SETUP) -> bool:
        campaign = obj.campaign if isinstance(obj, Market) else campaign_named(request)
        if campaign is None:
            return False
        is_over = action != Action.VIEW and campaign.status == Campaign.Status.FINISHED
        return not is_over and may(viewer_of_request(request), action, campaign.pk)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether they are shown."""
        return self._may(request, obj, Action.VIEW)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether they can be changed."""
        return self._may(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether one can be added."""
        return self._may(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether one can go: not once fans may hold codes for it; then it is made inactive."""
        return self._may(request, obj) and not (isinstance(obj, Market) and obj.campaign.has_opened)


class MarketForm(ScopedForm[Market]):
    """A market, with the database's rules in words."""

    rules = set_up_rules.MARKET


@admin.register(Market)
class MarketAdmin(CampaignTransferAdmin[Market], SetupAdmin[Market]):
    """What fans rank, and what codes are for."""

    section = "markets"
    empty_note = "A market is a venue that fans can choose, with its dates and its codes."
    list_display = ("code", "place_column", "dates_column", "limit_column", "split_column", "active_column")
    list_select_related = ("venue", "campaign")
    list_filter = ("is_active", "split")
    search_fields = ("code", *(f"venue__{column}" for column in in_all_languages("name", "city")))
    search_help_text = "Code, venue or city"
    ordering = ("number", "pk")
    form = MarketForm
    fields = ("code", "venue", "split", "population_limit", "link", "is_active")
    autocomplete_fields = ("venue",)
    menus_that_add = ("venue",)
    inlines = (EventInline,)
    edit_right = Action.EDIT_SETUP
    pages = pages_of(Action.EDIT_SETUP)
    transferred = (Event,)
    list_before_template = "admin/campaigns/market/head.html"

    def list_context(self, request: HttpRequest, campaign: Campaign | None) -> Mapping[str, Any]:
        """The map."""
        return {"map": market_map(campaign)} if campaign is not None else {}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Market]:
        """With the number of active dates."""
        return (
            super()
            .get_queryset(request)
            .select_related("campaign", "venue")
            .annotate(active_dates=Count("events", filter=Q(events__is_active=True)))
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Market | None = None) -> tuple[str, ...]:
        """The code is fixed since the opening: receipts name it."""
        return ("code",) if obj is not None and obj.campaign.has_opened else ()

    # Columns

    @admin.display(description="place", ordering="venue__city_en")
    def place_column(self, market: Market) -> SafeString:
        """City and venue."""
        return format_html(
            '<strong class="mq-name">{}</strong><span class="mq-soft mq-block">{}</span>',
            market.venue.city,
            market.venue.name,
        )

    @admin.display(description="dates", ordering="active_dates")
    def dates_column(self, market: Market) -> str | SafeString:
        """How many active dates; none is wrong."""
        count = getattr(market, "active_dates", 0)
        return str(count) if count else badge("no date", "bad")

    @admin.display(description="limit", ordering="population_limit")
    def limit_column(self, market: Market) -> str:
        """The most fans that all waves may choose here."""
        return "none" if market.population_limit is None else f"{market.population_limit:,}"

    @admin.display(description="split", ordering="split")
    def split_column(self, market: Market) -> str:
        """How the dates share codes, in one word."""
        return market.split

    @admin.display(description="state", ordering="is_active")
    def active_column(self, market: Market) -> SafeString:
        """Whether it gives codes."""
        return badge("active", "good") if market.is_active else badge("inactive")
