"""Registering: one fan, one campaign, one entry, whatever she sends and however often.

The first submission makes the entry. A later one for the same identifier waits beside it and replaces it only when
its own mailed link is followed, so nobody can register or overwrite another's address. Every accepted submission is
answered alike, so nobody learns whether an address is registered.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from campaigns import passwords
from campaigns.gating import Answer, Applicant
from campaigns.models import Campaign, Locale
from campaigns.published import Published
from core.locks import Space, lock_shared
from core.refusal import Invalid, Refusal
from entries.answers import BadAnswer, clean_answers, clean_line, clean_phone
from entries.gates import Answers, ask_gates, is_pending, pause_after, put_in_force
from entries.identifiers import (
    BadIdentifier,
    check_deliverable,
    fan_key,
    normalize_email,
    person_key,
    ref_of,
)
from entries.models import Entry, Message, Submission
from entries.proof import BadLink, read_link

MOST_LETTERS_OF_NAME = 100
MOST_WAITING = 5
"""Submissions a day that may wait beside an entry and mail its address; further ones are answered alike and dropped."""


class CannotRegister(Refusal):
    """The campaign takes no registrations now."""

    code = "not_open"


@dataclass(frozen=True)
class Form:
    """What a fan sent, as it came. ``choices`` are market codes, the favourite first."""

    email: Any = ""
    name: Any = ""
    phone: Any = ""
    choices: Any = ()
    answers: Mapping[str, Any] = field(default_factory=dict)
    locale: str = ""
    password: Any = ""
    asker: str = ""
    """The address from which it was sent; wrong passwords are counted by it."""


@dataclass(frozen=True)
class Clean:
    """A form that follows every rule, in the shape that is kept. ``choices`` are market numbers."""

    identifier: str
    name: str
    phone: str
    choices: list[int]
    answers: dict[str, Any]
    locale: Locale


def clean(published: Published, form: Form) -> Clean:
    """Check a form against the campaign's rules.

    :raises Invalid: with a message beside each field that must be mended.
    """
    errors: dict[str, list[str]] = {}
    answers = form.answers if isinstance(form.answers, Mapping) else {}
    cleaned = Clean(
        identifier=_clean_email(form.email, errors),
        name=_clean_name(form.name, errors),
        phone=_clean_phone(form.phone, published, errors),
        choices=_clean_choices(form.choices, published, errors),
        answers=clean_answers(published.fields, answers, errors, region=_region(published)),
        locale=published.choose_locale(asked=form.locale),
    )
    if errors:
        raise Invalid(errors)
    return cleaned


def register(*, published: Published, form: Form, now: datetime) -> None:
    """Take a submission. The answer is the same whether the fan was known or not.

    :raises CannotRegister: the campaign is not open.
    :raises WrongPassword: the campaign has a password, and this is another.
    :raises Invalid: some of the input must be mended.
    :raises GatesFailed: the fan does not meet a condition of the campaign.
    """
    campaign = published.campaign
    check_accepting(campaign, now)
    passwords.check(campaign, form.password, asker=form.asker)
    cleaned = clean(published, form)
    key = fan_key(salt=published.salt, identifier=cleaned.identifier)
    ref = ref_of(fan_key=key, identifier=cleaned.identifier)
    answers = ask_gates(published, _applicant(campaign, cleaned)) if published.gates else {}
    if _insert_entry(campaign, ref, cleaned, answers, now):
        return
    with transaction.atomic():
        lock_shared(Space.REGISTRATION, campaign.pk)
        _check_still_open(campaign, now)
        _let_wait(campaign, ref, cleaned, answers, now)


def confirm(*, published: Published, token: str, now: datetime) -> Entry:
    """Follow a mailed link: it proves the address, and puts its own submission in force if that was waiting.

    Following it again, or an older one later, changes nothing and still gives the entry.

    :raises BadLink: the link is damaged, too old or another campaign's.
    """
    proof = read_link(token)
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
        was_replaced = bool(proof.submission_id) and _apply(entry, proof.submission_id, now)
        if is_first_proof or was_replaced:
            Message.objects.create(entry=entry, kind=Message.Kind.RECEIPT, created_at=now)
    return entry


def check_accepting(campaign: Campaign, now: datetime) -> None:
    """Refuse where the campaign is not open at this moment.

    :raises CannotRegister: with the reason in the fan's words.
    """
    if campaign.is_accepting(now):
        return
    if campaign.status == Campaign.Status.NOT_STARTED:
        raise CannotRegister(_("Registration has not opened yet."))
    raise CannotRegister(_("Registration has closed."))


def _check_still_open(campaign: Campaign, now: datetime) -> None:
    """Look again under the lock: what is kept in memory may be seconds old."""
    status, close_at = Campaign.objects.values_list("status", "close_at").get(pk=campaign.pk)
    if status != Campaign.Status.OPEN or (close_at is not None and now >= close_at):
        raise CannotRegister(_("Registration has closed."))


_INSERT = """
    SELECT pg_advisory_xact_lock_shared(%(space)s, %(campaign)s);
    WITH entry AS (
        INSERT INTO entries_entry (
            campaign_id, ref, identifier, email, person_key, name, phone, locale_id, answers, choices, gates_failed,
            gates_pending, created_at, updated_at
        )
        SELECT id, %(ref)s, %(email)s, %(email)s, %(person_key)s, %(name)s, %(phone)s, %(locale)s, %(answers)s::jsonb,
               %(choices)s::smallint[], false, %(is_pending)s, %(now)s, %(now)s
        FROM campaigns_campaign
        WHERE id = %(campaign)s AND status = 'open' AND (close_at IS NULL OR close_at > %(now)s)
        ON CONFLICT DO NOTHING RETURNING id
    ){gates}
    INSERT INTO entries_message (entry_id, kind, status, attempts, error, created_at)
    SELECT id, 'confirmation', 'queued', 0, '', %(now)s FROM entry RETURNING entry_id
