"""What stands beside a campaign's texts in each locale: images and frequent questions."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from campaigns import placeholders, rich_text
from campaigns.models.campaign import Campaign
from campaigns.models.catalogue import Locale


class Image(models.Model):
    """One picture of a campaign's pages or mails in one locale; another locale without it shows the default one's."""

    class Kind(models.TextChoices):
        """Where it is shown."""

        MAIN = "main", "main"
        MOBILE = "mobile", "mobile"
        EMAIL = "email", "mails"
        SECONDARY = "secondary", "secondary"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="images")
    locale = models.ForeignKey(Locale, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=9, choices=Kind)
    key = models.CharField(max_length=200, editable=False, help_text="Where it is stored; made anew with each file.")
    content_type = models.CharField(max_length=20, editable=False)
    width = models.PositiveIntegerField(editable=False)
    height = models.PositiveIntegerField(editable=False)
    size_bytes = models.PositiveIntegerField(editable=False)
    alternative_text = models.CharField(
        max_length=300,
        blank=True,
        default="",
        help_text="What it shows, for who does not see it; empty for decoration.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(name="campaigns_image_once", fields=["campaign", "locale", "kind"]),
            models.CheckConstraint(
                name="campaigns_image_kind_known", condition=Q(kind__in=["main", "mobile", "email", "secondary"])
            ),
            models.CheckConstraint(
                name="campaigns_image_type_known",
                condition=Q(content_type__in=["image/jpeg", "image/png", "image/webp"]),
            ),
            models.CheckConstraint(
                name="campaigns_image_has_size", condition=Q(width__gte=1, height__gte=1, size_bytes__gte=1)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} image in {self.locale_id}"

    @property
    def path(self) -> str:
        """Its address on any of our hosts: of its content, so that it may be kept for ever."""
        return f"/{self.key}"

    @property
    def url(self) -> str:
        """Its whole address, for mails and other programs."""
        return f"{settings.PUBLIC_URL}{self.path}"


class Faq(models.Model):
    """One frequent question with its answer, on the landing or on the confirmation page, in one locale."""

    class Page(models.TextChoices):
        """Where it stands."""

        LANDING = "landing", "landing page"
        CONFIRMATION = "confirmation", "confirmation page"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="faqs")
    locale = models.ForeignKey(Locale, on_delete=models.PROTECT, related_name="+")
    page = models.CharField(max_length=12, choices=Page, default=Page.LANDING)
    number = models.PositiveSmallIntegerField("order")
    question = models.CharField(max_length=300)
    answer = models.TextField()

    class Meta:
        verbose_name = "frequent question"
        constraints = [
            models.UniqueConstraint(
                name="campaigns_faq_number_once",
                fields=["campaign", "locale", "page", "number"],
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.CheckConstraint(name="campaigns_faq_page_known", condition=Q(page__in=["landing", "confirmation"])),
            models.CheckConstraint(name="campaigns_faq_words_given", condition=~Q(question="") & ~Q(answer="")),
        ]

    def __str__(self) -> str:
        return self.question

    def clean(self) -> None:
        """Keep what the answer may hold of HTML, and refuse words in braces that a page has no value for."""
        self.question, self.answer = self.question.strip(), rich_text.cleaned(self.answer)
        complaints = {
            "question": placeholders.complaint(self.question, ()),
            "answer": placeholders.complaint(self.answer, placeholders.FOR_EVERYBODY),
        }
        if not self.answer:
            complaints["answer"] = "Write an answer."
        if found := {field: complaint for field, complaint in complaints.items() if complaint}:
            raise ValidationError(dict(found))
