"""REST: the draws of a campaign as everybody may know them; nobody signs in."""

import json
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from campaigns.api.fan import LOCALE, NO_SECURITY, FanEndpoint, Meeting, meet
from campaigns.api.public import PUBLIC_SECONDS
from campaigns.models import Campaign
from core.etags import etag_of, or_not_modified
from core.times import utc_text
from entries.receipts import signing_key
from waves import bundle
from waves.public_draws import PublicDraw, PublicMarket, commitments_of, draw_of, draws_of

STATES = ("frozen", "triggered", "abandoned")


class DrawFileSerializer(serializers.Serializer[Any]):
    """One file of a bundle."""

    name = serializers.CharField()
    url = serializers.CharField()


class PublicCutoffSerializer(serializers.Serializer[Any]):
    """The sort key of the last who got in, without the ref."""

    choice = serializers.IntegerField()
    tier = serializers.IntegerField()
    ticket = serializers.CharField(help_text="16 hex digits; lower is earlier.")


class PublicOutcomeSerializer(serializers.Serializer[Any]):
    """One market of a draw. What the draw did there is told once the codes are given."""

    market = serializers.CharField()
    places = serializers.IntegerField()
    demand_first = serializers.IntegerField(allow_null=True, help_text="Entries that name it first.")
    demand = serializers.IntegerField(allow_null=True, help_text="Entries that name it at all.")
    placed = serializers.IntegerField(allow_null=True)
    cutoff = PublicCutoffSerializer(allow_null=True, help_text="Null where the market did not fill.")


class PublicDrawSummarySerializer(serializers.Serializer[Any]):
    """A draw in the list."""

    wave = serializers.CharField(help_text="The wave's dateKey.")
    number = serializers.IntegerField(help_text="Which of the 32 sealed numbers it used.")
    state = serializers.ChoiceField(
        choices=STATES, help_text="`frozen` until the codes are given; an abandoned draw gave none."
    )
    abandoned = serializers.CharField(help_text="The reason, where it was abandoned.")
    frozen_at = serializers.DateTimeField()
    frozen_while_open = serializers.BooleanField(help_text="Whether fans could still register when it was frozen.")
    triggered_at = serializers.DateTimeField(allow_null=True)
    entries = serializers.IntegerField()
    eligible = serializers.IntegerField(help_text="Entries that no reason keeps out.")
    places = serializers.IntegerField()
    placed = serializers.IntegerField(allow_null=True, help_text="Null until the codes are given.")
    root = serializers.CharField()  # type: ignore[assignment]  # REST framework takes fields off the class.
    url = serializers.CharField(help_text="The page for people.")


class PublicDrawSerializer(PublicDrawSummarySerializer):
    """One draw, with everything by which it can be checked."""

    commitment = serializers.CharField(help_text="SHA-256 of its sealed number, published before anybody registered.")
    snapshot_sha256 = serializers.CharField()
    rules_sha256 = serializers.CharField()
    rules = serializers.DictField(help_text="What rules.json holds; its bytes are in `rules_json`.")
    rules_json = serializers.CharField(help_text="rules.json to the byte.")
    public_value = serializers.CharField(allow_null=True, help_text="Null while the draw waits for it.")
    secret = serializers.CharField(allow_null=True, help_text="Null until it is revealed.")
    manifest_sha256 = serializers.CharField(allow_null=True, help_text="Null until the secret is revealed.")
    allocation_sha256 = serializers.CharField(allow_null=True, help_text="Null until the codes are given.")
    voided_sha256 = serializers.CharField(allow_null=True, help_text="The same.")
    reasons = serializers.DictField(
        child=serializers.IntegerField(), help_text="How many entries each public reason kept out."
    )
    placed_by_choice = serializers.ListField(
        child=serializers.IntegerField(), help_text="How many got their first choice, second, …"
    )
    voided = serializers.IntegerField(help_text="Placed fans who left before the codes were given.")
    markets = PublicOutcomeSerializer(many=True)
    files = DrawFileSerializer(many=True, help_text="The files of the bundle that everybody may fetch now.")
    verifier_url = serializers.CharField(help_text="The page of Python that runs a bundle again.")


class PublicDrawsSerializer(serializers.Serializer[Any]):
    """What a campaign committed to, and its draws."""

    campaign = serializers.CharField()
    commitments = serializers.ListField(child=serializers.CharField())
    committed_at = serializers.DateTimeField(allow_null=True)
    commitments_sha256 = serializers.CharField(help_text="What receipts carry of them; empty before there are any.")
    signing_key = serializers.CharField(help_text="Ed25519 key of receipts, 64 hex digits.")
    draws = PublicDrawSummarySerializer(many=True, help_text="The newest first.")


