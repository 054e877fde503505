"""What fans are given.

Codes are numbered densely in their pool and never updated. A few range rows say which of them are free, held,
given or revoked, so that a count is one SUM and a hold or a trigger touches no million rows.
"""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import models
from django.db.models import F, Func, Q, Value

from campaigns.models import Campaign, Event, Market
from core.models import Job

POOL_SPAN = 2**32
"""Ids of a pool's codes lie in ``pool.id * POOL_SPAN + 1 …``: one index finds a code by id and by its number."""


class Pool(models.Model):
    """The codes of one type for one market (concurrent split) or one event (sequential split)."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="pools")
    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="pools")
    event = models.ForeignKey(Event, on_delete=models.PROTECT, null=True, blank=True, related_name="pools")
    code_type = models.CharField(max_length=40, default="presale")
    is_tied_to_account = models.BooleanField(default=False, help_text="Only the fan's own account may use the code.")
    presale_start_at = models.DateTimeField(
        "presale starts", null=True, blank=True, help_text="Empty takes the date's own, else the campaign's."
    )
    presale_end_at = models.DateTimeField(
        "presale ends", null=True, blank=True, help_text="Empty takes the campaign's."
    )
    min_length = models.PositiveSmallIntegerField("shortest", null=True, blank=True)
    max_length = models.PositiveSmallIntegerField("longest", null=True, blank=True)
    alphabet = models.CharField(
        "characters",
        max_length=100,
        blank=True,
        default="",
        db_default="",
        help_text="All that a code may have; empty sets no rule.",
    )
    pattern = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="A regular expression that the whole code fits.",
    )
    size = models.PositiveIntegerField(default=0, editable=False, help_text="How many codes it has, in every state.")
    last_number = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="The highest number that any of its codes ever had."
    )
    redeemed = models.PositiveIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="How many of them the ticketing platform has reported as used.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="codes_pool_presale_starts_before_end",
                condition=Q(presale_start_at__isnull=True)
                | Q(presale_end_at__isnull=True)
                | Q(presale_start_at__lt=F("presale_end_at")),
            ),
            models.CheckConstraint(
                name="codes_pool_lengths_in_range",
                condition=(Q(min_length__isnull=True) | Q(min_length__gte=1, min_length__lte=64))
                & (Q(max_length__isnull=True) | Q(max_length__gte=1, max_length__lte=64))
                & (Q(min_length__isnull=True) | Q(max_length__isnull=True) | Q(min_length__lte=F("max_length"))),
            ),
            models.CheckConstraint(
                name="codes_pool_size_counts", condition=Q(size__lte=F("last_number"), redeemed__lte=F("size"))
            ),
            models.UniqueConstraint(
                name="codes_pool_once", fields=["market", "event", "code_type"], nulls_distinct=False
            ),
            models.CheckConstraint(name="codes_pool_code_type_given", condition=~Q(code_type="")),
        ]

    def __str__(self) -> str:
        return f"{self.event or self.market} ({self.code_type})"


class Upload(Job):
    """Codes on their way into their pools: from a file, or made here. Or a file of codes that fans have used.

    ``waiting`` is a file that somebody still has to look at: nothing of it was read into a pool.
    """

    class Kind(models.TextChoices):
        """What it brings."""

        FILE = "file", "a file of codes"
        GENERATED = "generated", "codes made here"
        REDEEMED = "redeemed", "a file of used codes"

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="uploads")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.FILE, db_default=Kind.FILE, editable=False)
    pool = models.ForeignKey(
        Pool,
        on_delete=models.PROTECT,
        related_name="uploads",
        null=True,
        help_text="Where lines go that name no market; empty where each names its own.",
    )
    code_type = models.CharField(
        max_length=40,
        default="presale",
        db_default="presale",
        editable=False,
        help_text="The type of codes whose line names none.",
    )
    is_all_or_nothing = models.BooleanField(
        default=False, db_default=False, help_text="One refused line refuses the whole file."
    )
    shape = models.JSONField(
        default=dict, db_default={}, editable=False, help_text="How the file is read; or how codes are made."
    )
    file_name = models.CharField(max_length=255)
    storage_key = models.CharField(max_length=300, editable=False, blank=True)
    size_bytes = models.BigIntegerField(default=0, editable=False)
    lines = models.BigIntegerField(default=0, db_default=0, editable=False, help_text="How many lines held something.")
    added = models.PositiveIntegerField(default=0, editable=False)
    already_there = models.PositiveIntegerField(default=0, editable=False)
    refused = models.PositiveIntegerField(default=0, editable=False)
    refused_lines = models.JSONField(
        default=list, editable=False, help_text='The first of them: [{"line": 7, "reason": "…"}]; the file has all.'
    )
    refused_key = models.CharField(max_length=300, blank=True, default="", editable=False)
    uploaded_by = models.CharField(max_length=150, editable=False)
    undone_at = models.DateTimeField(null=True, blank=True, editable=False)
    undone_by = models.CharField(max_length=150, blank=True, default="", db_default="", editable=False)

    class Meta(Job.Meta):
        constraints = [
            *Job.Meta.constraints,
            models.CheckConstraint(
                name="codes_upload_kind_known", condition=Q(kind__in=["file", "generated", "redeemed"])
            ),
            models.CheckConstraint(
                name="codes_upload_undone_after_its_end", condition=Q(undone_at__isnull=True) | Q(status="finished")
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_refused_whole(self) -> bool:
        """Whether it was to be all or nothing, and a refused line made it nothing."""
        return bool(self.shape.get("is_refused_whole"))


class Code(models.Model):
    """One presale code. ``id`` is ``pool.id * POOL_SPAN`` plus its number in the pool, from 1."""

    id = models.BigIntegerField(primary_key=True)
    campaign = models.ForeignKey(
        Campaign, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    value = models.CharField(max_length=64, db_collation="C")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="codes_code_once_a_campaign", fields=["campaign", "value"]),
            models.CheckConstraint(name="codes_code_value_given", condition=~Q(value="")),
        ]

    def __str__(self) -> str:
        return f"code {self.id}"


class Hold(models.Model):
    """Codes taken out of their pools for one purpose. Its status is the status of all its codes."""

    class Status(models.TextChoices):
        """What its codes are."""

        HELD = "held", "held"
        ASSIGNED = "assigned", "assigned"
        RELEASED = "released", "released"

    class Kind(models.TextChoices):
        """What it is for."""

        WAVE = "wave", "a wave"
        RESERVE = "reserve", "kept back"
        HAND = "hand", "given by hand"

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="holds")
    code_type = models.CharField(max_length=40)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.WAVE, db_default=Kind.WAVE)
    status = models.CharField(max_length=8, choices=Status, default=Status.HELD)
    purpose = models.CharField(max_length=100, help_text="The wave's dateKey, or what else it is for.")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="Codes that are kept back for something other than a wave go back then."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="codes_hold_one_wave_at_a_time", fields=["campaign"], condition=Q(status="held", kind="wave")
            ),
            models.UniqueConstraint(
                name="codes_hold_one_by_hand", fields=["campaign", "code_type"], condition=Q(kind="hand")
            ),
            models.CheckConstraint(
                name="codes_hold_kind_known",
                condition=Q(kind="wave", expires_at__isnull=True)
                | Q(kind="reserve", expires_at__isnull=False)
                | Q(kind="hand", expires_at__isnull=True, status="assigned"),
            ),
            models.CheckConstraint(
                name="codes_hold_status_known", condition=Q(status__in=["held", "assigned", "released"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()} for {self.purpose}"


class IdRange(Func):
    """The closed interval of two bigint columns."""

    function = "int8range"
    output_field = models.CharField()

    def __init__(self) -> None:
        super().__init__(F("first"), F("last"), Value("[]"))


class CodeRange(models.Model):
    """Consecutive codes of one pool that share one state: available, in a hold, or revoked. Ranges never overlap."""

    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="ranges")
    upload = models.ForeignKey(Upload, on_delete=models.PROTECT, related_name="ranges", null=True)
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    hold = models.ForeignKey(Hold, on_delete=models.PROTECT, related_name="ranges", null=True)
    is_revoked = models.BooleanField(default=False)

    class Meta:
        constraints = [
            ExclusionConstraint(name="codes_coderange_apart", expressions=[(IdRange(), "&&")]),
            models.CheckConstraint(
                name="codes_coderange_in_its_pool",
                condition=Q(first__gt=F("pool") * POOL_SPAN, last__gte=F("first"))
                & Q(last__lt=(F("pool") + 1) * POOL_SPAN),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first}–{self.last}"


class Assignment(models.Model):
    """One code given to one entry. No foreign keys: with them, a COPY of millions takes ten times as long."""

    code = models.OneToOneField(
        Code, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="assignment"
    )
    entry_id = models.BigIntegerField()
    hold = models.ForeignKey(
        Hold, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="assignments"
    )
    market = models.ForeignKey(
        Market, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    event = models.ForeignKey(
        Event, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, null=True, related_name="+"
    )
    choice = models.SmallIntegerField(null=True, help_text="Null where it was given by hand.")
    position = models.IntegerField(null=True, help_text="Null where it was given by hand.")
    voided = models.CharField(max_length=10, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="codes_assignment_once_a_hold", fields=["entry_id", "hold"]),
            models.CheckConstraint(
                name="codes_assignment_voided_known",
                condition=Q(voided__in=["", "withdrawn", "excluded", "erased", "taken_back"]),
            ),
            models.CheckConstraint(
                name="codes_assignment_counts_from_one",
                condition=Q(choice__gte=1, position__gte=1) | Q(choice__isnull=True, position__isnull=True),
            ),
        ]
        indexes = [
            models.Index(fields=["hold"], name="codes_assignment_voided", condition=~Q(voided="")),
        ]  # So few that a COPY of millions does not feel it; a trigger finds them without a look at the rest.

    def __str__(self) -> str:
        return f"code {self.code_id} to entry {self.entry_id}"


class FormerAssignment(models.Model):
    """A code that was a fan's until another took its place; the assignment names the latest. The code is revoked."""

    code = models.OneToOneField(
        Code, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="former_assignment"
    )
    entry_id = models.BigIntegerField()
    hold = models.ForeignKey(
        Hold, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="former_assignments"
    )
    reason = models.TextField()
    ended_at = models.DateTimeField()
    ended_by = models.CharField(max_length=150)

    class Meta:
        indexes = [models.Index(fields=["entry_id", "hold"], name="codes_former_by_entry")]

    def __str__(self) -> str:
        return f"code {self.code_id}, once of entry {self.entry_id}"


class Redemption(models.Model):
    """A code that the ticketing platform has reported as used."""

    code = models.OneToOneField(
        Code, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="redemption"
    )
    redeemed_at = models.DateTimeField(help_text="As the platform says; else when it was reported.")
    reported_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"code {self.code_id} was used"
