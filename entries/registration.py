"""Registering: one fan, one campaign, one entry, whatever she sends and however often.

The first submission makes the entry. A later one for the same identifier waits beside it and replaces it only when
its own mailed link is followed, so nobody can register or overwrite another's address. Every accepted submission is
answered alike and costs the same statements, so nobody learns whether an address or a member number is known. What a
fan does who has proved who she is stands in ``entries.own_entry``.
"""

import json
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from campaigns import passwords
from campaigns.gating import Applicant
from campaigns.models import Campaign
from campaigns.published import Published
from core.locks import Space
from core.pacing import paced
from core.refusal import Refusal
from entries.fan_sign_in import NotSignedIn
from entries.form import Clean, Form, clean, identifier_of
from entries.gates import Answers, ask_gates, is_pending, pause_after
from entries.identifiers import fan_key, person_key, ref_of

MOST_WAITING = 5
"""Submissions a day that may wait beside an entry and mail its address; further ones are answered alike and dropped."""
MOST_LINKS = 10
"""Mails a day of every kind that a stranger can have sent to an entry's address."""


class CannotRegister(Refusal):
    """The campaign takes no registrations now."""

    code = "not_open"


def register(*, published: Published, form: Form, now: datetime) -> None:
    """Take a submission. The answer is the same whether the fan was known or not.

    :raises CannotRegister: the campaign is not open.
    :raises NotSignedIn: the campaign knows fans by their account; see ``own_entry.register_account``.
    :raises WrongPassword: the campaign has a password, and this is another.
    :raises Invalid: some of the input must be mended.
    :raises GatesFailed: the fan does not meet a condition of the campaign.
    """
    campaign = published.campaign
    check_accepting(campaign, now)
    check_not_by_account(campaign)
    passwords.check(campaign, form.password, asker=form.asker)
    cleaned = clean(published, form, now)
    answers = answers_of_gates(published, cleaned)
    # A member costs a row more than somebody who is none, and so does a new fan where gates answer; without either an
    # address costs the same whether it is known or not.
    with paced() if campaign.is_by_membership or answers else nullcontext():
        take(published, cleaned, answers, now)


def send_link(*, published: Published, email: Any = "", member_id: Any = "", now: datetime) -> None:
    """Mail a link to the entry of an address or a member number. The answer is the same whether there is one or not.

    :raises Invalid: the address or the number has no normal form.
    :raises NotSignedIn: the campaign knows fans by their account.
    """
    campaign = published.campaign
    check_not_by_account(campaign)
    ref = ref_in(published, identifier_of(campaign, email=email, member_id=member_id))
    with paced(), connection.cursor() as cursor:
        cursor.execute(
            _LINK,
            {
                "campaign": campaign.pk,
                "ref": ref,
                "ref_lock": _lock_of(ref),
                "since": now - timedelta(days=1),
                "most": MOST_LINKS,
                "now": now,
            },
        )


def check_not_by_account(campaign: Campaign) -> None:
    """Refuse what is done by an address or a number where fans are known by their account.

    :raises NotSignedIn: the campaign knows fans by their account.
    """
    if campaign.is_by_account:
        raise NotSignedIn(_("Sign in first: this campaign knows fans by their account."))


def check_accepting(campaign: Campaign, now: datetime) -> None:
    """Refuse where the campaign is not open at this moment.

    :raises CannotRegister: with the reason in the fan's words.
    """
    if campaign.is_accepting(now):
        return
    if campaign.status == Campaign.Status.NOT_STARTED:
        raise CannotRegister(_("Registration has not opened yet."))
    raise CannotRegister(_("Registration has closed."))


def check_still_open(campaign: Campaign, now: datetime) -> None:
    """Look again under the lock: what is kept in memory may be seconds old.

    :raises CannotRegister: the campaign is not open.
    """
    if not is_still_open(campaign, now):
        raise CannotRegister(_("Registration has closed."))


