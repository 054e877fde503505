"""Campaigns with their options as rows of a file."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from campaigns import set_up_rules
from campaigns.lifecycle import FINISHED
from campaigns.models import Artist, Campaign, Locale, Promoter, Tracker
from campaigns.transfer.cells import Choice, ManyColumn, Moment, WholeNumber, by_id, by_name, zone_of_campaign
from campaigns.transfer.resources import Column, Number, TableResource, YesOrNo
from viewers.granting import grant_to_maker
from viewers.permissions import Action, may, visible
from viewers.viewer import Viewer

TIMES = (
    "open_at",
    "close_at",
    "finish_at",
    "presale_window_start_at",
    "presale_window_end_at",
    "general_onsale_at",
)
SWITCHES = (
    "requires_phone_confirmation",
    "allows_international_phones",
    "show_access_code",
    "is_lnaa",
    "needs_second_person",
    "publishes_bundle",
)
LEFT_OUT: Mapping[str, str] = {
    "public_id": "It is given once, at random.",
    "status": "It moves by steps, each with its own checks.",
    "is_released": "Releasing is a step that looks at the readiness list.",
    "password_hash": "A secret never stands in a file.",
    "created_at": "It is when the row was made here.",
}
"""Columns that no file carries, and why."""


class CampaignResource(TableResource):
    """Campaigns. Whoever may make campaigns adds them; she changes those whose set-up she may edit."""

    model = Campaign
    rules = set_up_rules.CAMPAIGN

    def columns(self) -> Iterable[Column]:
        """A campaign's columns."""
        yield Column("id", Number(), readonly=True)
        yield from (Column("name"), Column("type", Choice(Campaign.Type)), Column("domain"))
        yield Column("artist", by_id(Artist.objects.all(), "artist"))
        yield Column("artist_name", attribute="artist__name", readonly=True)
        yield Column("promoter", by_id(Promoter.objects.all(), "promoter"))
        yield Column("promoter_name", attribute="promoter__name", readonly=True)
        yield Column("reference_timezone")
        yield from (Column(name, Moment(zone_of_campaign)) for name in TIMES)
        yield Column("default_locale", by_name(Locale.objects.all(), "code", "locale"))
        yield ManyColumn("locales", Locale.objects.all(), "locale")
        yield Column("identifier_type", Choice(Campaign.IdentifierType))
        yield Column("minimum_age", WholeNumber(most=32767))
        yield Column("waiting_room_minutes", WholeNumber(most=32767))
        yield from map(Column, ("queue_id", "category_id", "accent_color", "allowed_origins"))
        yield from (Column(name, YesOrNo()) for name in SWITCHES)
        yield ManyColumn("trackers", Tracker.objects.all(), "tracker with the id")

    def known(self) -> "models.QuerySet[Any]":
        """Those that the viewer may view."""
        rows = Campaign.objects.select_related("artist", "promoter", "default_locale")
        return visible(self.scope.viewer, rows, field="pk") if self.scope.viewer is not None else rows.none()

    def after_init_instance(self, instance: Any, new: bool, row: Mapping[str, str], **_rest: Any) -> None:
        """Read locales and trackers before the library copies the row."""
        for column in self._many():
            column.wanted(instance)

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        """Check who changes what beside the campaign's own rules."""
        viewer = self.scope.viewer
        if not instance._state.adding and (viewer is None or not may(viewer, Action.EDIT_SETUP, instance.pk)):
            raise ValidationError({"id": "You may not change this campaign's set-up."})
        if instance.status == Campaign.Status.FINISHED:
            raise ValidationError({"id": FINISHED})
        super().validate_instance(instance, import_validation_errors, validate_unique)

    def after_save_instance(self, instance: Any, row: Any, **_rest: Any) -> None:
        """Store locales and trackers."""
        for column in self._many():
            column.store(instance)

    def _many(self) -> list[ManyColumn]:
        return [column for column in self.fields.values() if isinstance(column, ManyColumn)]

    def campaign_id_of(self, row: models.Model) -> int | None:
        """Itself."""
        return row.pk if isinstance(row, Campaign) else None

    def after_adding(self, row: models.Model, *, actor: Viewer, now: datetime) -> None:
        """Give its maker the rights in it."""
        grant_to_maker(campaign_id=row.pk, actor=actor, now=now)
