"""Issuers of tokens from outside: which ones this installation trusts, and for what. Read from the settings."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

ASYMMETRIC = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""With a symmetric one, whoever checks a token could also make one; the issuer's public key would be the secret."""
KINDS = ("access", "id")
NEEDED = ("name", "issuer", "jwks_url", "audience", "algorithms")
OPTIONAL = ("types", "subject_claim", "staff", "authorize_url", "token_url", "client_secret")
USUAL_TYPES = {"access": "at+jwt", "id": "JWT"}
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Issuer:
    """One issuer: where its keys are, and what its tokens must say."""

    name: str
    """Ours for it; linked accounts are stored under this name."""
    issuer: str
    jwks_url: str
    audiences: Mapping[str, str]
    """By kind of token."""
    algorithms: frozenset[str]
    types: Mapping[str, str]
    """What the header ``typ`` says, by kind of token. A kind that is not here is not taken from this issuer."""
    subject_claim: str = "sub"
    """The claim that names the fan: her globalUserId."""
    staff: bool = False
    """Whether its subjects may be staff."""
    authorize_url: str = ""
    """Where a browser signs in (OpenID Connect, code flow); empty where fans cannot sign in on our pages."""
    token_url: str = ""
    """Where what the browser brings back is exchanged for an id token. Our name there is the audience of id tokens."""
    client_secret: str = field(default="", repr=False)
    """Ours there; empty where the issuer takes us for a public client."""

    @property
    def has_sign_in(self) -> bool:
        """Whether fans can sign in with it in a browser."""
        return bool(self.authorize_url and self.token_url)

    def __hash__(self) -> int:
        return hash((self.name, self.issuer, self.jwks_url))


def read_issuers(text: str, *, loopback: Sequence[str] = ()) -> tuple[Issuer, ...]:
    """The issuers that the variable OUTSIDE_ISSUERS describes; empty text is none.

    ``loopback`` are the hosts at which fans may sign in by plain http: ``LOOPBACK`` on a development machine.

    :raises ImproperlyConfigured: it does not describe them as docs/operations.md asks.
    """
    if not text.strip():
        return ()
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"OUTSIDE_ISSUERS is not JSON: {error}.") from error
    if not isinstance(rows, list):
        raise ImproperlyConfigured("OUTSIDE_ISSUERS must be a JSON list of issuers.")
    issuers = tuple(_issuer(row, place, loopback) for place, row in enumerate(rows, start=1))
    require_distinct(issuers)
    return issuers


def development_issuer(public_url: str) -> Issuer:
    """The issuer that a development machine is to itself; see ``monoql.dev_issuer``."""
    address = f"{public_url}/dev/issuer"
    return Issuer(
        name="development",
        issuer=address,
        jwks_url=f"{address}/jwks.json",
        audiences={"access": "monoql", "id": "monoql-web"},
        algorithms=frozenset({"EdDSA"}),
        types=USUAL_TYPES,
        staff=True,
        authorize_url=f"{address}/authorize/",
        token_url=f"{address}/exchange/",
    )


def require_distinct(issuers: tuple[Issuer, ...]) -> None:
    """Refuse issuers that could be taken for one another.

    :raises ImproperlyConfigured: a name or an ``iss`` comes twice.
    """
    for what, values in (("name", [one.name for one in issuers]), ("issuer", [one.issuer for one in issuers])):
        if len(set(values)) < len(values):
            raise ImproperlyConfigured(f"OUTSIDE_ISSUERS: two issuers have the same {what}.")


