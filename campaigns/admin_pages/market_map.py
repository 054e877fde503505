"""A map of a campaign's markets, drawn from their coordinates: no tiles, and nothing fetched from elsewhere."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.urls import reverse

from campaigns.models import Campaign, Market

LEAST_WIDTH, ASPECT = 24.0, 2.2
"""Degrees of longitude that are shown at least, and how many of them come on one of latitude."""


@dataclass(frozen=True)
class Pin:
    """One market on the map: degrees east, degrees south, and what it says."""

    x: float
    y: float
    label: str
    link: str
    is_active: bool


@dataclass(frozen=True)
class MarketMap:
    """The pins and the window around them, in degrees. ``radius`` is a pin's."""

    pins: list[Pin]
    left: float
    top: float
    width: float
    height: float
    missing: list[str]

    @property
    def view_box(self) -> str:
        """The window as SVG wants it."""
        return f"{self.left:.2f} {self.top:.2f} {self.width:.2f} {self.height:.2f}"

    @property
    def radius(self) -> float:
        """A pin's radius: the same on the screen whatever the window."""
        return self.width / 140


def market_map(campaign: Campaign) -> MarketMap | None:
    """The map of a campaign's markets; nothing where no venue has coordinates. One query."""
    markets: QuerySet[Market] = campaign.markets.select_related("venue").order_by("number")
    pins, missing = [], []
    for market in markets:
        venue = market.venue
        if venue.latitude is None or venue.longitude is None:
            missing.append(market.code)
            continue
        pins.append(
            Pin(
                x=float(venue.longitude),
                y=-float(venue.latitude),
                label=f"{market.code} · {venue.city}, {venue.name}{'' if market.is_active else ' (inactive)'}",
                link=reverse("admin:campaigns_market_change", args=[market.pk]),
                is_active=market.is_active,
            )
        )
    return _window(pins, missing) if pins else None


def _window(pins: list[Pin], missing: list[str]) -> MarketMap:
    """The smallest window of the map's shape that holds all pins with some room around them."""
    xs, ys = [pin.x for pin in pins], [pin.y for pin in pins]
    across, down = (max(xs) - min(xs)) * 1.15, (max(ys) - min(ys)) * 1.25
    width = max(LEAST_WIDTH, across, down * ASPECT)
    height = width / ASPECT
    left = (max(xs) + min(xs)) / 2 - width / 2
    top = (max(ys) + min(ys)) / 2 - height / 2
    return MarketMap(pins=pins, left=left, top=top, width=width, height=height, missing=missing)
