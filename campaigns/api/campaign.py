"""REST: campaigns, as staff set them up and move them on."""

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, PolymorphicProxySerializer, extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import lifecycle, readiness
from campaigns.api.fan import LOCALE, meet
from campaigns.api.public import PublicCampaignSerializer, answer_for_everybody
from campaigns.api.writing import SetUpSerializer
from campaigns.lifecycle import check_unfinished
from campaigns.models import Artist, Campaign, Locale, Promoter, Tracker
from campaigns.models.origins import MOST_LETTERS, normal_origins
from core.api import InstantField, NewestFirst, asked_language
from core.throttling import FanThrottle
from viewers.access import StaffOnly
from viewers.api import StaffEndpoint
from viewers.authentication import COOKIE
from viewers.granting import grant_to_maker
from viewers.permissions import Action, may, may_somewhere, require

EVERYBODY: Any = [{}, {"token": []}, {"cookie": []}, {"session": []}]
"""For drf-spectacular, whose types know names alone."""


def campaign_of(view: StaffEndpoint, domain: str) -> Campaign:
    """The campaign of an address, in which the viewer may do what the view's method asks.

    :raises NotFound: there is none, or the viewer may not view it.
    :raises NotAllowed: she may view it, and may not do this.
    """
    rows = Campaign.objects.select_related("artist", "default_locale").filter(domain=domain.lower())
    campaign = view.visible(rows, field="pk").first()
    if campaign is None:
        raise NotFound("There is no such campaign.")
    require(view.viewer, view.asked_right, campaign.pk)
    return campaign


class OriginsField(serializers.ListField):
    """Origins; stored one a line."""

    child = serializers.CharField(max_length=MOST_LETTERS)

    def to_internal_value(self, data: Any) -> Any:
        """The lines, which the model checks."""
        origins = super().to_internal_value(data)
        if any(origin.split() != [origin] for origin in origins):
            raise serializers.ValidationError("An origin has no spaces and is not empty.")
        try:
            return normal_origins("\n".join(origins))
        except ValidationError as error:
            raise serializers.ValidationError(error.messages) from error

    def to_representation(self, data: Any) -> list[str]:
        """The list."""
        return str(data).split()


class ReadinessSerializer(serializers.Serializer[Any]):
    """One thing to mend. A red one refuses the opening."""

    text = serializers.CharField()
    is_red = serializers.BooleanField()
    section = serializers.CharField()


class CampaignSummarySerializer(serializers.ModelSerializer[Campaign]):
    """A campaign in a list."""

    id = serializers.UUIDField(source="public_id", read_only=True)
    site_url = serializers.CharField(read_only=True)

    class Meta:
        model = Campaign
        fields = ("id", "domain", "name", "type", "status", "artist", "open_at", "close_at", "site_url")


class CampaignSerializer(SetUpSerializer[Campaign]):
    """A campaign's set-up. Type, domain, identifier type and timezone are fixed once it has opened."""

    id = serializers.UUIDField(source="public_id", read_only=True)
    artist = serializers.PrimaryKeyRelatedField(
        queryset=Artist.objects.all(), pk_field=serializers.IntegerField(min_value=1)
    )
    promoter = serializers.PrimaryKeyRelatedField(
        queryset=Promoter.objects.all(),
        pk_field=serializers.IntegerField(min_value=1),
        required=False,
        allow_null=True,
        help_text="Needed before the campaign may open.",
    )
    trackers = serializers.PrimaryKeyRelatedField(
        queryset=Tracker.objects.all(), many=True, required=False, pk_field=serializers.IntegerField(min_value=1)
    )
    locales = serializers.PrimaryKeyRelatedField(
        queryset=Locale.objects.all(), many=True, required=False, pk_field=serializers.CharField(max_length=10)
    )
    default_locale = serializers.PrimaryKeyRelatedField(
        queryset=Locale.objects.all(), pk_field=serializers.CharField(max_length=10)
    )
    open_at = InstantField(required=False, allow_null=True)
    close_at = InstantField(required=False, allow_null=True)
    finish_at = InstantField(required=False, allow_null=True)
    presale_window_start_at = InstantField(required=False, allow_null=True)
    presale_window_end_at = InstantField(required=False, allow_null=True)
    general_onsale_at = InstantField(required=False, allow_null=True)
    allowed_origins = OriginsField(required=False, help_text="Other sites whose pages may ask for this campaign.")
    site_url = serializers.CharField(read_only=True)
    readiness = serializers.SerializerMethodField(help_text="What is missing before it may open, red lines first.")

    class Meta:
        model = Campaign
        fields = (
            "id",
            "type",
            "name",
            "artist",
            "promoter",
            "trackers",
            "domain",
            "status",
            "is_released",
            "reference_timezone",
            "open_at",
            "close_at",
            "finish_at",
            "presale_window_start_at",
            "presale_window_end_at",
            "general_onsale_at",
            "locales",
            "default_locale",
            "identifier_type",
            "category_id",
            "requires_phone_confirmation",
            "allows_international_phones",
            "show_access_code",
            "minimum_age",
            "waiting_room_minutes",
            "queue_id",
            "is_lnaa",
            "accent_color",
            "allowed_origins",
            "needs_second_person",
            "publishes_bundle",
            "created_at",
            "site_url",
            "readiness",
        )
        read_only_fields = ("status", "created_at")
        validators: list[Any] = []

    def create(self, validated_data: Any) -> Campaign:
        """Store a new campaign, and give its maker the rights in it."""
        with transaction.atomic():
            campaign = super().create(validated_data)
            grant_to_maker(campaign_id=campaign.pk, actor=self.context["view"].viewer, now=timezone.now())
        return campaign

    @extend_schema_field(ReadinessSerializer(many=True))
    def get_readiness(self, campaign: Campaign) -> list[Mapping[str, Any]]:
        """Every line of the readiness list."""
        found = readiness.lines(campaign, now=timezone.now())
        return list(ReadinessSerializer(found, many=True).data)


