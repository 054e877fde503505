"""The public keys of issuers: fetched from their one configured address, bounded, kept, and never asked for too often.

Nothing in a token says where its key is: ``jku``, ``x5u``, ``jwk`` and ``x5c`` are not looked at.
"""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPException
from typing import IO, Any, Protocol
from urllib.request import HTTPRedirectHandler, Request, build_opener

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.api_jwk import PyJWK

from core.refusal import Refusal
from viewers.issuers import Issuer

log = structlog.get_logger(__name__)
TIMEOUT_SECONDS = 5.0
MOST_BYTES = 256 * 1024
MOST_KEYS = 100
MOST_LETTERS_OF_KID = 200
FRESH_SECONDS = 600.0
"""After so long keys are fetched again, so that one that the issuer withdrew opens nothing any more."""
KEPT_SECONDS = 3600.0
"""An issuer that does not answer is forgiven for so long."""
RETRY_SECONDS = 60.0
"""An unknown key has the keys fetched at most so often: tokens with made-up keys must not hammer the issuer."""
LEAST_RSA_BITS = 2048
KEY_KINDS = ("RSA", "EC", "OKP")


class UnknownKey(Refusal):
    """The issuer has no such key, or none that this token may use."""

    code = "authentication_failed"
    status = 401


class IssuerAway(Refusal):
    """The issuer's keys cannot be had now."""

    code = "unavailable"
    status = 503


class Clock(Protocol):
    """Seconds that only grow."""

    def __call__(self) -> float:
        """The present one."""


class _NoRedirects(HTTPRedirectHandler):
    """An address that sends us elsewhere is not the one that was configured."""

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str) -> None:
        return None


@dataclass
class KeySet:
    """One issuer's keys, as this process knows them."""

    issuer: Issuer
    clock: Clock = time.monotonic
    _keys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    _fetched_at: float | None = None
    _tried_at: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def key(self, kid: str, algorithm: str) -> PyJWK:
        """Give the key of this name for one algorithm.

        :raises UnknownKey: there is none, or it is meant for something else.
        :raises IssuerAway: the keys cannot be fetched, and none are kept.
        """
        found = self._kept(kid)
        if found is None:
            with self._lock:
                found = self._kept(kid)
                if found is None and self._may_fetch():
                    self._fetch()
                found = found or self._old(kid)
        if found is None and self._age() > KEPT_SECONDS:
            raise IssuerAway("The issuer of this token does not answer. Try again in a minute.")
        if found is None:
            raise UnknownKey("The issuer of this token has no such key.")
        return usable_key(found, algorithm)

    def _kept(self, kid: str) -> Mapping[str, Any] | None:
        return self._keys.get(kid) if self._age() <= FRESH_SECONDS else None

    def _old(self, kid: str) -> Mapping[str, Any] | None:
        return self._keys.get(kid) if self._age() <= KEPT_SECONDS else None

    def _age(self) -> float:
        return self.clock() - self._fetched_at if self._fetched_at is not None else float("inf")

    def _may_fetch(self) -> bool:
        return self._tried_at is None or self.clock() - self._tried_at >= RETRY_SECONDS

    def _fetch(self) -> None:
        self._tried_at = self.clock()
        try:
            self._keys = read_keys(fetched(self.issuer.jwks_url))
            self._fetched_at = self.clock()
        except (OSError, HTTPException, ValueError) as error:
            log.warning("issuer_keys_not_fetched", issuer=self.issuer.name, error=type(error).__name__)


def fetched(address: str, *, form: bytes | None = None, headers: Mapping[str, str] | None = None) -> bytes:
    """The bytes at an issuer's address, within time and size; with a form, those that answer it.

    :raises OSError: nothing whole came in time.
    :raises ValueError: there is more than an issuer has to say.
    """
    end = time.monotonic() + TIMEOUT_SECONDS
    usual = {"Accept": "application/json", "User-Agent": "MonoQL"}
    request = Request(address, data=form, headers={**usual, **(headers or {})})  # noqa: S310  Settings hold the address.
    parts: list[bytes] = []
    with build_opener(_NoRedirects).open(request, timeout=TIMEOUT_SECONDS) as response:
        while part := response.read1(64 * 1024):
            parts.append(part)
            if sum(map(len, parts)) > MOST_BYTES:
                raise ValueError("The issuer's answer is too large.")
            if time.monotonic() > end:
                raise TimeoutError("The issuer's answer came too slowly.")
    return b"".join(parts)


def read_keys(raw: bytes) -> dict[str, Mapping[str, Any]]:
    """The keys of a JWKS document by their ``kid``; what has none, or is no public key for signatures, is left out.

    :raises ValueError: it is no such document.
    """
    try:
        document = json.loads(raw)
    except RecursionError as error:
        raise ValueError("The set of keys is nested too deeply.") from error
    rows = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise ValueError("This is no set of keys.")
    return {
        row["kid"]: row
        for row in rows[:MOST_KEYS]
        if isinstance(row, dict)
        and isinstance(row.get("kid"), str)
        and row.get("kty") in KEY_KINDS
        and row.get("use", "sig") == "sig"
        and "d" not in row
    }


def usable_key(row: Mapping[str, Any], algorithm: str) -> PyJWK:
    """A key as the library needs it, for the one algorithm that the token names.

    :raises UnknownKey: it is not for this algorithm, or too short.
    """
    if row.get("alg", algorithm) != algorithm:
        raise UnknownKey("The key of this token is for another algorithm.")
    try:
        key = PyJWK(dict(row), algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        raise UnknownKey("The key of this token is not for its algorithm.") from error
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < LEAST_RSA_BITS:
        raise UnknownKey("The key of this token is too short.")
    return key


_sets: dict[Issuer, KeySet] = {}
_sets_lock = threading.Lock()


def keys_of(issuer: Issuer) -> KeySet:
    """The one set of keys of an issuer in this process."""
    with _sets_lock:
        return _sets.setdefault(issuer, KeySet(issuer))


def forget_keys() -> None:
    """Forget all keys, as a new process would begin."""
    with _sets_lock:
        _sets.clear()
