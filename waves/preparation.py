"""Preparing a wave: hold, freeze, draw, assign, write. Each step leaves a row behind, so a worker that dies is
followed by another that goes on from the last one, with the same rules, snapshot and key.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from campaigns import lifecycle, secrets
from campaigns.models import Campaign
from codes import holding
from codes.models import Hold
from core import audit, jobs, storage
from core.jobs import CannotCancel, Claim, PermanentFailure, Waiting
from core.refusal import Refusal
from viewers.permissions import Action, require
from viewers.viewer import WORKER, Viewer
from waves import assigning, bundle, freezing, readiness
from waves.audience import ALL, check_audience
from waves.draw import Allocation, draw_key, is_public_value, place, tickets, write_allocation
from waves.freezing import FrozenEntries
from waves.models import Draw, Wave, WavePrep
from waves.rules import HIGHEST_SCORE, RANKINGS, Rules
from waves.snapshot import read_snapshot

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
    audience: str = ALL
    reassign: bool = False
    public_source: str = ""
    limits: Mapping[str, int] | None = None


def options_of(prep: WavePrep | None) -> Options:
    """The options of a preparation as they stand, or those that a new one begins with."""
    if prep is None:
        return Options()
    chosen = {name: getattr(prep, name) for name in Options.__dataclass_fields__}
    return Options(**{**chosen, "ranking": tuple(prep.ranking)})


def start_preparation(*, wave: Wave, options: Options, actor: Viewer, now: datetime) -> WavePrep:
    """Queue a wave's preparation, or queue it again after a failure.

    Before the freeze the options given count; after it the wave keeps what was frozen.

    :raises CannotPrepare: the wave is under way, over, or another wave of the campaign is under way; or a red line
        stands in its readiness list.
    :raises NoSuchAudience: the audience names a wave or a fanlist that is not there.
    """
    require(actor, Action.RUN_WAVES, wave.campaign_id)
    is_frozen = Draw.objects.filter(wave=wave).exists()
    if not is_frozen:
        _check_options(options, wave.campaign, actor)
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=wave.campaign_id)
        wave = Wave.objects.select_for_update().get(pk=wave.pk)
        _check_may_start(wave, campaign)
        if not is_frozen and (red := readiness.red_lines(wave, options, now=now)):
            raise CannotPrepare("The wave is not ready: " + " ".join(red))
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


def _check_options(options: Options, campaign: Campaign, actor: Viewer) -> None:
    if tuple(options.ranking) not in RANKINGS:
        raise CannotPrepare("This is not one of the five rankings.", field="ranking")
    if options.score_tier < 1:
        raise CannotPrepare("A score tier is at least 1 wide.", field="score_tier")
    bounds = [bound for bound in (options.score_min, options.score_max) if bound is not None]
    if any(not 0 <= bound <= HIGHEST_SCORE for bound in bounds) or bounds != sorted(bounds):
        raise CannotPrepare("Score bounds lie between 0 and 100, the lower one first.", field="score_min")
    if len(options.public_source) > 200 or not options.public_source.isprintable():
        raise CannotPrepare("Name the public source in one line.", field="public_source")
    check_audience(audience=options.audience, campaign=campaign, viewer=actor)
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
    entries: FrozenEntries | None = None
    with storage.working_folder() as folder:
        if draw is None:
            _hold(claim)
            claim.enter("freezing", total=prep.wave.campaign.entries.count())
            draw, entries = freezing.freeze(claim, folder=folder, now=timezone.now())
        if draw.public_value is None:
            claim.enter(AWAITING)
            raise Waiting("")
        if not draw.allocation_sha256:
            _draw(claim, draw, folder, entries)
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


def _draw(claim: Claim[WavePrep], draw: Draw, folder: Path, entries: FrozenEntries | None) -> None:
    """Order, place, and give the places their codes. All rows are written in one transaction.

    :param entries: what this worker itself has just frozen; else they are read back from storage.
    """
    claim.enter("drawing", total=draw.entries)
    rules = Rules.from_json(bytes(draw.rules))
    entries = entries or _read_back(draw, rules, folder, claim)
    snapshot = entries.snapshot
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
    with (folder / "allocation.csv").open("wb") as file:
        sha256, placed = write_allocation(file, snapshot=snapshot, allocation=allocation, rules=rules)
    storage.put_path(f"{draw.storage_prefix}allocation.csv", folder / "allocation.csv", content_type="text/csv")
    claim.enter("assigning", total=placed)
    _assign(claim, draw, rules, entries, allocation, sha256)


def _read_back(draw: Draw, rules: Rules, folder: Path, claim: Claim[WavePrep]) -> FrozenEntries:
    """The frozen entries, from storage."""
    path = storage.fetch(f"{draw.storage_prefix}snapshot.csv", folder / "snapshot.csv")
    with path.open("rb") as file:
        snapshot = read_snapshot(file, markets=sorted(rules.markets), progress=claim.progress)
    if snapshot.sha256 != draw.snapshot_sha256:
        raise PermanentFailure("The stored snapshot is not the frozen one. Nothing was drawn; call for help.")
    ids = np.fromfile(storage.fetch(f"{draw.storage_prefix}entry_ids", folder / "entry_ids"), np.int64)
    return FrozenEntries(snapshot=snapshot, ids=ids)


def _assign(
    claim: Claim[WavePrep],
    draw: Draw,
    rules: Rules,
    entries: FrozenEntries,
    allocation: Allocation,
    sha256: str,
) -> None:
    snapshot = entries.snapshot
    with claim.transaction():
        assigning.write_assignments(
            prep=claim.job, rules=rules, snapshot=snapshot, allocation=allocation, entry_ids=entries.ids
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
        # The wave's lock keeps a cancel or an abandonment from coming between.
        wave = Wave.objects.select_for_update().get(pk=wave.pk)
        awaited = Draw.objects.filter(wave=wave, public_value=None, abandoned="")
        if wave.status != Wave.Status.PROCESSING or not awaited.update(public_value=value):
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


def cancel(*, wave: Wave, actor: Viewer, now: datetime) -> Wave:
    """Stop a preparation that is under way; the wave is scheduled again.

    Before the freeze its codes go back, and it can be prepared by other rules. After the freeze nothing changes that
    was frozen: going on uses the same rules, entries and key.

    :raises CannotCancel: nothing is under way.
    """
    require(actor, Action.RUN_WAVES, wave.campaign_id)
    _stop_worker(wave, now, _check_may_cancel)
    with transaction.atomic():
        wave = Wave.objects.select_for_update().get(pk=wave.pk)
        _check_may_cancel(wave)
        is_frozen = Draw.objects.filter(wave=wave).exists()
        _give_back(wave, WavePrep.objects.get(wave=wave), actor=actor, verb="cancel", now=now, is_frozen=is_frozen)
    return Wave.objects.select_related("prep").get(pk=wave.pk)


def _check_may_cancel(wave: Wave) -> None:
    """Refuse unless something works at the preparation, or another cancel was cut off after it had stopped that."""
    going = (WavePrep.Status.QUEUED, WavePrep.Status.RUNNING, WavePrep.Status.CANCELLED)
    is_going = WavePrep.objects.filter(wave=wave, status__in=going).exists()
    if wave.status != Wave.Status.PROCESSING or not is_going:
        raise CannotCancel("No preparation is under way: there is nothing to cancel. A prepared wave is abandoned.")


def abandon(*, wave: Wave, reason: str, actor: Viewer, now: datetime) -> Wave:
    """Give a wave up before its trigger: its codes go back. After the freeze its root and secret are published.

    :raises CannotAbandon: it was triggered, or no reason is given.
    """
    require(actor, Action.RUN_WAVES, wave.campaign_id)
    if not reason.strip():
        raise CannotAbandon("Say why: the reason is published with the draw.", field="reason")
    _stop_worker(wave, now, _check_may_abandon)
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
    return wave


def _stop_worker(wave: Wave, now: datetime, check: Callable[[Wave], None]) -> None:
    """Take the preparation from a worker that is at it: whatever it still writes is rolled back.

    A transaction of its own: to wait for the worker's locks while holding the row that the worker asks last for
    would be a deadlock.
    """
    with transaction.atomic():
        check(Wave.objects.select_for_update().get(pk=wave.pk))
        WavePrep.objects.filter(wave=wave).update(
            status=WavePrep.Status.CANCELLED, lease_until=None, fence=F("fence") + 1, finished_at=now
        )


def _check_may_abandon(wave: Wave) -> None:
    if wave.status not in (Wave.Status.SCHEDULED, Wave.Status.PROCESSING):
        raise CannotAbandon(f"The wave is {wave.get_status_display()}.")


def give_up(prep: WavePrep) -> None:
    """A preparation has failed: the wave is scheduled again. Before the freeze its codes go back too."""
    is_frozen = Draw.objects.filter(wave=prep.wave).exists()
    _give_back(prep.wave, prep, actor=WORKER, verb="give_up", now=timezone.now(), is_frozen=is_frozen)


def _lock_wave(prep: WavePrep) -> None:
    """Whoever changes a wave and its preparation locks the wave first: an abandonment, a cancel, a trigger."""
    list(Wave.objects.select_for_update().filter(pk=prep.wave_id).values_list("pk"))


def _give_back(wave: Wave, prep: WavePrep, *, actor: Viewer, verb: str, now: datetime, is_frozen: bool) -> None:
    """Schedule a wave again whose preparation ended without a result, and give back codes that no draw counts on."""
    if Wave.objects.filter(pk=wave.pk, status=Wave.Status.PROCESSING).update(status=Wave.Status.SCHEDULED):
        audit.record(
            actor=actor,
            action=f"wave.{verb}",
            target=wave,
            campaign_id=wave.campaign_id,
            changes={"status": [Wave.Status.PROCESSING, Wave.Status.SCHEDULED]},
            now=now,
        )
    if prep.hold is not None and not is_frozen:
        holding.release(hold=prep.hold, actor=WORKER, now=now)
        WavePrep.objects.filter(pk=prep.pk).update(hold=None)


def _why_not_reopen(campaign: Campaign) -> str:
    """From closed back to open is possible until the first wave is frozen."""
    return "Its first wave is frozen." if campaign.draws.exists() else ""


jobs.register(WavePrep, prepare, on_failure=give_up, locks_first=_lock_wave)
lifecycle.reopening_guards.append(_why_not_reopen)
