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
        EMAIL = "email", "e-mail address"
        PHONE = "phone", "phone number"
        CHECKBOX = "checkbox", "checkbox"
        CONSENT = "consent", "consent"
        RADIO = "radio", "radio buttons"
        DROPDOWN = "dropdown", "dropdown"
        MULTIPLE = "multiple", "multiple choice"
        RANKING = "ranking", "market ranking"

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
        help_text='For choices: [{"value": "floor", "labels": {"en": "Floor", "de": "Innenraum"}}, …]',
    )

    minimum = models.CharField(
        max_length=40, blank=True, default="", db_default="", help_text="The least number, date or count of choices."
    )
    maximum = models.CharField(
        max_length=40, blank=True, default="", db_default="", help_text="The greatest; of a text, its most letters."
    )
    shown_if = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="Asked only if …"
    )
    shown_if_value = models.CharField(
        max_length=100, blank=True, default="", db_default="", help_text="… the answer to that question is this."
    )
    is_active = models.BooleanField(
        "asked", default=True, db_default=True, help_text="A question that is asked no more keeps its answers readable."
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
                condition=Q(
                    type__in=[
                        "text",
                        "long_text",
                        "number",
                        "date",
                        "email",
                        "phone",
                        "checkbox",
                        "consent",
                        "radio",
                        "dropdown",
                        "multiple",
                        "ranking",
                    ]
                ),
            ),
            models.UniqueConstraint(
                name="campaigns_field_one_ranking", fields=["campaign"], condition=Q(type="ranking", is_active=True)
            ),
            models.CheckConstraint(
                name="campaigns_field_condition_whole",
                condition=Q(shown_if__isnull=True, shown_if_value="")
                | (Q(shown_if__isnull=False) & ~Q(shown_if_value="")),
            ),
            models.CheckConstraint(
                name="campaigns_field_not_its_own_condition",
                condition=Q(shown_if__isnull=True) | ~Q(shown_if=models.F("id")),
            ),
        ]

    def __str__(self) -> str:
        return self.label

    def clean(self) -> None:
        """Check the definition as a whole.

        :raises ValidationError: with what to mend beside each part of it.
        """
        from campaigns import field_rules  # It stands on this model.

        field_rules.check(self)
