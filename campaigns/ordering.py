"""The order of a campaign's questions and gates: put anew as a whole, in one step with one line in the history."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns.lifecycle import FINISHED
from campaigns.models import Campaign, Field, Gate
from core import audit
from core.refusal import Refusal
from viewers.permissions import Action, require
from viewers.viewer import Viewer

Ordered = type[Field] | type[Gate]


class CannotOrder(Refusal):
    """The rows keep their order."""

    code = "cannot_order"


def put_in_order(*, model: Ordered, campaign: Campaign, wanted: Sequence[int], actor: Viewer, now: datetime) -> bool:
    """Bring rows into the wanted order of their ids, and tell whether anything moved.

    Rows that are not named keep their places, so a part of a list can be ordered alone.

    :raises CannotOrder: a row is not the campaign's, is named twice, or the campaign is finished.
    """
    require(actor, Action.EDIT_SETUP, campaign.pk)
    with transaction.atomic():
        # The campaign's row is the lock, so that two people who order at once do so one after the other.
        campaign = Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=campaign.pk)
        if campaign.status == Campaign.Status.FINISHED:
            raise CannotOrder(FINISHED)
        rows: list[Any] = list(model._default_manager.filter(campaign=campaign).order_by("number", "pk"))
        by_id = {row.pk: row for row in rows}
        if len(set(wanted)) != len(wanted) or not set(wanted) <= set(by_id):
            raise CannotOrder("Somebody has added or removed one meanwhile. Look at the list again.")
        following = iter(wanted)
        new = [by_id[next(following)] if row.pk in wanted else row for row in rows]
        if new == rows:
            return False
        names = [" › ".join(_name(row) for row in order) for order in (rows, new)]
        numbers = [row.number for row in rows]
        for row, number in zip(new, numbers, strict=True):
            row.number = number
        model._default_manager.bulk_update(new, ["number"])
        audit.record(
            actor=actor,
            action=f"{model._meta.model_name}.order",
            target=campaign,
            campaign_id=campaign.pk,
            changes={"order": names},
            now=now,
        )
    return True


def _name(row: Field | Gate) -> str:
    return row.key if isinstance(row, Field) else str(row)
