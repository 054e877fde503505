"""One campaign is one place: its sections with their sizes, and what comes next in it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.urls import reverse

from campaigns import readiness
from campaigns.admin_pages import overview
from campaigns.admin_pages.overview import NextStep, Overview
from campaigns.models import Campaign, Content, Field, Gate, Market
from codes.models import Pool
from core.admin_times import until
from core.estimates import counts_by_key
from core.models import Job
from entries.models import Entry
from exports.models import Export
from viewers.models import Approval
from viewers.permissions import Action
from waves.models import Wave, WavePrep

Status = Campaign.Status


WITHOUT_FANLISTS = ("markets", "codes", "waves")
"""Sections that a fanlist has no use for: it has no codes, and its fans choose no cities."""


@dataclass(frozen=True)
class Section:
    """One section of a campaign's page, and the right that it asks."""

    key: str
    title: str
    size: str
    link: str
    right: str = Action.VIEW


@dataclass(frozen=True)
class Mend:
    """A line of the readiness list with the link that mends it."""

    text: str
    is_red: bool
    link: str


def list_of(model: str, campaign: Campaign, field: str = "campaign", **extra: object) -> str:
    """A model's list, kept to one campaign."""
    return f"{reverse(f'admin:{model}_changelist')}?{urlencode({field: campaign.pk, **extra})}"


def page_of(campaign: Campaign) -> str:
    """The campaign's own page."""
    return reverse("admin:campaigns_campaign_change", args=[campaign.pk])


