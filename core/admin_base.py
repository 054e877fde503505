"""What every page of the admin stands on: rights, refusals, large lists, and edits in the audit trail.

This room knows nobody's rights, so each page is closed until ``viewers.admin_base`` opens it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import IntegrityError, OperationalError, connection, models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import SimpleTemplateResponse, TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone, translation
from psycopg.errors import QueryCanceled

from core import audit
from core.audit import Actor
from core.models import AuditEvent
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
MOST_LETTERS_KEPT = 300
"""Letters of a changed text that the audit trail keeps."""

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

    Where the address holds ``<object_id>``, the method gets the object.
    """

    address: str
    method: str
    right: str


class ConsoleAdmin[M: models.Model](ModelAdmin[M]):
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
    unrecorded_fields: tuple[str, ...] = ()
    """Fields whose values the audit trail does not keep: they hold personal data or secrets."""

    # Rights

    def may(self, request: HttpRequest, right: str) -> bool:
        """Whether the request's viewer has a right. Closed here; the room that knows viewers opens it."""
        return False

    def actor(self, request: HttpRequest) -> Actor:
        """Who acts in a request."""
        raise NotImplementedError

    def has_view_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Whether the pages show anything."""
        return bool(self.view_right) and self.may(request, self.view_right)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """The same, for the overview of models."""
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Whether the form can be saved."""
        return bool(self.edit_right) and self.may(request, self.edit_right)

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
                return view(request, *args, **kwargs)
            except PermissionDenied:
                return self.not_allowed(request)

        return update_wrapper(answer, view)

    def page_name(self, method: str) -> str:
        """The name of a page's address within the admin's namespace."""
        return f"{self.opts.app_label}_{self.opts.model_name}_{method}"

    def _guarded(self, page: Page) -> View:
        method: View = getattr(self, page.method)

        def view(request: HttpRequest, **parts: str) -> HttpResponse:
            if not self.may(request, page.right):
                return self.not_allowed(request)
            if "object_id" not in parts:
                return method(request)
            found = self.get_object(request, parts.pop("object_id"))
            if found is None:
                messages.warning(request, f"This {self.opts.verbose_name} does not exist, or no longer.")
                return HttpResponseRedirect(self.list_url())
            return method(request, found, **parts)

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
            if not is_too_slow(error):
                raise
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
        allowed = self.has_view_permission(request) if object_id else self.has_add_permission(request)
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
        if not self.has_delete_permission(request, self.get_object(request, object_id)):
            return self.not_allowed(request)
        return super().delete_view(request, object_id, extra_context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What was done to the object, from the audit trail."""
        if not self.has_view_permission(request):
            return self.not_allowed(request)
        events = AuditEvent.objects.filter(target_type=self.opts.label_lower, target_id=object_id).order_by("-id")
        context = self.page_context(request, "History", events=events[:200], **(extra_context or {}))
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

    # Edits in the audit trail; Django's own log would be a second one

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """What an edit changed, as the audit trail keeps it: field → [old, new]."""
        changes = {} if add else self._changes_of(form)
        for formset in formsets or ():
            for part in formset.forms:
                if part.has_changed() and part.instance.pk is not None:
                    what = f"{part.instance._meta.verbose_name} {part.instance}"
                    changes.update({f"{what}: {name}": pair for name, pair in self._changes_of(part).items()})
            for gone in getattr(formset, "deleted_objects", ()):
                changes[f"{gone._meta.verbose_name} {gone}"] = ["there", "deleted"]
        return changes

    def _changes_of(self, form: forms.ModelForm[Any]) -> dict[str, list[Any]]:
        return {
            name: ["…", "…"]
            if name in self.unrecorded_fields
            else [recorded(form.initial.get(name)), recorded(form.cleaned_data.get(name))]
            for name in form.changed_data
            if name in form.cleaned_data
        }

    def _record(self, request: HttpRequest, obj: M, verb: str, changes: Mapping[str, Any]) -> None:
        audit.record(
            actor=self.actor(request),
            action=f"{self.opts.model_name}.{verb}",
            target=obj,
            campaign_id=self.campaign_id_of(obj),
            changes=dict(changes),
            now=timezone.now(),
        )

    def campaign_id_of(self, obj: M) -> int | None:
        """The campaign that an object belongs to, if any."""
        return getattr(obj, "campaign_id", None)

    def log_addition(self, request: HttpRequest, obj: M, message: Any) -> Any:
        """Write that one was added."""
        self._record(request, obj, "add", message)

    def log_change(self, request: HttpRequest, obj: M, message: Any) -> Any:
        """Write what was changed, if anything was."""
        if message:
            self._record(request, obj, "change", message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Write that objects are deleted."""
        for obj in queryset:
            self._record(request, obj, "delete", {})


def recorded(value: Any) -> Any:
    """A form's value as the audit trail keeps it."""
    if isinstance(value, models.Model):
        return value.pk
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, models.QuerySet | list | tuple | set):
        return sorted(str(recorded(item)) for item in value)
    if isinstance(value, str) and len(value) > MOST_LETTERS_KEPT:
        return value[:MOST_LETTERS_KEPT] + "…"
    return value if value is None or isinstance(value, bool | int | float | str | dict) else str(value)
