"""The audit trail: who did what, when, in the same transaction as the deed."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

import structlog
from django.db import models

from core.models import AuditEvent

CHANGED = "changed"
"""What stands in place of a personal value's old and new."""
MOST_LETTERS_KEPT = 10_000
"""Letters of a changed text that the trail keeps: all of any page or mail that somebody has written by hand."""


class Actor(Protocol):
    """Whoever can be held to account: staff, a fan, the clock, a worker or a machine."""

    @property
    def kind(self) -> str:
        """``staff``, ``fan``, ``clock``, ``worker`` or ``machine``."""

    @property
    def id(self) -> str:
        """Her key in her own table, or empty."""

    @property
    def label(self) -> str:
        """A name for staff to read; never a fan's."""

    @property
    def on_behalf_of(self) -> str:
        """For whom a machine acts, as in ``staff 12 sue``; else empty."""


@dataclass(frozen=True)
class SystemActor:
    """Who acts where this room itself does something, since it knows no viewers."""

    kind: str
    label: str
    id: str = ""
    on_behalf_of: str = ""


WORKER = SystemActor(kind="worker", label="a worker")


def record(
    *,
    actor: Actor,
    action: str,
    target: models.Model,
    now: datetime,
    campaign_id: int | None = None,
    changes: dict[str, Any] | None = None,
    reason: str = "",
) -> AuditEvent:
    """Write one audit event. It is sealed by the next tick after its transaction's commit.

    ``changes`` maps a field to ``[old, new]``, or to ``CHANGED`` where it holds personal data or a secret; it names no
    person and no code.
    """
    return AuditEvent.objects.create(
        at=now,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=actor.label,
        on_behalf_of=actor.on_behalf_of,
        action=action,
        campaign_id=campaign_id,
        target_type=target._meta.label_lower,
        target_id=str(target.pk),
        changes=changes or {},
        reason=reason,
        request_id=str(structlog.contextvars.get_contextvars().get("request_id", "")),
    )


def recorded(value: Any) -> Any:
    """A field's value as the trail keeps it."""
    if isinstance(value, models.Model):
        return value.pk
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, models.QuerySet | list | tuple | set):
        return sorted(str(recorded(item)) for item in value)
    if isinstance(value, str) and len(value) > MOST_LETTERS_KEPT:
        return value[:MOST_LETTERS_KEPT] + "…"
    return value if value is None or isinstance(value, bool | int | float | str | dict) else str(value)
