"""Registering: one fan, one campaign, one entry, whatever she sends and however often.

The first submission makes the entry. A later one for the same identifier waits beside it and replaces it only when
its own mailed link is followed, so nobody can register or overwrite another's address. Every accepted submission is
answered alike and costs the same statements, so nobody learns whether an address or a member number is known. Who has
proved who she is, by a link or by signing in, changes and withdraws her entry at once.
"""

import json
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from campaigns import passwords
from campaigns.gating import Answer, Applicant
from campaigns.models import Campaign
from campaigns.published import Published
from core.locks import Space, lock_shared
from core.pacing import paced
from core.refusal import Refusal
from entries.fan_sign_in import Account, NotByAccount, NotSignedIn
from entries.form import Clean, Form, clean, identifier_of
from entries.gates import Answers, ask_gates, is_pending, pause_after, put_in_force
from entries.identifiers import fan_key, person_key, ref_of
from entries.models import Entry, Message, Submission
from entries.proof import BadLink, Proof, read_link

MOST_WAITING = 5
"""Submissions a day that may wait beside an entry and mail its address; further ones are answered alike and dropped."""
MOST_LINKS = 10
"""Mails a day of every kind that a stranger can have sent to an entry's address."""
MOST_CHANGES = 50
"""Changes a day by the fan herself."""


class CannotRegister(Refusal):
    """The campaign takes no registrations now."""

    code = "not_open"


class CannotWithdraw(Refusal):
    """The entry stays as it is."""

    code = "not_open"


class NothingToProve(Refusal):
    """Everything that a proof could do has been done."""

    code = "bad_link"
    status = 400


class TooManyChanges(Refusal):
    """The fan has changed her entry very often today."""

    code = "throttled"
    status = 429


def register(*, published: Published, form: Form, now: datetime) -> None:
    """Take a submission. The answer is the same whether the fan was known or not.

    :raises CannotRegister: the campaign is not open.
    :raises NotSignedIn: the campaign knows fans by their account; see ``register_account``.
    :raises WrongPassword: the campaign has a password, and this is another.
    :raises Invalid: some of the input must be mended.
    :raises GatesFailed: the fan does not meet a condition of the campaign.
    """
    campaign = published.campaign
    check_accepting(campaign, now)
    if campaign.is_by_account:
        raise NotSignedIn(_("Sign in first: this campaign knows fans by their account."))
    passwords.check(campaign, form.password, asker=form.asker)
    cleaned = clean(published, form, now)
    answers = ask_gates(published, _applicant(campaign, cleaned)) if published.gates else {}
    # A member costs a row more than somebody who is none; an address costs the same whether it is known or not.
    with paced() if campaign.is_by_membership else nullcontext():
        was_open = _take(published, cleaned, answers, now)
    if not was_open:
        raise CannotRegister(_("Registration has closed."))


def register_account(*, published: Published, form: Form, now: datetime) -> Entry:
    """Take the submission of a fan who has signed in: it is in force at once.

    An address that her account does not prove is mailed a link, as ever.

    :raises CannotRegister: the campaign is not open.
    :raises NotSignedIn: the form names no account.
    :raises WrongPassword: the campaign has a password, and this is another.
    :raises Invalid: some of the input must be mended.
    :raises GatesFailed: the fan does not meet a condition of the campaign.
    """
    campaign = published.campaign
    check_accepting(campaign, now)
    if form.account is None:
        raise NotSignedIn(_("Sign in first: this campaign knows fans by their account."))
    own = entry_of_account(published, form.account)
    if own is not None:
        return change(published=published, entry=own, form=form, now=now)
    passwords.check(campaign, form.password, asker=form.asker)
    cleaned = clean(published, form, now)
    answers = ask_gates(published, _applicant(campaign, cleaned)) if published.gates else {}
    if not _take(published, cleaned, answers, now):
        raise CannotRegister(_("Registration has closed."))
    entry = Entry.objects.get(campaign=campaign, ref=ref_in(published, form.account.id))
    if entry.created_at == now:
        return entry
    # Another form of the same account came at the same moment, and was the first.
    return change(published=published, entry=entry, form=form, now=now)


