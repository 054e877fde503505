"""The audit trail: who did what, when, in the same transaction as the deed."""

from datetime import datetime
from typing import Any, Protocol

import structlog
from django.db import models

from core.models import AuditEvent


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
    """Write one audit event. ``changes`` maps a field to ``[old, new]`` and names no person and no code."""
    return AuditEvent.objects.create(
        at=now,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=actor.label,
        action=action,
        campaign_id=campaign_id,
        target_type=target._meta.label_lower,
        target_id=str(target.pk),
        changes=changes or {},
        reason=reason,
        request_id=str(structlog.contextvars.get_contextvars().get("request_id", "")),
    )
