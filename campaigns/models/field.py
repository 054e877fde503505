"""Questions of a campaign's own form."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from campaigns.models.campaign import Campaign

KEY_FORM = r"^[a-z][a-z0-9_]{0,39}$"


class Field(models.Model):  # type: ignore[django-manager-missing]  # modeltranslation sets it at start.
    """One question. Its label and help are in every interface language (django-modeltranslation)."""

    class Type(models.TextChoices):
        """What kind of answer it takes."""

        TEXT = "text", "text"
        LONG_TEXT = "long_text", "long text"
        NUMBER = "number", "number"
        DATE = "date", "date"
        CHECKBOX = "checkbox", "checkbox"
        CONSENT = "consent", "consent"
        DROPDOWN = "dropdown", "dropdown"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="fields")
    number = models.PositiveSmallIntegerField("order")
    key = models.CharField(
        max_length=40,
        validators=[RegexValidator(KEY_FORM, "Begin with a lower-case letter; then letters, digits, underscores.")],
        help_text="The answer's name in exports and the API.",
    )
    type = models.CharField(max_length=12, choices=Type, default=Type.TEXT)
    label = models.CharField(max_length=200)
    help_text = models.CharField(max_length=300, blank=True, default="")
    is_required = models.BooleanField("required", default=False)
    is_personal = models.BooleanField(
        "personal", default=False, help_text="Personal answers are masked for staff and left out of ordinary exports."
    )
    options = models.JSONField(
        blank=True,
        default=list,
        help_text='For a dropdown: [{"value": "floor", "labels": {"en": "Floor", "de": "Innenraum"}}, …]',
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(name="campaigns_field_key_once", fields=["campaign", "key"]),
            models.UniqueConstraint(
                name="campaigns_field_number_once",
                fields=["campaign", "number"],
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.CheckConstraint(name="campaigns_field_key_form", condition=Q(key__regex=KEY_FORM)),
            models.CheckConstraint(
                name="campaigns_field_type_known",
                condition=Q(type__in=["text", "long_text", "number", "date", "checkbox", "consent", "dropdown"]),
            ),
        ]

    def __str__(self) -> str:
        return self.label
