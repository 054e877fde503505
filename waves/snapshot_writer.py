"""Writing snapshot.csv at the freeze: one pass over the lines gives file, hash and Merkle tree."""

from bisect import bisect_right
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from waves.merkle import LEAVES_PER_BLOCK, Tree, TreeBuilder
from waves.rules import HIGHEST_SCORE
from waves.snapshot import HEADER, REASONS, REF_DIGITS, Progress, Snapshot, no_progress

_ENTRIES_A_PORTION = 1 << 11
# Small enough that the lines of a portion stay in the processor's cache while they are hashed.
_PORTION_BYTES = 1 << 17
_OFFSET_BYTES = 8
_RECORD_BYTES = REF_DIGITS + _OFFSET_BYTES


@dataclass(frozen=True, slots=True)
class BlockIndex:
    """Where each block of 256 lines begins in snapshot.csv, so that a receipt costs one short read.

    ``starts`` are byte offsets, with the file's length behind the last; ``refs`` are the blocks' first refs.
    """

    starts: tuple[int, ...]
    refs: tuple[bytes, ...]

    def block_of(self, ref: str) -> int:
        """Return the only block where this ref can stand.

        :raises LookupError: it would stand before the first entry.
        """
        block = bisect_right(self.refs, ref.encode()) - 1
        if block < 0:
            raise LookupError(f"The snapshot has no entry {ref}.")
        return block

    def span(self, block: int) -> tuple[int, int]:
        """Return the first byte of a block's lines and the byte behind its last."""
        return self.starts[block], self.starts[block + 1]

    def dump(self) -> bytes:
        """Return the index as bytes to store, 40 for each block."""
        records = [ref + start.to_bytes(_OFFSET_BYTES) for ref, start in zip(self.refs, self.starts, strict=False)]
        return b"".join(records) + self.starts[-1].to_bytes(_OFFSET_BYTES)

    @classmethod
    def load(cls, stored: bytes) -> "BlockIndex":
        """Return the index that `dump` stored."""
        if len(stored) % _RECORD_BYTES != _OFFSET_BYTES:
            raise ValueError("The stored index of blocks is not whole.")
        begins = range(0, len(stored) - _OFFSET_BYTES, _RECORD_BYTES)
        starts = [int.from_bytes(stored[begin + REF_DIGITS : begin + _RECORD_BYTES]) for begin in begins]
        starts.append(int.from_bytes(stored[-_OFFSET_BYTES:]))
        refs = tuple(stored[begin : begin + REF_DIGITS] for begin in begins)
        return cls(starts=tuple(starts), refs=refs)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenSnapshot:
    """What is known of a snapshot once its last line is written; ``sha256`` is of the whole file, in hex."""

    sha256: str
    entries: int
    tree: Tree
    blocks: BlockIndex


