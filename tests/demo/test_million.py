"""The demo with a million fans, and the first wave of its closed campaign: what docs/measured/ tells."""

import resource
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from campaigns.models import Campaign
from core import jobs
from tests.scenario import SUPREME, bundle_of
from tests.waves.rerun import differences
from waves import preparation, scheduling, selection
from waves.models import Wave, WavePrep

pytestmark = [pytest.mark.soak, pytest.mark.django_db(transaction=True)]
FANS = 1_000_000


def test_a_million_fans_and_their_wave(tmp_path: Path) -> None:
    start = time.perf_counter()
    call_command("demo", fans=FANS, seed=1)
    print(f"demo of {FANS:,} fans: {time.perf_counter() - start:.0f} s")

    campaign = Campaign.objects.get(domain="aurora-closed")
    local = (timezone.now() + timedelta(days=1)).astimezone(campaign.zone).replace(tzinfo=None, second=0, microsecond=0)
    wave = scheduling.schedule_wave(campaign=campaign, local=local, actor=SUPREME, now=timezone.now())
    prep = preparation.start_preparation(wave=wave, options=preparation.Options(), actor=SUPREME, now=timezone.now())
    start = time.perf_counter()
    jobs.run("waves.waveprep", str(prep.pk))
    prepared = time.perf_counter() - start
    assert WavePrep.objects.get(pk=prep.pk).status == "finished"
    start = time.perf_counter()
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    triggered = time.perf_counter() - start
    start = time.perf_counter()
    jobs.run("waves.selection", str(wave.selection.pk))
    completed = time.perf_counter() - start

    wave = Wave.objects.select_related("draw").get(pk=wave.pk)
    print(
        f"wave of {wave.draw.entries:,} entries and {wave.draw.placed:,} places: prepared in {prepared:.1f} s,"
        f" triggered in {triggered:.2f} s, completed in {completed:.1f} s;"
        f" peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"
    )
    assert wave.status == Wave.Status.COMPLETED
    assert differences(bundle_of(wave, tmp_path)) == []
