"""REST: what everybody may know of a campaign."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.utils.cache import patch_cache_control, patch_vary_headers
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from campaigns import rich_text
from campaigns.api.fan import Meeting
from campaigns.models import Campaign, Content, Event, Faq, Field, Image, Locale, Market, Tracker, Venue
from campaigns.published import Published
from core.etags import etag_of, or_not_modified

PUBLIC_SECONDS = 5
"""How long a shared cache may keep an answer; never past the moment at which it changes."""
PAGE_TEXTS = tuple(text for text in Content.TEXTS if not text.endswith(("_subject", "_body")))


@extend_schema_field({"type": "object", "properties": {text: {"type": "string"} for text in PAGE_TEXTS}})
class TextsField(serializers.DictField):
    """The texts of the fan pages by name: ``title`` is plain text, all others are HTML of paragraphs, headings, lists,
    emphasis and links. Placeholders such as ``{artist}`` stand as the operator wrote them.
    """


class PublicImageSerializer(serializers.Serializer[Any]):
    """An image; its address never shows anything else."""

    kind = serializers.ChoiceField(choices=Image.Kind.choices)
    url = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    alternative_text = serializers.CharField(allow_blank=True)


class PublicFaqSerializer(serializers.Serializer[Any]):
    """A frequent question; the answer is HTML like the texts."""

    page = serializers.ChoiceField(choices=Faq.Page.choices)
    question = serializers.CharField()
    answer = serializers.CharField()


class LocalizedSerializer(serializers.Serializer[Any]):
    """What stands in one locale, with the default locale's where it has none of its own."""

    locale = serializers.CharField()
    value = TextsField()
    images = PublicImageSerializer(many=True)
    faqs = PublicFaqSerializer(many=True)


class PublicArtistSerializer(serializers.Serializer[Any]):
    """The artist."""

    name = serializers.CharField()
    image = serializers.CharField()
    fan_club_name = serializers.CharField()


class PublicPromoterSerializer(serializers.Serializer[Any]):
    """Who keeps what fans enter, and where its privacy policy stands in the answer's locale."""

    name = serializers.CharField()
    privacy_url = serializers.CharField()


class PublicTrackerSerializer(serializers.Serializer[Any]):
    """An analytics tag: a known one by its identifier, an image by its address."""

    kind = serializers.ChoiceField(choices=Tracker.Kind.choices)
    identifier = serializers.CharField()
    url = serializers.CharField()


class PublicLocaleSerializer(serializers.Serializer[Any]):
    """A locale that the campaign speaks."""

    code = serializers.CharField()
    name = serializers.CharField()
    direction = serializers.CharField()


class PublicEventSerializer(serializers.Serializer[Any]):
    """One date of a market."""

    code = serializers.CharField()
    name = serializers.CharField()
    starts_at = serializers.DateTimeField()
    presale_at = serializers.DateTimeField(allow_null=True)


class PublicVenueSerializer(serializers.Serializer[Any]):
    """Where a market's events are."""

    name = serializers.CharField()
    city = serializers.CharField()
    state = serializers.CharField()
    country = serializers.CharField()
    timezone = serializers.CharField()
    latitude = serializers.FloatField(allow_null=True)
    longitude = serializers.FloatField(allow_null=True)


class PublicMarketSerializer(serializers.Serializer[Any]):
    """A city that a fan can choose, by its code."""

    code = serializers.CharField()
    venue = PublicVenueSerializer()
    events = PublicEventSerializer(many=True)


class PublicOptionSerializer(serializers.Serializer[Any]):
    """One option of a choice."""

    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # REST framework takes fields off the class.


class PublicConditionSerializer(serializers.Serializer[Any]):
    """When a question is asked: another one's answer."""

    key = serializers.CharField()
    value = serializers.CharField(help_text="An option's value; of a tick `yes` or `no`.")


class PublicFieldSerializer(serializers.Serializer[Any]):
    """A question of the form; its answer is sent under its key. Of a market ranking it is the form's `choices`."""

    key = serializers.CharField()
    type = serializers.ChoiceField(choices=Field.Type.choices)
    label = serializers.CharField()  # type: ignore[assignment]  # As above.
    help_text = serializers.CharField()  # type: ignore[assignment]  # As above.
    is_required = serializers.BooleanField()
    options = PublicOptionSerializer(many=True)
    minimum = serializers.CharField(help_text="The least number, date, letters or choices; empty for none.")
    maximum = serializers.CharField(help_text="The most of them; empty for none.")
    shown_if = PublicConditionSerializer(allow_null=True, help_text="Null where it is always asked.")


