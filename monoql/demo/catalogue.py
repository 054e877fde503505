"""What the demo's campaigns share, and each campaign's own set-up: markets, events, form, texts."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from campaigns.models import (
    Artist,
    Campaign,
    Content,
    Event,
    Field,
    Locale,
    Market,
    PrivacyPolicy,
    Promoter,
    Tracker,
    Venue,
)
from monoql.demo import wording
from monoql.demo.plan import ARTIST, ZONE, CampaignPlan, MarketPlan
from monoql.demo.tour import TourMarket, tour_markets

DISCOVERY_ID = "K8vZ-AURORA-VALE"
PLATFORM = "Demo Tickets"
PROMOTER = "Westward Concerts"


def make_locales() -> list[Locale]:
    """Make the demo's locales; those that are there already stay as they are."""
    return [
        Locale.objects.get_or_create(
            code=code,
            defaults={
                "name": wording.locale_name(code),
                "direction": Locale.Direction.RTL if code in wording.RIGHT_TO_LEFT else Locale.Direction.LTR,
            },
        )[0]
        for code in wording.LOCALES
    ]


def make_artist() -> Artist:
    """Make the invented artist."""
    artist, _ = Artist.objects.get_or_create(
        discovery_id=DISCOVERY_ID, defaults={"name": ARTIST, "fan_club_name": "The Valley"}
    )
    return artist


def make_promoter(locales: list[Locale]) -> Promoter:
    """Make the invented promoter, with the address of its privacy policy in each locale but the British."""
    promoter, is_new = Promoter.objects.get_or_create(
        name=PROMOTER, defaults={"privacy_url": "https://westward.example/privacy"}
    )
    if is_new:
        PrivacyPolicy.objects.bulk_create(
            PrivacyPolicy(promoter=promoter, locale=locale, url=f"https://westward.example/{locale.tag}/privacy")
            for locale in locales
            if locale.code != "en_GB"
        )
    return promoter


def make_tracker() -> Tracker:
    """Make the invented promoter's analytics tag."""
    tracker, _ = Tracker.objects.get_or_create(
        kind=Tracker.Kind.GA4, identifier="G-WESTWARD01", defaults={"name": "Westward's analytics"}
    )
    return tracker


def make_venues() -> dict[str, Venue]:
    """Make the tour's venues, by market code, with their cities' names in every language."""
    return {market.code: _venue(market) for market in tour_markets()}


def _venue(market: TourMarket) -> Venue:
    known = Venue.objects.filter(name=market.venue, city=market.city, country=market.country).first()
    if known is not None:
        return known
    venue = Venue(
        name=market.venue,
        city=market.city,
        state=market.state,
        country=market.country,
        latitude=Decimal(str(market.latitude)),
        longitude=Decimal(str(market.longitude)),
        timezone=market.timezone,
        ticketing_platform=PLATFORM,
        ticketing_platform_id=f"V-{market.code}",
    )
    for language, name in wording.city_names(market.code).items():
        setattr(venue, f"city_{language}", name)
    venue.save()
    return venue


@transaction.atomic
def make_campaign(plan: CampaignPlan, markets: tuple[MarketPlan, ...], *, tour_shift: timedelta) -> Campaign:
    """Make one campaign with all that it needs to open."""
    venues = make_venues()
    locales = make_locales()
    campaign = Campaign.objects.create(
        name=plan.name,
        artist=make_artist(),
        promoter=make_promoter(locales),
        domain=plan.domain,
        reference_timezone=ZONE.key,
        open_at=plan.open_at,
        close_at=plan.close_at,
        presale_window_start_at=plan.presale_start_at,
        presale_window_end_at=plan.presale_end_at,
        general_onsale_at=plan.general_onsale_at,
        default_locale=locales[0],
        category_id="KZFzniwnSyZfZ7v7nJ",
        minimum_age=16,
    )
    campaign.locales.set(locales)
    campaign.trackers.set([make_tracker()])
    for number, market in enumerate(markets, start=1):
        _make_market(campaign, number, market, venues[market.market.code], tour_shift)
    _make_form(campaign)
    for locale in locales:
        Content.objects.create(campaign=campaign, locale=locale, **wording.texts(locale.code, campaign=plan.key))
    return campaign


def _make_market(campaign: Campaign, number: int, plan: MarketPlan, venue: Venue, tour_shift: timedelta) -> None:
    market = Market.objects.create(
        campaign=campaign,
        number=number,
        code=plan.market.code,
        venue=venue,
        population_limit=plan.places,
        split=Market.Split.SEQUENTIAL if plan.is_sequential else Market.Split.CONCURRENT,
        link=f"https://tickets.example/{plan.market.code.lower()}",
    )
    zone = ZoneInfo(plan.market.timezone)
    for evening, event in enumerate(plan.market.events, start=1):
        Event.objects.create(
            market=market,
            number=evening,
            code=event.code,
            name=f"{campaign.artist.name}, {plan.market.city}, night {evening}",
            starts_at=datetime.combine(event.on_date, event.doors, zone) + tour_shift,
            link=f"https://tickets.example/{event.code.lower()}",
        )


def _make_form(campaign: Campaign) -> None:
    for number, question in enumerate(wording.questions(), start=1):
        field = Field(
            campaign=campaign,
            number=number,
            key=question.key,
            type=question.type,
            is_required=question.is_required,
            is_personal=question.is_personal,
            options=question.options,
        )
        for language, _ in settings.LANGUAGES:
            setattr(field, f"label_{language}", question.label.get(language, ""))
            setattr(field, f"help_text_{language}", question.help.get(language, ""))
        field.save()
