"""Forms of the admin: the database's rules in words, beside the field that breaks them."""

from collections.abc import Mapping
from typing import ClassVar

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.forms.widgets import Input


class ConsoleForm[M: models.Model](forms.ModelForm[M]):
    """A model's form that explains the constraints it names, and checks those that span fields not in the form."""

    rules: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Constraint, or the unique fields joined by commas → the field it is shown at, and what to do."""
    set_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that the page sets itself; constraints with them are checked all the same."""

    def _get_validation_exclusions(self) -> set[str]:
        exclusions: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # Django's own hook.
        return exclusions - self.set_fields

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # As above.
        plain = self.errors.pop(NON_FIELD_ERRORS, None)
        for error in plain.as_data() if plain else ():
            place = self._place_of(error)
            self.add_error(*place) if place else self.add_error(None, error)

    def _place_of(self, error: ValidationError) -> tuple[str | None, str] | None:
        """The field and the words for an error that a named rule has raised."""
        unique = ",".join((error.params or {}).get("unique_check", ()))
        for rule, (field, words) in self.rules.items():
            if rule == unique or f"“{rule}”" in str(error.message):
                return (field if field in self.fields else None), words
        return None


def styled[F: forms.BaseForm](form: F) -> F:
    """Give the plain widgets of a form of our own the look of the model forms'."""
    from unfold import widgets

    looks: tuple[tuple[type[forms.Widget], list[str]], ...] = (
        (forms.Textarea, widgets.TEXTAREA_CLASSES),
        (forms.CheckboxInput, widgets.CHECKBOX_CLASSES),
        (forms.CheckboxSelectMultiple, ["mq-checks"]),  # A kind of radio to the framework; those classes break it.
        (forms.RadioSelect, widgets.RADIO_CLASSES),
        (forms.Select, widgets.SELECT_CLASSES),
        (forms.ClearableFileInput, ["mq-file"]),
        (Input, widgets.INPUT_CLASSES),
    )
    for field in form.fields.values():
        for widget in getattr(field.widget, "widgets", [field.widget]):
            for kind, classes in looks:
                if isinstance(widget, kind):
                    widget.attrs.setdefault("class", " ".join(classes))
                    break
            if type(widget) is forms.Select:
                widget.template_name = "unfold/widgets/select.html"
    return form
