"""A new campaign made from another: everything that operators set up, and nothing that fans, codes or waves left."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction

from campaigns.models import Campaign, Event
from core import audit
from core.refusal import Invalid, NotAllowed
from viewers.granting import grant_to_maker
from viewers.permissions import Action, may, require
from viewers.viewer import Viewer

LEFT_OUT = frozenset({"id", "public_id", "status", "is_released", "created_at", "name", "domain"})
"""Columns of a campaign that a clone has of its own."""


def clone_campaign(*, campaign: Campaign, name: str, domain: str, actor: Viewer, now: datetime) -> Campaign:
    """Make a campaign with the same set-up under another name and domain; it has not started and is not released.

    :raises NotAllowed: the actor may not make campaigns, or not view this one.
    :raises Invalid: name or domain will not do, with the reason beside each.
    """
    require(actor, Action.EDIT_CATALOGUE, None)
    if not may(actor, Action.VIEW, campaign.pk):
        raise NotAllowed("You may not see this campaign.")
    clone = Campaign(name=name, domain=domain, **_own_values(campaign))
    try:
        clone.full_clean()
    except ValidationError as bad:
        raise Invalid({field: list(texts) for field, texts in bad.message_dict.items()}) from bad
    with transaction.atomic():
        clone.save(force_insert=True)
        clone.locales.set(campaign.locales.all())
        clone.trackers.set(campaign.trackers.all())
        _copy_markets(campaign, clone)
        _copy_fields(campaign, clone)
        for rows in (campaign.contents, campaign.images, campaign.faqs, campaign.gates):
            _copy(rows.order_by("pk"), campaign=clone)
        audit.record(
            actor=actor,
            action="campaign.clone",
            target=clone,
            campaign_id=clone.pk,
            changes={"from": [None, campaign.pk], "name": [None, name], "domain": [None, domain]},
            now=now,
        )
        grant_to_maker(campaign_id=clone.pk, actor=actor, now=now)
    return clone


def _own_values(campaign: Campaign) -> dict[str, Any]:
    columns = [field.attname for field in Campaign._meta.concrete_fields if field.name not in LEFT_OUT]
    return {column: getattr(campaign, column) for column in columns}


def _copy_markets(campaign: Campaign, clone: Campaign) -> None:
    """Markets keep their numbers, and each its events."""
    markets = _copy(campaign.markets.order_by("number"), campaign=clone)
    events = Event.objects.filter(market__campaign=campaign).order_by("pk")
    Event.objects.bulk_create(
        _twin(event, campaign_id=clone.pk, market_id=markets[event.market_id].pk) for event in events
    )


def _copy_fields(campaign: Campaign, clone: Campaign) -> None:
    """Questions, and then the conditions between them."""
    originals = list(campaign.fields.order_by("number", "pk"))
    conditions = {field.pk: (field.shown_if_id, field.shown_if_value) for field in originals}
    fields = _copy(originals, campaign=clone, shown_if_id=None, shown_if_value="")
    for pk, (shown_if_id, value) in conditions.items():
        if shown_if_id is not None:
            fields[pk].shown_if, fields[pk].shown_if_value = fields[shown_if_id], value
            fields[pk].save(update_fields=["shown_if", "shown_if_value"])


def _copy[M: models.Model](rows: Iterable[M], **values: Any) -> Mapping[int, M]:
    """Store a copy of each row with some other values; gives the copies by their originals' keys."""
    originals = list(rows)
    if not originals:
        return {}
    twins = type(originals[0])._default_manager.bulk_create(_twin(row, **values) for row in originals)
    return {row.pk: twin for row, twin in zip(originals, twins, strict=True)}


def _twin[M: models.Model](row: M, **values: Any) -> M:
    columns = {
        field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if not field.primary_key
    }
    for name, value in values.items():
        columns[row._meta.get_field(name.removesuffix("_id")).attname] = getattr(value, "pk", value)  # type: ignore[union-attr]  # Columns have one.
    return type(row)(**columns)
