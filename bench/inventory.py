"""What is done with codes once they are there: held and assigned, made the fans', counted."""

import time
from collections.abc import Iterable, Sequence

import numpy as np
from django.db import connection, transaction
from django.utils import timezone

from bench.rows import Row, compare
from bench.tour import load_codes, open_tour
from campaigns.models import Campaign
from codes import holding, inventory
from codes.models import CodeRange, Hold, Pool, Upload
from core.bulk import copy_into, copy_out
from viewers.viewer import WORKER
from waves.assigning import COLUMNS, write_assignments
from waves.draw import Allocation
from waves.models import Wave, WavePrep
from waves.rules import RANKINGS, MarketRules, Rules
from waves.snapshot import Snapshot

MARKETS = 52
RANGES_A_POOL = 6
LARGE, SMALL = 150_000, 1_500
PIECE_BYTES = 2**22
CHANGES = 50
COUNTS = 500
HELD_AND_NOT_USED = 3
"""Each pool holds a third more than its wave places, so that the rest is cut off and goes back."""


def measure(codes: int) -> list[Row]:
    """The rows of the inventory; ``codes`` is how many the wave of 52 pools assigns."""
    return [*measure_holding(codes), measure_change(), measure_counting()]


def measure_holding(codes: int) -> list[Row]:
    """Hold and assign over 52 pools, against a bare COPY of the same rows into a table with the two indexes."""
    wave = _FabricatedWave(domain="bench-holding", placed=codes)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_given (LIKE codes_assignment INCLUDING INDEXES)")
    wave.assign()
    rows = _pieces(copy_out(f"SELECT {', '.join(COLUMNS)} FROM codes_assignment", [], options="FORMAT binary"))  # noqa: S608  Our own names.
    wave.give_back()
    row = compare(
        "holding and assigning codes",
        unit="run",
        goal=1.5,
        ours=wave.assign_once,
        reference=lambda: copy_once(rows, len(wave.allocation)),
        rounds=5,
    )
    return [row]


def _pieces(rows: Iterable[memoryview | bytes]) -> list[bytes]:
    """The same bytes in pieces of many rows, so that the reference sends as few messages as ours does."""
    whole = b"".join(rows)
    return [whole[start : start + PIECE_BYTES] for start in range(0, len(whole), PIECE_BYTES)]


