"""Preparing a wave: hold, freeze, draw, assign, write. Each step leaves a row behind, so a worker that dies is
followed by another that goes on from the last one, with the same rules, snapshot and key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from numpy.typing import NDArray

from campaigns import lifecycle, secrets
from campaigns.models import Campaign
from codes import holding
from codes.models import Hold
from core import audit, jobs, storage
from core.jobs import Claim, PermanentFailure, Waiting
from core.refusal import Refusal
from viewers.permissions import Action, require
from viewers.viewer import WORKER, Viewer
from waves import assigning, bundle, freezing
from waves.draw import Allocation, draw_key, is_public_value, place, tickets, write_allocation
from waves.models import Draw, Wave, WavePrep
from waves.rules import HIGHEST_SCORE, RANKINGS, Rules
from waves.snapshot import Snapshot, read_snapshot

AWAITING = "awaiting public value"


class CannotPrepare(Refusal):
    """The wave is not prepared, and its options stay as they were."""

    code = "cannot_prepare"


class CannotAbandon(Refusal):
    """The wave goes on: fans may have its codes already, or it was abandoned before."""

    code = "cannot_abandon"


class BadPublicValue(Refusal):
    """The value is not taken."""

    code = "bad_public_value"
    status = 400


@dataclass(frozen=True, kw_only=True)
class Options:
    """What an operator chooses for a wave. All of it is fixed at the freeze."""

    code_type: str = "presale"
    ranking: tuple[str, ...] = RANKINGS[0]
    score_tier: int = 10
    score_min: int | None = None
    score_max: int | None = None
    reassign: bool = False
    public_source: str = ""
    limits: Mapping[str, int] | None = None


def start_preparation(*, wave: Wave, options: Options, actor: Viewer, now: datetime) -> WavePrep:
    """Queue a wave's preparation, or queue it again after a failure.

    Before the freeze the options given count; after it the wave keeps what was frozen.

    :raises CannotPrepare: the wave is under way, over, or another wave of the campaign is under way.
    """
    require(actor, Action.RUN_WAVES, wave.campaign_id)
    _check_options(options, wave.campaign)
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=wave.campaign_id)
        wave = Wave.objects.select_for_update().get(pk=wave.pk)
        _check_may_start(wave, campaign)
        values = {**options.__dict__, "ranking": list(options.ranking), "limits": dict(options.limits or {})}
        prep, is_new = WavePrep.objects.select_for_update().get_or_create(wave=wave, defaults=values)
        if not is_new and not Draw.objects.filter(wave=wave).exists():
            for name, value in values.items():
                setattr(prep, name, value)
            prep.save(update_fields=list(values))
        wave.status = Wave.Status.PROCESSING
        wave.save(update_fields=["status"])
        audit.record(
            actor=actor,
            action="wave.prepare",
            target=wave,
            campaign_id=campaign.pk,
            changes={name: [None, value] for name, value in values.items()},
            now=now,
        )
        jobs.requeue(prep)
    return prep


def _check_options(options: Options, campaign: Campaign) -> None:
    if tuple(options.ranking) not in RANKINGS:
        raise CannotPrepare("This is not one of the five rankings.", field="ranking")
    if options.score_tier < 1:
        raise CannotPrepare("A score tier is at least 1 wide.", field="score_tier")
    bounds = [bound for bound in (options.score_min, options.score_max) if bound is not None]
    if any(not 0 <= bound <= HIGHEST_SCORE for bound in bounds) or bounds != sorted(bounds):
        raise CannotPrepare("Score bounds lie between 0 and 100, the lower one first.", field="score_min")
    if len(options.public_source) > 200 or not options.public_source.isprintable():
        raise CannotPrepare("Name the public source in one line.", field="public_source")
    known = set(campaign.markets.values_list("code", flat=True))
    for code, limit in (options.limits or {}).items():
        if code not in known or type(limit) is not int or limit < 0:
            raise CannotPrepare(f"The limit of {code} is not a number of places of a market.", field="limits")


def _check_may_start(wave: Wave, campaign: Campaign) -> None:
    if wave.status != Wave.Status.SCHEDULED:
        raise CannotPrepare(f"The wave is {wave.get_status_display()}.")
    if campaign.status == Campaign.Status.NOT_STARTED:
        raise CannotPrepare("The campaign has never opened: there is nobody to draw.")
    busy = Wave.objects.filter(campaign=campaign, status=Wave.Status.PROCESSING).first()
    if busy is not None:
        raise CannotPrepare(f"Wave {busy.date_key} is under way. Trigger it or abandon it first.")
    unfinished = Wave.objects.filter(campaign=campaign, status=Wave.Status.TRIGGERED).first()
    if unfinished is not None:
        raise CannotPrepare(f"Wave {unfinished.date_key} is being completed. Try again in a minute.")
    held = Hold.objects.filter(campaign=campaign, status=Hold.Status.HELD, kind=Hold.Kind.WAVE)
    if held.exclude(wave_prep__wave=wave).exists():
        raise CannotPrepare("Another wave holds the codes. Prepare that one again, or abandon it first.")


def prepare(claim: Claim[WavePrep]) -> None:
    """The work of a preparation, from wherever the last worker left it."""
    prep = claim.job
    draw = Draw.objects.filter(wave=prep.wave).first()
    with storage.working_folder() as folder:
        if draw is None:
            _hold(claim)
            claim.enter("freezing", total=prep.wave.campaign.entries.count())
            draw = freezing.freeze(claim, folder=folder, now=timezone.now())
        if draw.public_value is None:
            claim.enter(AWAITING)
            raise Waiting("")
        if not draw.allocation_sha256:
            _draw(claim, draw, folder)
        claim.enter("writing")
        bundle.store_manifest(draw)
    claim.enter("finished")


def _hold(claim: Claim[WavePrep]) -> None:
    """Take the codes, unless an earlier try of this preparation has them."""
    if claim.job.hold is not None:
        return
    claim.enter("holding")
    wave = claim.job.wave
    with claim.transaction():
        hold = holding.hold_codes(
            campaign=wave.campaign, code_type=claim.job.code_type, purpose=wave.date_key, now=timezone.now()
        )
        claim.write(hold=hold)
        _record(wave, "hold", {"hold": hold.pk, "codes": holding.size_of(hold)})


def _draw(claim: Claim[WavePrep], draw: Draw, folder: Path) -> None:
    """Order, place, and give the places their codes. All rows are written in one transaction."""
    claim.enter("drawing", total=draw.entries)
    rules = Rules.from_json(bytes(draw.rules))
    snapshot = _read_back(draw, rules, folder, claim)
    secret = secrets.secret_of(draw.campaign, draw.number)
    key = draw_key(
        secret=secret,
        root=bytes.fromhex(draw.root),
        rules_json=bytes(draw.rules),
        public_value=draw.public_value or "",
    )
    drawn = tickets(key=key, refs=snapshot.refs, only=snapshot.may_be_drawn, progress=claim.progress)
    places = [rules.markets[code].places for code in snapshot.markets]
    allocation = place(snapshot=snapshot, tickets=drawn, ranking=rules.ranking, places=places)
    with (folder / "allocation.csv").open("w+b") as file:
        sha256, placed = write_allocation(file, snapshot=snapshot, allocation=allocation, rules=rules)
        file.seek(0)
        storage.put_file(f"{draw.storage_prefix}allocation.csv", file, content_type="text/csv")
    claim.enter("assigning", total=placed)
    _assign(claim, draw, rules, snapshot, allocation, sha256, folder)


def _read_back(draw: Draw, rules: Rules, folder: Path, claim: Claim[WavePrep]) -> Snapshot:
    """The frozen snapshot: from this worker's own disk where it has just written it, else from storage."""
    path = folder / "snapshot.csv"
    if not path.exists():
        storage.fetch(f"{draw.storage_prefix}snapshot.csv", path)
    with path.open("rb") as file:
        snapshot = read_snapshot(file, markets=sorted(rules.markets), progress=claim.progress)
    if snapshot.sha256 != draw.snapshot_sha256:
        raise PermanentFailure("The stored snapshot is not the frozen one. Nothing was drawn; call for help.")
    return snapshot


