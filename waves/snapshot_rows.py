"""Entries as the database hands them over at the freeze: rows of COPY's binary format, in no order, made into arrays
in order of ref, many at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from waves.merkle import LEAVES_PER_BLOCK
from waves.snapshot import REASONS, REF_BYTES, REF_DIGITS, Snapshot
from waves.snapshot_writer import BlockIndex

KNOWN_REASONS: Final[tuple[str, ...]] = (
    "",
    "withdrawn",
    "blocked",
    "unconfirmed",
    "gate_failed",
    "already_selected",
    "not_in_audience",
    "no_choice",
    "below_min_score",
    "above_max_score",
)
"""Reasons as the operator knows them; a row's reason is an index into them, from 0."""
HIDDEN_REASONS: Final = ("blocked", "gate_failed")
"""What the published snapshot calls ``excluded``."""
REASONS_HEADER: Final = b"ref,reason\n"
"""The header of the private file that says what stands behind ``excluded``."""

# The fields of a row, each behind its length: id bigint, ref text, reason smallint, tier smallint, choices smallint[].
_HEAD = np.dtype(
    [
        ("fields", ">i2"),
        *(("id_length", ">i4"), ("id", ">i8")),
        *(("ref_length", ">i4"), ("ref", f"V{REF_DIGITS}")),
        *(("reason_length", ">i4"), ("reason", ">i2")),
        *(("tier_length", ">i4"), ("tier", ">i2")),
        ("choices_length", ">i4"),
    ]
)
_FIELDS = 5
# An array's dimensions, flags and type, then the size and the first index of its one dimension; one that is empty
# has no dimension. Each element stands behind its own length.
_ARRAY_HEAD_BYTES = 20
_ELEMENT_BYTES = 6
_LENGTH_BYTES = 4
_NUMBERS = 1 << 15
_LEAST_CAPACITY = 1 << 16
_CHOICES_A_BLOCK = 1 << 18


class StrangeRow(ValueError):
    """The database gave a row that is not of the form that was asked for."""


