"""Staff accounts."""

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core import audit
from core.admin_base import Page
from core.admin_forms import styled
from core.admin_times import zoned
from core.admin_words import badge
from viewers.admin_base import GuardedAdmin
from viewers.models import Staff
from viewers.permissions import Action

UTC_ZONE = ZoneInfo("UTC")
admin.site.unregister(Group)
"""Rights come from one place, viewers.permissions; Django's groups would be a second one."""


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
    )
    add_fieldsets = ((None, {"fields": ("username", "password1", "password2")}),)
    readonly_fields = ("seen_column", "joined_column")
    change_form_outer_before_template = "admin/viewers/staff/password_link.html"
    pages = (Page("<path:object_id>/password/", "password_page", Action.MANAGE_STAFF),)

    def get_form(self, request: HttpRequest, obj: Staff | None = None, change: bool = False, **kwargs: Any) -> Any:
        """A new account asks for a password; a known one does not show it."""
        if obj is None:
            kwargs["form"] = NewStaffForm
        return super().get_form(request, obj, change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Staff | None = None) -> tuple[str, ...]:
        """Dates only the system writes."""
        return self.readonly_fields if obj is not None else ()

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The domain's words for Django's flags."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "is_superuser":
            field.label = "Supreme admin"
            field.help_text = "May do everything in every campaign. Everybody else sees nothing yet."
        if field is not None and db_field.name == "is_active":
            field.help_text = "Switch off instead of deleting: the history names the account."
        return field

    def password_page(self, request: HttpRequest, staff: Staff) -> HttpResponse:
        """Set another password."""
        from unfold.forms import AdminPasswordChangeForm

        form = AdminPasswordChangeForm(staff, request.POST or None)
        form.fields.pop("usable_password", None)

        def set_password() -> str:
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

    # Columns

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
