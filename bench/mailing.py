"""A wave's mails to a mail server on this machine, against a loop of smtplib that sends ready-made ones."""

import itertools
import resource
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from bench.rows import Row, compare
from bench.tour import load_codes, load_entries, open_tour
from campaigns import lifecycle
from campaigns.models import Campaign
from campaigns.published import published
from codes.models import Assignment
from core import jobs
from core.models import Job
from entries.messages import compose, render
from entries.models import Message
from viewers.viewer import WORKER
from waves import preparation, scheduling, selection
from waves.models import Notification, Wave

MARKETS = 29
READY = 1000
"""Ready-made mails; the loop sends them over and over."""


def measure(mails: int) -> list[Row]:
    """One row, for a wave of so many mails."""
    wave = completed_wave(mails)
    with sink() as port:
        settings.MAILERS = {
            "default": {"BACKEND": "core.mail.SmtpBackend", "OPTIONS": {"host": "127.0.0.1", "port": port}}
        }
        ready = ready_made(wave)
        size = sum(len(data) for _, data in ready) // len(ready)
        print(f"  {mails:,} mails of {size:,} bytes each", flush=True)
        row = compare(
            f"{mails:,} mails of a wave",
            unit="mail",
            goal=2.0,
            ours=lambda: notify_once(wave, mails),
            reference=lambda: send_ready_made(port, ready, mails),
        )
    print(f"  peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    return [row]


@contextmanager
def sink() -> Iterator[int]:
    """The mail server that takes everything; gives its port."""
    process = subprocess.Popen([sys.executable, "-m", "bench.mail_sink"], stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline()) if process.stdout is not None else 0
    finally:
        process.terminate()
        process.wait(timeout=10)


def completed_wave(mails: int) -> Wave:
    """A wave that has given so many codes, triggered and completed; its mails are still to be made."""
    now = timezone.now()
    campaign = open_tour(domain="bench-mailing", markets=MARKETS)
    Campaign.objects.filter(pk=campaign.pk).update(close_at=now)
    load_entries(campaign, mails * 2, markets=MARKETS)
    load_codes(campaign, mails)
    campaign.refresh_from_db()
    lifecycle.close_campaign(campaign=campaign, actor=WORKER, now=now)
    wave = scheduling.schedule_wave(campaign=campaign, local=datetime(2027, 2, 1, 10, 0), actor=WORKER, now=now)
    prep = preparation.start_preparation(wave=wave, options=preparation.Options(), actor=WORKER, now=now)
    jobs.run("waves.waveprep", str(prep.pk))
    selection.trigger(wave=wave, actor=WORKER, now=timezone.now())
    jobs.run("waves.selection", str(Wave.objects.get(pk=wave.pk).selection.pk))
    return Wave.objects.get(pk=wave.pk)


def notify_once(wave: Wave, mails: int) -> float:
    """The seconds a mail of one whole notification by the product's own job, from no message to the last one sent."""
    Message.objects.filter(wave_id=wave.pk).delete()
    Notification.objects.filter(wave=wave).update(
        status=Job.Status.QUEUED, attempts=0, finished_at=None, run_after=None, selected_queued_at=None
    )
    notification = Notification.objects.get(wave=wave)
    start = time.perf_counter()
    jobs.run("waves.notification", str(notification.pk))
    seconds = time.perf_counter() - start
    sent = Message.objects.filter(wave_id=wave.pk, status=Message.Status.SENT).count()
    if not sent:
        raise RuntimeError(f"no mail was sent of {mails:,}")
    return seconds / sent


def ready_made(wave: Wave) -> Sequence[tuple[str, bytes]]:
    """The very mails of some fans, with their addresses."""
    Message.objects.filter(wave_id=wave.pk).delete()
    given = Assignment.objects.filter(hold=wave.prep.hold_id or 0)
    rows = given.order_by("code_id").values_list("entry_id", flat=True)[:READY]
    messages = [
        Message(pk=number, entry_id=entry, kind="selected", wave_id=wave.pk, created_at=timezone.now())
        for number, entry in enumerate(rows, start=1)
    ]
    found = published(wave.campaign.domain)
    letters = compose("selected", messages, found)
    mails = [render(message, letters[message.pk], found) for message in messages]
    return [(mail.address, mail.written()) for mail in mails]


def send_ready_made(port: int, ready: Sequence[tuple[str, bytes]], mails: int) -> float:
    """The seconds a mail of the bare loop."""
    start = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as server:
        for address, data in itertools.islice(itertools.cycle(ready), mails):
            server.sendmail("tickets@monoql.example", [address], data)
    return (time.perf_counter() - start) / mails
