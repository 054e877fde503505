"""Holding codes for a purpose, and what becomes of them: assigned, given back, or one put in another's place.

A hold's status is the status of all its codes, so giving a wave's codes to its fans is one row's change at any size.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from campaigns.lifecycle import check_unfinished
from campaigns.models import Campaign, Market
from codes.models import POOL_SPAN, Assignment, CodeRange, Hold, Pool
from codes.ranges import SIZE, divide, join, lock_pools, locked, revoke, take_one
from core import audit
from core.refusal import Refusal
from core.tick import every_tick
from viewers.permissions import Action, require
from viewers.viewer import CLOCK, Viewer

MOST_DAYS = 90
"""How far ahead codes may be kept back; it can be extended as often as somebody still wants it."""


class CannotHold(Refusal):
    """The codes are not held: another wave of the campaign holds codes, or there are too few."""

    code = "cannot_hold"


class CannotAssign(Refusal):
    """The hold's codes do not become the fans': it is not a wave's, or was assigned or released before."""

    code = "cannot_assign"


class CannotRelease(Refusal):
    """The hold keeps its codes: its wave was triggered, and fans may have them; or it gave them back before."""

    code = "cannot_release"


class CannotExtend(Refusal):
    """The hold's expiry stays as it was."""

    code = "cannot_extend"


class CannotReplace(Refusal):
    """The code stays where it is: nothing can take its place, or it is not to be replaced."""

    code = "cannot_replace"


class CannotRevoke(Refusal):
    """The code stays in force: a draw counts on it, or a fan has it."""

    code = "cannot_revoke"


class NoSuchCode(Refusal):
    """The campaign has no such code; or not any more, since its upload was undone."""

    code = "no_such_code"
    status = 404


def hold_codes(
    *,
    campaign: Campaign,
    code_type: str,
    purpose: str,
    now: datetime,
    kind: Hold.Kind | str = Hold.Kind.WAVE,
    parts: Mapping[int, int] | None = None,
    expires_at: datetime | None = None,
) -> Hold:
    """Take free codes of one type in one step: all in the campaign's active pools, or so many of each pool by its key.

    The pools are locked in one order, so two holds at once never get the same code and never wait in a circle.

    :raises CannotHold: another wave of the campaign holds codes, a pool has too few, or the expiry is not right.
    """
    kind = Hold.Kind(kind)
    _check_expiry(kind, expires_at, now)
    with transaction.atomic():
        pools = _active_pools(campaign, code_type).select_related("market__venue", "event")
        by_key = {pool.pk: pool for pool in locked(pools)}
        if kind == Hold.Kind.WAVE and campaign.holds.filter(status=Hold.Status.HELD, kind=kind).exists():
            raise CannotHold("Another wave of this campaign holds codes. Trigger it or abandon it first.")
        hold = Hold.objects.create(
            campaign=campaign, code_type=code_type, purpose=purpose, kind=kind, created_at=now, expires_at=expires_at
        )
        free = CodeRange.objects.filter(pool__in=by_key, hold=None, is_revoked=False)
        if parts is None:
            free.update(hold=hold)
        else:
            _take_parts(hold, free, by_key, parts)
    return hold


def _take_parts(hold: Hold, free: "QuerySet[CodeRange]", pools: Mapping[int, Pool], parts: Mapping[int, int]) -> None:
    """Take so many codes of each pool.

    :raises CannotHold: one has fewer, or is none from which codes are held.
    """
    there = dict(free.values("pool").annotate(codes=Sum(SIZE)).values_list("pool", "codes"))
    for key, count in parts.items():
        if key not in pools:
            raise CannotHold(f"The campaign has no pool with {hold.code_type} codes that waves give for one of these.")
        if count < 0:
            raise CannotHold("A part is a number of codes, from 0.")
        if count > there.get(key, 0):
            raise CannotHold(f"{pools[key]} has {there.get(key, 0):,} free codes, not {count:,}.", field=f"pool_{key}")
    if not any(parts.values()):
        raise CannotHold("Say how many codes of at least one pool.")
    ordered = free.filter(pool__in=[key for key, count in parts.items() if count]).order_by("first")
    divide(ordered, counts=parts, first=hold.pk, rest=None)


