"""What is missing before a wave is prepared. Red lines refuse the preparation, amber ones warn."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, Q, QuerySet, Sum

from campaigns.completeness import OWN, Item, completeness_of
from campaigns.models import Campaign, Market
from campaigns.readiness import Line
from codes.models import CodeRange, Hold
from codes.ranges import SIZE
from core.models import Job
from core.times import changes_near
from entries.models import ScoreRun
from waves.models import MOST_WAVES, Draw, Notification, Wave
from waves.scheduling import trigger_time

if TYPE_CHECKING:
    from waves.preparation import Options

MOST_NAMED = 3
OLD_SCORES = timedelta(days=7)
NEAR_A_CHANGE = timedelta(hours=24)


def lines(wave: Wave, options: "Options", *, now: datetime) -> list[Line]:
    """All lines of a wave that would be prepared with these options, the red ones first.

    A fixed number of queries, of which one walks once over the campaign's entries.
    """
    return [*_red(wave, options, now), *_amber(wave, options, now)]


def red_lines(wave: Wave, options: "Options", *, now: datetime) -> list[str]:
    """What refuses the preparation, in a few short queries."""
    return [line.text for line in _red(wave, options, now)]


def _red(wave: Wave, options: "Options", now: datetime) -> Iterator[Line]:
    campaign = wave.campaign
    if (Draw.objects.filter(campaign=campaign).aggregate(last=Max("number"))["last"] or 0) >= MOST_WAVES:
        yield Line(f"The campaign has committed to {MOST_WAVES} draws, and all are used.", True, "waves")
    busy = Wave.objects.filter(campaign=campaign, status=Wave.Status.PROCESSING).exclude(pk=wave.pk).first()
    if busy is not None:
        yield Line(f"{busy} is under way, and it holds the codes. Trigger it or abandon it first.", True, "waves")
        return
    if not _pools_that_give(campaign, options.code_type).filter(hold=None).exists():
        yield Line(f"There are no free {options.code_type} codes: nobody could get one. Upload some.", True, "codes")
    if _has_bounds(options) and _score_run(campaign) is None:
        words = "Score bounds are set, but no scores were calculated: they count as 0. Leave the bounds empty."
        yield Line(words, True, "scores")
    reading = trigger_time(wave)
    if reading.kind == "skipped":
        words = f"By the zone's present rules {reading.words}. Give the wave another time."
        yield Line(words, True, "time")


def _amber(wave: Wave, options: "Options", now: datetime) -> Iterator[Line]:
    for words, section in (
        *_of_time(wave, now),
        *_of_codes(wave.campaign, options),
        *_of_entries(wave.campaign, options, now),
        *_of_mails(wave),
        *_of_earlier_waves(wave),
    ):
        yield Line(words, False, section)


Warnings = Iterator[tuple[str, str]]


def _of_time(wave: Wave, now: datetime) -> Warnings:
    campaign, reading = wave.campaign, trigger_time(wave)
    if reading.kind in ("first", "second"):
        yield f"Its time comes twice on this day. This one is meant: {reading.words}.", "time"
    elif not reading.kind and changes_near(reading.instant, campaign.zone, within=NEAR_A_CHANGE):
        utc = f"{reading.instant:%H:%M} UTC"
        yield f"The clocks of {campaign.zone.key} change within a day of its time: {reading.clock} is {utc}.", "time"
    if reading.instant <= now:
        then = "it is triggered at once when the preparation ends" if wave.is_automatic else "trigger it by hand"
        yield f"Its time has passed: {then}.", "time"
    if campaign.status == Campaign.Status.OPEN:
        yield "The campaign is still open. Who registers after the freeze is not in this wave.", "dates"


# Codes


def _pools_that_give(campaign: Campaign, code_type: str) -> "QuerySet[CodeRange]":
    """The codes of a type in the pools from which a wave takes them, by the split of their market."""
    concurrent = Q(pool__market__split=Market.Split.CONCURRENT, pool__event__isnull=True)
    sequential = Q(pool__market__split=Market.Split.SEQUENTIAL, pool__event__is_active=True)
    return CodeRange.objects.filter(
        concurrent | sequential,
        pool__campaign=campaign,
        pool__code_type=code_type,
        pool__market__is_active=True,
        is_revoked=False,
    )


def _of_codes(campaign: Campaign, options: "Options") -> Warnings:
    markets = campaign.markets.filter(is_active=True).order_by("number")
    events = dict(
        markets.annotate(dates=Count("events", filter=Q(events__is_active=True))).values_list("code", "dates")
    )
    free = _sums(_pools_that_give(campaign, options.code_type).filter(hold=None))
    given = _sums(
        CodeRange.objects.filter(
            pool__campaign=campaign, hold__kind=Hold.Kind.WAVE, hold__status=Hold.Status.ASSIGNED, is_revoked=False
        )
    )
    limits = options.limits or {}
    found: list[tuple[str, str]] = []
    for market in markets:
        bounds = [limits[market.code]] if market.code in limits else []
        if market.population_limit is not None:
            bounds.append(max(0, market.population_limit - given.get(market.pk, 0)))
        codes, wanted = free.get(market.pk, 0), min(bounds, default=None)
        if not events[market.code]:
            found.append((f"{market.code} has no active event: nobody is drawn for it.", "markets"))
        elif not codes and wanted != 0:
            found.append((f"{market.code} has no free {options.code_type} codes: nobody is drawn for it.", "codes"))
        elif wanted is not None and codes < wanted:
            found.append((f"{market.code} has {_codes(codes)} for {_places(wanted)}.", "codes"))
    yield from found[:MOST_NAMED]
    if len(found) > MOST_NAMED:
        yield f"{len(found) - MOST_NAMED} more markets have too few codes, or no event.", "codes"


def _codes(number: int) -> str:
    return f"{number:,} code{'' if number == 1 else 's'}"


def _places(number: int) -> str:
    return f"{number:,} place{'' if number == 1 else 's'}"


def _sums(ranges: "QuerySet[CodeRange]") -> dict[int, int]:
    """How many codes of some ranges each market has."""
    return dict(ranges.values("pool__market").annotate(codes=Sum(SIZE)).values_list("pool__market", "codes"))


# Entries and scores


def _score_run(campaign: Campaign) -> ScoreRun | None:
    return ScoreRun.objects.filter(campaign=campaign, is_current=True).first()


def _has_bounds(options: "Options") -> bool:
    return options.score_min is not None or options.score_max is not None


@dataclass(frozen=True)
class _Counts:
    entries: int
    unproved: int
    without_phone: int
    pending: int
    after_the_scores: int


def _counted(campaign: Campaign, scored_at: datetime | None) -> _Counts:
    """What there is of entries, in one walk over them."""
    query = """
        SELECT count(*),
            count(*) FILTER (WHERE email_confirmed_at IS NULL),
            count(*) FILTER (WHERE email_confirmed_at IS NOT NULL AND phone_confirmed_at IS NULL),
            count(*) FILTER (WHERE email_confirmed_at IS NOT NULL AND gates_pending AND NOT gates_failed),
            count(*) FILTER (WHERE created_at > %s)
        FROM entries_entry WHERE campaign_id = %s AND withdrawn_at IS NULL AND blocked_at IS NULL
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [scored_at, campaign.pk])
        return _Counts(*cursor.fetchone())


