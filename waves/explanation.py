"""What happened to an entry in each wave, and why: read from its assignment, the snapshot and the cut-offs.
And the code that somebody gave it by hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils import formats

from campaigns.models import Event, Market
from campaigns.published import Published
from codes.models import POOL_SPAN, Assignment, Hold, Pool
from codes.presale import window_of
from entries.models import Entry
from waves import proof
from waves.models import Wave


@dataclass(frozen=True)
class Outcome:
    """One entry's result in one triggered wave. ``code`` is empty where it is not to be shown on the page.

    ``reason`` is empty for a selected entry; else a reason of the snapshot, ``markets_full``, ``voided`` or
    ``taken_back``. A code that was given by hand is of no wave, and has neither choice nor position.
    """

    wave: Wave | None
    is_selected: bool
    market: Market | None = None
    event: Event | None = None
    choice: int = 0
    position: int = 0
    code: str = ""
    is_tied: bool = False
    """Whether the code is shown to nobody but her account, so that no mail has it."""
    link: str = ""
    presale_start_at: datetime | None = None
    presale_end_at: datetime | None = None
    reason: str = ""
    full_markets: list[Market] = field(default_factory=list)

    @property
    def key(self) -> int:
        """Tells the outcomes of one entry apart."""
        return self.wave.pk if self.wave is not None else 0

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which the presale's times are read: the venue's, else the campaign's."""
        if self.market is not None:
            return ZoneInfo(self.market.venue.timezone)
        return self.wave.campaign.zone if self.wave is not None else ZoneInfo("UTC")

    @property
    def presale_text(self) -> str:
        """The presale window in the venue's time and the active language, with the zone's name."""
        times = [
            formats.date_format(instant.astimezone(self.zone), "DATETIME_FORMAT")
            for instant in (self.presale_start_at, self.presale_end_at)
            if instant is not None
        ]
        return f"{' – '.join(times)} ({self.zone.key})" if times else ""

    def without_code(self) -> "Outcome":
        """The same for a place where the code is not to be shown."""
        return replace(self, code="")


def outcomes(entry: Entry, published: Published, *, is_signed_in: bool = False) -> list[Outcome]:
    """What an entry has: the code given by hand, then its results in all triggered waves, the newest first.

    A code that is tied to an account, where the campaign knows fans by one, stays hidden unless the fan has signed in
    with it. Otherwise the campaign says whether a page shows codes, or the mail alone has them.
    """
    waves = (
        Wave.objects.filter(campaign=entry.campaign_id, triggered_at__isnull=False)
        .select_related("campaign", "draw")
        .order_by("-triggered_at", "-pk")
    )
    found = list(_given(entry, published))
    for wave in waves:
        selected = outcomes_in_wave(wave, [entry.pk], published).get(entry.pk)
        outcome = selected or _why_not(wave, entry, published)
        if outcome is not None:
            found.append(outcome)
    return [_as_shown(outcome, published, is_signed_in=is_signed_in) for outcome in found]


def _as_shown(outcome: Outcome, published: Published, *, is_signed_in: bool) -> Outcome:
    if outcome.is_tied:
        return outcome if is_signed_in else outcome.without_code()
    return outcome if published.campaign.show_access_code else outcome.without_code()


def _given(entry: Entry, published: Published) -> Sequence[Outcome]:
    """The codes in force that were given by hand, a type each."""
    holds = Hold.objects.filter(campaign=entry.campaign_id, kind=Hold.Kind.HAND).values("pk")
    assignments = _assignments().filter(entry_id=entry.pk, hold__in=holds, voided="")
    return list(_outcomes_of(list(assignments.order_by("hold", "code")), None, published).values())


def outcomes_in_wave(wave: Wave, entry_ids: Sequence[int], published: Published) -> Mapping[int, Outcome]:
    """The results of those of the entries whom a triggered wave chose, by entry id, in two queries."""
    assignments = _assignments().filter(entry_id__in=entry_ids, hold__wave_prep__wave=wave).order_by("entry_id")
    found = _outcomes_of(list(assignments), wave, published)
    return {assignment.entry_id: outcome for assignment, outcome in found.items()}


def outcome_of(assignment: Assignment, wave: Wave | None, published: Published) -> Outcome:
    """What one assignment gives its fan."""
    return _outcomes_of([assignment], wave, published)[assignment]


def _assignments() -> QuerySet[Assignment]:
    return Assignment.objects.select_related("code", "market__venue", "event")


def _outcomes_of(
    assignments: Sequence[Assignment], wave: Wave | None, published: Published
) -> dict[Assignment, Outcome]:
    pools = Pool.objects.in_bulk({assignment.code_id // POOL_SPAN for assignment in assignments})
    return {
        assignment: _selected(wave, assignment, pools.get(assignment.code_id // POOL_SPAN), published)
        for assignment in assignments
    }


def _selected(wave: Wave | None, assignment: Assignment, pool: Pool | None, published: Published) -> Outcome:
    if assignment.voided:
        reason = "taken_back" if assignment.voided == "taken_back" else "voided"
        return Outcome(wave=wave, is_selected=False, reason=reason)
    campaign = published.campaign
    event, market = assignment.event, assignment.market
    start, end = window_of(pool, event, campaign)
    return Outcome(
        wave=wave,
        is_selected=True,
        market=market,
        event=event,
        choice=assignment.choice or 0,
        position=assignment.position or 0,
        code=assignment.code.value,
        is_tied=pool is not None and pool.is_tied_to_account and campaign.is_by_account,
        link=(event.link if event is not None else "") or market.link,
        presale_start_at=start,
        presale_end_at=end,
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
