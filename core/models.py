"""The two tables' shapes that every room shares: the job row and the audit event."""

import uuid

from django.db import models
from django.db.models import Q


class Job(models.Model):
    """Long work as a row. ``core.jobs`` claims it, fences its writes and gives it back when a worker dies."""

    class Status(models.TextChoices):
        """Where the work stands."""

        QUEUED = "queued", "queued"
        RUNNING = "running", "running"
        WAITING = "waiting", "waiting"
        FINISHED = "finished", "finished"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    ENDED = (Status.FINISHED, Status.FAILED, Status.CANCELLED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED, editable=False)
    phase = models.CharField(max_length=40, blank=True, default="", editable=False)
    progress_done = models.BigIntegerField(default=0, editable=False)
    progress_total = models.BigIntegerField(default=0, editable=False)
    attempts = models.IntegerField(default=0, editable=False)
    fence = models.BigIntegerField(
        default=0, editable=False, help_text="Grows with every claim; a write that carries an older one is refused."
    )
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    heartbeat_at = models.DateTimeField(null=True, blank=True, editable=False)
    run_after = models.DateTimeField(null=True, blank=True, editable=False, help_text="Not before; null is at once.")
    error = models.TextField(blank=True, default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                name="%(app_label)s_%(class)s_status_known",
                condition=Q(status__in=["queued", "running", "waiting", "finished", "failed", "cancelled"]),
            ),
            models.CheckConstraint(
                name="%(app_label)s_%(class)s_lease_while_running",
                condition=Q(status="running", lease_until__isnull=False)
                | (~Q(status="running") & Q(lease_until__isnull=True)),
            ),
            models.CheckConstraint(
                name="%(app_label)s_%(class)s_progress_counts",
                condition=Q(progress_done__gte=0, progress_total__gte=0, attempts__gte=0, fence__gte=0),
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                name="%(app_label)s_%(class)s_unended",
                condition=Q(status__in=["queued", "running", "waiting"]),
            )
        ]

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.status in self.ENDED

    @property
    def percent(self) -> int:
        """Progress of the present phase, 0 to 100."""
        if not self.progress_total:
            return 0
        return min(100, 100 * self.progress_done // self.progress_total)


class AuditEvent(models.Model):
    """One thing that somebody did, written in the same transaction. Rows are never changed nor deleted.

    It holds ids and configuration, never personal data and never a code.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField(max_length=150, blank=True)
    action = models.CharField(max_length=80)
    campaign_id = models.BigIntegerField(null=True)
    target_type = models.CharField(max_length=60)
    target_id = models.CharField(max_length=64)
    changes = models.JSONField(default=dict)
    reason = models.TextField(blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["campaign_id", "-id"], name="core_audit_by_campaign"),
            models.Index(fields=["target_type", "target_id", "-id"], name="core_audit_by_target"),
        ]
        constraints = [
            models.CheckConstraint(
                name="core_auditevent_actor_known",
                condition=Q(actor_kind__in=["staff", "fan", "clock", "worker", "machine"]),
            ),
            models.CheckConstraint(name="core_auditevent_action_named", condition=~Q(action="")),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} UTC {self.actor_label or self.actor_kind}: {self.action}"
