"""Where an entry stands before any draw: the reasons that keep it out, in the order of the snapshot's (spec: the draw,
step 3)."""

from enum import StrEnum

from entries.models import Entry


class Standing(StrEnum):
    """That an entry counts, or the first reason that keeps it out."""

    COUNTS = "counts"
    WITHDRAWN = "withdrawn"
    BLOCKED = "blocked"
    UNCONFIRMED = "unconfirmed"
    GATE_FAILED = "gate failed"
    GATE_PENDING = "gate pending"
    """Until the first freeze; there it counts as failed."""


def standing_of(entry: Entry) -> Standing:
    """Tell where an entry stands. Its campaign should be loaded."""
    if entry.withdrawn_at is not None:
        return Standing.WITHDRAWN
    if entry.blocked_at is not None:
        return Standing.BLOCKED
    if entry.email_confirmed_at is None or needs_phone(entry):
        return Standing.UNCONFIRMED
    if entry.gates_failed:
        return Standing.GATE_FAILED
    return Standing.GATE_PENDING if entry.gates_pending else Standing.COUNTS


def needs_phone(entry: Entry) -> bool:
    """Whether the fan must still confirm her phone."""
    return entry.campaign.requires_phone_confirmation and entry.phone_confirmed_at is None
