"""A worker that dies anywhere in an upload: another finishes it, and every code is there exactly once."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from time import monotonic, sleep

import pytest
from django.utils import timezone

from campaigns.models import Campaign
from codes import inventory
from codes.models import Code, CodeRange, Upload
from codes.upload import Reading, start_upload
from core.models import AuditEvent
from tests import scenario
from tests.processes import kill, process, wait_until
from tests.scenario import SUPREME

pytestmark = pytest.mark.django_db(transaction=True)
LEASE_SECONDS = 3.0
ENDS_WITHIN_SECONDS = 120.0
CODES = 50_000
PLACES = ("CA-LAX,", "AZ-PHX,AZ-PHX-1", "AZ-PHX,AZ-PHX-2")
WORKER = ("-m", "celery", "-A", "monoql", "worker", "--concurrency", "1", "--loglevel", "INFO")


def file_of(seed: int) -> bytes:
    """So many codes over three pools in no order, with one that is repeated and one that belongs nowhere."""
    random = Random(seed)
    lines = [f"{random.randrange(10**12):012d}-{number},{random.choice(PLACES)}" for number in range(CODES)]
    return "\n".join(["code,market,event", *lines, lines[7], "NOWHERE-1,NOWHERE,"]).encode()


@contextmanager
def clock(folder: Path) -> Iterator[None]:
    """The tick, as a process of its own."""
    with process("-m", "django", "tick", "--every", "0.5", lease_seconds=LEASE_SECONDS, log=folder / "tick.log"):
        yield


def survive(upload: Upload, folder: Path, *, kill_after: float) -> None:
    """Kill the worker so long after it has begun to read, and wait for another to end the upload."""
    log = folder / "worker.log"

    def has_begun() -> bool:
        return Upload.objects.filter(pk=upload.pk, attempts__gt=0).exists()

    def has_ended() -> bool:
        return Upload.objects.get(pk=upload.pk).has_ended

    with clock(folder):
        with process(*WORKER, lease_seconds=LEASE_SECONDS, log=log) as worker:
            wait_until(has_begun, seconds=60, what="a worker begins")
            began = monotonic()
            while monotonic() - began < kill_after and not has_ended():
                sleep(0.01)
            kill(worker)
        with process(*WORKER, lease_seconds=LEASE_SECONDS, log=log):
            wait_until(has_ended, seconds=ENDS_WITHIN_SECONDS, what="another worker ends the upload")


def upload_for(seed: int) -> tuple[Campaign, Upload]:
    """An upload that waits for its worker."""
    campaign, data = scenario.open_tour(), file_of(seed)
    upload = start_upload(
        campaign=campaign,
        file=io.BytesIO(data),
        file_name="codes.csv",
        size=len(data),
        reading=Reading(),
        actor=SUPREME,
        now=timezone.now(),
    )
    return campaign, upload


def check(campaign: Campaign, upload: Upload) -> None:
    """Everything that must hold, whoever died when."""
    upload.refresh_from_db()
    assert (upload.status, upload.error) == ("finished", "")
    assert (upload.lines, upload.added, upload.already_there, upload.refused) == (CODES + 2, CODES, 0, 2)
    assert Code.objects.count() == CODES
    assert inventory.counts(CodeRange.objects.filter(upload=upload))["available"] == CODES
    assert CodeRange.objects.count() == len(PLACES)
    assert AuditEvent.objects.filter(action="codes.add").count() == 1
    assert inventory.verify([campaign]) == []


def test_an_upload_goes_on_after_its_worker_is_killed(tmp_path: Path) -> None:
    campaign, upload = upload_for(2027)

    survive(upload, tmp_path, kill_after=Random(2027).uniform(0.05, 0.3))

    upload.refresh_from_db()
    assert upload.attempts >= 2
    check(campaign, upload)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_an_upload_goes_on_wherever_its_worker_is_killed(tmp_path: Path, seed: int) -> None:
    campaign, upload = upload_for(seed)

    survive(upload, tmp_path, kill_after=Random(seed).uniform(0.0, 2.5))

    check(campaign, upload)
    print(f"seed {seed}: {upload.attempts} attempts")
