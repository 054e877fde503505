"""A campaign's own texts in one locale."""

from collections.abc import Mapping
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models

from campaigns import placeholders, rich_text
from campaigns.models.campaign import Campaign
from campaigns.models.catalogue import Locale
from campaigns.placeholders import OF_TEXT

REFUSALS: Mapping[str, str] = {
    "not_open": "registration has not opened yet",
    "closed": "registration has closed",
    "wrong_password": "the password is not the artist's",
    "bad_link": "the mailed link is too old or not whole",
}
"""Refusals that a campaign may tell in its own words, by their code: when a fan meets each. Gates have their own."""
MOST_LETTERS_OF_REFUSAL = 500


class Content(models.Model):
    """The texts of one campaign in one locale. An empty one falls back alone to the default locale's."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="contents")
    locale = models.ForeignKey(Locale, on_delete=models.PROTECT, related_name="+")
    title = models.CharField("title", max_length=200, blank=True, default="")
    not_started = models.TextField("page: not started", blank=True, default="")
    open = models.TextField("page: open", blank=True, default="")
    registered = models.TextField("page: registered", blank=True, default="")
    closed = models.TextField("page: closed", blank=True, default="")
    selected = models.TextField("page: selected", blank=True, default="")
    not_selected = models.TextField("page: not selected", blank=True, default="")
    finished = models.TextField("page: finished", blank=True, default="")
    confirmation_subject = models.CharField("confirmation mail: subject", max_length=200, blank=True, default="")
    confirmation_body = models.TextField("confirmation mail: text", blank=True, default="")
    receipt_subject = models.CharField("receipt mail: subject", max_length=200, blank=True, default="")
    receipt_body = models.TextField("receipt mail: text", blank=True, default="")
    selected_subject = models.CharField("selected mail: subject", max_length=200, blank=True, default="")
    selected_body = models.TextField("selected mail: text", blank=True, default="")
    reminder_subject = models.CharField("reminder mail: subject", max_length=200, blank=True, default="", db_default="")
    reminder_body = models.TextField("reminder mail: text", blank=True, default="", db_default="")
    errors = models.JSONField(
        blank=True, default=dict, db_default={}, help_text="The campaign's own words for refusals, by their code."
    )
    not_selected_subject = models.CharField("not selected mail: subject", max_length=200, blank=True, default="")
    not_selected_body = models.TextField("not selected mail: text", blank=True, default="")

    TEXTS: ClassVar[tuple[str, ...]] = (
        "title",
        "not_started",
        "open",
        "registered",
        "closed",
        "selected",
        "not_selected",
        "finished",
        "confirmation_subject",
        "confirmation_body",
        "receipt_subject",
        "receipt_body",
        "reminder_subject",
        "reminder_body",
        "selected_subject",
        "selected_body",
        "not_selected_subject",
        "not_selected_body",
    )

    RICH: ClassVar[tuple[str, ...]] = (
        "not_started",
        "open",
        "registered",
        "closed",
        "selected",
        "not_selected",
        "finished",
    )
    """Texts of the fan pages, which may hold a little HTML (``campaigns.rich_text``); all others are plain."""
    NEEDED: ClassVar[tuple[str, ...]] = ("title", "open")
    """Texts of the default locale without which no campaign opens; pages and mails have words of their own beside."""

    class Meta:
        constraints = [
            models.UniqueConstraint(name="campaigns_content_locale_once", fields=["campaign", "locale"]),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} in {self.locale_id}"

    def clean(self) -> None:
        """Keep what page texts may hold of HTML, and refuse words in braces that a text has no value for."""
        for text in self.TEXTS:
            value = getattr(self, text)
            setattr(self, text, rich_text.cleaned(value) if text in self.RICH else value.strip())
        complaints = {text: placeholders.complaint(getattr(self, text), known) for text, known in OF_TEXT.items()}
        if found := {text: complaint for text, complaint in complaints.items() if complaint}:
            raise ValidationError(dict(found))
        self.errors = self._cleaned_errors()

    def _cleaned_errors(self) -> dict[str, str]:
        if not isinstance(self.errors, dict):
            raise ValidationError({"errors": "Send an object: codes of refusals, and for each the words."})
        for code, words in self.errors.items():
            if code not in REFUSALS:
                raise ValidationError({"errors": f"There are words for these refusals alone: {', '.join(REFUSALS)}."})
            if not isinstance(words, str) or len(words) > MOST_LETTERS_OF_REFUSAL:
                raise ValidationError({"errors": f"Words are text of at most {MOST_LETTERS_OF_REFUSAL} characters."})
            if "{" in words and (complaint := placeholders.complaint(words, ())):
                raise ValidationError({"errors": complaint})
        return {code: words.strip() for code, words in self.errors.items() if words.strip()}
