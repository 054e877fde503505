"""Secrets at rest: Fernet under the installation's key."""

from functools import lru_cache

from cryptography.fernet import Fernet
from django.conf import settings


@lru_cache(maxsize=1)
def _fernet(key: str) -> Fernet:
    return Fernet(key)


def seal(secret: bytes) -> bytes:
    """Encrypt a secret for the database."""
    return _fernet(settings.SECRETS_KEY).encrypt(secret)


@lru_cache(maxsize=256)
def _unsealed(key: str, token: bytes) -> bytes:
    return _fernet(key).decrypt(token)


def unseal(token: bytes | memoryview) -> bytes:
    """Decrypt a secret from the database. The last ones are remembered: a registration needs its campaign's salt."""
    return _unsealed(settings.SECRETS_KEY, bytes(token))


def unseal_once(token: bytes | memoryview) -> bytes:
    """Decrypt what is read once and must not push the salts out of the memory of ``unseal``."""
    return _fernet(settings.SECRETS_KEY).decrypt(bytes(token))
