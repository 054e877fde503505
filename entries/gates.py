"""Gates and entries: asked before a submission is taken, asked again while they cannot say, and settled in the entry.

A gate that fails refuses the submission, and the fan can mend and try again. One that cannot say lets it in with the
entry pending; the tick asks again with growing pauses until the campaign's first freeze, where pending is failed.
Answers belong to the submission that they were given for: a later one that waits beside the entry brings its own, and
they take the place of the entry's when it is put in force. What a gate has said stands, even if the gate is changed or
put out of use later; a gate that is out of use keeps nobody pending.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils.translation import gettext as _

from campaigns import gating, secrets
from campaigns.gating import Answer, Applicant
from campaigns.models import DrawSecrets, Gate
from campaigns.published import Published
from core.refusal import Invalid
from core.tick import every_tick
from entries.identifiers import BadIdentifier, fan_key, normalize_email, person_key, ref_of
from entries.models import Entry, GateAnswer

BATCH = 10
MOST_SECONDS = 3.0
"""What one tick spends on asking; the rest of a batch is asked once its lease is over."""
LEASE = timedelta(minutes=1)
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180))
"""How long after each answer that cannot say it is asked again; the last one over and over."""

Answers = Mapping[int, Answer]
"""What each gate said, by the gate's id."""

_is_over: list[Callable[[int], bool]] = []


class GatesFailed(Invalid):
    """A gate's provider says that the fan does not meet its condition."""

    code = "gate_failed"


def stop_asking_when(is_over: Callable[[int], bool]) -> None:
    """Have a higher room say, for a campaign's id, that no gate is asked any more: it has frozen a wave."""
    _is_over.append(is_over)


def pause_after(attempts: int) -> timedelta:
    """How long a gate that could not say so many times is left alone."""
    return PAUSES[min(attempts, len(PAUSES)) - 1]


def ask_gates(published: Published, applicant: Applicant) -> Answers:
    """Ask every gate of a campaign. Call it outside of transactions and locks: providers take their time.

    :raises GatesFailed: with the message of each gate that the applicant does not pass.
    """
    answers = {gate.pk: gating.ask(gate, applicant) for gate in published.gates}
    failed = [gate for gate in published.gates if answers[gate.pk] is Answer.FAILS]
    if failed:
        raise GatesFailed({"gates": list(dict.fromkeys(message_of(gate) for gate in failed))})
    return answers


def message_of(gate: Gate) -> str:
    """What a fan reads who does not pass, in the active language: the gate's own message, else words by its kind."""
    words = {
        Gate.Kind.CARD_TYPE: _("This presale is for holders of a certain payment card."),
        Gate.Kind.LINKED_ACCOUNT: _("This presale is for fans who have linked their account."),
        Gate.Kind.CAMPAIGN_ENTRY: _("This presale is for fans who have registered for an earlier one."),
        Gate.Kind.IDV_TIER: _("This presale is for fans whose identity has been verified."),
        Gate.Kind.FAN_CLUB: _("This presale is for members of the fan club."),
    }
    return gate.message or words[Gate.Kind(gate.kind)]


def is_pending(answers: Answers) -> bool:
    """Whether a gate could not say."""
    return Answer.CANNOT_SAY in answers.values()


def put_in_force(entry: Entry, answers: Answers, now: datetime) -> None:
    """Let a submission's answers take the place of the entry's, whose row the caller has locked and then saves."""
    GateAnswer.objects.filter(entry=entry).delete()
    known = set(Gate.objects.filter(pk__in=answers).values_list("pk", flat=True)) if answers else set()
    GateAnswer.objects.bulk_create(
        GateAnswer(
            entry=entry,
            gate_id=gate,
            answer=answer,
            answered_at=now,
            ask_after=now + pause_after(1) if answer == Answer.CANNOT_SAY else None,
        )
        for gate, answer in answers.items()
        if gate in known
    )
    entry.gates_failed = False
    entry.gates_pending = is_pending(answers)


@every_tick
def ask_again(now: datetime) -> int:
    """Ask gates that could not say and whose pause is over, a few a tick; return how many were asked."""
    until = now + LEASE
    began = time.monotonic()
    asked = 0
    for pk in _claim(now, until):
        if time.monotonic() - began > MOST_SECONDS:
            break
        _ask_one(pk, until, now)
        asked += 1
    return asked


