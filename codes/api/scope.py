"""Which campaign a request about codes means."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from campaigns.api.writing import CampaignField
from campaigns.models import Campaign
from viewers.api import StaffEndpoint

CAMPAIGN = OpenApiParameter("campaign", str, required=True, description="The campaign's domain.")


class CampaignQuery(serializers.Serializer[Any]):
    """Which campaign is meant."""

    campaign = CampaignField()

    @classmethod
    def campaign_of(cls, view: StaffEndpoint) -> Campaign:
        """The campaign that ``?campaign=`` names.

        :raises ValidationError: it names none that the viewer may view.
        :raises NotAllowed: she may view it, and may not do what the view asks.
        """
        asked = {"campaign": view.request.query_params.get("campaign", "")}
        query = cls(data=asked, context={"view": view})
        query.is_valid(raise_exception=True)
        campaign: Campaign = query.validated_data["campaign"]
        return campaign
