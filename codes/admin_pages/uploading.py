"""The pages that bring codes in: a file is chosen, looked at and begun; or codes are made here."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from campaigns.admin_pages.scoped import ScopedAdmin
from campaigns.models import Campaign, Event, Market
from codes.files import ROLES, Shape
from codes.generating import (
    ALPHABETS,
    LONGEST,
    MOST_CODES,
    MOST_IN_PREFIX,
    POSSIBLE_FOR_EACH,
    SHORTEST,
    start_generating,
)
from codes.models import Pool, Upload
from codes.upload import MOST_BYTES, Reading, begin_upload, draft_upload, look_at_sheet, pool_for
from core.admin_base import add_refusal
from core.admin_forms import styled
from core.refusal import Refusal
from viewers.viewer import Viewer

ROLE_LABELS = {
    "code": "codes",
    "type": "types of codes",
    "campaign": "campaigns",
    "market": "markets",
    "event": "events",
}
FORMATS = "CSV, TSV or text with one code a line, XLSX, XLS, or gzip of text"


class UploadForm(forms.Form):
    """A file."""

    file = forms.FileField(
        label="File of codes",
        allow_empty_file=True,
        help_text=(
            f"{FORMATS}; up to {MOST_BYTES >> 20} MiB. Columns for code, type, campaign, market and event are "
            "recognised. You see the first rows before anything is stored."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.gz,.xlsx,.xls,text/csv"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)


class PlaceChoices:
    """The pools of a campaign as a menu: a market, or each date where each has its own pool."""

    def __init__(self, campaign: Campaign) -> None:
        self.places: dict[str, tuple[Market, Event | None]] = {}
        markets = campaign.markets.select_related("venue").prefetch_related("events").order_by("number")
        self.menu: list[tuple[str, Any]] = [self._entry_of(market) for market in markets]

    def _entry_of(self, market: Market) -> tuple[str, Any]:
        events = sorted(market.events.all(), key=lambda event: event.number)
        if market.split == Market.Split.CONCURRENT or len(events) < 2:
            self.places[f"m{market.pk}"] = (market, None)
            return f"m{market.pk}", f"{market.code} · {market}"
        for event in events:
            self.places[f"e{event.pk}"] = (market, event)
        return f"{market.code} · {market}", [(f"e{event.pk}", f"{event.code} · {event}") for event in events]

    def pool(self, place: str, code_type: str, *, actor: Viewer) -> Pool:
        """The pool of a place, made if there is none."""
        market, event = self.places[place]
        return pool_for(market=market, event=event, code_type=code_type, actor=actor, now=timezone.now())


class MappingForm(forms.Form):
    """What the columns of a file are, and where its codes go."""

    place = forms.ChoiceField(label="Codes for", required=False)
    code_type = forms.CharField(
        label="Type of code", initial="presale", max_length=40, help_text="A wave gives codes of one type."
    )
    is_all_or_nothing = forms.BooleanField(
        label="All or nothing: one refused line refuses the whole file",
        required=False,
        help_text="Else the good lines are added, and you see why the others were refused.",
    )
    has_header = forms.BooleanField(label="The first line names the columns", required=False)

    def __init__(self, upload: Upload, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.upload, self.shape = upload, Shape.from_json(upload.shape["file"])
        self.choices = PlaceChoices(upload.campaign)
        names = [(str(number), name) for number, name in enumerate(self.shape.columns, start=1)]
        for role in ROLES if upload.kind == Upload.Kind.FILE else ROLES[:1]:
            none = [] if role == "code" else [("", "No such column")]
            self.fields[f"{role}_column"] = forms.ChoiceField(
                label=f"Column with the {ROLE_LABELS[role]}",
                choices=[*none, *names],
                required=role == "code",
                initial=str(self.shape.roles[role] + 1) if role in self.shape.roles else "",
            )
        names_places = bool({"market", "event"} & set(self.shape.roles))
        nowhere = "Each line's own market" if names_places else "Choose a market"
        self.fields["place"].choices = [("", nowhere), *self.choices.menu]  # type: ignore[attr-defined]  # A menu has choices.
        if names_places:
            self.fields["place"].label = "Codes whose line names no market"
        self.initial.setdefault("has_header", self.shape.has_header)
        if upload.kind == Upload.Kind.REDEEMED:
            for name in ("place", "code_type", "is_all_or_nothing"):
                del self.fields[name]
        first = [name for name in self.fields if name.endswith("_column")]
        self.order_fields([*first, "has_header", "place", "code_type", "is_all_or_nothing"])
        styled(self)

    def reading(self, *, actor: Viewer) -> Reading:
        """What was chosen."""
        values = self.cleaned_data
        columns = {role: _number(values[f"{role}_column"]) for role in ROLES if f"{role}_column" in values}
        code_type = values.get("code_type", "presale")
        place = values.get("place", "")
        return Reading(
            columns=columns,
            has_header=values["has_header"],
            pool=self.choices.pool(place, code_type, actor=actor) if place else None,
            code_type=code_type,
            is_all_or_nothing=values.get("is_all_or_nothing", False),
        )


def _number(column: str) -> int | None:
    return int(column) if column else None


class UsedForm(UploadForm):
    """A file of codes that fans have used."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].label = "File of used codes"
        self.fields["file"].help_text = "As the ticketing platform gives it: one code a line, or a column of codes."


