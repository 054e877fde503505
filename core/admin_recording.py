"""Edits of the admin's forms in the audit trail; Django's own log would be a second one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from core import audit
from core.audit import CHANGED, Actor, recorded

if TYPE_CHECKING:
    # The library has no types; its classes are the framework's with another face.
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin


class RecordingAdmin[M: models.Model](ModelAdmin[M]):
    """A model's pages whose every edit leaves one audit event."""

    unrecorded_fields: tuple[str, ...] = ()
    """Fields whose values the audit trail does not keep: they hold personal data or secrets."""

    def actor(self, request: HttpRequest) -> Actor:
        """Who acts in a request."""
        raise NotImplementedError

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """What an edit changed or a new row holds, as the audit trail keeps it: field → [old, new]."""
        changes = self._changes_of(form)
        for formset in formsets or ():
            for part in formset.forms:
                if part.has_changed() and part.instance.pk is not None:
                    what = f"{part.instance._meta.verbose_name} {part.instance}"
                    changes.update({f"{what}: {name}": pair for name, pair in self._changes_of(part).items()})
            for gone in getattr(formset, "deleted_objects", ()):
                changes[f"{gone._meta.verbose_name} {gone}"] = ["there", "deleted"]
        return changes

    def _changes_of(self, form: forms.ModelForm[Any]) -> dict[str, Any]:
        return {
            name: CHANGED
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
        """Write that objects are deleted, with what they held."""
        for obj in queryset:
            self._record(request, obj, "delete", self._last_values(obj))

    def _last_values(self, obj: M) -> dict[str, Any]:
        values = {
            field.name: recorded(getattr(obj, field.attname))
            for field in obj._meta.concrete_fields
            if not field.primary_key and field.name not in self.unrecorded_fields
        }
        return {name: [value, None] for name, value in values.items() if value not in (None, "", [], {})}
