"""A small company's sign-in for tests: OpenID Connect with PKCE, on loopback."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "monoql", "between us"


@dataclass
class Issuer:
    """What it knows; tests change what it says of its person."""

    url: str = ""
    person: dict[str, Any] = field(default_factory=dict)
    audience: str = CLIENT_ID
    grants: dict[str, dict[str, str]] = field(default_factory=dict)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def discovery(self) -> dict[str, Any]:
        """Its description of itself."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser goes with its code, after the person has signed in."""
        code = secrets.token_urlsafe(16)
        self.grants[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str]) -> dict[str, Any] | None:
        """The tokens for a code; nothing where secret, address or PKCE do not fit."""
        asked = self.grants.pop(form.get("code", ""), {})
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proofs = [
            (form.get("client_id"), CLIENT_ID),
            (form.get("client_secret"), CLIENT_SECRET),
            (form.get("redirect_uri"), asked.get("redirect_uri")),
            (base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), asked.get("code_challenge")),
        ]
        if any(given != wanted for given, wanted in proofs):
            return None
        now = int(time.time())
        claims = {**self.person, "iss": self.url, "aud": self.audience, "iat": now, "exp": now + 60}
        id_token = jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": "one"})
        return {"access_token": "opens userinfo", "token_type": "Bearer", "expires_in": 60, "id_token": id_token}

    def keys(self) -> dict[str, Any]:
        """Its public key."""
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**jwk, "kid": "one", "use": "sig", "alg": "RS256"}]}


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """Serve one until the end of the block."""
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", issuer.authorize(dict(parse_qsl(parts.query))))
                self.end_headers()
                return
            answers: dict[str, Callable[[], dict[str, Any]]] = {
                "/.well-known/openid-configuration": issuer.discovery,
                "/keys": issuer.keys,
                "/userinfo": lambda: issuer.person,
            }
            self.answer(answers[parts.path]())

        def do_POST(self) -> None:
            form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.answer(issuer.token(form))

        def answer(self, content: Any) -> None:
            body = json.dumps(content or {"error": "invalid_grant"}).encode()
            self.send_response(200 if content else 400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
