"""Confirming a phone by a one-time code: six digits by text message, bound to one entry and one number.

A code is made by the system's random source and kept as a keyed hash; it works once, for ``CODE_MINUTES``, and
``MOST_TRIES`` of whatever is typed are looked at: each try is counted in its own statement before the comparison, so
that guesses at the same time count like guesses in turn. A new code makes the older ones void.

How much is sent is counted in PostgreSQL under locks, so the caps hold exactly, however many processes there are: per
entry, number and network by an index over the codes (the counts stop at the cap, some thousand rows of an index at
most), per country prefix by one counter row an hour (its lock is held for one short transaction, never while a message
is sent). A message that could not be sent gives back what it had taken.

Whether a number is another fan's shows nowhere before its own code was typed: asking answers alike, and sends alike.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q
from django.utils import translation
from django.utils.translation import gettext as _

from campaigns import readiness
from campaigns.models import Campaign
from campaigns.published import Published
from campaigns.readiness import Line
from core.locks import Space, lock_shared
from core.refusal import Invalid, Refusal
from core.throttling import network_of
from core.tick import every_tick
from entries import phone_senders
from entries.answers import BadAnswer
from entries.models import Entry, Message, PhoneCode, PhoneSends
from entries.phone_numbers import check_takes_messages, clean_campaign_phone, prefix_of
from entries.proof import typed_digits
from entries.registration import check_accepting, check_still_open

CODE_MINUTES = 10
MOST_TRIES = 5
PAUSE = timedelta(seconds=60)
"""Between two messages for one entry."""
MOST_FOR_ENTRY = 5
MOST_FOR_NUMBER = 10
"""Messages a day; a number's are counted over all entries and campaigns."""
MOST_FAILED = 20
"""Messages an hour for one entry that could not be sent: each keeps a process waiting for the sender."""
KEPT = timedelta(days=7)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class CannotConfirmPhone(Refusal):
    """There is nothing to confirm."""

    code = "no_phone_to_confirm"


class TooManyMessages(Refusal):
    """A cap on messages is reached."""

    code = "throttled"
    status = 429

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message, field="number")
        self.retry_after = max(1, int(retry_after.total_seconds()))


class MessageNotSent(Refusal):
    """The sender did not take the message."""

    code = "message_not_sent"
    status = 503
    retry_after = 30


class WrongPhoneCode(Refusal):
    """The digits confirm nothing."""

    code = "wrong_code"
    status = 400


class TooManyPhoneTries(Refusal):
    """Too much was typed for one code."""

    code = "too_many_tries"
    status = 429


class CannotUseNumber(Refusal):
    """The number cannot be this entry's."""

    code = "number_not_taken"


@dataclass(frozen=True)
class Sent:
    """That a code is on its way."""

    number: str
    expires_at: datetime
    next_at: datetime
    """When another one may be asked for."""


def send_code(*, published: Published, entry: Entry, asker: str, number: Any = None, now: datetime) -> Sent:
    """Send a fan a code; with a ``number``, that takes the place of the one that she gave. ``asker`` is her address.

    :raises CannotConfirmPhone: nothing is to be confirmed.
    :raises CannotRegister: the campaign is not open.
    :raises Invalid: it is no number to which the campaign sends messages.
    :raises TooManyMessages: a cap is reached; nothing was changed.
    :raises MessageNotSent: the sender did not take it; no cap counts it.
    """
    campaign = published.campaign
    _check_asked(campaign)
    check_accepting(campaign, now)
    cleaned = _clean_number(entry.phone if number is None else number, published)
    digits = f"{secrets.randbelow(1_000_000):06d}"
    code = _make_code(campaign, entry, cleaned, digits, asker=_hashed(network_of(asker)), now=now)
    with translation.override(entry.locale.language):
        title = published.texts(entry.locale_id)["title"] or campaign.name
        text = _("%(code)s is your code for: %(title)s. It works for %(minutes)s minutes. Tell it to nobody.") % {
            "code": digits,
            "title": title[:60],
            "minutes": CODE_MINUTES,
        }
    try:
        phone_senders.deliver(number=cleaned, text=text)
    except phone_senders.NotSent:
        _give_back(code, now)
        message = _("The message could not be sent just now. Please try again in a moment.")
        raise MessageNotSent(message, field="number") from None
    return Sent(number=cleaned, expires_at=code.expires_at, next_at=now + PAUSE)