"""
"""One round trip, and one transaction by itself: PostgreSQL runs the two statements of a message together.

The lock comes first and in a statement of its own, so that the second one sees the status as it is once the lock is
there: shared to the end here, taken alone by the close (spec: the draw, step 2). The unique constraint guards the rest.
"""


_INSERT_GATES = """, told AS (
        INSERT INTO entries_gateanswer (entry_id, gate_id, answer, answered_at, ask_after, attempts)
        SELECT entry.id, gate.id, said.answer, %(now)s,
               CASE WHEN said.answer = 'cannot_say' THEN %(ask_after)s::timestamptz END, 1
        FROM entry CROSS JOIN unnest(%(gates)s::bigint[], %(gate_answers)s::text[]) AS said (gate, answer)
        JOIN campaigns_gate AS gate ON gate.id = said.gate
    )"""
"""Only where the campaign has gates; the others' message stays as short as it was."""


def _insert_entry(campaign: Campaign, ref: str, cleaned: Clean, answers: Answers, now: datetime) -> bool:
    """Make the entry and queue its mail; tell whether it is new. Nothing happens where the campaign has closed."""
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT.format(gates=_INSERT_GATES if answers else ""),
            {
                "space": int(Space.REGISTRATION),
                "campaign": campaign.pk,
                "ref": ref,
                "email": cleaned.identifier,
                "person_key": person_key(cleaned.identifier),
                "name": cleaned.name,
                "phone": cleaned.phone,
                "locale": cleaned.locale.code,
                "answers": json.dumps(cleaned.answers),
                "choices": cleaned.choices,
                "is_pending": is_pending(answers),
                "gates": list(answers),
                "gate_answers": [str(answer) for answer in answers.values()],
                "ask_after": now + pause_after(1),
                "now": now,
            },
        )
        cursor.nextset()
        return cursor.fetchone() is not None