def upload_page(admin: ScopedAdmin[Pool], request: HttpRequest) -> HttpResponse:
    """Takes a file of codes and leads to its first rows."""
    words = {"title": "Upload codes", "button": "Upload", "template": "admin/codes/uploading/choose.html"}
    return _file_page(admin, request, UploadForm, Upload.Kind.FILE, words)


def used_page(admin: ScopedAdmin[Pool], request: HttpRequest) -> HttpResponse:
    """Takes a file of used codes and leads to its first rows."""
    intro = "Each code counts once, however often it is reported; so you can send a whole list again."
    words = {"title": "Report used codes", "button": "Look at the first rows", "intro": intro}
    return _file_page(admin, request, UsedForm, Upload.Kind.REDEEMED, words)


def _file_page(
    admin: ScopedAdmin[Pool],
    request: HttpRequest,
    form_class: type[UploadForm],
    kind: Upload.Kind,
    words: Mapping[str, Any],
) -> HttpResponse:
    campaign = admin.campaign_of(request)
    if campaign is None:
        return admin.ask_for_campaign(request)
    form = form_class(*([request.POST, request.FILES] if request.method == "POST" else []))

    def upload() -> str:
        file = form.cleaned_data["file"]
        draft = draft_upload(
            campaign=campaign,
            file=file,
            file_name=file.name,
            size=file.size,
            actor=admin.actor(request),
            now=timezone.now(),
            kind=kind,
        )
        address = reverse("admin:codes_upload_change", args=[draft.pk])
        place = request.GET.get("place", "")
        return f"{address}?place={place}" if place.isalnum() and place.isascii() else address

    return admin.form_page(
        request,
        form,
        upload,
        back=admin.list_url_of(campaign),
        **words,
        **admin.workspace(campaign),
    )


def mapping_page(admin: ScopedAdmin[Upload], request: HttpRequest, upload: Upload) -> HttpResponse:
    """A file's first rows and what its columns are; on its button a worker begins."""
    is_sent = request.method == "POST"
    form = MappingForm(upload, request.POST if is_sent else None, initial={"place": request.GET.get("place", "")})
    if is_sent and form.is_valid():
        actor, now = admin.actor(request), timezone.now()
        try:
            begin_upload(upload=upload, reading=form.reading(actor=actor), actor=actor, now=now)
            return HttpResponseRedirect(reverse("admin:codes_upload_change", args=[upload.pk]))
        except Refusal as refusal:
            names = {"market": "place", **{role: f"{role}_column" for role in ROLES}}
            if (field := names.get(refusal.field, refusal.field)) in form.fields:
                form.add_error(field, refusal.message)
            else:
                add_refusal(form, refusal)
    context = admin.page_context(
        request,
        upload.file_name,
        original=upload,
        upload=upload,
        form=form,
        preview=upload.shape["preview"],
        kind=kind_words(form.shape),
        sheet=form.shape.sheet,
        columns=_columns(form.shape),
        **admin.workspace(upload.campaign),
    )
    return TemplateResponse(request, "admin/codes/uploading/mapping.html", context)


