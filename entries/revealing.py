"""Seeing who a fan is: one entry, one look, for a reason that stays in the history."""

from datetime import datetime

from django.db import models

from core.refusal import Refusal
from entries.models import Entry
from viewers.permissions import Action
from viewers.revealing import record_look
from viewers.viewer import Viewer


class Reason(models.TextChoices):
    """Why somebody looks."""

    HELP = "help", "The fan asked for help"
    ABUSE = "abuse", "Abuse is suspected"
    LAW = "law", "The law asks for it"


class CannotReveal(Refusal):
    """It stays masked: no reason is given."""

    code = "cannot_reveal"


def reveal(*, entry: Entry, reason: str, actor: Viewer, now: datetime) -> Entry:
    """Give an entry whose personal data the actor may look at this once.

    :raises NotAllowed: she may not.
    :raises CannotReveal: the reason is none of ``Reason``.
    """
    record_look(
        target=entry,
        campaign_id=entry.campaign_id,
        right=Action.SEE_PERSONAL_DATA,
        action="entry.reveal",
        reason=reason,
        reasons=Reason,
        refusal=CannotReveal,
        actor=actor,
        now=now,
    )
    return entry
