"""Pages of what belongs to one campaign: they keep the campaign, and show where it stands above themselves."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode

from django.contrib import messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse

from campaigns.lifecycle import FINISHED
from campaigns.models import Campaign
from core.admin_forms import ConsoleForm
from viewers.admin_base import GuardedAdmin
from viewers.permissions import visible
from viewers.viewer import viewer_of_request


def _name_in_address(request: HttpRequest, field: str) -> str:
    """What an address says of its campaign, in its own query or in the list's that one came from."""
    kept = parse_qs(request.GET.get("_changelist_filters", ""))
    return request.GET.get(field, "") or kept.get(field, [""])[0]


def campaign_named(request: HttpRequest, field: str = "campaign") -> Campaign | None:
    """The campaign that an address names, if it is there and the viewer may view it; looked up once a request."""
    text = _name_in_address(request, field)
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        return None
    found: dict[str, Campaign | None] = request.__dict__.setdefault("_campaigns_named", {})
    if text not in found:
        rows = Campaign.objects.select_related("artist", "default_locale").filter(pk=int(text))
        found[text] = visible(viewer_of_request(request), rows, field="pk").first()
    return found[text]


class ScopedForm[M: models.Model](ConsoleForm[M]):
    """A form within one campaign, which the page sets: nobody chooses it from a list."""

    campaign: Campaign
    set_fields = frozenset({"campaign"})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            self.instance.campaign = self.campaign  # type: ignore[attr-defined]  # Each such model has one.


