"""Sending mails in claimed batches.

A message is a row. A sender claims at most 50 with SKIP LOCKED, renders and sends them, and marks them sent. What a
dead sender left in doubt is claimed again after ``CLAIM`` and sent under the same Message-ID with the same content:
two copies of one mail are harmless, none is not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import css_inline
import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, mailers
from django.db import connection, transaction
from django.template.loader import render_to_string
from django.utils import timezone, translation

from campaigns import placeholders
from campaigns.models import Image
from campaigns.published import Published, published_by_id
from core.mail import policy_of, recipient
from core.tick import every_tick
from entries.mail_codes import CODE_MINUTES
from entries.models import Entry, Message
from entries.proof import link_token, mail_code

log = structlog.get_logger(__name__)
BATCH = 50
CLAIM = timedelta(seconds=60)
MOST_ATTEMPTS = 5
_inliner = css_inline.CSSInliner(load_remote_stylesheets=False)


@dataclass(frozen=True)
class Letter:
    """What a kind of message says beyond the campaign's own text: the template's context and the placeholders."""

    context: Mapping[str, object]
    values: Mapping[str, str]


Composer = Callable[[Sequence[Message], Published], Mapping[int, Letter]]
_composers: dict[str, Composer] = {}


def compose_with(kind: Message.Kind) -> Callable[[Composer], Composer]:
    """Name the function that gives the letters of a kind, for many messages of one campaign at once, by message id."""

    def register(composer: Composer) -> Composer:
        _composers[kind] = composer
        return composer

    return register


def link_of(entry: Entry, published: Published, *, submission_id: int = 0) -> str:
    """The link that proves the address of an entry and opens its page."""
    return f"{published.campaign.site_url}confirm/{link_token(entry_id=entry.pk, submission_id=submission_id)}/"


@compose_with(Message.Kind.CONFIRMATION)
def compose_confirmations(messages: Sequence[Message], published: Published) -> Mapping[int, Letter]:
    """The mail that asks to prove an address. It quotes nothing that the sender of the form could have written."""
    letters = {}
    for message in messages:
        link = link_of(message.entry, published, submission_id=message.submission_id or 0)
        code = mail_code(entry_id=message.entry_id, message_id=message.pk)
        is_fresh = message.created_at > timezone.now() - timedelta(minutes=CODE_MINUTES)
        # A code is typed with the address by which the campaign knows a fan; accounts have no such page.
        is_of_use = is_fresh and not published.campaign.is_by_account
        letters[message.pk] = Letter(context={"link": link, "code": code if is_of_use else ""}, values={"link": link})
    return letters


@compose_with(Message.Kind.LINK)
def compose_links(messages: Sequence[Message], published: Published) -> Mapping[int, Letter]:
    """The mail that a fan asks for who has lost her way to her entry."""
    letters = {}
    for message in messages:
        link = link_of(message.entry, published)
        letters[message.pk] = Letter(context={"link": link}, values={"link": link})
    return letters


@compose_with(Message.Kind.RECEIPT)
def compose_receipts(messages: Sequence[Message], published: Published) -> Mapping[int, Letter]:
    """The mail after the proof: you are in, with these cities."""
    letters = {}
    for message in messages:
        link = link_of(message.entry, published)
        markets = [
            published.market_of_number[number]
            for number in message.entry.choices
            if number in published.market_of_number
        ]
        letters[message.pk] = Letter(
            context={"link": link, "markets": markets}, values={"link": link, "name": message.entry.name}
        )
    return letters


def send_batch(*, now: datetime, wave_id: int | None = None) -> int:
    """Claim and send one batch: a wave's, or what belongs to no wave. Give back how many were claimed."""
    messages = _claim(now, wave_id)
    if not messages:
        return 0
    outcome = _Outcome()
    emails = _letters(messages, outcome)
    backend = mailers.default
    try:
        backend.open()
        for message, email in emails:
            try:
                if backend.send_messages([email]) != 1:
                    raise RuntimeError("the mail server took no message")
                outcome.sent.append(message.pk)
            except Exception as error:
                # One address that a server refuses must not keep the other mails back.
                outcome.failed.append((message, type(error).__name__))
    except OSError as error:
        log.warning("mail_server_away", error=type(error).__name__)
        outcome.failed += [(message, type(error).__name__) for message, _ in emails]
    finally:
        backend.close()
    _settle(outcome, now)
    return len(messages)


@dataclass
class _Outcome:
    """What became of a batch: ids that were sent, messages that failed and why, and those that will always fail."""

    sent: list[int] = field(default_factory=list)
    failed: list[tuple[Message, str]] = field(default_factory=list)
    unrenderable: list[tuple[Message, str]] = field(default_factory=list)


