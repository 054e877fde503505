"""REST: another time for a wave, what is missing before it is prepared, and stopping its preparation."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.campaign import ReadinessSerializer
from waves import preparation, readiness, scheduling
from waves.api import WHICH_READING, WaveEndpoint
from waves.api_shapes import LocalTimeField, WaveSerializer
from waves.models import WavePrep


class OtherTimeSerializer(serializers.Serializer[Any]):
    """Another time of a wave."""

    local = LocalTimeField(help_text="Local time in the campaign's reference timezone, as in `2027-02-01T12:00`.")
    is_second = serializers.BooleanField(required=False, allow_null=True, default=None, help_text=WHICH_READING)


class RetimeWave(WaveEndpoint):
    """Another dateKey for a wave."""

    @extend_schema(operation_id="waves_retime", request=OtherTimeSerializer, responses=WaveSerializer, tags=["waves"])
    def post(self, request: Request, pk: int) -> Response:
        """Give a wave of which nothing is frozen another time, and with it another dateKey."""
        wave = self.wave(pk)
        asked = OtherTimeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        scheduling.retime_wave(wave=wave, actor=self.viewer, now=timezone.now(), **asked.validated_data)
        return self.show(pk)


class PutWaveOff(WaveEndpoint):
    """A later trigger for a wave."""

    @extend_schema(operation_id="waves_put_off", request=OtherTimeSerializer, responses=WaveSerializer, tags=["waves"])
    def post(self, request: Request, pk: int) -> Response:
        """Have a wave triggered later; its dateKey stays. An approval of the clock's trigger is then asked for anew."""
        wave = self.wave(pk)
        asked = OtherTimeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        scheduling.put_off(wave=wave, actor=self.viewer, now=timezone.now(), **asked.validated_data)
        return self.show(pk)


class WaveReadiness(WaveEndpoint):
    """What is missing before a wave is prepared."""

    @extend_schema(operation_id="waves_readiness", responses=ReadinessSerializer(many=True), tags=["waves"])
    def get(self, request: Request, pk: int) -> Response:
        """Every line, for the options that were chosen last or, before any, the usual ones. Red lines refuse it."""
        wave = self.wave(pk)
        options = preparation.options_of(WavePrep.objects.filter(wave=wave).first())
        found = readiness.lines(wave, options, now=timezone.now())
        return Response(ReadinessSerializer(found, many=True).data)


class CancelPreparation(WaveEndpoint):
    """Stopping a preparation."""

    @extend_schema(operation_id="waves_cancel", request=None, responses={202: WaveSerializer}, tags=["waves"])
    def post(self, request: Request, pk: int) -> Response:
        """Stop a preparation that is under way. Before the freeze its codes go back; after it what is frozen stays."""
        preparation.cancel(wave=self.wave(pk), actor=self.viewer, now=timezone.now())
        return self.show(pk, status_code=status.HTTP_202_ACCEPTED)
