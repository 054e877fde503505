"""How staff take an entry out: put on the filter list, let back, or erased. A fan's own withdrawal is ``own_entry``'s.

Whoever leaves after a freeze keeps the line and loses the place; the database notes when she left, so that coming back
revives nothing (spec: the draw, reasons).
"""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from campaigns.lifecycle import check_unfinished
from core import audit
from core.locks import Space, lock_shared
from core.refusal import Refusal
from entries.models import Entry, Message
from viewers.permissions import Action, require
from viewers.viewer import Viewer


class CannotBlock(Refusal):
    """The entry stays as it is."""

    code = "cannot_block"


class CannotErase(Refusal):
    """There is nothing left to erase, or no reason is given."""

    code = "cannot_erase"


def block(*, entry: Entry, reason: str, actor: Viewer, now: datetime) -> Entry:
    """Put an entry on the filter list: it takes part in no draw, and a place that it has before a trigger is void.

    :raises CannotBlock: it is on the list already, or no reason is given.
    """
    require(actor, Action.RUN_WAVES, entry.campaign_id)
    return _set_blocked(entry, now, reason=reason, actor=actor, now=now)


def unblock(*, entry: Entry, reason: str, actor: Viewer, now: datetime) -> Entry:
    """Take an entry off the filter list: it takes part in the draws to come.

    :raises CannotBlock: it is not on the list, or no reason is given.
    """
    require(actor, Action.RUN_WAVES, entry.campaign_id)
    return _set_blocked(entry, None, reason=reason, actor=actor, now=now)


def _set_blocked(entry: Entry, blocked_at: datetime | None, *, reason: str, actor: Viewer, now: datetime) -> Entry:
    if not reason.strip():
        raise CannotBlock("Say why: it stays in the history of her entry.", field="reason")
    with transaction.atomic():
        entry = Entry.objects.select_for_update(of=("self",), no_key=True).select_related("campaign").get(pk=entry.pk)
        check_unfinished(entry.campaign)
        if (entry.blocked_at is None) == (blocked_at is None):
            raise CannotBlock(f"This entry is {'not ' if blocked_at is None else ''}on the filter list already.")
        old, entry.blocked_at = entry.blocked_at, blocked_at
        entry.save(update_fields=["blocked_at"])
        audit.record(
            actor=actor,
            action="entry.unblock" if blocked_at is None else "entry.block",
            target=entry,
            campaign_id=entry.campaign_id,
            changes={"is_blocked": [old is not None, blocked_at is not None]},
            reason=reason,
            now=now,
        )
    return entry


def erase(*, entry: Entry, reason: str, actor: Viewer, now: datetime) -> Entry:
    """Take everything out of an entry that tells who she is. Its ref, cities and places in draws stay, as evidence.

    It works in a finished campaign too: the law does not end with it. Registering again with the same identifier gives
    the same ref. What was exported before is not reached.

    :raises CannotErase: it was erased before, or no reason is given.
    """
    require(actor, Action.SEE_PERSONAL_DATA, entry.campaign_id)
    if not reason.strip():
        raise CannotErase("Say why: it stays in the history of her entry.", field="reason")
    with transaction.atomic():
        lock_shared(Space.REGISTRATION, entry.campaign_id)
        entry = Entry.objects.select_for_update(of=("self",), no_key=True).get(pk=entry.pk)
        if entry.erased_at is not None:
            raise CannotErase("This entry has been erased already.")
        _take_out_who_she_is(entry, now)
        audit.record(
            actor=actor,
            action="entry.erase",
            target=entry,
            campaign_id=entry.campaign_id,
            changes={"is_erased": [False, True]},
            reason=reason,
            now=now,
        )
    return entry


def _take_out_who_she_is(entry: Entry, now: datetime) -> None:
    entry.submissions.all().delete()
    entry.gate_answers.all().delete()
    entry.phone_codes.all().delete()
    # The reminder too: there is one for each entry, and who registers again may need another.
    entry.messages.filter(Q(status=Message.Status.QUEUED, wave_id=None) | Q(kind=Message.Kind.REMINDER)).delete()
    entry.messages.filter(status=Message.Status.QUEUED).update(status=Message.Status.STOPPED)
    emptied: dict[str, Any] = {
        "identifier": entry.ref,  # A row needs one, and this one tells no more than the ref beside it.
        "email": "",
        "name": "",
        "phone": "",
        "person_key": b"",
        "answers": {},
        "consents": {},
        "email_confirmed_at": None,
        "phone_confirmed_at": None,
        "gates_failed": False,
        "gates_pending": False,
        "withdrawn_at": entry.withdrawn_at or now,
        "erased_at": now,
    }
    for name, value in emptied.items():
        setattr(entry, name, value)
    entry.save(update_fields=[*emptied])
