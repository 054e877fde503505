"""Every kind of row that comes and goes as a file."""

from collections.abc import Mapping

from django.db import models

from campaigns.transfer import campaign_rows, campaigns, resources
from campaigns.transfer.resources import TableResource

RESOURCES: Mapping[type[models.Model], type[TableResource]] = {
    resource.model: resource
    for resource in (
        resources.ArtistResource,
        resources.VenueResource,
        resources.PromoterResource,
        resources.TrackerResource,
        resources.LocaleResource,
        campaigns.CampaignResource,
        campaign_rows.MarketResource,
        campaign_rows.EventResource,
        campaign_rows.FieldResource,
        campaign_rows.GateResource,
        campaign_rows.ContentResource,
        campaign_rows.FaqResource,
    )
}