def _check_expiry(kind: Hold.Kind, expires_at: datetime | None, now: datetime) -> None:
    if kind == Hold.Kind.HAND:
        raise CannotHold("Codes that are given by hand are given one by one.")
    if kind == Hold.Kind.WAVE and expires_at is not None:
        raise CannotHold("A wave's hold does not expire.", field="expires_at")
    if kind == Hold.Kind.RESERVE:
        if expires_at is None:
            raise CannotHold("Say until when the codes are kept back.", field="expires_at")
        _check_in_range(expires_at, now, CannotHold)


def _check_in_range(expires_at: datetime, now: datetime, refusal: type[Refusal]) -> None:
    if not now < expires_at <= now + timedelta(days=MOST_DAYS):
        raise refusal(f"Choose a time within the next {MOST_DAYS} days; it can be extended later.", field="expires_at")


def _active_pools(campaign: Campaign, code_type: str) -> "QuerySet[Pool]":
    """The pools that give codes: of active markets, and of the shape that the market's split asks for."""
    sequential = Q(market__split=Market.Split.SEQUENTIAL, event__is_active=True)
    concurrent = Q(market__split=Market.Split.CONCURRENT, event__isnull=True)
    return Pool.objects.filter(sequential | concurrent, campaign=campaign, code_type=code_type, market__is_active=True)


def keep_back(
    *,
    campaign: Campaign,
    code_type: str,
    purpose: str,
    parts: Mapping[int, int] | None,
    expires_at: datetime,
    actor: Viewer,
    now: datetime,
) -> Hold:
    """Keep codes from the waves until a moment, for a purpose that everybody sees.

    :raises CannotHold: no purpose is given, a pool has too few, or the moment is not within 90 days.
    """
    require(actor, Action.MANAGE_CODES, campaign.pk)
    check_unfinished(campaign)
    if not purpose.strip():
        raise CannotHold("Say what the codes are kept back for.", field="purpose")
    with transaction.atomic():
        hold = hold_codes(
            campaign=campaign,
            code_type=code_type,
            purpose=purpose.strip(),
            now=now,
            kind=Hold.Kind.RESERVE,
            parts=parts,
            expires_at=expires_at,
        )
        count = size_of(hold)
        if not count:
            raise CannotHold(f"There are no free {code_type} codes.")
        _record(hold, "keep_back", {"codes": [0, count], "expires_at": [None, expires_at.isoformat()]}, actor, now)
    return hold


def extend(*, hold: Hold, expires_at: datetime, actor: Viewer, now: datetime) -> Hold:
    """Keep codes back for longer.

    :raises CannotExtend: they went back, they are a wave's, or the moment is not later, or too late.
    """
    require(actor, Action.MANAGE_CODES, hold.campaign_id)
    _check_in_range(expires_at, now, CannotExtend)
    with transaction.atomic():
        hold = lock(hold)
        if hold.kind != Hold.Kind.RESERVE or hold.status != Hold.Status.HELD or hold.expires_at is None:
            raise CannotExtend("These codes are not kept back any more.")
        if expires_at <= hold.expires_at:
            raise CannotExtend("This is not later than now. To end it earlier, release the codes.", field="expires_at")
        old, hold.expires_at = hold.expires_at, expires_at
        hold.save(update_fields=["expires_at"])
        _record(hold, "extend", {"expires_at": [old.isoformat(), expires_at.isoformat()]}, actor, now)
    return hold


def lock(hold: Hold) -> Hold:
    """The hold as it is now, locked until the transaction ends. It comes before the pools."""
    return locked(Hold.objects.select_related("campaign").filter(pk=hold.pk)).get()


def lock_with_pools(hold: Hold) -> tuple[Hold, list[int]]:
    """The hold as it is now, locked, then the pools that it has codes of."""
    found = lock(hold)
    return found, lock_pools(found.ranges.values_list("pool_id", flat=True).distinct())


