"""What belongs to one campaign as rows of files: markets, dates, questions, gates, texts and frequent questions.

Markets, dates, questions and texts are named by their own keys, so a file of one campaign can be brought into another.
Images are no text: they travel when a campaign is cloned.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from modeltranslation.utils import build_localized_fieldname

from campaigns import set_up_rules
from campaigns.models import Campaign, Content, Event, Faq, Field, Gate, Locale, Market, Venue
from campaigns.models.content import REFUSALS
from campaigns.transfer.cells import (
    Choice,
    FixedColumn,
    Json,
    Moment,
    WholeNumber,
    WordsColumn,
    by_id,
    by_name,
)
from campaigns.transfer.files import Table
from campaigns.transfer.resources import DEFAULT_LANGUAGE, Column, Number, TableResource, YesOrNo
from viewers.permissions import Action, visible

LARGEST_PLACE = 32767
LEFT_OUT: Mapping[type[models.Model], Mapping[str, str]] = {
    Market: {"id": "The code names it.", "campaign": "The page names it."},
    Event: {"id": "The code names it.", "campaign": "It is the market's."},
    Field: {
        "id": "The key names it.",
        "campaign": "The page names it.",
        "label": "It is that of the default language.",
        "help_text": "It is that of the default language.",
    },
    Gate: {"campaign": "The page names it.", "message": "It is that of the default language."},
    Content: {"id": "The locale names it.", "campaign": "The page names it."},
    Faq: {"campaign": "The page names it."},
}
"""Columns that no file carries, and why."""


def in_all_languages(*words: str) -> Iterable[Column]:
    """A column a language of each of these words."""
    for word in words:
        yield from (Column(build_localized_fieldname(word, code)) for code, _ in settings.LANGUAGES)


class OfCampaignResource(TableResource):
    """One kind of row of the scope's campaign."""

    right = Action.EDIT_SETUP

    @property
    def campaign(self) -> Campaign:
        """The campaign."""
        if self.scope.campaign is None:
            raise ValueError("These rows belong to a campaign: name it.")
        return self.scope.campaign

    def known(self) -> "models.QuerySet[Any]":
        """The campaign's own."""
        return self.model._default_manager.filter(campaign=self.campaign)

    def init_instance(self, row: Any = None) -> Any:
        """A new row of the campaign."""
        return self.model(campaign=self.campaign)


class NamedResource(OfCampaignResource):
    """Rows that a key of their own names: a row with a known key is changed, one with a new key is added."""

    def get_instance(self, instance_loader: Any, row: Mapping[str, str]) -> Any:
        """The row of the key, if there is one."""
        key = row.get(self.key, "").strip()
        return self.known().filter(**{self.key: key}).first() if key else None


class MarketResource(NamedResource):
    """Markets; their dates have a file of their own."""

    model = Market
    key = "code"
    rules = set_up_rules.MARKET

    def columns(self) -> Iterable[Column]:
        """A market's columns."""
        yield Column("code")
        yield FixedColumn("number", WholeNumber(least=1, most=LARGEST_PLACE))
        yield Column("venue", by_id(Venue.objects.all(), "venue"))
        for word in ("name", "city"):
            attribute = f"venue__{build_localized_fieldname(word, DEFAULT_LANGUAGE)}"
            yield Column(f"venue_{word}", attribute=attribute, readonly=True)
        yield Column("population_limit", WholeNumber())
        yield Column("split", Choice(Market.Split))
        yield Column("link")
        yield Column("is_active", YesOrNo())

    def rows(self) -> "models.QuerySet[Any]":
        """With their venues, in the order of their numbers."""
        return self.known().select_related("venue").order_by("number")

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        """Give a market without a number the next one before it is checked."""
        if not instance.number:
            instance.number = (self.known().aggregate(last=models.Max("number"))["last"] or 0) + 1
        super().validate_instance(instance, import_validation_errors, validate_unique)


class EventResource(NamedResource):
    """Dates, each of a market that is there already."""

    model = Event
    key = "code"
    rules = set_up_rules.EVENT
    place: ClassVar[tuple[str, ...]] = ("market", "number")

    def columns(self) -> Iterable[Column]:
        """A date's columns."""
        markets = Market.objects.filter(campaign=self.campaign)
        yield FixedColumn("market", by_name(markets, "code", "market"))
        yield Column("number", WholeNumber(least=1, most=LARGEST_PLACE))
        yield from (Column("code"), Column("name"))
        clock = Moment(lambda _event: self.campaign.reference_timezone)
        yield from (Column("starts_at", clock), Column("presale_at", clock), Column("link"))
        yield Column("is_active", YesOrNo())

    def rows(self) -> "models.QuerySet[Any]":
        """In the order of their markets and their own."""
        return self.known().select_related("market").order_by("market__number", "number", "pk")


