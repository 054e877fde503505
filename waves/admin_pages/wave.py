"""The waves of a campaign, and the page that answers "may I press this?"."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core import storage
from core.admin_base import Page
from core.admin_words import badge, progress_bar
from core.models import Job
from viewers.permissions import Action
from waves import bundle
from waves.admin_pages.calendar import CalendarPages
from waves.admin_pages.moments import planned_text
from waves.admin_pages.pages import wave_badge
from waves.admin_pages.picture import picture_of
from waves.admin_pages.preparing import PreparingPages
from waves.admin_pages.sending import SENDING_PAGES, SendingPages
from waves.admin_pages.triggering import TriggeringPages
from waves.clock import standing_of
from waves.models import Draw, Wave

LINK_SECONDS = 3600


@admin.register(Wave)
class WaveAdmin(CalendarPages, PreparingPages, TriggeringPages, SendingPages):
    """The waves of a campaign."""

    empty_note = "A wave draws from all entries and gives codes. Schedule the first one."
    list_display = ("name_column", "state_column", "planned_column", "entries_column", "placed_column")
    list_filter = ("status",)
    ordering = ("-date_key", "-pk")
    list_before_template = "admin/waves/wave/head.html"
    edit_right = Action.RUN_WAVES
    can_add = True
    pages = (
        *SENDING_PAGES,
        Page("<path:object_id>/live/", "live_page", Action.VIEW),
        Page("<path:object_id>/plan/", "plan_page", Action.RUN_WAVES),
        Page("<path:object_id>/prepare/", "prepare_page", Action.RUN_WAVES),
        Page("<path:object_id>/cancel/", "cancel_page", Action.RUN_WAVES),
        Page("<path:object_id>/public-value/", "value_page", Action.RUN_WAVES),
        Page("<path:object_id>/trigger/", "trigger_page", Action.RUN_WAVES, is_dangerous=True),
        Page("<path:object_id>/release/", "release_page", Action.RUN_WAVES, is_dangerous=True),
        Page("<path:object_id>/abandon/", "abandon_page", Action.RUN_WAVES, is_dangerous=True),
        Page("<path:object_id>/bundle/<str:name>/", "bundle_page", Action.VIEW),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Wave]:
        """With the campaign, whose zone every time is read in, the preparation and the counts of the draw."""
        rows = super().get_queryset(request).select_related("campaign", "prep", "draw")
        return rows.defer("draw__rules", "draw__voided")

    def object_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """A wave's own page."""
        context = self.page_context(request, str(wave), **self.picture_context(request, wave, picture_of(wave)))
        return TemplateResponse(request, "admin/waves/wave/page.html", context)

    def live_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """The part that changes while something runs. Once nothing does, or the wave's status is no longer the one
        that the page shows, the page is fetched anew.
        """
        picture = picture_of(wave)
        response = TemplateResponse(request, "admin/waves/wave/live.html", {"wave": wave, "picture": picture})
        if not picture.is_running or request.GET.get("status", wave.status) != wave.status:
            response.headers["HX-Refresh"] = "true"
        return response

    # The bundle

    def bundle_page(self, request: HttpRequest, wave: Wave, name: str) -> HttpResponse:
        """Leads to one file of a revealed draw's bundle."""
        draw = Draw.objects.filter(wave=wave).first()
        if draw is None or name not in bundle.files_of(draw):
            messages.info(request, "The bundle is published once the wave is triggered or abandoned.")
            return HttpResponseRedirect(self.page_of(wave))
        file_name = f"{wave.campaign.domain}-{wave.date_key.replace(':', '')}-{name}"
        url = storage.signed_url(f"{draw.storage_prefix}{name}", seconds=LINK_SECONDS, file_name=file_name)
        return HttpResponseRedirect(url)

    # Columns

    @admin.display(description="wave", ordering="date_key")
    def name_column(self, wave: Wave) -> SafeString:
        """Name and dateKey."""
        return format_html(
            '<strong class="mq-name">{}</strong><code class="mq-soft mq-block">{}</code>',
            wave.name or "Wave",
            wave.date_key,
        )

    @admin.display(description="state", ordering="status")
    def state_column(self, wave: Wave) -> SafeString:
        """Its state, that of the preparation while it is prepared, and what it lacks once its time has come."""
        prep = getattr(wave, "prep", None)
        shown = wave_badge(wave)
        if wave.status == Wave.Status.PROCESSING and isinstance(prep, Job):
            shown = format_html("{} {}", shown, progress_bar(prep))
        standing = standing_of(wave, timezone.now())
        if standing.is_overdue and standing.waits_for:
            lacks = f"waits for {', '.join(standing.waits_for)}"
            shown = format_html('{} {} <span class="mq-soft mq-block">{}</span>', shown, badge("overdue", "bad"), lacks)
        return shown

    @admin.display(description="planned", ordering="date_key")
    def planned_column(self, wave: Wave) -> str:
        """When, on the campaign's clock, and who triggers it."""
        return planned_text(wave) if wave.is_automatic else f"{planned_text(wave)}, by hand"

    @admin.display(description="entries")
    def entries_column(self, wave: Wave) -> str:
        """How many were frozen."""
        draw = getattr(wave, "draw", None)
        return f"{draw.entries:,}" if draw is not None else "–"

    @admin.display(description="placed")
    def placed_column(self, wave: Wave) -> str:
        """How many were placed."""
        draw = getattr(wave, "draw", None)
        return f"{draw.placed:,}" if draw is not None and draw.placed is not None else "–"
