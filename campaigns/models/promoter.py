"""Who promotes a campaign, and what its pages may load after a fan's consent."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from campaigns.models.catalogue import Locale


class Promoter(models.Model):
    """A promoter of events. The address of its privacy policy stands on every fan page of its campaigns."""

    name = models.CharField(max_length=200)
    privacy_url = models.URLField("privacy policy", blank=True, default="", help_text="For locales without their own.")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="campaigns_promoter_name_once", fields=["name"]),
            models.CheckConstraint(name="campaigns_promoter_name_given", condition=~Q(name="")),
        ]

    def __str__(self) -> str:
        return self.name

    def privacy_url_in(self, locale: str, *, default: str = "") -> str:
        """The address of its policy for a locale: that locale's, else the default locale's, else its own."""
        found = {policy.locale_id: policy.url for policy in self.policies.all()}
        return found.get(locale) or found.get(default) or self.privacy_url


class PrivacyPolicy(models.Model):
    """The address of a promoter's privacy policy in one locale."""

    promoter = models.ForeignKey(Promoter, on_delete=models.CASCADE, related_name="policies")
    locale = models.ForeignKey(Locale, on_delete=models.PROTECT, related_name="+")
    url = models.URLField("address")

    class Meta:
        verbose_name_plural = "privacy policies"
        constraints = [
            models.UniqueConstraint(name="campaigns_privacypolicy_locale_once", fields=["promoter", "locale"]),
        ]

    def __str__(self) -> str:
        return f"{self.promoter} in {self.locale_id}"


class Tracker(models.Model):
    """One analytics tag that a campaign's pages may load once a fan has agreed."""

    class Kind(models.TextChoices):
        """Whose tag it is."""

        GA4 = "ga4", "Google Analytics 4"
        GTM = "gtm", "Google Tag Manager"
        META = "meta", "Meta pixel"
        TIKTOK = "tiktok", "TikTok pixel"
        X = "x", "X pixel"
        SNAP = "snap", "Snap pixel"
        PIXEL = "pixel", "an image from an address"

    name = models.CharField(max_length=100, help_text="For staff, as in “Label's Meta pixel”.")
    kind = models.CharField(max_length=6, choices=Kind)
    identifier = models.CharField(
        max_length=60,
        blank=True,
        default="",
        validators=[RegexValidator(r"\A[A-Za-z0-9_-]{1,60}\Z", "Use letters, digits, hyphens and underscores.")],
        help_text="The tag's id, as in G-AB12CD34 or GTM-AB12CD.",
    )
    url = models.URLField("address", blank=True, default="", help_text="For an image from an address alone.")
    is_active = models.BooleanField("in use", default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="campaigns_tracker_once", fields=["kind", "identifier", "url"]),
            models.CheckConstraint(name="campaigns_tracker_name_given", condition=~Q(name="")),
            models.CheckConstraint(
                name="campaigns_tracker_kind_known",
                condition=Q(kind__in=["ga4", "gtm", "meta", "tiktok", "x", "snap", "pixel"]),
            ),
            models.CheckConstraint(
                name="campaigns_tracker_identifier_or_url",
                condition=(Q(kind="pixel", identifier="") & ~Q(url=""))
                | (~Q(kind="pixel") & ~Q(identifier="") & Q(url="")),
            ),
        ]

    def __str__(self) -> str:
        return self.name
