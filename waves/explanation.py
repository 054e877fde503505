"""What happened to an entry in each wave, and why: read from its assignment, the snapshot and the cut-offs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils import formats

from campaigns.models import Event, Market
from campaigns.published import Published
from codes.models import Assignment
from entries.models import Entry
from waves import proof
from waves.models import Wave


@dataclass(frozen=True)
class Outcome:
    """One entry's result in one triggered wave. ``code`` is empty where it is not to be shown on the page.

    ``reason`` is empty for a selected entry; else a reason of the snapshot, ``markets_full`` or ``voided``.
    """

    wave: Wave
    is_selected: bool
    market: Market | None = None
    event: Event | None = None
    choice: int = 0
    position: int = 0
    code: str = ""
    link: str = ""
    presale_start_at: datetime | None = None
    presale_end_at: datetime | None = None
    reason: str = ""
    full_markets: list[Market] = field(default_factory=list)

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which the presale's times are read: the venue's, else the campaign's."""
        return ZoneInfo(self.market.venue.timezone) if self.market else self.wave.campaign.zone

    @property
    def presale_text(self) -> str:
        """The presale window in the venue's time and the active language, with the zone's name."""
        times = [
            formats.date_format(instant.astimezone(self.zone), "DATETIME_FORMAT")
            for instant in (self.presale_start_at, self.presale_end_at)
            if instant is not None
        ]
        return f"{' – '.join(times)} ({self.zone.key})" if times else ""


def outcomes(entry: Entry, published: Published) -> list[Outcome]:
    """An entry's results in all triggered waves of its campaign, the newest first."""
    waves = (
        Wave.objects.filter(campaign=entry.campaign_id, triggered_at__isnull=False)
        .select_related("campaign", "draw")
        .order_by("-triggered_at", "-pk")
    )
    found = []
    for wave in waves:
        selected = outcomes_in_wave(wave, [entry.pk], published).get(entry.pk)
        outcome = selected or _why_not(wave, entry, published)
        if outcome is not None and not published.campaign.show_access_code:
            outcome = replace(outcome, code="")  # Her mail alone has it.
        if outcome is not None:
            found.append(outcome)
    return found


def outcomes_in_wave(wave: Wave, entry_ids: Sequence[int], published: Published) -> Mapping[int, Outcome]:
    """The results of those of the entries whom a triggered wave chose, by entry id, in one query."""
    assignments = (
        Assignment.objects.filter(entry_id__in=entry_ids, hold__wave_prep__wave=wave)
        .select_related("code", "market__venue", "event")
        .order_by("entry_id")
    )
    return {assignment.entry_id: _selected(wave, assignment, published) for assignment in assignments}


def _selected(wave: Wave, assignment: Assignment, published: Published) -> Outcome:
    if assignment.voided:
        return Outcome(wave=wave, is_selected=False, reason="voided")
    campaign = published.campaign
    event, market = assignment.event, assignment.market
    start = event.presale_at if event is not None and event.presale_at else campaign.presale_window_start_at
    return Outcome(
        wave=wave,
        is_selected=True,
        market=market,
        event=event,
        choice=assignment.choice,
        position=assignment.position,
        code=assignment.code.value,
        link=(event.link if event is not None else "") or market.link,
        presale_start_at=start,
        presale_end_at=campaign.presale_window_end_at,
    )


def _why_not(wave: Wave, entry: Entry, published: Published) -> Outcome | None:
    """Why a wave did not choose an entry; nothing where the entry came after its freeze."""
    try:
        line = proof.line_of(wave.draw, entry.ref)
    except LookupError:
        return None
    if line.reason:
        return Outcome(wave=wave, is_selected=False, reason=line.reason)
    full = [published.market_of_code[code] for code in line.choices if code in published.market_of_code]
    return Outcome(wave=wave, is_selected=False, reason="markets_full", full_markets=full)
