"""Bringing codes from a file: the good ones are in, the rest is told line by line."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from campaigns.models import Campaign, Event
from codes import inventory
from codes.files import CannotRead
from codes.models import Code, CodeRange, Pool, Upload
from codes.places import MANY_TYPES, MOST_TYPES
from codes.upload import (
    MAPPING,
    NOBODY_BEGAN,
    NOWHERE,
    CannotBegin,
    CannotUpload,
    Reading,
    begin_upload,
    cancel_upload,
    draft_upload,
    drop_old_drafts,
    pool_for,
    start_upload,
)
from core import jobs, storage
from core.jobs import CannotCancel
from core.models import AuditEvent, Job
from tests.scenario import SUPREME, upload_file

pytestmark = pytest.mark.django_db(transaction=True)
LAX, PHX1, PHX2 = ("CA-LAX", None), ("AZ-PHX", "AZ-PHX-1"), ("AZ-PHX", "AZ-PHX-2")


@pytest.fixture
def pool_upload(tour: Campaign) -> tuple[Campaign, int]:
    """The pool of Los Angeles."""
    return tour, pool_of(tour, *LAX).pk


def pool_of(campaign: Campaign, market: str, event: str | None = None) -> Pool:
    """The pool of a market or an event."""
    found = campaign.markets.get(code=market)
    place = Event.objects.get(campaign=campaign, code=event) if event else None
    return pool_for(market=found, event=place, actor=SUPREME, now=timezone.now())


def bring(campaign: Campaign, data: bytes, *, name: str = "codes.csv", **reading: Any) -> Upload:
    """Upload a file that nobody looks at, and do the work."""
    job = start_upload(
        campaign=campaign,
        file=io.BytesIO(data),
        file_name=name,
        size=len(data),
        reading=Reading(**reading),
        actor=SUPREME,
        now=timezone.now(),
    )
    return finish(job)


def draft(campaign: Campaign, data: bytes, **reading: Any) -> Upload:
    """Upload a file to be looked at."""
    return draft_upload(
        campaign=campaign,
        file=io.BytesIO(data),
        file_name="codes.csv",
        size=len(data),
        reading=Reading(**reading),
        actor=SUPREME,
        now=timezone.now(),
    )


def begin(upload: Upload, **reading: Any) -> Upload:
    """Begin a draft."""
    return begin_upload(upload=upload, reading=Reading(**reading), actor=SUPREME, now=timezone.now())


def finish(job: Upload) -> Upload:
    """Do the work of an upload."""
    jobs.run("codes.upload", str(job.pk))
    job.refresh_from_db()
    return job


def reasons(job: Upload) -> dict[int, str]:
    """Line → reason."""
    return {line["line"]: line["reason"] for line in job.refused_lines}


def codes_by_place() -> dict[tuple[str, str | None], list[str]]:
    """The codes of every pool that has some, by market and event."""
    places: dict[tuple[str, str | None], list[str]] = {}
    for code in Code.objects.order_by("pk"):
        pool = Pool.objects.select_related("market", "event").get(pk=code.pk >> 32)
        places.setdefault((pool.market.code, pool.event.code if pool.event else None), []).append(code.value)
    return places


def is_right(campaign: Campaign) -> bool:
    """Whether the recount finds nothing."""
    return inventory.verify([campaign]) == []


def test_the_good_codes_are_in_and_the_rest_is_told(pool_upload: tuple[Campaign, int]) -> None:
    data = '\ufeffcode\r\nA1\r\nB2\r\nA1\r\n\r\n"broken\r\nC3\r\n'.encode()

    job = upload_file(pool_upload=pool_upload, data=data)

    assert (job.status, job.lines, job.added, job.already_there, job.refused) == ("finished", 6, 3, 0, 3)
    assert reasons(job) == {
        4: "The same code stands in line 2.",
        5: "The line is empty.",
        6: "The line has a quotation mark that is never closed.",
    }
    file = list(csv.reader(io.StringIO(storage.get(job.refused_key).decode())))
    assert file == [["line", "reason"], *([str(line), reason] for line, reason in sorted(reasons(job).items()))]
    assert codes_by_place() == {LAX: ["A1", "B2", "C3"]}


def test_the_same_file_again_adds_nothing(pool_upload: tuple[Campaign, int]) -> None:
    upload_file(pool_upload=pool_upload, data=b"A1\nB2\n")

    again = upload_file(pool_upload=pool_upload, data=b"A1\nB2\nC3\n")

    assert (again.added, again.already_there, again.refused) == (1, 2, 0)
    assert again.shape["pools"] == [[pool_upload[1], 1, 2]]
    assert inventory.counts(CodeRange.objects.all())["available"] == 3
    assert is_right(pool_upload[0])


def test_a_code_of_another_pool_is_refused(pool_upload: tuple[Campaign, int]) -> None:
    tour = pool_upload[0]
    upload_file(pool_upload=pool_upload, data=b"A1\n")

    job = upload_file(pool_upload=(tour, pool_of(tour, *PHX1).pk), data=b"A1\nB2\n")

    assert (job.added, job.refused) == (1, 1)
    assert reasons(job) == {1: "Another pool of the campaign has this code."}


def test_reading_that_died_after_its_commit_counts_nothing_twice(pool_upload: tuple[Campaign, int]) -> None:
    job = upload_file(pool_upload=pool_upload, data=b"A1\nB2\n")
    Upload.objects.filter(pk=job.pk).update(status=Job.Status.QUEUED, phase="storing")

    finish(job)

    assert (job.status, job.added, job.already_there) == ("finished", 2, 0)


def test_one_file_fills_many_pools_and_makes_those_that_there_are_not(tour: Campaign) -> None:
    lines = [
        "campaignId;code;market;event;type",
        "aurora;L1;CA-LAX;;",
        ";L2;los angeles;;presale",
        f"{tour.public_id};L3;Los Angeles Stadium;;PRESALE",
        ";P1;AZ-PHX;AZ-PHX-1;",
        ";P2;;AZ-PHX-2;",
        ";P3;AZ-PHX-2;;",
    ]

    job = bring(tour, "\n".join(lines).encode())

    assert (job.status, job.error, job.added, job.refused) == ("finished", "", 6, 0)
    assert codes_by_place() == {LAX: ["L1", "L2", "L3"], PHX1: ["P1"], PHX2: ["P2", "P3"]}
    assert set(tour.pools.values_list("code_type", "size", "last_number")) == {
        ("presale", 3, 3),
        ("presale", 1, 1),
        ("presale", 2, 2),
    }
    assert CodeRange.objects.filter(upload=job).count() == 3
    assert is_right(tour)


def test_each_line_that_belongs_nowhere_is_refused_and_says_why(tour: Campaign) -> None:
    lines = [
        "code,campaign,market,event,type",
        "A1,other,CA-LAX,,",
        "A2,,NOWHERE,,",
        "A3,,CA-LAX,NO-1,",
        "A4,,CA-LAX,AZ-PHX-1,",
        "A5,,AZ-PHX,,",
        "A6,,CA-LAX,CA-LAX-1,",
        "A7,,,,",
        f"A8,,CA-LAX,,{'x' * 41}",
        "GOOD1,,CA-LAX,,vip",
        "GOOD1,,AZ-PHX,AZ-PHX-1,",
    ]

    job = bring(tour, "\n".join(lines).encode())

    assert reasons(job) == {
        2: "The line is of another campaign.",
        3: "The campaign has no such market.",
        4: "The campaign has no such event.",
        5: "The event belongs to another market than the line says.",
        6: "This market's events have separate pools, and the line does not say which event.",
        7: "This market's events share one pool: a line for it names no event.",
        8: "The line names no market, and no market was chosen for such lines.",
        9: "The type of the code is longer than 40 characters.",
        11: "The same code stands in line 10.",
    }
    assert codes_by_place() == {LAX: ["GOOD1"]}
    assert tour.pools.get(size__gt=0).code_type == "vip"


def test_lines_that_name_no_market_go_where_was_said(pool_upload: tuple[Campaign, int]) -> None:
    tour = pool_upload[0]

    job = bring(tour, b"code,event\nA1,\nB2,AZ-PHX-1\n", pool=pool_of(tour, *LAX))

    assert job.added == 2
    assert codes_by_place() == {LAX: ["A1"], PHX1: ["B2"]}


def test_two_markets_of_one_city_are_told_apart_by_their_code_alone(tour: Campaign) -> None:
    from tests.scenario import add_market

    add_market(tour, "CA-LA2", "Los Angeles", split="concurrent", events=1, now=timezone.now())

    job = bring(tour, b"code,city\nA1,Los Angeles\nB2,ca-la2\n")

    assert reasons(job) == {2: "Several markets of the campaign are called so: write the market's code."}
    assert codes_by_place() == {("CA-LA2", None): ["B2"]}


def test_a_column_of_anything_makes_no_pools_by_the_thousand(tour: Campaign) -> None:
    lines = "".join(f"C{number:04d},CA-LAX,T{number}\n" for number in range(200))

    job = bring(tour, f"code,market,type\n{lines}".encode())

    assert (job.added, job.refused) == (MOST_TYPES, 200 - MOST_TYPES)
    assert set(reasons(job).values()) == {MANY_TYPES}
    assert tour.pools.count() == MOST_TYPES


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"min_length": 5}, "The code is shorter than this pool's 5 characters."),
        ({"max_length": 3}, "The code is longer than this pool's 3 characters."),
        ({"alphabet": "ABC"}, "The code has characters that this pool's codes do not have."),
        ({"pattern": "[A-Z]+"}, "The code does not fit this pool's pattern."),
        ({"pattern": "AB1|AB"}, "The code does not fit this pool's pattern."),
    ],
)
def test_a_pools_own_rules_hold_for_it_alone(tour: Campaign, rules: dict[str, Any], reason: str) -> None:
    pool = pool_of(tour, *LAX)
    Pool.objects.filter(pk=pool.pk).update(**rules)

    job = bring(tour, b"code,market,event\nAB12,CA-LAX,\nAB13,AZ-PHX,AZ-PHX-1\n")

    assert reasons(job) == {2: reason}
    assert codes_by_place() == {PHX1: ["AB13"]}


def test_what_fits_a_pools_rules_is_added(tour: Campaign) -> None:
    pool = pool_of(tour, *LAX)
    Pool.objects.filter(pk=pool.pk).update(min_length=4, max_length=4, alphabet="AB12", pattern="[A-Z]{2}[0-9]{2}")

    job = bring(tour, b"AB12\nBA21\n", pool=pool)

    assert (job.added, job.refused) == (2, 0)


def test_all_or_nothing_adds_nothing_for_one_refused_line(pool_upload: tuple[Campaign, int]) -> None:
    tour = pool_upload[0]
    pool = pool_of(tour, *LAX)

    refused = bring(tour, b"code,market\nA1,\nB 2,\nC3,AZ-PHX\n", pool=pool, is_all_or_nothing=True)
    taken = bring(tour, b"A1\nC3\n\n", pool=pool, is_all_or_nothing=True)

    assert (refused.status, refused.added, refused.refused) == ("finished", 0, 2)
    assert (taken.added, taken.refused) == (2, 1), "the empty line is told, and refuses nothing else"
    assert (refused.is_refused_whole, taken.is_refused_whole) == (True, False)
    assert tour.pools.filter(size__gt=0).count() == tour.pools.count() == 1
    assert is_right(tour)


def test_numbers_stay_dense_whatever_is_taken_out(tour: Campaign) -> None:
    bring(tour, b"M1\nM3\nM5\n", pool=pool_of(tour, *LAX))

    bring(tour, b"M1\nM2\nM2\nM4\nM5\nM6\n", pool=pool_of(tour, *LAX))

    numbers = [code & 0xFFFFFFFF for code in Code.objects.order_by("pk").values_list("pk", flat=True)]
    assert numbers == [1, 2, 3, 4, 5, 6]
    assert is_right(tour)


def test_a_file_of_which_nothing_says_where_it_goes_fails_with_words(tour: Campaign) -> None:
    job = bring(tour, b"code\nA1\n")

    assert (job.status, job.error) == ("failed", NOWHERE)


def test_a_file_has_no_more_lines_than_can_be_sorted(tour: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codes.staging.MOST_LINES", 3)

    job = bring(tour, b"A1\nB2\nC3\nD4\n", pool=pool_of(tour, *LAX))

    assert (job.status, job.error) == ("failed", "The file has more than 3 lines: split it into smaller files.")
    assert not Code.objects.exists()


def test_an_empty_file_is_refused(pool_upload: tuple[Campaign, int]) -> None:
    with pytest.raises(CannotUpload, match="empty"):
        bring(pool_upload[0], b"", pool=pool_of(pool_upload[0], *LAX))


def test_a_pool_fits_its_markets_split(tour: Campaign) -> None:
    shared, split = tour.markets.get(code="CA-LAX"), tour.markets.get(code="AZ-PHX")

    for market, event in (
        (split, None),
        (shared, shared.events.get(number=1)),
        (split, shared.events.get(number=1)),
    ):
        with pytest.raises(CannotUpload):
            pool_for(market=market, event=event, actor=SUPREME, now=timezone.now())


# A file that is looked at first


def test_a_draft_shows_its_rows_and_no_code(tour: Campaign) -> None:
    rows = "".join(f"AURORA-{number:03d},CA-LAX,Stalls\n" for number in range(1, 6))

    job = draft(tour, f"Offer code,City,Area\n{rows}".encode())

    assert (job.status, job.phase) == ("waiting", MAPPING)
    assert job.shape["file"]["roles"] == {"code": 0, "market": 1}
    assert job.shape["preview"]["rows"][0] == ["••••••-•01", "CA-LAX", "Stalls"]
    assert "AURORA" not in str(Upload.objects.values().get())
    assert not tour.pools.exists()


def test_a_draft_is_not_done_before_somebody_begins_it(tour: Campaign) -> None:
    job = draft(tour, b"code,market\nA1,CA-LAX\n")

    assert not jobs.run("codes.upload", str(job.pk))
    job = begin(job)
    finish(job)

    assert (job.status, job.added) == ("finished", 1)


def test_columns_are_what_the_operator_says(tour: Campaign) -> None:
    data = b"Code,Second,Where\nWRONG1,RIGHT1,CA-LAX\nWRONG2,RIGHT2,CA-LAX\n"
    job = draft(tour, data)

    finish(begin(job, columns={"code": "second", "market": 3}))

    assert codes_by_place() == {LAX: ["RIGHT1", "RIGHT2"]}


def test_a_header_can_be_taken_for_a_line(tour: Campaign) -> None:
    job = draft(tour, b"CODE\nAAAA\nBBBB\n")

    finish(begin(job, has_header=False, pool=pool_of(tour, *LAX)))

    assert codes_by_place() == {LAX: ["AAAA", "BBBB", "CODE"]}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"code": "NOPE"}, "no column of this name"),
        ({"code": 9}, "has 2 columns"),
        ({"code": None}, "which column holds the codes"),
        ({"code": 1, "market": 1}, "cannot be both"),
    ],
)
def test_a_mapping_that_does_not_fit_changes_nothing(tour: Campaign, columns: Any, message: str) -> None:
    job = draft(tour, b"code,market\nA1,CA-LAX\n")

    with pytest.raises(CannotRead, match=message):
        begin(job, columns=columns)

    job.refresh_from_db()
    assert (job.status, job.phase) == ("waiting", MAPPING)


def test_a_draft_asks_where_its_codes_go(tour: Campaign) -> None:
    job = draft(tour, b"A1\nB2\n")

    with pytest.raises(CannotUpload, match="Nothing says where"):
        begin(job)


def test_a_draft_is_begun_once(tour: Campaign) -> None:
    job = draft(tour, b"code,market\nA1,CA-LAX\n")
    begin(job)

    with pytest.raises(CannotBegin, match="queued"):
        begin(job)


def test_a_damaged_file_is_refused_before_it_is_stored(tour: Campaign) -> None:
    with pytest.raises(CannotRead, match="PDF"):
        draft(tour, b"%PDF-1.7\n\0\0")

    assert not Upload.objects.exists()


@pytest.mark.parametrize("prepare", [lambda tour: draft(tour, b"A1\n"), lambda tour: _queued(tour)])
def test_a_cancelled_upload_leaves_nothing(tour: Campaign, prepare: Callable[[Campaign], Upload]) -> None:
    job = prepare(tour)

    cancel_upload(upload=job, actor=SUPREME, now=timezone.now())

    assert job.status == "cancelled"
    assert not jobs.run("codes.upload", str(job.pk))
    with pytest.raises(storage.NotStored):
        storage.get(job.storage_key)
    with pytest.raises(CannotCancel):
        cancel_upload(upload=job, actor=SUPREME, now=timezone.now())


def _queued(tour: Campaign) -> Upload:
    data = b"A1\n"
    pool = pool_of(tour, *LAX)
    return start_upload(pool=pool, file=io.BytesIO(data), file_name="x.csv", size=3, actor=SUPREME, now=timezone.now())


def test_a_running_upload_that_is_cancelled_stores_nothing(tour: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    job = _queued(tour)
    insert = jobs.Claim.announce

    def cancel_then(claim: Any, phase: str, *, total: int = 0) -> None:
        # At the very moment at which its codes are about to be inserted, from another connection.
        if phase == "storing":
            _elsewhere(lambda: cancel_upload(upload=Upload.objects.get(pk=job.pk), actor=SUPREME, now=timezone.now()))
        insert(claim, phase, total=total)

    monkeypatch.setattr(jobs.Claim, "announce", cancel_then)
    finish(job)

    assert (job.status, job.added) == ("cancelled", 0)
    assert not Code.objects.exists()
    assert not CodeRange.objects.exists()
    assert is_right(tour)


def _elsewhere(do: Callable[[], object]) -> None:
    """Do something in a thread with a connection of its own."""
    from threading import Thread

    def run() -> None:
        try:
            do()
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    thread.join()


def test_drafts_that_nobody_begins_are_dropped_after_a_day(tour: Campaign) -> None:
    old, new, begun = (draft(tour, b"code,market\nA1,CA-LAX\n") for _ in range(3))
    begin(begun)
    yesterday = timezone.now() - timedelta(hours=25)
    Upload.objects.filter(pk__in=[old.pk, begun.pk]).update(created_at=yesterday)

    assert drop_old_drafts(timezone.now()) == 1
    assert drop_old_drafts(timezone.now()) == 0

    for job in (old, new, begun):
        job.refresh_from_db()
    assert (old.status, old.error) == ("cancelled", NOBODY_BEGAN)
    assert (new.status, begun.status) == ("waiting", "queued")
    with pytest.raises(storage.NotStored):
        storage.get(old.storage_key)


def test_every_step_is_in_the_history_without_a_code(tour: Campaign) -> None:
    job = draft(tour, b"code,market\nSECRET-1,CA-LAX\n")
    finish(begin(job))

    events = AuditEvent.objects.filter(target_id=str(job.pk)).order_by("pk")
    assert list(events.values_list("action", flat=True)) == [
        "codes.upload",
        "codes.begin",
        "codes.add",
        "upload.finish",
    ]
    assert "SECRET" not in str(list(AuditEvent.objects.values()))
