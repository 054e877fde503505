"""Bringing a file's rows into the catalogue: first a dry run that says what would happen, then exactly that."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS
from django.db import models, transaction
from django.utils import translation
from tablib import Dataset

from campaigns.transfer.files import Cell, Table, write_csv, write_xlsx
from campaigns.transfer.resources import RESOURCES, CatalogueResource
from core import audit
from core.refusal import Refusal
from viewers.permissions import Action, require
from viewers.viewer import Viewer

FORMATS = {
    "csv": ("text/csv; charset=utf-8", write_csv),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", write_xlsx),
}
ADD, CHANGE, SAME, REFUSED = "add", "change", "same", "refused"
CANNOT_STORE = "This row cannot be stored. Compare it with a row that was exported."


class CannotImport(Refusal):
    """The rows are not imported."""

    code = "cannot_import"


@dataclass(frozen=True)
class Planned:
    """What becomes of one line of a file."""

    line: int
    deed: str
    name: str
    changes: Mapping[str, list[Any]] = field(default_factory=dict)
    errors: tuple[tuple[str, str], ...] = ()
    row: models.Model | None = None


@dataclass(frozen=True)
class Plan:
    """What becomes of a whole file."""

    lines: tuple[Planned, ...]

    def of(self, deed: str) -> list[Planned]:
        """The lines with one fate."""
        return [line for line in self.lines if line.deed == deed]

    @property
    def counts(self) -> dict[str, int]:
        """How many lines meet each fate."""
        return {deed: len(self.of(deed)) for deed in (ADD, CHANGE, SAME, REFUSED)}

    @property
    def fingerprint(self) -> str:
        """The same for two plans that would do the same."""
        told = [[line.line, line.deed, line.changes, line.errors] for line in self.lines]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def export_rows(model: type[models.Model], form: str) -> tuple[bytes, str]:
    """All rows of a kind as a file, and the file's media type."""
    media_type, write = FORMATS[form]
    resource = RESOURCES[model]()
    rows: list[list[Cell]] = [[column.cell(row) for column in resource.fields.values()] for row in resource.rows()]
    return write(list(resource.fields), rows), media_type


def plan_import(model: type[models.Model], table: Table) -> Plan:
    """Say what a file would do, without doing it.

    :raises CannotImport: it has a column that there is not.
    """
    with transaction.atomic():
        plan = _run(RESOURCES[model](), table)
        transaction.set_rollback(True)
    return plan


def import_rows(*, model: type[models.Model], table: Table, seen: str, actor: Viewer, now: datetime) -> Plan:
    """Do what the dry run with the fingerprint ``seen`` has said, all of it, each row with its line in the audit trail.

    :raises NotAllowed: the actor may not edit the catalogue.
    :raises CannotImport: a line is refused, or the catalogue has changed since the dry run.
    """
    require(actor, Action.EDIT_CATALOGUE, None)
    with transaction.atomic():
        plan = _run(RESOURCES[model](), table)
        if plan.fingerprint != seen:
            raise CannotImport("The catalogue has changed since this was shown: look at it again, then import.")
        if plan.of(REFUSED):
            raise CannotImport("Mend the refused lines in the file first: it is imported whole or not at all.")
        for line in (*plan.of(ADD), *plan.of(CHANGE)):
            audit.record(
                actor=actor,
                action=f"{model._meta.model_name}.{line.deed}",
                target=line.row or model(),  # Only refused lines have none.
                changes=dict(line.changes),
                reason=f"Imported from line {line.line} of a file.",
                now=now,
            )
    return plan


def _run(resource: CatalogueResource, table: Table) -> Plan:
    """Import a table within the present transaction, and tell what came of each line."""
    unknown = [name for name in table.columns if name not in resource.fields]
    if unknown:
        raise CannotImport(
            f"There is no column “{unknown[0][:40]}”. There are: {', '.join(resource.fields)}.", field="file"
        )
    dataset = Dataset(*(cells for _, cells in table.rows), headers=table.columns)
    with translation.override(settings.LANGUAGE_CODE):
        result = resource.import_data(dataset, use_transactions=True, raise_errors=False)
        return Plan(
            tuple(
                _planned(resource, line, dict(zip(table.columns, cells, strict=True)), found)
                for (line, cells), found in zip(table.rows, result.rows, strict=True)
            )
        )


def _planned(resource: CatalogueResource, line: int, cells: Mapping[str, str], found: Any) -> Planned:
    named = cells.get("name") or cells.get(f"name_{settings.LANGUAGE_CODE}") or cells.get(resource.key, "")
    if found.is_invalid() or found.is_error():
        return Planned(line, REFUSED, named, errors=_errors_of(found))
    if found.is_skip():
        return Planned(line, SAME, str(found.instance), row=found.instance)
    old = {} if found.is_new() else resource.cells(found.original)
    new = resource.cells(found.instance)
    changes = {
        name: [old.get(name), value]
        for name, value in new.items()
        if old.get(name, "") != value and not (found.is_new() and name == "id")
    }
    return Planned(line, ADD if found.is_new() else CHANGE, str(found.instance), changes, row=found.instance)


def _errors_of(found: Any) -> tuple[tuple[str, str], ...]:
    if found.validation_error is None:
        return (("", CANNOT_STORE),)
    problems = found.validation_error.message_dict
    return tuple(("" if name == NON_FIELD_ERRORS else name, text) for name, texts in problems.items() for text in texts)
