"""REST: codes that are made here."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.writing import CampaignField
from codes.api.reading import PlaceSerializer
from codes.api.uploads import OneUploadSerializer
from codes.generating import ALPHABETS, LONGEST, MOST_CODES, MOST_IN_PREFIX, SHORTEST, start_generating
from core.parsing import body_of
from viewers.api import StaffEndpoint
from viewers.permissions import Action


class GenerateSerializer(PlaceSerializer):
    """How many codes, for which pool, and how they look."""

    campaign = CampaignField()
    market = serializers.CharField(max_length=40, help_text="The market's code.")
    count = serializers.IntegerField(min_value=1, max_value=MOST_CODES)
    length = serializers.IntegerField(
        min_value=SHORTEST, max_value=LONGEST, required=False, default=10, help_text="Random letters after the prefix."
    )
    prefix = serializers.CharField(required=False, allow_blank=True, default="", max_length=MOST_IN_PREFIX)
    alphabet = serializers.ChoiceField(
        choices=list(ALPHABETS), required=False, default="mixed", help_text="None has look-alikes such as 0 and O."
    )


class Generate(StaffEndpoint):
    """Codes that are made here."""

    required_action = Action.MANAGE_CODES

    @extend_schema(
        operation_id="codes_generate", request=GenerateSerializer, responses={202: OneUploadSerializer}, tags=["codes"]
    )
    def post(self, request: Request) -> Response:
        """Make codes that nobody can guess; they come as an upload, and are watched, cancelled and undone like one."""
        asked = GenerateSerializer(data=body_of(request), context={"view": self})
        asked.is_valid(raise_exception=True)
        values: dict[str, Any] = asked.validated_data
        now = timezone.now()
        upload = start_generating(
            pool=asked.made_pool(now=now),
            count=values["count"],
            length=values["length"],
            prefix=values["prefix"],
            alphabet=values["alphabet"],
            actor=self.viewer,
            now=now,
        )
        return Response(OneUploadSerializer(upload).data, status=status.HTTP_202_ACCEPTED)
