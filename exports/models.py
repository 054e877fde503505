"""What is reported."""

from django.db import models
from django.db.models import Q

from campaigns.models import Campaign
from core.models import Job
from waves.models import Wave


class Export(Job):
    """A file of a campaign's data, made in the background and downloaded by a signed address."""

    class Dataset(models.TextChoices):
        """What is in it."""

        SELECTION = "selection", "selection of a wave"
        ENTRIES = "entries", "entries"

    class Format(models.TextChoices):
        """How it is written."""

        CSV = "csv", "CSV"

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="exports")
    dataset = models.CharField(max_length=20, choices=Dataset)
    wave = models.ForeignKey(Wave, on_delete=models.PROTECT, null=True, blank=True, related_name="exports")
    format = models.CharField(max_length=10, choices=Format, default=Format.CSV)
    is_masked = models.BooleanField(
        default=False, db_default=False, help_text="Whether personal data is masked in the file."
    )
    storage_key = models.CharField(max_length=300, blank=True, default="", editable=False)
    rows = models.PositiveIntegerField(default=0, editable=False)
    size_bytes = models.BigIntegerField(default=0, editable=False)
    requested_by = models.CharField(max_length=150, editable=False)

    class Meta(Job.Meta):
        constraints = [
            *Job.Meta.constraints,
            models.CheckConstraint(
                name="exports_export_dataset_known", condition=Q(dataset__in=["selection", "entries"])
            ),
            models.CheckConstraint(name="exports_export_format_known", condition=Q(format="csv")),
            models.CheckConstraint(
                name="exports_export_selection_of_a_wave",
                condition=Q(dataset="selection", wave__isnull=False) | (~Q(dataset="selection") & Q(wave__isnull=True)),
            ),
            models.CheckConstraint(
                name="exports_export_finished_has_file", condition=~Q(status="finished") | ~Q(storage_key="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_dataset_display()} of {self.campaign}"
