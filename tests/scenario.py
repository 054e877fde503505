"""One shared scenario: a small tour of two cities with named people. Ada, Ben and Cleo register for it."""

import io
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from campaigns import lifecycle, secrets
from campaigns.models import Artist, Campaign, Content, Event, Field, Locale, Market, Promoter, Venue
from campaigns.published import published
from codes import upload
from codes.models import Upload
from core import jobs
from core.bulk import copy_in
from core.models import Job
from entries.form import Form
from entries.identifiers import fan_key, ref_of
from entries.models import Entry, ScoreRun
from entries.own_entry import confirm
from entries.proof import link_token
from entries.registration import register
from viewers.viewer import Viewer
from waves import preparation, scheduling
from waves.models import Wave

SUPREME = Viewer(kind="clock", label="the scenario")
"""Whoever sets the scene may do everything."""


def make_tour(*, domain: str = "aurora", now: datetime | None = None) -> Campaign:
    """A campaign that is ready to open: Los Angeles shares one pool, Phoenix fills its two dates in turn."""
    now = now or timezone.now()
    for code, name, direction in (
        ("en_US", "English", "ltr"),
        ("de_DE", "Deutsch", "ltr"),
        ("ar_EG", "العربية", "rtl"),
    ):
        Locale.objects.get_or_create(code=code, defaults={"name": name, "direction": direction})
    artist, _ = Artist.objects.get_or_create(name="Aurora Vale")
    promoter, is_new = Promoter.objects.get_or_create(
        name="Sunset Concerts", defaults={"privacy_url": "https://sunset.example/privacy"}
    )
    if is_new:
        promoter.policies.create(locale_id="de_DE", url="https://sunset.example/datenschutz")
    campaign = Campaign.objects.create(
        name="Aurora Vale 2027",
        artist=artist,
        promoter=promoter,
        domain=domain,
        reference_timezone="America/Los_Angeles",
        open_at=now - timedelta(hours=1),
        close_at=now + timedelta(days=3),
        presale_window_start_at=now + timedelta(days=5),
        presale_window_end_at=now + timedelta(days=6),
        default_locale_id="en_US",
    )
    campaign.locales.set(Locale.objects.filter(code__in=["en_US", "de_DE", "ar_EG"]))
    Content.objects.create(
        campaign=campaign,
        locale_id="en_US",
        title="Aurora Vale on tour",
        open="Register for the presale.",
        selected_body="Hello {name}, your code for {market} is {code}.",
    )
    Content.objects.create(campaign=campaign, locale_id="de_DE", title="Aurora Vale auf Tournee")
    Field.objects.create(campaign=campaign, number=1, key="seat", type="text", label="Favourite seat")
    add_market(campaign, "CA-LAX", "Los Angeles", split="concurrent", events=2, now=now)
    add_market(campaign, "AZ-PHX", "Phoenix", split="sequential", events=2, now=now)
    return campaign


def add_market(campaign: Campaign, code: str, city: str, *, split: str, events: int, now: datetime) -> Market:
    """A market with a venue of its own and so many events."""
    venue, _ = Venue.objects.get_or_create(
        name=f"{city} Stadium", city=city, country="US", defaults={"timezone": "America/Los_Angeles"}
    )
    market = Market.objects.create(
        campaign=campaign, code=code, venue=venue, split=split, link="https://tickets.example/buy"
    )
    for number in range(1, events + 1):
        Event.objects.create(
            market=market, number=number, code=f"{code}-{number}", starts_at=now + timedelta(days=60 + number)
        )
    return market


def open_tour(*, domain: str = "aurora", **options: Any) -> Campaign:
    """The same with these options, open."""
    campaign = make_tour(domain=domain)
    Campaign.objects.filter(pk=campaign.pk).update(**options)
    campaign.refresh_from_db()
    return lifecycle.open_campaign(campaign=campaign, actor=SUPREME, now=timezone.now())


def register_fan(campaign: Campaign, name: str, choices: list[str], *, is_confirmed: bool = True) -> Entry:
    """A fan registers, and follows her link unless told otherwise."""
    now = timezone.now()
    found = published(campaign.domain)
    email = f"{name.lower()}@example.com"
    register(published=found, form=Form(email=email, name=name, choices=choices), now=now)
    entry = Entry.objects.get(campaign=campaign, identifier=email)
    return confirm(published=found, token=link_token(entry_id=entry.pk), now=now) if is_confirmed else entry


