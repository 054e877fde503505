"""REST: pools, and what an operator says of their codes."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.writing import SetUpSerializer
from campaigns.lifecycle import check_unfinished
from codes.api.scope import CAMPAIGN, CampaignQuery
from codes.format_rules import check_pattern
from codes.models import Pool
from core.api import InstantField
from core.parsing import body_of
from viewers.api import StaffEndpoint
from viewers.permissions import Action


class PoolSerializer(SetUpSerializer[Pool]):
    """A pool: whose codes they are, when they open the presale, and what they look like."""

    market = serializers.CharField(source="market.code", read_only=True)
    event = serializers.CharField(source="event.code", read_only=True, allow_null=True, default=None)
    presale_start_at = InstantField(required=False, allow_null=True)
    presale_end_at = InstantField(required=False, allow_null=True)

    class Meta:
        model = Pool
        fields = (
            "id",
            "market",
            "event",
            "code_type",
            "is_tied_to_account",
            "presale_start_at",
            "presale_end_at",
            "min_length",
            "max_length",
            "alphabet",
            "pattern",
            "size",
            "redeemed",
        )
        read_only_fields = ("id", "code_type", "size", "redeemed")

    def validate(self, attrs: Any) -> Any:
        """Try the pattern on the database that will use it.

        :raises BadPattern: it is no regular expression.
        """
        if "pattern" in attrs:
            check_pattern(attrs["pattern"])
        return attrs


def _pools() -> "QuerySet[Pool]":
    return Pool.objects.select_related("campaign", "market", "event")


class Pools(StaffEndpoint):
    """The pools of a campaign."""

    @extend_schema(
        operation_id="codes_pools_list", parameters=[CAMPAIGN], responses=PoolSerializer(many=True), tags=["codes"]
    )
    def get(self, request: Request) -> Response:
        """All of them: there is one for each market, or for each of its dates, and type of code."""
        campaign = CampaignQuery.campaign_of(self)
        rows = _pools().filter(campaign=campaign).order_by("market__number", "event__number", "pk")
        return Response(PoolSerializer(rows, many=True).data)


class OnePool(StaffEndpoint):
    """One pool."""

    required_action = Action.MANAGE_CODES

    def _pool(self, pk: int) -> Pool:
        pool = get_object_or_404(self.visible(_pools()), pk=pk)
        self.check_object_permissions(self.request, pool)
        return pool

    @extend_schema(operation_id="codes_pools_retrieve", responses=PoolSerializer, tags=["codes"])
    def get(self, request: Request, pk: int) -> Response:
        """What is said of its codes."""
        return Response(PoolSerializer(self._pool(pk)).data)

    @extend_schema(
        operation_id="codes_pools_change", request=PoolSerializer, responses={200: PoolSerializer}, tags=["codes"]
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Tie its codes to accounts, give them a presale of their own, or say what they look like."""
        pool = self._pool(pk)
        check_unfinished(pool.campaign)
        changed = PoolSerializer(pool, data=body_of(request), partial=True, context={"view": self})
        changed.is_valid(raise_exception=True)
        changed.save()
        return Response(PoolSerializer(self._pool(pk)).data)
