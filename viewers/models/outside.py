"""Who signs in with a token from outside: the accounts that such subjects are linked to, and the sessions made."""

import uuid

from django.db import models
from django.db.models import F, Q

from viewers.models.staff import Staff

MOST_LETTERS_OF_SUBJECT = 255


class OutsideIdentity(models.Model):
    """One subject of one issuer is this member of staff. Every other subject is a fan."""

    staff = models.ForeignKey(Staff, on_delete=models.CASCADE, related_name="outside_identities")
    issuer = models.CharField(max_length=80)
    """The name under which the settings know the issuer."""
    subject = models.CharField(max_length=MOST_LETTERS_OF_SUBJECT)
    linked_at = models.DateTimeField()
    linked_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "outside identity"
        verbose_name_plural = "outside identities"
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="viewers_outsideidentity_once"),
            models.CheckConstraint(name="viewers_outsideidentity_named", condition=~Q(issuer="") & ~Q(subject="")),
        ]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class ApiSession(models.Model):
    """A sign-in with a token from outside. Our own token and its cookie are good as long as this row says so."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    staff = models.ForeignKey(Staff, on_delete=models.CASCADE, null=True, blank=True, related_name="api_sessions")
    subject = models.CharField(max_length=MOST_LETTERS_OF_SUBJECT, blank=True)
    """A fan's name at the issuer; empty for staff."""
    issuer = models.CharField(max_length=80)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API session"
        constraints = [
            models.CheckConstraint(
                name="viewers_apisession_staff_or_fan",
                condition=Q(staff__isnull=False, subject="") | (Q(staff__isnull=True) & ~Q(subject="")),
            ),
            models.CheckConstraint(
                name="viewers_apisession_expires_later", condition=Q(expires_at__gt=F("created_at"))
            ),
        ]
        indexes = [models.Index(fields=["expires_at"], name="viewers_apisession_by_expiry")]

    def __str__(self) -> str:
        return f"API session {self.pk}"

    @property
    def token_subject(self) -> str:
        """Whom our own token names."""
        return f"staff:{self.staff_id}" if self.staff_id is not None else f"fan:{self.subject}"
