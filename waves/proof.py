"""An entry's place in a frozen snapshot: its line, and the Merkle proof that leads from it to the root."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import groupby

from campaigns import secrets
from core import storage
from entries.identifiers import fan_key
from entries.models import Entry
from waves.draw import draw_key
from waves.merkle import LEAVES_PER_BLOCK, Step, Tree
from waves.models import Draw
from waves.snapshot import REF_DIGITS
from waves.snapshot_writer import BlockIndex


@dataclass(frozen=True)
class Line:
    """One line of a snapshot. ``index`` counts entries from 0; ``choices`` are market codes in the fan's order."""

    index: int
    text: str
    reason: str
    tier: int
    choices: tuple[str, ...]
    block: tuple[bytes, ...]


@lru_cache(maxsize=4)
def _blocks(prefix: str) -> BlockIndex:
    return BlockIndex.load(storage.get(f"{prefix}blocks"))


@lru_cache(maxsize=4)
def _hidden_blocks(prefix: str) -> BlockIndex:
    return BlockIndex.load(storage.get(f"{prefix}reason_blocks"))


@lru_cache(maxsize=4)
def _tree(prefix: str) -> Tree:
    return Tree.load(storage.get(f"{prefix}tree"))


def line_of(draw: Draw, ref: str) -> Line:
    """An entry's line, by one short read of the stored snapshot.

    :raises LookupError: the entry came after the freeze.
    """
    blocks = _blocks(draw.storage_prefix)
    block = blocks.block_of(ref)
    first, end = blocks.span(block)
    lines = storage.get_range(f"{draw.storage_prefix}snapshot.csv", first, end - 1).splitlines()
    for place, line in enumerate(lines):
        if line[:REF_DIGITS] == ref.encode():
            text = line.decode("ascii")
            _, reason, tier, choices = text.split(",")
            return Line(
                index=block * LEAVES_PER_BLOCK + place,
                text=text,
                reason=reason,
                tier=int(tier),
                choices=tuple(choices.split("|")) if choices else (),
                block=tuple(lines),
            )
    raise LookupError(f"The snapshot has no entry {ref}.")


def results_of(draw: Draw, refs: Iterable[str]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The reason and the choices of many entries by ref, of those that are in the snapshot.

    Blocks beside each other are read at once, so refs in the snapshot's order cost a read or two.
    """
    blocks, wanted = _blocks(draw.storage_prefix), set(refs)
    found = {}
    needed = sorted({blocks.block_of(ref) for ref in wanted if ref.encode() >= blocks.refs[0]} if blocks.refs else ())
    for _, run in groupby(enumerate(needed), key=lambda pair: pair[1] - pair[0]):
        numbers = [number for _, number in run]
        first, end = blocks.span(numbers[0])[0], blocks.span(numbers[-1])[1]
        for line in (
            storage.get_range(f"{draw.storage_prefix}snapshot.csv", first, end - 1).decode("ascii").splitlines()
        ):
            if line[:REF_DIGITS] in wanted:
                ref, reason, _, choices = line.split(",")
                found[ref] = (reason, tuple(choices.split("|")) if choices else ())
    return found


def hidden_reason_of(draw: Draw, ref: str) -> str:
    """What stands behind an entry's ``excluded``, for support, by one short read of a file that is never published.

    Empty where the entry is not in it.
    """
    try:
        blocks = _hidden_blocks(draw.storage_prefix)
        first, end = blocks.span(blocks.block_of(ref))
    except LookupError:
        return ""
    for line in storage.get_range(f"{draw.storage_prefix}reasons.csv", first, end - 1).splitlines():
        found, _, reason = line.decode("ascii").partition(",")
        if found == ref:
            return reason
    return ""


def proof_of(draw: Draw, line: Line) -> list[Step]:
    """The steps from an entry's leaf up to the root."""
    return _tree(draw.storage_prefix).proof(line.index, line.block)


def ticket_of(draw: Draw, ref: str) -> str:
    """An entry's ticket in a revealed draw, 16 hex digits."""
    key = draw_key(
        secret=secrets.secret_of(draw.campaign, draw.number),
        root=bytes.fromhex(draw.root),
        rules_json=bytes(draw.rules),
        public_value=draw.public_value or "",
    )
    return sha256(key + ref.encode()).hexdigest()[:16]


def wave_receipt(draw: Draw, entry: Entry) -> dict[str, object]:
    """A fan's receipt of a triggered wave, as spec/draw.md lists it, but for the outcome.

    :raises LookupError: the entry came after the freeze.
    """
    line = line_of(draw, entry.ref)
    salt = secrets.salt_of(draw.campaign)
    return {
        "campaign": draw.campaign.domain,
        "wave": draw.wave.date_key,
        "number": draw.number,
        "entries": draw.entries,
        "identifier": entry.identifier,
        "fan_key": fan_key(salt=salt, identifier=entry.identifier).hex(),
        "ref": entry.ref,
        "line": line.text,
        "index": line.index,
        "proof": proof_of(draw, line),
        "root": draw.root,
        "ticket": ticket_of(draw, entry.ref),
    }
