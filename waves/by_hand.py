"""One fan, one code, by hand: give one, replace a faulty one, take one back. Always with a reason, and she is told.

What is given by hand is in one hold of the campaign and code type, which is assigned from the beginning. A fan has at
most one gift of a type. A replacement keeps the row: the same fan in the same hold has one code, the latest.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from campaigns.lifecycle import check_unfinished
from campaigns.published import Published
from codes import holding
from codes.models import POOL_SPAN, Assignment, FormerAssignment, Hold, Pool
from codes.ranges import lock_pools, revoke, take_one
from core import audit
from core.refusal import Refusal
from entries import messages
from entries.messages import AnyLetter, Letter, compose_with
from entries.models import Entry, Message
from viewers.permissions import Action, require
from viewers.viewer import Viewer
from waves.explanation import outcome_of
from waves.models import Wave
from waves.notification import letter_of

PURPOSE = "given by hand"
TAKEN_BACK = "taken_back"


class CannotGive(Refusal):
    """No code is given: the fan has one, her entry is out, none is free, or no reason is given."""

    code = "cannot_give"


class CannotTakeBack(Refusal):
    """The code stays the fan's: it is not hers yet, or not any more, or no reason is given."""

    code = "cannot_take_back"


def give(*, entry: Entry, pool: Pool, reason: str, actor: Viewer, now: datetime) -> Assignment:
    """Give a fan one free code of a pool.

    :raises CannotGive: she has one of this type, her entry does not count, the pool has none, or no reason is given.
    """
    require(actor, Action.MANAGE_CODES, entry.campaign_id)
    check_unfinished(entry.campaign)
    if not reason.strip():
        raise CannotGive("Say why she gets a code: the reason stays in the history.", field="reason")
    if pool.campaign_id != entry.campaign_id:
        raise CannotGive("This pool is another campaign's.", field="pool")
    with transaction.atomic():
        entry = Entry.objects.select_for_update(of=("self",), no_key=True).select_related("campaign").get(pk=entry.pk)
        _check_may_have(entry)
        hold = _hold_of_gifts(pool, now)
        earlier = Assignment.objects.filter(entry_id=entry.pk, hold=hold).first()
        if earlier is not None and not earlier.voided:
            raise CannotGive(
                f"She was given a {pool.code_type} code before. Replace it if it is faulty, or take it back first."
            )
        lock_pools([pool.pk, *([earlier.code_id // POOL_SPAN] if earlier is not None else [])])
        code_id = take_one(pool_id=pool.pk, hold_id=hold.pk)
        if code_id is None:
            raise CannotGive(f"{pool} has no free code.", field="pool")
        given = Assignment(
            code_id=code_id, entry_id=entry.pk, hold=hold, market_id=pool.market_id, event_id=pool.event_id
        )
        if earlier is None:
            given.save(force_insert=True)
        else:
            _follow(earlier, given, reason=reason, actor=actor, now=now)
        _tell(entry, Message.Kind.GIVEN, hold, now)
        _record(entry, "give", {"codes": [0, 1], "pool": [None, pool.pk]}, reason=reason, actor=actor, now=now)
    return given


@dataclass(frozen=True)
class FansCode:
    """One code that a fan has, had or waits for."""

    assignment: Assignment
    wave: Wave | None
    """Whose draw gave it; none where it was given by hand."""
    is_hers: bool
    """Whether it is in force, and her wave was triggered."""
    replaced: int
    """How many codes it has taken the place of."""


def codes_of(entry: Entry) -> list[FansCode]:
    """Every code that an entry has by a wave or by hand, in three queries."""
    rows = Assignment.objects.filter(entry_id=entry.pk).select_related("hold", "code", "market__venue", "event")
    found = list(rows.order_by("hold"))
    waves = _waves_of(row.hold_id for row in found)
    former = FormerAssignment.objects.filter(entry_id=entry.pk).values_list("hold_id", flat=True)
    earlier = Counter(former)
    return [
        FansCode(
            assignment=row,
            wave=waves.get(row.hold_id),
            is_hers=not row.voided and row.hold.status == Hold.Status.ASSIGNED,
            replaced=earlier[row.hold_id],
        )
        for row in found
    ]


def _check_may_have(entry: Entry) -> None:
    """Refuse for an entry that takes part in nothing, or whose mail may be somebody else's."""
    if entry.withdrawn_at is not None:
        raise CannotGive("She has withdrawn: her entry gets no code.")
    if entry.blocked_at is not None:
        raise CannotGive("Her entry is blocked: it gets no code.")
    if entry.email_confirmed_at is None:
        raise CannotGive("She has not confirmed her address yet: her code could reach somebody else.")


def _hold_of_gifts(pool: Pool, now: datetime) -> Hold:
    """The one hold of the campaign's gifts of this type, locked: of two who give at once, one waits."""
    hold, _ = Hold.objects.get_or_create(
        campaign_id=pool.campaign_id,
        code_type=pool.code_type,
        kind=Hold.Kind.HAND,
        defaults={"status": Hold.Status.ASSIGNED, "purpose": PURPOSE, "created_at": now},
    )
    return holding.lock(hold)


def replace(*, assignment: Assignment, reason: str, actor: Viewer, now: datetime) -> Assignment:
    """Give a fan a free code of the same pool in the place of a faulty one, which is revoked.

    Before the trigger of her wave she has not seen the old one: the code is exchanged in the wave's hold, and she is
    not told.

    :raises CannotReplace: it was replaced or taken back meanwhile, no code is free, or no reason is given.
    """
    entry = _entry_of(assignment)
    require(actor, Action.MANAGE_CODES, entry.campaign_id)
    check_unfinished(entry.campaign)
    if not reason.strip():
        raise holding.CannotReplace("Say why: the reason stays in the history.", field="reason")
    with transaction.atomic():
        hold, old = _locked(assignment, holding.CannotReplace)
        if hold.status == Hold.Status.HELD:
            code_id = holding.swap(code_id=old.code_id, reason=reason, actor=actor, now=now)
            return Assignment.objects.get(code=code_id)
        pool = Pool.objects.select_related("market__venue", "event").get(pk=old.code_id // POOL_SPAN)
        lock_pools([pool.pk])
        new_id = take_one(pool_id=pool.pk, hold_id=hold.pk)
        if new_id is None:
            raise holding.CannotReplace(f"{pool} has no free code to take its place. Upload some first.")
        new = Assignment(
            code_id=new_id,
            entry_id=old.entry_id,
            hold=hold,
            market_id=old.market_id,
            event_id=old.event_id,
            choice=old.choice,
            position=old.position,
        )
        _follow(old, new, reason=reason, actor=actor, now=now)
        _tell(entry, Message.Kind.REPLACED, hold, now)
        changes = {"codes": [1, 1], "hold": [hold.pk, hold.pk]}
        _record(entry, "replace", changes, reason=reason, actor=actor, now=now)
    return new


def take_back(*, assignment: Assignment, reason: str, actor: Viewer, now: datetime) -> Assignment:
    """Take a fan's code back: it is revoked, and her place is not filled again.

    :raises CannotTakeBack: her wave was not triggered yet, she has it no more, or no reason is given.
    """
    entry = _entry_of(assignment)
    require(actor, Action.MANAGE_CODES, entry.campaign_id)
    check_unfinished(entry.campaign)
    if not reason.strip():
        raise CannotTakeBack("Say why: the reason stays in the history.", field="reason")
    with transaction.atomic():
        hold, found = _locked(assignment, CannotTakeBack)
        if hold.status != Hold.Status.ASSIGNED:
            raise CannotTakeBack("Her wave was not triggered yet. Block her entry: then its trigger gives her no code.")
        lock_pools([found.code_id // POOL_SPAN])
        found.voided = TAKEN_BACK
        found.save(update_fields=["voided"])
        revoke([found.code_id])
        _tell(entry, Message.Kind.TAKEN_BACK, hold, now)
        changes = {"codes": [1, 0], "hold": [hold.pk, hold.pk]}
        _record(entry, "take_back", changes, reason=reason, actor=actor, now=now)
    return found


def _entry_of(assignment: Assignment) -> Entry:
    return Entry.objects.select_related("campaign").get(pk=assignment.entry_id)


def _locked(assignment: Assignment, refusal: type[Refusal]) -> tuple[Hold, Assignment]:
    """The assignment as it is now, its hold locked.

    :raises Refusal: somebody else has replaced the code meanwhile, or it is not the fan's any more.
    """
    hold = holding.lock(Hold(pk=assignment.hold_id))
    found = Assignment.objects.filter(entry_id=assignment.entry_id, hold=hold).first()
    if found is None or found.code_id != assignment.code_id:
        raise refusal("Somebody else has just replaced this code. Look at her page again.")
    if found.voided:
        raise refusal("She does not have this code any more.")
    return hold, found


def _follow(old: Assignment, new: Assignment, *, reason: str, actor: Viewer, now: datetime) -> None:
    """Let a new code take the place of an old one in the same row; the old one is kept as one that she had."""
    FormerAssignment.objects.create(
        code_id=old.code_id,
        entry_id=old.entry_id,
        hold_id=old.hold_id,
        reason=reason.strip(),
        ended_at=now,
        ended_by=actor.label,
    )
    Assignment.objects.filter(code=old.code_id).update(
        code=new.code_id,
        market=new.market_id,
        event=new.event_id,
        choice=new.choice,
        position=new.position,
        voided="",
    )
    revoke([old.code_id])


def _tell(entry: Entry, kind: Message.Kind, hold: Hold, now: datetime) -> None:
    Message.objects.create(entry=entry, kind=kind, hold_id=hold.pk, created_at=now)


def _record(
    entry: Entry, verb: str, changes: Mapping[str, Sequence[object]], *, reason: str, actor: Viewer, now: datetime
) -> None:
    """Write it into the entry's history: with numbers, never with a code."""
    audit.record(
        actor=actor,
        action=f"code.{verb}",
        target=entry,
        campaign_id=entry.campaign_id,
        changes=dict(changes),
        reason=reason.strip(),
        now=now,
    )


@compose_with(Message.Kind.GIVEN)
@compose_with(Message.Kind.REPLACED)
def compose_with_code(batch: Sequence[Message], published: Published) -> Mapping[int, AnyLetter]:
    """The mails that bring a code: the one that she has when they are sent, so that the latest is always right."""
    letters = {}
    waves = _waves_of(message.hold_id for message in batch)
    for message, assignment in _assignments_of(batch):
        if assignment.voided:
            continue  # It was taken back since; a message without a letter is never sent.
        outcome = outcome_of(assignment, waves.get(assignment.hold_id), published)
        letters[message.pk] = letter_of(message, outcome, published)
    return letters


@compose_with(Message.Kind.TAKEN_BACK)
def compose_taken_back(batch: Sequence[Message], published: Published) -> Mapping[int, Letter]:
    """The mail that says that a code no longer works."""
    letters = {}
    for message, assignment in _assignments_of(batch):
        link = messages.link_of(message.entry, published)
        letters[message.pk] = Letter(context={"market": assignment.market, "link": link}, values={"link": link})
    return letters


def _assignments_of(batch: Sequence[Message]) -> list[tuple[Message, Assignment]]:
    rows = Assignment.objects.filter(
        entry_id__in={message.entry_id for message in batch}, hold__in={message.hold_id for message in batch}
    ).select_related("code", "market__venue", "event")
    found = {(row.entry_id, row.hold_id): row for row in rows}
    keyed = [(message, found.get((message.entry_id, message.hold_id or 0))) for message in batch]
    return [(message, assignment) for message, assignment in keyed if assignment is not None]


def _waves_of(holds: Iterable[int | None]) -> dict[int | None, Wave]:
    """The waves of some holds; a gift's has none."""
    return {wave.prep.hold_id: wave for wave in Wave.objects.filter(prep__hold__in=set(holds)).select_related("prep")}
