"""Rows of the database made into the frozen file and the draw's arrays at once: both say the same, in any order."""

import io
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from random import Random
from struct import pack

import numpy as np
import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from core.bulk import copy_out_binary
from tests.waves.bundles import Line, ref_of
from waves.merkle import LEAVES_PER_BLOCK
from waves.snapshot import read_snapshot
from waves.snapshot_rows import HIDDEN_REASONS, KNOWN_REASONS, Gathered, Gathering, StrangeRow
from waves.snapshot_writer import SnapshotWriter

CODES = st.text("aZ09._-", min_size=1, max_size=40)
BYTES_AN_ENTRY, BYTES_A_CHOICE = 100, 20


def row(*, number: int, ref: str, reason: str, tier: int, numbers: list[int]) -> bytes:
    """A row as COPY gives it."""
    head = pack(">iii", 0 if not numbers else 1, 0, 21)
    size = pack(">ii", len(numbers), 1) if numbers else b""
    choices = head + size + b"".join(pack(">ih", 2, market) for market in numbers)
    fields = [
        pack(">q", number),
        ref.encode(),
        pack(">h", KNOWN_REASONS.index(reason)),
        pack(">h", tier),
        choices,
    ]
    return pack(">h", len(fields)) + b"".join(pack(">i", len(field)) + field for field in fields)


def written(gathered: Gathered) -> tuple[bytes, str]:
    """The file of the entries, and its hash as the writer knows it."""
    file = io.BytesIO()
    writer = SnapshotWriter(file)
    writer.write_all(gathered.snapshot)
    known = writer.finish()
    return file.getvalue(), known.sha256


@given(
    codes=st.lists(CODES, unique=True, max_size=60),
    refs=st.lists(st.integers(0, 2**128 - 1) | st.integers(0, 50), unique=True, max_size=40),
    pieces=st.integers(1, 9),
    random=st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_file_and_arrays_hold_what_the_rows_hold(
    codes: list[str], refs: list[int], pieces: int, random: Random
) -> None:
    numbers = dict(zip(codes, random.sample(range(1, 32767), len(codes)), strict=True))
    rows, lines = [], {}
    for number, ref in enumerate(refs):
        named = random.sample(codes, random.randint(0, len(codes)))
        others = [market for market in random.sample(range(1, 32767), 3) if market not in numbers.values()]
        mixed = [*(numbers[code] for code in named), *others]  # Markets of other waves fall out.
        reason, tier = random.choice(KNOWN_REASONS), random.randint(0, 100)
        rows.append(row(number=number * 7, ref=ref_of(ref), reason=reason, tier=tier, numbers=mixed))
        lines[ref] = (number * 7, Line(ref_of(ref), tuple(named), tier, reason))
    in_order = [lines[ref] for ref in sorted(lines)]

    gathering = Gathering(numbers)
    for start in range(0, len(rows), pieces):
        gathering.add(rows[start : start + pieces])
    gathered = gathering.finish()

    data, digest = written(gathered)
    published = [replace(line, reason="excluded") if line.reason in HIDDEN_REASONS else line for _, line in in_order]
    assert data.decode() == "ref,reason,tier,choices\n" + "".join(f"{line}\n" for line in published)
    assert digest == sha256(data).hexdigest()
    assert gathered.ids.tolist() == [number for number, _ in in_order]
    assert [KNOWN_REASONS[reason] for reason in gathered.known_reasons] == [line.reason for _, line in in_order]
    read_back = read_snapshot(io.BytesIO(data), markets=sorted(codes))
    assert gathered.snapshot.markets == read_back.markets
    for column in ("refs", "reasons", "tiers", "choices", "offsets"):
        mine, theirs = getattr(gathered.snapshot, column), getattr(read_back, column)
        assert (mine.dtype, mine.tolist()) == (theirs.dtype, theirs.tolist())


def test_what_stands_behind_excluded_is_written_apart_and_can_be_found() -> None:
    random = Random(1)
    entries = {ref_of(random.getrandbits(128)): random.choice(KNOWN_REASONS) for _ in range(3000)}
    gathering = Gathering({"A": 1})
    gathering.add([row(number=1, ref=ref, reason=reason, tier=0, numbers=[1]) for ref, reason in entries.items()])
    file = io.BytesIO()

    blocks = gathering.finish().write_hidden(file)

    hidden = {ref: reason for ref, reason in sorted(entries.items()) if reason in HIDDEN_REASONS}
    assert file.getvalue().decode() == "ref,reason\n" + "".join(f"{ref},{reason}\n" for ref, reason in hidden.items())
    assert len(blocks.refs) == -(-len(hidden) // LEAVES_PER_BLOCK)
    for ref in list(hidden)[::50]:
        first, end = blocks.span(blocks.block_of(ref))
        assert f"{ref},{hidden[ref]}\n" in file.getvalue()[first:end].decode()


def test_reasons_are_counted_as_the_operator_knows_them() -> None:
    gathering = Gathering({"A": 1})
    gathering.add(
        [
            row(number=place, ref=ref_of(place), reason=reason, tier=0, numbers=[1])
            for place, reason in enumerate(["", "blocked", "gate_failed", "blocked", ""])
        ]
    )

    assert gathering.finish().reason_counts() == {"blocked": 2, "gate_failed": 1}


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: data + b"\0", lambda data: b"\0\6" + data[2:]])
def test_a_row_of_another_form_is_refused(spoil: "type[bytes]") -> None:
    data = row(number=1, ref=ref_of(1), reason="", tier=0, numbers=[1, 2])

    with pytest.raises(StrangeRow):
        Gathering({"A": 1}).add([spoil(data)])