class PublicCampaignSerializer(serializers.Serializer[Any]):
    """What everybody may know of a campaign."""

    domain = serializers.CharField()
    name = serializers.CharField()
    type = serializers.ChoiceField(choices=Campaign.Type.choices)
    status = serializers.ChoiceField(choices=Campaign.Status.choices)
    accepts_entries = serializers.BooleanField(help_text="Whether a fan may register at this moment.")
    artist = PublicArtistSerializer()
    site_url = serializers.CharField()
    reference_timezone = serializers.CharField()
    open_at = serializers.DateTimeField(allow_null=True)
    close_at = serializers.DateTimeField(allow_null=True)
    finish_at = serializers.DateTimeField(allow_null=True)
    presale_window_start_at = serializers.DateTimeField(allow_null=True)
    presale_window_end_at = serializers.DateTimeField(allow_null=True)
    general_onsale_at = serializers.DateTimeField(allow_null=True)
    identifier_type = serializers.ChoiceField(choices=Campaign.IdentifierType.choices)
    requires_phone_confirmation = serializers.BooleanField()
    minimum_age = serializers.IntegerField(allow_null=True)
    requires_password = serializers.BooleanField(help_text="Whether a registration must send the artist's `password`.")
    promoter = PublicPromoterSerializer(allow_null=True)
    trackers = PublicTrackerSerializer(many=True, help_text="Load none before the fan has agreed.")
    locale = serializers.CharField(help_text="The locale of `texts` and labels.")
    default_locale = serializers.CharField()
    locales = PublicLocaleSerializer(many=True)
    texts = TextsField()
    images = PublicImageSerializer(many=True)
    faqs = PublicFaqSerializer(many=True, help_text="In the order of each page.")
    localized = LocalizedSerializer(
        many=True, help_text="The same texts, images and questions in every locale, without gaps."
    )
    markets = PublicMarketSerializer(many=True)
    fields = PublicFieldSerializer(many=True)  # type: ignore[assignment]  # As above.
    commitments = serializers.ListField(child=serializers.CharField(), help_text="SHA-256s of the draw's secrets.")
    committed_at = serializers.DateTimeField(allow_null=True)
    signing_key = serializers.CharField(help_text="Ed25519 key of receipts, 64 hex digits.")


def answer_for_everybody(request: Request, meeting: Meeting, *, signing_key: str) -> HttpResponse:
    """The public part in the client's language, for shared caches to keep for some seconds; 304 where it has it."""
    campaign, now = meeting.campaign, meeting.now
    body, etag = _bytes_for_everybody(meeting, signing_key)
    headers = {"Content-Language": meeting.locale.tag, "ETag": etag}
    response = HttpResponse(body, content_type=JSONRenderer.media_type, headers=headers)
    changes = [at for at in (campaign.open_at, campaign.close_at, campaign.finish_at) if at is not None and at > now]
    seconds = min([PUBLIC_SECONDS, *((at - now).total_seconds() for at in changes)])
    patch_cache_control(response, public=True, max_age=max(1, int(seconds)))
    patch_vary_headers(response, ("Accept-Language", "Cookie", "Authorization"))
    return or_not_modified(request._request, response)


def _bytes_for_everybody(meeting: Meeting, signing_key: str) -> tuple[bytes, str]:
    """The public part as it is sent, and its tag; made once for each locale while the campaign is in memory."""
    kept = meeting.published.answers
    name = (meeting.locale.code, meeting.campaign.is_accepting(meeting.now), signing_key)
    if name not in kept:
        with meeting.spoken():
            body = JSONRenderer().render(public_part(meeting, signing_key=signing_key))
        kept[name] = (body, etag_of(body))
    return kept[name]