def held(hold: Hold) -> dict[tuple[int, int | None], list[tuple[int, int]]]:
    """The hold's codes: for each (market id, event id or None) its id ranges in order, both ends included."""
    table: dict[tuple[int, int | None], list[tuple[int, int]]] = {}
    rows = hold.ranges.filter(is_revoked=False).order_by("first")
    for market, event, first, last in rows.values_list("pool__market_id", "pool__event_id", "first", "last"):
        table.setdefault((market, event), []).append((first, last))
    return table


def with_codes(holds: "QuerySet[Hold]") -> "QuerySet[Hold]":
    """Holds with ``codes``, how many each has, and ``revoked``, how many were revoked in it."""
    size = F("ranges__last") - F("ranges__first") + 1
    return holds.annotate(
        codes=Coalesce(Sum(size, filter=Q(ranges__is_revoked=False)), 0),
        revoked=Coalesce(Sum(size, filter=Q(ranges__is_revoked=True)), 0),
    )


def size_of(hold: Hold) -> int:
    """How many codes a hold has, without those that were revoked in it."""
    return int(hold.ranges.filter(is_revoked=False).aggregate(codes=Coalesce(Sum(SIZE), 0))["codes"])


def keep_first(*, hold: Hold, keep: Mapping[tuple[int, int | None], int]) -> None:
    """Give back what a hold does not need: of each (market, event) its first so many codes stay, by id.

    Codes that were revoked in the hold stay in it, and are not counted.
    """
    with transaction.atomic():
        hold, pools = lock_with_pools(hold)
        keys = Pool.objects.filter(pk__in=pools).values_list("pk", "market_id", "event_id")
        counts = {pk: keep.get((market, event), 0) for pk, market, event in keys}
        divide(
            hold.ranges.filter(is_revoked=False).order_by("first"),
            counts=counts,
            first=hold.pk,
            rest=None,
        )
        join(pools)


def assign(*, hold: Hold) -> None:
    """Make a wave's codes the fans': one row's change, at any size.

    :raises CannotAssign: it is not a wave's, or was assigned or released before.
    """
    waiting = Hold.objects.filter(pk=hold.pk, status=Hold.Status.HELD, kind=Hold.Kind.WAVE)
    if not waiting.update(status=Hold.Status.ASSIGNED):
        raise CannotAssign("These codes are not held for a wave any more.")


def release(*, hold: Hold, actor: Viewer, now: datetime) -> int:
    """Give the hold's codes back to their pools and return how many. Those that were revoked in it stay revoked.

    :raises CannotRelease: the hold's wave was triggered, and fans may have its codes; or it was released before.
    """
    require(actor, Action.MANAGE_CODES, hold.campaign_id)
    with transaction.atomic():
        hold, pools = lock_with_pools(hold)
        if hold.status == Hold.Status.ASSIGNED:
            raise CannotRelease("These codes are given: their wave was triggered, and fans may have them.")
        if hold.status == Hold.Status.RELEASED:
            raise CannotRelease("These codes went back before.")
        count = size_of(hold)
        hold.ranges.update(hold=None)
        join(pools)
        if hold.kind == Hold.Kind.WAVE:
            Assignment.objects.filter(hold=hold).delete()
        hold.status = Hold.Status.RELEASED
        hold.save(update_fields=["status"])
        _record(hold, "release", {"released": [0, count]}, actor, now)
    return count


def give_back(*, hold: Hold, actor: Viewer, now: datetime) -> int:
    """Release codes that were kept back, before their expiry, and return how many.

    :raises CannotRelease: they are a wave's, which is abandoned instead; or they went back before.
    """
    if hold.kind != Hold.Kind.RESERVE:
        raise CannotRelease("A wave's codes go back when the wave is abandoned.")
    return release(hold=hold, actor=actor, now=now)


@every_tick
def release_expired(now: datetime) -> int:
    """Give back what was kept back until now, and return how many holds. Two at once do each of them once."""
    due = Hold.objects.filter(kind=Hold.Kind.RESERVE, status=Hold.Status.HELD, expires_at__lte=now)
    count = 0
    for key in due.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            hold = locked(due.filter(pk=key), skip_locked=True).first()
            if hold is not None:
                release(hold=hold, actor=CLOCK, now=now)
                count += 1
    return count


