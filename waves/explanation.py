"""What happened to an entry in each wave, and why: read from its assignment, the snapshot and the cut-offs.
And the code that somebody gave it by hand.
"""

from collections.abc import Iterable, Mapping, Sequence
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
from waves.draw import Cutoff
from waves.models import Draw, MarketOutcome, Wave
from waves.rules import Rules

AFTER_FREEZE = "after_freeze"
PLACED = "placed"
MARKETS_FULL = "markets_full"


@dataclass(frozen=True)
class Named:
    """A market that an entry named in a wave: which choice it was, and who came before her where it filled.

    ``full_by`` is the first criterion by which the last who got in was before her, ``choice``, ``tier`` or ``ticket``;
    ``no_places`` where there were none; empty where the market was not full for her.
    """

    market: Market
    choice: int
    places: int
    cutoff: Cutoff | None
    full_by: str


@dataclass(frozen=True)
class Explanation:
    """What a draw made of one entry, with all that decided it.

    ``result`` is ``placed``, ``markets_full``, a reason of the snapshot, or ``after_freeze`` where the entry came after
    the freeze; ``hidden_reason`` says what stands behind the snapshot's ``excluded``, for support alone. ``ticket`` has
    16 hex digits, and is empty where the entry was not drawn. A place that was voided has its assignment all the same.
    """

    draw: Draw
    result: str
    hidden_reason: str = ""
    tier: int = 0
    ticket: str = ""
    ranking: tuple[str, ...] = ()
    named: tuple[Named, ...] = ()
    assignment: Assignment | None = None

    @property
    def full(self) -> tuple[Named, ...]:
        """The markets that had no place left for her, in her order."""
        return tuple(named for named in self.named if named.full_by)


@dataclass(frozen=True)
class Outcome:
    """One entry's result in one triggered wave. ``code`` is empty where it is not to be shown on the page.

    ``reason`` is empty for a selected entry; else a reason of the snapshot, ``markets_full``, ``after_freeze``,
    ``voided`` or ``taken_back``. A code that was given by hand is of no wave, and has neither choice nor position.
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
    voided_because: str = ""
    """Why the place was voided: ``withdrawn``, ``excluded`` or ``erased``."""
    full_markets: list[Market] = field(default_factory=list)
    why: Explanation | None = None
    """What decided it, where the entry was drawn and got no place."""

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
    found = list(_given(entry, published))
    draws = triggered_draws(entry.campaign_id)
    assignments = _assignments_in(draws, entry)
    waves = {assignment: draw.wave for draw in draws if (assignment := assignments.get(draw.pk)) is not None}
    selected = _outcomes_of(waves, published)
    missed = [draw for draw in draws if draw.pk not in assignments]
    reasons = {why.draw.pk: why for why in _explain(missed, entry.ref, {}, with_hidden=False)}
    for draw in draws:
        if draw.pk in assignments:
            found.append(selected[assignments[draw.pk]])
        elif (outcome := _not_selected(reasons[draw.pk], entry)) is not None:
            found.append(outcome)
    return [_as_shown(outcome, published, is_signed_in=is_signed_in) for outcome in found]


def explain(entry: Entry, *, wave: Wave | None = None) -> list[Explanation]:
    """Why each triggered wave, or this one, made of an entry what it did, the newest first; all of it, for support.

    In five queries, and at most two short reads from storage a wave. Before the trigger nothing is told to anybody.
    """
    draws = triggered_draws(entry.campaign_id, wave)
    return list(_explain(draws, entry.ref, _assignments_in(draws, entry), with_hidden=True))


def triggered_draws(campaign_id: int, wave: Wave | None = None) -> list[Draw]:
    """The draws of a campaign's triggered waves, or of this one if it was triggered, the newest first."""
    draws = Draw.objects.filter(campaign=campaign_id, wave__triggered_at__isnull=False)
    if wave is not None:
        draws = draws.filter(wave=wave)
    return list(
        draws.select_related("wave__campaign", "wave__prep", "campaign__draw_secrets")
        .defer("voided")
        .order_by("-wave__triggered_at", "-wave")
    )


def _assignments_in(draws: Sequence[Draw], entry: Entry) -> dict[int, Assignment]:
    """An entry's assignments, by the draw that they come from."""
    draw_of_hold = {draw.wave.prep.hold_id: draw.pk for draw in draws}
    rows = _assignments().filter(entry_id=entry.pk, hold__in=list(draw_of_hold))
    return {draw_of_hold[assignment.hold_id]: assignment for assignment in rows}


def _explain(
    draws: Sequence[Draw], ref: str, assignments: Mapping[int, Assignment], *, with_hidden: bool
) -> Iterable[Explanation]:
    markets: dict[int, dict[str, MarketOutcome]] = {draw.pk: {} for draw in draws}
    for row in MarketOutcome.objects.filter(draw__in=draws).select_related("market__venue"):
        markets[row.draw_id][row.market.code] = row
    for draw in draws:
        yield _explain_one(draw, ref, assignments.get(draw.pk), markets[draw.pk], with_hidden=with_hidden)


