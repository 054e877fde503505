"""The mails of a completed wave: one message a fan and wave, sent in claimed batches, and what they say."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from django.db import connection
from django.db.models import Count
from django.utils import translation
from django.utils.translation import gettext as _

from campaigns.models import Market
from campaigns.published import Published
from codes.models import POOL_SPAN
from core import jobs
from core.jobs import Claim, PermanentFailure
from entries import messages
from entries.messages import AnyLetter, Letter, LikeLetter, Own, compose_with
from entries.models import Entry, Message
from waves import proof, queueing, wave_senders
from waves.explanation import MARKETS_FULL, Outcome, not_selected, outcomes_in_wave
from waves.models import Notification, Wave
from waves.rules import Rules


def notify(claim: Claim[Notification]) -> None:
    """The work of a notification: make the messages once, then send until none is left."""
    wave = claim.job.wave
    if wave.status != Wave.Status.COMPLETED:
        raise PermanentFailure("Only a completed wave sends mails.")
    queueing.queue(claim, wave=wave)
    total = Message.objects.filter(wave_id=wave.pk).count()
    done = total - wave_senders.unsent_of(wave.pk).count()
    claim.enter("sending", total=total)
    claim.write(done_before=done, progress_done=done)
    wave_senders.WaveSenders(claim, total=total, done=done).send_all()
    claim.enter("finished", total=total)
    claim.write(progress_done=total)


@compose_with(Message.Kind.SELECTED)
def compose_selected(batch: Sequence[Message], published: Published) -> Mapping[int, AnyLetter]:
    """The mail with the code."""
    letters = {}
    for memory, group in _by_wave(batch, published):
        found = memory.outcomes([message.entry_id for message in group], published)
        for message in group:
            if message.entry_id in found and not _is_out(message.entry):
                # Else her place was voided or she left; a message without a letter is never sent.
                outcome, code = found[message.entry_id]
                letters[message.pk] = _letter_with_code(message, outcome, code, published)
    return letters


@compose_with(Message.Kind.NOT_SELECTED)
def compose_not_selected(batch: Sequence[Message], published: Published) -> Mapping[int, AnyLetter]:
    """The mail that says honestly that it was not this time, and why."""
    letters = {}
    is_over = published.campaign.status == published.campaign.Status.FINISHED
    for memory, group in _by_wave(batch, published):
        there = [message for message in group if not _is_out(message.entry)]
        results = proof.results_of(memory.wave.draw, [message.entry.ref for message in there])
        for message in there:
            if message.entry.ref in results:
                reason, choices = results[message.entry.ref]
                named = memory.named(choices, published)
                outcome = not_selected(memory.wave, reason or MARKETS_FULL, named)
                letters[message.pk] = _regret(message, outcome, published, is_over=is_over)
    return letters


_PLACES = """
    SELECT place.entry_id, place.code_id, place.market_id, place.event_id, place.choice, code.value
    FROM codes_assignment AS place JOIN codes_code AS code ON code.id = place.code_id
    WHERE place.hold_id = %s AND place.entry_id = ANY(%s) AND place.voided = ''
