"""REST: a campaign's gates."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import generics, serializers

from campaigns.api.setup import OfCampaign
from campaigns.api.writing import DOMAIN, SetUpSerializer, TranslationsField
from campaigns.models import Campaign, Gate


@extend_schema_field({"type": "string", "maxLength": 63, "nullable": True})
class SeenCampaignField(serializers.Field[Campaign, Any, str, Any]):
    """Another campaign that the viewer may view, by its domain."""

    default_error_messages = {"no_campaign": "There is no campaign with this domain."}

    def to_internal_value(self, data: Any) -> Campaign:
        """Find the campaign."""
        is_domain = isinstance(data, str) and DOMAIN.fullmatch(data.lower()) is not None
        rows = self.context["view"].visible(Campaign.objects.all(), field="pk")
        found: Campaign | None = rows.filter(domain=data.lower()).first() if is_domain else None
        if found is None:
            self.fail("no_campaign")
        return found

    def to_representation(self, value: Campaign) -> str:
        """Name it."""
        return value.domain


class GateSerializer(SetUpSerializer[Gate]):
    """What a fan must bring. Its message is English; other languages stand in ``translations``."""

    number = serializers.IntegerField(
        min_value=1, max_value=32767, required=False, help_text="Its place in the order; without one it comes last."
    )
    other_campaign = SeenCampaignField(
        required=False, allow_null=True, help_text="The domain of the campaign in which a fan must have an entry."
    )
    translations = TranslationsField({"message": 300})

    class Meta:
        model = Gate
        fields = (
            "id",
            "number",
            "kind",
            "provider",
            "wanted",
            "other_campaign",
            "message",
            "is_active",
            "translations",
        )
        validators: list[Any] = []


class Gates(OfCampaign, generics.ListCreateAPIView[Gate]):
    """The gates of a campaign, in order; and a new one."""

    queryset = Gate.objects.none()
    serializer_class = GateSerializer

    def get_queryset(self) -> QuerySet[Gate]:
        """The campaign's own."""
        return self.campaign.gates.select_related("other_campaign").order_by("number", "pk")


class OneGate(OfCampaign, generics.RetrieveUpdateAPIView[Gate]):
    """One gate, by its id."""

    queryset = Gate.objects.none()
    serializer_class = GateSerializer
    http_method_names = ["get", "head", "patch"]

    def get_queryset(self) -> QuerySet[Gate]:
        """The campaign's own."""
        return self.campaign.gates.select_related("other_campaign").order_by("number", "pk")
