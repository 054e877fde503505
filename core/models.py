"""The shapes that every room shares: the job row, the audit event with the chain that seals it, and kept answers."""

import uuid
from math import ceil

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.lookups import Exact


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
    phase_started_at = models.DateTimeField(null=True, blank=True, editable=False)
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

    @property
    def rate(self) -> float | None:
        """Steps of the present phase a second, as its last heartbeat has seen it; none before that."""
        if self.phase_started_at is None or self.heartbeat_at is None:
            return None
        seconds = (self.heartbeat_at - self.phase_started_at).total_seconds()
        return self.progress_done / seconds if seconds > 0 and self.progress_done else None

    @property
    def seconds_left(self) -> int | None:
        """How long the present phase will still take at its present rate; none where nobody can say."""
        if self.rate is None or self.status != self.Status.RUNNING or self.progress_done > self.progress_total:
            return None
        return ceil((self.progress_total - self.progress_done) / self.rate)


class AuditEvent(models.Model):
    """One thing that somebody did, written in the same transaction. Rows are never changed nor deleted.

    It holds ids and configuration, never personal data and never a code.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField(max_length=150, blank=True)
    on_behalf_of = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="For whom a machine acted, as in “staff 12 sue”.",
    )
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
            models.Index(fields=["campaign_id", "actor_kind", "-id"], name="core_audit_by_kind"),
            models.Index(fields=["campaign_id", "actor_label", "-id"], name="core_audit_by_actor"),
            BrinIndex(fields=["at"], name="core_audit_by_time", pages_per_range=16),
        ]
        constraints = [
            models.CheckConstraint(
                name="core_auditevent_actor_known",
                condition=Q(actor_kind__in=["staff", "fan", "clock", "worker", "machine", "auditor"]),
            ),
            models.CheckConstraint(name="core_auditevent_action_named", condition=~Q(action="")),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} UTC {self.actor_label or self.actor_kind}: {self.action}"


class AuditQueue(models.Model):
    """Ids of the events that are not sealed yet. A trigger writes a row beside each event, and sealing takes it away.

    So an event whose transaction commits late is sealed late, whatever its id and its time are; and whoever writes
    events never waits for another who does.
    """

    event_id = models.BigIntegerField(primary_key=True)

    def __str__(self) -> str:
        return f"event {self.event_id} waits for its seal"


def octets(field: str) -> Func:
    """The length of a binary column."""
    return Func(F(field), function="octet_length", output_field=models.IntegerField())


class AuditSeal(models.Model):
    """One link of the chain: the hash over the seal before it and one event (``core.audit_chain``).

    Rows are never changed nor deleted. Positions count from 1 without gaps.
    """

    position = models.BigIntegerField(primary_key=True)
    event_id = models.BigIntegerField()
    hash = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="core_auditseal_event_once", fields=["event_id"]),
            models.CheckConstraint(name="core_auditseal_position_counts", condition=Q(position__gte=1)),
            models.CheckConstraint(name="core_auditseal_hash_whole", condition=Exact(octets("hash"), 32)),
        ]

    def __str__(self) -> str:
        return f"seal {self.position} of event {self.event_id}"


class KeptAnswer(models.Model):
    """One ``Idempotency-Key`` of one asker, and the answer that it got (``core.idempotency``)."""

    id = models.UUIDField(primary_key=True, editable=False, help_text="A keyed hash of asker, address and key.")
    claim = models.UUIDField(help_text="Who does the work; the writes of an earlier one are refused.")
    fingerprint = models.BinaryField(help_text="A keyed hash of what was sent.")
    lease_until = models.DateTimeField(null=True, help_text="Until when the work may take; null once it is answered.")
    answer = models.BinaryField(null=True, help_text="Sealed; empty where too many other bodies came with the key.")
    other_bodies = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="core_keptanswer_expired")]
        constraints = [
            models.CheckConstraint(
                name="core_keptanswer_fingerprint_whole",
                condition=Exact(octets("fingerprint"), 32),
            ),
            models.CheckConstraint(
                name="core_keptanswer_leased_or_answered",
                condition=Q(lease_until__isnull=True, answer__isnull=False)
                | Q(lease_until__isnull=False, answer__isnull=True),
            ),
            models.CheckConstraint(name="core_keptanswer_expires_later", condition=Q(expires_at__gt=F("created_at"))),
        ]

    def __str__(self) -> str:
        return f"answer to a key of {self.created_at:%Y-%m-%d %H:%M:%S} UTC"
