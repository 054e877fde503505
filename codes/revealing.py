"""Seeing a whole code: one code, one look, for a reason that stays in the history."""

from datetime import datetime

from django.db import models

from codes.models import Code
from core.refusal import Refusal
from viewers.permissions import Action
from viewers.revealing import record_look
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
    record_look(
        target=code,
        campaign_id=code.campaign_id,
        right=Action.MANAGE_CODES,
        action="code.reveal",
        reason=reason,
        reasons=Reason,
        refusal=CannotRevealCode,
        actor=actor,
        now=now,
    )
    return code.value
