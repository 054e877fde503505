"""Normal forms of e-mail addresses and account numbers, to the byte as spec/draw.md says."""

import unicodedata

import idna
from django.utils.translation import gettext_lazy as _

from core.refusal import Refusal

MOST_LETTERS = 254
"""An address that mail servers accept is no longer (RFC 5321, 4.5.3.1)."""
MOST_TO_NORMALIZE = 1000
"""Normal forms cost time by the square of the length: 64 KB of combining marks take two seconds."""
BAD_ADDRESS = _("This does not look like an e-mail address. It has a form like name@example.com.")


class BadIdentifier(Refusal):
    """The address or number has no normal form."""

    code = "bad_identifier"
    status = 400


def normalize_email(address: str) -> str:
    """The normal form of an e-mail address.

    :raises BadIdentifier: a part is empty, has control characters, or the domain cannot be encoded.
    """
    if len(address) > MOST_TO_NORMALIZE:
        raise BadIdentifier(str(BAD_ADDRESS), field="email")
    text = unicodedata.normalize("NFKC", address).strip()
    local, at, domain = text.rpartition("@")
    local = unicodedata.normalize("NFKC", local.casefold())
    if not at or not local or not domain or _has_control(text):
        raise BadIdentifier(str(BAD_ADDRESS), field="email")
    try:
        encoded = idna.encode(domain, uts46=True, transitional=False).decode("ascii").removesuffix(".")
    except idna.IDNAError as error:
        raise BadIdentifier(str(BAD_ADDRESS), field="email") from error
    if not encoded:
        raise BadIdentifier(str(BAD_ADDRESS), field="email")
    return f"{local}@{encoded}"


def check_deliverable(email: str) -> None:
    """Refuse a normal form that no mail server would take.

    :raises BadIdentifier: it is too long, has white space, or its domain has a single label.
    """
    if len(email) > MOST_LETTERS or any(letter.isspace() for letter in email) or "." not in email.rpartition("@")[2]:
        raise BadIdentifier(str(BAD_ADDRESS), field="email")


def normalize_number(number: str) -> str:
    """The normal form of a globalUserId or memberId.

    :raises BadIdentifier: it is empty, too long or has control characters.
    """
    text = unicodedata.normalize("NFKC", number[: MOST_TO_NORMALIZE + 1]).strip()
    if not text or len(text) > MOST_LETTERS or _has_control(text):
        raise BadIdentifier(str(_("Enter your number as it stands in your account.")))
    return text


def _has_control(text: str) -> bool:
    return any(unicodedata.category(letter) == "Cc" for letter in text)