def upload_codes(campaign: Campaign, market: str, count: int, *, event: str = "", prefix: str = "") -> Upload:
    """An operator uploads so many codes, and the worker reads them."""
    found = campaign.markets.get(code=market)
    place = found.events.get(code=event) if event else None
    pool = upload.pool_for(market=found, event=place, actor=SUPREME, now=timezone.now())
    lines = "".join(f"{prefix or event or market}-{number:06d}\n" for number in range(count))
    return upload_file(pool_upload=(campaign, pool.pk), data=lines.encode())


def upload_file(*, pool_upload: tuple[Campaign, int], data: bytes) -> Upload:
    """An operator uploads a file into a pool, and the worker reads it."""
    campaign, pool_id = pool_upload
    job = upload.start_upload(
        pool=campaign.pools.get(pk=pool_id),
        file=io.BytesIO(data),
        file_name="codes.csv",
        size=len(data),
        actor=SUPREME,
        now=timezone.now(),
    )
    jobs.run("codes.upload", str(job.pk))
    job.refresh_from_db()
    return job


def make_wave(campaign: Campaign, *, local: datetime | None = None) -> Wave:
    """A wave of the campaign, not prepared yet."""
    return scheduling.schedule_wave(
        campaign=campaign, local=local or datetime(2027, 2, 1, 10, 0), actor=SUPREME, now=timezone.now()
    )


def prepare_wave(wave: Wave, options: preparation.Options | None = None) -> Wave:
    """Prepare a wave to its end, as a worker would."""
    prep = preparation.start_preparation(
        wave=wave, options=options or preparation.Options(), actor=SUPREME, now=timezone.now()
    )
    jobs.run("waves.waveprep", str(prep.pk))
    return Wave.objects.select_related("prep", "campaign").get(pk=wave.pk)


def run_jobs() -> int:
    """Do every queued job, and those that they queue, as the workers would; return how many were done."""
    done = 0
    while True:
        queued = [
            (kind.model._meta.label_lower, str(pk))
            for kind in jobs.kinds()
            for pk in kind.model.objects.filter(status=Job.Status.QUEUED).values_list("pk", flat=True)
        ]
        ran = sum(jobs.run(label, pk) for label, pk in queued)
        if not ran:
            return done
        done += ran


def many_fans(campaign: Campaign, count: int, *, seed: int = 1) -> None:
    """So many confirmed fans at once, by COPY, each with one or two cities and a score."""
    random = Random(seed)
    now = timezone.now()
    salt = secrets.salt_of(campaign)
    numbers = list(campaign.markets.order_by("number").values_list("number", flat=True))
    run = ScoreRun.objects.create(campaign=campaign, source="scenario", is_current=True, created_at=now)
    rows = []
    for number in range(count):
        email = f"fan{number}@example.com"
        ref = ref_of(fan_key=fan_key(salt=salt, identifier=email), identifier=email)
        choices = random.sample(numbers, random.randint(1, len(numbers)))
        confirmed = None if number % 20 == 0 else now
        rows.append(
            (campaign.pk, ref, email, email, b"", f"Fan {number}", "", "en_US", "{}", choices, confirmed, False)
        )
    columns = ["campaign_id", "ref", "identifier", "email", "person_key", "name", "phone", "locale_id", "answers"]
    columns += ["choices", "email_confirmed_at", "gates_failed", "created_at", "updated_at"]
    with transaction.atomic():
        copy_in("entries_entry", columns, ((*row, now, now) for row in rows))
        ids = Entry.objects.filter(campaign=campaign).order_by("pk").values_list("pk", flat=True)
        scores = ((run.pk, pk, random.randint(0, 100)) for pk in ids)
        copy_in("entries_score", ["run_id", "entry_id", "score"], scores)


def bundle_of(wave: Wave, folder: Path) -> Path:
    """The bundle that the command writes, in a folder."""
    call_command("draw_bundle", str(wave.pk), out=folder, verbosity=0, stdout=io.StringIO())
    return folder
