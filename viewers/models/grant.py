"""Rights: who may do what, in which campaign, since when, until when, granted by whom."""

from django.db import models
from django.db.models import Q

from viewers.models.staff import Staff


class Action(models.TextChoices):
    """What somebody can be allowed to do in a campaign, or (the last two) without one."""

    VIEW = "view", "view"
    EDIT_CONTENT = "edit_content", "edit content"
    EDIT_SETUP = "edit_setup", "edit set-up"
    MANAGE_CODES = "manage_codes", "manage codes"
    RUN_WAVES = "run_waves", "run waves"
    EXPORT = "export", "export"
    SEE_PERSONAL_DATA = "see_personal_data", "see personal data"
    GRANT_ACCESS = "grant_access", "grant access"
    EDIT_CATALOGUE = "edit_catalogue", "edit the catalogue"
    MANAGE_STAFF = "manage_staff", "manage staff"


WITHOUT_CAMPAIGN = (Action.EDIT_CATALOGUE, Action.MANAGE_STAFF)


class Grant(models.Model):
    """One right of one member of staff. It is taken by deleting the row; the audit trail keeps what was."""

    staff = models.ForeignKey(Staff, on_delete=models.CASCADE, related_name="grants")
    campaign = models.ForeignKey(
        "campaigns.Campaign", on_delete=models.CASCADE, null=True, blank=True, related_name="grants"
    )
    action = models.CharField(max_length=20, choices=Action)
    granted_at = models.DateTimeField()
    granted_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="grants_given")
    ends_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["staff", "campaign", "action"], name="viewers_grant_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                name="viewers_grant_action_known", condition=Q(action__in=[str(action) for action in Action])
            ),
            models.CheckConstraint(
                name="viewers_grant_scope",
                condition=Q(campaign__isnull=True, action__in=[str(action) for action in WITHOUT_CAMPAIGN])
                | (Q(campaign__isnull=False) & ~Q(action__in=[str(action) for action in WITHOUT_CAMPAIGN])),
            ),
            models.CheckConstraint(
                name="viewers_grant_ends_later",
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=models.F("granted_at")),
            ),
        ]
        indexes = [models.Index(fields=["campaign", "staff"], name="viewers_grant_by_campaign")]

    def __str__(self) -> str:
        return f"{self.staff} may {self.get_action_display()}"
