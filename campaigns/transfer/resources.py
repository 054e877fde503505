"""How a kind of row is read from a file and written to one; and the catalogue's columns, keys and checks.

A cell that says what is stored already leaves it alone, so a file that was exported and not edited changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from import_export import resources, widgets
from import_export.fields import Field
from modeltranslation.utils import build_localized_fieldname

from campaigns import catalogue_rules
from campaigns.models import Artist, Campaign, Locale, PrivacyPolicy, Promoter, Tracker, Venue
from campaigns.policies import policies_of, set_policies
from campaigns.transfer.files import Cell, Table
from viewers.permissions import Action
from viewers.viewer import Viewer

DEFAULT_LANGUAGE = settings.MODELTRANSLATION_DEFAULT_LANGUAGE
Rules = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Scope:
    """Whose rows come and go: one campaign's, for what belongs to one, and what the viewer may see and change."""

    campaign: Campaign | None = None
    viewer: Viewer | None = None


def plain_lines(text: str) -> str:
    """A text with one character a line break: browsers send two, and an XLSX file keeps one."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


class Text(widgets.Widget):  # type: ignore[misc]  # The library has no types.
    """A text."""

    def clean(self, value: str, row: Any = None, **_rest: Any) -> Any:
        """The cell without space around it."""
        return plain_lines(value).strip()

    def render(self, value: Any, obj: Any = None, **_rest: Any) -> Cell:
        """As it is stored; nothing is an empty cell."""
        return "" if value is None else plain_lines(str(value))


class Number(Text):
    """A whole number, which the database gives."""

    def render(self, value: Any, obj: Any = None, **_rest: Any) -> Cell:
        """A number."""
        return "" if value is None else int(value)


class Degrees(Text):
    """A coordinate; spreadsheets leave out zeros at its end, and so do we."""

    def clean(self, value: str, row: Any = None, **_rest: Any) -> Any:
        """The number, or nothing."""
        try:
            number = Decimal(value.strip()) if value.strip() else None
        except InvalidOperation as error:
            raise ValueError("Write degrees as a number, as in -118.26713.") from error
        if number is not None and not number.is_finite():
            raise ValueError("Write degrees as a number, as in -118.26713.")
        return number

    def render(self, value: Any, obj: Any = None, **_rest: Any) -> Cell:
        """The shortest way to write it."""
        if value is None:
            return ""
        number = Decimal(value).normalize()
        return number.quantize(Decimal(1)) if number == number.to_integral_value() else number


class YesOrNo(Text):
    """Whether something is so."""

    WORDS: ClassVar = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}

    def clean(self, value: str, row: Any = None, **_rest: Any) -> Any:
        """The answer."""
        try:
            return self.WORDS[value.strip().lower()]
        except KeyError as error:
            raise ValueError("Write yes or no.") from error

    def render(self, value: Any, obj: Any = None, **_rest: Any) -> Cell:
        """In a word."""
        return "yes" if value else "no"


class Column(Field):  # type: ignore[misc]  # The library has no types.
    """One column of a file."""

    def __init__(self, name: str, widget: Text | None = None, *, attribute: str = "", readonly: bool = False) -> None:
        super().__init__(attribute=attribute or name, column_name=name, widget=widget or Text(), readonly=readonly)

    def cell(self, row: models.Model) -> Cell:
        """What stands in the column for a row."""
        shown: Cell = self.widget.render(self.get_value(row), row)
        return shown

    def export(self, instance: Any, **_rest: Any) -> Cell:
        """The same, for the library's own comparison."""
        return self.cell(instance)

    def save(self, instance: Any, row: Mapping[str, str], is_m2m: bool = False, **rest: Any) -> None:
        """Set the row's value, unless the cell says what it is already."""
        if plain_lines(row[self.column_name]) != str(self.cell(instance)):
            super().save(instance, row, is_m2m, **rest)


class PolicyColumn(Column):
    """The address of a promoter's privacy policy in one locale."""

    def __init__(self, locale: str) -> None:
        super().__init__(f"privacy_{locale}")
        self.locale = locale

    def get_value(self, instance: Promoter) -> str:
        """The address."""
        return wanted_policies(instance).get(self.locale, "")

    def save(self, instance: Any, row: Mapping[str, str], is_m2m: bool = False, **rest: Any) -> None:
        """Note the address; it is stored after the promoter."""
        url = row[self.column_name].strip()
        if url:
            try:
                PrivacyPolicy._meta.get_field("url").clean(url, None)
            except ValidationError as error:
                raise ValueError(" ".join(error.messages)) from error
        wanted_policies(instance)[self.locale] = url


