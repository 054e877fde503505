"""The freeze: one consistent read of every entry, made into the snapshot that never changes (spec: step 2).

The plan (markets, places, bounds) and the entries are read in one repeatable-read transaction. The files are stored
under a name of their own before the draw's row is made; the row's commit is the freeze.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone
from numpy.typing import NDArray

from campaigns.models import Campaign, Event, Market
from codes import holding
from codes.models import Assignment, Hold
from core import VERSION, audit, storage
from core.bulk import copy_out_binary
from core.jobs import Claim, PermanentFailure
from entries.gates import stop_asking_when
from entries.models import ScoreRun
from viewers.viewer import WORKER
from waves.audience import gather, join
from waves.models import MOST_WAVES, Draw, Wave, WavePrep
from waves.rules import EventRules, MarketRules, Rules
from waves.snapshot import Snapshot
from waves.snapshot_rows import KNOWN_REASONS, Gathering
from waves.snapshot_writer import BlockIndex, FrozenSnapshot, SnapshotWriter

SOFTWARE = f"monoql {VERSION}"
ROWS_A_PIECE = 1 << 13
"""With twice as many, 350,000 entries take more memory than a wave may."""
JOIN_MEMORY = "64MB"
"""The scores of a million entries are then joined without files on the database's disk."""


@dataclass(frozen=True)
class Plan:
    """What the snapshot and the rules are made from: the wave's markets, their places, the campaign's last wave."""

    markets: tuple[Market, ...]
    places: dict[str, MarketRules]
    previous: Draw | None
    requires_phone: bool
    score_run_id: int | None
    has_assignments: bool
    is_open: bool = False
    """Whether fans could still register at this moment; the draw's page says so."""


@dataclass(frozen=True)
class FrozenEntries:
    """The entries of a snapshot as the draw needs them, and their ids in the same order."""

    snapshot: Snapshot
    ids: NDArray[np.int64]


@dataclass(frozen=True)
class Frozen:
    """The freeze's files and counts, before the draw's row is made."""

    plan: Plan
    snapshot: FrozenSnapshot
    entries: FrozenEntries
    hidden: BlockIndex
    reasons: dict[str, int]
    frozen_at: datetime
    prefix: str


def freeze(claim: Claim[WavePrep], *, folder: Path, now: datetime) -> tuple[Draw, FrozenEntries]:
    """Freeze the wave once: read, store, and make its draw with the campaign's next number.

    The entries are given with it, so that who goes on at once need not read back what was just written.

    :raises PermanentFailure: the campaign has used all its numbers, or never opened.
    """
    wave = claim.job.wave
    frozen = _read(claim, folder=folder, now=now)
    _store(frozen, folder)
    with claim.transaction():
        campaign = Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=wave.campaign_id)
        number = campaign.draws.count() + 1
        if number > MOST_WAVES:
            raise PermanentFailure(f"The campaign has committed to {MOST_WAVES} draws, and all are used.")
        rules = _rules(campaign, wave, claim.job, frozen.plan, number).to_json()
        draw = Draw.objects.create(
            wave=wave,
            campaign=campaign,
            number=number,
            rules=rules,
            rules_sha256=hashlib.sha256(rules).hexdigest(),
            snapshot_sha256=frozen.snapshot.sha256,
            root=frozen.snapshot.tree.root.hex(),
            entries=frozen.snapshot.entries,
            eligible=frozen.snapshot.entries - sum(frozen.reasons.values()),
            reasons=frozen.reasons,
            frozen_at=frozen.frozen_at,
            frozen_while_open=frozen.plan.is_open,
            software=SOFTWARE,
            storage_prefix=frozen.prefix,
            public_value=None if claim.job.public_source else "",
        )
        fixed = {name: getattr(draw, name) for name in ("number", "root", "rules_sha256", "entries", "eligible")}
        audit.record(
            actor=WORKER,
            action="wave.freeze",
            target=wave,
            campaign_id=campaign.pk,
            changes={name: [None, value] for name, value in fixed.items()},
            now=timezone.now(),
        )
    return draw, frozen.entries


