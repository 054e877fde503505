"""A campaign's sealed secrets: its salt, the 32 draw secrets and their commitments (spec: the draw, step 1)."""

import hashlib
import secrets
from datetime import datetime

from campaigns.models import Campaign, DrawSecrets
from core.sealing import seal, unseal

SECRETS = 32
BYTES = 32


def ensure_salt(campaign: Campaign) -> None:
    """Give a new campaign its salt, 32 random bytes that never change."""
    DrawSecrets.objects.get_or_create(campaign=campaign, defaults={"salt": seal(secrets.token_bytes(BYTES))})


def salt_of(campaign: Campaign) -> bytes:
    """The campaign's salt. Only for making fan keys; it is never shown."""
    return unseal(campaign.draw_secrets.salt)


def commit(campaign: Campaign, *, now: datetime) -> list[str]:
    """Draw the campaign's secrets once and publish their SHA-256s; give the commitments, as hex, in order."""
    sealed = DrawSecrets.objects.select_for_update().get(campaign=campaign)
    if not sealed.commitments:
        drawn = [secrets.token_bytes(BYTES) for _ in range(SECRETS)]
        sealed.secrets = seal(b"".join(drawn))
        sealed.commitments = [hashlib.sha256(secret).hexdigest() for secret in drawn]
        sealed.committed_at = now
        sealed.save(update_fields=["secrets", "commitments", "committed_at"])
    campaign.draw_secrets = sealed
    return list(sealed.commitments)


def secret_of(campaign: Campaign, number: int) -> bytes:
    """The draw secret of a wave's number, 1 to 32."""
    sealed = campaign.draw_secrets.secrets
    if sealed is None:
        raise LookupError("The campaign has never opened, so it has no secrets yet.")
    return unseal(sealed)[(number - 1) * BYTES : number * BYTES]


def commitments_sha256(campaign: Campaign) -> str:
    """The hash that receipts carry: SHA-256 of the commitments as lower-case hex lines."""
    lines = "".join(f"{commitment}\n" for commitment in campaign.draw_secrets.commitments)
    return hashlib.sha256(lines.encode()).hexdigest()
