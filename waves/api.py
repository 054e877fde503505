"""REST: waves, from the calendar to the trigger."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.writing import CampaignField
from codes.api.scope import CAMPAIGN, CampaignQuery
from core.api import NewestFirst
from core.parsing import body_of
from viewers.api import StaffEndpoint
from viewers.permissions import Action
from waves import preparation, scheduling, selection
from waves.api_shapes import LocalTimeField, WaveSerializer, WaveSummarySerializer
from waves.clock import standings
from waves.models import MarketOutcome, Wave
from waves.preparation import Options
from waves.rules import HIGHEST_SCORE, RANKINGS

MOST_PLACES = 2**31 - 1
WHICH_READING = "Of a time that a clock change repeats: whether its second, later reading is meant. Needed only there."


class NewWaveSerializer(serializers.Serializer[Any]):
    """A wave for the calendar."""

    campaign = CampaignField()
    local = LocalTimeField(help_text="Local time in the campaign's reference timezone, as in `2027-02-01T10:00`.")
    is_second = serializers.BooleanField(required=False, allow_null=True, default=None, help_text=WHICH_READING)
    is_automatic = serializers.BooleanField(
        required=False, default=True, help_text="The clock triggers it at its time, once it lacks nothing; else a hand."
    )
    name = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")


class ChangedWaveSerializer(serializers.Serializer[Any]):
    """What of a wave can change until its trigger, beside its time."""

    name = serializers.CharField(max_length=100, required=False, allow_blank=True)
    is_automatic = serializers.BooleanField(
        required=False, help_text="Whether the clock triggers it; of a wave whose time has passed, at once."
    )


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
    audience = serializers.CharField(
        max_length=80,
        required=False,
        help_text="`all`, `waitlisted:` with the dateKey of a triggered wave, or `fanlist:` with a fanlist's domain.",
    )
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
        waves = Wave.objects.select_related("campaign", "prep", "draw").defer("draw__rules", "draw__voided")
        page = self.paginate_queryset(waves.filter(campaign=campaign)) or []
        context = {"standings": standings(page, timezone.now())}
        return self.get_paginated_response(WaveSummarySerializer(page, many=True, context=context).data)

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

    @extend_schema(operation_id="waves_change", request=ChangedWaveSerializer, responses=WaveSerializer, tags=["waves"])
    def patch(self, request: Request, pk: int) -> Response:
        """Change its name, or whether the clock triggers it."""
        wave = self.wave(pk)
        asked = ChangedWaveSerializer(data=body_of(request), partial=True)
        asked.is_valid(raise_exception=True)
        scheduling.change_wave(wave=wave, actor=self.viewer, now=timezone.now(), **asked.validated_data)
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
