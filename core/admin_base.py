"""What every page of the admin stands on: rights, refusals, large lists, and edits in the audit trail.

This room knows nobody's rights, so each page is closed until ``viewers.admin_base`` opens it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import IntegrityError, OperationalError, connection, models, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import SimpleTemplateResponse, TemplateResponse
from django.urls import URLPattern, path
from django.utils import translation
from psycopg.errors import QueryCanceled

from core.admin_history import history_context
from core.admin_recording import RecordingAdmin
from core.refusal import Invalid, Refusal

if TYPE_CHECKING:
    # The library has no types; its classes are the framework's with another face.
    from django.contrib.admin import ModelAdmin, StackedInline, TabularInline
else:
    from unfold.admin import ModelAdmin, StackedInline, TabularInline

__all__ = [
    "CappedPaginator",
    "ConsoleAdmin",
    "ModelAdmin",
    "Page",
    "StackedInline",
    "TabularInline",
    "add_refusal",
    "limited_time",
]

MOST_COUNTED = 10_000
"""Rows of a list that are counted and can be leafed through; behind them one searches or filters."""
LIST_SECONDS = 5
"""How long the database may work on one page of a list."""

View = Callable[..., HttpResponse]


def add_refusal(form: forms.BaseForm, refusal: Refusal) -> None:
    """Show a refusal in a form, beside the field that it names where the form has one."""
    errors = refusal.errors if isinstance(refusal, Invalid) else {refusal.field: [refusal.message]}
    for name, texts in errors.items():
        for text in texts:
            form.add_error(name if name in form.fields else None, text)


@contextmanager
def limited_time(seconds: int = LIST_SECONDS) -> Iterator[None]:
    """Let the database work no longer than this on any one statement of the block.

    :raises OperationalError: a statement took longer; ``is_too_slow`` tells.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{seconds}s"])
        yield
        cursor.execute("SET LOCAL statement_timeout TO DEFAULT")


def is_too_slow(error: OperationalError) -> bool:
    """Whether an error of the database means that its time was up."""
    return isinstance(error.__cause__, QueryCanceled)


class CappedPaginator(Paginator[Any]):
    """Counts no further than ``MOST_COUNTED``: an exact count of millions would be the slowest part of a page."""

    template_name = "admin/includes/pagination.html"

    @cached_property
    def _counted(self) -> int:
        rows: models.QuerySet[models.Model] = self.object_list  # type: ignore[assignment]  # A change list's.
        return rows.order_by()[: MOST_COUNTED + 1].count()

    @cached_property
    def count(self) -> int:
        """How many rows can be leafed through."""
        return min(self._counted, MOST_COUNTED)

    @property
    def is_capped(self) -> bool:
        """Whether there are more rows than were counted."""
        return self._counted > MOST_COUNTED


@dataclass(frozen=True)
class Page:
    """One page of a model's admin beside Django's own: its address, the method that answers, and the right it asks.

    Where the address holds ``<object_id>``, the method gets the object. A dangerous page asks for a fresh proof.
    """

    address: str
    method: str
    right: str
    is_dangerous: bool = False


