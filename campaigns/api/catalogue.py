"""REST: artists, venues, promoters, trackers and locales."""

from collections.abc import Mapping
from typing import Any

from rest_framework import generics, serializers

from campaigns.api.writing import PoliciesField, SetUpSerializer, TranslationsField
from campaigns.models import Artist, Locale, Promoter, Tracker, Venue
from campaigns.policies import set_policies
from core.api import NewestFirst
from viewers.api import StaffEndpoint
from viewers.permissions import Action


class ByCode(NewestFirst):
    """Pages in the order of the key."""

    ordering = "pk"


class ArtistSerializer(SetUpSerializer[Artist]):
    """A performer."""

    class Meta:
        model = Artist
        fields = ("id", "name", "discovery_id", "image", "fan_club_name")


class VenueSerializer(SetUpSerializer[Venue]):
    """A place where events happen. Its words are English; other languages stand in ``translations``."""

    translations = TranslationsField({"name": 200, "city": 100})

    class Meta:
        model = Venue
        fields = (
            "id",
            "name",
            "address",
            "city",
            "state",
            "country",
            "latitude",
            "longitude",
            "timezone",
            "ticketing_platform",
            "ticketing_platform_id",
            "translations",
        )
        validators: list[Any] = []


class PromoterSerializer(SetUpSerializer[Promoter]):
    """A promoter. ``privacy_url`` serves the locales that have no address in ``policies``."""

    policies = PoliciesField()

    class Meta:
        model = Promoter
        fields = ("id", "name", "privacy_url", "policies")
        validators: list[Any] = []

    def _relations(self, row: Promoter) -> set[str]:
        return {*super()._relations(row), "policies"}

    def _relate(self, row: Promoter, values: Mapping[str, Any]) -> dict[str, list[Any]]:
        return set_policies(row, values["policies"]) if "policies" in values else {}


class TrackerSerializer(SetUpSerializer[Tracker]):
    """An analytics tag: of an image from an address the ``url``, of all other kinds the ``identifier``."""

    class Meta:
        model = Tracker
        fields = ("id", "name", "kind", "identifier", "url", "is_active")
        validators: list[Any] = []


class LocaleSerializer(SetUpSerializer[Locale]):
    """A language and region that campaigns can speak."""

    class Meta:
        model = Locale
        fields = ("code", "name", "direction", "is_active")

    def update(self, instance: Locale, validated_data: Any) -> Locale:
        """Keep the code: campaigns and entries name it."""
        if validated_data.get("code", instance.code) != instance.code:
            raise serializers.ValidationError({"code": ["A locale keeps its code."]})
        return super().update(instance, validated_data)


class CatalogueEndpoint(StaffEndpoint):
    """What campaigns share."""

    required_action = Action.EDIT_CATALOGUE


class Artists(CatalogueEndpoint, generics.ListCreateAPIView[Artist]):
    """All artists, the newest first; and a new one."""

    queryset = Artist.objects.all()
    serializer_class = ArtistSerializer
    pagination_class = NewestFirst


class OneArtist(CatalogueEndpoint, generics.RetrieveUpdateAPIView[Artist]):
    """One artist."""

    queryset = Artist.objects.all()
    serializer_class = ArtistSerializer
    http_method_names = ["get", "head", "patch"]


class Venues(CatalogueEndpoint, generics.ListCreateAPIView[Venue]):
    """All venues, the newest first; and a new one."""

    queryset = Venue.objects.all()
    serializer_class = VenueSerializer
    pagination_class = NewestFirst


class OneVenue(CatalogueEndpoint, generics.RetrieveUpdateAPIView[Venue]):
    """One venue."""

    queryset = Venue.objects.all()
    serializer_class = VenueSerializer
    http_method_names = ["get", "head", "patch"]


class Promoters(CatalogueEndpoint, generics.ListCreateAPIView[Promoter]):
    """All promoters, the newest first; and a new one."""

    queryset = Promoter.objects.prefetch_related("policies")
    serializer_class = PromoterSerializer
    pagination_class = NewestFirst


class OnePromoter(CatalogueEndpoint, generics.RetrieveUpdateAPIView[Promoter]):
    """One promoter."""

    queryset = Promoter.objects.prefetch_related("policies")
    serializer_class = PromoterSerializer
    http_method_names = ["get", "head", "patch"]


class Trackers(CatalogueEndpoint, generics.ListCreateAPIView[Tracker]):
    """All trackers, the newest first; and a new one."""

    queryset = Tracker.objects.all()
    serializer_class = TrackerSerializer
    pagination_class = NewestFirst


class OneTracker(CatalogueEndpoint, generics.RetrieveUpdateAPIView[Tracker]):
    """One tracker."""

    queryset = Tracker.objects.all()
    serializer_class = TrackerSerializer
    http_method_names = ["get", "head", "patch"]


class Locales(CatalogueEndpoint, generics.ListCreateAPIView[Locale]):
    """All locales by code; and a new one."""

    queryset = Locale.objects.all()
    serializer_class = LocaleSerializer
    pagination_class = ByCode


class OneLocale(CatalogueEndpoint, generics.RetrieveUpdateAPIView[Locale]):
    """One locale."""

    queryset = Locale.objects.all()
    serializer_class = LocaleSerializer
    lookup_url_kwarg = "locale"
    http_method_names = ["get", "head", "patch"]
