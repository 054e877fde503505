"""Uploads: their progress, what came of each line, and the way back."""

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from campaigns.admin_pages.confirming import Step, confirm
from campaigns.admin_pages.scoped import PageAdmin
from codes import inventory
from codes.admin_pages import uploading
from codes.models import Upload
from codes.staging import SHOWN_REFUSALS
from codes.undoing import undo_upload
from codes.upload import MAPPING, cancel_upload, refused_url, shares_of
from core.admin_base import Page
from core.admin_times import span, zoned
from core.admin_words import badge, progress_bar
from core.refusal import Refusal
from viewers.permissions import Action

LINES_AND_CODES = {"making": "codes", "storing": "codes"}
"""What a phase counts, where it is not lines."""


@admin.register(Upload)
class UploadAdmin(PageAdmin[Upload]):
    """Codes on their way into their pools, and what came of them."""

    section = "codes"
    empty_note = "Each file of codes stands here with its progress and its result."
    list_display = (
        "file_name",
        "pool_column",
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
        Page("generate/", "generate_page", Action.MANAGE_CODES),
        Page("<path:object_id>/live/", "live_page", Action.VIEW),
        Page("<path:object_id>/begin/", "begin_page", Action.MANAGE_CODES),
        Page("<path:object_id>/sheet/", "sheet_page", Action.MANAGE_CODES),
        Page("<path:object_id>/cancel/", "cancel_page", Action.MANAGE_CODES),
        Page("<path:object_id>/undo/", "undo_page", Action.MANAGE_CODES, is_dangerous=True),
        Page("<path:object_id>/refused/", "refused_page", Action.MANAGE_CODES),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Upload]:
        """With what its name is made of."""
        return super().get_queryset(request).select_related("campaign", "pool__market__venue", "pool__event")

    def page_of(self, upload: Upload) -> str:
        """An upload's own page."""
        return reverse("admin:codes_upload_change", args=[upload.pk])

    def object_page(self, request: HttpRequest, upload: Upload) -> HttpResponse:
        """The upload's own page: what waits to be begun, else progress, then what was added and what was refused."""
        may_manage = self.may(request, Action.MANAGE_CODES, upload) and not self._is_over(request, upload)
        if upload.status == Upload.Status.WAITING and upload.phase == MAPPING and may_manage:
            return uploading.mapping_page(self, request, upload)
        context = self.page_context(
            request,
            upload.file_name,
            original=upload,
            upload=upload,
            shown=SHOWN_REFUSALS,
            shares=shares_of(upload),
            may_manage=may_manage,
            is_undoable=upload.status == Upload.Status.FINISHED
            and upload.added > 0
            and upload.undone_at is None
            and upload.kind != Upload.Kind.REDEEMED,
            list=f"{reverse('admin:codes_pool_changelist')}?campaign={upload.campaign_id}",
            **self._moving(request, upload),
            **self.workspace(upload.campaign),
        )
        return TemplateResponse(request, "admin/codes/upload/page.html", context)

    def _moving(self, request: HttpRequest, upload: Upload) -> dict[str, Any]:
        """What changes while a worker is at it."""
        left = upload.seconds_left
        return {
            "is_moving": upload.status in (Upload.Status.QUEUED, Upload.Status.RUNNING),
            "counted": LINES_AND_CODES.get(upload.phase, "lines"),
            "is_guess": upload.phase == "reading",
            "rate": int(upload.rate) if upload.rate is not None else None,
            "left": span(timedelta(seconds=left)) if left is not None else "",
            "may_cancel": not upload.has_ended and self.may(request, Action.MANAGE_CODES, upload),
        }

    def live_page(self, request: HttpRequest, upload: Upload) -> HttpResponse:
        """The part that changes while the file is read; at the end the page is fetched anew."""
        context = {"upload": upload, **self._moving(request, upload)}
        response = TemplateResponse(request, "admin/codes/upload/live.html", context)
        if not context["is_moving"]:
            response.headers["HX-Refresh"] = "true"
        return response

    # Operations

    def generate_page(self, request: HttpRequest) -> HttpResponse:
        """Makes codes in place of a file."""
        return uploading.generate_page(self, request)

    def begin_page(self, request: HttpRequest, upload: Upload) -> HttpResponse:
        """Begins an upload that was looked at; of one that does not wait it shows where it stands."""
        if upload.status != Upload.Status.WAITING or upload.phase != MAPPING:
            return HttpResponseRedirect(self.page_of(upload))
        return uploading.mapping_page(self, request, upload)

    def sheet_page(self, request: HttpRequest, upload: Upload) -> HttpResponse:
        """Looks at another sheet of a workbook."""
        return uploading.sheet_page(self, request, upload)

    def cancel_page(self, request: HttpRequest, upload: Upload) -> HttpResponse:
        """Asks before an upload is stopped."""
        step = Step(
            campaign=upload.campaign,
            title=f"Cancel the upload of {upload.file_name}",
            facts=["None of its codes is stored, and its file is dropped.", "The same file can be uploaded again."],
            button="Cancel the upload",
            operation=lambda reason: cancel_upload(upload=upload, actor=self.actor(request), now=timezone.now()),
            done="The upload was cancelled. None of its codes is stored.",
            back=self.page_of(upload),
        )
        return confirm(self, request, step, original=upload, **self._section())

    def undo_page(self, request: HttpRequest, upload: Upload) -> HttpResponse:
        """Asks before an upload is taken back; the campaign's name must be typed."""
        states = inventory.counts(upload.ranges.all())
        pools = ", ".join(str(share.pool) for share in shares_of(upload))
        facts = [
            f"{states['available']:,} codes leave their pools: {pools}.",
            "The same file can be uploaded again.",
        ]
        away = {"reserved": "held", "assigned": "given", "revoked": "revoked"}
        named = [f"{states[state]:,} are {word}" for state, word in away.items() if states[state]]
        step = Step(
            campaign=upload.campaign,
            title=f"Undo the upload of {upload.file_name}",
            facts=facts,
            warnings=[f"{', '.join(named)}: it is undone while all of its codes are free."] if named else (),
            button="Undo the upload",
            operation=lambda reason: undo_upload(
                upload=upload, actor=self.actor(request), now=timezone.now(), reason=reason
            ),
            done="The upload was undone: its codes are gone.",
            back=self.page_of(upload),
            is_grave=True,
            asks_name=True,
            asks_reason="Why",
        )
        return confirm(self, request, step, original=upload, **self._section())

    def _section(self) -> dict[str, Any]:
        return {"section": self.section}

    def refused_page(self, request: HttpRequest, upload: Upload) -> HttpResponse:
        """Leads to the file of all refused lines, by an address that is good for an hour."""
        try:
            return HttpResponseRedirect(refused_url(upload))
        except Refusal as refusal:
            messages.info(request, refusal.message)
            return HttpResponseRedirect(self.page_of(upload))

    # Columns

    @admin.display(description="codes for", ordering="pool")
    def pool_column(self, upload: Upload) -> str:
        """The pool of lines that name none."""
        return str(upload.pool) if upload.pool else "as its lines say"

    @admin.display(description="state", ordering="status")
    def state_column(self, upload: Upload) -> SafeString:
        """State and progress."""
        return badge("undone") if upload.undone_at is not None else progress_bar(upload)

    @admin.display(description="uploaded", ordering="created_at")
    def at_column(self, upload: Upload) -> str:
        """When, in the campaign's zone."""
        return zoned(upload.created_at, upload.campaign.zone)
