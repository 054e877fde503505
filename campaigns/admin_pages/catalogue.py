"""What all campaigns share: artists, venues and locales."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from modeltranslation.utils import build_localized_fieldname

from campaigns import catalogue_rules
from campaigns.admin_pages.campaign_form import ZoneWidget
from campaigns.admin_pages.members import MEMBERS_PAGE, member_note, members_page
from campaigns.admin_pages.transfer import TransferAdmin
from campaigns.admin_pages.uses import UsedAdmin
from campaigns.models import Artist, Locale, Venue
from core.admin_forms import ConsoleForm
from viewers.permissions import Action

if TYPE_CHECKING:
    from django.contrib.admin.options import _FieldOpts


WORDS_FIRST = "admin/campaigns/words_first.html"
"""A form that begins with its translated words, where they are what one thinks of first."""


def language_tabs(*names: str) -> tuple[tuple[str, "_FieldOpts"], ...]:
    """One tab a language of the interface, each with the translated columns of these fields."""
    return tuple(
        (
            str(title),
            {"fields": tuple(build_localized_fieldname(name, code) for name in names), "classes": ("tab",)},
        )
        for code, title in settings.LANGUAGES
    )


def in_all_languages(*names: str) -> tuple[str, ...]:
    """The translated columns of these fields: who searches finds a word in whatever language."""
    return tuple(build_localized_fieldname(name, code) for name in names for code, _ in settings.LANGUAGES)


class TranslatedForm[M: models.Model](ConsoleForm[M]):
    """A form with one column a language, of which the default language's must be filled."""

    must_have: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.must_have:
            column = build_localized_fieldname(name, settings.MODELTRANSLATION_DEFAULT_LANGUAGE)
            if column in self.fields:
                self.fields[column].required = True


class CatalogueAdmin[M: models.Model](TransferAdmin[M], UsedAdmin[M]):
    """What all campaigns share: to be seen by whoever works in any of them, or on the catalogue itself."""

    edit_right = Action.EDIT_CATALOGUE
    can_add = can_delete = True

    def may(self, request: HttpRequest, right: str, obj: models.Model | None = None) -> bool:
        """Whoever may edit the catalogue may also see it."""
        return super().may(request, right, obj) or (
            right == Action.VIEW and super().may(request, Action.EDIT_CATALOGUE, obj)
        )


class ArtistForm(ConsoleForm[Artist]):
    """An artist, with the database's rules in words."""

    rules = catalogue_rules.ARTIST


@admin.register(Artist)
class ArtistAdmin(CatalogueAdmin[Artist]):
    """The performers."""

    list_display = ("name", "fan_club_name", "discovery_id", "uses_column")
    search_fields = ("name", "discovery_id")
    search_help_text = "Name or discovery id"
    ordering = ("name", "pk")
    form = ArtistForm
    fields = ("name", "image", "fan_club_name", "discovery_id")
    pages = (*TransferAdmin.pages, MEMBERS_PAGE)

    def uses_context(self, request: HttpRequest, row: Artist) -> dict[str, Any]:
        """Her campaigns and her fan club."""
        note = member_note(row) if self.has_change_permission(request, row) else {}
        return {**super().uses_context(request, row), **note}

    def members_page(self, request: HttpRequest, artist: Artist) -> HttpResponse:
        """Takes her fan club's member list."""
        return members_page(self, request, artist)


class VenueForm(TranslatedForm[Venue]):
    """A venue, with the database's rules in words."""

    must_have = ("name", "city")
    rules = catalogue_rules.VENUE

    class Meta:
        model = Venue
        fields = "__all__"
        help_texts = {
            "country": "Two letters, as in US, DE or JP.",
            "state": "Where it matters, as in CA.",
            "latitude": "In degrees, as in 34.04302. With both, its markets stand on the map.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "timezone" in self.fields:
            self.fields["timezone"].widget = ZoneWidget(attrs=self.fields["timezone"].widget.attrs)


@admin.register(Venue)
class VenueAdmin(CatalogueAdmin[Venue]):
    """The places where events happen; names and cities are kept in every language of the interface."""

    list_display = ("name", "city", "state", "country", "timezone", "uses_column")
    list_filter = ("country",)
    search_fields = (*in_all_languages("name", "city"), "ticketing_platform_id")
    search_help_text = "Name, city or platform id"
    ordering = ("country", "city_en", "name_en", "pk")
    form = VenueForm
    change_form_template = WORDS_FIRST
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "address",
                    ("state", "country"),
                    "timezone",
                    ("latitude", "longitude"),
                    ("ticketing_platform", "ticketing_platform_id"),
                )
            },
        ),
        *language_tabs("name", "city"),
    )


class LocaleForm(ConsoleForm[Locale]):
    """A locale, told what its code looks like."""

    class Meta:
        model = Locale
        fields = "__all__"
        help_texts = {
            "code": "Language and country, as in en_US, de_DE or ar_EG.",
            "direction": "Right to left for Arabic, Hebrew, Persian and Urdu.",
            "is_active": "Whether it is offered where texts are written.",
        }


@admin.register(Locale)
class LocaleAdmin(CatalogueAdmin[Locale]):
    """The languages that campaigns can speak."""

    list_display = ("name", "code", "direction", "is_active", "uses_column")
    list_filter = ("is_active", "direction")
    search_fields = ("code", "name")
    search_help_text = "Code or name"
    ordering = ("code",)
    form = LocaleForm
    fields = ("code", "name", "direction", "is_active")

    def get_readonly_fields(self, request: HttpRequest, obj: Locale | None = None) -> tuple[str, ...]:
        """The code is the key: another one would be another locale."""
        return ("code",) if obj is not None else ()
