"""Signing a person in with an issuer in her browser: OpenID Connect's code flow with PKCE (RFC 7636) and a nonce.

Her browser carries a code alone, which opens nothing without the verifier that her own browser keeps for us. The id
token goes from the issuer's server to ours and is then read like every other token from outside.
"""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import quote_plus, urlencode, urlsplit

import structlog

from core.refusal import Refusal
from viewers.issuer_keys import IssuerAway, fetched
from viewers.issuers import Issuer
from viewers.outside_tokens import Subject, TokenRefused, read_token

log = structlog.get_logger(__name__)
SCOPE = "openid email"
MOST_LETTERS_OF_CODE = 2048


class CodeRefused(Refusal):
    """The issuer gives no token for this code: it was used before, is too old, or is somebody else's."""

    code = "bad_code"
    status = 400


@dataclass(frozen=True)
class SignIn:
    """One sign-in that was begun: what must come back unchanged. Her browser keeps it, signed by us."""

    state: str
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    @property
    def challenge(self) -> str:
        """What the issuer may know of the verifier (S256)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def is_answered_by(self, state: str) -> bool:
        """Whether what came back belongs to this sign-in."""
        return hmac.compare_digest(self.state.encode(), state.encode(errors="replace"))


def address_of_sign_in(
    issuer: Issuer, sign_in: SignIn, *, redirect_uri: str, language: str, is_asked_again: bool
) -> str:
    """Where her browser signs in. ``is_asked_again`` has the issuer ask who she is even if it believes to know."""
    wanted = {
        "response_type": "code",
        "client_id": issuer.audiences["id"],
        "redirect_uri": redirect_uri,
        "scope": SCOPE,
        "state": sign_in.state,
        "nonce": sign_in.nonce,
        "code_challenge": sign_in.challenge,
        "code_challenge_method": "S256",
        "ui_locales": language,
        **({"prompt": "login"} if is_asked_again else {}),
    }
    joint = "&" if urlsplit(issuer.authorize_url).query else "?"
    return f"{issuer.authorize_url}{joint}{urlencode(wanted)}"


def subject_of_code(issuer: Issuer, sign_in: SignIn, *, code: str, redirect_uri: str) -> Subject:
    """Exchange the code that her browser brought for an id token, and give whom that names.

    :raises CodeRefused: the issuer refuses the code.
    :raises IssuerAway: the issuer does not answer, or says nothing that makes sense.
    :raises TokenRefused: its token is not a good one, or was made for another sign-in.
    :raises UnknownKey: the issuer has no key by this name.
    """
    if not 0 < len(code) <= MOST_LETTERS_OF_CODE:
        raise CodeRefused("This is no code.")
    subject = read_token(_token_for(issuer, sign_in, code, redirect_uri), kind="id", given_by=issuer)
    if not hmac.compare_digest(subject.nonce.encode(), sign_in.nonce.encode()):
        raise TokenRefused("This token was made for another sign-in.")
    return subject


def _token_for(issuer: Issuer, sign_in: SignIn, code: str, redirect_uri: str) -> str:
    client = issuer.audiences["id"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": sign_in.verifier,
        **({} if issuer.client_secret else {"client_id": client}),
    }
    try:
        raw = fetched(issuer.token_url, form=urlencode(form).encode(), headers=_proof_of_client(issuer))
        answer = json.loads(raw)
    except HTTPError as refused:
        with refused:
            log.warning("sign_in_code_not_exchanged", issuer=issuer.name, status=refused.code)
        if refused.code == 400:
            raise CodeRefused("The issuer does not take this code.") from None
        raise IssuerAway("The issuer does not exchange codes at the moment.") from None
    except (OSError, HTTPException, ValueError, RecursionError) as error:
        log.warning("sign_in_code_not_exchanged", issuer=issuer.name, error=type(error).__name__)
        raise IssuerAway("The issuer does not answer. Try again in a minute.") from None
    token = answer.get("id_token") if isinstance(answer, dict) else None
    if not isinstance(token, str):
        raise TokenRefused("The issuer sent no id token.")
    return token


def _proof_of_client(issuer: Issuer) -> dict[str, str]:
    """The header by which a client with a secret proves who it is (RFC 6749, 2.3.1)."""
    if not issuer.client_secret:
        return {}
    pair = f"{quote_plus(issuer.audiences['id'])}:{quote_plus(issuer.client_secret)}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
