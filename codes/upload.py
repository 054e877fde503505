"""Codes on their way in: a file is stored, looked at, mapped, and begun, by whoever may; workers do the rest.

``codes.adding`` is the work of it, ``codes.generating`` makes codes in place of a file, ``codes.undoing`` takes an
upload back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copyfileobj
from typing import Any, BinaryIO

from django.db import transaction

from campaigns.lifecycle import check_unfinished
from campaigns.models import Campaign, Event, Market
from codes.files import Shape
from codes.looking import Columns, local_name, looked_at, mapped
from codes.models import Pool, Upload
from codes.places import MOST_LETTERS_IN_TYPE
from core import audit, jobs, storage
from core.refusal import Refusal
from core.tick import every_tick
from viewers.permissions import Action, require
from viewers.viewer import CLOCK, Viewer

MOST_BYTES = 512 * 2**20
LINK_SECONDS = 3600
MAPPING = "mapping"
"""The phase of a file that somebody still has to look at."""
STORED = "stored"
DAYS_OF_DRAFTS = timedelta(days=1)
"""How long a file waits for whoever uploaded it."""
NOWHERE = "Nothing says where the codes go: choose a market, or the column that names one."
NOBODY_BEGAN = "Nobody began this upload within a day, so its file was dropped. Upload it again."


class CannotUpload(Refusal):
    """The file is not taken."""

    code = "cannot_upload"
    status = 400


class CannotBegin(Refusal):
    """The upload is not begun: it was begun before, cancelled or dropped."""

    code = "cannot_begin_upload"


class NotLookedAt(Refusal):
    """There is no preview: nobody has looked at the file yet."""

    code = "not_looked_at"


class NothingRefused(Refusal):
    """There is no file of refused lines."""

    code = "nothing_refused"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a file is to be read. What is not said stays as it was recognised."""

    columns: Columns = field(default_factory=dict)
    has_header: bool | None = None
    sheet: str = ""
    pool: Pool | None = None
    """Where lines go that name no market."""
    code_type: str = "presale"
    """The type of codes whose line names none."""
    is_all_or_nothing: bool = False


def pool_for(*, market: Market, event: Event | None, actor: Viewer, now: datetime, code_type: str = "presale") -> Pool:
    """The pool of a market (concurrent split) or of one of its events (sequential), made if there is none.

    :raises CannotUpload: the split asks for an event, or for none.
    """
    require(actor, Action.MANAGE_CODES, market.campaign_id)
    if market.split == Market.Split.SEQUENTIAL and event is None:
        events = list(market.events.order_by("number", "pk")[:2])
        if len(events) != 1:
            raise CannotUpload("This market's events have separate pools: say which event.", field="event")
        event = events[0]
    if market.split == Market.Split.CONCURRENT and event is not None:
        raise CannotUpload("This market's events share one pool: name no event.", field="event")
    if event is not None and event.market_id != market.pk:
        raise CannotUpload("This event belongs to another market.", field="event")
    with transaction.atomic():
        pool, is_new = Pool.objects.get_or_create(
            market=market, event=event, code_type=code_type, defaults={"campaign_id": market.campaign_id}
        )
        if is_new:
            record_new_pool(pool, actor=actor, now=now)
    return pool


def record_new_pool(pool: Pool, *, actor: Viewer, now: datetime) -> None:
    """Write a new pool into the audit trail."""
    names = {"market": pool.market.code, "event": pool.event.code if pool.event else None, "code_type": pool.code_type}
    audit.record(
        actor=actor,
        action="pool.add",
        target=pool,
        campaign_id=pool.campaign_id,
        changes={name: [None, value] for name, value in names.items()},
        now=now,
    )


def start_upload(
    *,
    file: BinaryIO,
    file_name: str,
    size: int,
    actor: Viewer,
    now: datetime,
    pool: Pool | None = None,
    campaign: Campaign | None = None,
    reading: Reading | None = None,
    kind: Upload.Kind = Upload.Kind.FILE,
) -> Upload:
    """Store a file and queue its reading at once: nobody looks at it before. Say the pool, or the campaign.

    :raises CannotUpload: it is empty or larger than ``MOST_BYTES``, or nothing says where its codes go.
    """
    reading = reading or Reading(pool=pool, code_type=pool.code_type if pool is not None else "presale")
    upload = _new_upload(_campaign_of(pool, campaign), file_name, size, kind=kind, reading=reading, actor=actor)
    # Only a worker sees whether a column names markets, unless somebody says that one does.
    _put(upload, file)
    with transaction.atomic():
        upload.save(force_insert=True)
        record_upload(upload, "codes.upload", actor=actor, now=now)
        jobs.enqueue(upload)
    return upload


