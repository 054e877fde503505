"""Which subjects of other companies' tokens are members of staff here."""

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from core.admin_base import Page
from core.admin_forms import styled
from core.admin_times import zoned
from viewers.admin_base import GuardedAdmin
from viewers.models import Action, OutsideIdentity, Staff
from viewers.models.outside import MOST_LETTERS_OF_SUBJECT
from viewers.outside import issuers_of_staff, link_identity, unlink_identity
from viewers.token_admin import ReasonForm

UTC_ZONE = ZoneInfo("UTC")


class LinkForm(forms.Form):
    """Which subject is which account."""

    staff = forms.ModelChoiceField(queryset=Staff.objects.none(), label="Account", empty_label="Choose an account")
    issuer = forms.ChoiceField(label="Issuer")
    subject = forms.CharField(
        label="Subject", max_length=MOST_LETTERS_OF_SUBJECT, help_text="Exactly as the issuer's tokens say it."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        accounts = Staff.objects.filter(is_active=True, is_staff=True).order_by("username")
        self.fields["staff"].queryset = accounts  # type: ignore[attr-defined]  # A menu of rows has one.
        self.fields["issuer"].choices = [(one.name, f"{one.name} ({one.issuer})") for one in issuers_of_staff()]  # type: ignore[attr-defined]  # A choice field has them.
        styled(self)


@admin.register(OutsideIdentity)
class OutsideIdentityAdmin(GuardedAdmin[OutsideIdentity]):
    """Links between subjects of tokens from outside and accounts."""

    list_display = ("subject", "issuer", "staff", "linked_column", "linked_by")
    list_display_links = ("subject",)
    list_select_related = ("staff", "linked_by")
    list_filter = ("issuer",)
    search_fields = ("subject", "staff__username")
    search_help_text = "Subject or account"
    ordering = ("-pk",)
    view_right = Action.MANAGE_STAFF
    empty_note = "Nobody of the staff signs in with a token of another company so far."
    list_before_template = "admin/viewers/outsideidentity/head.html"
    change_form_outer_before_template = "admin/viewers/outsideidentity/object_head.html"
    fields = readonly_fields = ("subject", "issuer", "staff", "linked_column", "linked_by")
    pages = (
        Page("link/", "link_page", Action.MANAGE_STAFF, is_dangerous=True),
        Page("<path:object_id>/unlink/", "unlink_page", Action.MANAGE_STAFF),
    )

    def link_page(self, request: HttpRequest) -> HttpResponse:
        """Links a subject to an account."""
        form = LinkForm(request.POST if request.method == "POST" else None)

        def link() -> str:
            made = link_identity(**form.cleaned_data, actor=self.actor(request), now=timezone.now())
            messages.success(request, f"{made.staff.get_username()} may sign in to the API from {made.issuer} now.")
            return self.list_url()

        return self.form_page(
            request,
            form,
            link,
            title="Link a subject to an account",
            intro="Whoever proves to be this subject may do over the API whatever the account may.",
            button="Link it",
            back=self.list_url(),
        )

    def unlink_page(self, request: HttpRequest, identity: OutsideIdentity) -> HttpResponse:
        """Takes a link away."""
        form = ReasonForm(request.POST if request.method == "POST" else None)

        def unlink() -> str:
            unlink_identity(
                identity=identity, reason=form.cleaned_data["reason"], actor=self.actor(request), now=timezone.now()
            )
            messages.success(request, "The subject is a fan like any other now.")
            return self.list_url()

        return self.form_page(
            request,
            form,
            unlink,
            title=f"Unlink {identity.subject}",
            original=identity,
            intro=f"What {identity.staff.get_username()} has begun with this issuer's tokens ends at once.",
            button="Unlink it",
            back=reverse("admin:viewers_outsideidentity_change", args=[identity.pk]),
        )

    @admin.display(description="linked", ordering="linked_at")
    def linked_column(self, identity: OutsideIdentity) -> str:
        """When it was linked."""
        return zoned(identity.linked_at, UTC_ZONE)