def _explain_one(
    draw: Draw, ref: str, assignment: Assignment | None, markets: Mapping[str, MarketOutcome], *, with_hidden: bool
) -> Explanation:
    try:
        line = proof.line_of(draw, ref)
    except LookupError:
        return Explanation(draw=draw, result=AFTER_FREEZE)
    if line.reason:
        known = proof.hidden_reason_of(draw, ref) if with_hidden and line.reason == "excluded" else ""
        return Explanation(draw=draw, result=line.reason, hidden_reason=known, tier=line.tier)
    ticket = proof.ticket_of(draw, ref)
    ranking = Rules.from_json(bytes(draw.rules)).ranking
    named = []
    for choice, code in enumerate(line.choices, start=1):
        row, full_by = markets[code], ""
        # Behind her own place the walk down the list never looked at her again.
        if assignment is None or choice < (assignment.choice or 0):
            own = Cutoff(choice=choice, tier=line.tier, ticket=int(ticket, 16), ref=ref)
            full_by = _full_by(own, row, ranking)
        named.append(
            Named(market=row.market, choice=choice, places=row.places, cutoff=_cutoff_of(row), full_by=full_by)
        )
    return Explanation(
        draw=draw,
        result=MARKETS_FULL if assignment is None else PLACED,
        tier=line.tier,
        ticket=ticket,
        ranking=ranking,
        named=tuple(named),
        assignment=assignment,
    )


def _cutoff_of(row: MarketOutcome) -> Cutoff | None:
    stored = row.cutoff
    if stored is None:
        return None
    return Cutoff(
        choice=stored["choice"], tier=stored["tier"], ticket=int(stored["ticket"], 16), ref=str(stored["ref"])
    )


def _full_by(own: Cutoff, row: MarketOutcome, ranking: Sequence[str]) -> str:
    """By what the last who got in came before her; nothing where she came first, or where the market did not fill."""
    if not row.places:
        return "no_places"
    last = _cutoff_of(row)
    if last is None or own.sort_key(ranking) <= last.sort_key(ranking):
        return ""
    attributes = ("choice" if criterion == "preference" else "tier" for criterion in ranking)
    return next((name for name in attributes if getattr(own, name) != getattr(last, name)), "ticket")


def _as_shown(outcome: Outcome, published: Published, *, is_signed_in: bool) -> Outcome:
    if outcome.is_tied:
        return outcome if is_signed_in else outcome.without_code()
    return outcome if published.campaign.show_access_code else outcome.without_code()


def _given(entry: Entry, published: Published) -> Sequence[Outcome]:
    """The codes in force that were given by hand, a type each."""
    holds = Hold.objects.filter(campaign=entry.campaign_id, kind=Hold.Kind.HAND).values("pk")
    assignments = _assignments().filter(entry_id=entry.pk, hold__in=holds, voided="")
    return list(_outcomes_of(dict.fromkeys(assignments.order_by("hold", "code")), published).values())


def outcomes_in_wave(wave: Wave, entry_ids: Sequence[int], published: Published) -> Mapping[int, Outcome]:
    """The results of those of the entries whom a triggered wave chose, by entry id, in two queries."""
    assignments = _assignments().filter(entry_id__in=entry_ids, hold__wave_prep__wave=wave).order_by("entry_id")
    found = _outcomes_of(dict.fromkeys(assignments, wave), published)
    return {assignment.entry_id: outcome for assignment, outcome in found.items()}


def outcome_of(assignment: Assignment, wave: Wave | None, published: Published) -> Outcome:
    """What one assignment gives its fan."""
    return _outcomes_of({assignment: wave}, published)[assignment]


def _assignments() -> QuerySet[Assignment]:
    return Assignment.objects.select_related("code", "market__venue", "event")


def _outcomes_of(waves: Mapping[Assignment, Wave | None], published: Published) -> dict[Assignment, Outcome]:
    """What assignments give their fans, each beside the wave that it comes from."""
    pools = Pool.objects.in_bulk({assignment.code_id // POOL_SPAN for assignment in waves})
    return {
        assignment: _selected(wave, assignment, pools.get(assignment.code_id // POOL_SPAN), published)
        for assignment, wave in waves.items()
    }


def _selected(wave: Wave | None, assignment: Assignment, pool: Pool | None, published: Published) -> Outcome:
    if assignment.voided:
        if assignment.voided == "taken_back":
            return Outcome(wave=wave, is_selected=False, reason="taken_back")
        return Outcome(wave=wave, is_selected=False, reason="voided", voided_because=assignment.voided)
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


def _not_selected(why: Explanation, entry: Entry) -> Outcome | None:
    """What a fan is told of a wave that did not choose her; nothing of one that was over before she registered."""
    wave = why.draw.wave
    if why.result == AFTER_FREEZE and wave.triggered_at is not None and entry.created_at > wave.triggered_at:
        return None
    return not_selected(wave, why.result, [(named.market, named.places) for named in why.named], why=why)


def not_selected(
    wave: Wave, result: str, named: Iterable[tuple[Market, int]], *, why: Explanation | None = None
) -> Outcome:
    """What a fan is told who was not chosen: a reason of the snapshot, or which of her markets were full.

    :param named: the markets that she named, each with its places; what had none was never full.
    """
    if result != MARKETS_FULL:
        return Outcome(wave=wave, is_selected=False, reason=result)
    full = [market for market, places in named if places]
    return Outcome(wave=wave, is_selected=False, reason=MARKETS_FULL, full_markets=full, why=why)