"""


class _Memory:
    """What the mails of a wave have in common, kept as long as what is published of the campaign.

    A wave's outcomes differ by pool, market, event and choice, and then by the code alone.
    """

    def __init__(self, wave: Wave) -> None:
        self.wave = wave
        self._outcomes: dict[tuple[int | None, ...], Outcome] = {}
        self._rules = Rules.from_json(bytes(wave.draw.rules))

    def named(self, choices: Sequence[str], published: Published) -> list[tuple[Market, int]]:
        """Markets by their codes, each with the places that the wave had there."""
        markets = published.market_of_code
        return [(markets[code], self._rules.markets[code].places) for code in choices if code in markets]

    def outcomes(self, entry_ids: Sequence[int], published: Published) -> dict[int, tuple[Outcome, str]]:
        """The outcome and the code of those who have a place that is not void, by entry."""
        with connection.cursor() as cursor:
            cursor.execute(_PLACES, [self.wave.prep.hold_id, list(entry_ids)])
            rows = cursor.fetchall()
        keyed = {
            entry: ((code_id // POOL_SPAN, market, event, choice), code)
            for entry, code_id, market, event, choice, code in rows
        }
        unknown = {key: entry for entry, (key, _) in keyed.items() if key not in self._outcomes}
        if unknown:
            whole = outcomes_in_wave(self.wave, list(unknown.values()), published)
            self._outcomes |= {key: whole[entry].without_code() for key, entry in unknown.items() if entry in whole}
        return {entry: (self._outcomes[key], code) for entry, (key, code) in keyed.items() if key in self._outcomes}


def _by_wave(batch: Sequence[Message], published: Published) -> Iterable[tuple[_Memory, list[Message]]]:
    for wave_id in sorted({message.wave_id for message in batch if message.wave_id is not None}):
        name = f"mails of wave {wave_id}"
        if name not in published.answers:
            wave = Wave.objects.select_related("campaign", "draw", "prep").get(pk=wave_id)
            published.answers[name] = (b"", _Memory(wave))
        yield published.answers[name][1], [message for message in batch if message.wave_id == wave_id]


def _is_out(entry: Entry) -> bool:
    return entry.withdrawn_at is not None or entry.blocked_at is not None or entry.erased_at is not None


def letter_of(message: Message, outcome: Outcome, published: Published) -> AnyLetter:
    """What a mail with a code says. A code that is tied to an account stands in no mail, only the way to it."""
    return _letter_with_code(message, outcome.without_code(), outcome.code, published)


def _letter_with_code(message: Message, outcome: Outcome, code: str, published: Published) -> AnyLetter:
    """The same, of an outcome without its code."""
    language = message.entry.locale.language

    def letter_with(own: Own) -> Letter:
        with translation.override(language):
            values = {
                "link": own.link,
                "name": own.name,
                "code": _("on your page, once you have signed in") if outcome.is_tied else own.code,
                "market": str(outcome.market),
                "presale": outcome.presale_text,
            }
        return Letter(context={"outcome": replace(outcome, code=own.code), "link": own.link}, values=values)

    link = messages.link_of(message.entry, published)
    own = Own(link=link, name=message.entry.name, code="" if outcome.is_tied else code)
    return LikeLetter(likeness=_likeness(outcome), own=own, letter_with=letter_with)


def _likeness(outcome: Outcome) -> tuple[object, ...]:
    return (
        outcome.key,
        outcome.reason,
        outcome.market.pk if outcome.market is not None else None,
        outcome.event.pk if outcome.event is not None else None,
        outcome.choice,
        outcome.is_tied,
        outcome.link,
        outcome.presale_start_at,
        outcome.presale_end_at,
        tuple(market.pk for market in outcome.full_markets),
    )


def _regret(message: Message, outcome: Outcome, published: Published, *, is_over: bool) -> AnyLetter:
    def letter_with(own: Own) -> Letter:
        context = {"outcome": outcome, "link": own.link, "is_over": is_over}
        return Letter(context=context, values={"link": own.link, "name": own.name})

    own = Own(link=messages.link_of(message.entry, published), name=message.entry.name)
    return LikeLetter(likeness=(is_over, *_likeness(outcome)), own=own, letter_with=letter_with)


def counts_of(wave_id: int) -> dict[str, int]:
    """How many mails of a wave are in each state; of millions it takes a second."""
    found = Message.objects.filter(wave_id=wave_id).values_list("status").annotate(mails=Count("pk")).order_by()
    return dict(found)


def _outcome(notification: Notification) -> dict[str, int]:
    """How many mails were sent, and how many were given up."""
    counts = counts_of(notification.wave_id)
    return {name: counts.get(name, 0) for name in (Message.Status.SENT.value, Message.Status.FAILED.value)}


jobs.register(Notification, notify, outcome=_outcome)
