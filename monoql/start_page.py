"""The installation's first page: the campaigns there are, and on a development machine the way to everything else."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Case, IntegerField, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from campaigns.models import Campaign
from campaigns.published import IS_PUBLIC

MOST_CAMPAIGNS = 30
Status = Campaign.Status


@dataclass(frozen=True)
class Row:
    """One campaign as the page lists it; ``host_link`` is empty where its own host is the only address."""

    campaign: Campaign
    state: str
    link: str
    host_link: str


@require_safe
def start_page(request: HttpRequest) -> HttpResponse:
    """Lists the campaigns that fans may see, the open ones first."""
    order = Case(
        When(status=Status.OPEN, then=Value(0)),
        When(status=Status.NOT_STARTED, then=Value(1)),
        When(status=Status.CLOSED, then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    found = Campaign.objects.filter(IS_PUBLIC).select_related("artist").order_by(order, "-pk")[:MOST_CAMPAIGNS]
    context = {"rows": [_row(campaign) for campaign in found], "is_development": settings.DEVELOPMENT}
    return render(request, "start/start.html", context)


def _row(campaign: Campaign) -> Row:
    states = {
        Status.NOT_STARTED: _("opens later"),
        Status.OPEN: _("open"),
        Status.CLOSED: _("closed"),
        Status.FINISHED: _("finished"),
    }
    return Row(
        campaign=campaign,
        state=states[Status(campaign.status)],
        link=campaign.site_url,
        host_link="" if settings.FAN_DOMAIN else _own_host(campaign),
    )


def _own_host(campaign: Campaign) -> str:
    """Its address below ``localhost``, which browsers resolve by themselves."""
    url = urlsplit(settings.PUBLIC_URL)
    port = f":{url.port}" if url.port else ""
    return f"{url.scheme}://{campaign.domain}.localhost{port}/" if url.hostname == "localhost" else ""