def _assign(
    claim: Claim[WavePrep],
    draw: Draw,
    rules: Rules,
    snapshot: Snapshot,
    allocation: Allocation,
    sha256: str,
    folder: Path,
) -> None:
    ids = _entry_ids(draw, folder)
    with claim.transaction():
        assigning.write_assignments(
            prep=claim.job, rules=rules, snapshot=snapshot, allocation=allocation, entry_ids=ids
        )
        assigning.write_outcomes(draw=draw, rules=rules, snapshot=snapshot, allocation=allocation)
        draw.allocation_sha256 = sha256
        draw.placed = len(allocation)
        draw.placed_by_choice = allocation.placed.sum(axis=0).tolist()
        draw.save(update_fields=["allocation_sha256", "placed", "placed_by_choice"])
        _record(draw.wave, "place", {"placed": draw.placed, "allocation_sha256": sha256})


def _record(wave: Wave, verb: str, facts: Mapping[str, object]) -> None:
    """Write a step of the worker's into the audit trail."""
    audit.record(
        actor=WORKER,
        action=f"wave.{verb}",
        target=wave,
        campaign_id=wave.campaign_id,
        changes={name: [None, value] for name, value in facts.items()},
        now=timezone.now(),
    )


def _entry_ids(draw: Draw, folder: Path) -> NDArray[np.int64]:
    path = folder / "entry_ids"
    if not path.exists():
        storage.fetch(f"{draw.storage_prefix}entry_ids", path)
    return np.fromfile(path, np.int64)