class ScopedAdmin[M: models.Model](GuardedAdmin[M]):
    """A list and forms that live inside a campaign; without one the list asks which."""

    section = ""
    """Its place in the campaign's strip of sections."""
    campaign_field = "campaign"
    """The parameter of addresses that names the campaign."""
    campaign_path = "campaign_id"
    needs_campaign = True
    list_before_template = "admin/includes/workspace.html"
    change_form_outer_before_template = "admin/includes/workspace.html"

    # The campaign

    def campaign_of(self, request: HttpRequest, obj: M | None = None) -> Campaign | None:
        """The campaign of an object, else the one that the address names."""
        if obj is not None:
            found = getattr(obj, "campaign", None)
            return found if isinstance(found, Campaign) else None
        return campaign_named(request, self.campaign_field)

    def list_url_of(self, campaign: Campaign, **filters: object) -> str:
        """The list of one campaign's rows."""
        return f"{self.list_url()}?{urlencode({self.campaign_field: campaign.pk, **filters})}"

    def workspace(self, campaign: Campaign | None) -> dict[str, Any]:
        """What the templates need to show the campaign above the page."""
        return {"campaign": campaign, "section": self.section}

    # Rights: a finished campaign can be read, not changed

    def may(self, request: HttpRequest, right: str, obj: models.Model | None = None) -> bool:
        """Whether the viewer has a right: for an object, in the campaign that the address names, or in any."""
        if obj is None and _name_in_address(request, self.campaign_field):
            campaign = self.campaign_of(request)
            return campaign is not None and self.may_in(request, right, campaign.pk)
        return super().may(request, right, obj)

    def is_nowhere(self, request: HttpRequest) -> bool:
        """Whether the address names a campaign that is not there, or not for this viewer to know of."""
        return bool(_name_in_address(request, self.campaign_field)) and self.campaign_of(request) is None

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Whether the form can be saved."""
        return super().has_change_permission(request, obj) and not self._is_over(request, obj)

    def _is_over(self, request: HttpRequest, obj: M | None) -> bool:
        campaign = self.campaign_of(request, obj) if obj is not None else None
        return campaign is not None and campaign.status == Campaign.Status.FINISHED

    # Django's pages

    def get_form(self, request: HttpRequest, obj: M | None = None, change: bool = False, **kwargs: Any) -> Any:
        """The form's class, bound to the campaign."""
        form = super().get_form(request, obj, change, **kwargs)
        if issubclass(form, ScopedForm):
            form.campaign = self.campaign_of(request, obj)  # type: ignore[assignment]  # Checked in changeform_view.
        return form

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """One campaign's rows."""
        campaign = self.campaign_of(request) if self.has_view_permission(request) else None
        if campaign is None and self.needs_campaign and self.has_view_permission(request):
            return self.ask_for_campaign(request)
        context = {**self.workspace(campaign), **self.list_context(request, campaign), **(extra_context or {})}
        return super().changelist_view(request, context)

    def list_context(self, request: HttpRequest, campaign: Campaign | None) -> Mapping[str, Any]:
        """What a model's own note above the list needs."""
        return {}

    def ask_for_campaign(self, request: HttpRequest) -> HttpResponse:
        """Lead to the list of campaigns."""
        messages.info(request, f"Choose a campaign first: its {self.opts.verbose_name_plural} are on its page.")
        return HttpResponseRedirect(reverse("admin:campaigns_campaign_changelist"))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The form, below the campaign that it belongs to."""
        obj = self.get_object(request, object_id) if object_id else None
        campaign = self.campaign_of(request, obj)
        if obj is None and object_id is None and campaign is None and self.has_add_permission(request):
            return self.ask_for_campaign(request)
        if object_id is None and campaign is not None and campaign.status == Campaign.Status.FINISHED:
            messages.warning(request, FINISHED)
            return HttpResponseRedirect(self.list_url_of(campaign))
        context = {**self.workspace(campaign), **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page that asks before deleting; afterwards one is back in the campaign."""
        obj = self.get_object(request, object_id)
        campaign = self.campaign_of(request, obj) if obj is not None else None
        response = super().delete_view(request, object_id, {**self.workspace(campaign), **(extra_context or {})})
        if isinstance(response, HttpResponseRedirect) and campaign is not None:
            return HttpResponseRedirect(self.list_url_of(campaign))
        return response

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What was done to the object."""
        obj = self.get_object(request, object_id)
        campaign = self.campaign_of(request, obj) if obj is not None else None
        context = {**self.workspace(campaign), "original": obj, **(extra_context or {})}
        return super().history_view(request, object_id, context)

    def response_post_save_add(self, request: HttpRequest, obj: M) -> HttpResponseRedirect:
        """Back to the campaign's list."""
        return self._back_to_list(request, obj) or super().response_post_save_add(request, obj)

    def response_post_save_change(self, request: HttpRequest, obj: M) -> HttpResponseRedirect:
        """Back to the campaign's list."""
        return self._back_to_list(request, obj) or super().response_post_save_change(request, obj)

    def _back_to_list(self, request: HttpRequest, obj: M) -> HttpResponseRedirect | None:
        campaign = self.campaign_of(request, obj)
        return HttpResponseRedirect(self.list_url_of(campaign)) if campaign is not None else None


class PageAdmin[M: models.Model](ScopedAdmin[M]):
    """Rows that have a page of their own in place of a form."""

    def object_page(self, request: HttpRequest, obj: M) -> HttpResponse:
        """The page of one row, for whoever may view it."""
        raise NotImplementedError

    def new_page(self, request: HttpRequest) -> HttpResponse:
        """The page that makes one, for whoever may add it."""
        raise NotImplementedError

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Look the row up and show its page, which takes no form."""
        if object_id is None:
            return self.new_page(request) if self.has_add_permission(request) else self.not_allowed(request)
        if not self.has_view_permission(request):
            return self.not_allowed(request)
        obj = self.get_object(request, object_id)
        if obj is None:
            return self.not_found(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return self.object_page(request, obj) if self.has_view_permission(request, obj) else self.not_allowed(request)


class SetupAdmin[M: models.Model](ScopedAdmin[M]):
    """Parts of the set-up. Until the first opening they can also be deleted; later they are made inactive."""

    can_add = can_delete = True

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Whether it can go: nothing that fans may hold names it yet."""
        if not super().has_delete_permission(request, obj) or obj is None:
            return False
        campaign = self.campaign_of(request, obj)
        return campaign is not None and not campaign.has_opened
