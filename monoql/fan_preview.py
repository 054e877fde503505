"""A fan page as it will look, for whoever has the link: in one locale and one state, with a made-up fan.

The link is signed and works for a week, without a session and before the campaign is released. It shows no entry, no
code and no link to tickets: everything of a fan's is made up here. Every link of the page leads back to it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from campaigns.admin_pages import preview_links
from campaigns.models import Campaign, Locale, Market, Venue
from campaigns.published import Published, published_by_id
from entries.models import Entry
from monoql import fan_forms
from monoql.fan_own_entry import entry_context
from monoql.fan_pages import landing_context
from monoql.fan_visit import Visit, keep_for_nobody
from waves.explanation import Outcome
from waves.models import Wave

DAYS = 7
_SALT = "monoql.fan_preview"
Status = Campaign.Status
LANDING = {
    "not_started": Status.NOT_STARTED,
    "open": Status.OPEN,
    "closed": Status.CLOSED,
    "finished": Status.FINISHED,
}
STATES = ("not_started", "open", "registered", "closed", "selected", "not_selected", "finished")
ERRORS = {"not_found": "404.html", "error": "500.html"}
"""Pages for what goes wrong; they know no campaign."""


@dataclass(frozen=True)
class Asked:
    """What a link names."""

    campaign_id: int
    locale: str
    state: str


@preview_links.make_with
def link_to(campaign: Campaign, locale: str, state: str) -> str:
    """A link to the page of a state in a locale, good for ``DAYS`` days from now."""
    return reverse("preview", args=[signing.dumps([campaign.pk, locale, state], salt=_SALT)])


def read_token(token: str) -> Asked | None:
    """What a link's token names; nothing where it is too old or not ours."""
    try:
        campaign_id, locale, state = signing.loads(token, salt=_SALT, max_age=timedelta(days=DAYS))
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return Asked(int(campaign_id), str(locale), str(state)) if state in (*STATES, *ERRORS) else None


@require_safe
def preview(request: HttpRequest, token: str) -> HttpResponse:
    """Show the page that the link names."""
    asked = read_token(token)
    try:
        found = published_by_id(asked.campaign_id) if asked is not None else None
    except Campaign.DoesNotExist:
        found = None
    if asked is None or found is None:
        return keep_for_nobody(render(request, "fan/preview_gone.html", status=404))
    visit = Visit(
        published=found,
        locale=_locale_of(found, asked.locale),
        base=f"{request.path}?at=",
        now=timezone.now(),
        is_language_chosen=True,
    )
    with visit.spoken():
        response = _page(request, visit, asked.state)
    response.headers["Content-Language"] = visit.locale.tag
    return keep_for_nobody(response)


def _page(request: HttpRequest, visit: Visit, state: str) -> HttpResponse:
    banner = {"preview": _("Preview: this is how the page will look. Nothing can be sent from here.")}
    if state in ERRORS:
        return render(request, ERRORS[state], {"locale": visit.locale, **banner})
    if state in LANDING:
        form = fan_forms.empty_form(visit.published)
        return visit.page(request, "fan/landing.html", {**landing_context(visit, LANDING[state], form), **banner})
    stage = Status.OPEN if state == "registered" else Status.CLOSED
    drawn = [] if state == "registered" else [_outcome(visit, is_selected=state == "selected")]
    context = entry_context(visit, _fan(visit), drawn, stage)
    return visit.page(request, "fan/my_entry.html", {**context, **banner})


def _locale_of(found: Published, code: str) -> Locale:
    """The locale that the link names, also one that fans are not offered yet."""
    for locale in found.locales:
        if locale.code == code:
            return locale
    return Locale.objects.filter(pk=code).first() or found.default_locale


def _fan(visit: Visit) -> Entry:
    """A fan who does not exist."""
    return Entry(
        campaign=visit.campaign,
        locale=visit.locale,
        email="alex@example.com",
        name="Alex",
        phone="+12135550123" if visit.campaign.requires_phone_confirmation else "",
        choices=[market.number for market in visit.published.markets[:3]],
        email_confirmed_at=visit.now,
        phone_confirmed_at=visit.now,
    )


def _outcome(visit: Visit, *, is_selected: bool) -> Outcome:
    """What a draw might have decided for her."""
    wave = Wave(campaign=visit.campaign, date_key="2030-01-01T12:00", triggered_at=visit.now)
    if not is_selected:
        full = list(visit.published.markets[:3])
        return Outcome(wave=wave, is_selected=False, reason="markets_full", full_markets=full)
    market = visit.published.markets[0] if visit.published.markets else _market(visit.campaign)
    return Outcome(wave=wave, is_selected=True, market=market, choice=1, **_place(visit, market))


def _place(visit: Visit, market: Market) -> dict[str, Any]:
    events = list(market.events.all()) if market.pk else []
    start: datetime | None = visit.campaign.presale_window_start_at
    return {
        "event": events[0] if events else None,
        "code": "SAMPLE-2468" if visit.campaign.show_access_code else "",
        "link": "https://tickets.example/",
        "presale_start_at": start,
        "presale_end_at": visit.campaign.presale_window_end_at,
    }


def _market(campaign: Campaign) -> Market:
    """A place, where the campaign has none yet."""
    venue = Venue(name="Sample Hall", city="Sample City", timezone=campaign.reference_timezone)
    return Market(campaign=campaign, code="SAMPLE", venue=venue)