@every_tick
def send_due(now: datetime) -> int:
    """Send what waits outside waves, a few batches a tick, and return how many messages."""
    count = 0
    for _ in range(20):
        claimed = send_batch(now=timezone.now())
        count += claimed
        if claimed < BATCH:
            break
    return count


def _claim(now: datetime, wave_id: int | None) -> list[Message]:
    """Take the oldest messages that are due, or that a dead sender has left."""
    belongs = "wave_id IS NULL" if wave_id is None else "wave_id = %(wave)s"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE entries_message SET status = 'sending', attempts = attempts + 1, claimed_until = %(until)s
            WHERE id IN (
                SELECT id FROM entries_message
                WHERE status IN ('queued', 'sending') AND {belongs}
                  AND (status = 'queued' OR claimed_until < %(now)s) AND (send_after IS NULL OR send_after <= %(now)s)
                ORDER BY id LIMIT %(batch)s FOR NO KEY UPDATE SKIP LOCKED
            ) RETURNING id
            """,  # noqa: S608  One of the two conditions above.
            {"until": now + CLAIM, "now": now, "wave": wave_id, "batch": BATCH},
        )
        ids = [row[0] for row in cursor.fetchall()]
    return list(Message.objects.filter(pk__in=ids).select_related("entry", "entry__locale").order_by("pk"))


def _letters(messages: Sequence[Message], outcome: _Outcome) -> list[tuple[Message, EmailMultiAlternatives]]:
    """Render a batch, grouped by campaign and kind so that each group asks the database once.

    What cannot be rendered is given up at once: the same words would fail again.
    """
    groups: dict[tuple[int, str], list[Message]] = {}
    for message in messages:
        groups.setdefault((message.entry.campaign_id, message.kind), []).append(message)
    rendered = []
    for (campaign_id, kind), group in groups.items():
        try:
            published = published_by_id(campaign_id)
            letters = _composers[kind](group, published)
        except Exception as error:
            log.error("mails_not_composed", kind=kind, campaign=campaign_id, error=type(error).__name__)
            outcome.failed += [(message, type(error).__name__) for message in group]
            continue
        for message in group:
            try:
                email = render(message, letters[message.pk], published)
                email.message(policy=policy_of(email))  # A header that cannot be written shows only now.
                rendered.append((message, email))
            except Exception as error:
                log.error("mail_not_rendered", message=message.pk, error=type(error).__name__)
                outcome.unrenderable.append((message, type(error).__name__))
    return rendered


def message_id(message: Message) -> str:
    """The Message-ID: the same for every copy of one message."""
    host = settings.FAN_DOMAIN or urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    return f"<{message.kind.replace('_', '-')}.{message.pk}@{host}>"


def render(message: Message, letter: Letter, published: Published) -> EmailMultiAlternatives:
    """One mail in the fan's locale: the campaign's own words around what the kind has to say."""
    locale = message.entry.locale
    texts = published.texts(locale.code)
    values = {"artist": published.campaign.artist.name, "campaign": texts["title"], **letter.values}
    with translation.override(locale.language):
        context = {
            "campaign": published.campaign,
            "published": published,
            "texts": texts,
            "email_image": published.images(locale.code).get(Image.Kind.EMAIL),
            "locale": locale,
            "entry": message.entry,
            "own_text": placeholders.fill(texts.get(f"{message.kind}_body", ""), values),
            "site_url": published.campaign.site_url,
            **letter.context,
        }
        subject = placeholders.fill(texts.get(f"{message.kind}_subject", ""), values)
        if not subject:
            subject = render_to_string(f"mail/{message.kind}_subject.txt", context)
        text = render_to_string(f"mail/{message.kind}.txt", context)
        html = _inliner.inline(render_to_string(f"mail/{message.kind}.html", context))
    email = EmailMultiAlternatives(
        subject=" ".join(subject.split()),
        body=text,
        to=[recipient(message.entry.name, message.entry.email)]
        if message.kind != Message.Kind.CONFIRMATION
        else [message.entry.email],
        headers={"Message-ID": message_id(message), "Auto-Submitted": "auto-generated"},
    )
    email.attach_alternative(html, "text/html")
    return email


def _settle(outcome: _Outcome, now: datetime) -> None:
    """Mark a batch: sent, to be tried again after a pause that grows, or given up."""
    claimed = Message.objects.filter(status=Message.Status.SENDING)
    with transaction.atomic():
        claimed.filter(pk__in=outcome.sent).update(
            status=Message.Status.SENT, sent_at=timezone.now(), claimed_until=None, error=""
        )
        for message, error in (*outcome.failed, *outcome.unrenderable):
            is_last = message.attempts >= MOST_ATTEMPTS or (message, error) in outcome.unrenderable
            claimed.filter(pk=message.pk).update(
                status=Message.Status.FAILED if is_last else Message.Status.QUEUED,
                send_after=now + timedelta(seconds=10 * 4**message.attempts),
                claimed_until=None,
                error=error,
            )
