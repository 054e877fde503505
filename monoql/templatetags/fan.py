"""Tags and filters of the fan pages and mails."""

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django import template
from django.template import Context
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from campaigns.models import Market
from entries.proof import LINK_DAYS
from monoql import fan_words
from waves.explanation import Outcome

register = template.Library()

_ADDRESS = re.compile(
    r"https?://[a-z0-9][a-z0-9.-]*(?::[0-9]+)?(?:[/?#][\w./?#\[\]@!$&'()*+,;=:%~-]*)?", re.ASCII | re.IGNORECASE
)
_BEHIND_ADDRESS = ".,:;!?'"


@register.filter
def paragraphs(text: str) -> SafeString:
    """An operator's plain text as paragraphs with its line breaks; web addresses become links, nothing else is HTML."""
    blocks = re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip())
    lines = [linked(block).replace("\n", "<br>") for block in blocks if block.strip()]
    return mark_safe("".join(f"<p>{line}</p>" for line in lines))  # noqa: S308  Every part was escaped.


@register.filter
def linked(text: str) -> SafeString:
    """Plain text with its web addresses as links."""
    parts, end = [], 0
    for match in _ADDRESS.finditer(text):
        address = _without_closing(match[0])
        parts += [
            escape(text[end : match.start()]),
            format_html('<a href="{}" rel="noopener nofollow">{}</a>', address, address),
        ]
        end = match.start() + len(address)
    return mark_safe("".join([*parts, escape(text[end:])]))  # noqa: S308  Every part was escaped.


def _without_closing(address: str) -> str:
    """An address without the punctuation of the sentence around it."""
    while address and (address[-1] in _BEHIND_ADDRESS or (address[-1] == ")" and "(" not in address)):
        address = address[:-1]
    return address


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
def host(address: str) -> str:
    """The host of a web address, so that a fan sees where a link leads."""
    return urlsplit(address).hostname or ""


@register.filter
def item(mapping: dict[str, Any], key: str) -> Any:
    """What a mapping holds under a key, or nothing."""
    return mapping.get(key, "")


@register.simple_tag
def link_days() -> int:
    """For how many days a mailed link works."""
    return LINK_DAYS
