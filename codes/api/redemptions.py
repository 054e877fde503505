"""REST: what the ticketing platform reports as used."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.writing import CampaignField
from codes.redemptions import MOST_AT_ONCE, Reported, redeem
from core.api import InstantField
from core.parsing import body_of
from viewers.api import StaffEndpoint
from viewers.permissions import Action


class ReportedSerializer(serializers.Serializer[Any]):
    """One code that was used."""

    code = serializers.CharField(max_length=64)
    redeemed_at = InstantField(required=False, allow_null=True, help_text="Without it, the moment of the report.")


class ReportSerializer(serializers.Serializer[Any]):
    """Codes that were used, up to a thousand."""

    campaign = CampaignField()
    codes = serializers.ListField(child=ReportedSerializer(), max_length=MOST_AT_ONCE)


class RedeemedSerializer(serializers.Serializer[Any]):
    """What became of a report, in numbers of different codes."""

    recorded = serializers.IntegerField()
    already = serializers.IntegerField(help_text="Reported before.")
    unknown = serializers.IntegerField(help_text="No code of this campaign.")
    never_given = serializers.IntegerField(help_text="Recorded too, but nobody was given them here: look into it.")


class Redemptions(StaffEndpoint):
    """Codes that fans have used."""

    required_action = Action.MANAGE_CODES

    @extend_schema(
        operation_id="codes_redemptions_create",
        request=ReportSerializer,
        responses={200: RedeemedSerializer},
        tags=["codes"],
    )
    def post(self, request: Request) -> Response:
        """Report codes as used. The same report again changes nothing."""
        asked = ReportSerializer(data=body_of(request), context={"view": self})
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        reported = [Reported(one["code"], one.get("redeemed_at")) for one in values["codes"]]
        found = redeem(campaign=values["campaign"], reported=reported, actor=self.viewer, now=timezone.now())
        return Response(RedeemedSerializer(found).data)
