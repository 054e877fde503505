"""A small issuer of access and id tokens, as a ticketing company would run one. On development machines alone.

It makes tokens for whatever name is typed, so its key is the installation's own, and it exists nowhere else.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from jwt.utils import base64url_encode

from monoql.development import only_in_development
from viewers.issuers import KINDS, Issuer, development_issuer
from viewers.models.outside import MOST_LETTERS_OF_SUBJECT

ALGORITHM = "EdDSA"
LIFETIME = timedelta(minutes=5)


class NotInDevelopment(RuntimeError):
    """Something asks the issuer on a host that is no development machine."""


def issuer() -> Issuer:
    """The issuer as the settings know it."""
    return development_issuer(settings.PUBLIC_URL)


def mint(*, subject: str, kind: str, now: datetime, **claims: Any) -> str:
    """Make a token of a kind for a subject. ``claims`` go before the usual ones; one that is ``None`` is left out.

    :raises NotInDevelopment: this is no development machine.
    """
    if not settings.DEVELOPMENT:
        raise NotInDevelopment("The development issuer makes tokens on development machines alone.")
    ours = issuer()
    usual = {
        "iss": ours.issuer,
        "aud": ours.audiences[kind],
        "sub": subject,
        "iat": int(now.timestamp()),
        "nbf": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
    }
    payload = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    key = _key(settings.SECRET_KEY)
    return jwt.encode(payload, key, algorithm=ALGORITHM, headers={"typ": ours.types[kind], "kid": _kid(key)})


def public_keys() -> dict[str, Any]:
    """The JWKS document."""
    key = _key(settings.SECRET_KEY)
    x = base64url_encode(_public_bytes(key)).decode()
    return {"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": ALGORITHM, "kid": _kid(key), "x": x}]}


@lru_cache(maxsize=2)
def _key(secret: str) -> Ed25519PrivateKey:
    """The installation's own: made from the secret key that lies in its state folder."""
    seed = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"monoql development issuer").derive(secret.encode())
    return Ed25519PrivateKey.from_private_bytes(seed)


def _public_bytes(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _kid(key: Ed25519PrivateKey) -> str:
    return sha256(_public_bytes(key)).hexdigest()[:16]


@require_safe
@only_in_development
def jwks(request: HttpRequest) -> HttpResponse:
    """The issuer's public keys."""
    return JsonResponse(public_keys())


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@only_in_development
def page(request: HttpRequest) -> HttpResponse:
    """A form for people: whose token, and of which kind."""
    subject, kind = _asked(request)
    is_asked = request.method == "POST" and bool(subject)
    context = {
        "subject": subject,
        "kind": kind,
        "kinds": KINDS,
        "token": mint(subject=subject, kind=kind, now=timezone.now()) if is_asked else "",
        "issuer": issuer(),
        "minutes": int(LIFETIME.total_seconds() // 60),
    }
    return render(request, "dev_issuer/page.html", context)


@csrf_exempt
@require_POST
@never_cache
@only_in_development
def token(request: HttpRequest) -> HttpResponse:
    """The same for programs: a form with ``subject`` and ``kind`` is answered with the bare token."""
    subject, kind = _asked(request)
    if not subject:
        return HttpResponse("Send a subject.\n", status=400, content_type="text/plain")
    return HttpResponse(mint(subject=subject, kind=kind, now=timezone.now()), content_type="text/plain")


def _asked(request: HttpRequest) -> tuple[str, str]:
    subject = request.POST.get("subject", "").strip()[:MOST_LETTERS_OF_SUBJECT]
    kind = request.POST.get("kind", KINDS[0])
    return subject, kind if kind in KINDS else KINDS[0]
