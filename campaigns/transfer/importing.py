"""Bringing a file's rows into the catalogue or a campaign: first a dry run that says what would happen, then that."""

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

from campaigns.lifecycle import FINISHED
from campaigns.models import Campaign
from campaigns.transfer.files import Cell, Table, write_csv, write_xlsx
from campaigns.transfer.kinds import RESOURCES
from campaigns.transfer.resources import Scope, TableResource
from core import audit
from core.refusal import Refusal
from viewers.permissions import require
from viewers.viewer import Viewer

FORMATS = {
    "csv": ("text/csv; charset=utf-8", write_csv),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", write_xlsx),
}
ADD, CHANGE, SAME, REFUSED = "add", "change", "same", "refused"
PLACE_TAKEN = "Another row has this place in the order."
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


NO_SCOPE = Scope()


def export_rows(model: type[models.Model], form: str, scope: Scope = NO_SCOPE) -> tuple[bytes, str]:
    """All rows of a kind, of a campaign's own kinds all of the campaign, as a file; and the file's media type."""
    media_type, write = FORMATS[form]
    resource = RESOURCES[model](scope)
    rows: list[list[Cell]] = [[column.cell(row) for column in resource.fields.values()] for row in resource.rows()]
    return write(list(resource.fields), rows), media_type


def plan_import(model: type[models.Model], table: Table, scope: Scope = NO_SCOPE) -> Plan:
    """Say what a file would do, without doing it.

    :raises CannotImport: it has a column that there is not.
    """
    with transaction.atomic():
        plan = _run(RESOURCES[model](scope), table)
        transaction.set_rollback(True)
    return plan


def import_rows(
    *,
    model: type[models.Model],
    table: Table,
    seen: str,
    actor: Viewer,
    now: datetime,
    campaign: Campaign | None = None,
) -> Plan:
    """Do what the dry run with the fingerprint ``seen`` has said, all of it, each row with its line in the audit trail.

    :raises NotAllowed: the actor may not edit these rows.
    :raises CannotImport: a line is refused, the campaign is finished, or something has changed since the dry run.
    """
    resource = RESOURCES[model](Scope(campaign, actor))
    require(actor, resource.right, campaign.pk if campaign is not None else None)
    with transaction.atomic():
        if campaign is not None:
            _lock(campaign)
        plan = _run(resource, table)
        if plan.fingerprint != seen:
            raise CannotImport("Something has changed since this was shown: look at it again, then import.")
        if plan.of(REFUSED):
            raise CannotImport("Mend the refused lines in the file first: it is imported whole or not at all.")
        for line in (*plan.of(ADD), *plan.of(CHANGE)):
            row = line.row or model()  # Only refused lines have none.
            audit.record(
                actor=actor,
                action=f"{model._meta.model_name}.{line.deed}",
                target=row,
                campaign_id=resource.campaign_id_of(row),
                changes={name: [audit.recorded(value) for value in pair] for name, pair in line.changes.items()},
                reason=f"Imported from line {line.line} of a file.",
                now=now,
            )
            if line.deed == ADD:
                resource.after_adding(row, actor=actor, now=now)
    return plan


def _lock(campaign: Campaign) -> None:
    """Have imports into one campaign take turns with each other and with its steps."""
    status = Campaign.objects.select_for_update(no_key=True).values_list("status", flat=True).get(pk=campaign.pk)
    if status == Campaign.Status.FINISHED:
        raise CannotImport(FINISHED)


def _run(resource: TableResource, table: Table) -> Plan:
    """Import a table within the present transaction, and tell what came of each line."""
    unknown = [name for name in table.columns if name not in resource.fields]
    if unknown:
        raise CannotImport(
            f"There is no column “{unknown[0][:40]}”. There are: {', '.join(resource.fields)}.", field="file"
        )
    order = resource.sequence(table)
    dataset = Dataset(*(table.rows[place][1] for place in order), headers=table.columns)
    with translation.override(settings.LANGUAGE_CODE):
        result = resource.import_data(dataset, use_transactions=True, raise_errors=False)
        clashes = resource.clashes()
        planned = {
            place: _planned(resource, table.columns, table.rows[place], found, clashes)
            for place, found in zip(order, result.rows, strict=True)
        }
    return Plan(tuple(planned[place] for place in sorted(planned)))


def _planned(
    resource: TableResource, columns: list[str], row: tuple[int, list[str]], found: Any, clashes: set[Any]
) -> Planned:
    line, cells = row[0], dict(zip(columns, row[1], strict=True))
    named = cells.get("name") or cells.get(f"name_{settings.LANGUAGE_CODE}") or cells.get(resource.key, "")
    if found.is_invalid() or found.is_error():
        return Planned(line, REFUSED, named, errors=_errors_of(found))
    if found.is_skip():
        return Planned(line, SAME, str(found.instance), row=found.instance)
    if found.instance.pk in clashes:
        return Planned(line, REFUSED, named, errors=((resource.place[-1], PLACE_TAKEN),))
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
