"""Uploads: their progress, and what came of each line."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString

from campaigns.admin_pages.scoped import PageAdmin
from codes.models import Upload
from codes.upload import SHOWN_REFUSALS
from core import storage
from core.admin_base import Page
from core.admin_times import zoned
from core.admin_words import progress_bar
from viewers.permissions import Action

LINK_SECONDS = 3600


@admin.register(Upload)
class UploadAdmin(PageAdmin[Upload]):
    """Files of codes on their way into a pool, and what came of them."""

    section = "codes"
    empty_note = "Each file of codes stands here with its progress and its result."
    list_display = (
        "file_name",
        "pool",
        "state_column",
        "added",
        "already_there",
        "refused",
        "uploaded_by",
        "at_column",
    )
    list_select_related = ("campaign", "pool__market__venue", "pool__event")
    ordering = ("-created_at", "pk")
    list_filter = ("status",)
    pages = (
        Page("<path:object_id>/live/", "live_page", Action.VIEW),
        Page("<path:object_id>/refused/", "refused_page", Action.MANAGE_CODES),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Upload]:
        """With what its name is made of."""
        return super().get_queryset(request).select_related("campaign", "pool__market__venue", "pool__event")

    def object_page(self, request: HttpRequest, upload: Upload) -> HttpResponse:
        """The upload's own page: progress, then what was added and what was refused."""
        context = self.page_context(
            request,
            upload.file_name,
            original=upload,
            upload=upload,
            shown=SHOWN_REFUSALS,
            pools=f"{reverse('admin:codes_pool_changelist')}?campaign={upload.campaign_id}",
            **self.workspace(upload.campaign),
        )
        return TemplateResponse(request, "admin/codes/upload/page.html", context)

    def live_page(self, request: HttpRequest, upload: Upload) -> HttpResponse:
        """The part that changes while the file is read; at the end the page is fetched anew."""
        response = TemplateResponse(request, "admin/codes/upload/live.html", {"upload": upload})
        if upload.has_ended:
            response.headers["HX-Refresh"] = "true"
        return response

    def refused_page(self, request: HttpRequest, upload: Upload) -> HttpResponse:
        """Leads to the file of all refused lines, by an address that is good for an hour."""
        if not upload.refused_key:
            messages.info(request, "No line of this file was refused.")
            return HttpResponseRedirect(reverse("admin:codes_upload_change", args=[upload.pk]))
        url = storage.signed_url(upload.refused_key, seconds=LINK_SECONDS, file_name="refused-lines.csv")
        return HttpResponseRedirect(url)

    # Columns

    @admin.display(description="state", ordering="status")
    def state_column(self, upload: Upload) -> SafeString:
        """State and progress."""
        return progress_bar(upload)

    @admin.display(description="uploaded", ordering="created_at")
    def at_column(self, upload: Upload) -> str:
        """When, in the campaign's zone."""
        return zoned(upload.created_at, upload.campaign.zone)
