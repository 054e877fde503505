"""Small waves to draw in tests: snapshots from plain lines, and whole bundles as they are published."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from random import Random

from waves.draw import draw_key, place, tickets, write_allocation
from waves.manifest import Manifest
from waves.rules import EventRules, MarketRules, Ranking, Rules
from waves.snapshot import Snapshot, read_snapshot
from waves.snapshot_writer import FrozenSnapshot, SnapshotWriter

RULES = Rules(
    campaign="aurora-2027",
    wave="2027-02-01T10:00",
    number=1,
    ranking=("preference", "score"),
    score_tier=10,
    score_min=20,
    score_max=None,
    audience="all",
    reassign=False,
    public_source="",
    previous_allocation_sha256="",
    previous_voided_sha256="",
    markets={
        "AZ-PHX": MarketRules(1200, "sequential", (EventRules("AZ-PHX-1", 700), EventRules("AZ-PHX-2", 500))),
        "NV-LAS": MarketRules(900, "concurrent"),
    },
)
"""The rules that the draw's page gives as an example."""


@dataclass(frozen=True)
class Line:
    """An entry of a wave in tests."""

    ref: str
    choices: tuple[str, ...]
    tier: int = 0
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.ref},{self.reason},{self.tier},{'|'.join(self.choices)}"


def ref_of(number: int) -> str:
    """Return a ref that stands in the order of its number."""
    return f"{number:032x}"


def frozen(lines: Sequence[Line]) -> tuple[bytes, FrozenSnapshot]:
    """Return the bytes of snapshot.csv, and what its writer knows of them."""
    file = io.BytesIO()
    writer = SnapshotWriter(file)
    for line in lines:
        writer.write(f"{line}\n".encode())
    known = writer.finish()
    return file.getvalue(), known


def snapshot_of(lines: Sequence[Line], markets: Sequence[str], *, portion_bytes: int = 1 << 20) -> Snapshot:
    """Return the lines as the draw reads them."""
    data, _ = frozen(lines)
    return read_snapshot(io.BytesIO(data), markets=markets, portion_bytes=portion_bytes)


def some_lines(count: int, markets: Sequence[str], random: Random, *, highest_tier: int) -> list[Line]:
    """Return entries in order of ref; one in eight has a reason."""
    lines = []
    for ref in sorted(f"{random.getrandbits(128):032x}" for _ in range(count)):
        choices = tuple(random.sample(markets, random.randint(1, len(markets))))
        reason = random.choice(["withdrawn", "excluded", "unconfirmed"]) if random.random() < 1 / 8 else ""
        lines.append(Line(ref, choices, random.randint(0, highest_tier), reason))
    return lines


def write_bundle(
    folder: Path,
    *,
    seed: int,
    entries: int = 60,
    ranking: Ranking = ("preference", "score"),
    public_value: str = "",
    markets: Mapping[str, MarketRules] | None = None,
) -> Manifest:
    """Draw a small wave into a folder and return its manifest. The first who was placed is voided."""
    random = Random(seed)
    rules = replace(
        RULES,
        number=random.randint(1, 32),
        ranking=ranking,
        public_source="a public number" if public_value else "",
        markets=markets
        or {
            "NV-LAS": MarketRules(11, "concurrent"),
            "AZ-PHX": MarketRules(12, "sequential", (EventRules("AZ-PHX-1", 7), EventRules("AZ-PHX-2", 5))),
            "CA-LAX": MarketRules(90, "sequential", (EventRules("CA-LAX-1", 90),)),
            "TX-DAL": MarketRules(0, "sequential", (EventRules("TX-DAL-1", 0),)),
        },
    )
    lines = some_lines(entries, list(rules.markets), random, highest_tier=10 if "score" in ranking else 0)
    data, known = frozen(lines)
    snapshot = read_snapshot(io.BytesIO(data), markets=list(rules.markets))
    secrets = [random.randbytes(32) for _ in range(32)]
    key = draw_key(
        secret=secrets[rules.number - 1],
        root=known.tree.root,
        rules_json=rules.to_json(),
        public_value=public_value,
    )
    allocation = place(
        snapshot=snapshot,
        tickets=tickets(key=key, refs=snapshot.refs, only=snapshot.may_be_drawn),
        ranking=rules.ranking,
        places=[market.places for market in rules.markets.values()],
    )
    (folder / "rules.json").write_bytes(rules.to_json())
    (folder / "snapshot.csv").write_bytes(data)
    with (folder / "allocation.csv").open("wb") as file:
        allocation_hash, placed = write_allocation(file, snapshot=snapshot, allocation=allocation, rules=rules)
    voided = [f"{snapshot.ref(int(entry))},withdrawn\n" for entry in sorted(allocation.entries)[:1]]
    (folder / "voided.csv").write_text("ref,reason\n" + "".join(voided))
    manifest = Manifest(
        software="MonoQL 1",
        campaign=rules.campaign,
        wave=rules.wave,
        number=rules.number,
        commitments=[sha256(secret).hexdigest() for secret in secrets],
        committed_at=datetime(2027, 1, 3, 9, tzinfo=UTC),
        rules_sha256=sha256(rules.to_json()).hexdigest(),
        snapshot_sha256=known.sha256,
        root=known.tree.root.hex(),
        entries=known.entries,
        frozen_at=datetime(2027, 1, 31, 18, 2, tzinfo=UTC),
        public_value=public_value,
        secret=secrets[rules.number - 1].hex(),
        allocation_sha256=allocation_hash,
        placed=placed,
        signing_key=random.randbytes(32).hex(),
        abandoned=None,
    )
    (folder / "manifest.json").write_bytes(manifest.to_json())
    return manifest
