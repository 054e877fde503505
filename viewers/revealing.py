"""Seeing what is masked: one row, one look, for a reason that stays in the history."""

from datetime import datetime

from django.db import models

from core import audit
from core.refusal import Refusal
from viewers.permissions import Action, require
from viewers.viewer import Viewer


def record_look(
    *,
    target: models.Model,
    campaign_id: int,
    right: Action,
    action: str,
    reason: str,
    reasons: type[models.TextChoices],
    refusal: type[Refusal],
    actor: Viewer,
    now: datetime,
) -> None:
    """Let an actor look once. The history has who, when and why, and nothing of what was seen.

    :raises NotAllowed: she has not the right.
    :raises Refusal: ``refusal``, where the reason is none of ``reasons``.
    """
    require(actor, right, campaign_id)
    if reason not in reasons.values:
        raise refusal("Say why you look: choose one of the reasons.", field="reason")
    audit.record(
        actor=actor,
        action=action,
        target=target,
        campaign_id=campaign_id,
        reason=reasons(reason).label,
        now=now,
    )
