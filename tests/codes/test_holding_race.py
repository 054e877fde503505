"""Eight workers take parts of one pool at the same moment: never the same code, and the sum holds."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from itertools import pairwise
from threading import Barrier
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from campaigns.models import Campaign
from codes import holding, inventory, ranges
from codes.holding import CannotHold
from codes.models import CodeRange, Hold
from tests.locks import is_waited_for
from tests.processes import wait_until
from tests.scenario import SUPREME, open_tour, upload_codes

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS = 8
CODES = 200
SIZES = (3, 5, 7, 11)
"""What one worker after the other takes; they do not sum to the pool, so the last ones are refused."""
ROUNDS = 20


@pytest.fixture
def stocked() -> Campaign:
    """The tour with 200 codes for Los Angeles, from two uploads, so that a part can lie over two ranges."""
    tour = open_tour()
    upload_codes(tour, "CA-LAX", CODES - 50)
    upload_codes(tour, "CA-LAX", 50, prefix="MORE")
    return tour


def take(campaign: Campaign, count: int) -> Hold:
    """Keep so many codes of Los Angeles back."""
    pool = campaign.pools.get(market__code="CA-LAX")
    now = timezone.now()
    return holding.hold_codes(
        campaign=campaign,
        code_type="presale",
        purpose="a race",
        now=now,
        kind=Hold.Kind.RESERVE,
        parts={pool.pk: count},
        expires_at=now + timedelta(days=1),
    )


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """Do the work of each worker in a thread with a connection of its own, all from one moment on."""
    barrier = Barrier(WORKERS)

    def start(worker: int) -> Any:
        try:
            barrier.wait(timeout=20)
            return work(worker)
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(start, range(WORKERS)))


def intervals(hold: Hold) -> list[tuple[int, int]]:
    """The hold's ids, as closed intervals."""
    return [interval for parts in holding.held(hold).values() for interval in parts]


def overlaps(holds: Sequence[Hold]) -> int:
    """How many of the intervals share a code with their neighbour."""
    ordered = sorted(interval for hold in holds for interval in intervals(hold))
    return sum(before[1] >= after[0] for before, after in pairwise(ordered))


def counts() -> dict[str, int]:
    """How many codes are in each state."""
    return inventory.counts(CodeRange.objects.all())


def test_without_the_pools_lock_a_code_would_be_taken_twice(stocked: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    # The negative control: the same race, in which no row is locked before it is read.
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_options: rows.all())
    promised, errors = 0, 0

    def work(_worker: int) -> tuple[int, int]:
        try:
            take(stocked, 10)
        except DatabaseError:
            return 0, 1
        except CannotHold:
            return 0, 0
        return 10, 0

    for _ in range(ROUNDS):
        for promise, error in at_once(work):
            promised, errors = promised + promise, errors + error
        if errors or counts()["reserved"] != promised:
            break

    assert errors or counts()["reserved"] != promised


def test_eight_workers_never_take_the_same_code(stocked: Campaign) -> None:
    def work(worker: int) -> list[tuple[Hold, int]]:
        taken: list[tuple[Hold, int]] = []
        while True:
            size = SIZES[(worker + len(taken)) % len(SIZES)]
            try:
                taken.append((take(stocked, size), size))
            except CannotHold:
                return taken

    taken = [hold for held in at_once(work) for hold in held]

    assert all(holding.size_of(hold) == size for hold, size in taken)
    assert overlaps([hold for hold, _ in taken]) == 0
    reserved = sum(size for _, size in taken)
    assert CODES - max(SIZES) < reserved <= CODES
    assert counts() == {"available": CODES - reserved, "reserved": reserved, "assigned": 0, "revoked": 0}
    assert inventory.verify([stocked]) == []


def test_eight_workers_who_take_and_give_back_lose_no_code(stocked: Campaign) -> None:
    def work(worker: int) -> int:
        kept = 0
        for number in range(12):
            try:
                hold = take(stocked, SIZES[(worker + number) % len(SIZES)])
            except CannotHold:
                continue
            if number % 3:
                holding.give_back(hold=hold, actor=SUPREME, now=timezone.now())
            else:
                kept += holding.size_of(hold)
        return kept

    kept = sum(at_once(work))

    assert counts() == {"available": CODES - kept, "reserved": kept, "assigned": 0, "revoked": 0}
    assert overlaps(list(Hold.objects.filter(status=Hold.Status.HELD))) == 0
    assert inventory.verify([stocked]) == []


def test_a_wave_and_seven_who_keep_back_share_the_pool(stocked: Campaign) -> None:
    def work(worker: int) -> Hold | None:
        try:
            if worker:
                return take(stocked, 20)
            return holding.hold_codes(campaign=stocked, code_type="presale", purpose="a wave", now=timezone.now())
        except CannotHold:
            return None

    holds = [hold for hold in at_once(work) if hold is not None]

    assert overlaps(holds) == 0
    assert sum(holding.size_of(hold) for hold in holds) == CODES
    assert counts()["reserved"] == CODES
    assert inventory.verify([stocked]) == []


def test_who_takes_a_code_waits_for_no_other_hold_of_its_pool(stocked: Campaign) -> None:
    # Whoever takes one joins the pool's ranges, those of other holds too. If she waited for their rows, somebody who
    # has locked such a hold and asks for the pool next would wait in a circle with her.
    now = timezone.now()
    other, own = take(stocked, 5), take(stocked, 5)
    first = intervals(other)[0][0]
    for code in (first, first + 1):
        holding.revoke_code(code_id=code, reason="Leaked.", actor=SUPREME, now=now)
    faulty = intervals(own)[0][0]

    def swap() -> int:
        try:
            return holding.swap(code_id=faulty, reason="Faulty.", actor=SUPREME, now=now)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        holding.lock(other)
        done, _ = wait([pool.submit(swap)], timeout=10)

    assert len(done) == 1
    assert inventory.verify([stocked]) == []


def test_codes_that_go_back_at_their_time_wait_in_no_circle_with_who_takes_one(stocked: Campaign) -> None:
    now = timezone.now()
    kept = take(stocked, 5)
    first = intervals(kept)[0][0]
    for code in (first, first + 1):
        holding.revoke_code(code_id=code, reason="Leaked.", actor=SUPREME, now=now)
    pool_id = stocked.pools.get(market__code="CA-LAX").pk

    def tick() -> int:
        try:
            return holding.release_expired(now + timedelta(days=2))
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            ranges.lock_pools([pool_id])
            expiring = pool.submit(tick)
            wait_until(is_waited_for, seconds=10, what="the other one waits")
            # Joins the two revoked codes, whose row points to the hold that the tick has locked.
            ranges.join([pool_id])

        assert expiring.result(timeout=10) == 1
    assert inventory.verify([stocked]) == []
