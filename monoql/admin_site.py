"""The admin's own frame: its home page, its sidebar, and the language it is written in."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.html import escape

from campaigns.models import Campaign
from monoql.dashboard import home
from viewers.permissions import WITHOUT_CAMPAIGN, Action, may, may_somewhere, visible
from viewers.viewer import viewer_of_request

MOST_IN_SIDEBAR = 6


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The context of Home; for whoever may see nothing, the friendly page."""
    context["title"] = "Home"
    viewer = viewer_of_request(request)
    context["sees"] = any(may_somewhere(viewer, action) for action in (Action.VIEW, *WITHOUT_CAMPAIGN))
    if context["sees"]:
        context["home"] = home(viewer, timezone.now())
    return context


def every_page(request: HttpRequest) -> dict[str, Any]:
    """Staff pages are written in one language; the browser's would mix the framework's words into ours."""
    translation.activate(settings.LANGUAGE_CODE)
    return {}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar: a few places, and the campaigns that are under way."""
    viewer = viewer_of_request(request)
    if not any(may_somewhere(viewer, action) for action in (Action.VIEW, *WITHOUT_CAMPAIGN)):
        return [{"title": "", "items": [_item("Home", "home", reverse("admin:index"), request)]}]
    groups: list[dict[str, Any]] = [
        {
            "title": "",
            "items": [
                _item("Home", "home", reverse("admin:index"), request),
                _item("Campaigns", "confirmation_number", reverse("admin:campaigns_campaign_changelist"), request),
            ],
        },
        {"title": "Under way", "separator": True, "items": _campaigns(request)},
        {
            "title": "Catalogue",
            "separator": True,
            "items": [
                _item("Artists", "artist", reverse("admin:campaigns_artist_changelist"), request),
                _item("Venues", "location_on", reverse("admin:campaigns_venue_changelist"), request),
                _item("Promoters", "apartment", reverse("admin:campaigns_promoter_changelist"), request),
                _item("Trackers", "monitoring", reverse("admin:campaigns_tracker_changelist"), request),
                _item("Locales", "translate", reverse("admin:campaigns_locale_changelist"), request),
            ],
        },
    ]
    house = [_item("History", "history", reverse("admin:core_auditevent_changelist"), request)]
    house.insert(0, _item("Tokens", "key", reverse("admin:viewers_machinetoken_changelist"), request))
    if may(viewer, Action.MANAGE_STAFF, None):
        house.insert(0, _item("Outside", "badge", reverse("admin:viewers_outsideidentity_changelist"), request))
        house.insert(0, _item("Staff", "group", reverse("admin:viewers_staff_changelist"), request))
    return [group for group in (*groups, {"title": "House", "separator": True, "items": house}) if group["items"]]


def _campaigns(request: HttpRequest) -> list[dict[str, Any]]:
    under_way = Campaign.objects.filter(status__in=[Campaign.Status.OPEN, Campaign.Status.CLOSED])
    seen = visible(viewer_of_request(request), under_way, field="pk").order_by("-status", "close_at", "pk")
    rows = seen.values_list("pk", "name")[:MOST_IN_SIDEBAR]
    return [
        # The sidebar prints titles as they are, so a name must not bring markup with it.
        _item(str(escape(name)), "chevron_right", reverse("admin:campaigns_campaign_change", args=[pk]), request)
        for pk, name in rows
    ]


def _item(title: str, icon: str, link: str, request: HttpRequest) -> dict[str, Any]:
    is_home = link == reverse("admin:index")
    is_active = request.path == link if is_home else request.path.startswith(link.removesuffix("change/"))
    is_scoped = link.endswith("/campaign/") and request.path != link
    return {"title": title, "icon": icon, "link": link, "active": is_active and not is_scoped}
