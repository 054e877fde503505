"""Making an export in the background, and handing it over by an address that is good for one hour."""

from datetime import datetime

from django.db import transaction

from campaigns.models import Campaign
from core import audit, jobs, storage
from core.jobs import Claim
from core.refusal import Refusal
from exports.datasets import dataset_of
from exports.formats import write_csv
from exports.models import Export
from viewers.permissions import Action, may, require
from viewers.viewer import Viewer
from waves.models import Wave

LINK_SECONDS = 3600


class CannotExport(Refusal):
    """There is nothing to export yet, or nothing to download."""

    code = "cannot_export"


def schedule_export(
    *, campaign: Campaign, dataset: str, actor: Viewer, now: datetime, wave: Wave | None = None
) -> Export:
    """Queue an export. What is personal is masked in it unless the actor may see personal data.

    :raises CannotExport: the dataset is unknown, or its wave was not triggered or is another campaign's.
    """
    require(actor, Action.EXPORT, campaign.pk)
    if dataset not in Export.Dataset.values:
        raise CannotExport("This is not a dataset.", field="dataset")
    if dataset == Export.Dataset.SELECTION and (wave is None or wave.campaign_id != campaign.pk):
        raise CannotExport("Say which of the campaign's waves.", field="wave")
    if wave is not None and wave.triggered_at is None:
        raise CannotExport("The wave was not triggered: nobody is selected yet.", field="wave")
    with transaction.atomic():
        export = Export.objects.create(
            campaign=campaign,
            dataset=dataset,
            wave=wave if dataset == Export.Dataset.SELECTION else None,
            requested_by=actor.label,
            is_masked=not may(actor, Action.SEE_PERSONAL_DATA, campaign.pk),
        )
        audit.record(
            actor=actor,
            action="export.schedule",
            target=export,
            campaign_id=campaign.pk,
            changes={"dataset": [None, dataset], "wave": [None, wave.pk if wave else None]},
            now=now,
        )
        jobs.enqueue(export)
    return export


def make_export(claim: Claim[Export]) -> None:
    """The work of an export: write the file and store it."""
    export = claim.job
    key = f"exports/{export.campaign.public_id}/{export.pk}.csv"
    claim.enter("writing")
    with storage.working_folder() as folder, (folder / "export.csv").open("w+b") as file:
        rows = write_csv(file, dataset_of(export), claim)
        size = file.tell()
        file.seek(0)
        claim.enter("storing", total=size)
        storage.put_file(key, file, content_type="text/csv; charset=utf-8")
    claim.write(storage_key=key, rows=rows, size_bytes=size, progress_done=size)


def download_url(*, export: Export, actor: Viewer, now: datetime) -> str:
    """An address that is good for one hour, made anew at each asking.

    :raises CannotExport: the export has not finished.
    :raises NotAllowed: the actor may not export, or not see the personal data that the file holds.
    """
    require(actor, Action.EXPORT, export.campaign_id)
    if not export.is_masked:
        require(actor, Action.SEE_PERSONAL_DATA, export.campaign_id)
    if export.status != Export.Status.FINISHED:
        raise CannotExport("The export has not finished.")
    audit.record(actor=actor, action="export.download", target=export, campaign_id=export.campaign_id, now=now)
    return storage.signed_url(export.storage_key, seconds=LINK_SECONDS, file_name=file_name_of(export))


def file_name_of(export: Export) -> str:
    """The name under which it is saved."""
    wave = f"-{export.wave.date_key.replace(':', '')}" if export.wave is not None else ""
    return f"{export.campaign.domain}-{export.dataset}{wave}.csv"


jobs.register(Export, make_export, outcome=lambda export: {"rows": export.rows, "size_bytes": export.size_bytes})