class ConsoleAdmin[M: models.Model](RecordingAdmin[M]):
    """One model's pages. Without a right nothing answers, and status fields are never in a form."""

    actions = None
    show_full_result_count = False
    list_per_page = 50
    paginator = CappedPaginator
    pages: tuple[Page, ...] = ()
    view_right = ""
    """The right that its lists and pages ask; empty closes them."""
    edit_right = ""
    """The right to change, add and delete; empty where people do none of them through a form."""
    can_add = can_delete = False
    empty_note = ""
    """What a list without rows says below its title: what fills it."""
    menus_that_add: tuple[str, ...] = ()
    """Foreign keys whose menu offers to add a row in a window of its own; the others have no ways out of the form."""

    # Rights

    def may(self, request: HttpRequest, right: str, obj: models.Model | None = None) -> bool:
        """Whether the request's viewer has a right, for an object or for any. Closed here; ``viewers`` opens it."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Whether the pages show anything."""
        return bool(self.view_right) and self.may(request, self.view_right, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """The same, for the overview of models."""
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Whether the form can be saved."""
        return bool(self.edit_right) and self.may(request, self.edit_right, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whether one can be added."""
        return self.can_add and self.has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Whether one can be deleted."""
        return self.can_delete and self.has_change_permission(request, obj)

    def not_allowed(self, request: HttpRequest) -> HttpResponse:
        """A friendly answer to whoever has not the right."""
        context = {**self.admin_site.each_context(request), "title": "You may not see this page"}
        return TemplateResponse(request, "admin/not_allowed.html", context, status=403)

    def not_found(self, request: HttpRequest) -> HttpResponse:
        """The same answer for what is not there, no longer there, or not for this viewer to know of."""
        context = self.page_context(request, f"There is no such {self.opts.verbose_name}", back=self.list_url())
        return TemplateResponse(request, "admin/not_found.html", context, status=404)

    def is_nowhere(self, request: HttpRequest) -> bool:
        """Whether the address names something outside the model that is not there."""
        return False

    def fresh_proof(self, request: HttpRequest) -> HttpResponse | None:
        """Where a viewer must prove anew who she is before a dangerous page; nothing where she has just done so."""
        return None

    # Addresses

    def get_urls(self) -> list[URLPattern]:
        """Django's addresses, and before them the model's own pages, each guarded by its right."""
        urls = [
            path(page.address, self.admin_site.admin_view(self._guarded(page)), name=self.page_name(page.method))
            for page in self.pages
        ] + super().get_urls()
        for url in urls:
            url.callback = self._kindly(url.callback)
        return urls

    def _kindly(self, view: View) -> View:
        """Answer in the language that staff pages are written in, and a missing right with a friendly page.

        The browser's language would mix the framework's words into ours, and sort and search translated columns.
        """

        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            translation.activate(settings.LANGUAGE_CODE)
            try:
                if self.admin_site.has_permission(request) and self.is_nowhere(request):
                    return self.not_found(request)
                return view(request, *args, **kwargs)
            except PermissionDenied:
                return self.not_allowed(request)
            except Http404:
                return self.not_found(request)

        return update_wrapper(answer, view)

    def page_name(self, method: str) -> str:
        """The name of a page's address within the admin's namespace."""
        return f"{self.opts.app_label}_{self.opts.model_name}_{method}"

    def _guarded(self, page: Page) -> View:
        method: View = getattr(self, page.method)

        def view(request: HttpRequest, **parts: str) -> HttpResponse:
            if not self.may(request, page.right):
                return self.not_allowed(request)
            found = None
            if "object_id" in parts:
                found = self.get_object(request, parts.pop("object_id"))
                if found is None:
                    return self.not_found(request)
                if not self.may(request, page.right, found):
                    return self.not_allowed(request)
            if page.is_dangerous and (way := self.fresh_proof(request)) is not None:
                return way
            return method(request, found, **parts) if found is not None else method(request, **parts)

        return update_wrapper(view, method)

    def list_url(self) -> str:
        """Where the list of this model is."""
        from django.urls import reverse

        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    def page_context(self, request: HttpRequest, title: str, **extra: Any) -> dict[str, Any]:
        """The context of a page of one's own, in the admin's frame."""
        return {**self.admin_site.each_context(request), "opts": self.opts, "title": title, **extra}

    def form_page(
        self,
        request: HttpRequest,
        form: forms.BaseForm,
        operation: Callable[[], str],
        *,
        title: str,
        template: str = "admin/plain_form.html",
        **extra: Any,
    ) -> HttpResponse:
        """A page with one form. On its button ``operation`` runs and gives the next address; a refusal is shown."""
        if request.method == "POST" and form.is_valid():
            try:
                return HttpResponseRedirect(operation())
            except Refusal as refusal:
                add_refusal(form, refusal)
        return TemplateResponse(request, template, self.page_context(request, title, form=form, **extra))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The field's input; a menu has no icons that would lead away from a half-filled form."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        widget = field.widget if field is not None else None
        if isinstance(widget, RelatedFieldWidgetWrapper):
            widget.can_add_related = widget.can_add_related and db_field.name in self.menus_that_add
            widget.can_change_related = widget.can_delete_related = widget.can_view_related = False
        return field

    # Django's pages, with friendly answers

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, within the time that the database is given for it."""
        if not self.has_view_permission(request):
            return self.not_allowed(request)
        try:
            with limited_time():
                response = super().changelist_view(request, extra_context)
                if isinstance(response, SimpleTemplateResponse):
                    response.render()  # Here, so that no query escapes the limit.
                return response
        except OperationalError as error:
            return self._too_slow(request, error)

    def _too_slow(self, request: HttpRequest, error: OperationalError) -> HttpResponse:
        """Say that the database's time was up; any other error is raised again."""
        if not is_too_slow(error):
            raise error
        context = self.page_context(request, "This list takes too long", again=request.path)
        return TemplateResponse(request, "admin/too_slow.html", context, status=503)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The form; two people who save the same at once are told apart kindly."""
        obj = self.get_object(request, object_id) if object_id else None
        if object_id and obj is None and self.has_view_permission(request):
            return self.not_found(request)
        allowed = self.has_view_permission(request, obj) if object_id else self.has_add_permission(request)
        if not allowed:
            return self.not_allowed(request)
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError:
            messages.error(
                request, "Not saved: somebody else saved the same at this moment. Look again, then save once more."
            )
            return HttpResponseRedirect(request.get_full_path())

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page that asks before deleting."""
        obj = self.get_object(request, object_id)
        if obj is None and self.has_view_permission(request):
            return self.not_found(request)
        if not self.has_delete_permission(request, obj):
            return self.not_allowed(request)
        return super().delete_view(request, object_id, extra_context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What was done to the object, from the audit trail."""
        obj = self.get_object(request, object_id)
        if obj is None and self.has_view_permission(request):
            return self.not_found(request)
        if not self.has_view_permission(request, obj):
            return self.not_allowed(request)
        parts = [part.model for part in self.inlines]
        try:
            with limited_time():
                found = history_context(model=self.model, object_id=object_id, parts=parts, asked=request.GET)
        except OperationalError as error:
            return self._too_slow(request, error)
        context = self.page_context(request, "History", **{"original": obj, **found, **(extra_context or {})})
        return TemplateResponse(request, "admin/object_history.html", context)

    def save_model(self, request: HttpRequest, obj: M, form: Any, change: bool) -> None:
        """Write what the form holds and nothing else: a state that the clock has changed meanwhile stays."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        shown = set(form.fields)
        # A translated field's own column follows that of the default language.
        shown |= {name.removesuffix(f"_{settings.LANGUAGE_CODE}") for name in form.fields}
        obj.save(update_fields=[field.name for field in obj._meta.concrete_fields if field.name in shown])
