"""What proves an address: the signed link of a mail, and the fan's own token after she followed it.

Both are stateless: the database holds no token that could leak, and the log sees none, since links are rendered
only when the mail is sent.
"""

from dataclasses import dataclass

from django.core import signing
from django.utils.translation import gettext as _

from core.refusal import Refusal

LINK_DAYS = 14
FAN_DAYS = 60
_LINK_SALT = "entries.proof.link"
_FAN_SALT = "entries.proof.fan"
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


def read_link(token: str) -> Proof:
    """What a link's token names.

    :raises BadLink: it is damaged or older than ``LINK_DAYS``.
    """
    try:
        entry_id, submission_id = signing.loads(token, salt=_LINK_SALT, max_age=LINK_DAYS * DAY)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise BadLink(_("This link has expired or is not whole. Register again to get a new one.")) from error
    return Proof(entry_id=int(entry_id), submission_id=int(submission_id))


def fan_token(*, campaign_id: int, ref: str) -> str:
    """The token by which a fan who has proved her address is known, in a cookie or an Authorization header."""
    return signing.dumps([campaign_id, ref], salt=_FAN_SALT)


def read_fan_token(token: str, *, campaign_id: int) -> str | None:
    """The ref that a fan token names in this campaign, or ``None`` where it names none."""
    try:
        named_campaign, ref = signing.loads(token, salt=_FAN_SALT, max_age=FAN_DAYS * DAY)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return str(ref) if named_campaign == campaign_id else None
