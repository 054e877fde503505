"""The trigger and what follows it: codes become the fans', the files are written, the wave completes."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from campaigns.models import Campaign
from codes import holding, ranges
from codes.models import Assignment, Hold
from core import audit, jobs, storage
from core.bulk import copy_out
from core.jobs import Claim
from core.refusal import Refusal
from entries.models import Entry
from viewers import approvals
from viewers.models import Approval
from viewers.permissions import Action, require
from viewers.viewer import WORKER, Viewer
from waves import bundle
from waves.models import Draw, Notification, Selection, Wave, WavePrep
from waves.scheduling import trigger_key_of


class CannotTrigger(Refusal):
    """The wave is not triggered by this call; if it was before, fans keep what they have."""

    code = "cannot_trigger"


TRIGGER, RELEASE = "wave.trigger", "wave.release"
"""The deeds for which a campaign can want a second person: to trigger now, and to let the clock trigger at its time."""


def trigger(*, wave: Wave, actor: Viewer, now: datetime, approval: Approval | None = None) -> Wave:
    """Give the held codes to the chosen fans. One status change does it, at any size; it cannot be undone.

    :raises NeedsSecondPerson: the campaign wants one, and nobody has approved it.
    :raises CannotTrigger: the preparation has not finished, or the wave was triggered or abandoned before.
    """
    require(actor, Action.RUN_WAVES, wave.campaign_id)
    with transaction.atomic():
        # The row's lock makes a second trigger wait here, and then find the wave triggered.
        wave = Wave.objects.select_for_update().get(pk=wave.pk)
        if wave.triggered_at is not None:
            raise CannotTrigger("This wave has been triggered already.")
        campaign = Campaign.objects.only("needs_second_person").get(pk=wave.campaign_id)
        if campaign.needs_second_person:
            _check_two_people(wave, approval)
        prep = WavePrep.objects.select_for_update().filter(wave=wave).first()
        if wave.status != Wave.Status.PROCESSING or prep is None or prep.status != WavePrep.Status.FINISHED:
            raise CannotTrigger("The wave's preparation has not finished.")
        draw = Draw.objects.select_for_update(of=("self",)).get(wave=wave)
        # Before any range of it changes: a code that is being replaced in it waits here, or is done with.
        hold = holding.lock(_hold_of(prep))
        draw.voided = _void_those_who_left(draw, hold)
        draw.voided_sha256 = hashlib.sha256(draw.voided).hexdigest()
        draw.revealed_at = now
        draw.save(update_fields=["voided", "voided_sha256", "revealed_at"])
        holding.assign(hold=hold)
        wave.status = Wave.Status.TRIGGERED
        wave.triggered_at = now
        wave.save(update_fields=["status", "triggered_at"])
        audit.record(
            actor=actor,
            action="wave.trigger",
            target=wave,
            campaign_id=wave.campaign_id,
            changes={
                "status": ["processing", "triggered"],
                "placed": [None, draw.placed],
                "voided_sha256": ["", draw.voided_sha256],
            },
            now=now,
        )
        jobs.enqueue(Selection.objects.create(wave=wave))
    return wave


def _check_two_people(wave: Wave, approval: Approval | None) -> None:
    """Refuse unless two people want it now, or have let the clock do it at this time with this very allocation."""
    is_release = approval is not None and approval.deed == RELEASE
    approvals.require_second_person(
        is_needed=True, deed=RELEASE if is_release else TRIGGER, target_id=wave.pk, approval=approval
    )
    if is_release and approval is not None and approval.parameters != what_is_released(wave):
        raise CannotTrigger("The wave is not what two people have let the clock trigger. Ask for it anew.")


def _hold_of(prep: WavePrep) -> Hold:
    if prep.hold is None:
        raise CannotTrigger("The wave holds no codes.")
    return prep.hold


def what_was_seen(wave: Wave) -> dict[str, Any]:
    """What a second person approves of a prepared wave: the allocation itself, by its hash."""
    draw = wave.draw
    return {"allocation_sha256": draw.allocation_sha256, "placed": draw.placed, "number": draw.number}


def what_is_released(wave: Wave) -> dict[str, Any]:
    """What a second person approves who lets the clock trigger a wave: the same, and the time at which it does."""
    return {**what_was_seen(wave), "trigger_key": trigger_key_of(wave)}


@approvals.performs(TRIGGER, Action.RUN_WAVES)
def _trigger_approved(approval: Approval, actor: Viewer, now: datetime) -> Wave:
    wave = Wave.objects.get(pk=int(approval.target_id))
    if not Draw.objects.filter(wave=wave).exists() or approval.parameters != what_was_seen(wave):
        raise approvals.CannotDecide("The wave is not what was asked for any more. It must be asked for anew.")
    return trigger(wave=wave, actor=actor, now=now, approval=approval)


@approvals.performs(RELEASE, Action.RUN_WAVES)
def _release_approved(approval: Approval, actor: Viewer, now: datetime) -> Wave:
    """Let the clock trigger a wave at its time; nothing is triggered by this."""
    wave = Wave.objects.select_for_update().get(pk=int(approval.target_id))
    is_prepared = WavePrep.objects.filter(wave=wave, status=WavePrep.Status.FINISHED).exists()
    if wave.status != Wave.Status.PROCESSING or not is_prepared or approval.parameters != what_is_released(wave):
        raise approvals.CannotDecide("The wave is not what was asked for any more. It must be asked for anew.")
    if not wave.is_automatic:
        raise approvals.CannotDecide("The wave is triggered by hand now, so there is nothing for the clock to do.")
    audit.record(
        actor=actor,
        action="wave.release",
        target=wave,
        campaign_id=wave.campaign_id,
        changes={name: [None, value] for name, value in approval.parameters.items()},
        reason=approval.reason,
        now=now,
    )
    return wave


def left_since_the_freeze(draw: Draw) -> "QuerySet[Entry]":
    """The entries that withdrew, were blocked or were erased since the freeze, whether or not they entered again.

    Who has a place had no reason at the freeze, so of those with a place also whoever is out now left since: a clock
    that is behind another machine's must not give her a code.
    """
    is_out = Q(withdrawn_at__isnull=False) | Q(blocked_at__isnull=False)
    has_left = Entry.objects.filter(campaign=draw.campaign_id, left_at__isnull=False)
    return has_left.filter(is_out | Q(left_at__gte=draw.frozen_at))


def _void_those_who_left(draw: Draw, hold: Hold) -> bytes:
    """Void the places of those who left since the freeze, and give voided.csv (spec: reasons)."""
    places = Assignment.objects.filter(hold=hold, entry_id__in=left_since_the_freeze(draw).values("pk"))
    left_because = Entry.objects.filter(pk=OuterRef("entry_id")).values("left_because")
    places.update(voided=Subquery(left_because))
    voided = list(Assignment.objects.filter(hold=hold).exclude(voided=""))
    ranges.revoke(assignment.code_id for assignment in voided)
    refs = dict(Entry.objects.filter(pk__in=[gone.entry_id for gone in voided]).values_list("pk", "ref"))
    rows = sorted((refs[gone.entry_id], gone.voided) for gone in voided)
    return bundle.VOIDED_HEADER + "".join(f"{ref},{reason}\n" for ref, reason in rows).encode()


SELECTION_QUERY = """
    WITH wave AS MATERIALIZED (
        SELECT prep.hold_id, wave.date_key
        FROM waves_waveprep AS prep JOIN waves_wave AS wave ON wave.id = prep.wave_id
        WHERE wave.id = %s AND wave.triggered_at IS NOT NULL
    )
    SELECT entry.ref, entry.email, entry.name, market.code AS market, coalesce(event.code, '') AS event,
           assignment.choice, assignment.position, code.value AS code, wave.date_key
    FROM wave JOIN codes_assignment AS assignment ON assignment.hold_id = wave.hold_id
    JOIN entries_entry AS entry ON entry.id = assignment.entry_id
    JOIN campaigns_market AS market ON market.id = assignment.market_id
    LEFT JOIN campaigns_event AS event ON event.id = assignment.event_id
    JOIN codes_code AS code ON code.id = assignment.code_id
    WHERE assignment.voided = ''
    ORDER BY market.code, assignment.position