def _of_entries(campaign: Campaign, options: "Options", now: datetime) -> Warnings:
    run = _score_run(campaign)
    counts = _counted(campaign, run.created_at if run is not None else None)
    if not counts.entries:
        yield "Nobody takes part: there is no entry in force.", "entries"
        return

    def of_all(count: int) -> str:
        return f"{count:,} of {counts.entries:,} entries"

    if counts.unproved:
        share = f"{100 * counts.unproved / counts.entries:.0f} %"
        yield f"{of_all(counts.unproved)} ({share}) have not proved their address: they take no part.", "entries"
    if campaign.requires_phone_confirmation and counts.without_phone:
        yield f"{of_all(counts.without_phone)} have not confirmed their phone: they take no part.", "entries"
    if counts.pending:
        yield f"{of_all(counts.pending)} wait for a gate that cannot say: at the freeze this is failed.", "gates"
    if "score" not in options.ranking and not _has_bounds(options):
        return
    if run is None:
        yield "No scores were calculated: all count as 0, so that the lot decides where the score would.", "scores"
        return
    if run.created_at < now - OLD_SCORES:
        yield f"The scores are {(now - run.created_at).days} days old ({run.source}).", "scores"
    if counts.after_the_scores:
        yield f"{of_all(counts.after_the_scores)} came after the scores were calculated: they count as 0.", "scores"


# Mails, and the waves before


def _of_mails(wave: Wave) -> Warnings:
    found = completeness_of(wave.campaign)
    kinds = [("selected", "The mail to those chosen")]
    kinds += [("not_selected", "The mail to those not chosen")] if wave.tells_not_selected else []
    for kind, words in kinds:
        parts = [Item("Mails", f"{kind}_{part}", "") for part in ("subject", "body")]
        lacking = [
            locale.code for locale in found.locales if any(found.state(locale.code, part) != OWN for part in parts)
        ]
        if lacking:
            where = ", ".join(lacking[:MOST_NAMED]) + (", …" if len(lacking) > MOST_NAMED else "")
            default = wave.campaign.default_locale_id
            yield (
                f"{words} is not complete in {where}: the words of {default} go out there, or ours where it has none.",
                "content",
            )
    if not settings.MAIL_URL and not settings.DEVELOPMENT:
        yield "No mail server is set (MAIL_URL): mails are written into a folder and reach nobody.", "time"


def _of_earlier_waves(wave: Wave) -> Warnings:
    sending = Notification.objects.filter(wave__campaign=wave.campaign_id).exclude(status__in=Job.ENDED)
    for notification in sending.exclude(wave=wave.pk).select_related("wave").order_by("created_at")[:MOST_NAMED]:
        yield f"{notification.wave} is still sending its mails.", "waves"
