"""Sending mails in claimed batches.

A message is a row. A sender claims at most 50 with SKIP LOCKED, renders and sends them, and marks them sent. What a
dead sender left in doubt is claimed again after ``CLAIM`` and sent under the same Message-ID with the same content:
two copies of one mail are harmless, none is not.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

import structlog
from django.core.mail import mailers
from django.db import connection
from django.utils import timezone

from campaigns.models import Locale
from campaigns.published import published_by_id
from core.mail import AddressRefused, ServerAway, TryLater
from core.mail_writing import Mail
from core.tick import every_tick
from entries.messages import compose, mail_of
from entries.models import Entry, Message
from entries.rendering import Renderer

log = structlog.get_logger(__name__)
BATCH = 50
CLAIM = timedelta(seconds=45)
BATCH_SECONDS = 15.0
"""After so long a sender begins no other mail of its batch, so that its claim outlives the one that it is at."""
MOST_ATTEMPTS = 5
MANY = 10
"""Mails in a row that a server puts off before it is taken to put off all of them."""
SWEEP_SECONDS = 20.0
"""How often a sender begins anew at the oldest message, where retries and what others left are."""
FRESH_SECONDS = 30.0
"""How old the set-up may be from which a sender that goes on for hours renders."""
REST = timedelta(seconds=20)
"""How long mails wait that the server has put off, and how long nobody asks one that is away."""
_OF_MESSAGE = tuple(field.attname for field in Message._meta.concrete_fields)
_UNREAD = ("answers", "consents", "person_key", "identifier", "phone")
_OF_ENTRY = tuple(field.attname for field in Entry._meta.concrete_fields if field.attname not in _UNREAD)
_COLUMNS = ", ".join([*(f"message.{name}" for name in _OF_MESSAGE), *(f"entry.{name}" for name in _OF_ENTRY)])
_PAUSE = {"until": 0.0}


@dataclass
class Batch:
    """What became of a batch: which messages were sent, will be tried again, go back untried, or are given up."""

    claimed: int = 0
    sent: list[int] = field(default_factory=list)
    tried: list[tuple[Message, str]] = field(default_factory=list)
    refused: list[tuple[Message, str]] = field(default_factory=list)
    doubtful: set[int] = field(default_factory=set)
    untried: list[int] = field(default_factory=list)
    pointless: list[int] = field(default_factory=list)
    """There is nothing to say to these fans any more: they left, or their codes were taken back."""
    away: str = ""
    """Why no mail can be handed over at all, where that is so."""


class Sender:
    """Sends the messages of a wave, or those of none, on one connection to the mail server."""

    def __init__(self, *, wave_id: int | None = None, may_go_on: Callable[[], bool] = lambda: True) -> None:
        self.refused_in_a_row = 0
        self.last_refusal = ""
        self._wave_id = wave_id
        self._may_go_on = may_go_on
        self._backend = mailers.default
        self._locales: dict[str, Locale] = {}
        self._renderers: dict[int, tuple[float, Renderer]] = {}
        self._after, self._swept_at = 0, time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._backend.close()

    def send_batch(self, *, now: datetime, most: int = BATCH) -> Batch:
        """Claim and send one batch, and tell what became of it."""
        messages = self._claim(now, most)
        batch = Batch(claimed=len(messages))
        if messages:
            self._send_all(self._mails(messages, batch), batch, is_full=len(messages) == most)
            _settle(batch, timezone.now())
        return batch

    # Claiming

    def _claim(self, now: datetime, most: int) -> list[Message]:
        """Take messages that are due, or that a dead sender has left, the oldest first behind those taken before.

        To begin behind them spares the index a walk over all that were sent since it was last cleaned.
        """
        if time.monotonic() - self._swept_at > SWEEP_SECONDS:
            self._after, self._swept_at = 0, time.monotonic()
        messages = claim(now=now, wave_id=self._wave_id, after=self._after, most=most)
        if not messages and self._after:
            self._swept_at = time.monotonic()
            messages = claim(now=now, wave_id=self._wave_id, after=0, most=most)
        self._after = messages[-1].pk if messages else 0
        for message in messages:
            message.entry.locale = self._locale(message.entry.locale_id)
        return messages

    def _locale(self, code: str) -> Locale:
        if code not in self._locales:
            self._locales[code] = Locale.objects.get(pk=code)
        return self._locales[code]

    # Rendering

    def _mails(self, messages: Sequence[Message], batch: Batch) -> list[tuple[Message, Mail]]:
        """Render a batch, grouped by campaign and kind so that each group asks the database once.

        What cannot be rendered is given up at once: the same words would fail again.
        """
        groups: dict[tuple[int, str], list[Message]] = {}
        for message in messages:
            groups.setdefault((message.entry.campaign_id, message.kind), []).append(message)
        rendered = []
        for (campaign_id, kind), group in groups.items():
            try:
                renderer = self._renderer(campaign_id)
                letters = compose(kind, group, renderer.published)
            except Exception as error:
                log.error("mails_not_composed", kind=kind, campaign=campaign_id, error=type(error).__name__)
                batch.tried += [(message, type(error).__name__) for message in group]
                continue
            for message in group:
                letter = letters.get(message.pk)
                if letter is None or not message.entry.email:
                    batch.pointless.append(message.pk)
                    continue
                try:
                    mail = mail_of(message, renderer.words(kind, letter, message.entry.locale))
                    mail.written()  # A header that cannot be written shows only now.
                    rendered.append((message, mail))
                except Exception as error:
                    log.error("mail_not_rendered", message=message.pk, error=type(error).__name__)
                    batch.refused.append((message, type(error).__name__))
        return rendered

    def _renderer(self, campaign_id: int) -> Renderer:
        made_at, renderer = self._renderers.get(campaign_id, (0.0, None))
        if renderer is None or time.monotonic() - made_at > FRESH_SECONDS:
            renderer = Renderer(published_by_id(campaign_id))
            self._renderers[campaign_id] = (time.monotonic(), renderer)
        return renderer

    # Handing over

    def _send_all(self, mails: Sequence[tuple[Message, Mail]], batch: Batch, *, is_full: bool) -> None:
        ends = time.monotonic() + BATCH_SECONDS
        put_off = 0
        for place, (message, mail) in enumerate(mails):
            if time.monotonic() > ends or not self._may_go_on():
                batch.untried += [rest.pk for rest, _ in mails[place:]]
                break
            put_off = self._send_one(message, mail, batch, put_off)
            if is_full and put_off >= MANY:
                # It is the server that is busy, not these addresses that are wrong: it costs them no attempt.
                batch.away = f"PutOff, {batch.tried[-1][1]}"
                batch.untried += [untried.pk for untried, _ in batch.tried[-put_off:]]
                batch.tried = batch.tried[:-put_off]
            if batch.away:
                batch.untried += [untried.pk for untried, _ in mails[place + 1 :]]
                log.warning("mail_server_away", error=batch.away)
                break

    def _send_one(self, message: Message, mail: Mail, batch: Batch, put_off: int) -> int:
        """Send one, note what became of it, and give how many the server has put off in a row by now."""
        try:
            self._hand_over(mail)
        except ServerAway as away:
            batch.away = away.kind
            if away.is_of_mail:
                batch.tried.append((message, away.kind))
            else:
                batch.untried.append(message.pk)
            if away.may_have_taken:
                batch.doubtful.add(message.pk)
        except AddressRefused as refusal:
            self.refused_in_a_row += 1
            self.last_refusal = str(refusal.reply)
            batch.refused.append((message, f"refused {refusal.reply}"))
        except TryLater as refusal:
            batch.tried.append((message, f"put off {refusal.reply}"))
            return put_off + 1
        except Exception as error:
            # One address that cannot be written must not keep the other mails back.
            batch.tried.append((message, type(error).__name__))
        else:
            batch.sent.append(message.pk)
            self.refused_in_a_row = 0
        return 0

    def _hand_over(self, mail: Mail) -> None:
        try:
            if self._backend.send_messages([mail]) != 1:
                raise TryLater(0)
        except OSError as error:
            raise ServerAway(type(error).__name__) from None


def claim(*, now: datetime, wave_id: int | None, after: int, most: int) -> list[Message]:
    """Take the oldest messages behind one that are due, or that a dead sender has left, with their entries.

    The latter may have been sent: they are marked as doubtful for good. What no mail says of an entry is not read.
    """
    # Compared and ordered by both columns, so that only the index of unsent mails gives the order: by the primary key
    # alone a planner whose counts are old would walk over all that were sent.
    belongs = "wave_id IS NULL AND id > %(after)s"
    if wave_id is not None:
        belongs = "wave_id <= %(wave)s AND (wave_id, id) > (%(wave)s, %(after)s)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH picked AS MATERIALIZED (
                SELECT id FROM entries_message
                WHERE status IN ('queued', 'sending') AND {belongs}
                  AND (status = 'queued' OR claimed_until < %(now)s) AND (send_after IS NULL OR send_after <= %(now)s)
                ORDER BY wave_id, id LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED
            ), message AS (
                UPDATE entries_message AS message
                SET status = 'sending', attempts = attempts + 1, claimed_until = %(until)s,
                    is_doubtful = is_doubtful OR status = 'sending'
                FROM picked WHERE message.id = picked.id RETURNING message.*
            )
            SELECT {_COLUMNS} FROM message JOIN entries_entry AS entry ON entry.id = message.entry_id
            ORDER BY message.id
            """,  # noqa: S608  Names of columns, and one of the two conditions above.
            {"until": now + CLAIM, "now": now, "wave": wave_id, "after": after, "most": most},
        )
        return [_message_of(row) for row in cursor.fetchall()]