@contextmanager
def _one_moment(prep: WavePrep, folder: Path) -> Iterator[None]:
    """A transaction that sees one moment of the database, however long it reads."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            # It reads whole tables. Right after a bulk load, before the first ANALYZE, the planner believes that they
            # are small and joins row by row: half a million entries then took over ten minutes instead of seconds.
            cursor.execute("SET LOCAL enable_nestloop = off")
            cursor.execute(f"SET LOCAL work_mem = '{JOIN_MEMORY}'")
            gather(prep, folder)  # A table of its own, which is gone with the transaction; all else is only read.
            cursor.execute("SET TRANSACTION READ ONLY")
        yield


def _read(claim: Claim[WavePrep], *, folder: Path, now: datetime) -> Frozen:
    prep = claim.job
    with _one_moment(prep, folder):
        plan = make_plan(prep)
        gathering = Gathering({market.code: market.number for market in plan.markets})
        read = 0
        for rows in copy_out_binary(*_entries_query(prep, plan), rows_a_piece=ROWS_A_PIECE):
            gathering.add(rows)
            read += len(rows)
            claim.progress(read)
    gathered = gathering.finish()
    with (folder / "snapshot.csv").open("wb") as file:
        writer = SnapshotWriter(file)
        writer.write_all(gathered.snapshot, progress=lambda _: claim.check())
        frozen = writer.finish()
    with (folder / "reasons.csv").open("wb") as file:
        hidden = gathered.write_hidden(file)
    gathered.ids.tofile(folder / "entry_ids")
    return Frozen(
        plan=plan,
        snapshot=frozen,
        entries=FrozenEntries(snapshot=replace(gathered.snapshot, sha256=frozen.sha256), ids=gathered.ids),
        hidden=hidden,
        reasons=gathered.reason_counts(),
        frozen_at=now,
        prefix=f"draws/{prep.wave.campaign.public_id}/{prep.wave_id}-{claim.fence}/",
    )


def _store(frozen: Frozen, folder: Path) -> None:
    for name in ("snapshot.csv", "reasons.csv", "entry_ids"):
        storage.put_path(frozen.prefix + name, folder / name)
    storage.put(frozen.prefix + "tree", frozen.snapshot.tree.dump())
    storage.put(frozen.prefix + "blocks", frozen.snapshot.blocks.dump())
    storage.put(frozen.prefix + "reason_blocks", frozen.hidden.dump())


def make_plan(prep: WavePrep) -> Plan:
    """The wave's markets with their places after every cut, as they stand at this moment."""
    campaign = prep.wave.campaign
    markets = tuple(campaign.markets.filter(is_active=True).order_by("code").prefetch_related("events"))
    active = {market.pk: _active_events(market) for market in markets}
    markets = tuple(market for market in markets if active[market.pk])
    available = holding.held(prep.hold) if prep.hold else {}
    taken = dict(
        Assignment.objects.filter(hold__in=_assigned_holds(campaign, Hold.Kind.WAVE), voided="")
        .values_list("market_id")
        .annotate(codes=Count("pk"))
    )
    sizes = {key: sum(last - first + 1 for first, last in parts) for key, parts in available.items()}
    return Plan(
        markets=markets,
        places={
            market.code: market_rules(
                market, active[market.pk], sizes, taken.get(market.pk, 0), prep.limits.get(market.code)
            )
            for market in markets
        },
        previous=Draw.objects.filter(campaign=campaign, wave__triggered_at__isnull=False).order_by("-number").first(),
        requires_phone=campaign.requires_phone_confirmation,
        score_run_id=ScoreRun.objects.filter(campaign=campaign, is_current=True).values_list("pk", flat=True).first(),
        has_assignments=bool(_assigned_holds(campaign)),
        is_open=Campaign.objects.filter(pk=campaign.pk, status=Campaign.Status.OPEN).exists(),
    )


def _assigned_holds(campaign: Campaign, *kinds: Hold.Kind) -> list[int]:
    """The holds whose codes fans have. A code given by hand takes nobody's place in the population limit of a market,
    but whoever has one has been selected.
    """
    rows = campaign.holds.filter(status=Hold.Status.ASSIGNED)
    return list((rows.filter(kind__in=kinds) if kinds else rows).values_list("pk", flat=True))


def _active_events(market: Market) -> list[Event]:
    return sorted((event for event in market.events.all() if event.is_active), key=lambda event: event.number)


