"""REST: counts of what there is."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from codes import inventory
from codes.api.scope import CAMPAIGN, CampaignQuery
from viewers.api import StaffEndpoint


class PoolCountsSerializer(serializers.Serializer[Any]):
    """What there is in one pool."""

    market = serializers.CharField()
    event = serializers.CharField(allow_null=True)
    code_type = serializers.CharField()
    available = serializers.IntegerField()
    reserved = serializers.IntegerField()
    assigned = serializers.IntegerField()
    revoked = serializers.IntegerField()
    total = serializers.IntegerField()


class CodeCountsSerializer(serializers.Serializer[Any]):
    """What there is in all pools of a campaign, exactly and at this moment."""

    campaign = serializers.CharField()
    available = serializers.IntegerField()
    reserved = serializers.IntegerField()
    assigned = serializers.IntegerField()
    revoked = serializers.IntegerField()
    total = serializers.IntegerField()
    pools = PoolCountsSerializer(many=True)


class CodeCounts(StaffEndpoint):
    """What there is of codes."""

    @extend_schema(operation_id="codes_counts", parameters=[CAMPAIGN], responses=CodeCountsSerializer, tags=["codes"])
    def get(self, request: Request) -> Response:
        """How many codes of a campaign are available, reserved, assigned and revoked, pool by pool."""
        campaign = CampaignQuery.campaign_of(self)
        table = inventory.counts_by_pool(campaign)
        pools = campaign.pools.select_related("market", "event").order_by("market__number", "event__number", "pk")
        rows = [
            {
                "market": pool.market.code,
                "event": pool.event.code if pool.event else None,
                "code_type": pool.code_type,
                **_with_total(table.get(pool.pk, {})),
            }
            for pool in pools
        ]
        sums = {state: sum(row[state] for row in table.values()) for state in inventory.STATES}
        return Response({"campaign": campaign.domain, **_with_total(sums), "pools": rows})


def _with_total(counts: Mapping[str, int]) -> dict[str, int]:
    found = {state: counts.get(state, 0) for state in inventory.STATES}
    return {**found, "total": sum(found.values())}