class _FabricatedWave:
    """A wave whose draw is made up: its first so many entries have the places, market by market."""

    def __init__(self, *, domain: str, placed: int) -> None:
        each = placed // MARKETS
        self.campaign = open_tour(domain=domain, markets=MARKETS)
        load_codes(self.campaign, MARKETS * (each + each // HELD_AND_NOT_USED))
        wave = Wave.objects.create(campaign=self.campaign, date_key="2027-02-01T10:00", created_at=timezone.now())
        self.prep = WavePrep.objects.create(wave=wave)
        codes = sorted(self.campaign.markets.values_list("code", flat=True))
        self.rules = rules_of(self.campaign, wave, dict.fromkeys(codes, each))
        self.snapshot = snapshot_of(codes)
        self.allocation = allocation_of(markets=MARKETS, each=each)
        self.entry_ids = np.random.default_rng(1).permutation(len(self.allocation)).astype(np.int64) + 1

    def assign(self) -> None:
        """Hold, and write the assignments, as a preparation does in two transactions."""
        with transaction.atomic():
            self.prep.hold = holding.hold_codes(
                campaign=self.campaign, code_type="presale", purpose="a benchmark", now=timezone.now()
            )
        with transaction.atomic():
            write_assignments(
                prep=self.prep,
                rules=self.rules,
                snapshot=self.snapshot,
                allocation=self.allocation,
                entry_ids=self.entry_ids,
            )

    def assign_once(self) -> float:
        """The seconds of the same; the codes are given back afterwards."""
        start = time.perf_counter()
        self.assign()
        seconds = time.perf_counter() - start
        self.give_back()
        return seconds

    def give_back(self) -> None:
        """Release the hold, and leave the table of assignments as empty as the reference's."""
        if self.prep.hold is None:
            raise RuntimeError("nothing is held")
        held = holding.size_of(self.prep.hold)
        if held != len(self.allocation):
            raise RuntimeError(f"{held:,} codes stayed held for {len(self.allocation):,} places")
        holding.release(hold=self.prep.hold, actor=WORKER, now=timezone.now())
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE codes_assignment")


def rules_of(campaign: Campaign, wave: Wave, places: dict[str, int]) -> Rules:
    """Rules that give each market so many places."""
    return Rules(
        campaign=campaign.domain,
        wave=wave.date_key,
        number=1,
        ranking=RANKINGS[0],
        score_tier=10,
        score_min=None,
        score_max=None,
        audience="all",
        reassign=False,
        public_source="",
        previous_allocation_sha256="",
        previous_voided_sha256="",
        markets={code: MarketRules(places=count, split="concurrent") for code, count in places.items()},
    )


def snapshot_of(markets: Sequence[str]) -> Snapshot:
    """A snapshot of nobody: assigning only asks it for the markets."""
    nobody = np.empty(0, np.uint8)
    return Snapshot(
        markets=tuple(markets),
        refs=nobody,
        reasons=nobody,
        tiers=nobody,
        choices=np.empty(0, np.int16),
        offsets=np.zeros(1, np.int64),
        sha256="",
    )


def allocation_of(*, markets: int, each: int) -> Allocation:
    """So many places in each market, to one entry after the other."""
    return Allocation(
        entries=np.arange(markets * each, dtype=np.int64),
        markets=np.repeat(np.arange(markets, dtype=np.int16), each),
        choices=np.ones(markets * each, np.int16),
        positions=np.tile(np.arange(1, each + 1, dtype=np.int32), markets),
        cutoffs=(None,) * markets,
        demand=np.zeros((markets, 1), np.int64),
        placed=np.full((markets, 1), each, np.int64),
    )


def copy_once(rows: Sequence[bytes], count: int) -> float:
    """The seconds of a bare COPY of the same rows."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE bench_given")
    start = time.perf_counter()
    with copy_into("bench_given", COLUMNS, binary=True) as copy:
        for piece in rows:
            copy.write(piece)
    seconds = time.perf_counter() - start
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM bench_given")
        if cursor.fetchone() != (count,):
            raise RuntimeError("the reference has lost rows")
    return seconds


def measure_change() -> Row:
    """Make a hold's codes the fans', at 150,000 and at 1,500."""
    large, small = (_held(domain=f"bench-{size}", codes=size) for size in (LARGE, SMALL))
    return compare(
        f"assigning a hold of {LARGE:,}",
        unit="hold",
        goal=2.0,
        ours=lambda: change(large),
        reference=lambda: change(small),
    )


def _held(*, domain: str, codes: int) -> Hold:
    """A hold of so many codes in 52 pools, with an assignment for each."""
    wave = _FabricatedWave(domain=domain, placed=codes)
    wave.assign()
    if wave.prep.hold is None:
        raise RuntimeError("nothing is held")
    return wave.prep.hold


def change(hold: Hold) -> float:
    """The seconds of one status change."""
    seconds = 0.0
    for _ in range(CHANGES):
        Hold.objects.filter(pk=hold.pk).update(status=Hold.Status.HELD)
        start = time.perf_counter()
        holding.assign(hold=hold)
        seconds += time.perf_counter() - start
    return seconds / CHANGES


def measure_counting() -> Row:
    """Count a campaign of 52 pools with six ranges each, against one indexed read."""
    campaign = open_tour(domain="bench-counting", markets=MARKETS)
    load_codes(campaign, MARKETS * RANGES_A_POOL * 1_000)
    _cut(campaign)
    pool = Pool.objects.filter(campaign=campaign).order_by("pk").values_list("pk", flat=True)[0]
    return compare(
        f"counting the codes of {MARKETS} pools",
        unit="count",
        goal=3.0,
        ours=lambda: count_once(campaign),
        reference=lambda: read_once(pool),
    )


def _cut(campaign: Campaign) -> None:
    """Cut each pool into six ranges, as waves do: two free, two given, one held, one revoked."""
    now = timezone.now()
    given, held = (
        Hold.objects.create(campaign=campaign, code_type="presale", purpose=status, status=status, created_at=now)
        for status in (Hold.Status.ASSIGNED, Hold.Status.HELD)
    )
    states = [(None, False), (given, False), (held, False), (given, False), (given, True), (None, False)]
    ranges = []
    upload = Upload.objects.create(campaign=campaign, file_name="codes.csv", uploaded_by="bench")
    for pool in campaign.pools.order_by("pk"):
        whole = pool.ranges.get()
        each = (whole.last - whole.first + 1) // RANGES_A_POOL
        for number, (hold, is_revoked) in enumerate(states):
            first = whole.first + number * each
            last = whole.last if number == RANGES_A_POOL - 1 else first + each - 1
            ranges.append(CodeRange(pool=pool, upload=upload, first=first, last=last, hold=hold, is_revoked=is_revoked))
    CodeRange.objects.filter(pool__campaign=campaign).delete()
    CodeRange.objects.bulk_create(ranges)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE codes_coderange, codes_pool, codes_hold")


def count_once(campaign: Campaign) -> float:
    """The seconds of one count."""
    start = time.perf_counter()
    for _ in range(COUNTS):
        counts = inventory.counts_of(campaign)
    seconds = (time.perf_counter() - start) / COUNTS
    if sum(counts.values()) != MARKETS * RANGES_A_POOL * 1_000:
        raise RuntimeError("the count has lost codes")
    return seconds


def read_once(pool: int) -> float:
    """The seconds of one read of a pool by its key."""
    start = time.perf_counter()
    for _ in range(COUNTS):
        Pool.objects.get(pk=pool)
    return (time.perf_counter() - start) / COUNTS
