"""Home: first what needs a person, then what is happening, then what runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet, Sum
from django.urls import reverse

from campaigns import readiness
from campaigns.admin_pages.overview import NextStep
from campaigns.admin_pages.words import clock_of
from campaigns.models import Artist, Campaign, Locale, Market, Promoter, Venue
from codes import inventory
from codes.models import Upload
from core.admin_times import span, until, zoned
from core.models import Job
from exports.models import Export
from monoql.admin_workspace import overviews, page_of
from monoql.pulse import Pulse, pulses
from viewers.approvals import right_of
from viewers.models import Approval
from viewers.permissions import Action, may, visible
from viewers.viewer import Viewer
from waves.clock import MOST_AHEAD, Standing, standings
from waves.models import Notification, Selection, Wave, WavePrep
from waves.scheduling import TRIGGER_KEY, pending_waves, trigger_time

SOON = timedelta(hours=72)
FAILED_SINCE = timedelta(days=7)
MOST_NEEDS = 20
MOST_LOOKED_INTO = 3
"""Campaigns near their opening whose readiness is read: each costs a few queries."""
MOST_CAMPAIGNS = 12
MOST_JOBS = 10
MOST_COMING = 6
MOST_DRAFTS = 6


@dataclass(frozen=True)
class Need:
    """One thing that waits for a person. ``tone`` is ``bad``, ``warn`` or ``busy``."""

    text: str
    link: str
    tone: str


@dataclass(frozen=True)
class Happening:
    """One campaign that is open or closed."""

    campaign: Campaign
    clock: str
    exact: str
    entries: str
    pulse: Pulse | None
    codes: dict[str, int]
    next_step: NextStep


@dataclass(frozen=True)
class Running:
    """One piece of long work."""

    job: Job
    title: str
    campaign: str
    link: str
    rate: str


@dataclass(frozen=True)
class Coming:
    """One wave that is still to be triggered, with the codes that it can give against the places that are planned.

    ``filled`` is their share in per cent, at most 100, and ``None`` where no place is planned.
    """

    wave: Wave
    planned: str
    off: str
    state: str
    codes: int
    places: int
    filled: int | None
    link: str


@dataclass(frozen=True)
class Draft:
    """One campaign that is still being set up."""

    campaign: Campaign
    clock: str
    exact: str
    next_step: NextStep


@dataclass(frozen=True)
class FirstStep:
    """One thing that the first campaign of a house is made from. ``count`` is how many are there."""

    title: str
    why: str
    count: int
    link: str
    words: str


@dataclass(frozen=True)
class Home:
    """The whole page. ``first_steps`` are there for who may make a campaign and sees none yet."""

    needs: list[Need]
    happening: list[Happening]
    drafts: list[Draft]
    coming: list[Coming]
    running: list[Running]
    first_steps: list[FirstStep]
    may_make: bool


def home(viewer: Viewer, now: datetime) -> Home:
    """Read the page of what a viewer may view, in a number of queries that does not grow with the rows."""
    needs = [*_approvals(viewer), *_waves_to_act_on(viewer, now), *_openings(viewer, now), *_failures(viewer, now)]
    happening, drafts = _happening(viewer, now), _drafts(viewer, now)
    may_make = may(viewer, Action.EDIT_CATALOGUE, None)
    is_first = (
        may_make and not happening and not drafts and not visible(viewer, Campaign.objects.all(), field="pk").exists()
    )
    return Home(
        needs=needs[:MOST_NEEDS],
        happening=happening,
        drafts=drafts,
        coming=_coming(viewer, now),
        running=_running(viewer, now),
        first_steps=_first_steps() if is_first else [],
        may_make=may_make,
    )


# The first campaign of a house


def _first_steps() -> list[FirstStep]:
    """What a campaign is made from, in the order in which it is best entered."""
    kinds: list[tuple[type[Locale | Promoter | Artist | Venue], str, str]] = [
        (Locale, "Languages", "Each language that your fans read, with its country."),
        (Promoter, "Promoter", "Who asks for the fans' data, and where its privacy policy stands in each language."),
        (Artist, "Artist", "Who plays."),
        (Venue, "Venues", "Where: city, country, and the clock that hangs there."),
    ]
    return [
        FirstStep(
            title=title,
            why=why,
            count=model._default_manager.count(),
            link=reverse(f"admin:campaigns_{model._meta.model_name}_add"),
            words=f"Add {model._meta.verbose_name}",
        )
        for model, title, why in kinds
    ]


# Needs you


def _approvals(viewer: Viewer) -> Iterator[Need]:
    """What waits for a second person, if the viewer may be it."""
    waiting = visible(viewer, Approval.objects.filter(status=Approval.Status.WAITING))
    for approval in waiting.select_related("campaign", "asked_by").order_by("lapses_at", "pk")[:MOST_NEEDS]:
        is_own = viewer.staff is not None and viewer.staff.pk == approval.asked_by_id
        if not is_own and may(viewer, right_of(approval.deed), approval.campaign_id):
            link = reverse("admin:viewers_approval_change", args=[approval.pk])
            asked_by = approval.asked_by.get_username()
            yield Need(f"{approval.title}: {asked_by} asks for a second person", link, "warn")


def _wave_link(wave: Wave) -> str:
    return reverse("admin:waves_wave_change", args=[wave.pk])


def _waves_to_act_on(viewer: Viewer, now: datetime) -> Iterator[Need]:
    """Waves whose time has passed, and those that wait for a person: to prepare, with a value, or for her hand."""
    under_way = Q(status=Wave.Status.PROCESSING, prep__status__in=[Job.Status.FINISHED, Job.Status.WAITING])
    failed = Q(status=Wave.Status.SCHEDULED, prep__status=Job.Status.FAILED)
    unprepared = Q(status=Wave.Status.SCHEDULED, prep=None)
    near = Q(key__lte=(now + MOST_AHEAD).strftime("%Y-%m-%dT%H:%M"))
    waves = pending_waves().alias(key=TRIGGER_KEY).filter(under_way | failed | unprepared | near)
    found = list(visible(viewer, waves).order_by("date_key", "pk")[:MOST_NEEDS])
    known = standings(found, now)
    for wave in found:
        text, tone = _what_a_wave_needs(wave, known[wave.pk], now)
        if text:
            yield Need(f"{wave} of {wave.campaign} {text}", _wave_link(wave), tone)


def _what_a_wave_needs(wave: Wave, standing: Standing, now: datetime) -> tuple[str, str]:
    """What to do about a wave, and how pressing it is; nothing where all goes by itself."""
    lacks, prep = ", ".join(standing.waits_for), getattr(wave, "prep", None)
    failure = f" ({prep.error})" if prep is not None and prep.status == Job.Status.FAILED else ""
    when = until(standing.reading.instant, now)
    if standing.is_overdue and lacks:
        return f"should have been triggered {when}: it waits for {lacks}{failure}", "bad"
    if failure:
        return f"could not be prepared{failure}", "bad"
    if prep is None:
        is_soon = standing.reading.instant < now + timedelta(hours=24)
        return (f"is planned {when} and not prepared", "warn") if is_soon else ("", "")
    if wave.status == Wave.Status.PROCESSING and prep.status == Job.Status.WAITING:
        return "awaits its public value", "warn"
    if wave.status == Wave.Status.PROCESSING and prep.status == Job.Status.FINISHED and lacks:
        return f"is prepared and waits for {lacks}", "warn"
    return "", ""


def _openings(viewer: Viewer, now: datetime) -> Iterator[Need]:
    """Campaigns that should open soon, or should have, and are not ready or not released."""
    soon = Campaign.objects.filter(status=Campaign.Status.NOT_STARTED, open_at__lte=now + SOON, open_at__isnull=False)
    for campaign in visible(viewer, soon, field="pk").order_by("-is_released", "open_at", "pk")[:MOST_LOOKED_INTO]:
        if campaign.open_at is None:
            continue
        when = f"opens {until(campaign.open_at, now)}" if campaign.open_at > now else "should be open"
        red = sum(line.is_red for line in readiness.lines(campaign, now=now))
        problems = [] if campaign.is_released else ["not released for the clock"]
        if red:
            problems.append(f"{red} red line{'' if red == 1 else 's'}")
        if problems or campaign.open_at <= now:
            tone = "bad" if red else "warn"
            yield Need(", ".join([f"{campaign} {when}", *problems]), page_of(campaign), tone)


_HELD = Q(status=Job.Status.WAITING) | Q(status__in=[Job.Status.QUEUED, Job.Status.RUNNING], away_since__isnull=False)
"""Mails that do not go out at the moment."""


def _failures(viewer: Viewer, now: datetime) -> Iterator[Need]:
    """Long work of the last days that ended badly."""
    lately = Q(status=Job.Status.FAILED, finished_at__gte=now - FAILED_SINCE)
    uploads = visible(viewer, Upload.objects.filter(lately))
    for upload in uploads.select_related("campaign").order_by("-finished_at", "pk")[:5]:
        link = reverse("admin:codes_upload_change", args=[upload.pk])
        yield Need(f"The upload of {upload.file_name} for {upload.campaign} failed", link, "bad")
    exports = visible(viewer, Export.objects.filter(lately), action=Action.EXPORT)
    for export in exports.select_related("campaign").order_by("-finished_at", "pk")[:5]:
        yield Need(f"Export failed: {export}", reverse("admin:exports_export_change", args=[export.pk]), "bad")
    selections = visible(viewer, Selection.objects.filter(lately), field="wave__campaign")
    for selection in selections.select_related("wave__campaign").order_by("pk")[:5]:
        yield Need(
            f"{selection.wave} of {selection.wave.campaign} could not be completed", _wave_link(selection.wave), "bad"
        )
    notifications = visible(viewer, Notification.objects.filter(lately), field="wave__campaign")
    for mails in notifications.select_related("wave__campaign").order_by("pk")[:5]:
        yield Need(f"Mails of {mails.wave} of {mails.wave.campaign} could not be sent", _wave_link(mails.wave), "bad")
    held = visible(viewer, Notification.objects.filter(_HELD), field="wave__campaign")
    for mails in held.select_related("wave__campaign").order_by("pk")[:5]:
        what = "wait: the mail server takes none" if mails.away_since is not None else "are paused"
        link = reverse("admin:waves_wave_mails_page", args=[mails.wave_id])
        tone = "bad" if mails.error or mails.away_since is not None else "warn"
        yield Need(f"Mails of {mails.wave} of {mails.wave.campaign} {what}", link, tone)


# Now


def _happening(viewer: Viewer, now: datetime) -> list[Happening]:
    states = [Campaign.Status.OPEN, Campaign.Status.CLOSED]
    rows = visible(viewer, Campaign.objects.filter(status__in=states), field="pk")
    campaigns = list(rows.order_by("-status", "close_at", "pk")[:MOST_CAMPAIGNS])
    found, beats = overviews(campaigns, now), pulses(now)
    codes = inventory.counts_by_campaign(campaigns)
    shown = []
    for campaign in campaigns:
        verb, instant = clock_of(campaign)
        shown.append(
            Happening(
                campaign=campaign,
                clock=f"{verb} {until(instant, now)}" if instant is not None else "",
                exact=zoned(instant, campaign.zone) if instant is not None else "",
                entries=found[campaign.pk].entries,
                pulse=beats.get(campaign.pk) if campaign.status == Campaign.Status.OPEN else None,
                codes=codes[campaign.pk],
                next_step=found[campaign.pk].next_step,
            )
        )
    return shown


# Being set up


def _drafts(viewer: Viewer, now: datetime) -> list[Draft]:
    """The campaigns that have not opened yet, the next to open first."""
    rows = visible(viewer, Campaign.objects.filter(status=Campaign.Status.NOT_STARTED), field="pk")
    campaigns = list(rows.order_by(F("open_at").asc(nulls_last=True), "pk")[:MOST_DRAFTS])
    found = overviews(campaigns, now) if campaigns else {}
    return [
        Draft(
            campaign=campaign,
            clock=f"opens {until(campaign.open_at, now)}" if campaign.open_at is not None else "no opening time yet",
            exact=zoned(campaign.open_at, campaign.zone) if campaign.open_at is not None else "",
            next_step=found[campaign.pk].next_step,
        )
        for campaign in campaigns
    ]


# Next waves


def _coming(viewer: Viewer, now: datetime) -> list[Coming]:
    """The waves that were not triggered yet, the next first, in three queries."""
    states = [Wave.Status.SCHEDULED, Wave.Status.PROCESSING]
    waves = visible(viewer, Wave.objects.filter(status__in=states)).select_related("campaign", "prep")
    found = list(waves.order_by("date_key", "pk")[:MOST_COMING])
    campaigns = {wave.campaign_id: wave.campaign for wave in found}
    codes = inventory.counts_by_campaign(list(campaigns.values()))
    planned = Market.objects.filter(campaign__in=campaigns, is_active=True).values("campaign")
    places = dict(planned.annotate(places=Sum("population_limit")).values_list("campaign", "places"))
    return [_line_of(wave, codes[wave.campaign_id], places.get(wave.campaign_id) or 0, now) for wave in found]


def _line_of(wave: Wave, codes: dict[str, int], places: int, now: datetime) -> Coming:
    planned = trigger_time(wave).instant
    there = codes["available"] + codes["reserved"]
    prep = getattr(wave, "prep", None)
    is_ready = prep is not None and prep.status == Job.Status.FINISHED
    return Coming(
        wave=wave,
        planned=zoned(planned, wave.campaign.zone),
        off=until(planned, now),
        state="prepared" if is_ready else "not prepared" if prep is None else prep.get_status_display(),
        codes=there,
        places=places,
        filled=min(100, round(100 * there / places)) if places else None,
        link=_wave_link(wave),
    )


# Running


def _running(viewer: Viewer, now: datetime) -> list[Running]:
    """All long work that is queued or under way, the oldest of each kind first."""
    going = Q(status__in=[Job.Status.QUEUED, Job.Status.RUNNING])
    uploads = Upload.objects.filter(going).select_related("campaign", "pool__market__venue", "pool__event")
    exports = Export.objects.filter(going).select_related("campaign", "wave")
    rows = [
        Running(
            upload,
            f"Upload {upload}",
            str(upload.campaign),
            reverse("admin:codes_upload_change", args=[upload.pk]),
            _rate(upload, "lines", now),
        )
        for upload in visible(viewer, uploads).order_by("created_at", "pk")[:MOST_JOBS]
    ]
    rows += _running_of_waves(viewer, going, now)
    rows += [
        Running(
            export,
            f"Export of {export.get_dataset_display()}",
            str(export.campaign),
            reverse("admin:exports_export_change", args=[export.pk]),
            "",
        )
        for export in visible(viewer, exports, action=Action.EXPORT).order_by("created_at", "pk")[:MOST_JOBS]
    ]
    return rows


def _running_of_waves(viewer: Viewer, going: Q, now: datetime) -> list[Running]:
    kinds: list[tuple[str, str, QuerySet[WavePrep] | QuerySet[Selection] | QuerySet[Notification]]] = [
        ("Preparation", "", visible(viewer, WavePrep.objects.filter(going), field="wave__campaign")),
        ("Completion", "", visible(viewer, Selection.objects.filter(going), field="wave__campaign")),
        ("Mails", "mails", visible(viewer, Notification.objects.filter(going), field="wave__campaign")),
    ]
    return [
        Running(job, f"{words} of {job.wave}", str(job.wave.campaign), _wave_link(job.wave), _rate(job, unit, now))
        for words, unit, rows in kinds
        for job in rows.select_related("wave__campaign").order_by("created_at", "pk")[:MOST_JOBS]
    ]


def _rate(job: Job, unit: str, now: datetime) -> str:
    """How fast the present phase goes and how long it still takes, once that can be told."""
    if job.status != Job.Status.RUNNING or job.started_at is None or not job.progress_done or job.attempts > 1:
        return ""
    seconds = (now - job.started_at).total_seconds()
    left = job.progress_total - job.progress_done
    each_second = job.progress_done / max(seconds, 1)
    if seconds < 2 or left < 0 or each_second < 2:
        return ""
    return f"{each_second:,.0f} {unit} a second, {span(timedelta(seconds=left / each_second))} left".replace("  ", " ")
