"""The campaigns: their list, their own page, and the steps of their life."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns import lifecycle
from campaigns.admin_pages.campaign_extras import clone_page, password_page
from campaigns.admin_pages.campaign_form import CampaignForm
from campaigns.admin_pages.confirming import Step, confirm
from campaigns.admin_pages.overview import overviews
from campaigns.admin_pages.transfer import PAGES, TransferAdmin
from campaigns.admin_pages.uses import USE_FILTERS
from campaigns.admin_pages.words import clock_of, state_badge
from campaigns.fingerprint import fingerprint
from campaigns.models import Campaign
from core.admin_base import Page
from core.admin_times import until, zoned
from viewers.granting import grant_to_maker
from viewers.permissions import Action

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
else:
    from unfold.views import ChangeList

Status = Campaign.Status


class CampaignList(ChangeList):
    """A page of campaigns, with the overviews of all its rows fetched at once."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page, then what its rows say of entries and waves."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        found = overviews(self.result_list, timezone.now())
        for campaign in self.result_list:
            campaign.overview = found.get(campaign.pk)


@admin.register(Campaign)
class CampaignAdmin(TransferAdmin[Campaign]):
    """One campaign is one place; everything that belongs to it is a section of its page."""

    list_display = ("name_column", "state_column", "clock_column", "entries_column", "next_column")
    list_select_related = ("artist",)
    list_filter = ("status", "type", *USE_FILTERS)
    search_fields = ("name", "domain", "artist__name")
    search_help_text = "Name, domain or artist"
    ordering = ("-pk",)
    form = CampaignForm
    autocomplete_fields = ("artist", "promoter")
    menus_that_add = ("artist", "promoter")
    prepopulated_fields = {"domain": ("name",)}
    change_form_outer_before_template = "admin/includes/campaign_head.html"
    edit_right = Action.EDIT_SETUP
    can_add = True
    campaign_path = "pk"
    pages = (
        *PAGES,
        Page("<path:object_id>/open/", "open_page", Action.EDIT_SETUP, is_dangerous=True),
        Page("<path:object_id>/release/", "release_page", Action.EDIT_SETUP, is_dangerous=True),
        Page("<path:object_id>/end-four-eyes/", "end_four_eyes_page", Action.EDIT_SETUP, is_dangerous=True),
        Page("<path:object_id>/password/", "password_page", Action.EDIT_SETUP),
        Page("<path:object_id>/clone/", "clone_page", Action.EDIT_CATALOGUE),
        Page("<path:object_id>/close/", "close_page", Action.EDIT_SETUP, is_dangerous=True),
        Page("<path:object_id>/finish/", "finish_page", Action.EDIT_SETUP, is_dangerous=True),
    )
    fieldsets = (
        (None, {"fields": ("name", "artist", "promoter", "type", "domain")}),
        (
            "Dates",
            {
                "fields": (
                    "reference_timezone",
                    "open_at",
                    "is_released",
                    "close_at",
                    "finish_at",
                    "presale_window_start_at",
                    "presale_window_end_at",
                    "general_onsale_at",
                ),
                "description": "All of them are typed and shown on the clock of the reference timezone.",
            },
        ),
        ("Languages", {"fields": ("locales", "default_locale")}),
        (
            "Fans",
            {
                "fields": (
                    "identifier_type",
                    "minimum_age",
                    "requires_phone_confirmation",
                    "allows_international_phones",
                    "show_access_code",
                    "waiting_room_minutes",
                    "queue_id",
                    "category_id",
                    "is_lnaa",
                    "accent_color",
                )
            },
        ),
        ("Trackers", {"fields": ("trackers",)}),
        ("Other sites", {"fields": ("allowed_origins",)}),
        ("Control", {"fields": ("needs_second_person", "publishes_bundle")}),
    )

    # Permissions

    def has_change_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        """Whether the form can be saved; a finished campaign can only be read."""
        return super().has_change_permission(request, obj) and (obj is None or obj.status != Status.FINISHED)

    def has_view_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        """Whether there is anything to see; whoever may make campaigns sees the list, if empty."""
        return super().has_view_permission(request, obj) or (obj is None and self.has_add_permission(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whether one can be made: a new campaign is part of the catalogue until its maker holds rights in it."""
        return self.may(request, Action.EDIT_CATALOGUE)

    def get_readonly_fields(self, request: HttpRequest, obj: Campaign | None = None) -> tuple[str, ...]:
        """What the first opening has fixed."""
        return Campaign.FIXED_SINCE_OPENING if obj is not None and obj.has_opened else ()

    def get_fieldsets(self, request: HttpRequest, obj: Campaign | None = None) -> Any:
        """Say at the top what cannot be changed any more, and leave out what a fanlist has no use for."""
        fieldsets = self.fieldsets if obj is None or obj.type != Campaign.Type.FANLIST else _of_fanlist(self.fieldsets)
        (_, first), *others = fieldsets
        if obj is None or not obj.has_opened:
            return fieldsets
        note = (
            "Type, domain, identifier and reference timezone are fixed since it first opened: receipts stand on them."
        )
        return ((None, {**first, "description": note}), *others)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Campaign | None = None) -> dict[str, Any]:
        """The domain follows the name while the campaign is being made."""
        return dict(self.prepopulated_fields) if obj is None else {}

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Locales and trackers are ticked."""
        from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

        if db_field.name in ("locales", "trackers"):
            kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if isinstance(field, forms.ModelMultipleChoiceField):
            place = (
                str(field.queryset.model._meta.verbose_name_plural).capitalize() if field.queryset is not None else ""
            )
            field.help_text = (
                f"{field.help_text} One that is missing here is added in the menu: Catalogue, {place}.".strip()
            )
            field.queryset = field.queryset.order_by("name", "pk") if field.queryset is not None else None
        return field

    def campaign_id_of(self, obj: Campaign) -> int | None:
        """Itself."""
        return obj.pk

    def log_addition(self, request: HttpRequest, obj: Campaign, message: Any) -> Any:
        """Write that it was made, and give its maker the rights in it."""
        super().log_addition(request, obj, message)
        grant_to_maker(campaign_id=obj.pk, actor=self.actor(request), now=timezone.now())

    # Lists

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list that fetches overviews."""
        return CampaignList

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The set-up, below the campaign's head."""
        campaign = self.get_object(request, object_id) if object_id else None
        context = {
            "campaign": campaign,
            "section": "setup",
            "show_save_and_add_another": False,
            **(extra_context or {}),
        }
        return super().changeform_view(request, object_id, form_url, context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What was done to the campaign's own set-up."""
        campaign = self.get_object(request, object_id)
        return super().history_view(request, object_id, {"campaign": campaign, **(extra_context or {})})

    # Columns

    @admin.display(description="campaign", ordering="name")
    def name_column(self, campaign: Campaign) -> SafeString:
        """Name, type and artist."""
        return format_html(
            '<strong class="mq-name">{}</strong><span class="mq-soft mq-block">{} · {}</span>',
            campaign.name,
            campaign.artist.name,
            campaign.get_type_display(),
        )

    @admin.display(description="state", ordering="status")
    def state_column(self, campaign: Campaign) -> SafeString:
        """Where it stands."""
        return state_badge(campaign)

    @admin.display(description="next moment", ordering="close_at")
    def clock_column(self, campaign: Campaign) -> str | SafeString:
        """When it opens, closes or finishes, in its zone."""
        verb, instant = clock_of(campaign)
        if instant is None:
            return "–"
        return format_html(
            '{} {}<span class="mq-soft mq-block">{}</span>',
            verb,
            until(instant, timezone.now()),
            zoned(instant, campaign.zone),
        )

    @admin.display(description="entries")
    def entries_column(self, campaign: Campaign) -> str:
        """How many, exact while they are few."""
        overview = getattr(campaign, "overview", None)
        return overview.entries if overview is not None else "–"

    @admin.display(description="next step")
    def next_column(self, campaign: Campaign) -> str | SafeString:
        """What somebody should do."""
        overview = getattr(campaign, "overview", None)
        if overview is None:
            return "–"
        step = overview.next_step
        return format_html('<a class="mq-link" href="{}">{}</a>', step.link, step.text) if step.link else step.text

    # Pages beside the set-up

    def password_page(self, request: HttpRequest, campaign: Campaign) -> HttpResponse:
        """Sets the password that fans must know."""
        return password_page(self, request, campaign)

    def clone_page(self, request: HttpRequest, campaign: Campaign) -> HttpResponse:
        """Makes another campaign with the same set-up."""
        return clone_page(self, request, campaign)

    # Steps of its life

    def open_page(self, request: HttpRequest, campaign: Campaign) -> HttpResponse:
        """Asks before opening or opening again."""
        is_first = not campaign.has_opened
        facts = [
            f"Fans can register at once, for {_counted(campaign.markets.filter(is_active=True), 'market')} "
            f"with {_counted(campaign.events.filter(is_active=True), 'date')}, "
            f"in {_counted(campaign.locales.all(), 'language')}.",
            f"They answer {_counted(campaign.fields.all(), 'question')} of your own.",
        ]
        if campaign.close_at is not None:
            facts.append(f"It closes by itself on {zoned(campaign.close_at, campaign.zone)}.")
        if is_first:
            facts.append("32 commitments for its draws are published, once and for all.")
            facts.append("Type, domain, identifier and reference timezone are fixed from then on.")
        title = f"Open {campaign.name}" if is_first else f"Open {campaign.name} again"
        return self._step_page(
            request,
            campaign,
            lifecycle.open_campaign,
            title=title,
            facts=facts,
            button="Open now",
            done="is open",
            deed=lifecycle.OPENING,
        )

    def release_page(self, request: HttpRequest, campaign: Campaign) -> HttpResponse:
        """Asks before the clock may open it."""
        opens = zoned(campaign.open_at, campaign.zone) if campaign.open_at is not None else "at a time not set yet"
        facts = [
            f"The clock opens it {opens}, if nothing is missing then.",
            "Until it opens, fans see a page that says when it does.",
        ]
        return self._step_page(
            request,
            campaign,
            lifecycle.release_campaign,
            title=f"Release {campaign.name} for the clock",
            facts=facts,
            button="Release",
            done="is released for the clock",
            deed=lifecycle.RELEASE,
        )

    def end_four_eyes_page(self, request: HttpRequest, campaign: Campaign) -> HttpResponse:
        """Asks before one person can decide alone again."""
        return self._step_page(
            request,
            campaign,
            lifecycle.end_four_eyes,
            title=f"End four eyes in {campaign.name}",
            facts=["Opening, triggering and granting access need one person only from then on."],
            button="End four eyes",
            done="needs no second person any more",
            is_grave=True,
            deed=lifecycle.END_FOUR_EYES,
        )

    def close_page(self, request: HttpRequest, campaign: Campaign) -> HttpResponse:
        """Asks before closing by hand; the campaign's name must be typed."""
        overview = overviews([campaign], timezone.now()).get(campaign.pk)
        facts = [
            f"{overview.entries if overview else 'All'} entries are in; everybody who was told “registered” stays in.",
            "No fan can register any more; who has registered can still prove her address by the mailed link.",
            "You can open it again until its first wave is frozen.",
        ]
        return self._step_page(
            request,
            campaign,
            lifecycle.close_campaign,
            title=f"Close {campaign.name}",
            facts=facts,
            button="Close now",
            done="is closed",
            is_grave=True,
            asks_name=True,
        )

    def finish_page(self, request: HttpRequest, campaign: Campaign) -> HttpResponse:
        """Asks before finishing; the campaign's name must be typed."""
        overview = overviews([campaign], timezone.now()).get(campaign.pk)
        facts = [
            f"{overview.entries if overview else 'Its'} entries, their codes and the draws stay as they are.",
            "Nothing in the campaign can be changed any more, and no further wave can be drawn.",
            "This cannot be undone.",
        ]
        return self._step_page(
            request,
            campaign,
            lifecycle.finish_campaign,
            title=f"Finish {campaign.name}",
            facts=facts,
            button="Finish for good",
            done="is finished",
            is_grave=True,
            asks_name=True,
        )

    def _step_page(
        self, request: HttpRequest, campaign: Campaign, operation: Callable[..., object], done: str, **step: Any
    ) -> HttpResponse:
        return confirm(
            self,
            request,
            Step(
                campaign=campaign,
                operation=lambda reason: operation(
                    campaign=campaign, actor=self.actor(request), now=timezone.now(), reason=reason
                ),
                done=f"{campaign.name} {done}.",
                back=reverse("admin:campaigns_campaign_change", args=[campaign.pk]),
                asks_reason="Reason, for the history (may be empty)",
                target_id=campaign.pk,
                seen=lambda: {"fingerprint": fingerprint(campaign)},
                **step,
            ),
            section="setup",
            original=campaign,
        )


NOT_FOR_FANLISTS = frozenset(
    {
        "is_released",
        "open_at",
        "close_at",
        "finish_at",
        "presale_window_start_at",
        "presale_window_end_at",
        "general_onsale_at",
        "show_access_code",
        "publishes_bundle",
        "waiting_room_minutes",
        "queue_id",
    }
)
"""A fanlist has no dates, no codes and no rush."""


def _of_fanlist(fieldsets: Sequence[tuple[str | None, Mapping[str, Any]]]) -> tuple[Any, ...]:
    return tuple(
        (title, {**parts, "fields": tuple(name for name in parts["fields"] if name not in NOT_FOR_FANLISTS)})
        for title, parts in fieldsets
    )


def _counted(rows: "models.QuerySet[Any]", noun: str) -> str:
    count = rows.count()
    return f"{count} {noun}{'' if count == 1 else 's'}"
