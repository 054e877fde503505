"""Exports: asking for one, watching it, and fetching it by an address that is good for an hour."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns.admin_pages.scoped import PageAdmin
from campaigns.models import Campaign
from core.admin_base import Page
from core.admin_forms import styled
from core.admin_times import zoned
from core.admin_words import progress_bar
from core.refusal import Refusal
from exports.delivery import download_url, schedule_export
from exports.models import Export
from viewers.permissions import Action
from waves.models import Wave


class ExportForm(forms.Form):
    """What is to be exported."""

    dataset = forms.ChoiceField(choices=Export.Dataset, label="What")
    wave = forms.ModelChoiceField(
        queryset=Wave.objects.none(),
        required=False,
        label="Wave",
        empty_label="No wave",
        help_text="For the selection of a wave: one that was triggered.",
    )

    def __init__(self, campaign: Campaign, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        waves = campaign.waves.filter(triggered_at__isnull=False).order_by("-triggered_at", "pk")
        self.fields["wave"].queryset = waves  # type: ignore[attr-defined]  # A menu of rows has one.
        styled(self)


@admin.register(Export)
class ExportAdmin(PageAdmin[Export]):
    """Files of a campaign's data. They hold personal data and codes: each download is written in the history."""

    section = "exports"
    view_right = Action.EXPORT
    empty_note = "Each file that somebody asks for stands here until it is downloaded, and after."
    list_display = ("what_column", "state_column", "rows_column", "requested_by", "at_column", "file_column")
    list_display_links = ("what_column",)
    list_select_related = ("campaign", "wave")
    list_filter = ("dataset", "status")
    ordering = ("-created_at", "pk")
    list_before_template = "admin/exports/export/head.html"
    pages = (
        Page("schedule/", "schedule_page", Action.EXPORT),
        Page("<path:object_id>/live/", "live_page", Action.EXPORT),
        Page("<path:object_id>/download/", "download_page", Action.EXPORT, is_dangerous=True),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Export]:
        """With what its name is made of."""
        return super().get_queryset(request).select_related("campaign", "wave")

    def schedule_page(self, request: HttpRequest) -> HttpResponse:
        """Takes the order for an export."""
        campaign = self.campaign_of(request)
        if campaign is None:
            return self.ask_for_campaign(request)
        initial = {"dataset": request.GET.get("dataset", "entries"), "wave": request.GET.get("wave", "")}
        form = ExportForm(campaign, request.POST if request.method == "POST" else None, initial=initial)

        def schedule() -> str:
            export = schedule_export(
                campaign=campaign,
                dataset=form.cleaned_data["dataset"],
                wave=form.cleaned_data["wave"],
                actor=self.actor(request),
                now=timezone.now(),
            )
            return reverse("admin:exports_export_change", args=[export.pk])

        return self.form_page(
            request,
            form,
            schedule,
            title="Export",
            button="Make the file",
            back=self.list_url_of(campaign),
            **self.workspace(campaign),
        )

    def object_page(self, request: HttpRequest, export: Export) -> HttpResponse:
        """An export's own page: progress, then the file."""
        context = self.page_context(
            request,
            str(export),
            original=export,
            export=export,
            may_download=export.is_masked or self.may(request, Action.SEE_PERSONAL_DATA, export),
            **self.workspace(export.campaign),
        )
        return TemplateResponse(request, "admin/exports/export/page.html", context)

    def live_page(self, request: HttpRequest, export: Export) -> HttpResponse:
        """The part that changes while the file is written; at the end the page is fetched anew."""
        response = TemplateResponse(request, "admin/exports/export/live.html", {"export": export})
        if export.has_ended:
            response.headers["HX-Refresh"] = "true"
        return response

    def download_page(self, request: HttpRequest, export: Export) -> HttpResponse:
        """Leads to the file, by an address made for this one time."""
        try:
            return HttpResponseRedirect(download_url(export=export, actor=self.actor(request), now=timezone.now()))
        except Refusal as refusal:
            messages.error(request, refusal.message)
            return HttpResponseRedirect(reverse("admin:exports_export_change", args=[export.pk]))

    # Columns

    @admin.display(description="what", ordering="dataset")
    def what_column(self, export: Export) -> SafeString:
        """Dataset and wave."""
        wave = str(export.wave) if export.wave is not None else ""
        return format_html(
            '<strong class="mq-name">{}</strong><span class="mq-soft mq-block">{}</span>',
            export.get_dataset_display(),
            wave,
        )

    @admin.display(description="state", ordering="status")
    def state_column(self, export: Export) -> SafeString:
        """State and progress."""
        return progress_bar(export)

    @admin.display(description="rows", ordering="rows")
    def rows_column(self, export: Export) -> str:
        """How many rows the file has."""
        return f"{export.rows:,}" if export.status == Export.Status.FINISHED else "–"

    @admin.display(description="requested", ordering="created_at")
    def at_column(self, export: Export) -> str:
        """When, in the campaign's zone."""
        return zoned(export.created_at, export.campaign.zone)

    @admin.display(description="file")
    def file_column(self, export: Export) -> str | SafeString:
        """The way to the file."""
        if export.status != Export.Status.FINISHED:
            return "–"
        return format_html(
            '<a class="mq-link" href="{}">download</a>', reverse("admin:exports_export_download_page", args=[export.pk])
        )
