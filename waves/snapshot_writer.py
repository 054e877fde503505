"""Writing snapshot.csv at the freeze: one pass over the lines gives file, hash and Merkle tree."""

from bisect import bisect_right
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

import numpy as np

from waves.merkle import LEAVES_PER_BLOCK, Tree, TreeBuilder
from waves.snapshot import HEADER, REF_DIGITS

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
