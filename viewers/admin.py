"""Staff accounts."""

from typing import Any
from zoneinfo import ZoneInfo

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from core import audit
from core.admin_base import Page
from core.admin_forms import styled
from core.admin_times import zoned
from core.admin_words import badge
from viewers import outside_admin, token_admin  # noqa: F401  Their pages register themselves.
from viewers.admin_base import GuardedAdmin
from viewers.granting import grants_in_force, set_rights
from viewers.models import Staff
from viewers.permissions import Action
from viewers.second_factor import FACTORS, must_have_second_factor
from viewers.sessions import end_all_sessions, remove_second_factor, sessions_of

UTC_ZONE = ZoneInfo("UTC")
# Rights come from one place, viewers.permissions; Django's groups would be a second one. What belongs to signing in has
# its own pages, below /staff/, and secrets in its rows.
admin.site.unregister([Group, EmailAddress, Authenticator, UserSession, SocialAccount, SocialApp, SocialToken])


class NewStaffForm(AdminUserCreationForm[Staff]):
    """A new account, with its password typed twice."""

    usable_password = None  # type: ignore[assignment]  # Everybody signs in with a password here.

    class Meta:
        model = Staff
        fields = ("username",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)

    def save(self, commit: bool = True) -> Any:
        """An account made here may sign in here."""
        self.instance.is_staff = True
        return super().save(commit)


class ReasonForm(forms.Form):
    """Why something is done to another's sign-in; the history keeps it."""

    reason = forms.CharField(label="Reason", max_length=200, help_text="As in “lost phone, called from her desk”.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)


class RightsForm(forms.Form):
    """The rights that are given without a campaign."""

    actions = forms.MultipleChoiceField(
        label="Rights",
        required=False,
        choices=[
            (str(Action.EDIT_CATALOGUE), "Edit the catalogue: artists, venues and locales; make campaigns"),
            (str(Action.MANAGE_STAFF), "Manage staff: accounts, their sign-in, and these two rights"),
        ],
        widget=forms.CheckboxSelectMultiple,
    )
    reason = forms.CharField(label="Reason, for the history", required=False, max_length=500)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)


class StaffForm(UserChangeForm[Staff]):
    """An account; the password has a page of its own."""

    password = None  # type: ignore[assignment]  # Takes the field out of the form.

    class Meta:
        model = Staff
        fields = "__all__"


