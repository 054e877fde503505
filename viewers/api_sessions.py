"""Our own short-lived tokens: one in the answer's body, one in a cookie, both good as long as their session's row is.

The body's token carries a map of rights for the client's information, the cookie's the subject and the session alone.
Neither is ever asked what its bearer may do: that is read from the database on each request.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from core import audit
from core.refusal import Refusal
from core.tick import every_tick
from viewers.models import ApiSession, Staff
from viewers.rights_map import rights_map, rights_without_campaign
from viewers.viewer import Viewer, viewer_of_staff

ALGORITHM = "HS256"
AUDIENCE = "monoql-api"
LIFETIME = timedelta(minutes=15)
KEPT_FOR = timedelta(days=1)
"""How long a session's row outlives it."""
MOST_PURGED = 1000
MOST_LETTERS = 64 * 1024
"""A token of ours is longer only with thousands of campaigns in its map."""


class Kind(StrEnum):
    """Where a token is carried; one is no good in the other's place."""

    BODY = "monoql-viewer+jwt"
    COOKIE = "monoql-session+jwt"


class BadSession(Refusal):
    """The token is none of ours, or its session is over. ``is_guess`` tells the first from the second."""

    code = "authentication_failed"
    status = 401

    def __init__(self, message: str, *, is_guess: bool = False) -> None:
        super().__init__(message)
        self.is_guess = is_guess


class NoSession(Refusal):
    """There is no session to end."""

    code = "no_session"


@dataclass(frozen=True)
class Carried:
    """A session, and who acts in it."""

    session: ApiSession
    viewer: Viewer


def start_session(*, staff: Staff | None, subject: str, issuer: str, now: datetime) -> ApiSession:
    """Begin a session for a member of staff, or for the fan of this name at the issuer."""
    return ApiSession.objects.create(
        staff=staff,
        subject="" if staff is not None else subject,
        issuer=issuer,
        created_at=now,
        expires_at=(now + LIFETIME).replace(microsecond=0),
    )


def end_session(*, session: ApiSession, actor: Viewer, now: datetime) -> None:
    """Sign out: the body's token and the cookie's open nothing from here on."""
    if ApiSession.objects.filter(pk=session.pk, ended_at__isnull=True).update(ended_at=now) and actor.kind == "staff":
        audit.record(actor=actor, action="apisession.end", target=session, now=now)


def end_sessions_of(*, staff: Staff, issuer: str | None, now: datetime) -> int:
    """End all sessions of an account, or those from one issuer, and return how many there were."""
    rows = ApiSession.objects.filter(staff=staff, ended_at__isnull=True, expires_at__gt=now)
    return (rows if issuer is None else rows.filter(issuer=issuer)).update(ended_at=now)


def viewer_of_session(session: ApiSession) -> Viewer:
    """Who acts in a session.

    :raises BadSession: the account was switched off.
    """
    if session.staff is None:
        return Viewer(kind="fan", subject=session.subject)
    if not (session.staff.is_active and session.staff.is_staff):
        raise BadSession("This account is switched off.")
    return viewer_of_staff(session.staff)


def body_token(session: ApiSession, viewer: Viewer) -> str:
    """The token for the header ``Authorization``, with the map of rights."""
    told = {
        "isSupreme": viewer.is_supreme,
        "permissions": rights_map(viewer),
        "withoutCampaign": rights_without_campaign(viewer),
    }
    return _signed(session, Kind.BODY, told)


def cookie_token(session: ApiSession) -> str:
    """The token for the cookie: subject and session alone, so that it stays small."""
    return _signed(session, Kind.COOKIE, {})


def read_session(text: str, *, kind: Kind, now: datetime) -> Carried:
    """Give the session of one of our tokens and who acts in it.

    :raises BadSession: it is not ours, not of this kind, has expired, was ended, or its account was switched off.
    """
    claims = _claims_of(text, kind)
    session = ApiSession.objects.select_related("staff").filter(pk=_session_id_of(claims)).first()
    if session is None or session.expires_at <= now:
        raise BadSession("This token has expired. Sign in again.")
    if session.ended_at is not None:
        raise BadSession("This token was signed out. Sign in again.")
    if session.token_subject != claims["sub"]:
        raise BadSession("This token is not a good one.", is_guess=True)
    return Carried(session=session, viewer=viewer_of_session(session))


@every_tick
def purge_sessions(now: datetime) -> int:
    """Forget sessions that are long over, and return how many."""
    old = ApiSession.objects.filter(expires_at__lt=now - KEPT_FOR).order_by("expires_at", "pk")[:MOST_PURGED]
    return ApiSession.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()[0]


def _signed(session: ApiSession, kind: Kind, more: dict[str, Any]) -> str:
    claims = {
        "iss": settings.PUBLIC_URL,
        "aud": AUDIENCE,
        "sub": session.token_subject,
        "sid": str(session.pk),
        "iat": int(session.created_at.timestamp()),
        "exp": int(session.expires_at.timestamp()),
        **more,
    }
    return jwt.encode(claims, _key(settings.SECRET_KEY, kind), algorithm=ALGORITHM, headers={"typ": str(kind)})


def _claims_of(text: str, kind: Kind) -> dict[str, Any]:
    if len(text) > MOST_LETTERS:
        raise BadSession("This token is too long.", is_guess=True)
    try:
        parts = jwt.decode_complete(
            text,
            _key(settings.SECRET_KEY, kind),
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=settings.PUBLIC_URL,
            options={"require": ["iss", "aud", "sub", "sid", "exp"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise BadSession("This token has expired. Sign in again.") from error
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise BadSession("This token is not a good one.", is_guess=True) from error
    if parts["header"].get("typ") != kind:
        raise BadSession("This token belongs elsewhere.", is_guess=True)
    claims: dict[str, Any] = parts["payload"]
    return claims


def _session_id_of(claims: dict[str, Any]) -> UUID:
    try:
        return UUID(str(claims["sid"]))
    except ValueError as error:
        raise BadSession("This token is not a good one.", is_guess=True) from error


@lru_cache(maxsize=8)
def _key(secret: str, kind: Kind) -> bytes:
    """A key for this purpose alone, so that nothing else that the installation signs can pass for a token."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"monoql {kind}".encode()).derive(secret.encode())
