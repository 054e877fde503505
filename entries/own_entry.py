"""What a fan does with her own entry once she has proved who she is, by a mailed link or its code, or by signing in.

She is believed at once: what she sends is in force, and nothing waits for another mail.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from campaigns import passwords
from campaigns.gating import Answer
from campaigns.models import Campaign
from campaigns.published import Published
from core.locks import Space, lock_shared
from core.refusal import Refusal
from entries.fan_sign_in import Account, NotByAccount, NotSignedIn
from entries.form import Clean, Form, clean
from entries.gates import Answers, put_in_force
from entries.models import Entry, Message, Submission
from entries.proof import BadLink, Proof, read_link
from entries.registration import (
    CannotRegister,
    answers_by_gate,
    answers_of_gates,
    check_accepting,
    check_still_open,
    is_still_open,
    ref_in,
    take,
)

MOST_CHANGES = 50
"""Changes a day by the fan herself."""


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
    answers = answers_of_gates(published, cleaned)
    take(published, cleaned, answers, now)
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
    answers = answers_of_gates(published, cleaned)
    with transaction.atomic():
        lock_shared(Space.REGISTRATION, campaign.pk)
        check_still_open(campaign, now)
        entry = Entry.objects.select_for_update(no_key=True).get(pk=entry.pk)
        if entry.erased_at is not None:
            raise CannotRegister(_("Your entry has been erased. Please register again."))
        if entry.submissions.filter(created_at__gt=now - timedelta(days=1)).count() >= MOST_CHANGES:
            raise TooManyChanges(_("You have changed your entry very often today. Please try again tomorrow."))
        submission = _keep(entry, cleaned, answers, now)
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
        if not is_still_open(campaign, now):
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
    return prove(published=published, proof=read_link(token, campaign=published.campaign), now=now)


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
        if entry.erased_at is not None:
            raise BadLink(_("Your entry has been erased. You can register again while the campaign is open."))
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
    return entry_of_ref(published.campaign, ref_in(published, account.id))


def entry_of_ref(campaign: Campaign, ref: str) -> Entry | None:
    """The entry of a fan who has proved that she is this ref: by her address, or by her account."""
    found = Entry.objects.filter(campaign=campaign, ref=ref, erased_at=None)
    if not campaign.is_by_account:
        found = found.filter(email_confirmed_at__isnull=False)
    return found.first()


def waiting_submission(entry: Entry, submission_id: int) -> Submission | None:
    """The submission that a link would put in force; none where it or a later one already is, or she withdrew since."""
    newer = Q(applied_at__isnull=False, pk__gte=submission_id)
    if not submission_id or Submission.objects.filter(newer, entry=entry).exists():
        return None
    waiting = Submission.objects.filter(pk=submission_id, entry=entry).first()
    is_void = waiting is not None and entry.withdrawn_at is not None and waiting.created_at <= entry.withdrawn_at
    return None if is_void else waiting


def _keep(entry: Entry, cleaned: Clean, answers: Answers, now: datetime) -> Submission:
    """Keep what she sent beside her entry."""
    return Submission.objects.create(
        entry=entry,
        name=cleaned.name,
        phone=cleaned.phone,
        locale=cleaned.locale,
        answers=cleaned.answers,
        consents=cleaned.consents,
        choices=cleaned.choices,
        gate_answers=answers_by_gate(answers),
        created_at=now,
    )


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
