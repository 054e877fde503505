"""One pass over a frozen snapshot: its hash and tree, its counts, and that each line is still an entry of the campaign.

Four lists are followed side by side in the order of refs: the snapshot's lines, the ids that were stored with it, the
private reasons, and the entries as they are now. None is ever in memory as a whole.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from typing import BinaryIO, Final

from campaigns import secrets
from core.bulk import copy_out
from waves.draw import draw_key
from waves.models import Draw, MarketOutcome
from waves.snapshot import HEADER
from waves.snapshot_writer import FrozenSnapshot, SnapshotWriter

IN_FLIGHT = timedelta(minutes=1)
"""A registration that had begun before the freeze may have committed after it."""
NOBODY: Final = (b"~", 0, False)
"""Comes behind every ref."""
ENTRIES = """
    SELECT ref, id, created_at < %s FROM entries_entry WHERE campaign_id = %s ORDER BY ref
"""
LAST_PLACED = """
    SELECT DISTINCT ON (mine.market_id) entry.ref, market.code, mine.choice FROM codes_assignment AS mine
    JOIN waves_waveprep AS prep ON prep.hold_id = mine.hold_id JOIN entries_entry AS entry ON entry.id = mine.entry_id
    JOIN campaigns_market AS market ON market.id = mine.market_id
    WHERE prep.wave_id = %s ORDER BY mine.market_id, mine.position DESC