@admin.register(Staff)
class StaffAdmin(GuardedAdmin[Staff]):
    """People who work here. Accounts are switched off, not deleted: the history names them."""

    list_display = ("username", "name_column", "rights_column", "is_active", "seen_column")
    list_filter = ("is_active", "is_superuser")
    search_fields = ("username", "first_name", "last_name", "email")
    search_help_text = "Username, name or e-mail"
    ordering = ("username", "pk")
    form = StaffForm
    view_right = edit_right = Action.MANAGE_STAFF
    can_add = True
    unrecorded_fields = ("first_name", "last_name", "email", "password", "password1", "password2")
    fieldsets = (
        (None, {"fields": ("username", "first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "is_superuser", "seen_column", "joined_column")}),
        ("Signing in", {"fields": ("factor_column", "sessions_column")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "password1", "password2")}),)
    readonly_fields = ("seen_column", "joined_column", "factor_column", "sessions_column")
    change_form_outer_before_template = "admin/viewers/staff/password_link.html"
    pages = (
        Page("<path:object_id>/password/", "password_page", Action.MANAGE_STAFF, is_dangerous=True),
        Page("<path:object_id>/rights/", "rights_page", Action.MANAGE_STAFF, is_dangerous=True),
        Page("<path:object_id>/end-sessions/", "end_sessions_page", Action.MANAGE_STAFF, is_dangerous=True),
        Page("<path:object_id>/remove-factor/", "remove_factor_page", Action.MANAGE_STAFF, is_dangerous=True),
    )

    def may(self, request: HttpRequest, right: str, obj: models.Model | None = None) -> bool:
        """Whether she may; a supreme admin's account is for supreme admins alone."""
        is_above = isinstance(obj, Staff) and obj.is_superuser and not self.actor(request).is_supreme
        return not is_above and super().may(request, right, obj)

    def get_form(self, request: HttpRequest, obj: Staff | None = None, change: bool = False, **kwargs: Any) -> Any:
        """A new account asks for a password; a known one does not show it."""
        if obj is None:
            kwargs["form"] = NewStaffForm
        return super().get_form(request, obj, change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Staff | None = None) -> tuple[str, ...]:
        """Dates only the system writes; and only supreme admins make others supreme."""
        if obj is None:
            return ()
        return self.readonly_fields if self.actor(request).is_supreme else ("is_superuser", *self.readonly_fields)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The domain's words for Django's flags."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "is_superuser":
            field.label = "Supreme admin"
            field.help_text = "May do everything in every campaign. Everybody else needs rights, on a campaign's page."
        if field is not None and db_field.name == "is_active":
            field.help_text = "Switch off instead of deleting: the history names the account."
        return field

    def password_page(self, request: HttpRequest, staff: Staff) -> HttpResponse:
        """Set another password."""
        from unfold.forms import AdminPasswordChangeForm

        form = AdminPasswordChangeForm(staff, request.POST or None)
        form.fields.pop("usable_password", None)

        def set_password() -> str:
            with transaction.atomic():
                form.save()
                audit.record(actor=self.actor(request), action="staff.password", target=staff, now=timezone.now())
            messages.success(request, f"{staff.get_username()} has another password now.")
            return reverse("admin:viewers_staff_change", args=[staff.pk])

        return self.form_page(
            request,
            form,
            set_password,
            title=f"Password of {staff.get_username()}",
            original=staff,
            button="Set the password",
        )

    def rights_page(self, request: HttpRequest, staff: Staff) -> HttpResponse:
        """The rights that need no campaign."""
        held = grants_in_force(timezone.now()).filter(staff=staff, campaign=None).values_list("action", flat=True)
        form = RightsForm(request.POST if request.method == "POST" else None, initial={"actions": list(held)})

        def change() -> str:
            set_rights(
                staff=staff,
                campaign_id=None,
                actions=[Action(name) for name in form.cleaned_data["actions"]],
                ends_at=None,
                reason=form.cleaned_data["reason"],
                actor=self.actor(request),
                now=timezone.now(),
            )
            messages.success(request, f"The rights of {staff.get_username()} are changed.")
            return reverse("admin:viewers_staff_change", args=[staff.pk])

        return self.form_page(
            request,
            form,
            change,
            title=f"Rights of {staff.get_username()} without a campaign",
            intro="Rights in a campaign are given on the campaign's Access page.",
            original=staff,
            button="Save",
            back=reverse("admin:viewers_staff_change", args=[staff.pk]),
        )

    def end_sessions_page(self, request: HttpRequest, staff: Staff) -> HttpResponse:
        """Sign her out everywhere."""
        form = ReasonForm(request.POST or None)

        def end() -> str:
            ended = end_all_sessions(
                staff=staff, actor=self.actor(request), now=timezone.now(), reason=form.cleaned_data["reason"]
            )
            messages.success(request, f"{ended} session{'' if ended == 1 else 's'} of {staff.get_username()} ended.")
            return reverse("admin:viewers_staff_change", args=[staff.pk])

        return self.form_page(
            request,
            form,
            end,
            title=f"End all sessions of {staff.get_username()}",
            intro="She is signed out everywhere at once and may sign in again; to keep her out, switch her off.",
            original=staff,
            button="End all sessions",
            back=reverse("admin:viewers_staff_change", args=[staff.pk]),
        )

    def remove_factor_page(self, request: HttpRequest, staff: Staff) -> HttpResponse:
        """Help somebody who lost her phone."""
        form = ReasonForm(request.POST or None)

        def remove() -> str:
            remove_second_factor(
                staff=staff, actor=self.actor(request), now=timezone.now(), reason=form.cleaned_data["reason"]
            )
            messages.success(request, f"{staff.get_username()} has no second factor any more.")
            return reverse("admin:viewers_staff_change", args=[staff.pk])

        return self.form_page(
            request,
            form,
            remove,
            title=f"Remove the second factor of {staff.get_username()}",
            intro="Her passkeys, app and recovery codes stop working, and her sessions end. Until she sets up another, "
            "her password alone opens the account: make sure that it is she who asks.",
            original=staff,
            button="Remove the second factor",
            back=reverse("admin:viewers_staff_change", args=[staff.pk]),
        )

    # Columns

    @admin.display(description="second factor")
    def factor_column(self, staff: Staff) -> str:
        """What she has, and whether she must."""
        names = {Authenticator.Type.TOTP: "authenticator app", Authenticator.Type.WEBAUTHN: "passkey"}
        kinds = Authenticator.objects.filter(user=staff, type__in=FACTORS).order_by("pk").values_list("type", flat=True)
        if kinds:
            return ", ".join(names[kind] for kind in kinds)
        return "none; her rights ask for one" if must_have_second_factor(staff) else "none"

    @admin.display(description="sessions")
    def sessions_column(self, staff: Staff) -> SafeString | str:
        """Where she is signed in."""
        lines = [
            (f"{session.browser}, {session.address}, active {zoned(session.seen_at, UTC_ZONE)}",)
            for session in sessions_of(staff)
        ]
        return format_html_join(mark_safe("<br>"), "{}", lines) if lines else "none"

    @admin.display(description="name", ordering="last_name")
    def name_column(self, staff: Staff) -> str:
        """Her full name."""
        return staff.get_full_name() or "–"

    @admin.display(description="last sign-in", ordering="last_login")
    def seen_column(self, staff: Staff) -> str:
        """When she signed in last."""
        return zoned(staff.last_login, UTC_ZONE) if staff.last_login is not None else "never"

    @admin.display(description="account since", ordering="date_joined")
    def joined_column(self, staff: Staff) -> str:
        """When the account was made."""
        return zoned(staff.date_joined, UTC_ZONE)

    @admin.display(description="rights", ordering="is_superuser")
    def rights_column(self, staff: Staff) -> SafeString:
        """What she may do."""
        return badge("supreme", "good") if staff.is_superuser else format_html("{}", "nothing yet")
