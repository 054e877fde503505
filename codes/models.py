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
    size = models.PositiveIntegerField(default=0, editable=False, help_text="How many codes were ever added.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="codes_pool_once", fields=["market", "event", "code_type"], nulls_distinct=False
            ),
            models.CheckConstraint(name="codes_pool_code_type_given", condition=~Q(code_type="")),
        ]

    def __str__(self) -> str:
        return f"{self.event or self.market} ({self.code_type})"


class Upload(Job):
    """A file of codes on its way into one pool."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="uploads")
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="uploads")
    file_name = models.CharField(max_length=255)
    storage_key = models.CharField(max_length=300, editable=False)
    size_bytes = models.BigIntegerField(default=0, editable=False)
    added = models.PositiveIntegerField(default=0, editable=False)
    already_there = models.PositiveIntegerField(default=0, editable=False)
    refused = models.PositiveIntegerField(default=0, editable=False)
    refused_lines = models.JSONField(
        default=list, editable=False, help_text='The first of them: [{"line": 7, "reason": "…"}]; the file has all.'
    )
    refused_key = models.CharField(max_length=300, blank=True, default="", editable=False)
    uploaded_by = models.CharField(max_length=150, editable=False)

    class Meta(Job.Meta):
        pass

    def __str__(self) -> str:
        return f"{self.file_name} into {self.pool}"


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

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="holds")
    code_type = models.CharField(max_length=40)
    status = models.CharField(max_length=8, choices=Status, default=Status.HELD)
    purpose = models.CharField(max_length=100, help_text="The wave's dateKey, or what else it is for.")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="A wave's hold never expires; one for anything else does."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="codes_hold_one_wave_at_a_time",
                fields=["campaign"],
                condition=Q(status="held", expires_at__isnull=True),
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
    choice = models.SmallIntegerField()
    position = models.IntegerField()
    voided = models.CharField(max_length=10, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="codes_assignment_once_a_hold", fields=["entry_id", "hold"]),
            models.CheckConstraint(
                name="codes_assignment_voided_known",
                condition=Q(voided__in=["", "withdrawn", "excluded", "erased"]),
            ),
            models.CheckConstraint(
                name="codes_assignment_counts_from_one", condition=Q(choice__gte=1, position__gte=1)
            ),
        ]

    def __str__(self) -> str:
        return f"code {self.code_id} to entry {self.entry_id}"