"""
"""Who was chosen in a triggered wave, with what, in the order of the allocation."""


def complete(claim: Claim[Selection]) -> None:
    """The work after a trigger: write the bundle's last files, then complete the wave and queue its mails."""
    wave = claim.job.wave
    draw = wave.draw
    claim.enter("writing", total=draw.placed or 0)
    storage.put(f"{draw.storage_prefix}voided.csv", bytes(draw.voided or b""), content_type="text/csv")
    bundle.store_manifest(draw)
    with storage.working_folder() as folder:
        _store_selection(wave, folder / "selection.csv", f"{draw.storage_prefix}selection.csv")
    with claim.transaction():
        now = timezone.now()
        is_first = Wave.objects.filter(pk=wave.pk, status=Wave.Status.TRIGGERED).update(
            status=Wave.Status.COMPLETED, completed_at=now
        )
        if is_first:
            audit.record(
                actor=WORKER,
                action="wave.complete",
                target=wave,
                campaign_id=wave.campaign_id,
                changes={"status": [Wave.Status.TRIGGERED, Wave.Status.COMPLETED]},
                now=now,
            )
        notification, _ = Notification.objects.get_or_create(wave=wave)
        jobs.enqueue(notification)


def _store_selection(wave: Wave, path: Path, key: str) -> None:
    """Write the selection's own file, with codes and addresses; it is never public."""
    with path.open("wb") as file, transaction.atomic():
        with connection.cursor() as cursor:
            # As at the freeze: nobody has counted the assignments yet, and row by row a million joins take far longer.
            cursor.execute("SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '64MB'")
        for row in copy_out(SELECTION_QUERY, [wave.pk], options="FORMAT csv, HEADER"):
            file.write(row)
    storage.put_path(key, path, content_type="text/csv")


jobs.register(Selection, complete)