def is_still_open(campaign: Campaign, now: datetime) -> bool:
    """Whether the campaign takes registrations by what its row says now."""
    status, close_at = Campaign.objects.values_list("status", "close_at").get(pk=campaign.pk)
    return bool(status == Campaign.Status.OPEN and (close_at is None or now < close_at))


def take(published: Published, cleaned: Clean, answers: Answers, now: datetime) -> None:
    """Make the entry, or let the submission wait beside it, and queue its mail.

    :raises CannotRegister: the campaign was not open any more.
    """
    campaign = published.campaign
    ref = ref_in(published, cleaned.identifier)
    parts = {
        "lock_space": int(Space.REGISTRATION),
        "ref_lock": _lock_of(ref),
        "to_campaign": campaign.pk,
        "member_of": campaign.artist_id if campaign.is_by_membership else None,
        "its_ref": ref,
        "its_identifier": cleaned.identifier,
        "its_email": cleaned.email,
        "its_email_confirmed_at": now if cleaned.is_email_proved else None,
        "its_person_key": person_key(cleaned.identifier),
        "its_name": cleaned.name,
        "its_phone": cleaned.phone,
        "its_locale": cleaned.locale.code,
        "its_answers": json.dumps(cleaned.answers),
        "its_consents": json.dumps(cleaned.consents),
        "its_choices": cleaned.choices,
        "asked_gates": list(answers),
        "said_answers": [str(answer) for answer in answers.values()],
        "said_by_gate": json.dumps(answers_by_gate(answers)),
        "is_pending": is_pending(answers),
        "ask_again_at": now + pause_after(1),
        "counted_since": now - timedelta(days=1),
        "most_waiting": MOST_WAITING,
        "taken_at": now,
    }
    named = ", ".join(f"{name} => %({name})s" for name in parts)
    with connection.cursor() as cursor:
        # One round trip, and one transaction by itself. Migration 0007 holds the function, and says why it is one.
        cursor.execute(f"SELECT entries_take_submission({named})", parts)
        was_open = bool(cursor.fetchone()[0])
    if not was_open:
        raise CannotRegister(_("Registration has closed."))


def answers_of_gates(published: Published, cleaned: Clean) -> Answers:
    """What the campaign's gates say of a form's fan. Call it outside of transactions, as ``ask_gates``.

    :raises GatesFailed: she does not meet a condition of the campaign.
    """
    if not published.gates:
        return {}
    applicant = Applicant(
        campaign_id=published.campaign.pk,
        identifier=cleaned.identifier,
        email=cleaned.email,
        supplied=cleaned.answers,
    )
    return ask_gates(published, applicant)


def answers_by_gate(answers: Answers) -> dict[str, str]:
    """What the gates said, as a submission keeps it."""
    return {str(gate): str(answer) for gate, answer in answers.items()}


_LINK = """
    SELECT pg_advisory_xact_lock(%(ref_lock)s);
    WITH mailed AS (
        INSERT INTO entries_message (entry_id, kind, status, attempts, error, created_at)
        SELECT id, CASE WHEN email_confirmed_at IS NULL THEN 'confirmation' ELSE 'link' END, 'queued', 0, '', %(now)s
        FROM entries_entry
        WHERE campaign_id = %(campaign)s AND ref = %(ref)s
          AND (SELECT count(*) FROM entries_message AS earlier
               WHERE earlier.entry_id = entries_entry.id AND earlier.wave_id IS NULL
                 AND earlier.created_at > %(since)s) < %(most)s
        RETURNING id
    )
    INSERT INTO entries_turnedaway (campaign_id, reason, created_at)
    SELECT %(campaign)s, 'no_entry', %(now)s WHERE NOT EXISTS (SELECT FROM mailed)
"""


def ref_in(published: Published, identifier: str) -> str:
    """The ref of an identifier in a campaign."""
    key = fan_key(salt=published.salt, identifier=identifier)
    return ref_of(fan_key=key, identifier=identifier)


def _lock_of(ref: str) -> int:
    """The advisory lock of one fan in one campaign: the ref's first 60 bits."""
    return int(ref[:15], 16)
