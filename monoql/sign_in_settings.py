"""What the settings of the sign-in are read from."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

EXAMPLE = '[{"id": "acme", "name": "Acme", "server_url": "https://…", "client_id": "…", "secret": "…"}]'
NEEDED = {"id", "name", "server_url", "client_id", "secret"}


@dataclass(frozen=True)
class Company:
    """A company whose staff sign in with their company's account, over OpenID Connect."""

    id: str
    name: str
    server_url: str
    client_id: str
    secret: str
    sign_in_origin: str = ""
    """Where its sign-in page is, when that is not where ``server_url`` is; browsers let our form lead there alone."""
    verified_domains: tuple[str, ...] = ()
    """Mail domains of which it is believed without its saying that it verified the address."""
    asks_second_factor: bool = False
    """Whether it asks everybody for a second factor, so that we need not."""

    @property
    def origin(self) -> str:
        """Scheme, host and port of its sign-in page."""
        parts = urlsplit(self.sign_in_origin or self.server_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def app(self) -> dict[str, Any]:
        """The same, as allauth wants it."""
        return {
            "provider_id": self.id,
            "name": self.name,
            "client_id": self.client_id,
            "secret": self.secret,
            "settings": {
                "server_url": self.server_url,
                "oauth_pkce_enabled": True,
                "verified_email": list(self.verified_domains),
            },
        }


def openid_connect(text: str) -> list[Company]:
    """Read the companies from JSON; empty text is none.

    :raises ImproperlyConfigured: it is not a list of objects with the needed keys.
    """
    try:
        rows = json.loads(text or "[]")
        companies = [
            Company(**{**row, "verified_domains": tuple(row.get("verified_domains", ()))})
            for row in rows
            if set(row) >= NEEDED
        ]
    except (ValueError, TypeError, AttributeError) as error:
        raise ImproperlyConfigured(f"STAFF_OPENID_CONNECT is not like {EXAMPLE}; see docs/operations.md.") from error
    if len(companies) != len(rows) or len({company.id for company in companies}) != len(rows):
        raise ImproperlyConfigured(f"STAFF_OPENID_CONNECT needs {', '.join(sorted(NEEDED))} each, and an id only once.")
    return companies


def cache(url: str, *, prefix: str) -> dict[str, Any]:
    """Translate an address of Redis or Valkey into Django's setting.

    :raises ImproperlyConfigured: it is another kind of server, as a broker may be.
    """
    if urlsplit(url).scheme not in ("redis", "rediss"):
        raise ImproperlyConfigured(
            "Set CACHE_URL to a redis://… address: BROKER_URL is none, and the counters of failed sign-ins need one."
        )
    return {
        "BACKEND": "core.shared_cache.SharedCache",
        "LOCATION": url,
        "KEY_PREFIX": f"{prefix}monoql-cache",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
