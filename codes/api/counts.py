"""REST: counts of what there is."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.models import Campaign
from codes import inventory
from codes.api.scope import CAMPAIGN, CampaignQuery
from viewers.api import StaffEndpoint

BY = OpenApiParameter(
    "by", str, enum=inventory.GROUPS, description="By what the codes are counted; without it, pool by pool."
)


class CountsSerializer(serializers.Serializer[Any]):
    """How many codes are in each state; the total is their sum."""

    available = serializers.IntegerField()
    reserved = serializers.IntegerField()
    assigned = serializers.IntegerField()
    revoked = serializers.IntegerField()
    total = serializers.IntegerField()


class PoolCountsSerializer(CountsSerializer):
    """What there is in one pool."""

    id = serializers.IntegerField()
    market = serializers.CharField()
    event = serializers.CharField(allow_null=True)
    code_type = serializers.CharField()
    redeemed = serializers.IntegerField(help_text="How many the ticketing platform has reported as used.")


class GroupCountsSerializer(CountsSerializer):
    """What there is of one market, event, pool, type or upload."""

    key = serializers.CharField(
        allow_null=True,
        help_text="The market's or event's code, the id of the pool or upload, or the type. Counted by event, null is "
        "what the events of a market share.",
    )


class CodeCountsSerializer(CountsSerializer):
    """What there is in all pools of a campaign, exactly and at this moment."""

    campaign = serializers.CharField()
    pools = PoolCountsSerializer(many=True, required=False, help_text="Without `by`.")
    by = serializers.CharField(required=False)
    groups = GroupCountsSerializer(many=True, required=False, help_text="With `by`.")


class GroupQuery(serializers.Serializer[Any]):
    """By what codes are to be counted."""

    by = serializers.ChoiceField(choices=inventory.GROUPS, required=False)


class CodeCounts(StaffEndpoint):
    """What there is of codes."""

    @extend_schema(
        operation_id="codes_counts", parameters=[CAMPAIGN, BY], responses=CodeCountsSerializer, tags=["codes"]
    )
    def get(self, request: Request) -> Response:
        """How many codes of a campaign are available, reserved, assigned and revoked, by pool or else.

        Exact at this moment, and cheap at any size: what is summed are the few ranges of each pool, not its codes.
        """
        campaign = CampaignQuery.campaign_of(self)
        asked = GroupQuery(data={name: request.query_params[name] for name in ("by",) if name in request.query_params})
        asked.is_valid(raise_exception=True)
        by = asked.validated_data.get("by")
        table = inventory.counts_by(campaign, by or "pool")
        sums = {state: sum(row[state] for row in table.values()) for state in inventory.STATES}
        found = {"campaign": campaign.domain, **_with_total(sums)}
        if by is None:
            return Response({**found, "pools": _pools(campaign, table)})
        rows = [
            {"key": None if key is None else str(key), **_with_total(table[key])}
            for key in sorted(table, key=lambda key: (key is None, key))
        ]
        return Response({**found, "by": by, "groups": rows})


def _pools(campaign: Campaign, table: Mapping[int, Mapping[str, int]]) -> list[dict[str, Any]]:
    pools = campaign.pools.select_related("market", "event").order_by("market__number", "event__number", "pk")
    return [
        {
            "id": pool.pk,
            "market": pool.market.code,
            "event": pool.event.code if pool.event else None,
            "code_type": pool.code_type,
            "redeemed": pool.redeemed,
            **_with_total(table.get(pool.pk, {})),
        }
        for pool in pools
    ]


def _with_total(counts: Mapping[str, int]) -> dict[str, int]:
    found = {state: counts.get(state, 0) for state in inventory.STATES}
    return {**found, "total": sum(found.values())}
