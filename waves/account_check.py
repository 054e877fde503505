"""What a ticketing platform asks when somebody types a code: is it this account's?

One statement, which goes from the code's value by unique indexes to who has it. The answer comes after a fixed time and
says yes or no alone: nobody learns whether a code exists, is somebody else's, or waits for its wave.
"""

import time
from typing import Any

from django.conf import settings
from django.db import connection

from campaigns.models import Campaign
from campaigns.published import published
from core.pacing import paced
from core.refusal import Refusal
from core.throttling import Buckets
from entries.identifiers import BadIdentifier, normalize_email, normalize_number
from entries.registration import ref_in
from viewers.permissions import Action, require
from viewers.viewer import Viewer

MOST_LETTERS = 400
BURST_SECONDS = 20
checks = Buckets()


class TooManyChecks(Refusal):
    """This viewer has asked for very many codes within seconds."""

    code = "throttled"
    status = 429
    retry_after = 1


def is_code_of_account(*, campaign: Campaign, code: Any, account: Any, actor: Viewer) -> bool:
    """Whether a code opens the presale for an account: the address or number by which the campaign knows its fans.

    Where the code's pool is tied to accounts, it must be the fan's who was given the code. Otherwise a code that was
    given opens the presale for whoever has it, and ``account`` is not looked at.

    :raises TooManyChecks: this viewer asks more often than ``CODE_CHECKS_PER_SECOND``.
    """
    require(actor, Action.MANAGE_CODES, campaign.pk)
    rate = settings.CODE_CHECKS_PER_SECOND
    asker = f"{actor.kind} {actor.id}"
    if rate and checks.take(asker, rate=rate, burst=rate * BURST_SECONDS, now=time.monotonic()):
        raise TooManyChecks("This is more than is answered in a second. Ask again in some seconds.")
    with paced():
        return _is_given(campaign, _text(code), _ref_of(campaign, _text(account)))


def _text(given: Any) -> str:
    """What was sent; empty for what can be neither a code nor an account."""
    return given.strip() if isinstance(given, str) and len(given) <= MOST_LETTERS and "\0" not in given else ""


def _ref_of(campaign: Campaign, account: str) -> str:
    """The ref of an account, as a registration would have it; empty for one that cannot be."""
    is_email = campaign.identifier_type == Campaign.IdentifierType.EMAIL
    try:
        identifier = normalize_email(account) if is_email else normalize_number(account)
    except BadIdentifier:
        return ""
    return ref_in(published(campaign.domain), identifier)


def _is_given(campaign: Campaign, code: str, ref: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (
                SELECT FROM codes_code AS code
                JOIN codes_assignment AS assignment ON assignment.code_id = code.id
                JOIN codes_hold AS hold ON hold.id = assignment.hold_id
                JOIN codes_pool AS pool ON pool.id = code.id >> 32
                JOIN entries_entry AS entry ON entry.id = assignment.entry_id
                WHERE code.campaign_id = %s AND code.value = %s
                  AND assignment.voided = '' AND hold.status = 'assigned'
                  AND (entry.ref = %s OR NOT pool.is_tied_to_account)
            )
            """,
            [campaign.pk, code, ref],
        )
        return bool(cursor.fetchone()[0])
