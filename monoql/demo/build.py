"""Building the demo: set-up, fans by COPY, and everything else through the product's own operations."""

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from campaigns.lifecycle import close_campaign, open_campaign
from campaigns.models import Campaign
from codes.upload import pool_for, start_upload
from core import jobs
from core.models import Job
from core.refusal import Refusal
from entries.models import Message
from monoql.demo import catalogue, plan
from monoql.demo.loading import load_fans
from monoql.demo.plan import CampaignPlan, MarketPlan
from monoql.demo.team import make_team
from viewers.models import Staff
from viewers.viewer import CLOCK, Viewer, viewer_of_staff
from waves.models import Notification, Selection, Wave
from waves.preparation import Options, start_preparation
from waves.scheduling import schedule_wave
from waves.selection import trigger

USERNAME = PASSWORD = "demo"  # noqa: S105  The demo's public sign-in.
PATIENCE_SECONDS = 900

Say = Callable[[str], None]


class CannotBuildDemo(Refusal):
    """The demo is not built; what stopped it is in the message."""

    code = "cannot_build_demo"


@dataclass(frozen=True, slots=True)
class Order:
    """How many fans, of which seed, at which moment, and where the progress is told."""

    count: int
    seed: int
    now: datetime
    say: Say


def is_begun() -> bool:
    """Tell whether any of the demo's campaigns is there."""
    return Campaign.objects.filter(domain__in=plan.domains()).exists()


def is_whole() -> bool:
    """Tell whether the demo was built to its end: the last step completes a wave."""
    return (
        Campaign.objects.filter(domain__in=plan.domains()).count() == len(plan.domains())
        and Wave.objects.filter(campaign__domain="aurora-sent", status=Wave.Status.COMPLETED).exists()
    )


def build_demo(order: Order) -> None:
    """Build all three campaigns.

    :raises CannotBuildDemo: a step of the product failed.
    """
    actor = viewer_of_staff(make_operator())
    plans = plan.campaign_plans(count=order.count, now=order.now)
    crowds = plan.crowds(plans, seed=order.seed)
    shift = plan.tour_shift(now=order.now)
    for campaign_plan in plans:
        markets = plan.market_plans(count=campaign_plan.count)
        campaign = catalogue.make_campaign(campaign_plan, markets, tour_shift=shift)
        order.say(f"{campaign.domain}: {len(markets)} markets, {campaign.events.count()} events, opened")
        campaign = open_campaign(campaign=campaign, actor=actor, now=campaign_plan.open_at)
        numbers = tuple(range(1, len(markets) + 1))
        began = time.monotonic()
        loaded = load_fans(
            campaign=campaign,
            crowd=crowds[campaign_plan.key],
            numbers=numbers,
            now=campaign_plan.until,
            progress=_Progress(order.say, campaign.domain, campaign_plan.count),
        )
        order.say(
            f"{campaign.domain}: {loaded.entries:,} fans registered, {loaded.confirmed:,} confirmed"
            f" ({time.monotonic() - began:.1f} s)"
        )
        if campaign_plan.key != "open":
            campaign = close_campaign(campaign=campaign, actor=CLOCK, now=campaign_plan.close_at)
            _upload_codes(order, campaign, campaign_plan, markets, actor)
        if campaign_plan.key == "sent":
            _run_wave(order, campaign, actor)
        make_team(password=PASSWORD, campaigns=[campaign], actor=actor, now=order.now)


def make_operator() -> Staff:
    """Make the demo's sign-in, a supreme admin.

    :raises CannotBuildDemo: this is no development machine, which a known password would open to everybody.
    """
    if not settings.DEVELOPMENT:
        raise CannotBuildDemo("The demo signs in with a known password, so it is only built on a development machine.")
    staff, is_new = Staff.objects.get_or_create(
        username=USERNAME,
        defaults={"is_staff": True, "is_superuser": True, "first_name": "Dana", "last_name": "Moreau"},
    )
    if is_new:
        staff.set_password(PASSWORD)
        staff.save(update_fields=["password"])
    return staff


class _Progress:
    """Tells a long load's progress, at most once in some seconds."""

    def __init__(self, say: Say, domain: str, total: int) -> None:
        self.say, self.domain, self.total = say, domain, total
        self.told = time.monotonic()

    def __call__(self, done: int) -> None:
        if time.monotonic() - self.told > 5:
            self.told = time.monotonic()
            self.say(f"{self.domain}: {done:,} of {self.total:,} fans …")


def _upload_codes(
    order: Order,
    campaign: Campaign,
    campaign_plan: CampaignPlan,
    plans: tuple[MarketPlan, ...],
    actor: Viewer,
) -> None:
    """Upload each pool's codes as an operator would, a CSV file a pool."""
    markets = {market.code: market for market in campaign.markets.prefetch_related("events")}
    number = files = 0
    for market_plan in plans:
        market = markets[market_plan.market.code]
        events = sorted(market.events.all(), key=lambda event: event.number)
        for place, count in enumerate(market_plan.codes):
            event = events[place] if market_plan.is_sequential else None
            values = plan.code_values(seed=order.seed, campaign=campaign_plan.number, first=number, count=count)
            data = "".join(["code\n", *(f"{value}\n" for value in values)]).encode()
            upload = start_upload(
                pool=pool_for(market=market, event=event, actor=actor, now=order.now),
                file=io.BytesIO(data),
                file_name=f"{event.code if event else market.code}.csv",
                size=len(data),
                actor=actor,
                now=order.now,
            )
            finish(upload)
            number += count
            files += 1
    order.say(f"{campaign.domain}: {number:,} codes uploaded in {files} files")


def _run_wave(order: Order, campaign: Campaign, actor: Viewer) -> None:
    """Prepare a wave for this minute, trigger it, and send its mails."""
    local = order.now.astimezone(campaign.zone)
    wave = schedule_wave(
        campaign=campaign,
        local=local.replace(second=0, microsecond=0, tzinfo=None),
        is_second=bool(local.fold),
        name="Fan club wave",
        actor=actor,
        now=order.now,
    )
    finish(start_preparation(wave=wave, options=Options(), actor=actor, now=order.now))
    wave = trigger(wave=wave, actor=actor, now=order.now)
    finish(Selection.objects.get(wave=wave))
    began = time.monotonic()
    finish(Notification.objects.get(wave=wave))
    wave.refresh_from_db()
    sent = Message.objects.filter(wave_id=wave.pk, status=Message.Status.SENT).count()
    order.say(
        f"{campaign.domain}: wave {wave.date_key} {wave.status}, {wave.draw.placed:,} codes given,"
        f" {sent:,} mails sent ({time.monotonic() - began:.1f} s)"
    )


def finish(job: Job) -> None:
    """Do a job's work here, or wait while a worker does it.

    :raises CannotBuildDemo: it failed, or took too long.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        jobs.run(job._meta.label_lower, str(job.pk))
        job.refresh_from_db()
        if job.status == Job.Status.FINISHED:
            return
        if job.has_ended or time.monotonic() > deadline:
            raise CannotBuildDemo(f"The {job._meta.verbose_name} of the demo is {job.status}: {job.error}")
        time.sleep(0.1)
