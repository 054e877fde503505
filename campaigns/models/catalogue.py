"""What campaigns share: artists, venues and locales."""

from functools import lru_cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q


@lru_cache(maxsize=1)
def _timezones() -> set[str]:
    return available_timezones()  # It reads the whole folder each time.


def validate_timezone(name: str) -> None:
    """Refuse a name that the time zone database does not have."""
    if name not in _timezones():
        raise ValidationError(f"“{name}” is no time zone. Use a name like America/Los_Angeles.", code="timezone")


class Artist(models.Model):
    """A performer."""

    name = models.CharField(max_length=200)
    discovery_id = models.CharField(
        "discovery id", max_length=40, blank=True, default="", help_text="Her id on the ticketing platform."
    )
    image = models.URLField("image address", blank=True, default="")
    fan_club_name = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(name="campaigns_artist_name_given", condition=~Q(name="")),
            models.UniqueConstraint(
                name="campaigns_artist_discovery_id_once", fields=["discovery_id"], condition=~Q(discovery_id="")
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Venue(models.Model):  # type: ignore[django-manager-missing]  # modeltranslation sets it at start.
    """A place where events happen."""

    name = models.CharField(max_length=200)
    address = models.CharField(max_length=300, blank=True, default="")
    city = models.CharField(max_length=100)
    state = models.CharField(max_length=40, blank=True, default="")
    country = models.CharField(
        max_length=2, validators=[RegexValidator(r"\A[A-Z]{2}\Z", "Use the two-letter code, as in US.")]
    )
    latitude = models.DecimalField(max_digits=8, decimal_places=5, null=True, blank=True)
    longitude = models.DecimalField(max_digits=8, decimal_places=5, null=True, blank=True)
    timezone = models.CharField(max_length=50, validators=[validate_timezone])
    ticketing_platform = models.CharField(max_length=60, blank=True, default="")
    ticketing_platform_id = models.CharField(max_length=60, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="campaigns_venue_once", fields=["name", "city", "country"]),
            models.CheckConstraint(
                name="campaigns_venue_latitude_range",
                condition=Q(latitude__isnull=True) | Q(latitude__range=(-90, 90)),
            ),
            models.CheckConstraint(
                name="campaigns_venue_longitude_range",
                condition=Q(longitude__isnull=True) | Q(longitude__range=(-180, 180)),
            ),
            models.CheckConstraint(
                name="campaigns_venue_both_coordinates",
                condition=Q(latitude__isnull=True, longitude__isnull=True)
                | Q(latitude__isnull=False, longitude__isnull=False),
            ),
            models.CheckConstraint(name="campaigns_venue_country_code", condition=Q(country__regex=r"^[A-Z]{2}$")),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.city}"


class Locale(models.Model):
    """A language and region that campaigns can speak, such as ``es_MX``."""

    class Direction(models.TextChoices):
        """Which way the script runs."""

        LTR = "ltr", "left to right"
        RTL = "rtl", "right to left"

    code = models.CharField(
        max_length=10,
        primary_key=True,
        validators=[RegexValidator(r"\A[a-z]{2,3}_[A-Z]{2}\Z", "Use a code like en_US.")],
    )
    name = models.CharField(max_length=80, help_text="In its own language, as fans will read it.")
    direction = models.CharField(max_length=3, choices=Direction, default=Direction.LTR)
    is_active = models.BooleanField("in use", default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="campaigns_locale_code_form", condition=Q(code__regex=r"^[a-z]{2,3}_[A-Z]{2}$")
            ),
            models.CheckConstraint(name="campaigns_locale_direction_known", condition=Q(direction__in=["ltr", "rtl"])),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

    @property
    def language(self) -> str:
        """The language part, the name of the interface's translations."""
        return self.code.partition("_")[0]

    @property
    def tag(self) -> str:
        """The BCP 47 tag for ``lang`` attributes, such as ``es-MX``."""
        return self.code.replace("_", "-")