def change(*, published: Published, entry: Entry, form: Form, now: datetime) -> Entry:
    """Put what a fan sends in the place of what her entry holds, and end a withdrawal. She has proved who she is.

    Submissions that wait for a link are void from then on: they are older.

    :raises CannotRegister: the campaign is not open.
    :raises Invalid: some of the input must be mended.
    :raises GatesFailed: the fan does not meet a condition of the campaign.
    :raises TooManyChanges: she has changed her entry very often today.
    """
    campaign = published.campaign
    check_accepting(campaign, now)
    cleaned = clean(published, form, now, own=entry)
    answers = ask_gates(published, _applicant(campaign, cleaned)) if published.gates else {}
    with transaction.atomic():
        lock_shared(Space.REGISTRATION, campaign.pk)
        check_still_open(campaign, now)
        entry = Entry.objects.select_for_update(no_key=True).get(pk=entry.pk)
        if entry.submissions.filter(created_at__gt=now - timedelta(days=1)).count() >= MOST_CHANGES:
            raise TooManyChanges(_("You have changed your entry very often today. Please try again tomorrow."))
        submission = Submission.objects.create(entry=entry, **_kept(cleaned, answers), created_at=now)
        is_new_address = entry.email != cleaned.email
        if is_new_address:
            entry.email, entry.email_confirmed_at = cleaned.email, now if cleaned.is_email_proved else None
            entry.save(update_fields=["email", "email_confirmed_at"])
        _apply(entry, submission, now)
        kind = Message.Kind.CONFIRMATION if entry.email_confirmed_at is None else Message.Kind.RECEIPT
        _mail_once(entry, kind, now)
    return entry


def withdraw(*, published: Published, entry: Entry, now: datetime) -> Entry:
    """Take a fan's entry out at her wish. What waits for a link is void; entering again keeps the ref.

    :raises CannotWithdraw: the campaign is not open.
    """
    campaign = published.campaign
    with transaction.atomic():
        lock_shared(Space.REGISTRATION, campaign.pk)
        if not _is_open(campaign, now):
            raise CannotWithdraw(_("Registration has closed: entries can no longer be withdrawn here."))
        entry = Entry.objects.select_for_update(no_key=True).get(pk=entry.pk)
        if entry.withdrawn_at is None:
            entry.withdrawn_at = entry.updated_at = now
            entry.save(update_fields=["withdrawn_at", "updated_at"])
    return entry


def confirm(*, published: Published, token: str, now: datetime) -> Entry:
    """Follow a mailed link: it proves the address, and puts its own submission in force if that was waiting.

    Following it again, or an older one later, changes nothing and still gives the entry.

    :raises BadLink: the link is damaged, too old or another campaign's.
    """
    return prove(published=published, proof=read_link(token), now=now)


def prove(*, published: Published, proof: Proof, now: datetime, is_once: bool = False) -> Entry:
    """Take an address as proved; see ``confirm``.

    :raises BadLink: the proof names no entry of this campaign.
    :raises NothingToProve: it was used before, where it works once.
    """
    with transaction.atomic():
        lock_shared(Space.REGISTRATION, published.campaign.pk)
        entry = (
            Entry.objects.select_for_update(no_key=True).filter(pk=proof.entry_id, campaign=published.campaign).first()
        )
        if entry is None:
            raise BadLink(_("This link belongs to another campaign."))
        is_first_proof = entry.email_confirmed_at is None
        if is_first_proof:
            entry.email_confirmed_at = now
            entry.save(update_fields=["email_confirmed_at"])
        submission = waiting_submission(entry, proof.submission_id)
        if submission is not None:
            _apply(entry, submission, now)
        if is_once and not is_first_proof and submission is None:
            raise NothingToProve("")
        if is_first_proof or submission is not None:
            Message.objects.create(entry=entry, kind=Message.Kind.RECEIPT, created_at=now)
    return entry


def check_by_account(campaign: Campaign) -> None:
    """Refuse where accounts play no part, before anybody's token is read.

    :raises NotByAccount: the campaign knows fans in another way.
    """
    if not campaign.is_by_account:
        raise NotByAccount(_("This campaign knows fans by their mail: ask for a link."))


def entry_of_account(published: Published, account: Account) -> Entry | None:
    """The entry of a fan who has signed in, if she has one."""
    return own_entry(published.campaign, ref_in(published, account.id))


def own_entry(campaign: Campaign, ref: str) -> Entry | None:
    """The entry of a fan who has proved that she is this ref: by her address, or by her account."""
    found = Entry.objects.filter(campaign=campaign, ref=ref)
    if not campaign.is_by_account:
        found = found.filter(email_confirmed_at__isnull=False)
    return found.first()


