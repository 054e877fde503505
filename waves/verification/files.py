"""The stored files of a draw, each read once, against the draw's row and the rows that were made from them."""

import json
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path

from core import storage
from core.bulk import copy_out
from core.models import Job
from core.storage import NotStored
from waves import bundle
from waves.models import Draw, Wave
from waves.rules import BadRules, Rules
from waves.verification.snapshot import SnapshotPass
from waves.verification.statuses import Record

IDS_A_PORTION = 65_536
ALLOCATION = """
    SELECT coalesce(entry.ref, '?') || ',' || coalesce(market.code, '?') || ',' || mine.choice || ','
        || coalesce(event.code, '') || ',' || mine.position
    FROM codes_assignment AS mine LEFT JOIN entries_entry AS entry ON entry.id = mine.entry_id
    LEFT JOIN campaigns_market AS market ON market.id = mine.market_id
    LEFT JOIN campaigns_event AS event ON event.id = mine.event_id
    WHERE mine.hold_id = %s ORDER BY market.code COLLATE "C", mine.position, entry.ref
"""
VOIDED = """
    SELECT entry.ref || ',' || mine.voided FROM codes_assignment AS mine
    JOIN entries_entry AS entry ON entry.id = mine.entry_id
    WHERE mine.hold_id = %s AND mine.voided NOT IN ('', 'taken_back') ORDER BY entry.ref
"""
SELECTION = """
    SELECT count(*) FROM codes_assignment WHERE hold_id = %s AND voided IN ('', 'taken_back')
"""
"""A place that was void at the trigger stands in no selection.csv; one taken back later does."""


def deviations(draw: Draw, record: Record, folder: Path) -> Iterator[str]:
    """Each deviation of the stored files; they are left in the folder for whoever runs the draw again."""
    yield from _of_the_snapshot(draw, folder)
    if record.is_drawn:
        yield from _of_the_allocation(draw, record, folder)
    yield from _of_the_small_files(draw, record)


def deviations_of_rules(draw: Draw) -> Iterator[str]:
    """Whether the rules are the bytes that were frozen, and this wave's."""
    data = bytes(draw.rules)
    if sha256(data).hexdigest() != draw.rules_sha256:
        yield "rules.json: its bytes have another hash than the one that was frozen"
    try:
        rules = Rules.from_json(data)
    except BadRules as error:
        yield f"rules.json: {error}"
        return
    told = (rules.campaign, rules.wave, rules.number)
    if told != (draw.campaign.domain, draw.wave.date_key, draw.number):
        yield f"rules.json: it is of {told[0]}, wave {told[1]}, number {told[2]}"


def _fetched(draw: Draw, name: str, folder: Path) -> Path | None:
    """A stored file on the disk; none where the storage does not have it."""
    try:
        return storage.fetch(f"{draw.storage_prefix}{name}", folder / name)
    except NotStored:
        return None


def _stored(draw: Draw, name: str) -> bytes | None:
    """A small stored file; none where the storage does not have it."""
    try:
        return storage.get(f"{draw.storage_prefix}{name}")
    except NotStored:
        return None


def _of_the_snapshot(draw: Draw, folder: Path) -> Iterator[str]:
    paths = {name: _fetched(draw, name, folder) for name in ("snapshot.csv", "reasons.csv", "entry_ids")}
    missing = [name for name, path in paths.items() if path is None]
    if missing:
        yield f"not in storage: {', '.join(missing)}"
        return
    with (folder / "snapshot.csv").open("rb") as lines, (folder / "reasons.csv").open("rb") as hidden:
        done = SnapshotPass(draw, hidden=hidden, entry_ids=_ids_in(folder / "entry_ids"))
        yield from done.deviations(lines)
    for name, dumped in (("tree", done.known.tree.dump()), ("blocks", done.known.blocks.dump())):
        if _stored(draw, name) != dumped:
            yield f"{name}: it is not the one of snapshot.csv"


