"""Who is chosen: waves, their preparation, their frozen draw, and what follows the trigger."""

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce, NullIf

from campaigns.models import Campaign, Market
from codes.models import Hold
from core.models import Job

DATE_KEY_FORM = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}b?$"
MOST_WAVES = 32
"""Secrets that a campaign commits to; a 33rd wave is refused."""


class Wave(models.Model):
    """A batch of selected fans who get their codes at one time."""

    class Status(models.TextChoices):
        """Where it stands. ``failed`` means that an operator abandoned it."""

        SCHEDULED = "scheduled", "scheduled"
        PROCESSING = "processing", "processing"
        TRIGGERED = "triggered", "triggered"
        COMPLETED = "completed", "completed"
        FAILED = "failed", "failed"

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="waves")
    date_key = models.CharField(
        max_length=17, help_text="Local time in the reference timezone, with b behind the second of a repeated time."
    )
    name = models.CharField(max_length=100, blank=True, default="")
    status = models.CharField(max_length=10, choices=Status, default=Status.SCHEDULED, editable=False)
    is_automatic = models.BooleanField(
        "triggered by the clock",
        default=True,
        db_default=False,
        help_text="At its time, once it is prepared and, where two people must agree, approved. Else by hand alone.",
    )
    trigger_key = models.CharField(
        max_length=17,
        blank=True,
        default="",
        db_default="",
        help_text="The local time to which the trigger was put off, like a dateKey; empty where it was not.",
    )
    tells_not_selected = models.BooleanField(
        "mail to those not chosen", default=False, db_default=False, help_text="Whoever took part is mailed either way."
    )
    mails_a_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="The most mails a minute; empty sends as fast as the mail server takes them."
    )
    triggered_at = models.DateTimeField(null=True, blank=True, editable=False)
    completed_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="waves_wave_date_key_once", fields=["campaign", "date_key"]),
            models.UniqueConstraint(
                name="waves_wave_one_at_a_time", fields=["campaign"], condition=Q(status="processing")
            ),
            models.UniqueConstraint(
                F("campaign"),
                Coalesce(NullIf(F("trigger_key"), Value("")), F("date_key")),
                name="waves_wave_trigger_time_once",
                condition=Q(status__in=["scheduled", "processing"]),
            ),
            models.CheckConstraint(name="waves_wave_date_key_form", condition=Q(date_key__regex=DATE_KEY_FORM)),
            models.CheckConstraint(
                name="waves_wave_trigger_key_form", condition=Q(trigger_key="") | Q(trigger_key__regex=DATE_KEY_FORM)
            ),
            models.CheckConstraint(
                name="waves_wave_mails_a_minute", condition=Q(mails_a_minute__isnull=True) | Q(mails_a_minute__gte=1)
            ),
            models.CheckConstraint(
                name="waves_wave_status_known",
                condition=Q(status__in=["scheduled", "processing", "triggered", "completed", "failed"]),
            ),
            models.CheckConstraint(
                name="waves_wave_triggered_when",
                condition=Q(status__in=["triggered", "completed"], triggered_at__isnull=False)
                | (~Q(status__in=["triggered", "completed"]) & Q(triggered_at__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name or 'Wave'} {self.date_key}"


class WavePrep(Job):
    """The preparation of one wave: its options, and the work from the hold to the files."""

    wave = models.OneToOneField(Wave, on_delete=models.CASCADE, related_name="prep")
    code_type = models.CharField(max_length=40, default="presale")
    ranking = models.JSONField(default=list, help_text="Criteria in order: preference, score.")
    score_tier = models.PositiveSmallIntegerField(default=10)
    score_min = models.PositiveSmallIntegerField(null=True, blank=True)
    score_max = models.PositiveSmallIntegerField(null=True, blank=True)
    audience = models.CharField(
        max_length=80,
        default="all",
        db_default="all",
        help_text="all, waitlisted: with a wave's dateKey, or fanlist: with a fanlist's domain.",
    )
    reassign = models.BooleanField(default=False, help_text="Fans whom an earlier wave chose may be chosen again.")
    public_source = models.CharField(
        max_length=200, blank=True, default="", help_text="The one source of a public value; empty asks for none."
    )
    limits = models.JSONField(default=dict, blank=True, help_text='Places of this wave by market: {"AZ-PHX": 500}.')
    hold = models.OneToOneField(Hold, on_delete=models.PROTECT, null=True, editable=False, related_name="wave_prep")

    class Meta(Job.Meta):
        constraints = [
            *Job.Meta.constraints,
            models.CheckConstraint(
                name="waves_waveprep_scores_in_range",
                condition=Q(score_tier__gte=1)
                & (Q(score_min__isnull=True) | Q(score_min__lte=100))
                & (Q(score_max__isnull=True) | Q(score_max__lte=100))
                & (Q(score_min__isnull=True) | Q(score_max__isnull=True) | Q(score_min__lte=F("score_max"))),
            ),
        ]

    def __str__(self) -> str:
        return f"preparation of {self.wave}"

    @property
    def campaign_id(self) -> int:
        """The campaign of its wave."""
        return self.wave.campaign_id


class Draw(models.Model):
    """A frozen draw. Made once, at the freeze; rules, snapshot, number and key never change afterwards."""

    wave = models.OneToOneField(Wave, on_delete=models.PROTECT, related_name="draw")
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="draws")
    number = models.PositiveSmallIntegerField()
    rules = models.BinaryField(help_text="rules.json, byte for byte.")
    rules_sha256 = models.CharField(max_length=64)
    snapshot_sha256 = models.CharField(max_length=64)
    root = models.CharField(max_length=64)
    entries = models.PositiveIntegerField()
    eligible = models.PositiveIntegerField()
    reasons = models.JSONField(default=dict, help_text="How many entries each reason kept out.")
    frozen_at = models.DateTimeField()
    frozen_while_open = models.BooleanField(
        default=False, db_default=False, help_text="Fans could still register when it was frozen."
    )
    software = models.CharField(
        max_length=60, blank=True, default="", db_default="", help_text="What froze it, as its manifest says for good."
    )
    storage_prefix = models.CharField(max_length=200, help_text="Where its files lie; a slash at the end.")
    public_value = models.CharField(max_length=256, null=True)  # noqa: DJ001  Null is awaited, empty is none.
    allocation_sha256 = models.CharField(max_length=64, blank=True, default="")
    placed = models.PositiveIntegerField(null=True)
    placed_by_choice = models.JSONField(default=list)
    voided = models.BinaryField(null=True, help_text="voided.csv, byte for byte, since the trigger.")
    voided_sha256 = models.CharField(max_length=64, blank=True, default="")
    revealed_at = models.DateTimeField(null=True)
    abandoned = models.TextField(blank=True, default="", help_text="The reason, where the wave was abandoned.")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="waves_draw_number_once", fields=["campaign", "number"]),
            models.CheckConstraint(name="waves_draw_number_range", condition=Q(number__gte=1, number__lte=MOST_WAVES)),
            models.CheckConstraint(
                name="waves_draw_allocation_whole",
                condition=Q(allocation_sha256="", placed__isnull=True)
                | (~Q(allocation_sha256="") & Q(placed__isnull=False, public_value__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"draw {self.number} of campaign {self.campaign_id}"


class MarketOutcome(models.Model):
    """What a draw did in one market: places, how many were placed, and the sort key of the last who got in."""

    draw = models.ForeignKey(Draw, on_delete=models.CASCADE, related_name="markets")
    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="+")
    demand_first = models.PositiveIntegerField(help_text="Eligible entries that name it first.")
    demand = models.PositiveIntegerField(help_text="Eligible entries that name it at all.")
    places = models.PositiveIntegerField()
    placed = models.PositiveIntegerField()
    cutoff = models.JSONField(
        null=True, help_text='{"choice": 2, "tier": 7, "ticket": "00ff…", "ref": "…"}; null where it did not fill.'
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(name="waves_marketoutcome_once", fields=["draw", "market"]),
            models.CheckConstraint(name="waves_marketoutcome_never_over", condition=Q(placed__lte=F("places"))),
        ]

    def __str__(self) -> str:
        return f"{self.placed} of {self.places} in {self.market}"


class Selection(Job):
    """The work after a trigger: the selection's files, and the wave's completion."""

    wave = models.OneToOneField(Wave, on_delete=models.PROTECT, related_name="selection")

    class Meta(Job.Meta):
        pass

    def __str__(self) -> str:
        return f"selection of {self.wave}"

    @property
    def campaign_id(self) -> int:
        """The campaign of its wave."""
        return self.wave.campaign_id


class Notification(Job):
    """The mails of a completed wave. One that waits is paused, and one that is cancelled was stopped for good."""

    wave = models.OneToOneField(Wave, on_delete=models.PROTECT, related_name="notification")
    selected_queued_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When there was a message for each fan with a code."
    )
    not_selected_queued_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When there was one for each fan who was not chosen."
    )
    paced_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="No mail before, where the wave sends so many a minute."
    )
    away_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Since when the mail server takes no mail."
    )
    done_before = models.BigIntegerField(
        default=0, db_default=0, editable=False, help_text="Mails that were done when this worker began."
    )

    class Meta(Job.Meta):
        pass

    def __str__(self) -> str:
        return f"mails of {self.wave}"

    @property
    def rate(self) -> float | None:
        """Mails a second since this worker began."""
        if self.phase_started_at is None or self.heartbeat_at is None:
            return None
        seconds = (self.heartbeat_at - self.phase_started_at).total_seconds()
        done = self.progress_done - self.done_before
        return done / seconds if seconds > 0 and done > 0 else None

    @property
    def campaign_id(self) -> int:
        """The campaign of its wave."""
        return self.wave.campaign_id


class Auditor(models.Model):
    """Somebody outside whom a campaign lets download its draws' bundles by a signed link of her own."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="auditors")
    name = models.CharField(max_length=200, help_text="Who it is, as in “Jane Roe, city auditor's office”.")
    expires_at = models.DateTimeField("link ends")
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_seen_at = models.DateTimeField("last download", null=True, blank=True, editable=False)
    created_at = models.DateTimeField(editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(name="waves_auditor_named", condition=~Q(name="")),
            models.CheckConstraint(name="waves_auditor_ends_later", condition=Q(expires_at__gt=F("created_at"))),
        ]

    def __str__(self) -> str:
        return self.name
