"""REST: codes that are held for something: a wave, a gift, or what an operator keeps back."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.writing import CampaignField
from codes import holding
from codes.api.scope import CAMPAIGN, CampaignQuery
from codes.models import Hold
from core.api import InstantField, NewestFirst
from core.parsing import body_of
from viewers.api import StaffEndpoint
from viewers.permissions import Action

MOST_CODES = 2**31 - 1
BIG = 2**63 - 1


class HoldSerializer(serializers.ModelSerializer[Hold]):
    """A hold, and how many codes it has."""

    campaign = serializers.CharField(source="campaign.domain", read_only=True)
    codes = serializers.IntegerField(read_only=True, help_text="Without those that were revoked in it.")

    class Meta:
        model = Hold
        fields = ("id", "campaign", "code_type", "kind", "status", "purpose", "codes", "created_at", "expires_at")
        read_only_fields = fields


class PartSerializer(serializers.Serializer[Any]):
    """So many codes of one pool."""

    pool = serializers.IntegerField(min_value=1, max_value=BIG, help_text="The pool's id, as the counts name it.")
    codes = serializers.IntegerField(min_value=0, max_value=MOST_CODES)


class NewHoldSerializer(serializers.Serializer[Any]):
    """Codes to keep from the waves for a while."""

    campaign = CampaignField()
    code_type = serializers.CharField(max_length=40, required=False, default="presale")
    purpose = serializers.CharField(max_length=100)
    expires_at = InstantField(help_text="When they go back by themselves, within 90 days.")
    parts = serializers.ListField(
        child=PartSerializer(), required=False, max_length=1000, help_text="Without it, all that are free."
    )


class ExpirySerializer(serializers.Serializer[Any]):
    """Until when codes are kept back."""

    expires_at = InstantField()


def _holds() -> QuerySet[Hold]:
    return holding.with_codes(Hold.objects.select_related("campaign"))


class Holds(StaffEndpoint, generics.GenericAPIView[Hold]):
    """Holds of codes."""

    required_action = Action.MANAGE_CODES
    queryset = Hold.objects.none()
    serializer_class = HoldSerializer
    pagination_class = NewestFirst

    @extend_schema(
        operation_id="codes_holds_list", parameters=[CAMPAIGN], responses=HoldSerializer(many=True), tags=["codes"]
    )
    def get(self, request: Request) -> Response:
        """A campaign's holds, the newest first."""
        campaign = CampaignQuery.campaign_of(self)
        page = self.paginate_queryset(_holds().filter(campaign=campaign)) or []
        return self.get_paginated_response(HoldSerializer(page, many=True).data)

    @extend_schema(
        operation_id="codes_holds_create",
        request=NewHoldSerializer,
        responses={201: HoldSerializer},
        tags=["codes"],
    )
    def post(self, request: Request) -> Response:
        """Keep codes back: until a moment, no wave takes them."""
        asked = NewHoldSerializer(data=body_of(request), context={"view": self})
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        parts = values.get("parts")
        hold = holding.keep_back(
            campaign=values["campaign"],
            code_type=values["code_type"],
            purpose=values["purpose"],
            parts=None if parts is None else {part["pool"]: part["codes"] for part in parts},
            expires_at=values["expires_at"],
            actor=self.viewer,
            now=timezone.now(),
        )
        return Response(HoldSerializer(_holds().get(pk=hold.pk)).data, status=status.HTTP_201_CREATED)


class HoldEndpoint(StaffEndpoint):
    """What is done with one hold."""

    required_action = Action.MANAGE_CODES

    def hold(self, pk: int) -> Hold:
        """The hold of an address, if the viewer may view its campaign and do there what the method asks."""
        hold = get_object_or_404(self.visible(_holds()), pk=pk)
        self.check_object_permissions(self.request, hold)
        return hold


class OneHold(HoldEndpoint):
    """One hold."""

    @extend_schema(operation_id="codes_holds_retrieve", responses=HoldSerializer, tags=["codes"])
    def get(self, request: Request, pk: int) -> Response:
        """What it is for, how many codes it has, and when they go back."""
        return Response(HoldSerializer(self.hold(pk)).data)


class ExtendHold(HoldEndpoint):
    """Keeping codes back for longer."""

    @extend_schema(
        operation_id="codes_holds_extend", request=ExpirySerializer, responses={200: HoldSerializer}, tags=["codes"]
    )
    def post(self, request: Request, pk: int) -> Response:
        """Keep them until a later moment."""
        hold = self.hold(pk)
        asked = ExpirySerializer(data=body_of(request))
        asked.is_valid(raise_exception=True)
        holding.extend(hold=hold, expires_at=asked.validated_data["expires_at"], actor=self.viewer, now=timezone.now())
        return Response(HoldSerializer(self.hold(pk)).data)


class ReleaseHold(HoldEndpoint):
    """Giving codes back before their time."""

    @extend_schema(operation_id="codes_holds_release", request=None, responses={200: HoldSerializer}, tags=["codes"])
    def post(self, request: Request, pk: int) -> Response:
        """Give what was kept back to the pools; waves can take it from now on."""
        holding.give_back(hold=self.hold(pk), actor=self.viewer, now=timezone.now())
        return Response(HoldSerializer(self.hold(pk)).data)
