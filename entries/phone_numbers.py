"""Which phone numbers a campaign takes."""

from typing import Any

import phonenumbers
from django.utils.translation import gettext as _
from phonenumbers import PhoneNumberType

from campaigns.published import Published
from entries.answers import BadAnswer, clean_phone

NO_MESSAGES = (
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.VOICEMAIL,
    PhoneNumberType.PAGER,
    PhoneNumberType.UAN,
)
"""Numbers that take no message, or for which somebody is paid who receives one."""


def home_region(published: Published) -> str | None:
    """The country in which phone numbers without a country code are read: the first market's."""
    return published.markets[0].venue.country if published.markets else None


def clean_campaign_phone(given: Any, published: Published) -> str:
    """A fan's number in E.164, from a country from which the campaign takes numbers.

    :raises BadAnswer: there is no such number, or it is from elsewhere.
    """
    number = clean_phone(given, region=home_region(published))
    countries = {market.venue.country for market in published.markets}
    is_anywhere = published.campaign.allows_international_phones or not countries
    if not is_anywhere and phonenumbers.region_code_for_number(phonenumbers.parse(number)) not in countries:
        raise BadAnswer(_("Please enter a phone number from a country of this tour."))
    return number


def check_takes_messages(number: str) -> None:
    """Refuse a number that gets no text messages, or costs whoever sends one.

    :raises BadAnswer: with what to enter.
    """
    if phonenumbers.number_type(phonenumbers.parse(number)) in NO_MESSAGES:
        raise BadAnswer(_("This number takes no text messages. Please enter the number of a mobile phone."))


def prefix_of(number: str) -> int:
    """The country prefix of a number in E.164."""
    return phonenumbers.parse(number).country_code or 0
