"""REST: artists, venues and locales."""

from typing import Any

from rest_framework import generics, serializers

from campaigns.api.writing import SetUpSerializer, TranslationsField
from campaigns.models import Artist, Locale, Venue
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