def _let_wait(campaign: Campaign, ref: str, cleaned: Clean, answers: Answers, now: datetime) -> None:
    """Keep a later submission beside the entry, with a link of its own."""
    entry_id = Entry.objects.values_list("pk", flat=True).filter(campaign=campaign, ref=ref).first()
    if entry_id is None:  # It closed before the first look and opened again since.
        raise CannotRegister(_("Registration has closed."))
    since = now - timedelta(days=1)
    if Submission.objects.filter(entry=entry_id, created_at__gt=since).count() >= MOST_WAITING:
        return
    submission = Submission.objects.create(
        entry_id=entry_id,
        name=cleaned.name,
        phone=cleaned.phone,
        locale=cleaned.locale,
        answers=cleaned.answers,
        choices=cleaned.choices,
        gate_answers={str(gate): str(answer) for gate, answer in answers.items()},
        created_at=now,
    )
    Message.objects.create(entry_id=entry_id, kind=Message.Kind.CONFIRMATION, submission=submission, created_at=now)


def waiting_submission(entry: Entry, submission_id: int) -> Submission | None:
    """The submission that a link would put in force; none where it or a later one already is."""
    newer = Q(applied_at__isnull=False, pk__gte=submission_id)
    if not submission_id or Submission.objects.filter(newer, entry=entry).exists():
        return None
    return Submission.objects.filter(pk=submission_id, entry=entry).first()


def _apply(entry: Entry, submission_id: int, now: datetime) -> bool:
    """Put a waiting submission in force, unless it or a later one already is."""
    submission = waiting_submission(entry, submission_id)
    if submission is None:
        return False
    submission.applied_at = now
    submission.save(update_fields=["applied_at"])
    for name in ("name", "phone", "locale_id", "answers", "choices"):
        setattr(entry, name, getattr(submission, name))
    put_in_force(entry, {int(gate): Answer(answer) for gate, answer in submission.gate_answers.items()}, now)
    entry.phone_confirmed_at = None
    entry.withdrawn_at = None
    entry.updated_at = now
    entry.save(
        update_fields=[
            "name",
            "phone",
            "locale",
            "answers",
            "choices",
            "gates_failed",
            "gates_pending",
            "phone_confirmed_at",
            "withdrawn_at",
            "updated_at",
        ]
    )
    return True


def _clean_email(given: Any, errors: dict[str, list[str]]) -> str:
    try:
        email = normalize_email(given if isinstance(given, str) else "")
        check_deliverable(email)
    except BadIdentifier as bad:
        errors["email"] = [bad.message]
        return ""
    return email


def _clean_name(given: Any, errors: dict[str, list[str]]) -> str:
    try:
        name = clean_line(given, most=MOST_LETTERS_OF_NAME)
    except BadAnswer as bad:
        errors["name"] = [str(bad)]
        return ""
    if not name:
        errors["name"] = [_("Please enter your name.")]
    elif "://" in name or "www." in name.lower():
        # Operators' texts greet fans by name, and mail programs make links of addresses.
        errors["name"] = [_("Please enter your name without a web address.")]
    return name


def _clean_phone(given: Any, published: Published, errors: dict[str, list[str]]) -> str:
    """The number in E.164; one without a country code is read in the country of the first market."""
    if given in (None, "") and not published.campaign.requires_phone_confirmation:
        return ""
    try:
        return clean_phone(given, region=_region(published))
    except BadAnswer as bad:
        errors["phone"] = [str(bad)]
        return ""


def _region(published: Published) -> str | None:
    """The country in which phone numbers without a country code are read: the first market's."""
    return published.markets[0].venue.country if published.markets else None


def _applicant(campaign: Campaign, cleaned: Clean) -> Applicant:
    return Applicant(
        campaign_id=campaign.pk, identifier=cleaned.identifier, email=cleaned.identifier, supplied=cleaned.answers
    )


def _clean_choices(given: Any, published: Published, errors: dict[str, list[str]]) -> list[int]:
    """Market numbers in the fan's order. There is never a cap on how many she names."""
    codes = list(given) if isinstance(given, list | tuple) else []
    if not codes:
        errors["choices"] = [_("Please choose at least one city.")]
        return []
    markets = published.market_of_code
    unknown = [code for code in codes if not isinstance(code, str) or code not in markets]
    if unknown:
        errors["choices"] = [_("One of these cities is not part of this campaign. Please choose again.")]
        return []
    if len(set(codes)) != len(codes):
        errors["choices"] = [_("Please name each city once.")]
        return []
    return [markets[code].number for code in codes]
