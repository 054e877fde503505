"""REST: why a wave chose an entry or did not, with all that decided it, for support."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from entries.models import Entry
from waves.api import WaveEndpoint
from waves.api_shapes import CutoffSerializer
from waves.explanation import Explanation, Named, explain

NOT_TRIGGERED = "not_triggered"


class NamedSerializer(serializers.Serializer[Any]):
    """A market that the entry named, and how its places went."""

    market = serializers.CharField()
    choice = serializers.IntegerField(help_text="Which of the entry's choices in this wave it was, from 1.")
    places = serializers.IntegerField()
    cutoff = CutoffSerializer(
        allow_null=True, help_text="The last who got in; null where the market did not fill or had no place."
    )
    full_by = serializers.CharField(
        help_text="The first criterion by which the last who got in was before this entry: `choice`, `tier` or "
        "`ticket`; `no_places` where there were none; empty where the market was not full for it."
    )


class ExplanationSerializer(serializers.Serializer[Any]):
    """What a wave made of one entry."""

    wave = serializers.CharField(help_text="The wave's dateKey.")
    ref = serializers.CharField()
    result = serializers.CharField(
        help_text="`placed`, `markets_full`, a reason of the snapshot, `after_freeze` where the entry came later, or "
        "`not_triggered`: before the trigger nothing is told to anybody, nor of an abandoned wave."
    )
    hidden_reason = serializers.CharField(help_text="What stands behind `excluded`: `blocked` or `gate_failed`.")
    ranking = serializers.ListField(child=serializers.CharField())
    tier = serializers.IntegerField()
    ticket = serializers.CharField(help_text="16 hex digits, lower is earlier; empty where the entry was not drawn.")
    named = NamedSerializer(many=True)
    market = serializers.CharField(help_text="The market of its place; empty without one, like all that follows.")
    event = serializers.CharField()
    choice = serializers.IntegerField()
    position = serializers.IntegerField()
    voided = serializers.CharField(
        help_text="Why the place was voided after the freeze: `withdrawn`, `excluded` or `erased`; or `taken_back`."
    )


class ExplainEntry(WaveEndpoint):
    """Why a wave chose an entry or did not."""

    @extend_schema(operation_id="waves_explain_entry", responses=ExplanationSerializer, tags=["waves"])
    def get(self, request: Request, pk: int, ref: str) -> Response:
        """What the wave made of an entry, with its ticket and the cut-off of each market that it named."""
        wave = self.wave(pk)
        entry = get_object_or_404(Entry.objects.only("ref", "campaign", "created_at"), campaign=wave.campaign, ref=ref)
        found = explain(entry, wave=wave)
        answer = _parts(found[0]) if found else {**_NOTHING, "result": NOT_TRIGGERED}
        return Response({"wave": wave.date_key, "ref": entry.ref, **answer})


_NOTHING: dict[str, Any] = {
    "hidden_reason": "",
    "ranking": [],
    "tier": 0,
    "ticket": "",
    "named": [],
    "market": "",
    "event": "",
    "choice": 0,
    "position": 0,
    "voided": "",
}


def _parts(why: Explanation) -> dict[str, Any]:
    given = why.assignment
    place = (
        {
            "market": given.market.code,
            "event": given.event.code if given.event is not None else "",
            "choice": given.choice or 0,
            "position": given.position or 0,
            "voided": given.voided,
        }
        if given is not None
        else {}
    )
    return {
        **_NOTHING,
        "result": why.result,
        "hidden_reason": why.hidden_reason,
        "ranking": list(why.ranking),
        "tier": why.tier,
        "ticket": why.ticket,
        "named": [_named_part(named) for named in why.named],
        **place,
    }


def _named_part(named: Named) -> dict[str, Any]:
    last = named.cutoff
    return {
        "market": named.market.code,
        "choice": named.choice,
        "places": named.places,
        "cutoff": last and {"choice": last.choice, "tier": last.tier, "ticket": f"{last.ticket:016x}", "ref": last.ref},
        "full_by": named.full_by,
    }
