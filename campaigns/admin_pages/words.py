"""A campaign's state and history in the operator's words."""

from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns.models import Campaign
from core.admin_history import Entry
from core.admin_words import badge
from core.models import AuditEvent

Status = Campaign.Status
STATE_KINDS = {Status.NOT_STARTED: "plain", Status.OPEN: "good", Status.CLOSED: "warn", Status.FINISHED: "plain"}


def state_badge(campaign: Campaign) -> SafeString:
    """A campaign's state as a coloured word."""
    return badge(campaign.get_status_display(), STATE_KINDS[Status(campaign.status)])


def clock_of(campaign: Campaign) -> tuple[str, datetime | None]:
    """The next moment of a campaign's life that the clock brings: the verb, and when, if that is known."""
    return {
        Status.NOT_STARTED: ("opens", campaign.open_at),
        Status.OPEN: ("closes", campaign.close_at),
        Status.CLOSED: ("finishes", campaign.finish_at),
        Status.FINISHED: ("finished", campaign.finish_at),
    }[Status(campaign.status)]


def changes_text(event: AuditEvent) -> SafeString:
    """An event's changes, a line each."""
    lines = []
    for change in Entry(event).changes:
        shown = _short(change.new) if not change.old else f"{_short(change.old)} → {_short(change.new)}"
        lines.append(f"{change.field}: {shown}")
    if event.reason:
        lines.append(f"“{event.reason}”")
    return format_html('<span class="mq-changes">{}</span>', "\n".join(lines))


def _short(text: str) -> str:
    """A text on one line; a long one is cut."""
    return text if len(text) <= 120 else text[:120] + "…"
