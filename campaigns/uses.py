"""Where a row of the catalogue is used. What is used is never deleted."""

from typing import Any

from django.db import models
from django.db.models import OuterRef, Q, QuerySet, Subquery

from campaigns.models import Artist, Campaign, Locale, Member, Promoter, Tracker, Venue
from viewers.permissions import visible
from viewers.viewer import Viewer

WAYS: dict[type[models.Model], tuple[str, ...]] = {
    Artist: ("artist",),
    Venue: ("markets__venue",),
    Promoter: ("promoter",),
    Tracker: ("trackers",),
    Locale: ("locales", "default_locale"),
}
"""The ways from a campaign to a row of the catalogue."""


class CountOf(Subquery):
    """How many rows a subquery has."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS _rows)"
    output_field = models.IntegerField()


def campaigns_with(model: type[models.Model], row: Any) -> "QuerySet[Campaign]":
    """The campaigns that use a row of a model, given by its key, once each."""
    condition = Q()
    for way in WAYS[model]:
        condition |= Q(**{way: row})
    return Campaign.objects.filter(condition).order_by().distinct()


def with_uses[M: models.Model](rows: "QuerySet[M]", viewer: Viewer) -> "QuerySet[M]":
    """Add ``uses`` to each row: how many of the campaigns that a viewer may view use it."""
    seen = visible(viewer, campaigns_with(rows.model, OuterRef("pk")), field="pk")
    return rows.annotate(uses=CountOf(seen.values("pk")))  # type: ignore[return-value]  # The stubs lose the model.


def other_uses(row: models.Model) -> list[str]:
    """What else keeps a row, in words: a locale its texts and entries, an artist her fan club's members."""
    found = []
    for relation in row._meta.get_fields(include_hidden=True):  # Many a relation has no name on this side.
        model = relation.related_model
        if not isinstance(relation, models.ManyToOneRel) or model is None or model is Campaign:
            continue
        if relation.on_delete not in (models.PROTECT, models.RESTRICT) and model is not Member:
            continue
        if model._default_manager.filter(**{relation.field.name: row.pk}).exists():
            found.append(str(model._meta.verbose_name_plural))
    return sorted(set(found))