def _message_of(row: tuple[Any, ...]) -> Message:
    message = Message.from_db(connection.alias, _OF_MESSAGE, row[: len(_OF_MESSAGE)])
    message.entry = Entry.from_db(connection.alias, _OF_ENTRY, row[len(_OF_MESSAGE) :])
    return message


def send_batch(*, now: datetime, wave_id: int | None = None) -> int:
    """Claim and send one batch: a wave's, or what belongs to no wave. Give back how many were claimed."""
    with Sender(wave_id=wave_id) as sender:
        return sender.send_batch(now=now).claimed


@every_tick
def send_due(now: datetime) -> int:
    """Send what waits outside waves, a few batches a tick, and return how many messages.

    A server that is away is left alone for a while: the clock must not wait for it at every tick.
    """
    if time.monotonic() < _PAUSE["until"]:
        return 0
    count = 0
    with Sender() as sender:
        for _ in range(20):
            batch = sender.send_batch(now=timezone.now())
            count += batch.claimed
            if batch.away:
                _PAUSE["until"] = time.monotonic() + REST.total_seconds()
            if batch.away or batch.claimed < BATCH:
                break
    return count


def _settle(batch: Batch, now: datetime) -> None:
    """Mark a batch: sent, to be tried again after a pause that grows, put back, or given up.

    What was stopped while it was on its way is sent all the same; what did not go out by then stays stopped.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE entries_message SET status = 'sent', sent_at = %s, claimed_until = NULL, error = ''"
            " WHERE id = ANY(%s) AND status IN ('sending', 'stopped')",
            [now, batch.sent],
        )
    claimed = Message.objects.filter(status=Message.Status.SENDING)
    if batch.pointless:
        claimed.filter(pk__in=batch.pointless).update(
            status=Message.Status.STOPPED, claimed_until=None, error="nothing to say"
        )
    if batch.untried:
        _put_back(batch.untried, now + REST if batch.away.startswith("PutOff") else None)
    for message, error in batch.refused:
        claimed.filter(pk=message.pk).update(status=Message.Status.FAILED, claimed_until=None, error=error)
    for message, error in batch.tried:
        claimed.filter(pk=message.pk).update(
            status=Message.Status.FAILED if message.attempts >= MOST_ATTEMPTS else Message.Status.QUEUED,
            send_after=now + timedelta(seconds=10 * 4**message.attempts),
            claimed_until=None,
            is_doubtful=message.is_doubtful or message.pk in batch.doubtful,
            error=error,
        )


def _put_back(ids: Sequence[int], send_after: datetime | None) -> None:
    """Give messages back as if they had not been claimed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE entries_message SET status = 'queued', claimed_until = NULL, attempts = greatest(attempts - 1, 0),"
            " send_after = coalesce(%s, send_after) WHERE id = ANY(%s) AND status = 'sending'",
            [send_after, list(ids)],
        )
