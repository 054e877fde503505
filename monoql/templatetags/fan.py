"""Tags and filters of the fan pages and mails."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django import template
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns import rich_text
from campaigns.models import Market
from entries.proof import LINK_DAYS
from monoql import fan_words
from waves.explanation import Outcome

register = template.Library()

register.filter("paragraphs", rich_text.paragraphs)
register.filter("linked", rich_text.linked)
register.filter("rich", rich_text.as_html)
paragraphs, linked = rich_text.paragraphs, rich_text.linked


@register.simple_tag(takes_context=True)
def moment(context: Context, at: datetime | None, zone: ZoneInfo, place: str = "") -> SafeString | str:
    """A moment with its zone, which the page's script completes by the fan's own time."""
    if at is None:
        return ""
    return format_html(
        '<time class="moment" datetime="{}" data-moment data-offset="{}">{} <span class="zone">({})</span></time>',
        fan_words.machine_time(at),
        fan_words.offset_minutes(at, zone),
        fan_words.bare_moment(at, zone, locale=context["locale"]),
        fan_words.zone_text(at, zone, place=place),
    )


@register.simple_tag(takes_context=True)
def window(
    context: Context, start_at: datetime | None, end_at: datetime | None, zone: ZoneInfo, place: str = ""
) -> SafeString | str:
    """A span of time with its zone, completed by the script in the same way."""
    if start_at is None:
        return ""
    return format_html(
        '<span class="moment" data-window data-start="{}" data-end="{}" data-offset="{}">'
        '{} <span class="zone">({})</span></span>',
        fan_words.machine_time(start_at),
        fan_words.machine_time(end_at) if end_at else "",
        fan_words.offset_minutes(start_at, zone),
        fan_words.bare_window(start_at, end_at, zone, locale=context["locale"]),
        fan_words.zone_text(start_at, zone, place=place),
    )


@register.simple_tag(takes_context=True)
def moment_text(context: Context, at: datetime | None, zone: ZoneInfo, place: str = "") -> str:
    """A moment with its zone, as plain text."""
    return fan_words.moment_text(at, zone, locale=context["locale"], place=place)


@register.simple_tag(takes_context=True)
def window_text(
    context: Context, start_at: datetime | None, end_at: datetime | None, zone: ZoneInfo, place: str = ""
) -> str:
    """A span of time with its zone, as plain text."""
    return fan_words.window_text(start_at, end_at, zone, locale=context["locale"], place=place)


@register.simple_tag(takes_context=True)
def short_day(context: Context, at: datetime, zone_name: str) -> str:
    """The day of a moment in the zone of this name."""
    return fan_words.short_day_text(at, ZoneInfo(zone_name), locale=context["locale"])


@register.simple_tag(takes_context=True)
def day(context: Context, at: datetime, zone: ZoneInfo) -> str:
    """The day of a moment in a zone, in full."""
    return fan_words.day_text(at, zone, locale=context["locale"])


@register.filter
def to_go(at: datetime, now: datetime) -> str:
    """How long it is until a moment, as in “2 days to go”; empty once it is past."""
    return fan_words.to_go_text(at - now)


@register.filter
def city(market: Market) -> str:
    """A market's city, with the state where it has one."""
    return fan_words.city_text(market)


@register.filter
def sentence(outcome: Outcome) -> str:
    """What a draw decided, in one sentence."""
    return fan_words.outcome_text(outcome)


@register.filter
def why(outcome: Outcome) -> list[str]:
    """How the places went that she did not get, a line each."""
    return fan_words.why_lines(outcome)


@register.filter
def host(address: str) -> str:
    """The host of a web address, so that a fan sees where a link leads."""
    return urlsplit(address).hostname or ""


@register.filter
def item(mapping: dict[str, Any], key: str) -> Any:
    """What a mapping holds under a key, or nothing."""
    return mapping.get(key, "")


@register.simple_tag
def names(words: Sequence[str]) -> str:
    """Names in a sentence, as in “A, B and C”."""
    return fan_words.list_text([fan_words.isolated(word) for word in words])


@register.simple_tag
def link_days() -> int:
    """For how many days a mailed link works."""
    return LINK_DAYS
