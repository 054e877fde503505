"""The frozen list of entries: written once as snapshot.csv, and read back into arrays for the draw."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from waves.rules import HIGHEST_SCORE, is_code

HEADER: Final = b"ref,reason,tier,choices\n"
REF_DIGITS: Final = 32
REF_BYTES: Final = REF_DIGITS // 2

REASONS: Final[tuple[str, ...]] = (
    "",
    "withdrawn",
    "excluded",
    "unconfirmed",
    "already_selected",
    "not_in_audience",
    "no_choice",
    "below_min_score",
    "above_max_score",
)
"""Reasons as the published snapshot shows them; an entry's reason is an index into them, 0 is none."""

_PORTION_BYTES = 1 << 20
_LONGEST_CODE = 40
_MOST_MARKETS = int(np.iinfo(np.int16).max)
_WORD_BYTES = 8
_FIRST_MULTIPLIER = 0x9E3779B97F4A7C15
_NEWLINE, _COMMA, _BAR = b"\n,|"
_REF = re.compile(rb"[0-9a-f]{32}")
_FIRST_BYTES = np.array([(1 << (8 * count)) - 1 for count in range(_WORD_BYTES + 1)], np.uint64)

Progress = Callable[[int], None]
"""Told how many entries are done, often enough to keep a lease alive."""


def no_progress(_entries: int) -> None:
    """Tell nobody."""


class DamagedSnapshot(ValueError):
    """The file is not a snapshot of this wave; the message names a bad line, the header being line 1."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"snapshot.csv, line {line}: {problem}")
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """Every entry in order of ref, as flat arrays.

    The choices of entry ``i`` are ``choices[offsets[i]:offsets[i + 1]]``, indexes into ``markets`` in the
    fan's order. ``sha256`` is the hash of the file's bytes, to compare with the frozen one; it is empty as long as
    there is no file.
    """

    markets: tuple[str, ...]
    refs: NDArray[np.uint8]
    reasons: NDArray[np.uint8]
    tiers: NDArray[np.uint8]
    choices: NDArray[np.int16]
    offsets: NDArray[np.int64]
    sha256: str

    def __len__(self) -> int:
        return len(self.reasons)

    @property
    def may_be_drawn(self) -> NDArray[np.bool_]:
        """Which entries have no reason."""
        has_none: NDArray[np.bool_] = self.reasons == 0
        return has_none

    def ref(self, entry: int) -> str:
        """Return an entry's ref as 32 lower-case hex digits."""
        raw: bytes = self.refs[entry].tobytes()
        return raw.hex()

    def reason_counts(self) -> dict[str, int]:
        """Return how many entries have each reason; those without one are under the empty text."""
        counts = np.bincount(self.reasons, minlength=len(REASONS))
        return dict(zip(REASONS, counts.tolist(), strict=True))


@dataclass(slots=True)
class _Portion:
    """Some whole lines of the file, taken apart."""

    refs: NDArray[np.uint8]
    reasons: NDArray[np.uint8]
    tiers: NDArray[np.uint8]
    choices: NDArray[np.int16]
    counts: NDArray[np.int32]


