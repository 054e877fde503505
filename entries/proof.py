"""What proves an address: the signed link of a mail, and the fan's own token after she followed it.

Both are stateless: the database holds no token that could leak, and the log sees none, since links are rendered
only when the mail is sent.
"""

import hashlib
import hmac
import unicodedata
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core import signing
from django.utils.translation import gettext as _

from campaigns.models import Campaign
from core.refusal import Refusal

LINK_DAYS = 14
FAN_DAYS = 60
_LINK_SALT = "entries.proof.link"
_FAN_SALT = "entries.proof.fan"
_SIGNED_IN = "account"
DAY = 24 * 3600


class BadLink(Refusal):
    """The link is damaged, too old, or belongs to another campaign."""

    code = "bad_link"
    status = 400


@dataclass(frozen=True)
class Proof:
    """What a followed link names: an entry, and the submission that waits beside it, or 0 for the entry's own."""

    entry_id: int
    submission_id: int


def link_token(*, entry_id: int, submission_id: int = 0) -> str:
    """The token of a link that proves the address it is sent to."""
    return signing.dumps([entry_id, submission_id], salt=_LINK_SALT)


def read_link(token: str, *, campaign: Campaign) -> Proof:
    """What the token of a link to a campaign names.

    :raises BadLink: it is damaged or older than ``LINK_DAYS``; the words say how the campaign's fans go on.
    """
    try:
        entry_id, submission_id = signing.loads(token, salt=_LINK_SALT, max_age=LINK_DAYS * DAY)
    except (signing.BadSignature, ValueError, TypeError) as error:
        if campaign.is_by_account:
            raise BadLink(_("This link has expired or is not whole. Sign in to open your entry.")) from error
        raise BadLink(_("This link has expired or is not whole. Register again to get a new one.")) from error
    return Proof(entry_id=int(entry_id), submission_id=int(submission_id))


def mail_code(*, entry_id: int, message_id: int) -> str:
    """The six digits of a mail that asks for a proof. Every copy of the mail says the same."""
    key = hashlib.sha256(f"entries.proof.code {settings.SECRETS_KEY}".encode()).digest()
    digest = hmac.digest(key, f"{entry_id} {message_id}".encode(), "sha256")
    return f"{int.from_bytes(digest[:8]) % 1_000_000:06d}"


def typed_digits(code: Any) -> str:
    """The digits of a code that was typed, in whatever script, without what people put between them."""
    typed = code[:40] if isinstance(code, str) else ""
    return "".join(str(unicodedata.decimal(letter)) for letter in typed if letter.isdecimal())


def fan_token(*, campaign_id: int, ref: str, is_signed_in: bool = False) -> str:
    """The token by which a fan who has proved who she is is known, in a cookie or an Authorization header.

    It says whether she has signed in with her account: what is tied to that is shown to no mailed link.
    """
    named = [campaign_id, ref, _SIGNED_IN] if is_signed_in else [campaign_id, ref]
    return signing.dumps(named, salt=_FAN_SALT)


def read_fan_token(token: str, *, campaign_id: int) -> str | None:
    """The ref that a fan token names in this campaign, or ``None`` where it names none."""
    try:
        named_campaign, ref, *_how = signing.loads(token, salt=_FAN_SALT, max_age=FAN_DAYS * DAY)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return str(ref) if named_campaign == campaign_id else None


def is_signed_in_by(token: str, *, campaign_id: int) -> bool:
    """Whether a fan token was given to somebody who had signed in with her account."""
    if read_fan_token(token, campaign_id=campaign_id) is None:
        return False
    return bool(signing.loads(token, salt=_FAN_SALT, max_age=FAN_DAYS * DAY)[2:] == [_SIGNED_IN])