"""


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, data: bytes) -> int:
        """Take some bytes."""
        return len(data)

    def flush(self) -> None:
        """Do nothing."""


class SnapshotPass:
    """Reads a snapshot once. ``known`` is what its writer would know of it, once it is read."""

    known: FrozenSnapshot

    def __init__(self, draw: Draw, *, hidden: BinaryIO, entry_ids: Iterator[int]) -> None:
        self._draw = draw
        self._hidden = hidden
        self._entry_ids = entry_ids
        self._reasons: Counter[bytes] = Counter()
        self._first: Counter[bytes] = Counter()
        self._demand: Counter[bytes] = Counter()
        self._wrong: Counter[str] = Counter()
        self._example: dict[str, str] = {}
        self._last = {bytes(row).split(b"\t")[0]: b"" for row in copy_out(LAST_PLACED, [draw.wave_id])}

    def deviations(self, lines: BinaryIO) -> Iterator[str]:
        """Read everything to its end, and give each deviation."""
        writer = SnapshotWriter(_Nowhere())  # type: ignore[arg-type]  # It writes and flushes, nothing else.
        if lines.readline() != HEADER:
            self._note("snapshot.csv: another header", b"")
        entries = self._entries()
        hidden = self._hidden_reasons()
        entry = next(entries, NOBODY)
        for line in lines:
            writer.write(line)
            ref, reason, _, choices = (*line[:-1].split(b",", 3), b"", b"", b"")[:4]
            while entry[0] < ref:
                self._pass_by(entry)
                entry = next(entries, NOBODY)
            number = next(self._entry_ids, None)
            if entry[0] == ref:
                if entry[1] != number:
                    self._note("entry_ids: another entry than the snapshot's line", ref)
                entry = next(entries, NOBODY)
            else:
                self._note("snapshot.csv: an entry that is not there any more", ref)
            self._count(ref, reason, choices, line, hidden)
        while entry is not NOBODY:
            self._pass_by(entry)
            entry = next(entries, NOBODY)
        if next(self._entry_ids, None) is not None:
            self._note("entry_ids: more entries than the snapshot has", b"")
        for ref, _ in hidden:
            self._note("reasons.csv: an entry that the snapshot does not exclude", ref)
        yield from self._found(writer)

    def _entries(self) -> Iterator[tuple[bytes, int, bool]]:
        began = self._draw.frozen_at - IN_FLIGHT
        for row in copy_out(ENTRIES, [began, self._draw.campaign_id]):
            ref, number, was_there = bytes(row).rstrip(b"\n").split(b"\t")
            yield ref, int(number), was_there == b"t"

    def _hidden_reasons(self) -> Iterator[tuple[bytes, bytes]]:
        if self._hidden.readline() != b"ref,reason\n":
            self._note("reasons.csv: another header", b"")
        for line in self._hidden:
            ref, _, reason = line.rstrip(b"\n").partition(b",")
            yield ref, reason

    def _pass_by(self, entry: tuple[bytes, int, bool]) -> None:
        """An entry that the snapshot does not have: it has to have come after the freeze."""
        if entry[2]:
            self._note("snapshot.csv: without an entry that had registered before the freeze", entry[0])

    def _count(
        self, ref: bytes, reason: bytes, choices: bytes, line: bytes, hidden: Iterator[tuple[bytes, bytes]]
    ) -> None:
        if ref in self._last:
            self._last[ref] = line
        if not reason:
            named = choices.split(b"|")
            self._first[named[0]] += 1
            self._demand.update(named)
        elif reason == b"excluded":
            hidden_ref, reason = next(hidden, (b"", b""))
            if hidden_ref != ref or reason not in (b"blocked", b"gate_failed"):
                self._note("reasons.csv: no reason for an entry that is excluded", ref)
        self._reasons[reason] += 1

    def _note(self, what: str, ref: bytes) -> None:
        self._wrong[what] += 1
        self._example.setdefault(what, ref.decode(errors="replace"))

    def _found(self, writer: SnapshotWriter) -> Iterator[str]:
        draw = self._draw
        try:
            self.known = writer.finish()
        except ValueError as error:
            yield f"snapshot.csv: {error}"
            writer.write(b"\n")
            self.known = writer.finish()
        for what, count in self._wrong.items():
            first = self._example[what]
            yield f"{what} ({count:,}{f', the first is {first}' if first else ''})"
        if self.known.sha256 != draw.snapshot_sha256:
            yield "snapshot.csv: it has another hash than the one that was frozen"
        if self.known.tree.root.hex() != draw.root:
            yield "root: it is not that of snapshot.csv"
        if self.known.entries != draw.entries:
            yield f"entries: {draw.entries:,}, and {self.known.entries:,} lines in snapshot.csv"
        if self._reasons[b""] != draw.eligible:
            yield f"eligible: {draw.eligible:,}, and {self._reasons[b'']:,} lines without a reason in snapshot.csv"
        reasons = {reason.decode(): count for reason, count in sorted(self._reasons.items()) if reason}
        if reasons != {reason: count for reason, count in draw.reasons.items() if count}:
            yield f"reasons: {draw.reasons} instead of {reasons}"
        yield from self._of_outcomes()

    def _of_outcomes(self) -> Iterator[str]:
        """Demand and cut-off of each market, from the lines and from the last who got in."""
        draw = self._draw
        cutoffs = self._cutoffs() if draw.wave.status != "failed" else None
        for outcome in MarketOutcome.objects.filter(draw=draw).select_related("market").order_by("market__code"):
            code = outcome.market.code.encode()
            if (outcome.demand_first, outcome.demand) != (self._first[code], self._demand[code]):
                yield (
                    f"market {outcome.market.code}: its outcome tells of a demand of {outcome.demand:,}, first"
                    f" {outcome.demand_first:,}; snapshot.csv of {self._demand[code]:,}, first {self._first[code]:,}"
                )
            is_full = 0 < outcome.places == outcome.placed
            wanted = cutoffs.get(outcome.market.code) if cutoffs is not None and is_full else None
            if cutoffs is not None and outcome.cutoff != wanted:
                yield f"market {outcome.market.code}: its cut-off is {outcome.cutoff} instead of {wanted}"

    def _cutoffs(self) -> dict[str, dict[str, object]]:
        """The sort key of the last who got into each market."""
        draw = self._draw
        key = draw_key(
            secret=secrets.secret_of(draw.campaign, draw.number),
            root=bytes.fromhex(draw.root),
            rules_json=bytes(draw.rules),
            public_value=draw.public_value or "",
        )
        found: dict[str, dict[str, object]] = {}
        for row in list(copy_out(LAST_PLACED, [draw.wave_id])):
            ref, market, choice = bytes(row).rstrip(b"\n").split(b"\t")
            tier = (*self._last.get(ref, b"").split(b","), b"", b"", b"")[2] or b"0"
            found[market.decode()] = {
                "choice": int(choice),
                "tier": int(tier),
                "ticket": sha256(key + ref).hexdigest()[:16],
                "ref": ref.decode(),
            }
        return found
