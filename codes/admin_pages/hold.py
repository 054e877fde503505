"""Holds: what codes are kept for, how many, and until when."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns.admin_pages.confirming import Step, confirm
from campaigns.admin_pages.scoped import PageAdmin
from campaigns.models import Campaign
from codes import holding, inventory
from codes.admin_pages.code import pools_of
from codes.models import Hold, Pool
from codes.ranges import SIZE
from core.admin_base import Page
from core.admin_forms import styled
from core.admin_times import LocalTime, LocalTimeField, LocalTimeWidget, zoned
from core.admin_words import badge
from core.times import BadLocalTime
from viewers.permissions import Action

STATUS_WORDS = {
    Hold.Status.HELD: ("reserved", "warn"),
    Hold.Status.ASSIGNED: ("assigned", "busy"),
    Hold.Status.RELEASED: ("given back", "plain"),
}


class _ExpiryForm(forms.Form):
    """Asks for a moment on the campaign's clock."""

    expires_at = LocalTimeField(
        label="Kept until", help_text=f"Then they go back by themselves; within {holding.MOST_DAYS} days."
    )

    def __init__(self, campaign: Campaign, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.campaign = campaign
        widget = self.fields["expires_at"].widget
        if isinstance(widget, LocalTimeWidget):
            widget.zone = campaign.zone

    def clean_expires_at(self) -> Any:
        """The instant that the local time names."""
        typed: LocalTime = self.cleaned_data["expires_at"]
        try:
            return typed.instant(self.campaign.zone)
        except BadLocalTime as refusal:
            raise forms.ValidationError(refusal.message) from refusal


class ExtendForm(_ExpiryForm):
    """A later moment."""


class KeepBackForm(_ExpiryForm):
    """How many codes of which pools are kept back, what for, and until when."""

    field_order = ("purpose", "expires_at")
    purpose = forms.CharField(
        label="Kept back for", max_length=100, help_text="Everybody who works on the campaign reads it."
    )

    def __init__(self, campaign: Campaign, pools: list[Pool], free: Mapping[int, int], *args: Any) -> None:
        super().__init__(campaign, *args)
        self.pools = [pool for pool in pools if free.get(pool.pk)]
        for pool in self.pools:
            self.fields[f"pool_{pool.pk}"] = forms.IntegerField(
                label=f"{(pool.event or pool.market).code} · {pool}",
                required=False,
                min_value=0,
                max_value=2**31 - 1,
                help_text=f"{free.get(pool.pk, 0):,} are free.",
            )
        styled(self)

    def clean(self) -> dict[str, Any]:
        """Somewhere a number must stand, and one hold has codes of one type."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        types = {pool.code_type for pool in self.pools if cleaned.get(f"pool_{pool.pk}")}
        if not types and not self.errors:
            raise forms.ValidationError("Say how many codes of at least one pool.")
        if len(types) > 1:
            raise forms.ValidationError("These are codes of several types: keep each type back by itself.")
        return cleaned

    def own_fields(self) -> list[forms.BoundField]:
        """What is asked of the hold as a whole."""
        return [self["purpose"], self["expires_at"]]

    def pool_fields(self) -> list[forms.BoundField]:
        """The numbers, one a pool that has free codes."""
        return [self[f"pool_{pool.pk}"] for pool in self.pools]

    def parts(self) -> dict[int, int]:
        """So many codes of each pool."""
        found = {pool.pk: self.cleaned_data.get(f"pool_{pool.pk}") or 0 for pool in self.pools}
        return {key: count for key, count in found.items() if count}

    def code_type(self) -> str:
        """The type of the codes that were chosen."""
        chosen = self.parts()
        return next(pool.code_type for pool in self.pools if pool.pk in chosen)


@admin.register(Hold)
class HoldAdmin(PageAdmin[Hold]):
    """Codes that waves hold, that were given by hand, or that are kept back until a moment."""

    section = "codes"
    empty_note = "A wave holds codes from its preparation on. Codes can also be kept back, for a sponsor say."
    list_display = ("purpose_column", "kind_column", "codes_column", "state_column", "expiry_column", "at_column")
    list_display_links = None
    list_select_related = ("campaign",)
    list_filter = ("kind", "status")
    list_before_template = "admin/codes/hold/head.html"
    ordering = ("-created_at", "-pk")
    edit_right = Action.MANAGE_CODES
    can_add = True
    pages = (
        Page("<path:object_id>/extend/", "extend_page", Action.MANAGE_CODES),
        Page("<path:object_id>/release/", "release_page", Action.MANAGE_CODES),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Hold]:
        """With how many codes each has."""
        return holding.with_codes(super().get_queryset(request)).select_related("campaign")

    def page_of(self, hold: Hold) -> str:
        """A hold's own page."""
        return reverse("admin:codes_hold_change", args=[hold.pk])

    def object_page(self, request: HttpRequest, hold: Hold) -> HttpResponse:
        """A hold's own page: what it is for, and how many codes of which pool it has."""
        counts = hold.ranges.values("pool").annotate(
            codes=Coalesce(Sum(SIZE, filter=Q(is_revoked=False)), 0),
            revoked=Coalesce(Sum(SIZE, filter=Q(is_revoked=True)), 0),
        )
        there = {pk: numbers for pk, *numbers in counts.values_list("pool", "codes", "revoked")}
        is_kept_back = hold.kind == Hold.Kind.RESERVE and hold.status == Hold.Status.HELD
        is_open = hold.campaign.status != Campaign.Status.FINISHED
        context = self.page_context(
            request,
            hold.purpose,
            original=hold,
            hold=hold,
            state=badge(*STATUS_WORDS[Hold.Status(hold.status)]),
            pools=[(pool, *there[pool.pk]) for pool in pools_of(request, hold.campaign) if pool.pk in there],
            can_change=is_kept_back and is_open and self.may(request, Action.MANAGE_CODES, hold),
            **self.workspace(hold.campaign),
        )
        return TemplateResponse(request, "admin/codes/hold/page.html", context)

    # Operations

    def new_page(self, request: HttpRequest) -> HttpResponse:
        """Keeps codes back."""
        campaign = self.campaign_of(request)
        if campaign is None:
            return self.ask_for_campaign(request)
        counts = inventory.counts_by_pool(campaign)
        free = {pk: row["available"] for pk, row in counts.items()}
        form = KeepBackForm(
            campaign, pools_of(request, campaign), free, *([request.POST] if request.method == "POST" else [])
        )

        def keep() -> str:
            hold = holding.keep_back(
                campaign=campaign,
                code_type=form.code_type(),
                purpose=form.cleaned_data["purpose"],
                parts=form.parts(),
                expires_at=form.cleaned_data["expires_at"],
                actor=self.actor(request),
                now=timezone.now(),
            )
            messages.success(request, f"Kept back for {hold.purpose}: no wave takes these codes until then.")
            return self.page_of(hold)

        return self.form_page(
            request,
            form,
            keep,
            title="Keep codes back",
            template="admin/codes/hold/keep.html",
            intro="Waves take all codes that are free. What you keep back here they leave alone until then.",
            button="Keep back",
            back=self.list_url_of(campaign),
            **self.workspace(campaign),
        )

    def extend_page(self, request: HttpRequest, hold: Hold) -> HttpResponse:
        """Keeps them for longer."""
        form = ExtendForm(hold.campaign, *([request.POST] if request.method == "POST" else []))

        def extend() -> str:
            expires_at = form.cleaned_data["expires_at"]
            holding.extend(hold=hold, expires_at=expires_at, actor=self.actor(request), now=timezone.now())
            messages.success(request, "They are kept back until then.")
            return self.page_of(hold)

        until = zoned(hold.expires_at, hold.campaign.zone) if hold.expires_at is not None else ""
        return self.form_page(
            request,
            form,
            extend,
            title=f"Keep back longer: {hold.purpose}",
            intro=f"They are kept back until {until} now.",
            button="Keep",
            original=hold,
            back=self.page_of(hold),
            **self.workspace(hold.campaign),
        )

    def release_page(self, request: HttpRequest, hold: Any) -> HttpResponse:
        """Asks once, and gives the codes back."""
        step = Step(
            campaign=hold.campaign,
            title=f"Give back: {hold.purpose}",
            facts=[
                f"{hold.codes:,} {'code goes' if hold.codes == 1 else 'codes go'} back to the pools.",
                "The next wave can give them to fans.",
            ],
            warnings=["If anybody outside has some of these codes, a fan may get the same ones."],
            button="Give back",
            operation=lambda _: holding.give_back(hold=hold, actor=self.actor(request), now=timezone.now()),
            done="The codes are free again.",
            back=self.page_of(hold),
        )
        return confirm(self, request, step, original=hold, section=self.section)

    # Columns

    @admin.display(description="for")
    def purpose_column(self, hold: Hold) -> SafeString:
        """What it is for."""
        words = "a wave" if hold.kind == Hold.Kind.WAVE else hold.code_type
        return format_html(
            '<a class="mq-link mq-name" href="{}"><bdi>{}</bdi></a><span class="mq-soft mq-block">{}</span>',
            self.page_of(hold),
            hold.purpose,
            words if hold.kind != Hold.Kind.WAVE else f"{words} · {hold.code_type}",
        )

    @admin.display(description="kind", ordering="kind")
    def kind_column(self, hold: Hold) -> str:
        """A wave's, a gift's or kept back."""
        return hold.get_kind_display()

    @admin.display(description="codes")
    def codes_column(self, hold: Any) -> str:
        """How many it has, without the revoked ones."""
        return f"{hold.codes:,}"

    @admin.display(description="state", ordering="status")
    def state_column(self, hold: Hold) -> SafeString:
        """What its codes are."""
        return badge(*STATUS_WORDS[Hold.Status(hold.status)])

    @admin.display(description="kept until", ordering="expires_at")
    def expiry_column(self, hold: Hold) -> str:
        """When they go back by themselves."""
        return zoned(hold.expires_at, hold.campaign.zone) if hold.expires_at is not None else "–"

    @admin.display(description="since", ordering="created_at")
    def at_column(self, hold: Hold) -> str:
        """When it was made, in the campaign's zone."""
        return zoned(hold.created_at, hold.campaign.zone)