def send_link(*, published: Published, email: Any = "", member_id: Any = "", now: datetime) -> None:
    """Mail a link to the entry of an address or a member number. The answer is the same whether there is one or not.

    :raises Invalid: the address or the number has no normal form.
    """
    campaign = published.campaign
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
    if not _is_open(campaign, now):
        raise CannotRegister(_("Registration has closed."))


def _is_open(campaign: Campaign, now: datetime) -> bool:
    status, close_at = Campaign.objects.values_list("status", "close_at").get(pk=campaign.pk)
    return bool(status == Campaign.Status.OPEN and (close_at is None or now < close_at))


_TAKE = """
    SELECT pg_advisory_xact_lock_shared(%(space)s, %(campaign)s), pg_advisory_xact_lock(%(ref_lock)s);
    WITH open AS (
        SELECT id FROM campaigns_campaign
        WHERE id = %(campaign)s AND status = 'open' AND (close_at IS NULL OR close_at > %(now)s)
    ), allowed AS (
        SELECT id FROM open{members}
    ), entry AS (
        INSERT INTO entries_entry (
            campaign_id, ref, identifier, email, email_confirmed_at, person_key, name, phone, locale_id, answers,
            consents, choices, gates_failed, gates_pending, created_at, updated_at
        )
        SELECT id, %(ref)s, %(identifier)s, %(email)s, %(email_confirmed_at)s, %(person_key)s, %(name)s, %(phone)s,
               %(locale)s, %(answers)s::jsonb, %(consents)s::jsonb, %(choices)s::smallint[], false, %(is_pending)s,
               %(now)s, %(now)s
        FROM allowed
        ON CONFLICT DO NOTHING RETURNING id
    ){gates}, waiting AS (
        INSERT INTO entries_submission (
            entry_id, name, phone, locale_id, answers, consents, choices, gate_answers, created_at
        )
        SELECT known.id, %(name)s, %(phone)s, %(locale)s, %(answers)s::jsonb, %(consents)s::jsonb,
               %(choices)s::smallint[], %(gate_answers_by_id)s::jsonb, %(now)s
        FROM allowed JOIN entries_entry AS known ON known.campaign_id = allowed.id AND known.ref = %(ref)s
        WHERE (SELECT count(*) FROM entries_submission AS earlier
               WHERE earlier.entry_id = known.id AND earlier.created_at > %(since)s) < %(most)s
        RETURNING id, entry_id
    ), mailed AS (
        INSERT INTO entries_message (entry_id, kind, submission_id, status, attempts, error, created_at)
        SELECT id, CASE WHEN %(email_confirmed_at)s::timestamptz IS NULL THEN 'confirmation' ELSE 'receipt' END, NULL,
               'queued', 0, '', %(now)s::timestamptz FROM entry
        UNION ALL SELECT entry_id, 'confirmation', id, 'queued', 0, '', %(now)s FROM waiting
        RETURNING id
    ), turned_away AS (
        INSERT INTO entries_turnedaway (campaign_id, reason, created_at)
        SELECT id, CASE WHEN EXISTS (SELECT FROM allowed) THEN 'too_many' ELSE 'no_member' END, %(now)s
        FROM open WHERE NOT EXISTS (SELECT FROM mailed)
    )
    SELECT EXISTS (SELECT FROM open)
"""
"""One round trip, and one transaction by itself: PostgreSQL runs the two statements of a message together.

The locks come first and in a statement of their own, so that the second one sees what was committed before they were
there. The campaign's is shared to the end here, taken alone by the close (spec: the draw, step 2); the ref's lets two
submissions of one fan through one by one. The unique constraint guards the rest. Whatever is known of the fan,
something is written: an answer that came without a write would come sooner.
"""


_INSERT_GATES = """, told AS (
        INSERT INTO entries_gateanswer (entry_id, gate_id, answer, answered_at, ask_after, attempts)
        SELECT entry.id, gate.id, said.answer, %(now)s,
               CASE WHEN said.answer = 'cannot_say' THEN %(ask_after)s::timestamptz END, 1
        FROM entry CROSS JOIN unnest(%(gates)s::bigint[], %(gate_answers)s::text[]) AS said (gate, answer)
        JOIN campaigns_gate AS gate ON gate.id = said.gate
    )"""
"""Only where the campaign has gates; the others' message stays as short as it was."""


_MEMBERS = """
        WHERE EXISTS (
            SELECT FROM campaigns_member
            WHERE artist_id = %(artist)s AND number = %(identifier)s AND email = %(email)s
        )"""
"""Only where the campaign knows fans by their membership: number and address must be those of one member."""


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


