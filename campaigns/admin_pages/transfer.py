"""Import and export pages of the catalogue and of a campaign: choose a file, see what it would do, then do it."""

from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from campaigns.admin_pages.scoped import ScopedAdmin
from campaigns.models import Campaign
from campaigns.transfer import importing
from campaigns.transfer.files import MOST_BYTES, MOST_ROWS, Table, read_table
from campaigns.transfer.importing import FORMATS, Plan, export_rows, import_rows, plan_import
from campaigns.transfer.kinds import RESOURCES
from campaigns.transfer.resources import Scope
from core.admin_base import Page, add_refusal
from core.admin_forms import styled
from core.refusal import Refusal
from viewers.admin_base import GuardedAdmin
from viewers.permissions import Action

KEPT_SECONDS = 1800
SHOWN_LINES = 200
DEED_KINDS = {importing.ADD: "good", importing.CHANGE: "warn", importing.REFUSED: "bad"}


def pages_of(right: Action) -> tuple[Page, ...]:
    """The two pages, of which the import asks this right."""
    return Page("export/", "export_page", Action.VIEW), Page("import/", "import_page", right)


PAGES = pages_of(Action.EDIT_CATALOGUE)


class FileForm(forms.Form):
    """A file of rows."""

    file = forms.FileField(
        label="CSV or XLSX file",
        allow_empty_file=True,
        help_text=f"Up to {MOST_ROWS:,} rows and {MOST_BYTES >> 20} MiB. Nothing changes yet: you see what it does.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.xlsx,text/csv"}),
    )

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        styled(self)


