"""The bundle of a draw: the files by which an outsider runs it again (spec: the bundle)."""

from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from importlib.resources import files

from campaigns import secrets
from core import VERSION, storage
from entries.receipts import signing_key
from waves.manifest import Manifest
from waves.models import Draw

STORED = ("snapshot.csv", "allocation.csv")
VOIDED_HEADER = b"ref,reason\n"
VERIFIER = "verify_draw.py"
LINK_TIME = timedelta(minutes=10)
"""How long a link to a stored file works; a download that has begun goes on."""


class NoSuchFile(LookupError):
    """The bundle has no such file, or not yet."""


def files_of(draw: Draw) -> tuple[str, ...]:
    """The names of the files that may be given out; none before the secret is.

    An abandoned draw has those that it came to.
    """
    if draw.revealed_at is None:
        return ()
    drawn = ("allocation.csv",) if draw.allocation_sha256 else ()
    voided = ("voided.csv",) if draw.voided_sha256 else ()
    return ("rules.json", "manifest.json", "snapshot.csv", *drawn, *voided)


def small_file(draw: Draw, name: str) -> bytes | None:
    """One of the files that the database holds; nothing where it lies in storage.

    :raises NoSuchFile: it is none of those that may be given out.
    """
    if name not in files_of(draw):
        raise NoSuchFile(name)
    return None if name in STORED else dict(small_files(draw))[name]


def link_to(draw: Draw, name: str) -> str:
    """An address from which a stored file can be fetched for a while, under the name that the verifier reads.

    :raises NoSuchFile: it is none of those that may be given out.
    """
    if name not in files_of(draw):
        raise NoSuchFile(name)
    key = f"{draw.storage_prefix}{name}"
    return storage.signed_url(key, seconds=int(LINK_TIME.total_seconds()), file_name=name)


@lru_cache(maxsize=1)
def verifier() -> bytes:
    """The program that runs a bundle again, as it is offered beside it."""
    return files("waves").joinpath(VERIFIER).read_bytes()


def manifest_of(draw: Draw) -> Manifest:
    """What manifest.json says of a draw as it stands now; the secret only once it is revealed."""
    sealed = draw.campaign.draw_secrets
    if sealed.committed_at is None:
        raise LookupError("The campaign has committed to nothing.")
    is_drawn = bool(draw.allocation_sha256)
    return Manifest(
        software=draw.software or f"monoql {VERSION}",
        campaign=draw.campaign.domain,
        wave=draw.wave.date_key,
        number=draw.number,
        commitments=sealed.commitments,
        committed_at=sealed.committed_at,
        rules_sha256=draw.rules_sha256,
        snapshot_sha256=draw.snapshot_sha256,
        root=draw.root,
        entries=draw.entries,
        frozen_at=draw.frozen_at,
        public_value=draw.public_value,
        secret=secrets.secret_of(draw.campaign, draw.number).hex() if draw.revealed_at else None,
        allocation_sha256=draw.allocation_sha256 if is_drawn else None,
        placed=draw.placed if is_drawn else None,
        signing_key=signing_key(),
        abandoned=draw.abandoned or None,
    )


def store_manifest(draw: Draw) -> None:
    """Store the manifest as it stands now beside the draw's other files."""
    storage.put(f"{draw.storage_prefix}manifest.json", manifest_of(draw).to_json(), content_type="application/json")
    storage.put(f"{draw.storage_prefix}rules.json", bytes(draw.rules), content_type="application/json")


def small_files(draw: Draw) -> Iterator[tuple[str, bytes]]:
    """The files of a bundle that the database holds: rules, manifest, and since the trigger the voided refs."""
    yield "rules.json", bytes(draw.rules)
    yield "manifest.json", manifest_of(draw).to_json()
    if draw.voided is not None:
        yield "voided.csv", bytes(draw.voided)
