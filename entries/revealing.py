"""Seeing who a fan is: one entry, one look, for a reason that stays in the history."""

from datetime import datetime

from django.db import models

from core import audit
from core.refusal import Refusal
from entries.models import Entry
from viewers.permissions import Action, require
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
    require(actor, Action.SEE_PERSONAL_DATA, entry.campaign_id)
    if reason not in Reason.values:
        raise CannotReveal("Say why you look: choose one of the reasons.", field="reason")
    audit.record(
        actor=actor,
        action="entry.reveal",
        target=entry,
        campaign_id=entry.campaign_id,
        reason=Reason(reason).label,
        now=now,
    )
    return entry
