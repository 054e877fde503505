"""Coloured words and progress bars of the staff pages."""

from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.models import Job


def badge(text: str, kind: str = "plain") -> SafeString:
    """A word in a coloured box; the colour repeats what the word says. Kinds: plain, good, warn, bad, busy."""
    return format_html('<span class="mq-badge mq-{}">{}</span>', kind, text)


JOB_KINDS = {
    Job.Status.QUEUED: "busy",
    Job.Status.RUNNING: "busy",
    Job.Status.WAITING: "warn",
    Job.Status.FINISHED: "good",
    Job.Status.FAILED: "bad",
    Job.Status.CANCELLED: "plain",
}


def progress_bar(job: Job) -> SafeString:
    """A job's state, and while it runs its phase and how far that has come."""
    state = badge(job.get_status_display(), JOB_KINDS[Job.Status(job.status)])
    if job.status != Job.Status.RUNNING:
        return state
    return format_html(
        '{} <span class="mq-bar" role="progressbar" aria-valuenow="{}" aria-valuemin="0" aria-valuemax="100" '
        'aria-label="{}"><span style="width:{}%"></span></span> <span class="mq-soft">{} {} %</span>',
        state,
        job.percent,
        job.phase or "progress",
        job.percent,
        job.phase,
        job.percent,
    )
