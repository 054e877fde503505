"""How far a wave's mails have come, cheaply enough to be asked every second while millions are sent."""

from dataclasses import dataclass

from django.db.models import Count, QuerySet

from core.models import Job
from entries.models import Message
from waves.models import Notification, Wave

MOST_COUNTED = 200_000
"""Mails that are counted by state at each look. Of more, a sender's own progress is shown while it is at work."""
STATES = {
    Job.Status.QUEUED: "sending",
    Job.Status.RUNNING: "sending",
    Job.Status.WAITING: "paused",
    Job.Status.FINISHED: "done",
    Job.Status.FAILED: "failed",
    Job.Status.CANCELLED: "stopped",
}


@dataclass(frozen=True)
class MailCounts:
    """Where the mails of a wave stand. ``state`` is not begun, sending, paused, done, failed or stopped.

    ``doubtful`` are those of which two copies may have gone out; they are among the others.
    """

    state: str
    sent: int = 0
    left: int = 0
    failed: int = 0
    stopped: int = 0
    doubtful: int = 0
    rate: float | None = None
    seconds_left: int | None = None

    @property
    def may_be_stopped(self) -> bool:
        """Whether there is anything to stop: mails are sent, or wait for somebody to go on."""
        return self.state in ("sending", "paused")

    @property
    def total(self) -> int:
        """All of them."""
        return self.sent + self.left + self.failed + self.stopped

    @property
    def percent(self) -> int:
        """How many of them are done with, 0 to 100."""
        return 100 * (self.total - self.left) // self.total if self.total else 0


def mail_counts(wave: Wave, notification: Notification | None) -> MailCounts:
    """The counts of a wave's mails."""
    if notification is None:
        return MailCounts(state="not begun")
    state = STATES[Job.Status(notification.status)]
    doubtful = doubtful_of(wave.pk).count()
    is_running = notification.status == Job.Status.RUNNING
    is_at_work = is_running and notification.phase == "sending"
    rate, seconds_left = (notification.rate, notification.seconds_left) if is_at_work else (None, None)
    if is_at_work and notification.progress_total > MOST_COUNTED:
        failed = failed_of(wave.pk).count()
        return MailCounts(
            state=state,
            sent=max(0, notification.progress_done - failed),
            left=notification.progress_total - notification.progress_done,
            failed=failed,
            doubtful=doubtful,
            rate=rate,
            seconds_left=seconds_left,
        )
    found = Message.objects.filter(wave_id=wave.pk).values_list("status").annotate(mails=Count("pk")).order_by()
    counts = dict(found)
    return MailCounts(
        state=state,
        sent=counts.get(Message.Status.SENT, 0),
        left=counts.get(Message.Status.QUEUED, 0) + counts.get(Message.Status.SENDING, 0),
        failed=counts.get(Message.Status.FAILED, 0),
        stopped=counts.get(Message.Status.STOPPED, 0),
        doubtful=doubtful,
        rate=rate,
        seconds_left=seconds_left,
    )


def failed_of(wave_id: int) -> "QuerySet[Message]":
    """The messages of a wave that were given up."""
    return Message.objects.filter(wave_id=wave_id, status=Message.Status.FAILED)


def doubtful_of(wave_id: int) -> "QuerySet[Message]":
    """The messages of a wave of which two copies may have gone out."""
    return Message.objects.filter(wave_id=wave_id, is_doubtful=True)