NOT_MODIFIED = OpenApiResponse(description="What `If-None-Match` names is still so.")


class PublicDraws(FanEndpoint):
    """The draws of a campaign."""

    @extend_schema(
        operation_id="draws_list",
        parameters=[LOCALE],
        responses={200: PublicDrawsSerializer, 304: NOT_MODIFIED},
        auth=NO_SECURITY,
        tags=["fans"],
    )
    def get(self, request: Request, domain: str) -> HttpResponse:
        """What was committed to, and every draw that was ever frozen, abandoned ones too."""
        meeting = meet(request, domain)
        return _kept(request, meeting, ("draws",), lambda: _list_part(meeting.campaign))


class OnePublicDraw(FanEndpoint):
    """One draw."""

    @extend_schema(
        operation_id="draws_retrieve",
        parameters=[LOCALE],
        responses={200: PublicDrawSerializer, 304: NOT_MODIFIED},
        auth=NO_SECURITY,
        tags=["fans"],
    )
    def get(self, request: Request, domain: str, date_key: str) -> HttpResponse:
        """Everything by which a draw can be checked; what is still sealed is null."""
        meeting = meet(request, domain)

        def found() -> dict[str, Any]:
            try:
                return _draw_part(draw_of(meeting.campaign, date_key))
            except LookupError as missing:
                raise NotFound(_("No draw of this time has been frozen.")) from missing

        return _kept(request, meeting, ("draw", date_key), found)


def _kept(
    request: Request, meeting: Meeting, name: tuple[str, ...], make: Callable[[], dict[str, Any]]
) -> HttpResponse:
    """The answer for everybody, made once for as long as the campaign is kept in memory."""
    kept, key = meeting.published.answers, ("rest", *name)
    if key not in kept:
        body = JSONRenderer().render(make())
        kept[key] = (body, etag_of(body))
    body, etag = kept[key]
    response = HttpResponse(body, content_type=JSONRenderer.media_type, headers={"ETag": etag})
    patch_cache_control(response, public=True, max_age=PUBLIC_SECONDS)
    patch_vary_headers(response, ("Accept-Language",))
    return or_not_modified(request._request, response)


def _list_part(campaign: Campaign) -> dict[str, Any]:
    sealed = commitments_of(campaign)
    return {
        "campaign": campaign.domain,
        "commitments": list(sealed.hashes),
        "committed_at": utc_text(sealed.published_at) if sealed.published_at else None,
        "commitments_sha256": sealed.sha256,
        "signing_key": signing_key(),
        "draws": [_summary_part(public) for public in draws_of(campaign)],
    }


def _summary_part(public: PublicDraw) -> dict[str, Any]:
    draw, triggered_at = public.draw, public.wave.triggered_at
    return {
        "wave": public.wave.date_key,
        "number": draw.number,
        "state": public.state,
        "abandoned": draw.abandoned,
        "frozen_at": utc_text(draw.frozen_at),
        "frozen_while_open": draw.frozen_while_open,
        "triggered_at": utc_text(triggered_at) if triggered_at else None,
        "entries": draw.entries,
        "eligible": draw.eligible,
        "places": public.places,
        "placed": public.placed,
        "root": draw.root,
        "url": f"{draw.campaign.site_url}draws/{public.wave.date_key}/",
    }


def _draw_part(public: PublicDraw) -> dict[str, Any]:
    draw, is_told = public.draw, public.is_triggered
    page = f"{draw.campaign.site_url}draws/"
    return {
        **_summary_part(public),
        "commitment": commitments_of(draw.campaign).hashes[draw.number - 1],
        "snapshot_sha256": draw.snapshot_sha256,
        "rules_sha256": draw.rules_sha256,
        "rules": json.loads(bytes(draw.rules)),
        "rules_json": bytes(draw.rules).decode(),
        "public_value": draw.public_value,
        "secret": public.secret or None,
        "manifest_sha256": public.manifest_sha256 or None,
        "allocation_sha256": draw.allocation_sha256 if is_told else None,
        "voided_sha256": draw.voided_sha256 if is_told else None,
        "reasons": public.reasons,
        "placed_by_choice": list(public.placed_by_choice),
        "voided": public.voided,
        "markets": [_market_part(market, is_told=is_told) for market in public.markets],
        "files": [{"name": name, "url": f"{page}{public.wave.date_key}/{name}"} for name in public.files],
        "verifier_url": f"{page}{bundle.VERIFIER}",
    }


def _market_part(market: PublicMarket, *, is_told: bool) -> dict[str, Any]:
    return {
        "market": market.code,
        "places": market.rules.places,
        "demand_first": market.demand_first if is_told else None,
        "demand": market.demand if is_told else None,
        "placed": market.placed if is_told else None,
        "cutoff": market.cutoff,
    }