class _Column:
    """Values that come piece by piece and stand in one array.

    It grows in place. The same pieces kept apart and joined at the end would stand in memory twice, and what they
    leave behind in small parts would not go back to the system.
    """

    def __init__(self, dtype: str) -> None:
        self._values = np.empty(_LEAST_CAPACITY, dtype)
        self._length = 0

    def append(self, values: NDArray[Any]) -> None:
        """Add some values at the end."""
        end = self._length + len(values)
        if end > len(self._values):
            self._values.resize(max(end, len(self._values) * 5 // 4), refcheck=False)
        self._values[self._length : end] = values
        self._length = end

    def take(self) -> NDArray[Any]:
        """Return the values, and keep none."""
        values, self._values = self._values, np.empty(0, self._values.dtype)
        return values[: self._length]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gathered:
    """All entries in order of ref: their ids, their reasons as indexes into `KNOWN_REASONS`, and what is published."""

    ids: NDArray[np.int64]
    known_reasons: NDArray[np.uint8]
    snapshot: Snapshot

    def reason_counts(self) -> dict[str, int]:
        """Return how many entries each reason keeps out, as the operator knows it."""
        counts = np.bincount(self.known_reasons, minlength=len(KNOWN_REASONS)).tolist()
        return {reason: count for reason, count in zip(KNOWN_REASONS, counts, strict=True) if reason and count}

    def write_hidden(self, file: BinaryIO) -> BlockIndex:
        """Write the private file for the entries that are published as ``excluded``; return where its blocks begin."""
        hidden = [KNOWN_REASONS.index(reason) for reason in HIDDEN_REASONS]
        starts, refs, length = [], [], len(REASONS_HEADER)
        file.write(REASONS_HEADER)
        for number, entry in enumerate(np.flatnonzero(np.isin(self.known_reasons, hidden)).tolist()):
            ref = self.snapshot.ref(entry)
            if number % LEAVES_PER_BLOCK == 0:
                starts.append(length)
                refs.append(ref.encode())
            length += file.write(f"{ref},{KNOWN_REASONS[self.known_reasons[entry]]}\n".encode())
        return BlockIndex(starts=(*starts, length), refs=tuple(refs))


class Gathering:
    """Takes rows as they come, and puts them in order once all are there.

    :param markets: the wave's markets, by code, with their numbers in the campaign.
    """

    def __init__(self, markets: Mapping[str, int]) -> None:
        self._codes = tuple(sorted(markets))
        self._market_of_number = np.full(_NUMBERS, -1, np.int16)
        self._market_of_number[[markets[code] for code in self._codes]] = np.arange(len(self._codes))
        self._ids, self._refs = _Column("i8"), _Column(f"V{REF_BYTES}")
        self._reasons, self._tiers = _Column("u1"), _Column("u1")
        self._choices, self._counts = _Column("i2"), _Column("i4")

    def add(self, rows: Sequence[bytes | memoryview]) -> None:
        """Take some rows.

        :raises StrangeRow: one is not of the form that was asked for.
        """
        data = b"".join([*rows, bytes(_HEAD.itemsize)])
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        starts = np.cumsum(lengths) - lengths
        # A view whose item i is the row that begins at byte i. Each item overlaps the next one.
        head = np.ndarray((len(data) - _HEAD.itemsize + 1,), _HEAD, buffer=data, strides=(1,))[starts]
        is_whole = (head["fields"] == _FIELDS) & (lengths == _HEAD.itemsize + head["choices_length"])
        if not is_whole.all() or (head["ref_length"] != REF_DIGITS).any():
            raise StrangeRow("The database gave an entry that is not of the form that was asked for.")
        choices, counts = self._chosen(data, starts, head["choices_length"].astype(np.int64))
        self._ids.append(head["id"])
        self._refs.append(np.frombuffer(bytes.fromhex(head["ref"].tobytes().decode("ascii")), f"V{REF_BYTES}"))
        self._reasons.append(head["reason"])
        self._tiers.append(head["tier"])
        self._choices.append(choices)
        self._counts.append(counts)

    def _chosen(
        self, data: bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64]
    ) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
        """Return the wave's markets that the rows name, one row behind the other, and how many each row has."""
        named = np.maximum(lengths - _ARRAY_HEAD_BYTES, 0) // _ELEMENT_BYTES
        rows = np.repeat(np.arange(len(named)), named)
        ranks = np.arange(len(rows)) - np.repeat(np.cumsum(named) - named, named)
        firsts = starts + (_HEAD.itemsize + _ARRAY_HEAD_BYTES + _LENGTH_BYTES)
        values = np.ndarray((len(data) - 1,), np.dtype(">i2"), buffer=data, strides=(1,))
        choices = self._market_of_number[values[firsts[rows] + ranks * _ELEMENT_BYTES]]
        is_of_wave = choices >= 0
        return choices[is_of_wave], np.bincount(rows[is_of_wave], minlength=len(named))

    def finish(self) -> Gathered:
        """Return all rows taken so far, in order of ref."""
        refs = self._refs.take()
        order = _order(refs)
        refs = refs[order]
        reasons = self._reasons.take()[order]
        counts = self._counts.take()
        offsets = np.zeros(len(order) + 1, np.int64)
        np.add.accumulate(counts[order], out=offsets[1:])
        choices = _reordered(self._choices.take(), counts, order, offsets)
        published = [REASONS.index("excluded" if reason in HIDDEN_REASONS else reason) for reason in KNOWN_REASONS]
        snapshot = Snapshot(
            markets=self._codes,
            refs=refs.view(np.uint8).reshape(-1, REF_BYTES),
            reasons=np.array(published, np.uint8)[reasons],
            tiers=self._tiers.take()[order],
            choices=choices,
            offsets=offsets,
            sha256="",
        )
        return Gathered(ids=self._ids.take()[order], known_reasons=reasons, snapshot=snapshot)


def _order(refs: NDArray[np.void]) -> NDArray[np.int64]:
    """Return the order of the refs; two that begin alike are compared to their ends."""
    halves = refs.view(np.dtype(">u8")).reshape(-1, 2)
    high = halves[:, 0].astype(np.uint64)
    order = np.argsort(high)
    in_order = high[order]
    if (in_order[1:] == in_order[:-1]).any():
        order = np.lexsort((halves[:, 1].astype(np.uint64), high))
    return order


def _reordered(
    choices: NDArray[np.int16], counts: NDArray[np.int32], order: NDArray[np.int64], offsets: NDArray[np.int64]
) -> NDArray[np.int16]:
    """Return the choices of the entries in another order, whose offsets are given."""
    starts = np.cumsum(counts, dtype=np.int64) - counts
    reordered = np.empty(len(choices), np.int16)
    for first in range(0, len(order), _CHOICES_A_BLOCK):
        block = order[first : first + _CHOICES_A_BLOCK]
        bounds = offsets[first : first + len(block) + 1]
        shifts = np.repeat(starts[block] - bounds[:-1], counts[block])
        reordered[bounds[0] : bounds[-1]] = choices[shifts + np.arange(bounds[0], bounds[-1])]
    return reordered
