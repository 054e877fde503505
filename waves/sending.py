"""What operators do with a wave's mails: pause, resume, stop for good, send failed ones again, and say how fast.

Each takes the notification's job from the worker that has it, by its fence: that worker ends within the mail that it is
at, and what is pressed holds at once, whoever else presses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F

from core import audit, jobs
from core.models import Job
from core.refusal import Refusal
from entries.models import Message
from viewers.permissions import Action, require
from viewers.viewer import Viewer
from waves.mail_counts import failed_of
from waves.models import Notification, Wave

MOST_A_MINUTE = 1_000_000


class CannotPause(Refusal):
    """The wave is not sending."""

    code = "cannot_pause"


class CannotResume(Refusal):
    """The wave's mails are not paused."""

    code = "cannot_resume"


class CannotStop(Refusal):
    """There is nothing left to stop."""

    code = "cannot_stop"


class CannotRetry(Refusal):
    """There is no failed mail that could be sent again."""

    code = "cannot_retry"


class CannotChangeMails(Refusal):
    """The wave's mails stay as they are."""

    code = "cannot_change_mails"


@dataclass(frozen=True)
class Stopped:
    """How a stop ended: mails that had been sent by then, that are not sent any more, and that may still arrive."""

    sent: int
    stopped: int
    on_their_way: int = 0


def pause(*, wave: Wave, actor: Viewer, now: datetime) -> Notification:
    """Pause a wave's mails: the sender ends with the mail that it is at.

    :raises CannotPause: they are not being sent, or are paused already.
    """
    require(actor, Action.RUN_WAVES, wave.campaign_id)
    with transaction.atomic():
        notification = _locked(wave, CannotPause)
        if notification.status == Job.Status.WAITING:
            raise CannotPause("The mails are paused already.")
        _check_unended(notification, CannotPause, "so there is nothing to pause")
        _take(notification, Job.Status.WAITING)
        _record(wave, "pause_mails", {"mails": ["sending", "paused"]}, actor, now)
    return notification


def resume(*, wave: Wave, actor: Viewer, now: datetime) -> Notification:
    """Go on with paused mails.

    :raises CannotResume: they are not paused.
    """
    require(actor, Action.RUN_WAVES, wave.campaign_id)
    with transaction.atomic():
        notification = _locked(wave, CannotResume)
        if notification.status != Job.Status.WAITING:
            raise CannotResume("The mails are not paused: there is nothing to resume.")
        _take(notification, Job.Status.QUEUED)
        _record(wave, "resume_mails", {"mails": ["paused", "sending"]}, actor, now)
    return notification


def stop(*, wave: Wave, actor: Viewer, now: datetime) -> Stopped:
    """End a wave's mails for good. Who got none still sees her result on her page. It cannot be undone.

    :raises CannotStop: all have been sent, or they were stopped before.
    """
    require(actor, Action.RUN_WAVES, wave.campaign_id)
    with transaction.atomic():
        notification = _locked(wave, CannotStop)
        _check_unended(notification, CannotStop, "so there is nothing to stop")
        _take(notification, Job.Status.CANCELLED, finished_at=now)
        # Also those that are on their way: whether such a one arrived is noted by its sender, or by nobody if it died.
        with connection.cursor() as cursor:
            cursor.execute(_STOP, [wave.pk, "sending"])
            on_their_way = cursor.rowcount
            cursor.execute(_STOP, [wave.pk, "queued"])
            stopped = cursor.rowcount
        sent = Message.objects.filter(wave_id=wave.pk, status=Message.Status.SENT).count()
        changes = {"mails": ["sending", "stopped"], "sent": [None, sent], "stopped": [None, stopped]}
        _record(wave, "stop_mails", changes, actor, now)
    return Stopped(sent=sent, stopped=stopped, on_their_way=on_their_way)


_STOP = "UPDATE entries_message SET status = 'stopped', claimed_until = NULL WHERE wave_id = %s AND status = %s"


def retry_failed(*, wave: Wave, actor: Viewer, now: datetime) -> int:
    """Send the failed mails of a wave again and return how many they are.

    :raises CannotRetry: there are none, or the wave's mails were stopped.
    """
    require(actor, Action.RUN_WAVES, wave.campaign_id)
    with transaction.atomic():
        notification = _locked(wave, CannotRetry)
        if notification.status == Job.Status.CANCELLED:
            raise CannotRetry("The mails of this wave were stopped for good. Each fan sees her result on her page.")
        count = failed_of(wave.pk).update(status=Message.Status.QUEUED, attempts=0, send_after=None, error="")
        if not count:
            raise CannotRetry("No mail of this wave has failed.")
        if notification.status != Job.Status.WAITING:
            _take(notification, Job.Status.QUEUED)
        _record(wave, "retry_mails", {"failed": [count, 0]}, actor, now)
    return count