class FieldResource(NamedResource):
    """Questions, with a column a language of their words. A condition names another question by its key."""

    model = Field
    key = "key"
    rules = set_up_rules.FIELD
    place: ClassVar[tuple[str, ...]] = ("number",)

    def columns(self) -> Iterable[Column]:
        """A question's columns."""
        yield Column("key")
        yield Column("number", WholeNumber(most=LARGEST_PLACE))
        yield Column("type", Choice(Field.Type))
        yield from in_all_languages("label", "help_text")
        yield from (Column("is_required", YesOrNo()), Column("is_personal", YesOrNo()))
        yield Column("options", Json())
        yield from (Column("minimum"), Column("maximum"))
        yield Column("shown_if", by_name(Field.objects.filter(campaign=self.campaign), "key", "question"))
        yield Column("shown_if_value")
        yield Column("is_active", YesOrNo())

    def rows(self) -> "models.QuerySet[Any]":
        """In their order."""
        return self.known().select_related("shown_if").order_by("number", "pk")

    def sequence(self, table: Table) -> list[int]:
        """A question before those that hang on it, wherever it stands in the file."""
        if not {"key", "shown_if"} <= set(table.columns):
            return super().sequence(table)
        key, above = table.columns.index("key"), table.columns.index("shown_if")
        lines = {cells[key].strip(): line for line, (_, cells) in enumerate(table.rows)}
        found: dict[int, None] = {}
        for line in range(len(table.rows)):
            way: list[int] = []
            at: int | None = line
            while at is not None and at not in found and at not in way:
                way.append(at)
                at = lines.get(table.rows[at][1][above].strip())
            found.update(dict.fromkeys(reversed(way)))
        return list(found)


class GateResource(OfCampaignResource):
    """Gates, with a column a language of what a fan reads. Another campaign is named by its domain."""

    model = Gate
    rules = set_up_rules.GATE
    place: ClassVar[tuple[str, ...]] = ("number",)

    def columns(self) -> Iterable[Column]:
        """A gate's columns."""
        viewer = self.scope.viewer
        seen = visible(viewer, Campaign.objects.all(), field="pk") if viewer else Campaign.objects.none()
        yield Column("id", Number(), readonly=True)
        yield Column("number", WholeNumber(least=1, most=LARGEST_PLACE))
        yield from (Column("kind", Choice(Gate.Kind)), Column("provider"), Column("wanted"))
        yield Column("other_campaign", by_name(seen, "domain", "campaign"))
        yield from in_all_languages("message")
        yield Column("is_active", YesOrNo())

    def rows(self) -> "models.QuerySet[Any]":
        """In their order."""
        return self.known().select_related("other_campaign").order_by("number", "pk")


class ContentResource(NamedResource):
    """Page texts, mails and words for refusals, a row a locale."""

    model = Content
    key = "locale"
    rules = set_up_rules.CONTENT
    right = Action.EDIT_CONTENT

    def columns(self) -> Iterable[Column]:
        """The texts."""
        yield Column("locale", by_name(Locale.objects.all(), "code", "locale"))
        yield from map(Column, Content.TEXTS)
        yield from (WordsColumn(code, attribute="errors") for code in REFUSALS)

    def rows(self) -> "models.QuerySet[Any]":
        """By their locales."""
        return self.known().select_related("locale").order_by("locale_id")


class FaqResource(OfCampaignResource):
    """Frequent questions. Their locale and page stay; their order can change."""

    model = Faq
    rules = set_up_rules.FAQ
    right = Action.EDIT_CONTENT
    place: ClassVar[tuple[str, ...]] = ("locale", "page", "number")

    def columns(self) -> Iterable[Column]:
        """A question's columns."""
        yield Column("id", Number(), readonly=True)
        yield FixedColumn("locale", by_name(Locale.objects.all(), "code", "locale"))
        yield FixedColumn("page", Choice(Faq.Page))
        yield Column("number", WholeNumber(least=1, most=LARGEST_PLACE))
        yield from (Column("question"), Column("answer"))

    def rows(self) -> "models.QuerySet[Any]":
        """Page by page, in their order."""
        return self.known().select_related("locale").order_by("locale_id", "page", "number", "pk")
