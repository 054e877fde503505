"""The mails of a completed wave: one message a fan and wave, sent in claimed batches."""

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.db import connection
from django.db.models import Count, Min, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from campaigns.published import Published
from core import jobs
from core.jobs import Claim, Later, PermanentFailure
from entries import messages
from entries.messages import Letter, compose_with
from entries.models import Message
from waves.explanation import Outcome, outcomes_in_wave
from waves.models import Notification, Wave

PAUSE_SECONDS = 1.0
SOON = timedelta(seconds=5)


def notify(claim: Claim[Notification]) -> None:
    """The work of a notification: make the messages once, then send until none is left."""
    wave = claim.job.wave
    if wave.status != Wave.Status.COMPLETED:
        raise PermanentFailure("Only a completed wave sends mails.")
    claim.enter("queueing")
    with claim.transaction():
        _make_messages(wave)
    unsent = Message.objects.filter(wave_id=wave.pk, status__in=[Message.Status.QUEUED, Message.Status.SENDING])
    total = Message.objects.filter(wave_id=wave.pk).count()
    done = total - unsent.count()
    claim.enter("sending", total=total)
    while unsent.exists():
        claim.progress(done)
        claimed = messages.send_batch(now=timezone.now(), wave_id=wave.pk)
        done += claimed
        if claimed == 0:
            done = total - unsent.count()
            _wait(unsent)
    claim.enter("finished", total=total)
    claim.write(progress_done=total)


def _wait(unsent: "QuerySet[Message]") -> None:
    """Pause while others send what is left, or come back when the next mail may be tried again.

    :raises Later: that is not soon.
    """
    due = unsent.aggregate(at=Min(Coalesce("claimed_until", "send_after")))["at"]
    if due is not None and due > timezone.now() + SOON:
        raise Later(due)
    time.sleep(PAUSE_SECONDS)


def _make_messages(wave: Wave) -> None:
    """One message for each fan who has a code, in one statement. Doing it again adds none."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO entries_message (entry_id, kind, wave_id, status, attempts, error, created_at)
            SELECT assignment.entry_id, 'selected', prep.wave_id, 'queued', 0, '', now()
            FROM codes_assignment AS assignment JOIN waves_waveprep AS prep ON prep.hold_id = assignment.hold_id
            WHERE prep.wave_id = %s AND assignment.voided = '' ORDER BY assignment.code_id
            ON CONFLICT DO NOTHING
            """,
            [wave.pk],
        )


@compose_with(Message.Kind.SELECTED)
def compose_selected(batch: Sequence[Message], published: Published) -> Mapping[int, Letter]:
    """The mail with the code."""
    letters = {}
    for wave in Wave.objects.filter(pk__in={message.wave_id for message in batch}):
        group = [message for message in batch if message.wave_id == wave.pk]
        outcomes = outcomes_in_wave(wave, [message.entry_id for message in group], published)
        for message in group:
            outcome = outcomes.get(message.entry_id)
            if outcome is None or not outcome.is_selected:
                continue  # Her place was voided; a message without a letter is never sent.
            letters[message.pk] = letter_of(message, outcome, published)
    return letters


def letter_of(message: Message, outcome: Outcome, published: Published) -> Letter:
    """What a mail with a code says. A code that is tied to an account stands in no mail, only the way to it."""
    link = messages.link_of(message.entry, published)
    shown = outcome.without_code() if outcome.is_tied else outcome
    with translation.override(message.entry.locale.language):
        values = {
            "link": link,
            "name": message.entry.name,
            "code": _("on your page, once you have signed in") if outcome.is_tied else outcome.code,
            "market": str(outcome.market),
            "presale": outcome.presale_text,
        }
    return Letter(context={"outcome": shown, "link": link}, values=values)


def _outcome(notification: Notification) -> dict[str, int]:
    """How many mails were sent, and how many were given up."""
    found = Message.objects.filter(wave_id=notification.wave_id).values_list("status").annotate(mails=Count("pk"))
    counts = dict(found.order_by())
    return {name: counts.get(name, 0) for name in (Message.Status.SENT.value, Message.Status.FAILED.value)}


jobs.register(Notification, notify, outcome=_outcome)