def change_mails(
    *,
    wave: Wave,
    actor: Viewer,
    now: datetime,
    tells_not_selected: bool | None = None,
    mails_a_minute: int | None = None,
    is_unlimited: bool = False,
) -> Wave:
    """Say how fast a wave's mails are sent, and whether those who were not chosen get one; ``None`` leaves as it is.

    A rate counts at once, also while mails are sent. Telling those who were not chosen can begin at any time; once
    their mails are queued, only a stop ends it.

    :raises CannotChangeMails: the mails of those who were not chosen are queued, or the wave's mails were stopped.
    """
    require(actor, Action.RUN_WAVES, wave.campaign_id)
    with transaction.atomic():
        wave = Wave.objects.select_for_update().get(pk=wave.pk)
        notification = Notification.objects.select_for_update().filter(wave=wave).first()
        if mails_a_minute is not None and not 1 <= mails_a_minute <= MOST_A_MINUTE:
            raise CannotChangeMails(f"Say a number from 1 to {MOST_A_MINUTE:,}.", field="mails_a_minute")
        wanted: dict[str, object] = {}
        if tells_not_selected is not None and tells_not_selected != wave.tells_not_selected:
            _check_telling(wave, notification, is_wanted=tells_not_selected)
            wanted["tells_not_selected"] = tells_not_selected
        rate = None if is_unlimited else mails_a_minute
        if (is_unlimited or mails_a_minute is not None) and rate != wave.mails_a_minute:
            wanted["mails_a_minute"] = rate
        if not wanted:
            return wave
        changes = {name: [getattr(wave, name), value] for name, value in wanted.items()}
        for name, value in wanted.items():
            setattr(wave, name, value)
        wave.save(update_fields=list(wanted))
        if notification is not None:
            if "mails_a_minute" in wanted:
                Notification.objects.filter(pk=notification.pk).update(paced_until=None)
            if wanted.get("tells_not_selected") and notification.status != Job.Status.WAITING:
                _take(notification, Job.Status.QUEUED)
        _record(wave, "change_mails", changes, actor, now)
    return wave


def _check_telling(wave: Wave, notification: Notification | None, *, is_wanted: bool) -> None:
    if wave.status == Wave.Status.FAILED:
        raise CannotChangeMails("The wave is abandoned: it sends no mails.", field="tells_not_selected")
    if notification is None:
        return
    if notification.status == Job.Status.CANCELLED:
        raise CannotChangeMails("The mails of this wave were stopped for good.", field="tells_not_selected")
    if not is_wanted and notification.not_selected_queued_at is not None:
        raise CannotChangeMails(
            "The mails to those who were not chosen are queued already. Stop the mails to end them.",
            field="tells_not_selected",
        )


def _locked(wave: Wave, refusal: type[Refusal]) -> Notification:
    notification = Notification.objects.select_for_update().filter(wave=wave).first()
    if notification is None:
        raise refusal("The wave sends no mails yet: that begins once it is triggered and completed.")
    return notification


def _check_unended(notification: Notification, refusal: type[Refusal], therefore: str) -> None:
    if notification.status == Job.Status.CANCELLED:
        raise refusal(f"The mails of this wave were stopped before, {therefore}.")
    if notification.status == Job.Status.FINISHED:
        raise refusal(f"All mails of this wave have been sent or given up, {therefore}.")


def _take(notification: Notification, status: Job.Status, *, finished_at: datetime | None = None) -> None:
    """Take the job from its worker, if one has it, and give it this status. The row is locked."""
    changed = {
        "status": status,
        "lease_until": None,
        "run_after": None,
        "attempts": 0,
        "error": "",
        "away_since": None,
        "finished_at": finished_at,
    }
    Notification.objects.filter(pk=notification.pk).update(fence=F("fence") + 1, **changed)
    notification.refresh_from_db()
    if status == Job.Status.QUEUED:
        jobs.enqueue(notification)


def _record(wave: Wave, verb: str, changes: Mapping[str, object], actor: Viewer, now: datetime) -> None:
    audit.record(
        actor=actor, action=f"wave.{verb}", target=wave, campaign_id=wave.campaign_id, changes=dict(changes), now=now
    )
