"""Machine tokens: how a program acts for the member of staff who made the token, within limits."""

from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from viewers.models.grant import Action
from viewers.models.staff import Staff

LONGEST = timedelta(days=366)
"""A token ends after a year at the latest."""
FORBIDDEN_TO_MACHINES = (Action.GRANT_ACCESS, Action.MANAGE_STAFF)
"""A token that could give rights would outlive its own limits."""
MACHINE_ACTIONS = tuple(action for action in Action if action not in FORBIDDEN_TO_MACHINES)


class MachineToken(models.Model):
    """A program's proof of itself. Its secret is shown once and stored as a hash alone."""

    lookup = models.CharField(max_length=16, editable=False)
    """The part of the token's text that finds the row; no secret."""
    secret_hash = models.CharField(max_length=64, editable=False)
    """SHA-256 of the secret part, hex. The secret is 256 random bits, so that no salt and no slow hash is needed."""
    name = models.CharField(max_length=80)
    owner = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="machine_tokens")
    actions = ArrayField(models.CharField(max_length=20, choices=Action))
    reaches_all_campaigns = models.BooleanField(default=False)
    campaigns = models.ManyToManyField("campaigns.Campaign", blank=True, related_name="+")
    """Where it reaches, unless it reaches all campaigns of its owner."""
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["lookup"], name="viewers_machinetoken_lookup_once"),
            models.CheckConstraint(name="viewers_machinetoken_name_given", condition=~Q(name="")),
            models.CheckConstraint(
                name="viewers_machinetoken_hash_form", condition=Q(("secret_hash__regex", r"^[0-9a-f]{64}$"))
            ),
            models.CheckConstraint(
                name="viewers_machinetoken_actions_known",
                condition=Q(actions__contained_by=[str(action) for action in MACHINE_ACTIONS], actions__len__gt=0),
            ),
            models.CheckConstraint(
                name="viewers_machinetoken_ends_within_a_year",
                condition=Q(expires_at__gt=F("created_at"), expires_at__lte=F("created_at") + LONGEST),
            ),
        ]
        indexes = [models.Index(fields=["owner", "-id"], name="viewers_token_by_owner")]

    def __str__(self) -> str:
        return self.name

    def is_in_force(self, now: datetime) -> bool:
        """Whether it opens anything: neither revoked nor expired, and its owner's account is on."""
        return self.revoked_at is None and self.expires_at > now and self.owner.is_active and self.owner.is_staff
