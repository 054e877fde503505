"""Machine tokens in the admin: making one, which is shown once, and revoking."""

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.db import models
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.admin_base import Page, add_refusal
from core.admin_forms import styled
from core.admin_times import until, zoned
from core.admin_words import badge
from core.refusal import Refusal
from viewers.admin_base import GuardedAdmin
from viewers.models import Action, MachineToken
from viewers.models.token import LONGEST, MACHINE_ACTIONS
from viewers.permissions import may_somewhere, visible
from viewers.tokens import NewToken, make_token, may_see_token, revoke_token, tokens_for
from viewers.viewer import Viewer, viewer_of_request

UTC_ZONE = ZoneInfo("UTC")
MOST_NAMED = 3
"""Campaigns that a list names before it counts them."""
MOST_OFFERED = 500
"""Campaigns in the menu, the newest; a token for an older one is made on the command line."""
PERIODS = ((7, "a week"), (30, "30 days"), (90, "90 days"), (LONGEST.days - 1, "a year"))


class TokenForm(forms.Form):
    """What a new token is called, how far it reaches and how long."""

    name = forms.CharField(
        label="Name", max_length=80, help_text="What uses it, and where, as in “nightly export on the warehouse host”."
    )
    actions = forms.MultipleChoiceField(
        label="It may", widget=forms.CheckboxSelectMultiple, help_text="Never more than you yourself, at any moment."
    )
    reaches_all = forms.BooleanField(label="In every campaign that I may work in, later ones too", required=False)
    campaigns = forms.ModelMultipleChoiceField(
        queryset=MachineToken.objects.none(),
        label="Or in these campaigns alone",
        required=False,
        help_text="Hold Ctrl or ⌘ to choose several.",
    )
    days = forms.TypedChoiceField(label="Good for", choices=PERIODS, coerce=int, initial=30)

    def __init__(self, viewer: Viewer, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = [action for action in MACHINE_ACTIONS if may_somewhere(viewer, action)]
        self.fields["actions"].choices = [(str(one), one.label.capitalize()) for one in held]  # type: ignore[attr-defined]  # A choice field has them.
        rows = apps.get_model("campaigns", "Campaign")._default_manager.order_by("-pk")
        newest = visible(viewer, rows, field="pk").values_list("pk", flat=True)[:MOST_OFFERED]
        self.fields["campaigns"].queryset = rows.filter(pk__in=list(newest))  # type: ignore[attr-defined]  # A menu of rows has one.
        styled(self)

    def clean(self) -> dict[str, Any]:
        """Refuse both: whoever names campaigns does not expect a token for all of them."""
        chosen = super().clean() or self.cleaned_data
        if chosen.get("reaches_all") and chosen.get("campaigns"):
            self.add_error("campaigns", "Choose either every campaign or these.")
        return chosen


class ReasonForm(forms.Form):
    """Why something is ended."""

    reason = forms.CharField(label="Reason, for the history", max_length=500)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)


