"""Whether everything that is kept of a wave agrees: its rows, its stored files, its hashes and its status.

The rows are read at one moment of the database, the files once from their beginning to their end, so the memory that it
takes does not grow with the wave. What it cannot see by itself, the order, the outsiders' own file draws again:
``run_again``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from django.db import connection, transaction

from campaigns import secrets
from campaigns.models import Campaign
from codes import inventory
from core import storage
from waves import bundle, verify_draw
from waves.models import Draw, Wave
from waves.verification import chain, files, rows, statuses


@dataclass(frozen=True)
class Deviation:
    """One thing about a wave, or about all waves of a campaign, that is not as it has to be."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def verify_campaign(campaign: Campaign, *, run_again: bool = False) -> list[Deviation]:
    """Verify every wave of a campaign, its numbers and commitments, and the inventory of its codes."""
    with _one_moment():
        found = [Deviation(campaign.domain, what) for what in chain.deviations(campaign)]
        found += [
            Deviation(campaign.domain, f"{row.what}: {row.found:,} instead of {row.expected:,}")
            for row in inventory.verify([campaign])
        ]
    for wave in campaign.waves.order_by("date_key"):
        found += verify_wave(wave, run_again=run_again)
    return found


def verify_wave(wave: Wave, *, run_again: bool = False) -> list[Deviation]:
    """Verify one wave as it stands at this moment, whatever its status: it need not be revealed to be run again."""
    with _one_moment(), storage.working_folder() as folder:
        wave = Wave.objects.select_related("campaign__draw_secrets").get(pk=wave.pk)
        found = _deviations(wave, folder, run_again=run_again)
    return [Deviation(f"{wave.campaign.domain}/{wave.date_key}", what) for what in found]


@contextmanager
def _one_moment() -> Iterator[None]:
    """A transaction that sees one moment, unless the caller has begun one of her own."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        with connection.cursor() as cursor:
            if is_outermost:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL work_mem = '64MB'")
            # As in the freeze: whole tables are joined, and right after a bulk load the planner believes them small.
            cursor.execute("SET LOCAL enable_nestloop = off")
        yield


def _deviations(wave: Wave, folder: Path, *, run_again: bool) -> Sequence[str]:
    record = statuses.record_of(wave)
    found = list(statuses.deviations(record))
    of_rules = list(files.deviations_of_rules(record.draw)) if record.draw is not None else []
    if of_rules:
        return found + of_rules  # Whatever follows is read by these rules.
    found += rows.deviations(record)
    if record.draw is not None:
        of_files = list(files.deviations(record.draw, record, folder))
        found += of_files
        # With a file missing or damaged the outsiders' file would only say the same again.
        if run_again and not of_files:
            found += _run_again(record.draw, folder)
    return found


def _run_again(draw: Draw, folder: Path) -> Iterator[str]:
    """Have the outsiders' file draw again over the bundle as it will be published: with the secret."""
    for name, data in bundle.small_files(draw):
        (folder / name).write_bytes(data)
    secret = secrets.secret_of(draw.campaign, draw.number).hex()
    (folder / "manifest.json").write_bytes(replace(bundle.manifest_of(draw), secret=secret).to_json())
    try:
        verify_draw.verify(folder, [], [])
    except verify_draw.Difference as difference:
        yield f"run again: {difference}"