def confirm_code(*, published: Published, entry: Entry, code: Any, now: datetime) -> Entry:
    """Confirm an entry's phone by the newest code that was sent for it.

    :raises CannotConfirmPhone: nothing is to be confirmed.
    :raises CannotRegister: the campaign is not open.
    :raises WrongPhoneCode: these are not the digits, or they are too old, used, or void.
    :raises TooManyPhoneTries: too much was typed for this code.
    :raises CannotUseNumber: another entry has confirmed the number.
    """
    campaign = published.campaign
    _check_asked(campaign)
    check_accepting(campaign, now)
    taken = _take_try(entry, now)
    if taken is None:
        raise WrongPhoneCode(_no_code(), field="code")
    if taken.tries > MOST_TRIES:
        raise TooManyPhoneTries(_("Too many codes were tried. Please ask for a new code."), field="code")
    if not hmac.compare_digest(taken.digest, _digest(entry.pk, taken.number, typed_digits(code))):
        raise WrongPhoneCode(_("This is not the code. Look at the newest message again."), field="code")
    return _confirm(campaign, entry, taken.pk, now)


def newest_code(entry: Entry) -> PhoneCode | None:
    """The code that was made last for an entry's present number, as long as nothing has taken its place."""
    return entry.phone_codes.filter(number=entry.phone, used_at=None, voided_at=None).order_by("-pk").first()


def _check_asked(campaign: Campaign) -> None:
    if not campaign.requires_phone_confirmation:
        raise CannotConfirmPhone(_("This campaign asks for no confirmation of phones."))


def _clean_number(given: Any, published: Published) -> str:
    try:
        number = clean_campaign_phone(given, published)
        check_takes_messages(number)
    except BadAnswer as bad:
        raise Invalid({"number": [str(bad)]}) from bad
    return number


def _make_code(campaign: Campaign, entry: Entry, number: str, digits: str, *, asker: str, now: datetime) -> PhoneCode:
    """Make the code's row if the caps allow it, and void the older ones."""
    with transaction.atomic():
        lock_shared(Space.REGISTRATION, campaign.pk)
        check_still_open(campaign, now)
        locked = Entry.objects.select_for_update(no_key=True).get(pk=entry.pk)
        if locked.withdrawn_at is not None:
            raise CannotConfirmPhone(_("You have withdrawn. Enter again first."))
        if locked.phone_confirmed_at is not None and locked.phone == number:
            raise CannotConfirmPhone(_("Your phone number is confirmed already."))
        _check_caps(locked, number, asker, now)
        _count_prefix(prefix_of(number), now)
        if locked.phone != number:
            locked.phone, locked.phone_confirmed_at, locked.updated_at = number, None, now
            locked.save(update_fields=["phone", "phone_confirmed_at", "updated_at"])
            entry.phone, entry.phone_confirmed_at, entry.updated_at = number, None, now
        locked.phone_codes.filter(used_at=None, voided_at=None).update(voided_at=now)
        return PhoneCode.objects.create(
            entry=locked,
            number=number,
            digest=_digest(entry.pk, number, digits),
            asker=asker,
            made_at=now,
            expires_at=now + timedelta(minutes=CODE_MINUTES),
        )


def _check_caps(entry: Entry, number: str, asker: str, now: datetime) -> None:
    """Refuse what goes beyond a cap. The entry's row is locked; number and network are locked here, in one order."""
    with connection.cursor() as cursor:
        for key in sorted({_lock_of(number), _lock_of(asker)}):
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])
    own = entry.phone_codes.filter(made_at__gt=now - DAY)
    sent = own.filter(failed_at=None)
    last = sent.order_by("-made_at").values_list("made_at", flat=True).first()
    if last is not None and last + PAUSE > now:
        message = _("A code was sent less than a minute ago. Wait for it, or ask again in a minute.")
        raise TooManyMessages(message, retry_after=last + PAUSE - now)
    elsewhere = PhoneCode.objects.filter(failed_at=None)
    of_network = elsewhere.filter(asker=asker)
    # An entry's cap and a number's speak alike: what was sent to a number for others is nobody's business.
    today = _("Very many codes were asked for today. Please try again tomorrow.")
    later = _("The message could not be sent just now. Please try again in an hour.")
    network = _("Very many codes were asked for from your network. Please try again later, or from another network.")
    for codes, most, message, wait in (
        (sent, MOST_FOR_ENTRY, today, DAY),
        (elsewhere.filter(number=number, made_at__gt=now - DAY), MOST_FOR_NUMBER, today, DAY),
        (own.filter(failed_at__gt=now - HOUR), MOST_FAILED, later, HOUR),
        (of_network.filter(made_at__gt=now - HOUR), settings.PHONE_NETWORK_PER_HOUR, network, HOUR),
        (of_network.filter(made_at__gt=now - DAY), settings.PHONE_NETWORK_PER_DAY, network, DAY),
    ):
        if codes[:most].count() >= most:
            raise TooManyMessages(message, retry_after=wait)


