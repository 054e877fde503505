"""Markets and their events."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Max, Q

from campaigns.models.campaign import Campaign
from campaigns.models.catalogue import Venue

CODE_FORM = r"^[A-Za-z0-9._-]{1,40}$"
"""Market and event codes, as they stand in a draw's bundle."""
validate_code = RegexValidator(CODE_FORM, "Use 1 to 40 letters, digits, dots, underscores or hyphens.")
MOST_MARKETS = 32767


class Market(models.Model):
    """A venue's place in a campaign: what a fan ranks, and what codes are for."""

    class Split(models.TextChoices):
        """How the market's events share its codes."""

        CONCURRENT = "concurrent", "concurrent: events share one pool"
        SEQUENTIAL = "sequential", "sequential: one pool an event, filled in order"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="markets")
    number = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(MOST_MARKETS)],
        editable=False,
        help_text="The number by which entries name it. Given once, never changed.",
    )
    code = models.CharField(
        max_length=40,
        validators=[validate_code],
        db_collation="C",
        help_text="Its short name in files and the API, as in CA-LAX; fixed once the campaign has opened.",
    )
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="markets")
    population_limit = models.PositiveIntegerField(
        null=True, blank=True, help_text="The most fans that all waves together may choose here; empty sets no limit."
    )
    split = models.CharField(max_length=10, choices=Split, default=Split.CONCURRENT)
    link = models.URLField(blank=True, default="", help_text="Where a chosen fan buys, unless the event has its own.")
    is_active = models.BooleanField("active", default=True, help_text="An inactive market gives no codes.")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="campaigns_market_number_once", fields=["campaign", "number"]),
            models.UniqueConstraint(name="campaigns_market_code_once", fields=["campaign", "code"]),
            models.CheckConstraint(name="campaigns_market_code_form", condition=Q(code__regex=CODE_FORM)),
            models.CheckConstraint(
                name="campaigns_market_number_range", condition=Q(number__gte=1, number__lte=MOST_MARKETS)
            ),
            models.CheckConstraint(
                name="campaigns_market_split_known", condition=Q(split__in=["concurrent", "sequential"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.venue.city} – {self.venue.name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Give a new market the campaign's next number."""
        if not self.number:
            last = Market.objects.filter(campaign=self.campaign_id).aggregate(last=Max("number"))["last"]
            self.number = (last or 0) + 1
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Refuse another code once fans may hold receipts that name this one."""
        stored = Market.objects.filter(pk=self.pk).values_list("code", flat=True).first()
        if stored is not None and stored != self.code and self.campaign.has_opened:
            raise ValidationError({"code": "Fixed since the campaign opened: receipts name it."})


class Event(models.Model):
    """One date of a market."""

    market = models.ForeignKey(Market, on_delete=models.CASCADE, related_name="events")
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="events", editable=False)
    number = models.PositiveSmallIntegerField(
        "order", validators=[MinValueValidator(1)], blank=True, help_text="Its place in a sequential split."
    )
    code = models.CharField("event id", max_length=40, validators=[validate_code], db_collation="C")
    name = models.CharField(max_length=200, blank=True, default="")
    starts_at = models.DateTimeField("date")
    presale_at = models.DateTimeField(
        "presale", null=True, blank=True, help_text="Where it differs from the campaign's presale window."
    )
    link = models.URLField(blank=True, default="")
    is_active = models.BooleanField("active", default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="campaigns_event_code_once", fields=["campaign", "code"]),
            models.UniqueConstraint(
                name="campaigns_event_number_once", fields=["market", "number"], deferrable=models.Deferrable.DEFERRED
            ),
            models.CheckConstraint(name="campaigns_event_code_form", condition=Q(code__regex=CODE_FORM)),
            models.CheckConstraint(name="campaigns_event_number_range", condition=Q(number__gte=1)),
        ]

    def __str__(self) -> str:
        return self.name or self.code

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Take the campaign from the market, and the next place in its order where none was given."""
        self.campaign_id = self.market.campaign_id
        if not self.number:
            last = Event.objects.filter(market=self.market_id).aggregate(last=Max("number"))["last"]
            self.number = (last or 0) + 1
        super().save(*args, **kwargs)