def public_part(meeting: Meeting, *, signing_key: str) -> dict[str, Any]:
    """The values of ``PublicCampaignSerializer``, in the active language."""
    campaign, published = meeting.campaign, meeting.published
    sealed = getattr(campaign, "draw_secrets", None)
    return {
        "domain": campaign.domain,
        "name": campaign.name,
        "type": campaign.type,
        "status": campaign.status,
        "accepts_entries": campaign.is_accepting(meeting.now),
        "artist": {
            "name": campaign.artist.name,
            "image": campaign.artist.image,
            "fan_club_name": campaign.artist.fan_club_name,
        },
        "site_url": campaign.site_url,
        "reference_timezone": campaign.reference_timezone,
        "open_at": campaign.open_at,
        "close_at": campaign.close_at,
        "finish_at": campaign.finish_at,
        "presale_window_start_at": campaign.presale_window_start_at,
        "presale_window_end_at": campaign.presale_window_end_at,
        "general_onsale_at": campaign.general_onsale_at,
        "identifier_type": campaign.identifier_type,
        "requires_phone_confirmation": campaign.requires_phone_confirmation,
        "minimum_age": campaign.minimum_age,
        "requires_password": bool(campaign.password_hash),
        "promoter": _promoter(published, meeting.locale),
        "trackers": [_tracker(tracker) for tracker in published.trackers],
        "locale": meeting.locale.code,
        "default_locale": campaign.default_locale_id,
        "locales": [_locale(locale) for locale in published.locales],
        "texts": _texts(published, meeting.locale),
        "images": _images(published, meeting.locale),
        "faqs": _faqs(published, meeting.locale),
        "localized": [
            {
                "locale": locale.code,
                "value": _texts(published, locale),
                "images": _images(published, locale),
                "faqs": _faqs(published, locale),
            }
            for locale in published.locales
        ],
        "markets": [_market(market) for market in published.markets],
        "fields": _fields(published, meeting.locale),
        "commitments": list(sealed.commitments) if sealed is not None else [],
        "committed_at": sealed.committed_at if sealed is not None else None,
        "signing_key": signing_key,
    }


def _texts(published: Published, locale: Locale) -> dict[str, str]:
    texts = published.texts(locale.code)
    return {name: rich_text.as_html(texts[name]) if name in Content.RICH else texts[name] for name in PAGE_TEXTS}


def _images(published: Published, locale: Locale) -> list[dict[str, Any]]:
    return [
        {
            "kind": kind,
            "url": image.url,
            "width": image.width,
            "height": image.height,
            "alternative_text": image.alternative_text,
        }
        for kind, image in sorted(published.images(locale.code).items())
    ]


def _faqs(published: Published, locale: Locale) -> list[dict[str, str]]:
    return [
        {"page": page, "question": faq.question, "answer": rich_text.as_html(faq.answer)}
        for page in Faq.Page.values
        for faq in published.faqs(locale.code, page)
    ]


def _locale(locale: Locale) -> dict[str, str]:
    return {"code": locale.code, "name": locale.name, "direction": locale.direction}


def _promoter(published: Published, locale: Locale) -> dict[str, str] | None:
    promoter = published.campaign.promoter
    return None if promoter is None else {"name": promoter.name, "privacy_url": published.privacy_url(locale.code)}


def _tracker(tracker: Tracker) -> dict[str, str]:
    return {"kind": tracker.kind, "identifier": tracker.identifier, "url": tracker.url}


def _market(market: Market) -> dict[str, Any]:
    return {
        "code": market.code,
        "venue": _venue(market.venue),
        "events": [_event(event) for event in market.events.all()],
    }


def _venue(venue: Venue) -> dict[str, Any]:
    return {
        "name": venue.name,
        "city": venue.city,
        "state": venue.state,
        "country": venue.country,
        "timezone": venue.timezone,
        "latitude": None if venue.latitude is None else float(venue.latitude),
        "longitude": None if venue.longitude is None else float(venue.longitude),
    }


def _event(event: Event) -> dict[str, datetime | str | None]:
    return {"code": event.code, "name": event.name, "starts_at": event.starts_at, "presale_at": event.presale_at}


def _fields(published: Published, locale: Locale) -> list[dict[str, Any]]:
    keys = {field.pk: field.key for field in published.fields}
    # One whose condition is asked no more is never asked either.
    asked = [field for field in published.fields if field.shown_if_id is None or field.shown_if_id in keys]
    return [_field(field, locale, keys) for field in asked]


def _field(field: Field, locale: Locale, keys: Mapping[int, str]) -> dict[str, Any]:
    return {
        "key": field.key,
        "type": field.type,
        "label": field.label,
        "help_text": field.help_text,
        "is_required": field.is_required or field.type == Field.Type.RANKING,
        "options": [_option(option, locale) for option in field.options],
        "minimum": field.minimum,
        "maximum": field.maximum,
        "shown_if": {"key": keys[field.shown_if_id], "value": field.shown_if_value} if field.shown_if_id else None,
    }


def _option(option: Mapping[str, Any], locale: Locale) -> dict[str, str]:
    """An option in the fan's language, else in English, else by its value."""
    labels = option.get("labels") or {}
    label = labels.get(locale.language) or labels.get("en") or next(iter(labels.values()), option["value"])
    return {"value": str(option["value"]), "label": str(label)}