def draft_upload(
    *,
    campaign: Campaign,
    file: BinaryIO,
    file_name: str,
    size: int,
    actor: Viewer,
    now: datetime,
    reading: Reading | None = None,
    kind: Upload.Kind = Upload.Kind.FILE,
) -> Upload:
    """Store a file, look at it, and let it wait until somebody begins it: nothing of it is read into a pool.

    :raises CannotUpload: it is empty or larger than ``MOST_BYTES``.
    :raises codes.files.CannotRead: it holds no codes that can be read.
    """
    upload = _new_upload(campaign, file_name, size, kind=kind, reading=reading or Reading(), actor=actor)
    with _on_disk(file, upload.file_name) as path:
        upload.shape = looked_at(upload, path)
        with path.open("rb") as stored:
            _put(upload, stored)
    upload.status, upload.phase = Upload.Status.WAITING, MAPPING
    with transaction.atomic():
        upload.save(force_insert=True)
        record_upload(upload, "codes.upload", actor=actor, now=now)
    return upload


def look_at_sheet(*, upload: Upload, sheet: str, actor: Viewer) -> Upload:
    """Look at another sheet of a workbook that waits to be begun.

    :raises CannotBegin: it does not wait any more.
    :raises codes.files.CannotRead: that sheet holds no codes.
    """
    require(actor, Action.MANAGE_CODES, upload.campaign_id)
    upload.shape = {"asked": {"sheet": sheet}}
    with storage.working_folder() as folder:
        shape = looked_at(upload, storage.fetch(upload.storage_key, folder / local_name(upload.file_name)))
    with transaction.atomic():
        upload = _waiting(upload)
        upload.shape = shape
        upload.save(update_fields=["shape"])
    return upload


def begin_upload(*, upload: Upload, reading: Reading, actor: Viewer, now: datetime) -> Upload:
    """Queue the reading of a file that somebody has looked at.

    :raises CannotBegin: it does not wait for this any more.
    :raises CannotUpload: nothing says where its codes go.
    :raises codes.files.CannotRead: the file has no such column.
    """
    require(actor, Action.MANAGE_CODES, upload.campaign_id)
    check_unfinished(upload.campaign)
    with transaction.atomic():
        upload = _waiting(upload)
        shape = mapped(Shape.from_json(upload.shape["file"]), reading.columns, has_header=reading.has_header)
        _check_place(upload, reading, names_places=bool({"market", "event"} & set(shape.roles)))
        upload.shape = {**upload.shape, "file": shape.to_json()}
        upload.pool, upload.code_type = reading.pool, _checked_type(reading.code_type)
        upload.is_all_or_nothing = reading.is_all_or_nothing
        upload.phase = ""
        upload.save(update_fields=["shape", "pool", "code_type", "is_all_or_nothing", "phase"])
        record_upload(upload, "codes.begin", actor=actor, now=now, columns=sorted(shape.roles))
        jobs.requeue(upload)
    return upload


def cancel_upload(*, upload: Upload, actor: Viewer, now: datetime) -> Upload:
    """Stop an upload that waits or runs. None of its codes is stored.

    :raises core.jobs.CannotCancel: it has ended.
    """
    require(actor, Action.MANAGE_CODES, upload.campaign_id)
    with transaction.atomic():
        jobs.cancel(upload, now=now)
        record_upload(upload, "codes.cancel", actor=actor, now=now)
        transaction.on_commit(lambda: storage.delete(upload.storage_key))
    return upload


@every_tick
def drop_old_drafts(now: datetime) -> int:
    """Drop the files that nobody began within a day."""
    with transaction.atomic():
        old = Upload.objects.filter(
            status=Upload.Status.WAITING, phase=MAPPING, created_at__lt=now - DAYS_OF_DRAFTS
        ).select_for_update(of=("self",), no_key=True, skip_locked=True)
        dropped = list(old.order_by("pk")[:100])
        for upload in dropped:
            jobs.cancel(upload, now=now)
            upload.error = NOBODY_BEGAN
            upload.save(update_fields=["error"])
            record_upload(upload, "codes.drop", actor=CLOCK, now=now)
    for upload in dropped:
        storage.delete(upload.storage_key)
    return len(dropped)


def refused_url(upload: Upload) -> str:
    """An address of the file of all refused lines, good for an hour.

    :raises NothingRefused: there is none.
    """
    if not upload.refused_key:
        raise NothingRefused("No line of this file was refused.")
    return storage.signed_url(upload.refused_key, seconds=LINK_SECONDS, file_name="refused-lines.csv")