def wanted_policies(promoter: Promoter) -> dict[str, str]:
    """The addresses that a promoter has, or is to have, by locale."""
    found: dict[str, str] = promoter.__dict__.setdefault(
        "_wanted_policies", policies_of(promoter) if promoter.pk is not None else {}
    )
    return found


class TableResource(resources.ModelResource):  # type: ignore[misc]  # The library has no types.
    """One kind of row. A row with a known key is changed, one without a key is added."""

    model: ClassVar[type[models.Model]]
    key = "id"
    rules: ClassVar[Rules] = {}
    right: ClassVar[Action] = Action.EDIT_CATALOGUE
    """What whoever imports must be allowed to do; of a campaign's own rows, in that campaign."""
    place: ClassVar[tuple[str, ...]] = ()
    """The columns of a place in an order, which no two rows share once all lines are read; ``number`` is the last."""

    class Meta:
        clean_model_instances = True
        store_instance = True
        skip_html_diff = True
        fields = ()

    def __init__(self, scope: Scope = Scope()) -> None:
        super().__init__()
        self.scope = scope
        self._meta.model = self.model
        self.fields = {column.column_name: column for column in self.columns()}
        self._seen: set[str] = set()

    def columns(self) -> Iterable[Column]:
        """The columns in their order."""
        raise NotImplementedError

    def get_import_fields(self) -> list[Column]:
        """Every column that is not read only."""
        return [column for column in self.fields.values() if not column.readonly]

    def rows(self) -> "models.QuerySet[Any]":
        """What is exported, in its order."""
        return self.known().order_by("pk")

    def known(self) -> "models.QuerySet[Any]":
        """The rows that a key can name."""
        return self.model._default_manager.all()

    def sequence(self, table: Table) -> list[int]:
        """In which order a file's rows are read."""
        return list(range(len(table.rows)))

    def cells(self, row: models.Model) -> dict[str, str]:
        """What stands in each column for a row, as text."""
        return {name: str(column.cell(row)) for name, column in self.fields.items()}

    def _check_import_id_fields(self, headers: list[str]) -> None:
        """A file without keys adds rows."""

    def before_import_row(self, row: Mapping[str, str], **_rest: Any) -> None:
        """Refuse a key that stands twice."""
        key = row.get(self.key, "").strip()
        if key and key in self._seen:
            raise ValidationError({self.key: f"{key} stands in an earlier line too."})
        self._seen.add(key)

    def get_instance(self, instance_loader: Any, row: Mapping[str, str]) -> Any:
        """The row that the key names."""
        key = row.get(self.key, "").strip()
        if not key:
            return None
        is_number = key.isascii() and key.isdigit() and len(key) < 18
        found = self.known().filter(pk=int(key)).first() if is_number else None
        if found is None:
            words = f"There is no {self.model._meta.verbose_name} with the id {key[:20]}. Leave it empty to add one."
            raise ValidationError({self.key: words})
        return found

    def import_field(
        self, field: Column, instance: Any, row: Mapping[str, str], is_m2m: bool = False, **_: Any
    ) -> None:
        """Read a cell; a column that the file lacks stays as it is."""
        if field.column_name in row:
            field.save(instance, row)

    def after_init_instance(self, instance: Any, new: bool, row: Mapping[str, str], **_rest: Any) -> None:
        """Have what the library copies whole."""

    def skip_row(self, instance: Any, original: Any, row: Any, import_validation_errors: Any = None) -> bool:
        """Leave a row alone that says nothing new."""
        is_stored = not instance._state.adding
        return is_stored and not import_validation_errors and self.cells(instance) == self.cells(original)

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        """Check by the model's own rules, told in the words of the admin's form."""
        errors = dict(import_validation_errors or {})
        try:
            # Places are compared once all lines are read, so that two rows can change theirs.
            instance.full_clean(exclude={*errors, *self.place[-1:]}, validate_unique=validate_unique)
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if errors:
            raise ValidationError(self._in_words(ValidationError(errors)))

    def before_save_instance(self, instance: Any, row: Any, **_rest: Any) -> None:
        """Give a row without a place the last one."""
        if self.place and not instance.number and instance._state.adding:
            group = {name: getattr(instance, name) for name in self.place[:-1]}
            last = self.known().filter(**group).aggregate(last=models.Max("number"))["last"]
            instance.number = (last or 0) + 1

    def clashes(self) -> set[Any]:
        """The keys of rows that share a place, as the database stands now."""
        found: dict[tuple[Any, ...], list[Any]] = {}
        for pk, *place in self.known().values_list("pk", *self.place) if self.place else ():
            found.setdefault(tuple(place), []).append(pk)
        return {pk for keys in found.values() if len(keys) > 1 for pk in keys}

    def campaign_id_of(self, row: models.Model) -> int | None:
        """The campaign in whose history a row's changes stand."""
        return getattr(row, "campaign_id", None)

    def after_adding(self, row: models.Model, *, actor: Viewer, now: datetime) -> None:
        """What follows for whoever has added a row."""

    def _in_words(self, error: ValidationError) -> dict[str, list[str]]:
        told: dict[str, list[str]] = {}
        for name, problems in error.error_dict.items():
            for problem in problems:
                unique = ",".join((problem.params or {}).get("unique_check", ()))
                plain = (name, " ".join(problem.messages))
                by_rule = [words for rule, words in self.rules.items() if rule == unique or f"“{rule}”" in plain[1]]
                place, text = by_rule[0] if by_rule else plain
                column = place if place in self.fields else build_localized_fieldname(place, DEFAULT_LANGUAGE)
                told.setdefault(column if column in self.fields else NON_FIELD_ERRORS, []).append(text)
        return told


