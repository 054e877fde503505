"""The format of the chain that seals the audit trail; changing a letter of it breaks every chain there is.

Format ``monoql-audit-1``. An event's bytes are one JSON object in UTF-8 with its keys sorted by code point, no space
between the parts, and no character escaped that JSON does not require to be:

    {"action":…,"actor_id":…,"actor_kind":…,"actor_label":…,"at":…,"campaign_id":…,"changes":…,"format":
    "monoql-audit-1","id":…,"on_behalf_of":…,"reason":…,"request_id":…,"target_id":…,"target_type":…}

``id`` and ``campaign_id`` are numbers (the second may be null), ``changes`` is the stored JSON, keys sorted at every
depth, and everything else is text. ``at`` is UTC with six digits of the second: ``2027-01-31T09:05:00.000000+00:00``.

The hash at position n is SHA-256 over the 32 bytes of the hash at position n - 1 followed by the event's bytes. Before
position 1 stand 32 zero bytes.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

FORMAT = "monoql-audit-1"
GENESIS = bytes(32)
COLUMNS = (
    "id",
    "at",
    "actor_kind",
    "actor_id",
    "actor_label",
    "on_behalf_of",
    "action",
    "campaign_id",
    "target_type",
    "target_id",
    "changes",
    "reason",
    "request_id",
)
"""The columns of an event, in the order in which a row of them is read."""
CHANGES = COLUMNS.index("changes")
_READ = {"at": """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')""", "changes": "{}::text"}
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def selected(table: str) -> str:
    """The SQL that reads an event's columns. Time and changes come as text, so that no spoiled value stops a reader."""
    return ", ".join(_READ.get(name, "{}").format(f"{table}.{name}") for name in COLUMNS)


def canonical(row: Sequence[Any]) -> bytes:
    """An event's bytes, from its row as ``selected`` reads it.

    :raises ValueError: its changes hold a number or a depth that nothing here has written.
    """
    fields = dict(zip(COLUMNS, row, strict=True))
    try:
        fields["changes"] = json.loads(row[CHANGES])
    except RecursionError as error:
        raise ValueError("The changes are nested too deeply.") from error
    fields["format"] = FORMAT
    return _encode(fields).encode()


def next_hash(previous: bytes, event: bytes) -> bytes:
    """The hash of an event's bytes that follows a hash."""
    return hashlib.sha256(previous + event).digest()