def _take(published: Published, cleaned: Clean, answers: Answers, now: datetime) -> bool:
    """Make the entry, or let the submission wait beside it, and queue its mail; tell whether the campaign was open."""
    campaign = published.campaign
    ref = ref_in(published, cleaned.identifier)
    kept = _kept(cleaned, answers)
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE.format(gates=_INSERT_GATES if answers else "", members=_MEMBERS if campaign.is_by_membership else ""),
            {
                "space": int(Space.REGISTRATION),
                "campaign": campaign.pk,
                "ref": ref,
                "ref_lock": _lock_of(ref),
                "artist": campaign.artist_id,
                "identifier": cleaned.identifier,
                "email": cleaned.email,
                "email_confirmed_at": now if cleaned.is_email_proved else None,
                "person_key": person_key(cleaned.identifier),
                "name": cleaned.name,
                "phone": cleaned.phone,
                "locale": cleaned.locale.code,
                "answers": json.dumps(cleaned.answers),
                "consents": json.dumps(cleaned.consents),
                "choices": cleaned.choices,
                "is_pending": is_pending(answers),
                "gates": list(answers),
                "gate_answers": [str(answer) for answer in answers.values()],
                "gate_answers_by_id": json.dumps(kept["gate_answers"]),
                "ask_after": now + pause_after(1),
                "since": now - timedelta(days=1),
                "most": MOST_WAITING,
                "now": now,
            },
        )
        cursor.nextset()
        return bool(cursor.fetchone()[0])


def _kept(cleaned: Clean, answers: Answers) -> Mapping[str, Any]:
    """The columns of a submission, and what the gates said."""
    return {
        "name": cleaned.name,
        "phone": cleaned.phone,
        "locale": cleaned.locale,
        "answers": cleaned.answers,
        "consents": cleaned.consents,
        "choices": cleaned.choices,
        "gate_answers": {str(gate): str(answer) for gate, answer in answers.items()},
    }


def waiting_submission(entry: Entry, submission_id: int) -> Submission | None:
    """The submission that a link would put in force; none where it or a later one already is, or she withdrew since."""
    newer = Q(applied_at__isnull=False, pk__gte=submission_id)
    if not submission_id or Submission.objects.filter(newer, entry=entry).exists():
        return None
    waiting = Submission.objects.filter(pk=submission_id, entry=entry).first()
    is_void = waiting is not None and entry.withdrawn_at is not None and waiting.created_at <= entry.withdrawn_at
    return None if is_void else waiting


def _apply(entry: Entry, submission: Submission, now: datetime) -> None:
    """Put a submission in force."""
    submission.applied_at = now
    submission.save(update_fields=["applied_at"])
    if entry.phone != submission.phone:
        entry.phone_confirmed_at = None
    entry.consents = _with_first_times(entry.consents, submission.consents)
    for name in ("name", "phone", "locale_id", "answers", "choices"):
        setattr(entry, name, getattr(submission, name))
    put_in_force(entry, {int(gate): Answer(answer) for gate, answer in submission.gate_answers.items()}, now)
    entry.withdrawn_at = None
    entry.updated_at = now
    entry.save(
        update_fields=[
            "name",
            "phone",
            "locale",
            "answers",
            "consents",
            "choices",
            "gates_failed",
            "gates_pending",
            "phone_confirmed_at",
            "withdrawn_at",
            "updated_at",
        ]
    )


def _with_first_times(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is agreed to now; what was agreed to in the same words before keeps its time."""
    return {
        key: before[key] if before.get(key, {}).get("version") == consent["version"] else consent
        for key, consent in given.items()
    }


def _mail_once(entry: Entry, kind: Message.Kind, now: datetime) -> None:
    """Queue a mail, unless one of its kind waits to be sent: it tells what is true when it is sent."""
    if not entry.messages.filter(kind=kind, status=Message.Status.QUEUED, submission=None).exists():
        Message.objects.create(entry=entry, kind=kind, created_at=now)


def _applicant(campaign: Campaign, cleaned: Clean) -> Applicant:
    return Applicant(
        campaign_id=campaign.pk, identifier=cleaned.identifier, email=cleaned.email, supplied=cleaned.answers
    )


def ref_in(published: Published, identifier: str) -> str:
    """The ref of an identifier in a campaign."""
    key = fan_key(salt=published.salt, identifier=identifier)
    return ref_of(fan_key=key, identifier=identifier)


def _lock_of(ref: str) -> int:
    """The advisory lock of one fan in one campaign: the ref's first 60 bits."""
    return int(ref[:15], 16)
