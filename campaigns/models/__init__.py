"""What operators set up."""

from campaigns.models.campaign import Campaign, DrawSecrets
from campaigns.models.catalogue import Artist, Locale, Venue
from campaigns.models.content import Content
from campaigns.models.field import Field
from campaigns.models.gate import Gate
from campaigns.models.market import Event, Market
from campaigns.models.member import Member
from campaigns.models.page_parts import Faq, Image
from campaigns.models.promoter import PrivacyPolicy, Promoter, Tracker

__all__ = [
    "Artist",
    "Campaign",
    "Content",
    "DrawSecrets",
    "Event",
    "Faq",
    "Field",
    "Gate",
    "Image",
    "Locale",
    "Market",
    "Member",
    "PrivacyPolicy",
    "Promoter",
    "Tracker",
    "Venue",
]