def _ids_in(path: Path) -> Iterator[int]:
    with path.open("rb") as file:
        while data := file.read(8 * IDS_A_PORTION):
            ids = array("q")
            ids.frombytes(data[: len(data) // 8 * 8])
            yield from ids


def _of_the_allocation(draw: Draw, record: Record, folder: Path) -> Iterator[str]:
    path = _fetched(draw, "allocation.csv", folder)
    if path is None:
        yield "not in storage: allocation.csv"
        return
    if storage.sha256_of(path) != draw.allocation_sha256:
        yield "allocation.csv: it has another hash than the draw's row"
    if record.hold is None or record.wave.status == Wave.Status.FAILED:
        return  # An abandoned wave gave its codes back.
    with path.open("rb") as file:
        next(file, None)
        rows = (bytes(row) for row in copy_out(ALLOCATION, [record.hold.pk]))
        yield from _first_difference("allocation.csv", file, rows)


def _first_difference(name: str, lines: Iterable[bytes], rows: Iterable[bytes]) -> Iterator[str]:
    """The first line that the rows do not say. Both are read to their ends, as COPY wants to be."""
    first = ""
    for number, (line, row) in enumerate(zip_longest(lines, rows, fillvalue=b"nothing\n"), start=2):
        if line != row and not first:
            told, is_so = (text.decode(errors="replace").rstrip("\n") for text in (line, row))
            first = f"{name}, line {number}: {told} stands there, and the rows say {is_so}"
    if first:
        yield first


def _of_the_small_files(draw: Draw, record: Record) -> Iterator[str]:
    if draw.voided is not None:
        data = bytes(draw.voided)
        if sha256(data).hexdigest() != draw.voided_sha256:
            yield "voided.csv: its bytes have another hash than the draw's row"
        rows = (bytes(row) for row in copy_out(VOIDED, [record.hold.pk if record.hold is not None else 0]))
        yield from _first_difference("voided.csv", data.splitlines(keepends=True)[1:], rows)
    prep = record.prep
    # What an abandoned draw gives out is what its row says; nothing is stored for it any more.
    if record.was_triggered or (prep is not None and prep.status == Job.Status.FINISHED and not draw.abandoned):
        yield from _of_what_is_written_last(draw, record)


def _of_what_is_written_last(draw: Draw, record: Record) -> Iterator[str]:
    """The copies that are stored at the end of a step, against what the database says."""
    is_completed = record.wave.status == Wave.Status.COMPLETED
    if _stored(draw, "rules.json") != bytes(draw.rules):
        yield "rules.json: the stored one has other bytes"
    manifest = _stored(draw, "manifest.json")
    # Between a trigger and the completion the stored manifest is still the one without the secret.
    if manifest is None or (record.was_triggered == is_completed and _told(manifest) != _told_now(draw)):
        yield "manifest.json: the stored one says something else than the draw's row"
    if is_completed and _stored(draw, "voided.csv") != bytes(draw.voided or b""):
        yield "voided.csv: the stored one has other bytes"
    if is_completed:
        yield from _of_the_selection(draw, record)


def _told(manifest: bytes) -> object:
    """What a manifest says, but for the version that wrote it."""
    try:
        told = json.loads(manifest)
    except ValueError:
        return None
    if isinstance(told, dict):
        told.pop("software", None)
    return told


def _told_now(draw: Draw) -> object:
    return _told(bundle.manifest_of(draw).to_json())


def _of_the_selection(draw: Draw, record: Record) -> Iterator[str]:
    """The private list of the chosen has a line for each of them; what stands in it may have changed since."""
    try:
        parts = storage.stream(f"{draw.storage_prefix}selection.csv")
    except NotStored:
        yield "not in storage: selection.csv"
        return
    marks: Counter[bool] = Counter()
    is_quoted = False
    for part in parts:
        # A newline within quotes belongs to a name, not to the table.
        for number, piece in enumerate(part.split(b'"')):
            is_quoted = is_quoted != (number > 0)
            marks[is_quoted] += piece.count(b"\n")
    wanted = int(next(iter(copy_out(SELECTION, [record.hold.pk if record.hold is not None else 0]))))
    if marks[False] - 1 != wanted:
        yield f"selection.csv: {marks[False] - 1:,} lines instead of {wanted:,}"
