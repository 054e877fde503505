"""An operator's page texts: paragraphs, headings, lists, emphasis and links, and nothing else of HTML.

What was typed without any tag is plain text: blank lines part its paragraphs, and web addresses become links. What
holds tags is cleaned when it is saved and again when it is shown.
"""

import html
import re
from collections.abc import Mapping
from typing import Any

import nh3
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from campaigns import placeholders

TAGS = {"p", "strong", "em", "ul", "ol", "li", "a", "h3", "br"}
HELP = escape(
    "Blank lines part paragraphs. For more: <h3>, <strong>, <em>, <ul><li>, <ol><li>, "
    '<a href="https://…">; other HTML is taken out.'
)
"""For operators, as HTML."""
_TAG = re.compile(r"<(?:/?[a-z][a-z0-9-]*(?:\s[^<>]*)?/?|!--[^<>]*--)>", re.IGNORECASE)
_BLOCK = re.compile(r"\s*</?(?:p|ul|ol|li|h3)\b", re.IGNORECASE)
_EMPTY = re.compile(r"<p>\s*</p>")
_ADDRESS = re.compile(
    r"https?://[a-z0-9][a-z0-9.-]*(?::[0-9]+)?(?:[/?#][\w./?#\[\]@!$&'()*+,;=:%~-]*)?", re.ASCII | re.IGNORECASE
)
_BEHIND_ADDRESS = ".,:;!?'"
# Older editors' names for the same, so that what was pasted keeps its emphasis.
_RENAMED = (
    (re.compile(r"<(/?)b(?=[\s>])", re.IGNORECASE), r"<\1strong"),
    (re.compile(r"<(/?)i(?=[\s>])", re.IGNORECASE), r"<\1em"),
)


def is_rich(text: str) -> bool:
    """Whether a text holds tags, and is not plain text."""
    return _TAG.search(text) is not None


def cleaned(text: str) -> str:
    """A text as it is kept: plain text as it was typed, tags without what is not allowed; empty where nothing shows."""
    text = text.replace("\r\n", "\n").strip()
    if not is_rich(text):
        return text
    for old, new in _RENAMED:
        text = old.sub(new, text)
    kept = _clean(text).strip()
    if not nh3.clean(kept, tags=set()).strip():
        return ""
    if is_rich(kept):
        return kept
    plain = html.unescape(kept)  # Without a tag it is read as plain text, where “&amp;” would be shown.
    return f"<p>{kept}</p>" if is_rich(plain) else plain


def as_html(text: str, values: Mapping[str, str] | None = None) -> SafeString:
    """A kept text as HTML for a page, its placeholders filled. Values are text: no tag in them works."""
    if not is_rich(text):
        return paragraphs(placeholders.fill(text, values) if values is not None else text)
    if values is not None:
        text = placeholders.fill(text, {name: escape(value) for name, value in values.items()})
    blocks = (block.strip() for block in re.split(r"\n\s*\n", text) if block.strip())
    whole = "".join(block if _BLOCK.match(block) else f"<p>{_broken(block)}</p>" for block in blocks)
    return mark_safe(_EMPTY.sub("", _clean(whole)))  # noqa: S308  It was cleaned.


def paragraphs(text: str) -> SafeString:
    """Plain text as paragraphs with its line breaks; web addresses become links, nothing else is HTML."""
    blocks = re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip())
    return mark_safe("".join(f"<p>{_broken(linked(block))}</p>" for block in blocks if block.strip()))  # noqa: S308  Escaped.


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


def _clean(markup: str) -> str:
    return nh3.clean(
        markup,
        tags=TAGS,
        clean_content_tags={"script", "style"},
        attributes={"a": {"href"}},
        attribute_filter=_kept_attribute,
        url_schemes={"https", "mailto"},
        link_rel="noopener nofollow",
        strip_comments=True,
    )


def _kept_attribute(tag: str, attribute: str, value: str) -> str | None:
    """Links lead to https and mail addresses, or to what ``{link}`` stands for; relative ones lead nowhere good."""
    if attribute == "href":
        return value if value.strip().lower().startswith(("https://", "mailto:", "{link}")) else None
    return value


def _broken(block: Any) -> str:
    return str(block).replace("\n", "<br>")


def _without_closing(address: str) -> str:
    """An address without the punctuation of the sentence around it."""
    while address and (address[-1] in _BEHIND_ADDRESS or (address[-1] == ")" and "(" not in address)):
        address = address[:-1]
    return address
