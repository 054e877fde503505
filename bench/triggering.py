"""Triggering a wave of 150,000 places, against one of 1,500: the whole call, on waves that the product prepared."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils import timezone

from bench.rows import Row, compare
from bench.tour import load_codes, load_entries, open_tour
from campaigns.models import Campaign
from core import jobs
from viewers.viewer import WORKER
from waves import preparation, scheduling, selection
from waves.models import Selection

MARKETS = 52
LARGE, SMALL = 150_000, 1_500
ROUNDS = 5
ENTRIES_A_PLACE = 2


def measure() -> list[Row]:
    """One row. Fans are chosen again in each wave, so that the same entries serve all of them."""
    campaign = open_tour(domain="bench-triggering", markets=MARKETS)
    load_entries(campaign, LARGE * ENTRIES_A_PLACE, markets=MARKETS)
    load_codes(campaign, (LARGE + SMALL) * (ROUNDS + 1))
    times = wave_times()
    trigger_once(campaign, next(times), SMALL)
    row = compare(
        f"triggering {LARGE:,}, against {SMALL:,}",
        unit="trigger",
        goal=2.0,
        ours=lambda: trigger_once(campaign, next(times), LARGE),
        reference=lambda: trigger_once(campaign, next(times), SMALL),
        rounds=ROUNDS,
    )
    return [row]


def wave_times() -> Iterator[datetime]:
    """A local time for each wave."""
    return (datetime(2027, 2, 1, 10, 0) + timedelta(days=day) for day in range(32))


def trigger_once(campaign: Campaign, local: datetime, places: int) -> float:
    """The seconds of one trigger; its wave is prepared before and completed afterwards."""
    now = timezone.now()
    wave = scheduling.schedule_wave(campaign=campaign, local=local, actor=WORKER, now=now)
    limits = dict.fromkeys(campaign.markets.values_list("code", flat=True), places // MARKETS)
    options = preparation.Options(reassign=True, limits=limits)
    prep = preparation.start_preparation(wave=wave, options=options, actor=WORKER, now=now)
    jobs.run("waves.waveprep", str(prep.pk))
    start = time.perf_counter()
    selection.trigger(wave=wave, actor=WORKER, now=timezone.now())
    seconds = time.perf_counter() - start
    jobs.run("waves.selection", str(Selection.objects.get(wave=wave).pk))
    wave.draw.refresh_from_db()
    if wave.draw.placed != places // MARKETS * MARKETS:
        raise RuntimeError(f"{wave.draw.placed:,} fans got a place, not {places:,}")
    return seconds