class ArtistResource(TableResource):
    """Artists."""

    model = Artist
    rules = catalogue_rules.ARTIST

    def columns(self) -> Iterable[Column]:
        """An artist's columns."""
        yield Column("id", Number(), readonly=True)
        yield from map(Column, ("name", "discovery_id", "image", "fan_club_name"))


class VenueResource(TableResource):
    """Venues, with a column a language of their names and cities."""

    model = Venue
    rules = catalogue_rules.VENUE

    def columns(self) -> Iterable[Column]:
        """A venue's columns."""
        yield Column("id", Number(), readonly=True)
        for word in ("name", "city"):
            yield from (Column(build_localized_fieldname(word, code)) for code, _ in settings.LANGUAGES)
        yield from map(Column, ("address", "state", "country"))
        yield from (Column("latitude", Degrees()), Column("longitude", Degrees()))
        yield from map(Column, ("timezone", "ticketing_platform", "ticketing_platform_id"))


class PromoterResource(TableResource):
    """Promoters, with a column a locale of their privacy policies."""

    model = Promoter
    rules = catalogue_rules.PROMOTER

    def columns(self) -> Iterable[Column]:
        """A promoter's columns."""
        yield Column("id", Number(), readonly=True)
        yield from map(Column, ("name", "privacy_url"))
        yield from map(PolicyColumn, Locale.objects.order_by("pk").values_list("pk", flat=True))

    def rows(self) -> "models.QuerySet[Any]":
        """With their policies."""
        return super().rows().prefetch_related("policies")

    def after_init_instance(self, instance: Any, new: bool, row: Mapping[str, str], **_rest: Any) -> None:
        """Read the addresses before the library copies the row."""
        wanted_policies(instance)

    def after_save_instance(self, instance: Any, row: Any, **_rest: Any) -> None:
        """Store the addresses."""
        set_policies(instance, {locale: url for locale, url in wanted_policies(instance).items() if url})


class TrackerResource(TableResource):
    """Trackers."""

    model = Tracker
    rules = catalogue_rules.TRACKER

    def columns(self) -> Iterable[Column]:
        """A tracker's columns."""
        yield Column("id", Number(), readonly=True)
        yield from map(Column, ("name", "kind", "identifier", "url"))
        yield Column("is_active", YesOrNo())


class LocaleResource(TableResource):
    """Locales; the code is the key."""

    model = Locale
    key = "code"
    rules = catalogue_rules.LOCALE

    def columns(self) -> Iterable[Column]:
        """A locale's columns."""
        yield from map(Column, ("code", "name", "direction"))
        yield Column("is_active", YesOrNo())

    def get_instance(self, instance_loader: Any, row: Mapping[str, str]) -> Any:
        """The locale of the code, if there is one; else it is added."""
        return Locale.objects.filter(pk=row.get("code", "").strip()).first()
