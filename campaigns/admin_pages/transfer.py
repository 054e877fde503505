"""Import and export pages of the catalogue: choose a file, see what it would do, then do it."""

from dataclasses import asdict
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone

from campaigns.transfer import importing
from campaigns.transfer.files import MOST_BYTES, MOST_ROWS, Table, read_table
from campaigns.transfer.importing import FORMATS, Plan, export_rows, import_rows, plan_import
from campaigns.transfer.resources import RESOURCES
from core.admin_base import Page, add_refusal
from core.admin_forms import styled
from core.refusal import Refusal
from viewers.admin_base import GuardedAdmin
from viewers.permissions import Action

KEPT_SECONDS = 1800
SHOWN_LINES = 200
DEED_KINDS = {importing.ADD: "good", importing.CHANGE: "warn", importing.REFUSED: "bad"}
PAGES = (
    Page("export/", "export_page", Action.VIEW),
    Page("import/", "import_page", Action.EDIT_CATALOGUE),
)


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

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with the ways to import and export above it."""
        context = {"may_import": self.has_change_permission(request), "forms": FORMATS, **(extra_context or {})}
        return super().changelist_view(request, context)

    def export_page(self, request: HttpRequest) -> HttpResponse:
        """All rows as a file."""
        form = request.GET.get("format", "csv")
        if form not in FORMATS:
            raise Http404
        content, media_type = export_rows(self.model, form)
        response = HttpResponse(content, content_type=media_type)
        name = str(self.opts.verbose_name_plural).replace(" ", "-")
        response.headers["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
        return response

    def import_page(self, request: HttpRequest) -> HttpResponse:
        """Takes a file, shows what it would do, and on a second press does that."""
        if request.method == "POST" and "kept" in request.POST:
            return self._do_import(request)
        form = FileForm(*([request.POST, request.FILES] if request.method == "POST" else []))
        if request.method == "POST" and form.is_valid():
            file = form.cleaned_data["file"]
            try:
                table = read_table(file, size=file.size)
                return self._show_plan(request, table, plan_import(self.model, table))
            except Refusal as refusal:
                add_refusal(form, refusal)
        return self._ask_for_file(request, form)

    def _ask_for_file(self, request: HttpRequest, form: FileForm) -> HttpResponse:
        context = self.page_context(
            request,
            f"Import {self.opts.verbose_name_plural}",
            form=form,
            columns=list(RESOURCES[self.model]().fields),
            key=RESOURCES[self.model].key,
            back=self.list_url(),
        )
        return TemplateResponse(request, "admin/campaigns/catalogue/import.html", context)

    def _show_plan(self, request: HttpRequest, table: Table, plan: Plan) -> HttpResponse:
        kept = str(uuid4())
        cache.set(self._cache_key(request, kept), asdict(table), KEPT_SECONDS)
        told = [*plan.of(importing.REFUSED), *plan.of(importing.ADD), *plan.of(importing.CHANGE)]
        context = self.page_context(
            request,
            f"Import {self.opts.verbose_name_plural}",
            counts=plan.counts,
            lines=[(line, DEED_KINDS[line.deed]) for line in told[:SHOWN_LINES]],
            more=max(0, len(told) - SHOWN_LINES),
            kept=kept,
            seen=plan.fingerprint,
            can_import=not plan.of(importing.REFUSED) and bool(told),
            back=self.list_url(),
        )
        return TemplateResponse(request, "admin/campaigns/catalogue/plan.html", context)

    def _do_import(self, request: HttpRequest) -> HttpResponse:
        found = cache.get(self._cache_key(request, request.POST["kept"][:36]))
        if found is None:
            messages.error(request, "Choose the file again: it was kept for half an hour only.")
            return HttpResponseRedirect(request.path)
        table = Table(found["columns"], [(line, cells) for line, cells in found["rows"]])
        try:
            plan = import_rows(
                model=self.model,
                table=table,
                seen=request.POST.get("seen", ""),
                actor=self.actor(request),
                now=timezone.now(),
            )
        except Refusal as refusal:
            messages.error(request, refusal.message)
            return self._show_plan(request, table, plan_import(self.model, table))
        counts = plan.counts
        messages.success(request, f"Imported: {counts['add']} added, {counts['change']} changed.")
        return HttpResponseRedirect(self.list_url())

    def _cache_key(self, request: HttpRequest, kept: str) -> str:
        """Where a file waits for the second press, for nobody but its owner, and for this kind of row alone."""
        return f"import:{self.opts.model_name}:{self.actor(request).id}:{kept}"