def range_of(code_id: int) -> CodeRange:
    """The range that a code lies in, with its hold and pool.

    :raises NoSuchCode: there is no such code any more.
    """
    ranges = CodeRange.objects.select_related("hold", "pool__campaign", "pool__market__venue", "pool__event")
    part = ranges.filter(first__lte=code_id, last__gte=code_id, pool=code_id // POOL_SPAN).first()
    if part is None:
        raise NoSuchCode("There is no such code any more: its upload was undone.")
    return part


def swap(*, code_id: int, reason: str, actor: Viewer, now: datetime) -> int:
    """Put a free code of the same pool in the place of a faulty one that no fan has yet, and return its id.

    The hold keeps its places: a draw that counts on them goes on as it was. An assignment that waits for the trigger
    follows.

    :raises CannotReplace: the code is in no hold, a fan has it, no code is free, or no reason is given.
    """
    part = range_of(code_id)
    require(actor, Action.MANAGE_CODES, part.pool.campaign_id)
    if not reason.strip():
        raise CannotReplace("Say why: the reason stays in the history.", field="reason")
    with transaction.atomic():
        part = _locked_range(code_id, part, CannotReplace)
        hold = part.hold
        if part.is_revoked or hold is None or hold.status != Hold.Status.HELD:
            raise CannotReplace("Only a code that is held can be replaced here. A fan's is replaced on her own page.")
        new = take_one(pool_id=part.pool_id, hold_id=hold.pk)
        if new is None:
            raise CannotReplace(f"{part.pool} has no free code to take its place. Upload some, or try again later.")
        Assignment.objects.filter(code=code_id, hold=hold).update(code=new)
        revoke([code_id])
        _record(hold, "swap", {"replaced": [0, 1]}, actor, now, reason=reason)
    return new


def revoke_code(*, code_id: int, reason: str, actor: Viewer, now: datetime) -> None:
    """Take one faulty code out of the stock for good.

    :raises CannotRevoke: a draw counts on it, a fan has it, it was revoked before, or no reason is given.
    """
    part = range_of(code_id)
    require(actor, Action.MANAGE_CODES, part.pool.campaign_id)
    check_unfinished(part.pool.campaign)
    if not reason.strip():
        raise CannotRevoke("Say why: the reason stays in the history.", field="reason")
    with transaction.atomic():
        part = _locked_range(code_id, part, CannotRevoke)
        if part.is_revoked:
            raise CannotRevoke("This code is revoked already.")
        if part.hold is not None and part.hold.status == Hold.Status.ASSIGNED:
            raise CannotRevoke("A fan has this code: replace it, or take it back, on her own page.")
        if part.hold is not None and part.hold.kind == Hold.Kind.WAVE:
            raise CannotRevoke("A draw counts on this code: replace it instead, and its place stays.")
        revoke([code_id])
        _record(part.pool, "revoke", {"revoked": [0, 1]}, actor, now, reason=reason)


def _locked_range(code_id: int, before: CodeRange, refusal: type[Refusal]) -> CodeRange:
    """A code's range once its hold, if it is in one, and its pool are locked.

    :raises Refusal: it has come into another hold meanwhile.
    """
    if before.hold is not None:
        lock(before.hold)
    lock_pools([before.pool_id])
    part = range_of(code_id)
    if part.hold_id != before.hold_id:
        raise refusal("Something happened to this code at the same moment. Look again before you repeat this.")
    return part


def _record(
    target: Hold | Pool,
    verb: str,
    changes: dict[str, list[object]],
    actor: Viewer,
    now: datetime,
    *,
    reason: str = "",
) -> None:
    """Write what was done into the audit trail: with numbers, never with a code."""
    audit.record(
        actor=actor,
        action=f"codes.{verb}",
        target=target,
        campaign_id=target.campaign_id,
        changes=changes,
        reason=reason.strip(),
        now=now,
    )
