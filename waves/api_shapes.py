"""How a wave is written in REST: with its preparation, its draw, and what followed the trigger."""

import re
from datetime import datetime
from functools import cached_property
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api import JobSerializer
from core.times import instant_of_key, utc_text
from waves.clock import Standing, standing_of
from waves.models import Draw, MarketOutcome, Notification, Selection, Wave, WavePrep
from waves.scheduling import EARLIEST_YEAR, LATEST_YEAR

_LOCAL = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:00)?", re.ASCII)


@extend_schema_field({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$"})
class LocalTimeField(serializers.Field[datetime, Any, str, Any]):
    """A minute on the wall clock of the campaign's reference timezone."""

    default_error_messages = {
        "form": "Send the local time without a zone, as in 2027-02-01T10:00.",
        "year": f"The year lies between {EARLIEST_YEAR} and {LATEST_YEAR}.",
    }

    def to_internal_value(self, data: Any) -> datetime:
        """Read it."""
        if not isinstance(data, str) or not _LOCAL.fullmatch(data):
            self.fail("form")
        try:
            local = datetime.strptime(data[:16], "%Y-%m-%dT%H:%M")  # noqa: DTZ007  The campaign gives the zone.
        except ValueError:
            self.fail("form")
        if not EARLIEST_YEAR <= local.year <= LATEST_YEAR:
            self.fail("year")
        return local

    def to_representation(self, value: datetime) -> str:
        """Write it."""
        return f"{value:%Y-%m-%dT%H:%M}"


class PrepSerializer(JobSerializer[WavePrep]):
    """A wave's preparation: its options, and how far it has come."""

    ranking = serializers.ListField(child=serializers.CharField(), read_only=True)
    limits = serializers.DictField(child=serializers.IntegerField(), read_only=True)

    class Meta:
        model = WavePrep
        fields = (
            *JobSerializer.JOB_FIELDS,
            "code_type",
            "ranking",
            "score_tier",
            "score_min",
            "score_max",
            "audience",
            "reassign",
            "public_source",
            "limits",
        )
        read_only_fields = fields


class SelectionSerializer(JobSerializer[Selection]):
    """The work after the trigger: files, and the wave's completion."""

    class Meta:
        model = Selection
        fields = JobSerializer.JOB_FIELDS
        read_only_fields = fields


class NotificationSerializer(JobSerializer[Notification]):
    """The mails of a completed wave; progress counts those that were sent."""

    class Meta:
        model = Notification
        fields = JobSerializer.JOB_FIELDS
        read_only_fields = fields


class CutoffSerializer(serializers.Serializer[Any]):
    """The sort key of the last who got in."""

    choice = serializers.IntegerField()
    tier = serializers.IntegerField()
    ticket = serializers.CharField()
    ref = serializers.CharField()


class MarketOutcomeSerializer(serializers.ModelSerializer[MarketOutcome]):
    """What the draw did in one market."""

    market = serializers.CharField(source="market.code", read_only=True)
    cutoff = CutoffSerializer(allow_null=True, read_only=True, help_text="None where the market did not fill.")

    class Meta:
        model = MarketOutcome
        fields = ("market", "demand_first", "demand", "places", "placed", "cutoff")
        read_only_fields = fields


class DrawSerializer(serializers.ModelSerializer[Draw]):
    """A frozen draw, and what came of it."""

    reasons = serializers.DictField(
        child=serializers.IntegerField(), read_only=True, help_text="How many entries each reason kept out."
    )
    placed_by_choice = serializers.ListField(
        child=serializers.IntegerField(), read_only=True, help_text="How many got their first choice, second, …"
    )
    markets = MarketOutcomeSerializer(many=True, read_only=True)

    class Meta:
        model = Draw
        fields = (
            "number",
            "rules_sha256",
            "snapshot_sha256",
            "root",
            "entries",
            "eligible",
            "reasons",
            "frozen_at",
            "public_value",
            "allocation_sha256",
            "placed",
            "placed_by_choice",
            "voided_sha256",
            "revealed_at",
            "abandoned",
            "markets",
        )
        read_only_fields = fields


class WaveSummarySerializer(serializers.ModelSerializer[Wave]):
    """A wave in a list."""

    campaign = serializers.CharField(source="campaign.domain", read_only=True)
    timezone = serializers.CharField(source="campaign.reference_timezone", read_only=True)
    at = serializers.SerializerMethodField(help_text="The moment that the dateKey names.")
    triggers_at = serializers.SerializerMethodField(
        help_text="When it is to be triggered: the moment of `trigger_key` where it was put off, else of the dateKey."
    )
    reading = serializers.SerializerMethodField(
        help_text="How the trigger's local time is read: `first` or `second` of one that a clock change repeats, "
        "`skipped` of one that newer rules of the zone leave out; else empty."
    )
    reading_words = serializers.SerializerMethodField(help_text="The same in words.")
    is_overdue = serializers.SerializerMethodField(help_text="Its time has come and it is still to be triggered.")
    waits_for = serializers.SerializerMethodField(help_text="What it lacks for its trigger, in words.")

    class Meta:
        model = Wave
        fields = (
            "id",
            "campaign",
            "date_key",
            "timezone",
            "at",
            "trigger_key",
            "triggers_at",
            "reading",
            "reading_words",
            "is_automatic",
            "is_overdue",
            "waits_for",
            "name",
            "status",
            "triggered_at",
            "completed_at",
            "created_at",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.DateTimeField())
    def get_at(self, wave: Wave) -> str:
        """In UTC."""
        return utc_text(instant_of_key(wave.date_key, wave.campaign.zone))

    @extend_schema_field(serializers.DateTimeField())
    def get_triggers_at(self, wave: Wave) -> str:
        """In UTC."""
        return utc_text(self._standing(wave).reading.instant)

    @extend_schema_field(serializers.ChoiceField(choices=["first", "second", "skipped"], allow_blank=True))
    def get_reading(self, wave: Wave) -> str:
        """In a word."""
        return self._standing(wave).reading.kind

    def get_reading_words(self, wave: Wave) -> str:
        """For people."""
        return self._standing(wave).reading.words

    def get_is_overdue(self, wave: Wave) -> bool:
        """By the clock of this moment."""
        return self._standing(wave).is_overdue

    def get_waits_for(self, wave: Wave) -> list[str]:
        """One thing a line."""
        return list(self._standing(wave).waits_for)

    def _standing(self, wave: Wave) -> Standing:
        """How the wave stands to its time; a list works it out for all of its waves at once."""
        known: dict[int, Standing] = self.context.get("standings", self._standings)
        if wave.pk not in known:
            known[wave.pk] = standing_of(wave, timezone.now())
        return known[wave.pk]

    @cached_property
    def _standings(self) -> dict[int, Standing]:
        return {}


class WaveSerializer(WaveSummarySerializer):
    """A wave with its preparation, its draw market by market, and what followed the trigger."""

    prep = PrepSerializer(read_only=True, allow_null=True, default=None)
    draw = DrawSerializer(read_only=True, allow_null=True, default=None)
    selection = SelectionSerializer(read_only=True, allow_null=True, default=None)
    notification = NotificationSerializer(read_only=True, allow_null=True, default=None)

    class Meta:
        model = Wave
        fields = (*WaveSummarySerializer.Meta.fields, "prep", "draw", "selection", "notification")
        read_only_fields = fields
