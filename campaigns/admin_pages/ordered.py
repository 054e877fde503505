"""Lists whose rows have an order: dragged, moved with the arrow keys, or numbered by hand, and saved in one request."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns.admin_pages.scoped import SetupAdmin
from campaigns.admin_pages.transfer import CampaignTransferAdmin, pages_of
from campaigns.models import Campaign, Field, Gate
from campaigns.ordering import put_in_order
from core.admin_base import Page
from core.refusal import Refusal
from viewers.permissions import Action

MOST_ROWS = 200
LARGEST = 32767


class OrderedAdmin[M: (Field, Gate)](CampaignTransferAdmin[M], SetupAdmin[M]):
    """Parts of the set-up that fans meet in an order."""

    edit_right = Action.EDIT_SETUP
    list_before_template = "admin/campaigns/ordered_list.html"
    list_per_page = MOST_ROWS
    sortable_by = ()
    ordering = ("number", "pk")
    pages: tuple[Page, ...] = (*pages_of(Action.EDIT_SETUP), Page("order/", "order_page", Action.EDIT_SETUP))

    class Media:
        js = ("admin_monoql/set_up.js",)

    def get_list_display(self, request: HttpRequest) -> Any:
        """With a handle and a number to type for whoever may order the rows."""
        campaign = self.campaign_of(request)
        is_over = campaign is None or campaign.status == Campaign.Status.FINISHED
        may_order = not is_over and self.has_change_permission(request)
        return ("place_column" if may_order else "number", *self.list_display)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new one goes to the end."""
        return {"number": self._last_number(request) + 1}

    def _last_number(self, request: HttpRequest) -> int:
        campaign = self.campaign_of(request)
        last = self.model._default_manager.filter(campaign=campaign).order_by("-number").first() if campaign else None
        return last.number if last is not None else 0

    def list_context(self, request: HttpRequest, campaign: Campaign | None) -> dict[str, Any]:
        """Where the order is sent."""
        may_order = campaign is not None and "place_column" in self.get_list_display(request)
        if not may_order or campaign is None:
            return {}
        way = reverse(f"admin:{self.page_name('order_page')}")
        return {"order_url": f"{way}?{urlencode({'campaign': campaign.pk})}"}

    def order_page(self, request: HttpRequest) -> HttpResponse:
        """Takes the numbers of a list and puts its rows in their order."""
        campaign = self.campaign_of(request)
        if campaign is None:
            return self.ask_for_campaign(request)
        if request.method == "POST":
            try:
                has_moved = put_in_order(
                    model=self.model,
                    campaign=campaign,
                    wanted=self._wanted(request, campaign),
                    actor=self.actor(request),
                    now=timezone.now(),
                )
            except Refusal as refusal:
                messages.error(request, refusal.message)
            else:
                messages.success(request, "The order is saved." if has_moved else "The order was so already.")
        return HttpResponseRedirect(self.list_url_of(campaign))

    def _wanted(self, request: HttpRequest, campaign: Campaign) -> list[int]:
        """The ids by the numbers that were sent. One that was moved to a taken place goes before or behind it."""
        stored = dict(self.model._default_manager.filter(campaign=campaign).values_list("pk", "number"))
        sent = []
        for pk, before in stored.items():
            text = request.POST.get(f"number-{pk}", "").strip()
            if text.isascii() and text.isdigit() and len(text) <= 6:
                number = min(int(text), LARGEST)
                sent.append((number, (number > before) - (number < before), before, pk))
        return [pk for _number, _side, _before, pk in sorted(sent)]

    # Columns

    @admin.display(description="order", ordering="number")
    def place_column(self, row: M) -> SafeString:
        """Its number, to be typed anew; a script puts a handle beside it."""
        return format_html(
            '<span class="mq-place"><input class="mq-place-number" form="mq-order" type="number" inputmode="numeric" '
            'min="0" max="32767" name="number-{}" value="{}" aria-label="Place of {}" data-place'
            ' data-name="{}"></span>',
            row.pk,
            row.number,
            str(row),
            str(row),
        )
