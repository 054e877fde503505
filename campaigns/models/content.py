"""A campaign's own texts in one locale."""

from typing import ClassVar

from django.db import models

from campaigns.models.campaign import Campaign
from campaigns.models.catalogue import Locale


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
        "selected_subject",
        "selected_body",
        "not_selected_subject",
        "not_selected_body",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(name="campaigns_content_locale_once", fields=["campaign", "locale"]),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} in {self.locale_id}"
