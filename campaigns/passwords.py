"""The one secret that an artist gives her fans: without it nobody registers for the campaign.

It is kept as a keyed hash. A slow one would cost a million fans half a second each, and whoever reads the database
lacks the key; guesses are limited by the network that they come from.
"""

import hashlib
import hmac
import secrets
import time
import unicodedata
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.models import Campaign
from core import audit
from core.refusal import Refusal
from core.throttling import Buckets, network_of
from viewers.permissions import Action, require
from viewers.viewer import Viewer

LEAST_LETTERS, MOST_LETTERS = 4, 100
WRONG_A_SECOND = 1 / 30
WRONG_AT_ONCE = 20
"""Wrong tries of one network; families and offices share one, and mistype."""
wrong_tries = Buckets()


class CannotSetPassword(Refusal):
    """The password stays as it is."""

    code = "cannot_set_password"


class WrongPassword(Refusal):
    """The password is not the campaign's."""

    code = "wrong_password"
    status = 400


class TooManyTries(Refusal):
    """This network has tried too often."""

    code = "throttled"
    status = 429


def set_password(*, campaign: Campaign, password: str, actor: Viewer, now: datetime) -> Campaign:
    """Ask fans for this secret from now on; an empty one asks for none any more.

    :raises CannotSetPassword: it is too short or too long.
    """
    require(actor, Action.EDIT_SETUP, campaign.pk)
    text = _normal(password)
    if text and not LEAST_LETTERS <= len(text) <= MOST_LETTERS:
        raise CannotSetPassword(f"Use {LEAST_LETTERS} to {MOST_LETTERS} letters.", field="password")
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=campaign.pk)
        had_one, campaign.password_hash = bool(campaign.password_hash), _hashed(text) if text else ""
        campaign.save(update_fields=["password_hash"])
        audit.record(
            actor=actor,
            action="campaign.password",
            target=campaign,
            campaign_id=campaign.pk,
            changes={"password": ["set" if had_one else "none", audit.CHANGED if text else "none"]},
            now=now,
        )
    return campaign


def check(campaign: Campaign, given: Any, *, asker: str) -> None:
    """Refuse a fan who does not know the campaign's password, if it has one. ``asker`` is her address.

    :raises WrongPassword: with words for the fan.
    :raises TooManyTries: her network has tried too often.
    """
    if not campaign.password_hash:
        return
    key, now = f"{campaign.pk} {network_of(asker)}", time.monotonic()
    if wrong_tries.take(key, rate=WRONG_A_SECOND, burst=WRONG_AT_ONCE, now=now, tokens=0):
        raise TooManyTries(_("Too many wrong passwords. Try again in a minute."), field="password")
    text = _normal(given) if isinstance(given, str) else ""
    salt, _dollar, _digest = campaign.password_hash.partition("$")
    if not hmac.compare_digest(_hashed(text, salt=salt), campaign.password_hash):
        wrong_tries.take(key, rate=WRONG_A_SECOND, burst=WRONG_AT_ONCE, now=now)
        raise WrongPassword(_("This is not the password that the artist gave her fans."), field="password")


def _normal(password: str) -> str:
    """As fans type it on phones: capitals, accents in either form and spaces at the ends make no difference."""
    return unicodedata.normalize("NFKC", password[: MOST_LETTERS * 2]).strip().casefold()


def _hashed(text: str, *, salt: str = "") -> str:
    salt = salt or secrets.token_hex(16)
    key = hashlib.sha256(f"campaigns.passwords {settings.SECRETS_KEY}".encode()).digest()
    return f"{salt}${hmac.new(key, f'{salt}{text}'.encode(), hashlib.sha256).hexdigest()}"
