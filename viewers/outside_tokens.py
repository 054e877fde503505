"""Tokens from outside: whether one is what it says it is.

An access token opens what an id token only describes, so each is taken as its own kind alone: by the header's ``typ``
and by the audience that the settings name for the kind. OpenID Connect asks no ``typ`` of an id token; one that its
issuer's token endpoint gave straight to us as an id token needs none, one that anybody brings does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from django.conf import settings

from core.refusal import Refusal
from viewers.issuer_keys import MOST_LETTERS_OF_KID, keys_of
from viewers.issuers import Issuer
from viewers.models.outside import MOST_LETTERS_OF_SUBJECT

MOST_BYTES = 8 * 1024
LEEWAY_SECONDS = 30
"""How far the issuer's clock may be from ours."""
REQUIRED = {"access": ["iss", "aud", "exp", "nbf", "iat"], "id": ["iss", "aud", "exp", "iat"]}
"""By kind. An id token says since when it is good by ``iat`` alone (OpenID Connect Core, 2)."""


class TokenRefused(Refusal):
    """The token is not a good one for this installation."""

    code = "authentication_failed"
    status = 401


@dataclass(frozen=True)
class Subject:
    """Who a token is about, as its issuer says."""

    issuer: Issuer
    id: str
    email: str = ""
    is_email_verified: bool = False
    nonce: str = ""
    """What whoever asked for the token gave the issuer to put in it."""


def read_token(text: str, *, kind: str, given_by: Issuer | None = None) -> Subject:
    """Give the subject of a token from outside, after every check that there is.

    ``given_by`` is the issuer whose own token endpoint gave it to us as one of this kind: no other may have made it,
    and it need not state its type.

    :raises TokenRefused: a check fails; the message says which.
    :raises UnknownKey: the issuer has no such key.
    :raises IssuerAway: the issuer's keys cannot be fetched.
    """
    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise TokenRefused(f"This token is longer than {MOST_BYTES // 1024} KB.")
    header, claimed = _parts_of(text)
    issuer = _issuer_of(claimed)
    if given_by is not None and given_by.name != issuer.name:
        raise TokenRefused("This token is another issuer's than the one that gave it.")
    _require_type(header, issuer, kind, is_kind_known=given_by is not None)
    key = keys_of(issuer).key(_kid_of(header), _algorithm_of(header, issuer))
    try:
        claims = jwt.decode(
            text,
            key,
            algorithms=sorted(issuer.algorithms),
            audience=issuer.audiences[kind],
            issuer=issuer.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": REQUIRED[kind]},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise TokenRefused(_words_for(error)) from error
    return Subject(
        issuer=issuer,
        id=_subject_of(claims, issuer),
        email=_text_of(claims, "email"),
        is_email_verified=claims.get("email_verified") is True,
        nonce=_text_of(claims, "nonce"),
    )


def _parts_of(text: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims as the token states them; nothing of it is believed yet but where to look further."""
    try:
        parts = jwt.decode_complete(text, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise TokenRefused("This is not a JSON Web Token.") from error
    return parts["header"], parts["payload"]


def _issuer_of(claimed: Mapping[str, Any]) -> Issuer:
    for issuer in settings.OUTSIDE_ISSUERS:
        if claimed.get("iss") == issuer.issuer:
            found: Issuer = issuer
            return found
    raise TokenRefused("This installation does not know the issuer of this token.")


def _require_type(header: Mapping[str, Any], issuer: Issuer, kind: str, *, is_kind_known: bool) -> None:
    """The full media type may stand there too (RFC 9068). Where the kind is known, only another one is refused."""
    stated = header.get("typ")
    expected = issuer.types.get(kind)
    if expected is None:
        raise TokenRefused(f"No {kind} tokens are taken from this issuer.")
    if is_kind_known and "typ" not in header:
        return
    if not isinstance(stated, str) or stated.lower().removeprefix("application/") != expected.lower():
        raise TokenRefused(f"This is no {kind} token: its header must say the type {expected}.")


def _algorithm_of(header: Mapping[str, Any], issuer: Issuer) -> str:
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in issuer.algorithms:
        raise TokenRefused("This token is signed in a way that is not taken from its issuer.")
    return algorithm


def _kid_of(header: Mapping[str, Any]) -> str:
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MOST_LETTERS_OF_KID:
        raise TokenRefused("This token does not say which key signed it.")
    return kid


def _subject_of(claims: Mapping[str, Any], issuer: Issuer) -> str:
    subject = claims.get(issuer.subject_claim)
    if not isinstance(subject, str) or not 0 < len(subject) <= MOST_LETTERS_OF_SUBJECT or not subject.isprintable():
        raise TokenRefused(f"This token does not say whom it is about, in the claim {issuer.subject_claim}.")
    return subject


def _text_of(claims: Mapping[str, Any], name: str) -> str:
    """A claim that may be missing; one that is no text is none."""
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def _words_for(error: Exception) -> str:
    words: tuple[tuple[type[Exception], str], ...] = (
        (jwt.ExpiredSignatureError, "This token has expired. Fetch another from its issuer."),
        (jwt.ImmatureSignatureError, "This token is not valid yet."),
        (jwt.InvalidAudienceError, "This token is meant for somebody else: its audience is not this installation."),
        (jwt.InvalidSignatureError, "The signature of this token is wrong."),
    )
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"This token lacks the claim {error.claim}."
    return next((text for kind, text in words if isinstance(error, kind)), "This token is not a good one.")
