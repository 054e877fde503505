"""The six digits of a confirmation mail, typed in the place of its link.

Tries are counted for an address whether it is known or not, so counting tells nobody that it is.
"""

import hmac
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from campaigns.published import Published
from core.pacing import paced
from core.refusal import Refusal
from core.tick import every_tick
from entries.form import identifier_of
from entries.models import CodeTries, Entry, Message, TurnedAway
from entries.own_entry import NothingToProve, prove
from entries.proof import Proof, mail_code, typed_digits
from entries.registration import check_not_by_account, ref_in

CODE_MINUTES = 60
MOST_TRIES = 5
"""Tries an hour for one address. Whoever has used them up still has the mail's link."""
KEPT = timedelta(days=30)
"""How long it is remembered that somebody was turned away."""


class WrongCode(Refusal):
    """The digits prove nothing."""

    code = "wrong_code"
    status = 400


class TooManyCodes(Refusal):
    """Too many digits were tried for this address."""

    code = "throttled"
    status = 429


def confirm_by_code(*, published: Published, email: Any = "", member_id: Any = "", code: Any, now: datetime) -> Entry:
    """Prove an address by the digits of its newest mails. They work once, for ``CODE_MINUTES``.

    :raises Invalid: the address or the number has no normal form.
    :raises NotSignedIn: the campaign knows fans by their account.
    :raises TooManyCodes: ``MOST_TRIES`` an hour have been made for it.
    :raises WrongCode: these are not the digits, or they are too old or used.
    """
    check_not_by_account(published.campaign)
    with paced():
        return _confirm_by_code(published, email, member_id, code, now)


def _confirm_by_code(published: Published, email: Any, member_id: Any, code: Any, now: datetime) -> Entry:
    campaign = published.campaign
    ref = ref_in(published, identifier_of(campaign, email=email, member_id=member_id))
    if _count_try(campaign.pk, ref, now) > MOST_TRIES:
        raise TooManyCodes(_("Too many codes were tried. Follow the link in the mail, or try again in an hour."))
    typed = typed_digits(code)
    mails = Message.objects.filter(
        entry__campaign=campaign,
        entry__ref=ref,
        kind=Message.Kind.CONFIRMATION,
        created_at__gt=now - timedelta(minutes=CODE_MINUTES),
    )
    proof = None
    for pk, entry_id, submission_id in mails.order_by("pk").values_list("pk", "entry_id", "submission_id"):
        digits = mail_code(entry_id=entry_id, message_id=pk)
        if hmac.compare_digest(digits, typed):
            proof = Proof(entry_id=entry_id, submission_id=submission_id or 0)
    if proof is None:
        raise WrongCode(_wrong(), field="code")
    try:
        entry = prove(published=published, proof=proof, now=now, is_once=True)
    except NothingToProve as used:
        raise WrongCode(_wrong(), field="code") from used
    CodeTries.objects.filter(campaign=campaign, ref=ref).delete()
    return entry


def _wrong() -> str:
    return _("This is not the code of your newest mail, or it is too old. Look again, or follow the link in the mail.")


def _count_try(campaign_id: int, ref: str, now: datetime) -> int:
    """Count a try before it is looked at, in one statement, and give how many that are within the hour."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO entries_codetries AS known (campaign_id, ref, tries, since)
            VALUES (%(campaign)s, %(ref)s, 1, %(now)s)
            ON CONFLICT (campaign_id, ref) DO UPDATE SET
                tries = CASE WHEN known.since < %(begin)s THEN 1 ELSE known.tries + 1 END,
                since = CASE WHEN known.since < %(begin)s THEN %(now)s ELSE known.since END
            RETURNING tries
            """,
            {"campaign": campaign_id, "ref": ref, "now": now, "begin": now - timedelta(hours=1)},
        )
        return int(cursor.fetchone()[0])


@every_tick
def forget(now: datetime) -> int:
    """Forget old tries, and who was turned away long ago, some thousands a tick."""
    count = 0
    for model, column, before in (
        (CodeTries, "since", now - timedelta(days=1)),
        (TurnedAway, "created_at", now - KEPT),
    ):
        old = model.objects.filter(**{f"{column}__lt": before}).values_list("pk", flat=True)[:5000]
        count += model.objects.filter(pk__in=list(old)).delete()[0]
    return count
