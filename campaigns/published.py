"""A campaign as fans meet it, read in a handful of queries and kept in memory for seconds.

A million fans read the same set-up; the status that decides is read anew inside each registration.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.db.models import Prefetch, Q

from campaigns import secrets
from campaigns.models import Campaign, Content, Event, Field, Locale, Market


class NoSuchCampaign(LookupError):
    """No campaign has this domain."""


@dataclass(frozen=True)
class Published:
    """One campaign with its active markets (venue and active events loaded), fields, locales and texts."""

    campaign: Campaign
    markets: tuple[Market, ...]
    fields: tuple[Field, ...]
    locales: tuple[Locale, ...]
    contents: Mapping[str, Content]

    @cached_property
    def market_of_code(self) -> Mapping[str, Market]:
        """Its markets by code."""
        return {market.code: market for market in self.markets}

    @cached_property
    def market_of_number(self) -> Mapping[int, Market]:
        """Its markets by number."""
        return {market.number: market for market in self.markets}

    @cached_property
    def salt(self) -> bytes:
        """Its salt; never shown."""
        return secrets.salt_of(self.campaign)

    def texts(self, locale: str) -> Mapping[str, str]:
        """Every text for a locale, each falling back alone to the default locale's."""
        own, default = self.contents.get(locale), self.contents.get(self.campaign.default_locale_id)
        return {text: getattr(own, text, "") or getattr(default, text, "") for text in Content.TEXTS}

    def choose_locale(self, *, asked: str = "", accepted: tuple[str, ...] = ()) -> Locale:
        """The asked locale, else the best of the browser's, else the default.

        ``asked`` may be a code (``es_MX``), a tag (``es-MX``) or a language (``es``); ``accepted`` are tags by
        preference.
        """
        for wish in (asked, *accepted):
            tag = wish.replace("-", "_").lower()
            exact = [locale for locale in self.locales if locale.code.lower() == tag]
            same_language = [locale for locale in self.locales if tag and locale.language == tag.partition("_")[0]]
            for locale in (*exact, *same_language):
                return locale
        return self.default_locale

    @cached_property
    def default_locale(self) -> Locale:
        """The locale whose texts stand in for missing ones."""
        return self.campaign.default_locale


IS_PUBLIC = ~Q(status=Campaign.Status.NOT_STARTED) | Q(is_released=True)
"""``Campaign.is_public`` for a query."""

_kept: dict[str, tuple[float, Published]] = {}
_lock = threading.Lock()


def published(domain: str) -> Published:
    """The campaign of a domain, at most ``PUBLISHED_SECONDS`` old.

    :raises NoSuchCampaign: there is none.
    """
    domain = domain.lower()
    kept = _kept.get(domain)
    if kept is not None and time.monotonic() - kept[0] < settings.PUBLISHED_SECONDS:
        return kept[1]
    fresh = _load(domain)
    with _lock:
        if len(_kept) >= 256:
            _kept.clear()
        _kept[domain] = (time.monotonic(), fresh)
    return fresh


def _load(domain: str) -> Published:
    campaign = Campaign.objects.select_related("artist", "default_locale", "draw_secrets").filter(domain=domain).first()
    if campaign is None:
        raise NoSuchCampaign(domain)
    events = Event.objects.filter(is_active=True).order_by("number", "pk")
    markets = (
        campaign.markets.filter(is_active=True)
        .select_related("venue")
        .prefetch_related(Prefetch("events", queryset=events))
        .order_by("number")
    )
    locales = sorted(
        campaign.locales.filter(is_active=True),
        # Of two Spanish ones the default comes first.
        key=lambda locale: (locale.code != campaign.default_locale_id, locale.code),
    )
    return Published(
        campaign=campaign,
        markets=tuple(markets),
        fields=tuple(campaign.fields.order_by("number", "pk")),
        locales=tuple(locales) or (campaign.default_locale,),
        contents={content.locale_id: content for content in campaign.contents.all()},
    )


def published_by_id(campaign_id: int) -> Published:
    """The same, for a row that names its campaign by id."""
    for kept_at, kept in list(_kept.values()):
        if kept.campaign.pk == campaign_id and time.monotonic() - kept_at < settings.PUBLISHED_SECONDS:
            return kept
    return published(Campaign.objects.values_list("domain", flat=True).get(pk=campaign_id))
