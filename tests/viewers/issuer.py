"""A company's issuer of tokens as it stands in the network: a key set at an address on loopback, and a pen."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from viewers.issuers import Issuer

ISSUER = "https://sign-in.example"
AUDIENCE = "monoql"
KEY = generate_private_key(public_exponent=65537, key_size=2048)
STRANGERS_KEY = generate_private_key(public_exponent=65537, key_size=2048)


def jwk(key: RSAPrivateKey, kid: str, **more: Any) -> dict[str, Any]:
    """The public half of a key as a JWKS holds it."""
    public: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    return {**public, "kid": kid, "use": "sig", **more}


@dataclass
class Company:
    """The issuer's own side. ``asked`` counts how often somebody fetched its keys."""

    address: str
    keys: list[dict[str, Any]] = field(default_factory=lambda: [jwk(KEY, "k1")])
    asked: int = 0
    body: bytes | None = None
    """Sent instead of the keys."""
    redirect: str = ""
    token: bytes = b"{}"
    """What its token endpoint answers."""
    token_status: int = 200
    pause: float = 0.0
    """Seconds between the parts of that answer."""
    exchanges: list[tuple[dict[str, list[str]], str]] = field(default_factory=list)
    """Forms and ``Authorization`` that came to its token endpoint."""

    def issuer(self, **changes: Any) -> Issuer:
        """The issuer as the settings describe it."""
        usual: dict[str, Any] = {
            "name": "company",
            "issuer": ISSUER,
            "jwks_url": f"{self.address}/jwks.json",
            "audiences": {"access": AUDIENCE, "id": "monoql-web"},
            "algorithms": frozenset({"RS256"}),
            "types": {"access": "at+jwt", "id": "JWT"},
            "staff": True,
            "authorize_url": f"{self.address}/authorize",
            "token_url": f"{self.address}/token",
        }
        return Issuer(**{**usual, **changes})


def signed(
    *,
    key: Any = KEY,
    algorithm: str = "RS256",
    header: dict[str, Any] | None = None,
    kind: str = "access",
    **claims: Any,
) -> str:
    """A token of the company. A claim or header that is ``None`` is left out."""
    now = int(time.time())
    usual = {"iss": ISSUER, "aud": AUDIENCE if kind == "access" else "monoql-web", "sub": "fan-1"}
    times = {"iat": now, "nbf": now, "exp": now + 300}
    payload = {name: value for name, value in {**usual, **times, **claims}.items() if value is not None}
    headers = {"typ": "at+jwt" if kind == "access" else "JWT", "kid": "k1", **(header or {})}
    # The library writes a type of its own where none is given, but none where it is empty.
    stated = {name: value for name, value in headers.items() if value is not None or name == "typ"}
    return jwt.encode(payload, key, algorithm=algorithm, headers=stated)


def forged(header: Any, payload: Any, *, secret: bytes = b"") -> str:
    """A token put together by hand: with an HMAC of the secret, or with no signature."""
    text = ".".join(_part(json.dumps(part).encode()) for part in (header, payload))
    signature = hmac.digest(secret, text.encode(), hashlib.sha256) if secret else b""
    return f"{text}.{_part(signature)}"


def claims_of(token: str) -> dict[str, Any]:
    """What a token states, unchecked."""
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def public_pem() -> bytes:
    """The public key as anybody can download it."""
    return KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@contextmanager
def company() -> Iterator[Company]:
    """Serve the company's keys for the length of a block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ours.asked += 1
            body = ours.body if ours.body is not None else json.dumps({"keys": ours.keys}).encode()
            self.send_response(302 if ours.redirect else 200)
            if ours.redirect:
                self.send_header("Location", ours.redirect)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            ours.exchanges.append((parse_qs(form), self.headers.get("Authorization", "")))
            self.send_response(302 if ours.redirect else ours.token_status)
            if ours.redirect:
                self.send_header("Location", ours.redirect)
            self.send_header("Content-Length", str(len(ours.token)))
            self.end_headers()
            for part in (ours.token[:1], ours.token[1:2], ours.token[2:]) if ours.pause else (ours.token,):
                self.wfile.write(part)
                time.sleep(ours.pause)

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ours = Company(address=f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield ours
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
