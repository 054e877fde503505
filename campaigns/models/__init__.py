"""What operators set up."""

from campaigns.models.campaign import Campaign, DrawSecrets
from campaigns.models.catalogue import Artist, Locale, Venue
from campaigns.models.content import Content
from campaigns.models.field import Field
from campaigns.models.market import Event, Market

__all__ = ["Artist", "Campaign", "Content", "DrawSecrets", "Event", "Field", "Locale", "Market", "Venue"]
