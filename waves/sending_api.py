"""REST: a wave's mails, and what staff do with them."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from waves import sending
from waves.api import WaveEndpoint
from waves.mail_counts import mail_counts
from waves.models import Notification, Wave

STATES = ("not begun", "sending", "paused", "done", "failed", "stopped")


class MailsSerializer(serializers.Serializer[Any]):
    """Where the mails of a wave stand."""

    wave = serializers.IntegerField()
    state = serializers.ChoiceField(choices=STATES)
    tells_not_selected = serializers.BooleanField(help_text="Whether those who were not chosen get a mail too.")
    mails_a_minute = serializers.IntegerField(
        allow_null=True, help_text="The most mails a minute; null is as fast as the mail server takes them."
    )
    sent = serializers.IntegerField()
    left = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Given up; `retry-failed/` sends them again.")
    stopped = serializers.IntegerField(help_text="Not sent any more: they were stopped, or the fan left meanwhile.")
    doubtful = serializers.IntegerField(help_text="Of which two copies may have gone out, under one Message-ID.")
    rate = serializers.FloatField(allow_null=True, help_text="Mails a second, while they are sent.")
    seconds_left = serializers.IntegerField(allow_null=True)
    away_since = serializers.DateTimeField(allow_null=True, help_text="Since when the mail server takes none.")
    error = serializers.CharField(allow_blank=True)


class ChangeMailsSerializer(serializers.Serializer[Any]):
    """Who is mailed, and how fast; what is left out stays."""

    tells_not_selected = serializers.BooleanField(required=False)
    mails_a_minute = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=sending.MOST_A_MINUTE
    )


class MailsEndpoint(WaveEndpoint):
    """What staff do with a wave's mails."""

    def mails(self, pk: int, *, status_code: int = status.HTTP_200_OK) -> Response:
        """Where they stand now."""
        wave = Wave.objects.get(pk=pk)
        notification = Notification.objects.filter(wave=wave).first()
        counts = mail_counts(wave, notification)
        names = ("state", "sent", "left", "failed", "stopped", "doubtful", "rate", "seconds_left")
        shown = {
            "wave": wave.pk,
            "tells_not_selected": wave.tells_not_selected,
            "mails_a_minute": wave.mails_a_minute,
            "away_since": notification.away_since if notification is not None else None,
            "error": notification.error if notification is not None else "",
            **{name: getattr(counts, name) for name in names},
        }
        return Response(MailsSerializer(shown).data, status=status_code)


class Mails(MailsEndpoint):
    """The mails of a wave."""

    @extend_schema(operation_id="waves_mails", responses=MailsSerializer, tags=["waves"])
    def get(self, request: Request, pk: int) -> Response:
        """How many mails were sent, are left, have failed; how fast they go."""
        return self.mails(self.wave(pk).pk)

    @extend_schema(
        operation_id="waves_mails_change", request=ChangeMailsSerializer, responses=MailsSerializer, tags=["waves"]
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Say whether those who were not chosen are mailed, and how fast. It counts at once, also under way."""
        wave = self.wave(pk)
        asked = ChangeMailsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        sending.change_mails(
            wave=wave,
            tells_not_selected=values.get("tells_not_selected"),
            mails_a_minute=values.get("mails_a_minute"),
            is_unlimited="mails_a_minute" in values and values["mails_a_minute"] is None,
            actor=self.viewer,
            now=timezone.now(),
        )
        return self.mails(pk)


class PauseMails(MailsEndpoint):
    """Pausing a wave's mails."""

    @extend_schema(operation_id="waves_mails_pause", request=None, responses={202: MailsSerializer}, tags=["waves"])
    def post(self, request: Request, pk: int) -> Response:
        """Pause: the sender ends with the mail that it is at."""
        sending.pause(wave=self.wave(pk), actor=self.viewer, now=timezone.now())
        return self.mails(pk, status_code=status.HTTP_202_ACCEPTED)


class ResumeMails(MailsEndpoint):
    """Going on with a wave's mails."""

    @extend_schema(operation_id="waves_mails_resume", request=None, responses={202: MailsSerializer}, tags=["waves"])
    def post(self, request: Request, pk: int) -> Response:
        """Go on after a pause."""
        sending.resume(wave=self.wave(pk), actor=self.viewer, now=timezone.now())
        return self.mails(pk, status_code=status.HTTP_202_ACCEPTED)


class StopMails(MailsEndpoint):
    """Ending a wave's mails."""

    is_dangerous = True

    @extend_schema(operation_id="waves_mails_stop", request=None, responses={202: MailsSerializer}, tags=["waves"])
    def post(self, request: Request, pk: int) -> Response:
        """End the mails for good. Fans still see their results on their pages. It cannot be undone."""
        sending.stop(wave=self.wave(pk), actor=self.viewer, now=timezone.now())
        return self.mails(pk, status_code=status.HTTP_202_ACCEPTED)


class RetryFailedMails(MailsEndpoint):
    """Sending failed mails again."""

    @extend_schema(
        operation_id="waves_mails_retry_failed", request=None, responses={202: MailsSerializer}, tags=["waves"]
    )
    def post(self, request: Request, pk: int) -> Response:
        """Send those mails again that were given up."""
        sending.retry_failed(wave=self.wave(pk), actor=self.viewer, now=timezone.now())
        return self.mails(pk, status_code=status.HTTP_202_ACCEPTED)
