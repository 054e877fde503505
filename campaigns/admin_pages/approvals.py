"""What waits for a second person: the list, and the page on which she decides."""

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
from core.admin_base import Page
from core.admin_forms import styled
from core.admin_times import until, zoned
from core.admin_words import badge
from core.refusal import Refusal
from viewers.approvals import approve, decline, right_of
from viewers.models import Approval
from viewers.permissions import Action

STATUS_KINDS = {
    Approval.Status.WAITING: "warn",
    Approval.Status.APPROVED: "good",
    Approval.Status.DECLINED: "bad",
    Approval.Status.WITHDRAWN: "plain",
    Approval.Status.LAPSED: "plain",
}


class DeclineForm(forms.Form):
    """Why it is not to be done."""

    reason = forms.CharField(label="Why? For the history", max_length=500)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)


@admin.register(Approval)
class ApprovalAdmin(PageAdmin[Approval]):
    """What one person asked for and a second one decides."""

    section = "approvals"
    empty_note = "Where a campaign asks for four eyes, what waits for a second person stands here."
    list_display = ("title_column", "status_column", "asked_by", "asked_column", "decided_by")
    list_select_related = ("campaign", "asked_by", "decided_by")
    list_filter = ("status",)
    ordering = ("-pk",)
    pages = (
        Page("<path:object_id>/approve/", "approve_page", Action.VIEW, is_dangerous=True),
        Page("<path:object_id>/decline/", "decline_page", Action.VIEW, is_dangerous=True),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Approval]:
        """With what its page shows."""
        return super().get_queryset(request).select_related("campaign", "asked_by", "decided_by")

    def object_page(self, request: HttpRequest, approval: Approval) -> HttpResponse:
        """What was asked, word for word, and the two buttons."""
        return self._page(request, approval, DeclineForm())

    def approve_page(self, request: HttpRequest, approval: Approval) -> HttpResponse:
        """Approves and does it."""
        if request.method == "POST":
            if not self.may(request, right_of(approval.deed), approval):
                return self.not_allowed(request)
            try:
                approve(approval=approval, actor=self.actor(request), now=timezone.now())
            except Refusal as refusal:
                messages.error(request, refusal.message)
            else:
                messages.success(request, f"Approved and done: {approval.title}.")
        return HttpResponseRedirect(self.page_of(approval))

    def decline_page(self, request: HttpRequest, approval: Approval) -> HttpResponse:
        """Declines it, or withdraws one's own."""
        if request.method != "POST":
            return HttpResponseRedirect(self.page_of(approval))
        if not self.may(request, right_of(approval.deed), approval):
            return self.not_allowed(request)
        form = DeclineForm(request.POST)
        if form.is_valid():
            try:
                reason = form.cleaned_data["reason"]
                decline(approval=approval, reason=reason, actor=self.actor(request), now=timezone.now())
            except Refusal as refusal:
                messages.error(request, refusal.message)
            return HttpResponseRedirect(self.page_of(approval))
        return self._page(request, approval, form)

    def page_of(self, approval: Approval) -> str:
        """An approval's own page."""
        return reverse("admin:viewers_approval_change", args=[approval.pk])

    def _page(self, request: HttpRequest, approval: Approval, form: DeclineForm) -> HttpResponse:
        viewer = self.actor(request)
        is_waiting = approval.status == Approval.Status.WAITING
        has_right = self.may(request, right_of(approval.deed), approval)
        is_own = viewer.staff is not None and viewer.staff.pk == approval.asked_by_id
        context = self.page_context(
            request,
            approval.title,
            original=approval,
            approval=approval,
            state=self.status_column(approval),
            lapses=until(approval.lapses_at, timezone.now()) if is_waiting else "",
            may_approve=is_waiting and has_right and not is_own,
            may_decline=is_waiting and has_right,
            is_own=is_own,
            needed=right_of(approval.deed).label,
            form=form,
            **self.workspace(approval.campaign),
        )
        return TemplateResponse(request, "admin/campaigns/approval/page.html", context)

    # Columns

    @admin.display(description="what")
    def title_column(self, approval: Approval) -> SafeString:
        """What was asked."""
        return format_html('<strong class="mq-name">{}</strong>', approval.title)

    @admin.display(description="state", ordering="status")
    def status_column(self, approval: Approval) -> SafeString:
        """What has become of it."""
        return badge(approval.get_status_display(), STATUS_KINDS[Approval.Status(approval.status)])

    @admin.display(description="asked", ordering="asked_at")
    def asked_column(self, approval: Approval) -> str:
        """When, on the campaign's clock."""
        return zoned(approval.asked_at, approval.campaign.zone)
