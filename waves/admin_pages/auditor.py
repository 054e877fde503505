"""Auditors of a campaign: whom it lets download its draws' bundles, their links, and what they fetched."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from campaigns.admin_pages.confirming import Step, confirm
from campaigns.admin_pages.scoped import PageAdmin
from campaigns.models import Campaign
from core.admin_base import Page
from core.admin_forms import styled
from core.admin_times import LocalTime, LocalTimeField, LocalTimeWidget, zoned
from core.admin_words import badge
from core.models import AuditEvent
from core.times import BadLocalTime
from viewers.permissions import Action
from waves.auditors import MOST_LETTERS, link_of, name_auditor, revoke
from waves.models import Auditor

MOST_EVENTS = 50
"""Downloads that a page shows; the history has all of them."""


class AuditorForm(forms.Form):
    """Who it is, and until when the link works."""

    name = forms.CharField(
        label="Who",
        max_length=MOST_LETTERS,
        help_text="As in “Jane Roe, city auditor’s office”. She reads it on her page.",
    )
    expires_at = LocalTimeField(label="The link works until", help_text="Within two years. It can be revoked earlier.")

    def __init__(self, campaign: Campaign, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.campaign = campaign
        widget = self.fields["expires_at"].widget
        if isinstance(widget, LocalTimeWidget):
            widget.zone = campaign.zone
        styled(self)

    def clean_expires_at(self) -> Any:
        """The instant that the local time names."""
        typed: LocalTime = self.cleaned_data["expires_at"]
        try:
            return typed.instant(self.campaign.zone)
        except BadLocalTime as refusal:
            raise forms.ValidationError(refusal.message) from refusal


def state_of(auditor: Auditor) -> SafeString:
    """Whether the link works, as a coloured word."""
    if auditor.revoked_at is not None:
        return badge("revoked", "bad")
    return badge("works", "good") if auditor.expires_at > timezone.now() else badge("ended", "plain")


@admin.register(Auditor)
class AuditorAdmin(PageAdmin[Auditor]):
    """The auditors of a campaign."""

    section = "waves"
    empty_note = "An auditor gets a link of her own to the files of every draw, also where they are not public."
    list_display = ("name", "state_column", "expiry_column", "seen_column")
    list_before_template = "admin/waves/auditor/head.html"
    ordering = ("-created_at", "-pk")
    edit_right = Action.RUN_WAVES
    can_add = True
    pages = (Page("<path:object_id>/revoke/", "revoke_page", Action.RUN_WAVES),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Auditor]:
        """With the campaign, whose zone every time is read in."""
        return super().get_queryset(request).select_related("campaign")

    def page_of(self, auditor: Auditor) -> str:
        """An auditor's own page."""
        return reverse("admin:waves_auditor_change", args=[auditor.pk])

    def object_page(self, request: HttpRequest, auditor: Auditor) -> HttpResponse:
        """Her link, for whoever may run waves, and what she fetched."""
        works = auditor.revoked_at is None and auditor.expires_at > timezone.now()
        may_run = self.may(request, Action.RUN_WAVES, auditor)
        events = AuditEvent.objects.filter(target_type="waves.auditor", target_id=str(auditor.pk))
        context = self.page_context(
            request,
            auditor.name,
            original=auditor,
            auditor=auditor,
            state=state_of(auditor),
            works=works,
            may_run=may_run,
            link=link_of(auditor) if works and may_run else "",
            deeds=events.order_by("-id")[:MOST_EVENTS],
            **self.workspace(auditor.campaign),
        )
        return TemplateResponse(request, "admin/waves/auditor/page.html", context)

    # Operations

    def new_page(self, request: HttpRequest) -> HttpResponse:
        """Names an auditor."""
        campaign = self.campaign_of(request)
        if campaign is None:
            return self.ask_for_campaign(request)
        form = AuditorForm(campaign, *([request.POST] if request.method == "POST" else []))

        def name() -> str:
            auditor = name_auditor(
                campaign=campaign,
                name=form.cleaned_data["name"],
                expires_at=form.cleaned_data["expires_at"],
                actor=self.actor(request),
                now=timezone.now(),
            )
            messages.success(request, "Her link is below. Send it to her alone: whoever has it can fetch the files.")
            return self.page_of(auditor)

        return self.form_page(
            request,
            form,
            name,
            title="Name an auditor",
            intro="She can download the files of every draw of this campaign whose codes were given or that was "
            "abandoned: the list of entries without names, the rules and the places. Each download is written down.",
            button="Make the link",
            back=self.list_url_of(campaign),
            **self.workspace(campaign),
        )

    def revoke_page(self, request: HttpRequest, auditor: Auditor) -> HttpResponse:
        """Ends the link."""
        step = Step(
            campaign=auditor.campaign,
            title=f"Revoke the link of {auditor.name}",
            facts=["The link opens nothing any more, at once.", "What was downloaded stays where it is."],
            button="Revoke the link",
            operation=lambda _: revoke(auditor=auditor, actor=self.actor(request), now=timezone.now()),
            done=f"The link of {auditor.name} is revoked.",
            back=self.page_of(auditor),
        )
        return confirm(self, request, step, original=auditor, section=self.section)

    # Columns

    @admin.display(description="link")
    def state_column(self, auditor: Auditor) -> SafeString:
        """Whether it works."""
        return state_of(auditor)

    @admin.display(description="works until", ordering="expires_at")
    def expiry_column(self, auditor: Auditor) -> str:
        """On the campaign's clock."""
        return zoned(auditor.expires_at, auditor.campaign.zone)

    @admin.display(description="last download", ordering="last_seen_at")
    def seen_column(self, auditor: Auditor) -> str:
        """The same."""
        return zoned(auditor.last_seen_at, auditor.campaign.zone) if auditor.last_seen_at else "none"