def _count_prefix(prefix: int, now: datetime) -> None:
    """Count a message of this hour to a country, or refuse it. The row stays locked until the code is made."""
    hour = _hour_of(now)
    most = settings.PHONE_PREFIX_CAPS.get(prefix, settings.PHONE_PREFIX_PER_HOUR)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO entries_phonesends AS known (prefix, hour, sends)
            SELECT %(prefix)s, %(hour)s, 1 WHERE %(most)s > 0
            ON CONFLICT (prefix, hour) DO UPDATE SET sends = known.sends + 1 WHERE known.sends < %(most)s
            RETURNING sends
            """,
            {"prefix": prefix, "hour": hour, "most": most},
        )
        is_counted = cursor.fetchone() is not None
    if not is_counted:
        message = _("Very many codes went to numbers of this country within an hour. Please try again in an hour.")
        raise TooManyMessages(message, retry_after=hour + HOUR - now)


def _give_back(code: PhoneCode, now: datetime) -> None:
    """Have a message that did not go out count no cap. Its code still works: some come late all the same."""
    with transaction.atomic():
        PhoneCode.objects.filter(pk=code.pk).update(failed_at=now)
        counter = PhoneSends.objects.filter(prefix=prefix_of(code.number), hour=_hour_of(code.made_at), sends__gt=0)
        counter.update(sends=F("sends") - 1)


def _take_try(entry: Entry, now: datetime) -> PhoneCode | None:
    """Count a try of the entry's open code, in one statement and before anything is compared."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE entries_phonecode SET tries = tries + 1
            WHERE entry_id = %s AND used_at IS NULL AND voided_at IS NULL AND expires_at > %s
            RETURNING id, number, digest, tries
            """,
            [entry.pk, now],
        )
        row = cursor.fetchone()
    return None if row is None else PhoneCode(pk=row[0], number=row[1], digest=bytes(row[2]), tries=row[3])


def _confirm(campaign: Campaign, entry: Entry, code_id: int, now: datetime) -> Entry:
    """Use the code and confirm its number, under the lock that the close takes alone."""
    is_taken = False
    with transaction.atomic():
        lock_shared(Space.REGISTRATION, campaign.pk)
        check_still_open(campaign, now)
        entry = Entry.objects.select_for_update(no_key=True).get(pk=entry.pk)
        is_open = Q(used_at=None, voided_at=None, number=entry.phone)
        if entry.withdrawn_at is not None or not PhoneCode.objects.filter(is_open, pk=code_id).update(used_at=now):
            raise WrongPhoneCode(_no_code(), field="code")
        entry.phone_confirmed_at = now
        try:
            with transaction.atomic():
                entry.save(update_fields=["phone_confirmed_at"])
        except IntegrityError:
            is_taken = True  # The unique constraint; what is used stays used.
        else:
            entry.messages.filter(kind=Message.Kind.REMINDER, status=Message.Status.QUEUED).delete()
    if is_taken:
        raise CannotUseNumber(_("This number cannot be confirmed here. Please use another number."), field="number")
    return entry


def _no_code() -> str:
    return _("This code is too old, or was used or replaced. Please ask for a new code.")


@lru_cache(maxsize=1)
def _key(secret: str) -> bytes:
    return hashlib.sha256(f"entries.phone {secret}".encode()).digest()


def _digest(entry_id: int, number: str, digits: str) -> bytes:
    """A keyed hash: of six digits without a key, a table of a million lines would tell every code."""
    return hmac.digest(_key(settings.SECRETS_KEY), f"code {entry_id} {number} {digits}".encode(), "sha256")


def _hashed(network: str) -> str:
    return hmac.digest(_key(settings.SECRETS_KEY), f"network {network}".encode(), "sha256").hex()[:32]


def _lock_of(text: str) -> int:
    """An advisory lock for a number or a network: 60 bits of a hash."""
    return int(hashlib.sha256(f"entries.phone {text}".encode()).hexdigest()[:15], 16)


def _hour_of(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)


@every_tick
def forget_codes(now: datetime) -> int:
    """Forget old codes with the numbers that they went to, and old counters, some thousands a tick."""
    old = PhoneCode.objects.filter(made_at__lt=now - KEPT).order_by("made_at", "pk").values_list("pk", flat=True)
    count = PhoneCode.objects.filter(pk__in=list(old[:5000])).delete()[0]
    return count + PhoneSends.objects.filter(hour__lt=now - DAY).delete()[0]


@readiness.register
def phones(campaign: Campaign, now: datetime) -> Iterable[Line]:
    """Where phones are to be confirmed, somebody must carry the codes."""
    if campaign.requires_phone_confirmation and not phone_senders.has_sender():
        text = "Phones are to be confirmed, and nobody carries the codes: set PHONE_SENDER on the servers."
        yield Line(text, is_red=True, section="registration")
