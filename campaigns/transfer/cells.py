"""What a cell says where it is more than a text: a choice, a number, a moment, another row, a list."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import models

from campaigns.models import Campaign
from campaigns.transfer.files import Cell
from campaigns.transfer.resources import Column, Text

MOST_DIGITS = 9


class Choice(Text):
    """One of a few words."""

    def __init__(self, choices: Any) -> None:
        super().__init__()
        self.values = list(choices.values)

    def clean(self, value: str, row: Any = None, **_rest: Any) -> Any:
        """The word, if it is one of them."""
        word = value.strip()
        if word not in self.values:
            raise ValueError(f"Write one of: {', '.join(self.values)}.")
        return word


class WholeNumber(Text):
    """A whole number, or nothing."""

    def __init__(self, least: int = 0, most: int = 2**31 - 1) -> None:
        super().__init__()
        self.least, self.most = least, most

    def clean(self, value: str, row: Any = None, **_rest: Any) -> Any:
        """The number."""
        text = value.strip()
        if not text:
            return None
        number = number_in(text)
        if number is None or not self.least <= number <= self.most:
            raise ValueError(f"Write a whole number from {self.least:,} to {self.most:,}.")
        return number

    def render(self, value: Any, obj: Any = None, **_rest: Any) -> Cell:
        """A number, so that a spreadsheet sorts it as one."""
        return "" if value is None else int(value)


def number_in(text: str) -> int | None:
    """The number that a text is, if it is one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS + 1 else None


class Moment(Text):
    """A moment, with the offset of its clock. It is written on the campaign's clock and read on any."""

    def __init__(self, zone_of: Callable[[Any], str]) -> None:
        super().__init__()
        self.zone_of = zone_of

    def clean(self, value: str, row: Any = None, **_rest: Any) -> Any:
        """The moment, or nothing."""
        text = value.strip()
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise ValueError("Write a time as in 2027-02-12T18:00:00-08:00.") from error
        raise ValueError("Say the zone of this time too, as in 2027-02-12T18:00:00-08:00.")

    def render(self, value: Any, obj: Any = None, **_rest: Any) -> Cell:
        """On the campaign's clock."""
        if value is None:
            return ""
        moment: datetime = value
        try:
            return moment.astimezone(ZoneInfo(self.zone_of(obj))).isoformat()
        except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):
            return moment.isoformat()  # A zone that is no zone is told beside its own column.


class Other(Text):
    """Another row, by what the file calls it."""

    def __init__(self, find: Callable[[str], models.Model | None], name: Callable[[Any], Cell], missing: str) -> None:
        super().__init__()
        self.find, self.name, self.missing = find, name, missing

    def clean(self, value: str, row: Any = None, **_rest: Any) -> Any:
        """The row, or nothing."""
        text = value.strip()
        found = self.find(text) if text else None
        if text and found is None:
            raise ValueError(f"{self.missing} {text[:40]}.")
        return found

    def render(self, value: Any, obj: Any = None, **_rest: Any) -> Cell:
        """What the file calls it."""
        return "" if value is None else self.name(value)


def by_id(rows: "models.QuerySet[Any]", noun: str) -> Other:
    """Another row by its id."""

    def find(text: str) -> models.Model | None:
        number = number_in(text)
        found: models.Model | None = rows.filter(pk=number).first() if number is not None else None
        return found

    return Other(find, lambda row: int(row.pk), f"There is no {noun} with the id")


def by_name(rows: "models.QuerySet[Any]", field: str, noun: str) -> Other:
    """Another row by a column that names it."""

    def find(text: str) -> models.Model | None:
        found: models.Model | None = rows.filter(**{field: text}).first()
        return found

    return Other(find, lambda row: str(getattr(row, field)), f"There is no {noun}")


class Json(Text):
    """A list, as JSON on one line."""

    def clean(self, value: str, row: Any = None, **_rest: Any) -> Any:
        """The list; an empty cell is an empty one. What may stand in it, the model says."""
        try:
            found = json.loads(value) if value.strip() else []
        except (ValueError, RecursionError) as error:
            raise ValueError('Write a list as in [{"value": "floor", "labels": {"en": "Floor"}}].') from error
        if not isinstance(found, list):
            raise ValueError('Write a list as in [{"value": "floor", "labels": {"en": "Floor"}}].')
        return found

    def render(self, value: Any, obj: Any = None, **_rest: Any) -> Cell:
        """On one line; nothing for an empty list."""
        return json.dumps(value, ensure_ascii=False) if value else ""


class FixedColumn(Column):
    """What places a row when it is made, and stays."""

    def save(self, instance: Any, row: Mapping[str, str], is_m2m: bool = False, **rest: Any) -> None:
        """Set it on a new row alone."""
        before = None if instance._state.adding else self.cell(instance)
        super().save(instance, row, is_m2m, **rest)
        if before is not None and self.cell(instance) != before:
            raise ValueError(f"It stays {before}.")


class WordsColumn(Column):
    """A campaign's own words for one refusal: one key of a column that holds several."""

    def __init__(self, code: str, *, attribute: str) -> None:
        super().__init__(f"refusal_{code}")
        self.code, self.words = code, attribute

    def get_value(self, instance: models.Model) -> str:
        """The words."""
        return str(getattr(instance, self.words).get(self.code, ""))

    def save(self, instance: Any, row: Mapping[str, str], is_m2m: bool = False, **_rest: Any) -> None:
        """Put the words beside the others."""
        text = self.widget.clean(row[self.column_name])
        if text != self.cell(instance):
            setattr(instance, self.words, {**getattr(instance, self.words), self.code: text})


class ManyColumn(Column):
    """Several other rows, by their keys with spaces between them; they are stored after the row itself."""

    def __init__(self, name: str, rows: "models.QuerySet[Any]", noun: str) -> None:
        super().__init__(name)
        self.rows, self.noun = rows, noun

    def get_value(self, instance: models.Model) -> str:
        """The keys in their order."""
        return " ".join(map(str, sorted(self.wanted(instance))))

    def wanted(self, instance: models.Model) -> list[Any]:
        """The keys that a row has, or is to have."""
        kept: dict[str, list[Any]] = instance.__dict__.setdefault("_wanted_rows", {})
        if self.column_name not in kept:
            related = getattr(instance, self.column_name) if instance.pk is not None else None
            kept[self.column_name] = [] if related is None else list(related.values_list("pk", flat=True))
        return kept[self.column_name]

    def save(self, instance: Any, row: Mapping[str, str], is_m2m: bool = False, **_rest: Any) -> None:
        """Note the keys."""
        words = row[self.column_name].split()
        is_by_number = isinstance(self.rows.model._meta.pk, models.AutoField)
        keys = [number_in(word) if is_by_number else word for word in words]
        found = set(self.rows.filter(pk__in=[key for key in keys if key is not None]).values_list("pk", flat=True))
        for key, word in zip(keys, words, strict=True):
            if key not in found:
                raise ValueError(f"There is no {self.noun} {word[:40]}.")
        self.wanted(instance)[:] = sorted(found)

    def store(self, instance: models.Model) -> None:
        """Store what was noted."""
        getattr(instance, self.column_name).set(self.wanted(instance))


def zone_of_campaign(campaign: Campaign) -> str:
    """The name of the clock on which a campaign's times are written."""
    return campaign.reference_timezone
