"""Seeing a whole code: one code, one look, for a reason that stays in the history."""

from datetime import datetime

from django.db import models

from codes.models import Code
from core import audit
from core.refusal import Refusal
from viewers.permissions import Action, require
from viewers.viewer import Viewer


class Reason(models.TextChoices):
    """Why somebody looks."""

    HELP = "help", "A fan asked for help"
    PLATFORM = "platform", "The ticketing platform asked"
    FAULT = "fault", "It seems to be faulty"


class CannotRevealCode(Refusal):
    """It stays masked: no reason is given."""

    code = "cannot_reveal_code"


def reveal_code(*, code: Code, reason: str, actor: Viewer, now: datetime) -> str:
    """Give a code that the actor may read this once. The history has the reason, and not the code.

    :raises NotAllowed: she may not.
    :raises CannotRevealCode: the reason is none of ``Reason``.
    """
    require(actor, Action.MANAGE_CODES, code.campaign_id)
    if reason not in Reason.values:
        raise CannotRevealCode("Say why you look: choose one of the reasons.", field="reason")
    audit.record(
        actor=actor,
        action="code.reveal",
        target=code,
        campaign_id=code.campaign_id,
        reason=Reason(reason).label,
        now=now,
    )
    return code.value