def market_rules(
    market: Market,
    events: list[Event],
    codes: dict[tuple[int, int | None], int],
    taken: int,
    limit: int | None,
) -> MarketRules:
    """A market's places: the smallest of its codes, its population limit less what earlier waves took, the wave's own.

    A market with one event is sequential. Where a limit cuts, it cuts from the last event.
    """
    of_event = {event.pk: codes.get((market.pk, event.pk), 0) for event in events}
    if market.split == Market.Split.CONCURRENT:
        of_event = {events[0].pk: codes.get((market.pk, None), 0)}
    bounds = [sum(of_event.values())]
    if market.population_limit is not None:
        bounds.append(max(0, market.population_limit - taken))
    if limit is not None:
        bounds.append(limit)
    places = min(bounds)
    if len(events) > 1 and market.split == Market.Split.CONCURRENT:
        return MarketRules(places=places, split="concurrent")
    left, listed = places, []
    for event in events:
        own = min(left, of_event[event.pk])
        listed.append(EventRules(event=event.code, places=own))
        left -= own
    return MarketRules(places=places, split="sequential", events=tuple(listed))


def _rules(campaign: Campaign, wave: Wave, prep: WavePrep, plan: Plan, number: int) -> Rules:
    return Rules(
        campaign=campaign.domain,
        wave=wave.date_key,
        number=number,
        ranking=tuple(prep.ranking),
        score_tier=prep.score_tier,
        score_min=prep.score_min,
        score_max=prep.score_max,
        audience=prep.audience,
        reassign=prep.reassign,
        public_source=prep.public_source,
        previous_allocation_sha256=plan.previous.allocation_sha256 if plan.previous else "",
        previous_voided_sha256=plan.previous.voided_sha256 if plan.previous else "",
        markets=plan.places,
    )


def _reason(prep: WavePrep, plan: Plan) -> tuple[str, list[object]]:
    """The SQL that gives an entry's first reason, as the operator knows it, or an empty text."""
    was_selected = ""
    parameters: list[object] = []
    if plan.has_assignments and not prep.reassign:
        was_selected = (
            "WHEN EXISTS (SELECT FROM codes_assignment AS earlier WHERE earlier.entry_id = entry.id"
            " AND earlier.hold_id = ANY (%s::bigint[]) AND earlier.voided = '') THEN 'already_selected'"
        )
        parameters.append(_assigned_holds(prep.wave.campaign))
    _, _, is_outside = join(prep.audience)
    not_in_audience = f"WHEN {is_outside} THEN 'not_in_audience'" if is_outside else ""
    bounds = ""
    for condition, bound, reason in (
        ("<", prep.score_min, "below_min_score"),
        (">", prep.score_max, "above_max_score"),
    ):
        if bound is not None:
            bounds += f" WHEN coalesce(score.score, 0) {condition} {int(bound)} THEN '{reason}'"
    unproved = "entry.email_confirmed_at IS NULL" + (
        " OR entry.phone_confirmed_at IS NULL" if plan.requires_phone else ""
    )
    text = f"""CASE WHEN entry.withdrawn_at IS NOT NULL THEN 'withdrawn'
        WHEN entry.blocked_at IS NOT NULL THEN 'blocked'
        WHEN {unproved} THEN 'unconfirmed'
        WHEN entry.gates_failed OR entry.gates_pending THEN 'gate_failed'
        {was_selected}
        {not_in_audience}
        WHEN NOT entry.choices && %s::smallint[] THEN 'no_choice'
        {bounds}
        ELSE '' END"""
    numbers = [market.number for market in plan.markets]
    return text, [*parameters, numbers]


def _from(prep: WavePrep, plan: Plan) -> tuple[str, list[object]]:
    audience, parameters, _ = join(prep.audience)
    return (
        "FROM entries_entry AS entry LEFT JOIN entries_score AS score"
        f" ON score.run_id = %s AND score.entry_id = entry.id {audience} WHERE entry.campaign_id = %s",
        [plan.score_run_id or 0, *parameters, prep.wave.campaign_id],
    )


def _entries_query(prep: WavePrep, plan: Plan) -> tuple[str, list[object]]:
    """Each entry as `waves.snapshot_rows` reads it: id, ref, reason, tier, choices.

    In no order: to sort a few arrays takes a tenth of the time that the database needs to sort the rows, which it
    then can hand over while it reads them.
    """
    reason, reason_parameters = _reason(prep, plan)
    source, source_parameters = _from(prep, plan)
    tier = f"coalesce(score.score, 0) / {int(prep.score_tier)}" if "score" in prep.ranking else "0"
    query = f"""
        SELECT entry.id, entry.ref, (array_position(%s::text[], {reason}) - 1)::smallint, ({tier})::smallint,
               entry.choices
        {source}
    """
    return query, [list(KNOWN_REASONS), *reason_parameters, *source_parameters]


def has_frozen(campaign_id: int) -> bool:
    """Whether a campaign has had a freeze."""
    return Draw.objects.filter(campaign=campaign_id).exists()


stop_asking_when(has_frozen)