def counts_of(upload: Upload) -> dict[str, int]:
    """What became of the lines of a file that was read."""
    return {"added": upload.added, "already_there": upload.already_there, "refused": upload.refused}


@dataclass(frozen=True)
class Share:
    """What one pool got of an upload."""

    pool: Pool
    added: int
    already_there: int


def shares_of(upload: Upload) -> list[Share]:
    """What each pool got of an upload that was read, in the order of markets and events."""
    found = {key: (added, there) for key, added, there in upload.shape.get("pools", [])}
    pools = Pool.objects.filter(pk__in=found).select_related("market__venue", "event")
    ordered = pools.order_by("market__number", "event__number", "pk")
    return [Share(pool, *found[pool.pk]) for pool in ordered]


def _campaign_of(pool: Pool | None, campaign: Campaign | None) -> Campaign:
    if pool is None and campaign is None:
        raise TypeError("start_upload() needs a pool or a campaign")
    return pool.campaign if pool is not None else campaign  # type: ignore[return-value]  # One of them is given.


def _new_upload(
    campaign: Campaign, file_name: str, size: int, *, kind: Upload.Kind, reading: Reading, actor: Viewer
) -> Upload:
    """The row of a new upload, not stored yet.

    :raises CannotUpload: the file is empty or too large.
    """
    require(actor, Action.MANAGE_CODES, campaign.pk)
    check_unfinished(campaign)
    if size == 0:
        raise CannotUpload("The file is empty.", field="file")
    if size > MOST_BYTES:
        raise CannotUpload(f"The file is larger than {MOST_BYTES >> 20} MiB. Split it.", field="file")
    upload = Upload(
        campaign=campaign,
        kind=kind,
        pool=reading.pool,
        code_type=_checked_type(reading.code_type),
        is_all_or_nothing=reading.is_all_or_nothing,
        shape={"asked": _asked(reading)},
        file_name=Path(file_name).name[-255:],
        size_bytes=size,
        uploaded_by=actor.label,
    )
    upload.storage_key = f"uploads/{upload.pk}/codes"
    return upload


def _asked(reading: Reading) -> dict[str, Any]:
    """What somebody said of a file before it was looked at."""
    return {"columns": dict(reading.columns), "has_header": reading.has_header, "sheet": reading.sheet}


def _checked_type(code_type: str) -> str:
    text = code_type.strip()
    if not text or len(text) > MOST_LETTERS_IN_TYPE:
        raise CannotUpload(f"Name the type of the codes, in at most {MOST_LETTERS_IN_TYPE} letters.", field="code_type")
    return text


def _check_place(upload: Upload, reading: Reading, *, names_places: bool) -> None:
    """Refuse codes of which nothing says where they go.

    :raises CannotUpload: there is no pool for lines that name no market, and no column that names one.
    """
    if reading.pool is not None and reading.pool.campaign_id != upload.campaign_id:
        raise CannotUpload("This market is another campaign's.", field="market")
    if upload.kind == Upload.Kind.FILE and reading.pool is None and not names_places:
        raise CannotUpload(NOWHERE, field="market")


def _put(upload: Upload, file: BinaryIO) -> None:
    storage.put_file(upload.storage_key, file, content_type="application/octet-stream")


@contextmanager
def _on_disk(file: BinaryIO, file_name: str) -> Iterator[Path]:
    """The file's own path where it has one, else that of a copy."""
    own = getattr(file, "temporary_file_path", None)
    if own is not None:
        yield Path(own())
        return
    with storage.working_folder() as folder:
        path = folder / local_name(file_name)
        with path.open("wb") as copy:
            copyfileobj(file, copy)
        yield path


def _waiting(upload: Upload) -> Upload:
    """The upload, locked, if it still waits for somebody to begin it."""
    row = Upload.objects.select_for_update(of=("self",), no_key=True).select_related("campaign").get(pk=upload.pk)
    if row.status != Upload.Status.WAITING or row.phase != MAPPING:
        raise CannotBegin(f"This upload does not wait any more: it is {row.get_status_display()}.")
    return row


def record_upload(upload: Upload, action: str, *, actor: Viewer, now: datetime, **facts: Any) -> None:
    """Write a step of an upload into the audit trail: never the file's name nor a code."""
    known = {"kind": upload.kind, "pool": upload.pool_id, "size_bytes": upload.size_bytes, **facts}
    audit.record(
        actor=actor,
        action=action,
        target=upload,
        campaign_id=upload.campaign_id,
        changes={name: [None, value] for name, value in known.items()},
        now=now,
    )
