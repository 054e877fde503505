"""Filters of the pages about draws."""

from collections.abc import Sequence

from django import template

from monoql.fan_draw_words import number_text

register = template.Library()
register.filter("grouped", number_text)


@register.filter
def at(items: Sequence[str], number: int) -> str:
    """The item with this number, counted from 1."""
    return items[number - 1]