class _Rows(Subquery):
    """How many rows a subquery has."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS _rows)"


def _rows(
    queryset: "QuerySet[Content] | QuerySet[Market] | QuerySet[Field] | QuerySet[Wave] | QuerySet[Export]"
    " | QuerySet[Approval] | QuerySet[Gate]",
) -> _Rows:
    return _Rows(queryset.filter(campaign=OuterRef("pk")).order_by().values("pk"))


def sizes_of(campaign: Campaign) -> Mapping[str, Any]:
    """How much there is in each section of a campaign, in one query."""
    through = Campaign.locales.through._default_manager.filter(campaign=OuterRef("pk")).values("pk")
    return (
        Campaign.objects.filter(pk=campaign.pk)
        .annotate(
            market_rows=_rows(Market.objects.all()),
            field_rows=_rows(Field.objects.all()),
            gate_rows=_rows(Gate.objects.all()),
            content_rows=_rows(Content.objects.all()),
            locale_rows=_Rows(through),
            wave_rows=_rows(Wave.objects.all()),
            export_rows=_rows(Export.objects.all()),
            waiting_rows=_rows(Approval.objects.filter(status=Approval.Status.WAITING)),
            code_rows=Coalesce(
                Subquery(
                    Pool.objects.filter(campaign=OuterRef("pk"))
                    .order_by()
                    .values("campaign")
                    .annotate(codes=Sum("size"))
                    .values("codes")
                ),
                0,
            ),
        )
        .values()
        .get()
    )


def sections_of(campaign: Campaign, sizes: Mapping[str, Any], entries: str) -> list[Section]:
    """The strip of sections."""
    found = [
        Section("setup", "Set-up", "", page_of(campaign)),
        Section("markets", "Markets", f"{sizes['market_rows']}", list_of("campaigns_market", campaign)),
        Section("form", "Form", f"{sizes['field_rows']}", list_of("campaigns_field", campaign)),
        Section("gates", "Gates", f"{sizes['gate_rows']}", list_of("campaigns_gate", campaign)),
        Section(
            "content",
            "Content",
            f"{sizes['content_rows']}/{max(sizes['locale_rows'], 1)} locales",
            list_of("campaigns_content", campaign),
        ),
        Section("entries", "Entries", entries, list_of("entries_entry", campaign)),
        Section("codes", "Codes", f"{sizes['code_rows']:,}", list_of("codes_pool", campaign)),
        Section("waves", "Waves", f"{sizes['wave_rows']}", list_of("waves_wave", campaign)),
        Section("exports", "Exports", f"{sizes['export_rows']}", list_of("exports_export", campaign), Action.EXPORT),
        Section("access", "Access", "", list_of("viewers_grant", campaign)),
        *_approvals_of(campaign, sizes),
        Section("history", "History", "", list_of("core_auditevent", campaign, "campaign_id")),
    ]
    is_fanlist = campaign.type == Campaign.Type.FANLIST
    return [section for section in found if not (is_fanlist and section.key in WITHOUT_FANLISTS)]


def _approvals_of(campaign: Campaign, sizes: Mapping[str, Any]) -> list[Section]:
    """What waits for a second person, where the campaign wants one."""
    if not campaign.needs_second_person:
        return []
    link = list_of("viewers_approval", campaign)
    return [Section("approvals", "Four eyes", f"{sizes['waiting_rows'] or ''}", link)]


def readiness_of(campaign: Campaign, now: datetime) -> list[Mend]:
    """What is missing, the red lines first, each with the section that mends it."""
    links = {
        "dates": f"{page_of(campaign)}#id_open_at_0",
        "promoter": f"{page_of(campaign)}#id_promoter",
        "privacy": _promoter_of(campaign),
        "markets": list_of("campaigns_market", campaign),
        "content": list_of("campaigns_content", campaign),
        "form": list_of("campaigns_field", campaign),
        "gates": list_of("campaigns_gate", campaign),
        "codes": list_of("codes_pool", campaign),
        "waves": list_of("waves_wave", campaign),
    }
    return [
        Mend(line.text, line.is_red, links.get(line.section, page_of(campaign)))
        for line in readiness.lines(campaign, now=now)
    ]


def _promoter_of(campaign: Campaign) -> str:
    if campaign.promoter_id is None:
        return page_of(campaign)
    return reverse("admin:campaigns_promoter_change", args=[campaign.promoter_id])


def overviews(
    campaigns: Sequence[Campaign], now: datetime, *, stocked: Collection[int] | None = None
) -> Mapping[int, Overview]:
    """How many entries each campaign has and what comes next, in at most four queries.

    ``stocked`` are the campaigns that have codes, where the caller knows already.
    """
    keys = [campaign.pk for campaign in campaigns]
    entries = counts_by_key(Entry, "campaign_id", keys)
    waves: dict[int, list[Wave]] = {}
    for wave in Wave.objects.filter(campaign__in=keys).select_related("prep").order_by("date_key", "pk"):
        waves.setdefault(wave.campaign_id, []).append(wave)
    if stocked is None:
        stocked = set(Pool.objects.filter(campaign__in=keys, size__gt=0).values_list("campaign", flat=True))
    return {
        campaign.pk: Overview(
            entries=str(entries[campaign.pk]),
            next_step=next_step(campaign, waves.get(campaign.pk, []), has_codes=campaign.pk in stocked, now=now),
        )
        for campaign in campaigns
    }


overview.register(overviews)


def next_step(campaign: Campaign, waves: Sequence[Wave], *, has_codes: bool, now: datetime) -> NextStep:
    """The one thing that comes next in a campaign."""
    if campaign.status == Status.FINISHED:
        return NextStep("Nothing: it is over.")
    if campaign.status == Status.NOT_STARTED:
        return _before_opening(campaign, now)
    return _of_wave(waves) or _between_waves(campaign, waves, has_codes=has_codes, now=now)


def _before_opening(campaign: Campaign, now: datetime) -> NextStep:
    page = page_of(campaign)
    if campaign.type == Campaign.Type.REGISTRATION and campaign.open_at is None:
        return NextStep("Set when it opens and closes.", f"{page}#id_open_at_0")
    if not campaign.is_released or campaign.open_at is None:
        return NextStep("See what is missing, then open it or release it for the clock.", page)
    if campaign.open_at > now:
        return NextStep(f"It opens by itself {until(campaign.open_at, now)}, if nothing is missing then.", page)
    return NextStep("It should be open: see what keeps it.", page)


def ready_step(campaign: Campaign) -> NextStep:
    """The next step of a campaign that lacks nothing for its opening and was not released."""
    return NextStep("Open it, or release it for the clock.", page_of(campaign))


def _of_wave(waves: Sequence[Wave]) -> NextStep | None:
    """What a wave that is under way asks for."""
    for wave in waves:
        link = reverse("admin:waves_wave_change", args=[wave.pk])
        if wave.status == Wave.Status.TRIGGERED:
            return NextStep(f"{wave} is being completed.", link)
        if wave.status != Wave.Status.PROCESSING:
            continue
        prep = getattr(wave, "prep", None)
        if isinstance(prep, WavePrep) and prep.status == Job.Status.FINISHED:
            then = "before the clock triggers it" if wave.is_automatic else "and trigger it"
            return NextStep(f"{wave} is prepared: look at it {then}.", link)
        if isinstance(prep, WavePrep) and prep.status == Job.Status.WAITING:
            return NextStep(f"Enter the public value of {wave}.", link)
        return NextStep(f"{wave} is being prepared.", link)
    return None


def _between_waves(campaign: Campaign, waves: Sequence[Wave], *, has_codes: bool, now: datetime) -> NextStep:
    if campaign.type == Campaign.Type.FANLIST:
        return NextStep("It collects fans; there is nothing to do.")
    if not has_codes:
        return NextStep("Upload codes: there are none for a wave yet.", list_of("codes_pool", campaign))
    if campaign.status == Status.OPEN:
        if campaign.close_at is None:
            return NextStep("Set when it closes.", f"{page_of(campaign)}#id_close_at_0")
        return NextStep(f"It closes by itself {until(campaign.close_at, now)}; then comes the first wave.")
    for wave in waves:
        if wave.status == Wave.Status.SCHEDULED:
            return NextStep(f"Prepare {wave}.", reverse("admin:waves_wave_change", args=[wave.pk]))
    add = f"{reverse('admin:waves_wave_add')}?campaign={campaign.pk}"
    if not any(wave.status == Wave.Status.COMPLETED for wave in waves):
        return NextStep("Schedule the first wave.", add)
    return NextStep("Schedule another wave, or finish the campaign.", add)
