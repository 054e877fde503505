"""What a fan must bring to register: a card, an account, another entry, a verified identity, a membership."""

from typing import Any

from django.db import models
from django.db.models import Max, Q

from campaigns.models.campaign import Campaign


class Gate(models.Model):  # type: ignore[django-manager-missing]  # modeltranslation sets it at start.
    """One condition of a campaign. Its provider says whether a fan passes, fails, or that it cannot say."""

    class Kind(models.TextChoices):
        """What is asked for."""

        CARD_TYPE = "card_type", "card type"
        LINKED_ACCOUNT = "linked_account", "linked account"
        CAMPAIGN_ENTRY = "campaign_entry", "entry in another campaign"
        IDV_TIER = "idv_tier", "identity verification tier"
        FAN_CLUB = "fan_club", "fan club membership"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="gates")
    number = models.PositiveSmallIntegerField("order")
    kind = models.CharField(max_length=14, choices=Kind)
    provider = models.CharField(max_length=40, help_text="Who answers, by its name among the registered providers.")
    wanted = models.CharField(
        max_length=100, blank=True, default="", help_text="What passes: a card type, an account's kind, a tier."
    )
    other_campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, null=True, blank=True, related_name="gates_of_others"
    )
    message = models.CharField(
        max_length=300, blank=True, default="", help_text="What a fan reads who does not pass; say how she can mend it."
    )
    is_active = models.BooleanField("in use", default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="campaigns_gate_number_once", fields=["campaign", "number"], deferrable=models.Deferrable.DEFERRED
            ),
            models.CheckConstraint(
                name="campaigns_gate_kind_known",
                condition=Q(kind__in=["card_type", "linked_account", "campaign_entry", "idv_tier", "fan_club"]),
            ),
            models.CheckConstraint(
                name="campaigns_gate_other_campaign",
                condition=Q(kind="campaign_entry", other_campaign__isnull=False)
                | (~Q(kind="campaign_entry") & Q(other_campaign__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}{f': {self.wanted}' if self.wanted else ''}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Give a new gate the campaign's next place in the order where none was given."""
        if not self.number:
            last = Gate.objects.filter(campaign=self.campaign_id).aggregate(last=Max("number"))["last"]
            self.number = (last or 0) + 1
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Check the definition as a whole.

        :raises ValidationError: with what to mend beside each part of it.
        """
        from campaigns import gating  # It stands on this model.

        gating.check_definition(self)
