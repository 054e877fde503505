"""REST: a campaign's markets with their events, its form's fields, and its texts."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError as ModelInvalid
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.campaign import SetUpEndpoint, campaign_of
from campaigns.api.writing import SetUpSerializer, TranslationsField
from campaigns.lifecycle import check_unfinished
from campaigns.models import Campaign, Content, Event, Field, Locale, Market, Venue
from campaigns.models.content import MOST_LETTERS_OF_REFUSAL, REFUSALS
from core.api import InstantField
from core.parsing import body_of
from viewers.access import SAFE_METHODS
from viewers.permissions import Action


class EventSerializer(SetUpSerializer[Event]):
    """One date of a market. Without a number it comes last in the market's order."""

    starts_at = InstantField()
    presale_at = InstantField(required=False, allow_null=True)
    number = serializers.IntegerField(min_value=1, max_value=32767, required=False)

    class Meta:
        model = Event
        fields = ("code", "number", "name", "starts_at", "presale_at", "link", "is_active")
        validators: list[Any] = []


def markets_of(campaign: Campaign) -> QuerySet[Market]:
    """A campaign's markets with their events, all in order."""
    events = Event.objects.order_by("number", "pk")
    found = campaign.markets.select_related("venue", "campaign").order_by("number")
    return found.prefetch_related(Prefetch("events", queryset=events))


class MarketSerializer(SetUpSerializer[Market]):
    """A city that fans rank, with its events. Events that are sent are added or changed by code; others stay."""

    venue: serializers.PrimaryKeyRelatedField[Venue] = serializers.PrimaryKeyRelatedField(
        queryset=Venue.objects.all(), pk_field=serializers.IntegerField(min_value=1)
    )
    events = EventSerializer(many=True, required=False)

    class Meta:
        model = Market
        fields = ("code", "number", "venue", "population_limit", "split", "link", "is_active", "events")
        read_only_fields = ("number",)
        validators: list[Any] = []

    def create(self, validated_data: Any) -> Market:
        """Store a market with its events."""
        events = validated_data.pop("events", [])
        with transaction.atomic():
            market = super().create(validated_data)
            self._store_events(market, events)
        return markets_of(market.campaign).get(pk=market.pk)

    def update(self, instance: Market, validated_data: Any) -> Market:
        """Store what changes of a market and its events."""
        events = validated_data.pop("events", [])
        with transaction.atomic():
            market = super().update(instance, validated_data)
            self._store_events(market, events)
        return markets_of(market.campaign).get(pk=market.pk)

    def _store_events(self, market: Market, events: list[dict[str, Any]]) -> None:
        known = {event.code: event for event in market.events.all()}
        for place, values in enumerate(events):
            serializer = EventSerializer(context=self.context)
            event = known.get(values.get("code", ""))
            own = {**values, "market": market, "campaign": market.campaign}
            try:
                known[values.get("code", "")] = serializer.update(event, values) if event else serializer.create(own)
            except ModelInvalid as error:
                raise serializers.ValidationError({"events": {str(place): error.message_dict}}) from error


class OptionSerializer(serializers.Serializer[Any]):
    """One option of a choice: what is kept, and what fans read by language."""

    value = serializers.CharField(max_length=100)
    labels = serializers.DictField(child=serializers.CharField(max_length=200), required=False)

    def validate(self, attrs: Any) -> Any:
        """Ask for the value on a partial change too: an option is always sent whole."""
        if "value" not in attrs:
            raise serializers.ValidationError({"value": ["This field is required."]})
        return attrs


@extend_schema_field({"type": "string", "maxLength": 40, "nullable": True})
class KeyField(serializers.Field[Field, Any, str, Any]):
    """Another question of the same campaign, by its key."""

    default_error_messages = {"no_question": "The campaign has no question with this key."}

    def to_internal_value(self, data: Any) -> Field:
        """Find the question."""
        is_key = isinstance(data, str) and len(data) <= 40 and data.isascii() and "\0" not in data
        campaign: Campaign = self.context["view"].campaign
        found = campaign.fields.filter(key=data).first() if is_key else None
        if found is None:
            self.fail("no_question")
        return found

    def to_representation(self, value: Field) -> str:
        """Name it."""
        return value.key


class FieldSerializer(SetUpSerializer[Field]):
    """A question of the form. Its words are English; other languages stand in ``translations``."""

    number = serializers.IntegerField(min_value=0, max_value=32767)
    shown_if = KeyField(required=False, allow_null=True, help_text="The key of the question on whose answer it hangs.")
    options = OptionSerializer(many=True, required=False)
    translations = TranslationsField({"label": 200, "help_text": 300})

    class Meta:
        model = Field
        fields = (
            "key",
            "number",
            "type",
            "label",
            "help_text",
            "is_required",
            "is_personal",
            "options",
            "minimum",
            "maximum",
            "shown_if",
            "shown_if_value",
            "is_active",
            "translations",
        )
        validators: list[Any] = []