_CLAIM = """
    UPDATE entries_gateanswer AS claimed SET ask_after = %(until)s
    FROM (
        SELECT id FROM entries_gateanswer
        WHERE answer = 'cannot_say' AND ask_after <= %(now)s
        ORDER BY ask_after, id LIMIT %(batch)s FOR NO KEY UPDATE SKIP LOCKED
    ) AS due
    WHERE claimed.id = due.id RETURNING claimed.id
"""
"""A tick at the same moment passes over what this one has locked, and later finds it due in the future."""


def _claim(now: datetime, until: datetime) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": now, "until": until, "batch": BATCH})
        return sorted(pk for (pk,) in cursor.fetchall())


def _ask_one(pk: int, until: datetime, now: datetime) -> None:
    claimed = (
        GateAnswer.objects.select_related("entry", "gate__campaign", "gate__other_campaign")
        .filter(pk=pk, answer=Answer.CANNOT_SAY, ask_after=until)
        .first()
    )
    if claimed is None:  # A later submission has brought its own answers since.
        return
    entry, gate = claimed.entry, claimed.gate
    if _is_frozen(entry.campaign_id):
        GateAnswer.objects.filter(pk=pk, answer=Answer.CANNOT_SAY).update(ask_after=None)
        return
    found = Answer.CANNOT_SAY
    if gate.is_active:
        applicant = Applicant(
            campaign_id=entry.campaign_id, identifier=entry.identifier, email=entry.email, supplied=entry.answers
        )
        found = gating.ask(gate, applicant)
    _settle(claimed, found, until, now)


def _settle(claimed: GateAnswer, found: Answer, until: datetime, now: datetime) -> None:
    """Write an answer, unless the claim is no longer ours or the campaign was frozen meanwhile, and what follows."""
    with transaction.atomic():
        entry = Entry.objects.select_for_update(no_key=True).get(pk=claimed.entry_id)
        if _is_frozen(entry.campaign_id):
            return
        attempts = min(claimed.attempts + 1, 1000)
        written = GateAnswer.objects.filter(pk=claimed.pk, answer=Answer.CANNOT_SAY, ask_after=until).update(
            answer=found,
            answered_at=now,
            ask_after=now + pause_after(attempts) if found is Answer.CANNOT_SAY else None,
            attempts=attempts,
        )
        if not written:
            return
        answers = GateAnswer.objects.filter(entry=entry)
        entry.gates_failed = answers.filter(answer=Answer.FAILS).exists()
        entry.gates_pending = answers.filter(answer=Answer.CANNOT_SAY, gate__is_active=True).exists()
        entry.save(update_fields=["gates_failed", "gates_pending"])


def _is_frozen(campaign_id: int) -> bool:
    return any(is_over(campaign_id) for is_over in _is_over)


class CampaignEntry:
    """Asks another campaign for an entry of the same person."""

    kinds: Sequence[str] = (Gate.Kind.CAMPAIGN_ENTRY,)
    title = "Entries of the other campaign"
    rule = "A fan passes who has an entry in the other campaign that is confirmed and not withdrawn."
    is_ours = True

    def check(self, gate: Gate, applicant: Applicant) -> Answer:
        """Look her up by the ref that she has there: one step in the unique index."""
        other = gate.other_campaign
        if other is None:
            return Answer.CANNOT_SAY
        try:
            identifier = normalize_email(applicant.identifier) if "@" in applicant.identifier else applicant.identifier
            salt = secrets.salt_of(other)
        except BadIdentifier:
            return Answer.FAILS
        except DrawSecrets.DoesNotExist:  # It has never opened, so nobody can have registered for it.
            return Answer.FAILS
        ref = ref_of(fan_key=fan_key(salt=salt, identifier=identifier), identifier=identifier)
        is_in = Entry.objects.filter(
            campaign=other,
            ref=ref,
            person_key=person_key(identifier),
            email_confirmed_at__isnull=False,
            withdrawn_at__isnull=True,
        ).exists()
        return Answer.PASSES if is_in else Answer.FAILS

    def answers(self) -> bool:
        """It is our own database."""
        return True

    def problem(self, gate: Gate) -> Mapping[str, str]:
        """Both campaigns must know fans by the same kind of identifier."""
        other = gate.other_campaign
        if other is None or not gate.campaign_id or other.identifier_type == gate.campaign.identifier_type:
            return {}
        return {"other_campaign": "It knows its fans by another kind of identifier, so nobody would be found there."}


gating.register("campaign_entry", CampaignEntry())
