"""The freeze: one consistent read of every entry, made into the snapshot that never changes (spec: step 2).

The plan (markets, places, bounds) and the entries are read in one repeatable-read transaction. The files are stored
under a name of their own before the draw's row is made; the row's commit is the freeze.
"""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone

from campaigns.models import Campaign, Event, Market
from codes import holding
from codes.models import Assignment, Hold
from core import audit, storage
from core.bulk import copy_out
from core.jobs import Claim, PermanentFailure
from entries.gates import stop_asking_when
from entries.models import ScoreRun
from viewers.viewer import WORKER
from waves.models import MOST_WAVES, Draw, Wave, WavePrep
from waves.rules import EventRules, MarketRules, Rules
from waves.snapshot import REF_DIGITS
from waves.snapshot_writer import FrozenSnapshot, SnapshotWriter

PROGRESS_EVERY = 50_000
REASON_STARTS = REF_DIGITS + 1


@dataclass(frozen=True)
class Plan:
    """What the snapshot and the rules are made from: the wave's markets, their places, the campaign's last wave."""

    markets: tuple[Market, ...]
    places: dict[str, MarketRules]
    previous: Draw | None
    requires_phone: bool
    score_run_id: int | None
    has_assignments: bool


@dataclass(frozen=True)
class Frozen:
    """The freeze's files and counts, before the draw's row is made."""

    plan: Plan
    snapshot: FrozenSnapshot
    reasons: dict[str, int]
    frozen_at: datetime
    prefix: str


def freeze(claim: Claim[WavePrep], *, folder: Path, now: datetime) -> Draw:
    """Freeze the wave once: read, store, and make its draw with the campaign's next number.

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
    return draw


@contextmanager
def _one_moment() -> Iterator[None]:
    """A transaction that sees one moment of the database, however long it reads."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # It reads whole tables. Right after a bulk load, before the first ANALYZE, the planner believes that they
            # are small and joins row by row: half a million entries then took over ten minutes instead of seconds.
            cursor.execute("SET LOCAL enable_nestloop = off")
        yield


def _read(claim: Claim[WavePrep], *, folder: Path, now: datetime) -> Frozen:
    prep = claim.job
    with _one_moment():
        plan = make_plan(prep)
        ids = array("q")
        reasons: Counter[bytes] = Counter()
        with (folder / "snapshot.csv").open("w+b") as file:
            writer = SnapshotWriter(file)
            for row in copy_out(*_snapshot_query(prep, plan)):
                entry_id, _, line = bytes(row).partition(b"\t")
                ids.append(int(entry_id))
                reasons[line[REASON_STARTS : line.index(b",", REASON_STARTS)]] += 1
                writer.write(line)
                if len(ids) % PROGRESS_EVERY == 0:
                    claim.progress(len(ids))
            snapshot = writer.finish()
        with (folder / "reasons.csv").open("wb") as file:
            file.write(b"ref,reason\n")
            for row in copy_out(*_hidden_reasons_query(prep, plan)):
                line = bytes(row).replace(b"\t", b",")
                reasons[line[REASON_STARTS:].rstrip()] += 1
                file.write(line)
    with (folder / "entry_ids").open("wb") as file:
        ids.tofile(file)
    prefix = f"draws/{prep.wave.campaign.public_id}/{prep.wave_id}-{claim.fence}/"
    # Operators see what stands behind the snapshot's "excluded".
    named = {reason.decode(): count for reason, count in reasons.items() if reason not in (b"", b"excluded")}
    return Frozen(plan=plan, snapshot=snapshot, reasons=named, frozen_at=now, prefix=prefix)


def _store(frozen: Frozen, folder: Path) -> None:
    for name in ("snapshot.csv", "reasons.csv", "entry_ids"):
        with (folder / name).open("rb") as file:
            storage.put_file(frozen.prefix + name, file)
    storage.put(frozen.prefix + "tree", frozen.snapshot.tree.dump())
    storage.put(frozen.prefix + "blocks", frozen.snapshot.blocks.dump())


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
        audience="all",
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
        WHEN NOT entry.choices && %s::smallint[] THEN 'no_choice'
        {bounds}
        ELSE '' END"""
    numbers = [market.number for market in plan.markets]
    return text, [*parameters, numbers]


def _from(prep: WavePrep, plan: Plan) -> tuple[str, list[object]]:
    return (
        "FROM entries_entry AS entry LEFT JOIN entries_score AS score"
        " ON score.run_id = %s AND score.entry_id = entry.id WHERE entry.campaign_id = %s",
        [plan.score_run_id or 0, prep.wave.campaign_id],
    )


def _snapshot_query(prep: WavePrep, plan: Plan) -> tuple[str, list[object]]:
    """Each entry's id and its line of snapshot.csv, in order of ref."""
    reason, reason_parameters = _reason(prep, plan)
    source, source_parameters = _from(prep, plan)
    tier = f"coalesce(score.score, 0) / {int(prep.score_tier)}" if "score" in prep.ranking else "0"
    query = f"""
        SELECT id, ref || ',' || CASE WHEN reason IN ('blocked', 'gate_failed') THEN 'excluded' ELSE reason END
            || ',' || tier || ','
            || array_to_string(ARRAY(SELECT (%s::text[])[number] FROM unnest(choices) AS number), '|')
        FROM (SELECT entry.id, entry.ref, {reason} AS reason, {tier} AS tier, entry.choices {source}) AS entry
        ORDER BY ref
    """  # noqa: S608  Only our own words and whole numbers are put in.
    return query, [_codes_by_number(plan), *reason_parameters, *source_parameters]


def _codes_by_number(plan: Plan) -> list[str | None]:
    """Market codes at the places of their numbers, from 1; other places are null and fall out of the list."""
    codes: list[str | None] = [None] * max((market.number for market in plan.markets), default=1)
    for market in plan.markets:
        codes[market.number - 1] = market.code
    return codes


def _hidden_reasons_query(prep: WavePrep, plan: Plan) -> tuple[str, list[object]]:
    """Ref and reason of the entries that the published snapshot calls excluded."""
    reason, reason_parameters = _reason(prep, plan)
    source, source_parameters = _from(prep, plan)
    query = f"""
        SELECT ref, reason FROM (SELECT entry.ref, {reason} AS reason {source}) AS entry
        WHERE reason IN ('blocked', 'gate_failed') ORDER BY ref
    """  # noqa: S608  As above.
    return query, [*reason_parameters, *source_parameters]


def has_frozen(campaign_id: int) -> bool:
    """Whether a campaign has had a freeze."""
    return Draw.objects.filter(campaign=campaign_id).exists()


stop_asking_when(has_frozen)
