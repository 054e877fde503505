"""Template tags of the admin: where a campaign stands, and how times and outcomes are written."""

from datetime import datetime
from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from campaigns.admin_pages.words import changes_text, clock_of, state_badge
from campaigns.models import Campaign
from core import admin_times
from core.admin_words import badge as make_badge
from core.admin_words import progress_bar
from core.masking import masked_end
from core.models import AuditEvent, Job
from entries.models import Entry
from monoql.admin_workspace import overviews, page_of, readiness_of, ready_step, sections_of, sizes_of
from viewers.permissions import Action, may
from viewers.viewer import Viewer, viewer_of_request
from waves.admin_pages.explaining import Explained, explained
from waves.admin_pages.words import lot_number
from waves.by_hand import codes_of
from waves.explanation import explain

register = template.Library()


@register.inclusion_tag("admin/includes/workspace_strip.html", takes_context=True)
def workspace(
    context: template.Context, campaign: Campaign, section: str = "", with_readiness: bool = False
) -> dict[str, Any]:
    """A campaign's head: state, next moment in its zone, next step, and the sections that the viewer may see."""
    now, viewer = timezone.now(), viewer_of_request(context["request"])
    sizes = sizes_of(campaign)
    found = overviews([campaign], now, stocked={campaign.pk} if sizes["code_rows"] else ())[campaign.pk]
    verb, instant = clock_of(campaign)
    is_draft = campaign.status == Campaign.Status.NOT_STARTED
    shows_readiness = is_draft or (with_readiness and campaign.status != Campaign.Status.FINISHED)
    lines = readiness_of(campaign, now) if shows_readiness else []
    step = found.next_step
    if is_draft and not campaign.is_released and not any(line.is_red for line in lines):
        step = ready_step(campaign)
    return {
        "campaign": campaign,
        "state": state_badge(campaign),
        "verb": verb,
        "instant": instant,
        "exact": admin_times.zoned(instant, campaign.zone) if instant is not None else "",
        "off": admin_times.until(instant, now) if instant is not None else "",
        "next_step": step,
        "page": page_of(campaign),
        "sections": [
            one for one in sections_of(campaign, sizes, found.entries) if may(viewer, Action(one.right), campaign.pk)
        ],
        "section": section,
        "with_readiness": shows_readiness,
        "readiness": lines,
        "steps": _steps(campaign, viewer) if with_readiness else [],
    }


def _steps(campaign: Campaign, viewer: Viewer) -> list[tuple[str, str, str]]:
    """What the viewer may do with it now: address, words, and how grave."""
    named = {
        Campaign.Status.NOT_STARTED: [("open_page", "Open…", "main")],
        Campaign.Status.OPEN: [("close_page", "Close…", "grave")],
        Campaign.Status.CLOSED: [("open_page", "Open again…", "plain"), ("finish_page", "Finish…", "grave")],
        Campaign.Status.FINISHED: [],
    }[Campaign.Status(campaign.status)]
    if campaign.needs_second_person:
        if campaign.status == Campaign.Status.NOT_STARTED and not campaign.is_released:
            named.append(("release_page", "Release…", "plain"))
        named.append(("end_four_eyes_page", "End four eyes…", "plain"))
    if campaign.status != Campaign.Status.FINISHED:
        named.append(("password_page", "Password…", "plain"))
    if not may(viewer, Action.EDIT_SETUP, campaign.pk):
        named = []
    if may(viewer, Action.EDIT_CATALOGUE, None):
        named.append(("clone_page", "Clone…", "plain"))
    return [
        (reverse(f"admin:campaigns_campaign_{name}", args=[campaign.pk]), words, kind) for name, words, kind in named
    ]


PLACES = {
    "pool": "Codes",
    "upload": "Uploads",
    "code": "Single codes",
    "hold": "Holds",
    "assignment": "Entries",
    "field": "Form",
    "content": "Content",
    "auditevent": "History",
    "grant": "Access",
    "approval": "Four eyes",
}
"""Lists whose place in a campaign has another name than their rows."""


@register.simple_tag(takes_context=True)
def crumbs(context: template.RequestContext) -> list[tuple[str, str]]:
    """The way from the campaigns to this page: words and links; the last is the page itself."""
    way: list[tuple[str, str]] = []
    campaign, opts = context.get("campaign"), context.get("opts")
    original, title = context.get("original") or context.get("object"), str(context.get("title") or "")
    if isinstance(campaign, Campaign):
        way.append(("Campaigns", reverse("admin:campaigns_campaign_changelist")))
        way.append((campaign.name, page_of(campaign)))
    if opts is not None and opts.model_name != "campaign":
        link = _reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
        field = "campaign_id" if opts.model_name == "auditevent" else "campaign"
        query = f"?{field}={campaign.pk}" if isinstance(campaign, Campaign) and link else ""
        way.append((PLACES.get(opts.model_name, str(opts.verbose_name_plural).capitalize()), link + query))
    elif opts is not None and campaign is None:
        way.append(("Campaigns", reverse("admin:campaigns_campaign_changelist")))
    if context.get("cl") is None and not isinstance(original, Campaign):
        name = str(original) if original is not None and not isinstance(original, str) else title
        if not way or way[-1][0] != name:
            way.append((name, ""))
    return way or [(title, "")]


def _reverse(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


@register.simple_tag
def zoned(instant: datetime | None, campaign: Campaign) -> str:
    """An instant on the campaign's clock, with the zone's name and UTC."""
    return admin_times.zoned(instant, campaign.zone) if instant is not None else "–"


@register.filter
def progress(job: Job) -> SafeString:
    """A job's state and progress."""
    return progress_bar(job)


@register.simple_tag
def badge(text: str, kind: str = "plain") -> SafeString:
    """A word in a coloured box."""
    return make_badge(text, kind)


@register.filter
def changes(event: AuditEvent) -> SafeString:
    """An audit event's changes, a line each."""
    return changes_text(event)


@register.filter
def grouped(number: int | None) -> str:
    """A number with its thousands apart."""
    return f"{number:,}" if number is not None else "–"


@register.filter
def lot(ticket: str) -> str:
    """A ticket as a number from 0 to 1."""
    return lot_number(ticket)


@register.simple_tag
def entry_outcomes(entry: Entry) -> list[Explained]:
    """What each triggered wave made of an entry, and why, for support."""
    return [explained(why) for why in explain(entry)]


@register.simple_tag(takes_context=True)
def entry_codes(context: template.Context, entry: Entry) -> dict[str, Any]:
    """A fan's codes, and whether the viewer may do something about them."""
    may_manage = may(viewer_of_request(context["request"]), Action.MANAGE_CODES, entry.campaign_id)
    return {
        # Who has a place is told to nobody else before the trigger.
        "rows": [one for one in codes_of(entry) if one.is_hers or one.assignment.voided or may_manage],
        "may_manage": may_manage and entry.campaign.status != Campaign.Status.FINISHED,
    }


@register.filter
def masked(code: str) -> str:
    """A code as its last two characters."""
    return masked_end(code)
