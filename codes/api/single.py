"""REST: single codes that are faulty. A code stands in a body, never in an address or an answer."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.writing import CampaignField
from codes import holding
from codes.models import Code
from core.parsing import body_of
from viewers.api import StaffEndpoint
from viewers.permissions import Action


class FaultyCodeSerializer(serializers.Serializer[Any]):
    """A code, and what is wrong with it."""

    campaign = CampaignField()
    code = serializers.CharField(max_length=64)
    reason = serializers.CharField(max_length=500, help_text="It stays in the history.")


class FaultyCodeEndpoint(StaffEndpoint):
    """What is done with one faulty code."""

    required_action = Action.MANAGE_CODES

    def faulty(self, request: Request) -> tuple[int, str]:
        """The code's id, and the reason.

        :raises ValidationError: the campaign has no such code.
        """
        asked = FaultyCodeSerializer(data=body_of(request), context={"view": self})
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        found = Code.objects.filter(campaign=values["campaign"], value=values["code"]).values_list("pk", flat=True)
        if not found:
            raise serializers.ValidationError({"code": ["The campaign has no such code."]})
        return found[0], values["reason"]


class RevokeCode(FaultyCodeEndpoint):
    """Taking a code out of the stock."""

    @extend_schema(operation_id="codes_revoke", request=FaultyCodeSerializer, responses={204: None}, tags=["codes"])
    def post(self, request: Request) -> Response:
        """Revoke a code that is free or kept back: nobody gets it any more."""
        code_id, reason = self.faulty(request)
        holding.revoke_code(code_id=code_id, reason=reason, actor=self.viewer, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class ReplaceCode(FaultyCodeEndpoint):
    """Putting a good code in the place of a faulty one that is held."""

    @extend_schema(operation_id="codes_replace", request=FaultyCodeSerializer, responses={204: None}, tags=["codes"])
    def post(self, request: Request) -> Response:
        """Replace a code of a hold whose wave was not triggered yet: a free one of its pool takes its place."""
        code_id, reason = self.faulty(request)
        holding.swap(code_id=code_id, reason=reason, actor=self.viewer, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