def enter_public_value(*, wave: Wave, value: str, actor: Viewer, now: datetime) -> Draw:
    """Enter the public value that the rules name, once; the preparation goes on.

    :raises BadPublicValue: none is awaited, or it is not 1 to 256 printable ASCII characters.
    """
    require(actor, Action.RUN_WAVES, wave.campaign_id)
    if not is_public_value(value):
        raise BadPublicValue(
            "Enter 1 to 256 printable ASCII characters without space at the ends.", field="public_value"
        )
    with transaction.atomic():
        entered = Draw.objects.filter(wave=wave, public_value=None, abandoned="").update(public_value=value)
        if not entered:
            raise BadPublicValue("This wave awaits no public value, or it was entered before.")
        audit.record(
            actor=actor,
            action="wave.public_value",
            target=wave,
            campaign_id=wave.campaign_id,
            changes={"public_value": [None, value]},
            now=now,
        )
        jobs.requeue(wave.prep)
    return Draw.objects.get(wave=wave)


def abandon(*, wave: Wave, reason: str, actor: Viewer, now: datetime) -> Wave:
    """Give a wave up before its trigger: its codes go back. After the freeze its root and secret are published.

    :raises CannotAbandon: it was triggered, or no reason is given.
    """
    require(actor, Action.RUN_WAVES, wave.campaign_id)
    if not reason.strip():
        raise CannotAbandon("Say why: the reason is published with the draw.", field="reason")
    _stop_worker(wave, now)
    with transaction.atomic():
        wave = Wave.objects.select_for_update().get(pk=wave.pk)
        _check_may_abandon(wave)
        prep = WavePrep.objects.filter(wave=wave).first()
        if prep is not None and prep.hold is not None:
            holding.release(hold=prep.hold, actor=WORKER, now=now)
        Draw.objects.filter(wave=wave).update(abandoned=reason.strip(), revealed_at=now)
        old, wave.status = wave.status, Wave.Status.FAILED
        wave.save(update_fields=["status"])
        audit.record(
            actor=actor,
            action="wave.abandon",
            target=wave,
            campaign_id=wave.campaign_id,
            changes={"status": [old, Wave.Status.FAILED]},
            reason=reason,
            now=now,
        )
    draw = Draw.objects.filter(wave=wave).first()
    if draw is not None:
        bundle.store_manifest(draw)
    return wave


def _stop_worker(wave: Wave, now: datetime) -> None:
    """Take the preparation from a worker that is at it: whatever it still writes is rolled back.

    A transaction of its own: to wait for the worker's locks while holding the row that the worker asks last for
    would be a deadlock.
    """
    with transaction.atomic():
        _check_may_abandon(Wave.objects.select_for_update().get(pk=wave.pk))
        WavePrep.objects.filter(wave=wave).update(
            status=WavePrep.Status.CANCELLED, lease_until=None, fence=F("fence") + 1, finished_at=now
        )


def _check_may_abandon(wave: Wave) -> None:
    if wave.status not in (Wave.Status.SCHEDULED, Wave.Status.PROCESSING):
        raise CannotAbandon(f"The wave is {wave.get_status_display()}.")


def give_up(prep: WavePrep) -> None:
    """A preparation has failed: the wave is scheduled again. Before the freeze its codes go back too."""
    wave = prep.wave
    if Wave.objects.filter(pk=wave.pk, status=Wave.Status.PROCESSING).update(status=Wave.Status.SCHEDULED):
        audit.record(
            actor=WORKER,
            action="wave.give_up",
            target=wave,
            campaign_id=wave.campaign_id,
            changes={"status": [Wave.Status.PROCESSING, Wave.Status.SCHEDULED]},
            now=timezone.now(),
        )
    if prep.hold is not None and not Draw.objects.filter(wave=wave).exists():
        holding.release(hold=prep.hold, actor=WORKER, now=timezone.now())
        WavePrep.objects.filter(pk=prep.pk).update(hold=None)


def _why_not_reopen(campaign: Campaign) -> str:
    """From closed back to open is possible until the first wave is frozen."""
    return "Its first wave is frozen." if campaign.draws.exists() else ""


jobs.register(WavePrep, prepare, on_failure=give_up)
lifecycle.reopening_guards.append(_why_not_reopen)
