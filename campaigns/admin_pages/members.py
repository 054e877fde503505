"""A fan club's members: the page that takes their list, and the list itself, in which nobody can be recognised."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from campaigns.member_list import MOST_BYTES, SHOWN_REFUSALS, Outcome, import_members, remove_members
from campaigns.models import Artist, Member
from core.admin_base import ConsoleAdmin, Page
from core.admin_forms import styled
from core.estimates import counts_by_key
from core.masking import masked_email, masked_end
from core.normal_forms import BadIdentifier, normalize_email, normalize_number
from core.refusal import Refusal
from viewers.admin_base import GuardedAdmin
from viewers.permissions import Action

MEMBERS_PAGE = Page("<path:object_id>/members/", "members_page", Action.EDIT_CATALOGUE)
ADDING, REPLACING, REMOVING = "add", "replace", "remove"


class MembersForm(forms.Form):
    """A file, and what it does to the list."""

    file = forms.FileField(
        label="CSV file",
        required=False,
        allow_empty_file=True,
        help_text=f"A line a member: number, then e-mail address; a first line may name the columns. "
        f"Up to {MOST_BYTES >> 20} MiB.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv"}),
    )
    mode = forms.ChoiceField(
        label="What it does",
        initial=ADDING,
        widget=forms.RadioSelect(attrs={"class": "mq-checks"}),
        choices=[
            (ADDING, "Add these members, and change the addresses of those who are there"),
            (REPLACING, "These are all members: remove everybody else"),
            (REMOVING, "Remove the whole list; no file is needed"),
        ],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)

    def clean(self) -> dict[str, Any]:
        """Ask for a file unless the list goes."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("mode") != REMOVING and not cleaned.get("file") and "file" not in self.errors:
            self.add_error("file", "Choose a file.")
        return cleaned


def list_url(artist: Artist) -> str:
    """The list of one artist's members."""
    return f"{reverse('admin:campaigns_member_changelist')}?artist={artist.pk}"


def member_note(artist: Artist) -> dict[str, Any]:
    """What an artist's page says of her fan club."""
    count = counts_by_key(Member, "artist_id", [artist.pk])[artist.pk]
    return {
        "members": str(count),
        "has_members": count.number > 0,
        "members_url": list_url(artist),
        "members_page": reverse("admin:campaigns_artist_members_page", args=[artist.pk]),
    }


def members_page(page: ConsoleAdmin[Artist], request: HttpRequest, artist: Artist) -> HttpResponse:
    """The page of an artist that takes a member list and tells what became of its lines."""
    form = MembersForm(*([request.POST, request.FILES] if request.method == "POST" else []))
    outcome = _change_list(page, request, artist, form) if request.method == "POST" and form.is_valid() else None
    context = page.page_context(
        request,
        f"Fan club members of {artist}",
        form=form if outcome is None else MembersForm(),
        outcome=outcome,
        unshown=max(0, outcome.refused - SHOWN_REFUSALS) if outcome is not None else 0,
        original=artist,
        back=reverse("admin:campaigns_artist_change", args=[artist.pk]),
        **member_note(artist),
    )
    return TemplateResponse(request, "admin/campaigns/member/import.html", context)


def _change_list(page: ConsoleAdmin[Artist], request: HttpRequest, artist: Artist, form: MembersForm) -> Outcome | None:
    """Do what the form asks; what is refused is told at it."""
    actor, now = page.actor(request), timezone.now()
    file, mode = form.cleaned_data["file"], form.cleaned_data["mode"]
    try:
        if mode == REMOVING:
            return Outcome(removed=remove_members(artist=artist, actor=actor, now=now))  # type: ignore[arg-type]  # A viewer.
        return import_members(
            artist=artist,
            file=file,
            size=file.size,
            is_whole_list=mode == REPLACING,
            actor=actor,  # type: ignore[arg-type]  # As above.
            now=now,
        )
    except Refusal as refusal:
        form.add_error(refusal.field or None, refusal.message)
        return None


class ArtistFilter(admin.SimpleListFilter):
    """By artist; it shows only where an address names one."""

    title = parameter_name = "artist"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The artist that the address names."""
        key = self.used_parameters.get("artist")
        if key is None:
            return []
        artist = Artist.objects.filter(pk=int(key)).first() if _is_key(str(key)) else None
        return [(str(key), str(artist) if artist is not None else "?")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Member]) -> QuerySet[Member]:
        """Her fan club's members."""
        key = self.value()
        if key is None:
            return queryset
        return queryset.filter(artist=int(key)) if _is_key(key) else queryset.none()


def _is_key(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 18


@admin.register(Member)
class MemberAdmin(GuardedAdmin[Member]):
    """Members as they were imported. Numbers and addresses are personal: a glance at the list tells neither."""

    view_right = Action.EDIT_CATALOGUE
    empty_note = "An artist's page takes her fan club's member list as a CSV file."
    list_display = ("number_column", "email_column", "artist")
    list_display_links = None
    list_select_related = ("artist",)
    list_filter = (ArtistFilter,)
    search_fields = ("number",)
    search_help_text = "A whole number or e-mail address"
    ordering = ("pk",)
    sortable_by = ()

    def has_view_permission(self, request: HttpRequest, obj: Member | None = None) -> bool:
        """The list, but no page of one member: it would show her whole number."""
        return obj is None and super().has_view_permission(request)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """No filter by the beginning of a number: it would uncover the rest letter by letter."""
        return lookup == "artist"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The member whose number or address this is, whole."""
        if not search_term.strip():
            return queryset, False
        try:
            if "@" in search_term:
                return queryset.filter(email=normalize_email(search_term)), False
            return queryset.filter(number=normalize_number(search_term)), False
        except BadIdentifier:
            return queryset.none(), False

    # Columns

    @admin.display(description="number")
    def number_column(self, member: Member) -> str:
        """The end of the number."""
        return masked_end(member.number)

    @admin.display(description="e-mail")
    def email_column(self, member: Member) -> str:
        """The first letters of the address."""
        return masked_email(member.email) if member.email else "–"