def kind_words(shape: Shape) -> str:
    """What a file is, in words."""
    if shape.kind != "text":
        return f"{shape.kind.upper()} workbook"
    delimiters = {",": "commas between columns", ";": "semicolons between columns", "\t": "tabs between columns"}
    packed = "Gzip of text" if shape.is_gzip else "Text"
    return f"{packed} in {shape.encoding.upper()}, {delimiters.get(shape.delimiter, 'one code a line')}"


def _columns(shape: Shape) -> Sequence[Mapping[str, str]]:
    """The columns with what each was recognised as."""
    roles = {column: role for role, column in shape.roles.items()}
    return [{"name": name, "role": roles.get(number, "")} for number, name in enumerate(shape.columns)]


def sheet_page(admin: ScopedAdmin[Upload], request: HttpRequest, upload: Upload) -> HttpResponse:
    """Looks at another sheet of a workbook, and leads back to its first rows."""
    page = reverse("admin:codes_upload_change", args=[upload.pk])
    if request.method == "POST":
        try:
            look_at_sheet(upload=upload, sheet=request.POST.get("sheet", ""), actor=admin.actor(request))
        except Refusal as refusal:
            messages.error(request, refusal.message)
    return HttpResponseRedirect(page)


class GenerateForm(forms.Form):
    """How many codes, for which pool, and how they look."""

    place = forms.ChoiceField(label="Codes for")
    code_type = forms.CharField(
        label="Type of code", initial="presale", max_length=40, help_text="A wave gives codes of one type."
    )
    count = forms.IntegerField(label="How many", min_value=1, max_value=MOST_CODES)
    prefix = forms.CharField(  # type: ignore[assignment]  # Fields are taken off the class.
        required=False,
        max_length=MOST_IN_PREFIX,
        help_text="What every code begins with, as in AURORA-; it makes none harder to guess.",
    )
    length = forms.IntegerField(
        label="Random letters",
        min_value=SHORTEST,
        max_value=LONGEST,
        initial=10,
        help_text=f"At least {POSSIBLE_FOR_EACH:,} codes must be possible for each that is made.",
    )
    alphabet = forms.ChoiceField(
        label="Letters",
        choices=[
            ("mixed", f"Letters and digits: {ALPHABETS['mixed']}"),
            ("letters", f"Letters: {ALPHABETS['letters']}"),
            ("digits", f"Digits: {ALPHABETS['digits']}"),
        ],
        help_text="None has look-alikes such as 0 and O.",
    )

    def __init__(self, campaign: Campaign, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choices = PlaceChoices(campaign)
        self.fields["place"].choices = [("", "Choose a market"), *self.choices.menu]  # type: ignore[attr-defined]  # As above.
        styled(self)


def generate_page(admin: ScopedAdmin[Upload], request: HttpRequest) -> HttpResponse:
    """Makes codes for a pool; they come like an upload, and are watched, cancelled and undone like one."""
    campaign = admin.campaign_of(request)
    if campaign is None:
        return admin.ask_for_campaign(request)
    form = GenerateForm(
        campaign, request.POST if request.method == "POST" else None, initial={"place": request.GET.get("place", "")}
    )

    def generate() -> str:
        values, actor = form.cleaned_data, admin.actor(request)
        upload = start_generating(
            pool=form.choices.pool(values["place"], values["code_type"], actor=actor),
            count=values["count"],
            length=values["length"],
            prefix=values["prefix"],
            alphabet=values["alphabet"],
            actor=actor,
            now=timezone.now(),
        )
        return reverse("admin:codes_upload_change", args=[upload.pk])

    return admin.form_page(
        request,
        form,
        generate,
        title="Make codes",
        button="Make them",
        back=reverse("admin:codes_pool_changelist") + f"?campaign={campaign.pk}",
        **admin.workspace(campaign),
    )
