"""What mails say: each kind's letters, and the mail that a letter becomes in the fan's locale.

``entries.sending`` sends them.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

import css_inline
from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone, translation

from campaigns import placeholders
from campaigns.models import Image, Locale
from campaigns.published import Published
from core.mail_writing import Mail
from entries.mail_codes import CODE_MINUTES
from entries.models import Entry, Message
from entries.proof import link_token, mail_code

_inliner = css_inline.CSSInliner(load_remote_stylesheets=False)


@dataclass(frozen=True)
class Own:
    """What is one fan's alone in a letter that is else the same for many."""

    link: str
    name: str = ""
    code: str = ""


@dataclass(frozen=True)
class Letter:
    """What a kind of message says beyond the campaign's own text: the template's context and the placeholders.

    Of millions many are alike: see ``LikeLetter``.
    """

    context: Mapping[str, object]
    values: Mapping[str, str]


@dataclass(frozen=True)
class LikeLetter:
    """A letter that differs from others of its kind, campaign, locale and likeness in ``own`` and nothing else.

    ``letter_with`` gives it with somebody's own. ``entries.rendering`` renders such letters once.
    """

    likeness: Hashable
    own: Own
    letter_with: "Callable[[Own], Letter]"


type AnyLetter = Letter | LikeLetter
Composer = Callable[[Sequence[Message], Published], Mapping[int, AnyLetter]]
_composers: dict[str, Composer] = {}


def compose_with(kind: Message.Kind) -> Callable[[Composer], Composer]:
    """Name the function that gives the letters of a kind, for many messages of one campaign at once, by message id.

    To a message that it gives no letter nothing is sent any more.
    """

    def register(composer: Composer) -> Composer:
        _composers[kind] = composer
        return composer

    return register


def compose(kind: str, messages: Sequence[Message], published: Published) -> Mapping[int, AnyLetter]:
    """The letters of messages of one kind and campaign, by message id; none to whom there is nothing to say."""
    return _composers[kind](messages, published)


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


def key_of(message: Message) -> str:
    """What tells a message from every other one, and its copies from nothing: the left half of its Message-ID."""
    return f"{message.kind.replace('_', '-')}.{message.pk}"


def message_id(message: Message) -> str:
    """The Message-ID: the same for every copy of one message."""
    host = settings.FAN_DOMAIN or urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    return f"<{key_of(message)}@{host}>"


@dataclass(frozen=True)
class Words:
    """All that a mail says. ``encoded`` are text and HTML as they stand in the mail, where that is known already."""

    subject: str
    text: str
    html: str
    encoded: tuple[bytes, bytes] | None = field(default=None, compare=False)


def words_of(kind: str, letter: AnyLetter, *, locale: Locale, published: Published) -> Words:
    """What a letter says in a locale: the campaign's own words around what the kind has to say."""
    if isinstance(letter, LikeLetter):
        letter = letter.letter_with(letter.own)
    texts = published.texts(locale.code)
    values = {"artist": published.campaign.artist.name, "campaign": texts["title"], **letter.values}
    with translation.override(locale.language):
        context = {
            "campaign": published.campaign,
            "published": published,
            "texts": texts,
            "email_image": published.images(locale.code).get(Image.Kind.EMAIL),
            "locale": locale,
            "own_text": placeholders.fill(texts.get(f"{kind}_body", ""), values),
            "site_url": published.campaign.site_url,
            **letter.context,
        }
        subject = placeholders.fill(texts.get(f"{kind}_subject", ""), values)
        if not subject:
            subject = render_to_string(f"mail/{kind}_subject.txt", context)
        text = render_to_string(f"mail/{kind}.txt", context)
        html = _inliner.inline(render_to_string(f"mail/{kind}.html", context))
    return Words(subject=" ".join(subject.split()), text=text, html=html)


def mail_of(message: Message, words: Words) -> Mail:
    """The mail that brings a message's words to its fan. Every copy of it has the same ids."""
    entry, key = message.entry, message_id(message)
    return Mail(
        subject=words.subject,
        text=words.text,
        html=words.html,
        encoded=words.encoded,
        # A confirmation quotes nothing that the sender of the form could have written, so no name.
        name=entry.name if message.kind != Message.Kind.CONFIRMATION else "",
        address=entry.email,
        key=key_of(message),
        headers={"Message-ID": key, "Auto-Submitted": "auto-generated", settings.MAIL_KEY_HEADER: key_of(message)},
    )


def render(message: Message, letter: AnyLetter, published: Published) -> Mail:
    """One mail in the fan's locale."""
    words = words_of(message.kind, letter, locale=message.entry.locale, published=published)
    return mail_of(message, words)
