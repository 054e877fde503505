"""A fan club's member list, as the artist's people hand it over."""

from django.db import models
from django.db.models import Q

from campaigns.models.catalogue import Artist


class Member(models.Model):
    """One member: her number and the address that the fan club knows, both in their normal forms."""

    artist = models.ForeignKey(Artist, on_delete=models.CASCADE, related_name="members")
    number = models.CharField(max_length=64, db_collation="C")
    email = models.CharField(max_length=320, blank=True, default="", db_collation="C")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="campaigns_member_number_once", fields=["artist", "number"]),
            models.CheckConstraint(name="campaigns_member_number_given", condition=~Q(number="")),
        ]
        indexes = [models.Index(fields=["artist", "email"], name="campaigns_member_by_email")]

    def __str__(self) -> str:
        return self.number