class SnapshotWriter:
    """Writes snapshot.csv from lines that come in order of ref, and hashes them on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = sha256()
        self._tree = TreeBuilder()
        self._waiting: list[bytes | memoryview] = []
        self._waiting_bytes = 0
        self._lines = 0
        self._length = 0
        self._starts: list[int] = []
        self._refs: list[bytes] = []
        self._put(HEADER)

    def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes: lines ended by newlines, cut anywhere, as COPY gives them."""
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= _PORTION_BYTES:
            self._take_whole_lines()

    def write_all(self, snapshot: Snapshot, *, progress: Progress = no_progress) -> None:
        """Take the lines of some entries as the draw knows them."""
        lines = _Lines(snapshot)
        for start in range(0, len(snapshot), _ENTRIES_A_PORTION):
            self.write(lines.of(slice(start, start + _ENTRIES_A_PORTION)))
            progress(min(start + _ENTRIES_A_PORTION, len(snapshot)))

    def finish(self) -> FrozenSnapshot:
        """Write what waits, and return what is known of the file. The file is flushed, not closed.

        :raises ValueError: the last line was not ended.
        """
        self._take_whole_lines()
        if self._waiting_bytes:
            raise ValueError("The last line of the snapshot is not ended by a newline.")
        self._file.flush()
        tree = self._tree.finish()
        return FrozenSnapshot(
            sha256=self._digest.hexdigest(),
            entries=tree.entries,
            tree=tree,
            blocks=BlockIndex(starts=(*self._starts, self._length), refs=tuple(self._refs)),
        )

    def _take_whole_lines(self) -> None:
        lines, newline, rest = b"".join(self._waiting).rpartition(b"\n")
        self._waiting, self._waiting_bytes = [rest], len(rest)
        if newline:
            self._tree.add(lines.split(b"\n"))
            self._index_blocks(lines + newline)
            self._put(lines + newline)

    def _index_blocks(self, data: bytes) -> None:
        """Note each block that begins in the data; the file stands where the data will begin."""
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
        first = -self._lines % LEAVES_PER_BLOCK
        for line in range(first, len(ends), LEAVES_PER_BLOCK):
            start = int(ends[line - 1]) + 1 if line else 0
            self._starts.append(self._length + start)
            self._refs.append(data[start : start + REF_DIGITS])
        self._lines += len(ends)

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self._length += len(data)


class _Lines:
    """The lines of a snapshot's entries, many at a time.

    A line is a ref with its comma, a piece for reason and tier, and a piece for each market, or for the end of a line
    without one. All but the refs are looked up in a table of pieces.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        fields = (f"{reason},{tier}," for reason in REASONS for tier in range(HIGHEST_SCORE + 1))
        named = (f"{market}{end}" for end in "|\n" for market in snapshot.markets)
        pieces = np.array([piece.encode("ascii") for piece in ("\n", *fields, *named)])
        self._width = max(pieces.itemsize, REF_DIGITS + 1)
        self._pieces = pieces.astype(f"S{self._width}")  # Zeros stand behind the shorter ones.
        self._first_market = 1 + len(REASONS) * (HIGHEST_SCORE + 1)

    def of(self, entries: slice) -> bytes:
        """Return the lines of some entries that stand side by side."""
        snapshot = self._snapshot
        refs, reasons, tiers = snapshot.refs[entries], snapshot.reasons[entries], snapshot.tiers[entries]
        offsets = snapshot.offsets[entries.start : entries.start + len(refs) + 1]
        counts = np.diff(offsets)
        ends = np.cumsum(np.maximum(counts, 1) + 2)
        firsts = np.concatenate([[0], ends[:-1]])
        table = np.empty(ends[-1], self._pieces.dtype)
        table[firsts] = self._refs(refs)
        table[firsts + 1] = self._pieces[1 + reasons.astype(np.int64) * (HIGHEST_SCORE + 1) + tiers]
        table[ends[counts == 0] - 1] = self._pieces[0]
        markets = self._first_market + snapshot.choices[offsets[0] : offsets[-1]].astype(np.int64)
        markets[offsets[1:][counts > 0] - offsets[0] - 1] += len(snapshot.markets)
        table[_places_of(counts, firsts + 2)] = self._pieces[markets]
        letters = table.view(np.uint8)
        lines: NDArray[np.uint8] = letters[letters != 0]
        return lines.tobytes()

    def _refs(self, refs: NDArray[np.uint8]) -> NDArray[np.bytes_]:
        letters = np.zeros((len(refs), self._width), np.uint8)
        letters[:, :REF_DIGITS] = np.frombuffer(refs.tobytes().hex().encode(), np.uint8).reshape(-1, REF_DIGITS)
        letters[:, REF_DIGITS] = ord(",")
        return letters.view(self._pieces.dtype)[:, 0]


def _places_of(counts: NDArray[np.int64], firsts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return so many places from each of the first ones on."""
    before = np.cumsum(counts) - counts
    return np.repeat(firsts - before, counts) + np.arange(counts.sum())
