"""Four eyes: what somebody asked for, and what a second person said."""

from django.db import models
from django.db.models import F, Q

from viewers.models.staff import Staff


class Approval(models.Model):
    """A deed that waits for a second person. She sees exactly what was asked; nothing of it changes meanwhile."""

    class Status(models.TextChoices):
        """What has become of it."""

        WAITING = "waiting", "waits for a second person"
        APPROVED = "approved", "approved and done"
        DECLINED = "declined", "declined"
        WITHDRAWN = "withdrawn", "withdrawn"
        LAPSED = "lapsed", "lapsed"

    campaign = models.ForeignKey("campaigns.Campaign", on_delete=models.CASCADE, related_name="approvals")
    deed = models.CharField(max_length=40, help_text="What is to be done, as in wave.trigger.")
    target_id = models.CharField(max_length=64, help_text="The key of what it is done to.")
    parameters = models.JSONField(default=dict, help_text="What it is done with, and a fingerprint of what was seen.")
    title = models.CharField(max_length=300)
    facts = models.JSONField(default=list, help_text="The lines that the first person read before she asked.")
    reason = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    asked_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="approvals_asked")
    asked_at = models.DateTimeField()
    lapses_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        Staff, on_delete=models.PROTECT, null=True, blank=True, related_name="approvals_decided"
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["deed", "target_id"], condition=Q(status="waiting"), name="viewers_approval_waits_once"
            ),
            models.CheckConstraint(
                name="viewers_approval_status_known",
                condition=Q(status__in=["waiting", "approved", "declined", "withdrawn", "lapsed"]),
            ),
            models.CheckConstraint(
                name="viewers_approval_second_person",
                condition=~Q(status="approved") | (Q(decided_by__isnull=False) & ~Q(decided_by=F("asked_by"))),
            ),
            models.CheckConstraint(
                name="viewers_approval_decided_or_waiting",
                condition=Q(status="waiting", decided_at__isnull=True)
                | (~Q(status="waiting") & Q(decided_at__isnull=False)),
            ),
            models.CheckConstraint(name="viewers_approval_lapses_later", condition=Q(lapses_at__gt=F("asked_at"))),
        ]
        indexes = [models.Index(fields=["campaign", "-id"], name="viewers_approval_by_campaign")]

    def __str__(self) -> str:
        return self.title
