"""What a campaign's set-up was when somebody looked at it: one hash over all of it."""

import hashlib

from django.core import serializers

from campaigns.models import Campaign, Event

STATE = ("status", "is_released", "needs_second_person", "created_at")
"""Columns that say where a campaign stands, not what it is."""


def fingerprint(campaign: Campaign) -> str:
    """The SHA-256, in hex, of the campaign's own columns, markets, events, fields and texts."""
    own = [field.name for field in Campaign._meta.get_fields() if field.concrete and field.name not in STATE]
    found = hashlib.sha256(serializers.serialize("json", Campaign.objects.filter(pk=campaign.pk), fields=own).encode())
    for rows in (
        campaign.markets.order_by("pk"),
        Event.objects.filter(market__campaign=campaign).order_by("pk"),
        campaign.fields.order_by("pk"),
        campaign.gates.order_by("pk"),
        campaign.contents.order_by("pk"),
    ):
        found.update(serializers.serialize("json", rows).encode())
    return found.hexdigest()
