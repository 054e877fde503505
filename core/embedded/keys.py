"""Keys and passwords of a development machine, made once and kept, so that a second start reads the data."""

import base64
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from core.embedded.files import read_json, write_private
from core.embedded.processes import CannotStart


@dataclass(frozen=True)
class Keys:
    """What has to stay the same as long as the data are kept. Texts, ready for environment variables."""

    secret_key: str
    secrets_key: str
    person_key: str
    signing_key: str
    postgres_password: str
    valkey_password: str
    s3_access_key_id: str
    s3_secret_access_key: str


def make_keys() -> Keys:
    """Give new random keys."""
    return Keys(
        secret_key=secrets.token_urlsafe(50),
        secrets_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        person_key=secrets.token_hex(32),
        signing_key=secrets.token_hex(32),
        postgres_password=secrets.token_urlsafe(24),
        valkey_password=secrets.token_urlsafe(24),
        s3_access_key_id=secrets.token_hex(10).upper(),
        s3_secret_access_key=secrets.token_urlsafe(30),
    )


def read_or_make_keys(path: Path) -> Keys:
    """Give the keys of the file; those that it lacks are made and added to it.

    :raises CannotStart: the file is there and cannot be read.
    """
    kept = read_json(path)
    if kept is None and path.exists():
        raise CannotStart(f"The keys in {path} cannot be read, so the data beside them cannot be used.")
    kept = kept or {}
    known = {field.name for field in fields(Keys)}
    keys = Keys(**{**asdict(make_keys()), **{name: text for name, text in kept.items() if name in known}})
    if asdict(keys) != kept:
        write_private(path, asdict(keys))
    return keys