@pytest.mark.django_db
@pytest.mark.parametrize("count", [0, 1, 4, 5])
def test_the_database_writes_rows_in_this_form(count: int) -> None:
    query = """SELECT n::bigint * 3, repeat(chr(48 + n), 32), 3::smallint, 7::smallint,
               CASE n WHEN 2 THEN ARRAY[]::smallint[] ELSE ARRAY[n, 9]::smallint[] END
               FROM generate_series(1, %s) AS n"""

    with connection.cursor():
        found = [row for rows in copy_out_binary(query, [count], rows_a_piece=4) for row in rows]

    assert [bytes(data) for data in found] == [
        row(number=n * 3, ref=str(n) * 32, reason="unconfirmed", tier=7, numbers=[] if n == 2 else [n, 9])
        for n in range(1, count + 1)
    ]


MEASURE = """
import sys
from pathlib import Path
from tests.waves.test_snapshot_rows import row
from random import Random
from waves.draw import place, tickets, write_allocation
from waves.rules import RANKINGS
from waves.snapshot_rows import Gathering
from waves.snapshot_writer import SnapshotWriter
import io, json

def memory(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

class Nowhere(io.RawIOBase):
    def write(self, data):
        return len(data)

def run(count):
    random = Random(1)
    gathering = Gathering({f"M-{number:03d}": number for number in range(1, 53)})
    choices = 0
    for start in range(0, count, 4096):
        rows = []
        for number in range(start, min(start + 4096, count)):
            named = random.sample(range(1, 53), 1 + number % 5)
            choices += len(named)
            rows.append(row(number=number, ref=random.randbytes(16).hex(), reason="", tier=number % 11, numbers=named))
        gathering.add(rows)
    snapshot = gathering.finish().snapshot
    writer = SnapshotWriter(Nowhere())
    writer.write_all(snapshot)
    writer.finish()
    drawn = tickets(key=b"x" * 32, refs=snapshot.refs, only=snapshot.may_be_drawn)
    for ranking in RANKINGS:
        place(snapshot=snapshot, tickets=drawn, ranking=ranking, places=[count // 150] * 52)
    return choices

run(20_000)
idle = memory("VmRSS")
choices = run(int(sys.argv[1]))
print(json.dumps([memory("VmHWM") - idle, choices]))
"""


def test_a_wave_takes_a_hundred_bytes_an_entry_and_twenty_a_choice() -> None:
    """In a process of its own: over what it has when it is idle, at its peak, whatever the ranking."""
    entries = 300_000

    answer = subprocess.run(
        [sys.executable, "-c", MEASURE, str(entries)], capture_output=True, text=True, check=True, timeout=300
    )

    peak, choices = map(int, answer.stdout.strip("[]\n").split(","))
    assert peak <= BYTES_AN_ENTRY * entries + BYTES_A_CHOICE * choices
    assert np.isclose(choices / entries, 3)
