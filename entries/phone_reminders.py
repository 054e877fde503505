"""The mail that reminds a fan to confirm her phone before it is too late.

It is due ``PHONE_REMINDER_HOURS`` before the close; for whoever proved her address later than twice that, after half of
the time that she then had. Entries that are due are found by a partial index that holds only those who have neither
confirmed nor been reminded, so a tick that finds nothing costs one look into it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from campaigns.models import Campaign
from campaigns.published import Published
from core.tick import every_tick
from entries.messages import Letter, compose_with, link_of
from entries.models import Message

BATCH = 1000
MOST_BATCHES = 10
"""A tick; a million fans are reminded within two minutes, and mailed after that."""

_REMIND = """
    WITH due AS (
        SELECT id FROM entries_entry
        WHERE campaign_id = %(campaign)s AND email_confirmed_at <= %(proved_before)s
          AND phone_confirmed_at IS NULL AND phone_reminded_at IS NULL AND NOT (phone = '')
          AND withdrawn_at IS NULL AND blocked_at IS NULL AND email_confirmed_at IS NOT NULL
        ORDER BY email_confirmed_at LIMIT %(batch)s FOR NO KEY UPDATE SKIP LOCKED
    ), reminded AS (
        UPDATE entries_entry SET phone_reminded_at = %(now)s FROM due WHERE entries_entry.id = due.id
        RETURNING entries_entry.id
    )
    INSERT INTO entries_message (entry_id, kind, status, attempts, error, created_at)
    SELECT id, 'reminder', 'queued', 0, '', %(now)s FROM reminded
    ON CONFLICT (entry_id) WHERE kind = 'reminder' DO NOTHING
"""


@every_tick
def remind_due(now: datetime) -> int:
    """Queue the reminders that are due, in batches, and return how many."""
    closing = Campaign.objects.filter(
        status=Campaign.Status.OPEN,
        requires_phone_confirmation=True,
        close_at__gt=now,
        close_at__lte=now + timedelta(hours=settings.PHONE_REMINDER_HOURS),
    )
    count = 0
    for campaign_id, close_at in closing.order_by("close_at", "pk").values_list("pk", "close_at"):
        for _batch in range(MOST_BATCHES):
            reminded = _remind(campaign_id, close_at, now)
            count += reminded
            if reminded < BATCH:
                break
    return count


def _remind(campaign_id: int, close_at: datetime | None, now: datetime) -> int:
    """One batch of a campaign. Due is whose time between proof and close is half over."""
    if close_at is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            _REMIND,
            {"campaign": campaign_id, "proved_before": now - (close_at - now), "batch": BATCH, "now": now},
        )
        return int(cursor.rowcount)


@compose_with(Message.Kind.REMINDER)
def compose_reminders(messages: Sequence[Message], published: Published) -> Mapping[int, Letter]:
    """The mail that leads to the entry's page, where the code is asked for."""
    letters = {}
    for message in messages:
        link = link_of(message.entry, published)
        letters[message.pk] = Letter(context={"link": link}, values={"link": link, "name": message.entry.name})
    return letters
