"""A fan's signed registration receipt (spec: the draw, step 1)."""

import json
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from campaigns import secrets
from campaigns.published import Published
from core.times import utc_text
from entries.identifiers import fan_key
from entries.models import Entry


@lru_cache(maxsize=1)
def _key(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)


def signing_key() -> str:
    """The public half of the installation's Ed25519 key, 64 hex digits. Campaign pages publish it."""
    public = _key(settings.SIGNING_KEY).public_key()
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def registration_receipt(entry: Entry, published: Published) -> dict[str, Any]:
    """What a fan keeps: ``receipt`` (the exact JSON text), ``signature`` over its bytes, ``signing_key``."""
    campaign = published.campaign
    codes = dict(campaign.markets.values_list("number", "code"))
    text = json.dumps(
        {
            "campaign": campaign.domain,
            "identifier": entry.identifier,
            "fan_key": fan_key(salt=published.salt, identifier=entry.identifier).hex(),
            "ref": entry.ref,
            "choices": [codes[number] for number in entry.choices],
            "time": utc_text(entry.updated_at),
            "commitments_sha256": secrets.commitments_sha256(campaign),
        },
        ensure_ascii=False,
    )
    signature = _key(settings.SIGNING_KEY).sign(text.encode()).hex()
    return {"receipt": text, "signature": signature, "signing_key": signing_key()}