class ContentSerializer(SetUpSerializer[Content]):
    """A campaign's texts in one locale. An empty one falls back to the default locale's."""

    locale = serializers.CharField(source="locale_id", read_only=True)
    errors: Any = serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=MOST_LETTERS_OF_REFUSAL),
        required=False,
        help_text=f"The campaign's own words for refusals, by code: {', '.join(REFUSALS)}.",
    )

    class Meta:
        model = Content
        fields = ("locale", *Content.TEXTS, "errors")
        validators: list[Any] = []


class OfCampaign(SetUpEndpoint):
    """A view of what belongs to the campaign that the address names."""

    pagination_class: Any = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Find the campaign before anything that was sent is read. A finished one is read alone.

        :raises CampaignFinished: something is to be changed in it.
        """
        super().initial(request, *args, **kwargs)
        campaign = self.campaign
        if request.method not in SAFE_METHODS:
            check_unfinished(campaign)

    @cached_property
    def campaign(self) -> Campaign:
        """The campaign; 404 where there is none."""
        return campaign_of(self, self.kwargs["domain"])

    def perform_create(self, serializer: serializers.BaseSerializer[Any]) -> None:
        """Store the row as the campaign's."""
        serializer.save(campaign=self.campaign)


class Markets(OfCampaign, generics.ListCreateAPIView[Market]):
    """A campaign's markets with their events, in order; and a new one."""

    queryset = Market.objects.none()
    serializer_class = MarketSerializer

    def get_queryset(self) -> QuerySet[Market]:
        """The campaign's own."""
        return markets_of(self.campaign)


class OneMarket(OfCampaign, generics.RetrieveUpdateAPIView[Market]):
    """One market, by its code."""

    queryset = Market.objects.none()
    serializer_class = MarketSerializer
    lookup_field = "code"
    http_method_names = ["get", "head", "patch"]

    def get_queryset(self) -> QuerySet[Market]:
        """The campaign's own."""
        return markets_of(self.campaign)


class Fields(OfCampaign, generics.ListCreateAPIView[Field]):
    """The questions of a campaign's form, in order; and a new one."""

    queryset = Field.objects.none()
    serializer_class = FieldSerializer

    def get_queryset(self) -> QuerySet[Field]:
        """The campaign's own."""
        return self.campaign.fields.select_related("shown_if").order_by("number", "pk")


class OneField(OfCampaign, generics.RetrieveUpdateAPIView[Field]):
    """One question, by its key."""

    queryset = Field.objects.none()
    serializer_class = FieldSerializer
    lookup_field = "key"
    http_method_names = ["get", "head", "patch"]

    def get_queryset(self) -> QuerySet[Field]:
        """The campaign's own."""
        return self.campaign.fields.select_related("shown_if").order_by("number", "pk")


class Contents(OfCampaign, generics.ListAPIView[Content]):
    """A campaign's texts in all its locales."""

    queryset = Content.objects.none()
    serializer_class = ContentSerializer

    def get_queryset(self) -> QuerySet[Content]:
        """The campaign's own."""
        return self.campaign.contents.order_by("locale_id")


class OneContent(OfCampaign):
    """A campaign's texts in one locale."""

    required_action = Action.EDIT_CONTENT

    @extend_schema(responses=ContentSerializer)
    def get(self, request: Request, domain: str, locale: str) -> Response:
        """The texts as they stand, without what they would fall back to."""
        return Response(ContentSerializer(self._find(locale)).data)

    @extend_schema(request=ContentSerializer, responses=ContentSerializer)
    def put(self, request: Request, domain: str, locale: str) -> Response:
        """Write the texts of a locale anew; what is not sent becomes empty."""
        found = self.campaign.contents.filter(locale=locale).first()
        if found is None and not Locale.objects.filter(pk=locale).exists():
            raise NotFound("There is no such locale.")
        empty = {**dict.fromkeys(Content.TEXTS, ""), "errors": {}}
        return self._store(found, {**empty, **body_of(request)}, locale)

    @extend_schema(request=ContentSerializer, responses=ContentSerializer)
    def patch(self, request: Request, domain: str, locale: str) -> Response:
        """Change some of the texts."""
        return self._store(self._find(locale), body_of(request), locale)

    def _find(self, locale: str) -> Content:
        found = self.campaign.contents.filter(locale=locale).first()
        if found is None:
            raise NotFound("The campaign has no texts in this locale.")
        return found

    def _store(self, content: Content | None, data: Mapping[str, Any], locale: str) -> Response:
        serializer = ContentSerializer(content, data=dict(data), partial=True, context={"view": self})
        serializer.is_valid(raise_exception=True)
        own = {} if content else {"campaign": self.campaign, "locale": Locale.objects.get(pk=locale)}
        stored = serializer.save(**own)
        return Response(ContentSerializer(stored).data, status=status.HTTP_200_OK)
