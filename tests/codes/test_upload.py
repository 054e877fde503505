"""Bringing codes from a file: the good ones are in, the rest is told line by line."""

import io
from pathlib import Path

import pytest
from django.utils import timezone

from campaigns.models import Campaign
from codes import inventory, upload
from codes.models import Code, CodeRange, Upload
from codes.upload import CannotUpload, codes_of, pool_for
from core import jobs, storage
from core.models import Job
from tests.scenario import SUPREME, upload_file


class Refused:
    """Notes refusals."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []

    def add(self, line: int, reason: str) -> None:
        """Note one."""
        self.lines.append((line, reason))


def read(data: bytes) -> tuple[list[str], list[int]]:
    """The codes and the refused lines of a file."""
    refused = Refused()
    codes = [code for _, code in codes_of(io.BytesIO(data), refused)]  # type: ignore[arg-type]  # It has add().
    return codes, [line for line, _ in refused.lines]


@pytest.mark.parametrize(
    ("data", "codes", "refused"),
    [
        (b"A1\nB2\n", ["A1", "B2"], []),
        (b"\xef\xbb\xbfcode\r\nA1\r\n\r\nB2", ["A1", "B2"], [3]),
        (b"code;type\nA1;presale\nB2;presale\n", ["A1", "B2"], []),
        (b"type\tcode\npresale\tA1\n", ["A1"], []),
        (b'"Code","Market"\n"A1","LA"\n', ["A1"], []),
        (b'A1\n"B2\nC3\n', ["A1", "C3"], [2]),
        (b"A1\rB2\r", ["A1", "B2"], []),
        (b"A1\n1.23E+11\nA 1\n\xff\xfe\nB\x00\n" + b"C" * 65 + b"\n", ["A1"], [2, 3, 4, 5, 6]),
        (b"A1\n" + b"X" * 100_000 + b"\nB2\n", ["A1", "B2"], [2]),
        (b"market,code\nLA\n", [], [2]),
        (b"", [], []),
    ],
)
def test_a_file_is_read_line_by_line(data: bytes, codes: list[str], refused: list[int]) -> None:
    assert read(data) == (codes, refused)


@pytest.fixture
def pool_upload(tour: Campaign) -> tuple[Campaign, int]:
    """The pool of Los Angeles."""
    return tour, pool_for(market=tour.markets.get(code="CA-LAX"), event=None, actor=SUPREME, now=timezone.now()).pk


@pytest.mark.django_db(transaction=True)
def test_the_good_codes_are_in_and_the_rest_is_told(pool_upload: tuple[Campaign, int]) -> None:
    data = '\ufeffcode\r\nA1\r\nB2\r\nA1\r\n\r\n"broken\r\nC3\r\n'.encode()

    job = upload_file(pool_upload=pool_upload, data=data)

    assert (job.status, job.added, job.already_there, job.refused) == ("finished", 3, 0, 3)
    assert {line["line"]: line["reason"] for line in job.refused_lines} == {
        4: "The same code stands in line 2.",
        5: "The line is empty.",
        6: "The line has a quotation mark that is never closed.",
    }
    assert storage.get(job.refused_key).count(b"\n") == 4
    assert sorted(Code.objects.values_list("value", flat=True)) == ["A1", "B2", "C3"]


@pytest.mark.django_db(transaction=True)
def test_the_same_file_again_adds_nothing(pool_upload: tuple[Campaign, int]) -> None:
    upload_file(pool_upload=pool_upload, data=b"A1\nB2\n")

    again = upload_file(pool_upload=pool_upload, data=b"A1\nB2\nC3\n")

    assert (again.added, again.already_there, again.refused) == (1, 2, 0)
    assert inventory.counts(CodeRange.objects.all())["available"] == 3
    assert inventory.verify([pool_upload[0]]) == []


@pytest.mark.django_db(transaction=True)
def test_a_code_of_another_pool_is_refused(pool_upload: tuple[Campaign, int]) -> None:
    tour = pool_upload[0]
    upload_file(pool_upload=pool_upload, data=b"A1\n")
    market = tour.markets.get(code="AZ-PHX")
    other = pool_for(market=market, event=market.events.get(number=1), actor=SUPREME, now=timezone.now())

    job = upload_file(pool_upload=(tour, other.pk), data=b"A1\nB2\n")

    assert (job.added, job.refused) == (1, 1)
    assert job.refused_lines == [{"line": 1, "reason": "Another pool of the campaign has this code."}]


@pytest.mark.django_db(transaction=True)
def test_reading_that_died_after_its_commit_counts_nothing_twice(pool_upload: tuple[Campaign, int]) -> None:
    job = upload_file(pool_upload=pool_upload, data=b"A1\nB2\n")
    Upload.objects.filter(pk=job.pk).update(status=Job.Status.QUEUED)

    jobs.run("codes.upload", str(job.pk))

    job.refresh_from_db()
    assert (job.status, job.added, job.already_there) == ("finished", 2, 0)


def test_a_pool_fits_its_markets_split(tour: Campaign) -> None:
    shared, split = tour.markets.get(code="CA-LAX"), tour.markets.get(code="AZ-PHX")

    for market, event in (
        (split, None),
        (shared, shared.events.get(number=1)),
        (split, shared.events.get(number=1)),
    ):
        with pytest.raises(CannotUpload):
            pool_for(market=market, event=event, actor=SUPREME, now=timezone.now())


def test_an_empty_file_is_refused(pool_upload: tuple[Campaign, int]) -> None:
    with pytest.raises(CannotUpload, match="empty"):
        upload.start_upload(
            pool=pool_upload[0].pools.get(),
            file=io.BytesIO(b""),
            file_name=str(Path("x.csv")),
            size=0,
            actor=SUPREME,
            now=timezone.now(),
        )