class TransferAdmin[M: models.Model](GuardedAdmin[M]):
    """Rows that come and go as files."""

    list_before_template = "admin/campaigns/catalogue/list_head.html"
    pages: tuple[Page, ...] = PAGES
    transferred: tuple[type[models.Model], ...] = ()
    """The kinds of row that these pages serve beside the model's own."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with the ways to import and export above it."""
        context = {"transfers": self.transfers(request), **(extra_context or {})}
        return super().changelist_view(request, context)

    # What comes and goes, and where

    def kind_of(self, request: HttpRequest) -> type[models.Model]:
        """The kind of row that the address names with ``rows``, else the model's own."""
        wanted = request.GET.get("rows", "")
        return next((kind for kind in self.transferred if kind._meta.model_name == wanted), self.model)

    def scope_of(self, request: HttpRequest) -> Scope | None:
        """Whose rows they are; nothing where the address does not say."""
        return Scope(viewer=self.actor(request))

    def back_of(self, scope: Scope) -> str:
        """The list that the pages lead back to."""
        return self.list_url()

    def parameters_of(self, kind: type[models.Model], scope: Scope) -> dict[str, object]:
        """What an address says of the kind and its scope."""
        named = {} if kind is self.model else {"rows": kind._meta.model_name}
        return {**named, **({"campaign": scope.campaign.pk} if scope.campaign is not None else {})}

    def way_to(self, page: str, kind: type[models.Model], scope: Scope, **more: object) -> str:
        """The address of a page for a kind of row."""
        asked = urlencode({**self.parameters_of(kind, scope), **more})
        way = reverse(f"admin:{self.page_name(page)}")
        return f"{way}?{asked}" if asked else way

    def transfers(self, request: HttpRequest) -> list[tuple[str, str]]:
        """The ways to import and export, each with its words; none where the address names no scope."""
        scope = self.scope_of(request)
        if scope is None:
            return []
        found = []
        kinds: tuple[type[models.Model], ...] = (self.model, *self.transferred)
        for kind in kinds:
            what = f" {kind._meta.verbose_name_plural}" if self.transferred else ""
            if self.may_import(request, kind, scope):
                found.append((f"Import{what}…", self.way_to("import_page", kind, scope)))
            found += [
                (f"Export{what} as {form.upper()}", self.way_to("export_page", kind, scope, format=form))
                for form in FORMATS
            ]
        return found

    def may_import(self, request: HttpRequest, kind: type[models.Model], scope: Scope) -> bool:
        """Whether the viewer may bring in rows of a kind."""
        is_over = scope.campaign is not None and scope.campaign.status == Campaign.Status.FINISHED
        return not is_over and self.may(request, RESOURCES[kind].right)

    # The pages

    def export_page(self, request: HttpRequest) -> HttpResponse:
        """All rows as a file."""
        form, scope, kind = request.GET.get("format", "csv"), self.scope_of(request), self.kind_of(request)
        if form not in FORMATS:
            raise Http404
        if scope is None:
            return HttpResponseRedirect(self.list_url())
        try:
            content, media_type = export_rows(kind, form, scope)
        except Refusal as refusal:
            messages.error(request, refusal.message)
            return HttpResponseRedirect(self.back_of(scope))
        response = HttpResponse(content, content_type=media_type)
        of = f"{scope.campaign.domain}-" if scope.campaign is not None else ""
        name = of + str(kind._meta.verbose_name_plural).replace(" ", "-")
        response.headers["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
        return response

    def import_page(self, request: HttpRequest) -> HttpResponse:
        """Takes a file, shows what it would do, and on a second press does that."""
        scope, kind = self.scope_of(request), self.kind_of(request)
        if scope is None:
            return HttpResponseRedirect(self.list_url())
        if request.method == "POST" and "kept" in request.POST:
            return self._do_import(request, kind, scope)
        form = FileForm(*([request.POST, request.FILES] if request.method == "POST" else []))
        if request.method == "POST" and form.is_valid():
            file = form.cleaned_data["file"]
            try:
                table = read_table(file, size=file.size)
                return self._show_plan(request, table, plan_import(kind, table, scope), scope)
            except Refusal as refusal:
                add_refusal(form, refusal)
        return self._ask_for_file(request, form, kind, scope)

    def _ask_for_file(
        self, request: HttpRequest, form: FileForm, kind: type[models.Model], scope: Scope
    ) -> HttpResponse:
        resource = RESOURCES[kind](scope)
        context = self.page_context(
            request,
            f"Import {kind._meta.verbose_name_plural}",
            form=form,
            columns=list(resource.fields),
            key=resource.key,
            exports=[(name.upper(), self.way_to("export_page", kind, scope, format=name)) for name in FORMATS],
            back=self.back_of(scope),
        )
        return TemplateResponse(request, "admin/campaigns/catalogue/import.html", context)

    def _show_plan(self, request: HttpRequest, table: Table, plan: Plan, scope: Scope) -> HttpResponse:
        kept, kind = str(uuid4()), self.kind_of(request)
        cache.set(self._cache_key(request, scope, kept), asdict(table), KEPT_SECONDS)
        told = [*plan.of(importing.REFUSED), *plan.of(importing.ADD), *plan.of(importing.CHANGE)]
        context = self.page_context(
            request,
            f"Import {kind._meta.verbose_name_plural}",
            counts=plan.counts,
            lines=[(line, DEED_KINDS[line.deed]) for line in told[:SHOWN_LINES]],
            more=max(0, len(told) - SHOWN_LINES),
            kept=kept,
            seen=plan.fingerprint,
            can_import=not plan.of(importing.REFUSED) and bool(told),
            back=self.back_of(scope),
        )
        return TemplateResponse(request, "admin/campaigns/catalogue/plan.html", context)

    def _do_import(self, request: HttpRequest, kind: type[models.Model], scope: Scope) -> HttpResponse:
        found = cache.get(self._cache_key(request, scope, request.POST["kept"][:36]))
        if found is None:
            messages.error(request, "Choose the file again: it was kept for half an hour only.")
            return HttpResponseRedirect(request.get_full_path())
        table = Table(found["columns"], [(line, cells) for line, cells in found["rows"]])
        try:
            plan = import_rows(
                model=kind,
                table=table,
                seen=request.POST.get("seen", ""),
                actor=self.actor(request),
                now=timezone.now(),
                campaign=scope.campaign,
            )
        except Refusal as refusal:
            messages.error(request, refusal.message)
            return self._show_plan(request, table, plan_import(kind, table, scope), scope)
        counts = plan.counts
        messages.success(request, f"Imported: {counts['add']} added, {counts['change']} changed.")
        return HttpResponseRedirect(self.back_of(scope))

    def _cache_key(self, request: HttpRequest, scope: Scope, kept: str) -> str:
        """Where a file waits for the second press, for nobody but its owner, and for these rows alone."""
        place = f"{self.kind_of(request)._meta.model_name}:{scope.campaign.pk if scope.campaign else ''}"
        return f"import:{place}:{self.actor(request).id}:{kept}"


class CampaignTransferAdmin[M: models.Model](TransferAdmin[M], ScopedAdmin[M]):
    """Rows of one campaign that come and go as files."""

    list_before_template = "admin/includes/workspace.html"

    def scope_of(self, request: HttpRequest) -> Scope | None:
        """The campaign that the address names."""
        campaign = self.campaign_of(request)
        return Scope(campaign, self.actor(request)) if campaign is not None else None

    def back_of(self, scope: Scope) -> str:
        """The campaign's own rows."""
        return self.list_url_of(scope.campaign) if scope.campaign is not None else self.list_url()