class _Text:
    """The bytes of some whole lines, of which many pieces can be looked up at once."""

    def __init__(self, data: bytes) -> None:
        padded = np.frombuffer(data + bytes(_LONGEST_CODE + _WORD_BYTES), np.uint8)
        self.bytes = padded[: len(data)]
        # A view whose item i is the eight bytes from i on. Each item overlaps the next one.
        self._words: NDArray[np.uint64] = np.ndarray(
            (len(padded) - _WORD_BYTES + 1,), np.dtype("<u8"), buffer=padded, strides=(1,)
        )
        self._refs: NDArray[np.void] = np.ndarray((len(data),), np.dtype(f"V{REF_DIGITS}"), buffer=padded, strides=(1,))

    def words(self, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return the first eight bytes of each piece as a number, zeros behind the shorter ones."""
        return self._words[starts] & _FIRST_BYTES[np.clip(lengths, 0, _WORD_BYTES)]

    def refs(self, starts: NDArray[np.int64]) -> bytes:
        """Return the 32 bytes from each start on, joined."""
        return self._refs[starts].tobytes()


class _Vocabulary:
    """The words that a field may hold, found for many pieces at once.

    A piece's key is its first eight bytes, mixed with the next eight where there are more. The key only
    names the one word that the piece may be; whether it is that word is then compared byte for byte.
    """

    def __init__(self, words: Sequence[str]) -> None:
        text = _Text("".join(words).encode("ascii"))
        lengths = np.array([len(word) for word in words], np.int64)
        starts = np.cumsum(lengths) - lengths
        self._longest = int(lengths.max(initial=0))
        for self._multiplier in range(_FIRST_MULTIPLIER, _FIRST_MULTIPLIER + 1000, 2):
            keys = self._keys_of(text, starts, lengths)
            if len(np.unique(keys)) == len(words):
                break
        self._order = np.argsort(keys).astype(np.int16)
        self._keys, self._lengths = keys[self._order], lengths[self._order]
        self._text, self._starts = text, starts[self._order]

    def _keys_of(self, text: _Text, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.uint64]:
        keys = text.words(starts, lengths)
        for begin, longer in self._longer_than_a_word(lengths):
            more = text.words(starts[longer] + begin, lengths[longer] - begin)
            keys[longer] = keys[longer] * np.uint64(self._multiplier) ^ more
        return keys

    def _longer_than_a_word(self, lengths: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Give each further step of eight bytes with the pieces that reach into it."""
        longer = np.flatnonzero((lengths > _WORD_BYTES) & (lengths <= self._longest))
        for begin in range(_WORD_BYTES, self._longest, _WORD_BYTES):
            longer = longer[lengths[longer] > begin]
            yield begin, longer

    def find(self, text: _Text, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int16]:
        """Return which word stands at each start, -1 where it is none of them."""
        if not len(self._keys):
            return np.full(len(starts), -1, np.int16)
        keys = self._keys_of(text, starts, lengths)
        nearest = np.searchsorted(self._keys, keys)
        np.minimum(nearest, len(self._keys) - 1, out=nearest)
        # Zero bytes in the file look like the end of a shorter word; the length tells them apart.
        is_word = (self._keys[nearest] == keys) & (self._lengths[nearest] == lengths)
        for begin, longer in self._longer_than_a_word(lengths):
            word, rest = self._starts[nearest[longer]] + begin, lengths[longer] - begin
            is_word[longer] &= self._text.words(word, rest) == text.words(starts[longer] + begin, rest)
        found = self._order[nearest]
        found[~is_word] = -1
        return found


class _Parser:
    """Takes portions of whole lines apart and refuses the first line that is not in order."""

    def __init__(self, markets: Sequence[str]) -> None:
        self._market_words = _Vocabulary(markets)
        self._markets = len(markets)
        self._reason_words = _Vocabulary(REASONS)
        self._tier_words = _Vocabulary([str(tier) for tier in range(HIGHEST_SCORE + 1)])
        self._lines = 1
        self._last_ref = b""

    def parse(self, data: bytes) -> _Portion:
        """Return the entries of some lines, each ended by a newline."""
        text = _Text(data)
        marks = np.flatnonzero((text.bytes == _NEWLINE) | (text.bytes == _COMMA) | (text.bytes == _BAR))
        kinds = text.bytes[marks]
        line_ends = np.flatnonzero(kinds == _NEWLINE)
        line_firsts = np.concatenate([[0], line_ends[:-1] + 1])
        starts = np.concatenate([[0], marks[line_ends[:-1]] + 1])
        self._check_fields(kinds, line_firsts, line_ends)
        ref_ends, reason_ends, tier_ends = (marks[line_firsts + field] for field in range(3))
        self._refuse(ref_ends - starts != REF_DIGITS, "the ref does not have 32 digits")
        refs = self._refs(text.refs(starts))
        reasons = self._reason_words.find(text, ref_ends + 1, reason_ends - ref_ends - 1)
        self._refuse(reasons < 0, "the reason is unknown")
        tiers = self._tier_words.find(text, reason_ends + 1, tier_ends - reason_ends - 1)
        self._refuse(tiers < 0, f"the tier is not a whole number from 0 to {HIGHEST_SCORE}")
        choices, counts = self._choices(text, marks, line_firsts, line_ends)
        self._lines += len(starts)
        return _Portion(refs, reasons.astype(np.uint8), tiers.astype(np.uint8), choices, counts)

    def _refuse(self, is_bad: NDArray[np.bool_], problem: str) -> None:
        if is_bad.any():
            raise DamagedSnapshot(self._lines + 1 + int(is_bad.argmax()), problem)

    def _check_fields(
        self, kinds: NDArray[np.uint8], line_firsts: NDArray[np.int64], line_ends: NDArray[np.int64]
    ) -> None:
        """Refuse a line whose marks are not three commas, then only bars."""
        commas = np.add.accumulate(kinds == _COMMA, dtype=np.int64)
        before = np.concatenate([[0], commas[line_ends[:-1]]])
        is_bad = (commas[line_ends] - before != 3) | (line_ends - line_firsts < 3)
        third = np.minimum(line_firsts + 2, len(commas) - 1)
        is_bad |= commas[third] - before != 3
        self._refuse(is_bad, "it does not have the fields ref,reason,tier,choices")

    def _refs(self, digits: bytes) -> NDArray[np.uint8]:
        """Return the refs as bytes, after a look at their digits and at their order."""
        try:
            raw = bytes.fromhex(digits.decode("ascii"))
        except ValueError:
            raw = b""
        if raw.hex().encode() != digits:
            refs = (digits[begin : begin + REF_DIGITS] for begin in range(0, len(digits), REF_DIGITS))
            is_bad = np.array([not _REF.fullmatch(ref) for ref in refs])
            self._refuse(is_bad, "the ref is not 32 lower-case hex digits")
        halves = np.frombuffer(self._last_ref + raw, np.dtype(">u8")).astype(np.uint64).reshape(-1, 2)
        high, low = halves[:, 0], halves[:, 1]
        is_bad = (high[1:] < high[:-1]) | ((high[1:] == high[:-1]) & (low[1:] <= low[:-1]))
        if not self._last_ref:
            is_bad = np.concatenate([[False], is_bad])
        self._refuse(is_bad, "the ref does not come behind the one before it")
        self._last_ref = raw[-REF_BYTES:]
        return np.frombuffer(raw, np.uint8).reshape(-1, REF_BYTES)

    def _choices(
        self,
        text: _Text,
        marks: NDArray[np.int64],
        line_firsts: NDArray[np.int64],
        line_ends: NDArray[np.int64],
    ) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
        """Return the choices of all lines one behind the other, and how many each line has."""
        counts = line_ends - line_firsts - 2
        counts[(counts == 1) & (marks[line_ends] == marks[line_ends - 1] + 1)] = 0
        is_choice = np.ones(len(marks), np.bool_)
        for field in range(3):
            is_choice[line_firsts + field] = False
        is_choice[line_ends[counts == 0]] = False
        ends = np.flatnonzero(is_choice)
        starts = marks[ends - 1] + 1
        choices = self._market_words.find(text, starts, marks[ends] - starts)
        lines = np.repeat(np.arange(len(counts)), counts)
        self._refuse(_among(lines[choices < 0], len(counts)), "it names a market that is not of this wave")
        pairs = np.sort(lines * self._markets + choices)
        doubled = pairs[1:][pairs[1:] == pairs[:-1]] // max(self._markets, 1)
        self._refuse(_among(doubled, len(counts)), "it names a market twice")
        return choices, counts.astype(np.int32)


def _among(members: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Tell of each number below the count whether it is a member."""
    is_member = np.zeros(count, np.bool_)
    is_member[members] = True
    return is_member


def read_snapshot(
    file: BinaryIO,
    *,
    markets: Sequence[str],
    portion_bytes: int = _PORTION_BYTES,
    progress: Progress = no_progress,
) -> Snapshot:
    """Return the snapshot that a file holds; markets are numbered in the order given.

    :raises DamagedSnapshot: a line is not one that the freeze writes.
    """
    if len(markets) > _MOST_MARKETS or len(set(markets)) != len(markets) or not all(map(is_code, markets)):
        raise ValueError(f"A wave's markets are at most {_MOST_MARKETS} different codes.")
    digest = sha256()
    header = file.read(len(HEADER))
    digest.update(header)
    if header != HEADER:
        raise DamagedSnapshot(1, f"the header is not {HEADER.decode().strip()}")
    parser = _Parser(markets)
    portions: list[_Portion] = []
    entries, rest = 0, b""
    longest_line = 64 + len(markets) * (_LONGEST_CODE + 1)
    while data := file.read(portion_bytes):
        digest.update(data)
        lines, newline, rest = (rest + data).rpartition(b"\n")
        if newline:
            portions.append(parser.parse(lines + newline))
            entries += len(portions[-1].reasons)
            progress(entries)
        if len(rest) > longest_line:
            raise DamagedSnapshot(entries + 2, "it is longer than a line can be")
    if rest:
        raise DamagedSnapshot(entries + 2, "it is cut off")
    return _joined(portions, markets=tuple(markets), digest=digest.hexdigest())


def _joined(portions: list[_Portion], *, markets: tuple[str, ...], digest: str) -> Snapshot:
    """Join portions to a snapshot. For this moment the entries stand in memory twice, 50 bytes each."""
    portions.append(
        _Portion(
            refs=np.empty((0, REF_BYTES), np.uint8),
            reasons=np.empty(0, np.uint8),
            tiers=np.empty(0, np.uint8),
            choices=np.empty(0, np.int16),
            counts=np.empty(0, np.int32),
        )
    )
    offsets = np.concatenate([np.zeros(1, np.int64), *(portion.counts for portion in portions)])
    np.add.accumulate(offsets, out=offsets)
    return Snapshot(
        markets=markets,
        refs=np.concatenate([portion.refs for portion in portions]),
        reasons=np.concatenate([portion.reasons for portion in portions]),
        tiers=np.concatenate([portion.tiers for portion in portions]),
        choices=np.concatenate([portion.choices for portion in portions]),
        offsets=offsets,
        sha256=digest,
    )
