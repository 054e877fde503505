"""A campaign as fans meet it, read in a handful of queries and kept in memory for seconds.

A million fans read the same set-up; the status that decides is read anew inside each registration.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db.models import Prefetch, Q

from campaigns import secrets
from campaigns.models import Campaign, Content, Event, Faq, Field, Gate, Image, Locale, Market, Tracker
from core.refusal import Refusal


class NoSuchCampaign(LookupError):
    """No campaign has this domain."""


@dataclass(frozen=True)
class Published:
    """One campaign with its active markets (venue and active events loaded), fields and gates, locales and texts."""

    campaign: Campaign
    markets: tuple[Market, ...]
    fields: tuple[Field, ...]
    locales: tuple[Locale, ...]
    contents: Mapping[str, Content]
    all_images: Mapping[tuple[str, str], Image] = field(default_factory=dict)
    """By locale and kind."""
    all_faqs: Mapping[tuple[str, str], tuple[Faq, ...]] = field(default_factory=dict)
    """By locale and page, each in its order."""
    gates: tuple[Gate, ...] = ()

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

    @cached_property
    def answers(self) -> dict[Any, tuple[bytes, Any]]:
        """What was made of it for everybody, with its entity tag or headers; it lives as long as this is in memory."""
        return {}

    @cached_property
    def origins(self) -> frozenset[str]:
        """The other sites whose pages may ask the API for it."""
        return frozenset(self.campaign.allowed_origins.split())

    def texts(self, locale: str) -> Mapping[str, str]:
        """Every text for a locale, each falling back alone to the default locale's."""
        contents = [content for code in self._ways(locale) if (content := self.contents.get(code)) is not None]
        return {text: _first_given(getattr(content, text) for content in contents) for text in Content.TEXTS}

    def images(self, locale: str) -> Mapping[str, Image]:
        """The images for a locale by kind, each kind falling back alone."""
        ways = reversed(self._ways(locale))
        return {kind: image for way in ways for (code, kind), image in self.all_images.items() if code == way}

    def faqs(self, locale: str, page: str) -> tuple[Faq, ...]:
        """The frequent questions of a page for a locale; a page without any of its own shows the default locale's."""
        return next((faqs for code in self._ways(locale) if (faqs := self.all_faqs.get((code, page)))), ())

    def refusal_words(self, refusal: Refusal, locale: str) -> str:
        """The campaign's own words for a refusal, where it has some, else the refusal's."""
        code = refusal.code
        if code == "not_open" and self.campaign.status != Campaign.Status.NOT_STARTED:
            code = "closed"
        contents = [content for way in self._ways(locale) if (content := self.contents.get(way)) is not None]
        return _first_given(content.errors.get(code, "") for content in contents) or refusal.message

    def _ways(self, locale: str) -> tuple[str, str]:
        """The locales in which something is looked for, in order."""
        return (locale, self.campaign.default_locale_id)

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

    def privacy_url(self, locale: str) -> str:
        """The address of the promoter's privacy policy for a locale; empty where there is no promoter yet."""
        promoter = self.campaign.promoter
        return promoter.privacy_url_in(locale, default=self.campaign.default_locale_id) if promoter is not None else ""

    @cached_property
    def trackers(self) -> tuple[Tracker, ...]:
        """The tags in use that its pages may load once a fan has agreed."""
        return tuple(sorted(self.campaign.trackers.all(), key=lambda tracker: tracker.pk))

    @cached_property
    def default_locale(self) -> Locale:
        """The locale whose texts stand in for missing ones."""
        return self.campaign.default_locale


def _first_given(texts: Iterable[str]) -> str:
    """The first text that shows anything."""
    return next((text for text in texts if text.strip()), "")


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
    campaign = (
        Campaign.objects.select_related("artist", "default_locale", "draw_secrets", "promoter")
        .prefetch_related("promoter__policies", Prefetch("trackers", Tracker.objects.filter(is_active=True)))
        .filter(domain=domain)
        .first()
    )
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
        fields=tuple(campaign.fields.filter(is_active=True).order_by("number", "pk")),
        locales=tuple(locales) or (campaign.default_locale,),
        contents={content.locale_id: content for content in campaign.contents.all()},
        gates=tuple(campaign.gates.filter(is_active=True).select_related("other_campaign").order_by("number", "pk")),
        all_images={(image.locale_id, image.kind): image for image in campaign.images.all()},
        all_faqs={
            key: tuple(faqs)
            for key, faqs in groupby(
                campaign.faqs.order_by("locale", "page", "number", "pk"), key=lambda faq: (faq.locale_id, faq.page)
            )
        },
    )


def published_by_id(campaign_id: int) -> Published:
    """The same, for a row that names its campaign by id."""
    for kept_at, kept in list(_kept.values()):
        if kept.campaign.pk == campaign_id and time.monotonic() - kept_at < settings.PUBLISHED_SECONDS:
            return kept
    return published(Campaign.objects.values_list("domain", flat=True).get(pk=campaign_id))
