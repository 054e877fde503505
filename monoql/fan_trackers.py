"""The trackers of a campaign: which companies they ask, and what of the page's content policy they need.

Nothing of theirs is asked before the fan has agreed, and only the landing page can ever load them: on the other pages
stand her address, her codes, or a token in the address. static/fan/consent.js loads them; their hosts stand here alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from campaigns.models import Tracker
from monoql.security import FAN_POLICY, allowing

Kind = Tracker.Kind


@dataclass(frozen=True)
class Company:
    """Who is behind a kind of tracker, and the sources that its tag needs, by directive of the content policy."""

    name: str
    sources: Mapping[str, Sequence[str]]
    script: str = ""
    """The address of its script, with the place of the tag's id."""


COMPANIES: Mapping[str, Company] = {
    # https://developers.google.com/tag-platform/security/guides/csp
    Kind.GA4: Company(
        "Google",
        {
            "script-src": ("https://www.googletagmanager.com",),
            "img-src": ("https://www.googletagmanager.com", "https://*.google-analytics.com"),
            "connect-src": (
                "https://www.googletagmanager.com",
                "https://*.google-analytics.com",
                "https://*.analytics.google.com",
            ),
        },
        script="https://www.googletagmanager.com/gtag/js?id={}",
    ),
    # A container can hold tags of anybody; only what it needs itself is let in.
    Kind.GTM: Company(
        "Google",
        {
            "script-src": ("https://www.googletagmanager.com",),
            "img-src": ("https://www.googletagmanager.com", "https://*.google-analytics.com"),
            "connect-src": (
                "https://www.googletagmanager.com",
                "https://*.google-analytics.com",
                "https://*.analytics.google.com",
            ),
        },
        script="https://www.googletagmanager.com/gtm.js?id={}",
    ),
    Kind.META: Company(
        "Meta",
        {
            "script-src": ("https://connect.facebook.net",),
            "img-src": ("https://www.facebook.com",),
            "connect-src": ("https://www.facebook.com", "https://connect.facebook.net"),
        },
        script="https://connect.facebook.net/en_US/fbevents.js",
    ),
    Kind.TIKTOK: Company(
        "TikTok",
        {
            "script-src": ("https://analytics.tiktok.com",),
            "img-src": ("https://analytics.tiktok.com",),
            "connect-src": ("https://analytics.tiktok.com",),
        },
        script="https://analytics.tiktok.com/i18n/pixel/events.js?sdkid={}&lib=ttq",
    ),
    Kind.X: Company(
        "X",
        {
            "script-src": ("https://static.ads-twitter.com",),
            "img-src": ("https://t.co", "https://analytics.twitter.com"),
            "connect-src": ("https://ads-twitter.com", "https://ads-api.twitter.com", "https://analytics.twitter.com"),
        },
        script="https://static.ads-twitter.com/uwt.js",
    ),
    Kind.SNAP: Company(
        "Snap",
        {
            "script-src": ("https://sc-static.net",),
            "img-src": ("https://tr.snapchat.com",),
            "connect-src": ("https://tr.snapchat.com", "https://tr6.snapchat.com"),
            "frame-src": ("https://tr.snapchat.com",),
        },
        script="https://sc-static.net/scevent.min.js",
    ),
}


def company_of(tracker: Tracker) -> Company:
    """Whom a tracker asks; an image from an address asks that address's host."""
    if tracker.kind != Kind.PIXEL:
        return COMPANIES[tracker.kind]
    parts = urlsplit(tracker.url)
    name = parts.hostname or ""
    try:
        # The header takes ASCII alone.
        host = name.encode("idna").decode()
    except UnicodeError:
        return Company(name, {})
    port = f":{parts.port}" if parts.port else ""
    return Company(name, {"img-src": (f"{parts.scheme}://{host}{port}",)})


def names_of(trackers: Sequence[Tracker]) -> list[str]:
    """The companies that trackers ask, each once, in order."""
    return list(dict.fromkeys(company_of(tracker).name for tracker in trackers))


def tags_of(trackers: Sequence[Tracker]) -> str:
    """What the script needs to load them, as JSON."""
    return json.dumps([_tag(tracker) for tracker in trackers], separators=(",", ":"))


def _tag(tracker: Tracker) -> dict[str, str]:
    if tracker.kind == Kind.PIXEL:
        return {"kind": tracker.kind, "id": tracker.url, "image": tracker.url}
    script = COMPANIES[tracker.kind].script.format(tracker.identifier)
    return {"kind": tracker.kind, "id": tracker.identifier, "script": script}


def policy_with(trackers: Sequence[Tracker]) -> str:
    """The content policy of a page that may load these trackers, and nothing else of others."""
    policy = FAN_POLICY
    for tracker in trackers:
        for directive, sources in company_of(tracker).sources.items():
            policy = allowing(policy, directive, sources)
    return policy
