"""What a campaign knows a fan by: normal form, fan key and ref, to the byte as spec/draw.md says."""

import hashlib
import hmac

from django.conf import settings

from core.normal_forms import BadIdentifier, check_deliverable, normalize_email, normalize_number

__all__ = [
    "BadIdentifier",
    "check_deliverable",
    "fan_key",
    "normalize_email",
    "normalize_number",
    "person_key",
    "ref_of",
]


def fan_key(*, salt: bytes, identifier: str) -> bytes:
    """HMAC-SHA256 of a normal form under the campaign's salt, 32 bytes."""
    return hmac.digest(salt, identifier.encode(), "sha256")


def ref_of(*, fan_key: bytes, identifier: str) -> str:
    """The entry's public name in its campaign, 32 hex digits."""
    return hashlib.sha256(b"monoql-ref/1\n" + fan_key + identifier.encode()).hexdigest()[:32]


def person_key(identifier: str) -> bytes:
    """Links one person's entries across campaigns: HMAC-SHA256 under the installation's key."""
    return hmac.digest(settings.PERSON_KEY, identifier.encode(), "sha256")
