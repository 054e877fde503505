"""REST: waves, from the calendar to the trigger."""

import re
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.writing import CampaignField
from codes.api.scope import CAMPAIGN, CampaignQuery
from core.api import JobSerializer, NewestFirst
from core.times import instant_of_key, utc_text
from viewers.api import StaffEndpoint
from viewers.permissions import Action
from waves import preparation, scheduling, selection
from waves.models import Draw, MarketOutcome, Notification, Selection, Wave, WavePrep
from waves.preparation import Options
from waves.rules import HIGHEST_SCORE, RANKINGS

EARLIEST_YEAR, LATEST_YEAR = 2000, 2999
MOST_PLACES = 2**31 - 1
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

    class Meta:
        model = Wave
        fields = (
            "id",
            "campaign",
            "date_key",
            "timezone",
            "at",
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


class NewWaveSerializer(serializers.Serializer[Any]):
    """A wave for the calendar."""

    campaign = CampaignField()
    local = LocalTimeField(help_text="Local time in the campaign's reference timezone, as in `2027-02-01T10:00`.")
    is_second = serializers.BooleanField(
        required=False, default=False, help_text="The later reading of a time that a clock change repeats."
    )
    name = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")


class OptionsSerializer(serializers.Serializer[Any]):
    """What an operator chooses for a wave. All of it is fixed at the freeze."""

    code_type = serializers.CharField(max_length=40, required=False)
    ranking = serializers.ListField(
        child=serializers.ChoiceField(choices=["preference", "score"]),
        required=False,
        max_length=max(len(ranking) for ranking in RANKINGS),
    )
    score_tier = serializers.IntegerField(min_value=1, max_value=HIGHEST_SCORE + 1, required=False)
    score_min = serializers.IntegerField(min_value=0, max_value=HIGHEST_SCORE, required=False, allow_null=True)
    score_max = serializers.IntegerField(min_value=0, max_value=HIGHEST_SCORE, required=False, allow_null=True)
    reassign = serializers.BooleanField(required=False)
    public_source = serializers.CharField(max_length=200, required=False, allow_blank=True)
    limits = serializers.DictField(
        child=serializers.IntegerField(min_value=0, max_value=MOST_PLACES),
        required=False,
        help_text="Places of this wave by market code.",
    )

    def options(self) -> Options:
        """The options that were sent, with the defaults of the rest."""
        values = dict(self.validated_data)
        if "ranking" in values:
            values["ranking"] = tuple(values["ranking"])
        return Options(**values)


class PublicValueSerializer(serializers.Serializer[Any]):
    """The value that the wave's public source gave."""

    value = serializers.CharField(max_length=256, trim_whitespace=False)


class AbandonSerializer(serializers.Serializer[Any]):
    """Why a wave is abandoned. The reason is published."""

    reason = serializers.CharField(max_length=500)


def _waves() -> QuerySet[Wave]:
    outcomes = MarketOutcome.objects.select_related("market").order_by("market__number")
    return Wave.objects.select_related("campaign", "prep", "draw", "selection", "notification").prefetch_related(
        Prefetch("draw__markets", queryset=outcomes)
    )


class WaveEndpoint(StaffEndpoint):
    """What staff do with waves."""

    required_action = Action.RUN_WAVES

    def wave(self, pk: int) -> Wave:
        """The wave of an address, if the viewer may view its campaign and do there what the method asks."""
        wave = get_object_or_404(self.visible(Wave.objects.select_related("prep")), pk=pk)
        self.check_object_permissions(self.request, wave)
        return wave

    def show(self, pk: int, *, status_code: int = status.HTTP_200_OK) -> Response:
        """The wave as it stands now."""
        wave = get_object_or_404(self.visible(_waves()), pk=pk)
        return Response(WaveSerializer(wave).data, status=status_code)


class Waves(WaveEndpoint, generics.GenericAPIView[Wave]):
    """The waves of a campaign."""

    queryset = Wave.objects.none()
    serializer_class = WaveSerializer
    pagination_class = NewestFirst

    @extend_schema(
        operation_id="waves_list",
        parameters=[CAMPAIGN],
        responses=WaveSummarySerializer(many=True),
        tags=["waves"],
    )
    def get(self, request: Request) -> Response:
        """A campaign's waves, the newest first."""
        campaign = CampaignQuery.campaign_of(self)
        page = self.paginate_queryset(Wave.objects.select_related("campaign").filter(campaign=campaign)) or []
        return self.get_paginated_response(WaveSummarySerializer(page, many=True).data)

    @extend_schema(
        operation_id="waves_create", request=NewWaveSerializer, responses={201: WaveSerializer}, tags=["waves"]
    )
    def post(self, request: Request) -> Response:
        """Put a wave into the calendar."""
        asked = NewWaveSerializer(data=request.data, context={"view": self})
        asked.is_valid(raise_exception=True)
        wave = scheduling.schedule_wave(actor=self.viewer, now=timezone.now(), **asked.validated_data)
        return self.show(wave.pk, status_code=status.HTTP_201_CREATED)


class OneWave(WaveEndpoint):
    """One wave."""

    @extend_schema(operation_id="waves_retrieve", responses=WaveSerializer, tags=["waves"])
    def get(self, request: Request, pk: int) -> Response:
        """A wave with its preparation, its draw, and what followed."""
        return self.show(pk)


class PrepareWave(WaveEndpoint):
    """Preparing a wave."""

    @extend_schema(
        operation_id="waves_prepare", request=OptionsSerializer, responses={202: WaveSerializer}, tags=["waves"]
    )
    def post(self, request: Request, pk: int) -> Response:
        """Prepare a wave: hold the codes, freeze the entries, draw. Watch ``prep`` until its status is ``finished``."""
        wave = self.wave(pk)
        asked = OptionsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        preparation.start_preparation(wave=wave, options=asked.options(), actor=self.viewer, now=timezone.now())
        return self.show(pk, status_code=status.HTTP_202_ACCEPTED)


class EnterPublicValue(WaveEndpoint):
    """The public value that a wave's rules name."""

    @extend_schema(
        operation_id="waves_public_value",
        request=PublicValueSerializer,
        responses={202: WaveSerializer},
        tags=["waves"],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Enter the value, once; the preparation goes on."""
        wave = self.wave(pk)
        asked = PublicValueSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        preparation.enter_public_value(
            wave=wave, value=asked.validated_data["value"], actor=self.viewer, now=timezone.now()
        )
        return self.show(pk, status_code=status.HTTP_202_ACCEPTED)


class AbandonWave(WaveEndpoint):
    """Giving a wave up."""

    is_dangerous = True

    @extend_schema(operation_id="waves_abandon", request=AbandonSerializer, responses=WaveSerializer, tags=["waves"])
    def post(self, request: Request, pk: int) -> Response:
        """Give a wave up before its trigger: its codes go back, and the reason is published."""
        wave = self.wave(pk)
        asked = AbandonSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        preparation.abandon(wave=wave, reason=asked.validated_data["reason"], actor=self.viewer, now=timezone.now())
        return self.show(pk)


class TriggerWave(WaveEndpoint):
    """Triggering a wave."""

    is_dangerous = True

    @extend_schema(operation_id="waves_trigger", request=None, responses={202: WaveSerializer}, tags=["waves"])
    def post(self, request: Request, pk: int) -> Response:
        """Give the chosen fans their codes. It cannot be undone; a second time is refused with ``cannot_trigger``."""
        wave = self.wave(pk)
        selection.trigger(wave=wave, actor=self.viewer, now=timezone.now())
        return self.show(pk, status_code=status.HTTP_202_ACCEPTED)
