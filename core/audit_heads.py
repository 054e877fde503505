"""The last seals, kept where whoever rewrites the database does not reach: in object storage.

Each is an object of its own under ``audit/seals/``, never overwritten. Its name holds all that a verification needs:
the position, padded so that names sort as numbers, and the hash. Give the bucket an object lock or another account's
policy, and nobody who writes the database can take one back.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import ClientError
from django.conf import settings

from core import storage

PREFIX = "audit/seals/"
DIGITS = 19


@dataclass(frozen=True)
class Head:
    """A seal that was the last one at some moment."""

    position: int
    hash: bytes

    @property
    def key(self) -> str:
        """Where it is kept."""
        return f"{PREFIX}{self.position:0{DIGITS}d}-{self.hash.hex()}"


def keep(head: Head, *, event_id: int, now: datetime) -> None:
    """Store a head, unless it is there already."""
    body = {"position": head.position, "event": event_id, "hash": head.hash.hex(), "time": now.isoformat()}
    try:
        storage.client().put_object(
            Bucket=settings.AWS_STORAGE_BUCKET_NAME,
            Key=head.key,
            Body=json.dumps(body).encode(),
            ContentType="application/json",
            IfNoneMatch="*",
        )
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in ("PreconditionFailed", "412"):
            raise


def kept() -> Iterator[Head]:
    """Every kept head in order of position, a page of the bucket's listing at a time."""
    pages = storage.client().get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=settings.AWS_STORAGE_BUCKET_NAME, Prefix=PREFIX):
        for item in page.get("Contents", []):
            position, _, digits = item["Key"].removeprefix(PREFIX).partition("-")
            yield Head(position=int(position), hash=bytes.fromhex(digits))