@admin.register(MachineToken)
class MachineTokenAdmin(GuardedAdmin[MachineToken]):
    """Tokens of programs. Staff see their own; whoever manages staff sees all."""

    list_display = ("name_column", "owner", "reach_column", "used_column", "ends_column", "state_column")
    list_display_links = ("name_column",)
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username")
    search_help_text = "Name of the token or of its owner"
    ordering = ("-pk",)
    view_right = Action.VIEW
    empty_note = "A token that you make for a program stands here until long after it has ended."
    list_before_template = "admin/viewers/machinetoken/head.html"
    change_form_outer_before_template = "admin/viewers/machinetoken/object_head.html"
    fields = readonly_fields = (
        "name",
        "owner",
        "reach_column",
        "made_column",
        "used_column",
        "ends_column",
        "state_column",
    )
    pages = (
        Page("make/", "make_page", Action.VIEW, is_dangerous=True),
        Page("<path:object_id>/revoke/", "revoke_page", Action.VIEW),
    )

    def may(self, request: HttpRequest, right: str, obj: models.Model | None = None) -> bool:
        """Whoever may do anything may have tokens; one that exists is its owner's, and who manages staff sees it."""
        viewer = viewer_of_request(request)
        if obj is not None and not (isinstance(obj, MachineToken) and may_see_token(viewer, obj)):
            return False
        return viewer.kind == "staff" and any(may_somewhere(viewer, action) for action in Action)

    def get_queryset(self, request: HttpRequest) -> QuerySet[MachineToken]:
        """The viewer's own tokens, or all."""
        viewer = viewer_of_request(request)
        campaigns = visible(viewer, apps.get_model("campaigns", "Campaign")._default_manager.all(), field="pk")
        own = super().get_queryset(request).filter(tokens_for(viewer))
        # A campaign that the viewer may not see is not named to her either.
        return own.select_related("owner").prefetch_related(Prefetch("campaigns", queryset=campaigns))

    def make_page(self, request: HttpRequest) -> HttpResponse:
        """Asks what the token is for, and shows it this once: the answer is never kept by any cache."""
        viewer = self.actor(request)
        form = TokenForm(viewer, request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                return self._made(request, self._make(form, viewer))
            except Refusal as refusal:
                add_refusal(form, refusal)
        context = self.page_context(request, "New machine token", form=form, button="Make it", back=self.list_url())
        return TemplateResponse(request, "admin/plain_form.html", context)

    def _make(self, form: TokenForm, viewer: Viewer) -> NewToken:
        chosen = form.cleaned_data
        return make_token(
            name=chosen["name"],
            actions=[Action(word) for word in chosen["actions"]],
            campaigns=None if chosen["reaches_all"] else [campaign.pk for campaign in chosen["campaigns"]],
            days=chosen["days"],
            actor=viewer,
            now=timezone.now(),
        )

    def _made(self, request: HttpRequest, made: NewToken) -> HttpResponse:
        """The one page that shows the token. It answers the form itself: an address to come back to would keep it."""
        context = self.page_context(
            request,
            f"The token “{made.row.name}”",
            text=made.text,
            token=made.row,
            reach=reach_of(made.row),
            back=self.list_url(),
        )
        response = TemplateResponse(request, "admin/viewers/machinetoken/made.html", context)
        response.headers["Cache-Control"] = "no-store, private"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    def revoke_page(self, request: HttpRequest, token: MachineToken) -> HttpResponse:
        """Ends a token."""
        form = ReasonForm(request.POST if request.method == "POST" else None)

        def revoke() -> str:
            revoke_token(token=token, reason=form.cleaned_data["reason"], actor=self.actor(request), now=timezone.now())
            messages.success(request, f"The token “{token.name}” opens nothing any more.")
            return self.list_url()

        return self.form_page(
            request,
            form,
            revoke,
            title=f"Revoke “{token.name}”",
            original=token,
            intro="Programs that use it are refused from the next request on.",
            button="Revoke it",
            back=reverse("admin:viewers_machinetoken_change", args=[token.pk]),
        )

    # Columns

    @admin.display(description="name", ordering="name")
    def name_column(self, token: MachineToken) -> SafeString:
        """Its name, and the part of its text that is no secret."""
        return format_html(
            '<strong class="mq-name">{}</strong><span class="mq-soft mq-block">mql_{}_…</span>',
            token.name,
            token.lookup,
        )

    @admin.display(description="reach")
    def reach_column(self, token: MachineToken) -> str:
        """What it may do, and where."""
        return reach_of(token)

    @admin.display(description="made", ordering="created_at")
    def made_column(self, token: MachineToken) -> str:
        """When it was made."""
        return zoned(token.created_at, UTC_ZONE)

    @admin.display(description="last used", ordering="last_used_at")
    def used_column(self, token: MachineToken) -> str:
        """When it was sent last, to the minute."""
        return zoned(token.last_used_at, UTC_ZONE) if token.last_used_at is not None else "never"

    @admin.display(description="ends", ordering="expires_at")
    def ends_column(self, token: MachineToken) -> SafeString:
        """When it ends by itself."""
        return format_html(
            '{}<span class="mq-soft mq-block">{}</span>',
            until(token.expires_at, timezone.now()),
            zoned(token.expires_at, UTC_ZONE),
        )

    @admin.display(description="state")
    def state_column(self, token: MachineToken) -> SafeString:
        """Whether it opens anything."""
        if token.revoked_at is not None:
            return badge("revoked", "bad")
        if token.expires_at <= timezone.now():
            return badge("expired")
        return badge("in force", "good") if token.is_in_force(timezone.now()) else badge("owner is off", "warn")


def reach_of(token: MachineToken) -> str:
    """What a token may do and where, in one line: of its campaigns those that were fetched with it."""
    actions = ", ".join(Action(action).label for action in token.actions)
    if token.reaches_all_campaigns:
        return f"{actions}: in all campaigns of its owner"
    names = [campaign.name for campaign in token.campaigns.all()]
    rest = len(names) - MOST_NAMED
    listed = ", ".join(sorted(names)[:MOST_NAMED]) or "certain campaigns"
    return f"{actions}: in {listed}" + (f" and {rest} more" if rest > 0 else "")