class SetUpEndpoint(StaffEndpoint):
    """A campaign's set-up."""

    required_action = Action.EDIT_SETUP


class Campaigns(SetUpEndpoint, generics.ListCreateAPIView[Campaign]):
    """All campaigns, the newest first; and a new one."""

    required_action = Action.EDIT_CATALOGUE
    queryset = Campaign.objects.all()
    serializer_class = CampaignSerializer
    pagination_class = NewestFirst

    @extend_schema(responses=CampaignSummarySerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """All campaigns that the viewer may view, the newest first."""
        page = self.paginate_queryset(self.visible(self.get_queryset(), field="pk")) or []
        return self.get_paginated_response(CampaignSummarySerializer(page, many=True).data)


class StaffWritesAllRead(StaffOnly):
    """Lets everybody read; what she then sees depends on who she is."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Ask for the right to write."""
        return request.method in ("GET", "HEAD") or super().has_permission(request, view)


class OneCampaign(SetUpEndpoint):
    """One campaign: its set-up for staff, its public part for everybody else."""

    permission_classes = [StaffWritesAllRead]
    signing_key = ""
    """The public key of receipts, which a higher room knows: the URLs hand it in."""

    def language_of(self, request: HttpRequest) -> str:
        """The asked language, where nobody has signed in who wants the same words everywhere."""
        signed_in = {settings.SESSION_COOKIE_NAME, COOKIE} & set(request.COOKIES)
        is_fan = "HTTP_AUTHORIZATION" not in request.META and not signed_in
        return asked_language(request) if is_fan else super().language_of(request)

    def get_throttles(self) -> list[Any]:
        """Let staff work as fast as they like."""
        return [] if may_somewhere(self.viewer, Action.VIEW) else [FanThrottle()]

    @extend_schema(
        parameters=[LOCALE],
        responses={
            200: PolymorphicProxySerializer(
                component_name="CampaignRead",
                serializers=[CampaignSerializer, PublicCampaignSerializer],
                resource_type_field_name=None,
            ),
            304: OpenApiResponse(description="What `If-None-Match` names is still so."),
        },
        auth=EVERYBODY,
    )
    def get(self, request: Request, domain: str) -> HttpResponse:
        """Staff get the set-up with its readiness list; everybody else gets the public part, which may be cached."""
        if may_somewhere(self.viewer, Action.VIEW):
            found = Campaign.objects.filter(domain=domain.lower()).values_list("pk", flat=True).first()
            if found is not None and may(self.viewer, Action.VIEW, found):
                return self._answer(campaign_of(self, domain))
        return answer_for_everybody(request, meet(request, domain), signing_key=self.signing_key)

    @extend_schema(request=CampaignSerializer, responses=CampaignSerializer)
    def patch(self, request: Request, domain: str) -> Response:
        """Change some of the set-up."""
        campaign = campaign_of(self, domain)
        check_unfinished(campaign)
        serializer = CampaignSerializer(campaign, data=request.data, partial=True, context=self.context())
        serializer.is_valid(raise_exception=True)
        return self._answer(serializer.save())

    def context(self) -> dict[str, Any]:
        """What the serializer must know."""
        return {"view": self, "request": self.request}

    def _answer(self, campaign: Campaign) -> Response:
        response = Response(CampaignSerializer(campaign, context=self.context()).data)
        response.headers["Vary"] = "Cookie, Authorization"
        return response


class ReasonSerializer(serializers.Serializer[Any]):
    """Why a step is taken."""

    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)


class Step(SetUpEndpoint):
    """One step of a campaign's life."""

    is_dangerous = True

    def take(self, step: Callable[..., Campaign], domain: str) -> Response:
        """Take the step and show the campaign."""
        asked = ReasonSerializer(data=self.request.data)
        asked.is_valid(raise_exception=True)
        reason = asked.validated_data["reason"]
        campaign = step(campaign=campaign_of(self, domain), actor=self.viewer, now=timezone.now(), reason=reason)
        return Response(CampaignSerializer(campaign, context={"view": self}).data)


class OpenCampaign(Step):
    """Opening."""

    @extend_schema(operation_id="campaigns_open", request=ReasonSerializer, responses=CampaignSerializer)
    def post(self, request: Request, domain: str) -> Response:
        """Open a campaign that is ready: fans may register, and the draw's commitments are published."""
        return self.take(lifecycle.open_campaign, domain)


class CloseCampaign(Step):
    """Closing."""

    @extend_schema(operation_id="campaigns_close", request=ReasonSerializer, responses=CampaignSerializer)
    def post(self, request: Request, domain: str) -> Response:
        """Close an open campaign: it takes no more registrations."""
        return self.take(lifecycle.close_campaign, domain)


class FinishCampaign(Step):
    """Finishing."""

    @extend_schema(operation_id="campaigns_finish", request=ReasonSerializer, responses=CampaignSerializer)
    def post(self, request: Request, domain: str) -> Response:
        """End a closed campaign: nothing in it changes any more."""
        return self.take(lifecycle.finish_campaign, domain)