def _issuer(row: Any, place: int, loopback: Sequence[str]) -> Issuer:
    where = f"OUTSIDE_ISSUERS, issuer {place}"
    if not isinstance(row, dict):
        raise ImproperlyConfigured(f"{where}: describe it as a JSON object.")
    _require_names(row, where)
    types = row.get("types", USUAL_TYPES)
    _require(
        isinstance(types, dict) and bool(types) and set(types) <= set(KINDS), where, "types", "has access, id or both"
    )
    _require(all(_is_text(kind) for kind in types.values()), where, "types", "maps each kind to the header's typ")
    audiences = _by_kind(row["audience"], types)
    _require(set(audiences) == set(types), where, "audience", "is one text, or has one for each kind of types")
    _require(all(_is_text(one) for one in audiences.values()), where, "audience", "is one text, or one for each kind")
    _require_kinds_apart(types, audiences, where)
    _require_whole_sign_in(row, types, where)
    return Issuer(
        name=row["name"],
        issuer=row["issuer"],
        jwks_url=_address(row, "jwks_url", where, LOOPBACK),
        audiences=audiences,
        algorithms=_algorithms(row["algorithms"], where),
        types=types,
        subject_claim=row.get("subject_claim", "sub"),
        staff=row.get("staff", False),
        authorize_url=_address(row, "authorize_url", where, loopback),
        token_url=_address(row, "token_url", where, loopback),
        client_secret=row.get("client_secret", ""),
    )


def _by_kind(value: Any, types: Mapping[str, str]) -> Mapping[str, str]:
    """One value for every kind, or each kind's own."""
    return value if isinstance(value, dict) else dict.fromkeys(types, value)


def _require_names(row: Mapping[str, Any], where: str) -> None:
    missing = [name for name in NEEDED if not row.get(name)]
    unknown = sorted(set(row) - set(NEEDED) - set(OPTIONAL))
    if missing:
        raise ImproperlyConfigured(f"{where}: {', '.join(missing)} must be given.")
    if unknown:
        raise ImproperlyConfigured(f"{where}: {', '.join(unknown)} is not known.")
    _require(_is_text(row["name"]) and len(row["name"]) <= 80, where, "name", "is a text of up to 80 letters")
    _require(_is_text(row["issuer"]), where, "issuer", "is the text of the claim iss")
    _require(_is_text(row.get("subject_claim", "sub")), where, "subject_claim", "is the name of a claim")
    _require(isinstance(row.get("staff", False), bool), where, "staff", "is true or false")


def _require_kinds_apart(types: Mapping[str, str], audiences: Mapping[str, str], where: str) -> None:
    """Nothing but type and audience tells an id token from an access token."""
    kinds = {(types[kind].lower(), audiences[kind]) for kind in types}
    _require(len(kinds) == len(types), where, "types", "must differ between access and id, or their audiences must")


def _require_whole_sign_in(row: Mapping[str, Any], types: Mapping[str, str], where: str) -> None:
    """Fans sign in at one address and we exchange what they bring at the other, for an id token."""
    given = [name for name in ("authorize_url", "token_url") if row.get(name)]
    _require(len(given) != 1, where, "authorize_url", "and token_url belong together")
    _require(not given or "id" in types, where, "authorize_url", "needs id tokens among types")
    _require(_is_text(row.get("client_secret", "x")), where, "client_secret", "is a text")
    _require(bool(given) or "client_secret" not in row, where, "client_secret", "goes with authorize_url and token_url")


def _algorithms(value: Any, where: str) -> frozenset[str]:
    is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
    _require(is_list, where, "algorithms", "is a list")
    foreign = sorted(set(value) - ASYMMETRIC)
    _require(not foreign, where, "algorithms", f"are asymmetric ones alone, not {', '.join(foreign)}")
    return frozenset(value)


def _address(row: Mapping[str, Any], name: str, where: str, loopback: Sequence[str]) -> str:
    """An address by https, or by http at one of the ``loopback`` hosts; empty where it is left out."""
    if name in OPTIONAL and not row.get(name):
        return ""
    value = row[name]
    parts = urlsplit(value if isinstance(value, str) else "")
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in loopback)
    _require(is_safe and bool(parts.hostname) and not parts.fragment, where, name, "is an https address")
    return str(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _require(is_good: bool, where: str, name: str, rule: str) -> None:
    if not is_good:
        raise ImproperlyConfigured(f"{where}: {name} {rule}.")
