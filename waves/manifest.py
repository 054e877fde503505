"""The manifest of a draw: what was frozen, and what came of it, for whoever runs the draw again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from waves.rules import FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The values of manifest.json; hashes, commitments, secret and signing key are lower-case hex.

    Before the draw ``allocation_sha256``, ``placed`` and an awaited ``public_value`` are None; ``secret`` is
    None until it is revealed, ``abandoned`` is None or the reason.
    """

    software: str
    campaign: str
    wave: str
    number: int
    commitments: Sequence[str]
    committed_at: datetime
    rules_sha256: str
    snapshot_sha256: str
    root: str
    entries: int
    frozen_at: datetime
    public_value: str | None
    secret: str | None
    allocation_sha256: str | None
    placed: int | None
    signing_key: str
    abandoned: str | None

    def to_json(self) -> bytes:
        """Return manifest.json: one line of UTF-8, in the spec's order of keys, ended by a newline."""
        values: dict[str, object] = {"format": FORMAT}
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            values[name] = written_time(value) if isinstance(value, datetime) else value
        values["commitments"] = list(self.commitments)
        return json.dumps(values, ensure_ascii=False).encode() + b"\n"


def written_time(instant: datetime) -> str:
    """Return the instant as the bundle writes it: UTC to the second, ``2027-02-14T18:02:00Z``."""
    if instant.tzinfo is None:
        raise ValueError("A time without a zone is not an instant.")
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
