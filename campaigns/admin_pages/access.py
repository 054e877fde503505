"""A campaign's Access page: who may what, since when, until when, granted by whom; and the form that changes it."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from campaigns.admin_pages.scoped import ScopedAdmin
from campaigns.models import Campaign
from core.admin_base import Page
from core.admin_forms import styled
from core.admin_times import LocalTime, LocalTimeField, LocalTimeWidget, local_time, zoned
from core.times import BadLocalTime
from viewers.granting import IN_A_CAMPAIGN, ROLES, ask_to_set_rights, grants_in_force, role_of, set_rights
from viewers.models import Action, Grant, Staff

WORDS = {
    Action.VIEW: "See the campaign; what belongs to fans stays masked",
    Action.EDIT_CONTENT: "Write its pages and mails",
    Action.EDIT_SETUP: "Change dates, markets and form; open, close and finish it",
    Action.MANAGE_CODES: "Upload codes and see single ones",
    Action.RUN_WAVES: "Schedule, prepare, trigger and abandon waves",
    Action.EXPORT: "Take its data out as files",
    Action.SEE_PERSONAL_DATA: "Reveal who a fan is, entry by entry, with a reason",
    Action.GRANT_ACCESS: "Give others the rights that she has herself",
}


@dataclass(frozen=True)
class Person:
    """One line of the page: an account, its rights, and the role that they make up."""

    staff: Staff
    grants: list[Grant]
    role: str
    link: str


class PersonForm(forms.Form):
    """Whose rights are to be changed."""

    staff = forms.ModelChoiceField(
        queryset=Staff.objects.none(), label="Who", empty_label="Choose an account", to_field_name="username"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        accounts = Staff.objects.filter(is_active=True, is_staff=True, is_superuser=False).order_by("username")
        self.fields["staff"].queryset = accounts  # type: ignore[attr-defined]  # A menu of rows has one.
        styled(self)


class RightsForm(forms.Form):
    """The rights of one account in one campaign."""

    actions = forms.MultipleChoiceField(
        label="Rights",
        required=False,
        choices=[(str(action), f"{action.label.capitalize()}: {WORDS[action]}") for action in IN_A_CAMPAIGN],
        widget=forms.CheckboxSelectMultiple,
        help_text="Whoever holds any right may also see the campaign. Tick nothing to take all of them.",
    )
    ends_at = LocalTimeField(
        label="Until", required=False, help_text="On the campaign's clock; empty for no end. For all of the rights."
    )
    reason = forms.CharField(label="Reason, for the history", required=False, max_length=500)

    def __init__(self, campaign: Campaign, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._zone = campaign.zone
        widget = self.fields["ends_at"].widget
        if isinstance(widget, LocalTimeWidget):
            widget.zone = campaign.zone
        styled(self)

    def clean_ends_at(self) -> Any:
        """The instant of the local time, if there is one."""
        local: LocalTime | None = self.cleaned_data["ends_at"]
        try:
            return local.instant(self._zone) if local is not None else None
        except BadLocalTime as refusal:
            raise forms.ValidationError(refusal.message) from refusal


@admin.register(Grant)
class AccessAdmin(ScopedAdmin[Grant]):
    """Who may do what in a campaign."""

    section = "access"
    pages = (Page("person/<str:username>/", "person_page", Action.GRANT_ACCESS, is_dangerous=True),)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Everybody who holds a right in the campaign, and whom one may give some."""
        if not self.has_view_permission(request):
            return self.not_allowed(request)
        campaign = self.campaign_of(request)
        if campaign is None:
            return self.ask_for_campaign(request)
        may_grant = self.may_in(request, Action.GRANT_ACCESS, campaign.pk)
        form = PersonForm(request.POST if request.method == "POST" else None)
        context = {
            "people": self._people(campaign),
            "supreme": Staff.objects.filter(is_superuser=True, is_active=True).order_by("username"),
            "may_grant": may_grant,
            **self.workspace(campaign),
        }
        if request.method == "POST" and not may_grant:
            return self.not_allowed(request)
        return self.form_page(
            request,
            form,
            lambda: self._person_url(campaign, form.cleaned_data["staff"]),
            title=f"Access to {campaign.name}",
            template="admin/campaigns/access/list.html",
            **context,
        )

    def person_page(self, request: HttpRequest, username: str) -> HttpResponse:
        """Gives, changes and takes one account's rights."""
        campaign = self.campaign_of(request)
        if campaign is None:
            return self.ask_for_campaign(request)
        staff = Staff.objects.filter(username=username, is_staff=True).first()
        if staff is None:
            raise Http404
        if staff.is_supreme:
            messages.info(request, f"{username} is a supreme admin and may do everything already.")
        form = RightsForm(
            campaign,
            request.POST if request.method == "POST" else None,
            initial=self._initial(request, campaign, staff),
        )

        def change() -> str:
            wanted: dict[str, Any] = {
                "staff": staff,
                "campaign_id": campaign.pk,
                "actions": [Action(name) for name in form.cleaned_data["actions"]],
                "ends_at": form.cleaned_data["ends_at"],
                "reason": form.cleaned_data["reason"],
                "actor": self.actor(request),
                "now": timezone.now(),
            }
            if campaign.needs_second_person:
                ask_to_set_rights(**wanted)
                words = f"The change of {username}'s rights waits for a second person now."
            else:
                words = f"The rights of {username} are changed." if set_rights(**wanted) else "Nothing has changed."
            messages.success(request, words)
            return self.list_url_of(campaign)

        roles = [(name, f"{request.path}?{urlencode({'campaign': campaign.pk, 'role': name})}") for name in ROLES]
        return self.form_page(
            request,
            form,
            change,
            title=f"Rights of {username} in {campaign.name}",
            template="admin/campaigns/access/person.html",
            button="Ask a second person" if campaign.needs_second_person else "Save",
            roles=roles,
            person=staff,
            back=self.list_url_of(campaign),
            **self.workspace(campaign),
        )

    def _initial(self, request: HttpRequest, campaign: Campaign, staff: Staff) -> dict[str, Any]:
        """What the form shows at first: a role that was asked for, else what the account holds."""
        held = list(grants_in_force(timezone.now()).filter(staff=staff, campaign=campaign))
        role = ROLES.get(request.GET.get("role", ""))
        ends = [grant.ends_at for grant in held if grant.ends_at is not None]
        return {
            "actions": sorted(role) if role is not None else [grant.action for grant in held],
            "ends_at": local_time(min(ends), campaign.zone) if ends else None,
        }

    def _people(self, campaign: Campaign) -> list[Person]:
        rows = grants_in_force(timezone.now()).filter(campaign=campaign).select_related("staff", "granted_by")
        places = {str(action): place for place, action in enumerate(IN_A_CAMPAIGN)}
        by_staff: dict[Staff, list[Grant]] = {}
        for grant in rows.filter(Q(staff__is_active=True)).order_by("staff__username", "pk"):
            by_staff.setdefault(grant.staff, []).append(grant)
        for grants in by_staff.values():
            grants.sort(key=lambda grant: places[grant.action])
            for grant in grants:
                until = f", until {zoned(grant.ends_at, campaign.zone)}" if grant.ends_at is not None else ""
                since = zoned(grant.granted_at, campaign.zone)
                grant.told = f"since {since}{until}, granted by {grant.granted_by.get_username()}"  # type: ignore[attr-defined]  # For the template.
        return [
            Person(
                staff=staff,
                grants=grants,
                role=role_of([Action(grant.action) for grant in grants]),
                link=self._person_url(campaign, staff),
            )
            for staff, grants in by_staff.items()
        ]

    def _person_url(self, campaign: Campaign, staff: Staff) -> str:
        address = reverse("admin:viewers_grant_person_page", args=[staff.get_username()])
        return f"{address}?{urlencode({'campaign': campaign.pk})}"
