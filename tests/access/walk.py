"""The walk over every route and method as every identity, against the table in ``routes.txt``."""

import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from django.db import transaction
from django.http import HttpResponseBase
from django.template.response import TemplateResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

TABLE = Path(__file__).with_name("routes.txt")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CAMPAIGN_ACTIONS = (
    "view",
    "edit_content",
    "edit_setup",
    "manage_codes",
    "run_waves",
    "export",
    "see_personal_data",
    "grant_access",
)
OTHER_ACTIONS = ("edit_catalogue", "manage_staff")
STAFF = (*CAMPAIGN_ACTIONS, *OTHER_ACTIONS, "clerk", "elsewhere", "supreme", "taken")
IDENTITIES = ("anonymous", "fan", "other_fan", *STAFF, "machine")
READERS = ("supreme", "view")
"""Whose pages are made to their last word: she who may do most and she who may do least. The others' pages are only
asked for, which tells who gets them."""
OUTCOMES = {401: "sign in", 403: "refused", 404: "nothing", 405: "no method", 429: "slow down"}
URLCONFS = {"": "monoql.urls", "fan-host:": "monoql.fan_urls"}


@dataclass(frozen=True)
class Line:
    """One line of the table: who may use these methods of a route."""

    who: str
    methods: tuple[str, ...]
    route: str


def read_table(text: str) -> list[Line]:
    """Read the table. Empty lines and lines that begin with ``#`` are for people."""
    lines = []
    for row in text.splitlines():
        if row.strip() and not row.startswith("#"):
            who, methods, *route = row.split(maxsplit=2)
            lines.append(Line(who, tuple(methods.split(",")), "".join(route).strip()))
    return lines


def routes() -> Iterator[str]:
    """Every route of the installation's own host and of a campaign's host."""
    for host, urlconf in URLCONFS.items():
        for route in _below(get_resolver(urlconf).url_patterns, ""):
            yield host + route


def _below(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _below(pattern.url_patterns, route)
        else:
            yield route


PLACEHOLDER = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>((?:[^()]|\([^()]*\))*)\)")


def address_of(route: str, values: Callable[[str, str], str]) -> str:
    """The address of a route, its placeholders filled by ``values(route, name)``."""
    bare = route.removeprefix("fan-host:").removesuffix("?campaign")
    filled = PLACEHOLDER.sub(lambda match: values(bare, match[1] or match[2]), bare)
    return "/" + re.sub(r"[\^$]", "", filled).replace("\\.", ".")


@dataclass
class Identity:
    """Somebody who asks: her client, and the headers that her programs send."""

    name: str
    client: Client
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, address: str, host: str) -> HttpResponseBase:
        """Send one request, and undo whatever it did."""
        headers = {**self.headers, "host": host}
        kept = deepcopy(self.client.cookies)
        unread = nullcontext() if self.name in READERS else patch.object(TemplateResponse, "rendered_content", "")
        with transaction.atomic(), unread:
            body: dict[str, Any] = {} if method == "GET" else {"data": {}}
            if "/api/" in address and method != "GET":
                body["content_type"] = "application/json"
            found: HttpResponseBase = getattr(self.client, method.lower())(address, headers=headers, **body)
            transaction.set_rollback(True)
        self.client.cookies = kept
        return found


def outcome_of(answer: HttpResponseBase) -> str:
    """What an answer means for whoever asked."""
    location = answer.headers.get("Location", "")
    if answer.status_code == 400 and b"There is no campaign with this domain" in getattr(answer, "content", b""):
        return "nothing"
    if answer.status_code in OUTCOMES:
        return OUTCOMES[answer.status_code]
    if location.startswith(("/staff/login", "/admin/login")):
        return "sign in"
    return "allowed" if answer.status_code < 500 else f"error {answer.status_code}"


def expected(who: str, identity: str, route: str) -> str:
    """What the table says of one cell."""
    is_api = route.startswith("api/")
    if who == "public" or (who == "fan" and identity in ("fan", "other_fan")):
        return "allowed"
    if who == "fan":
        return "sign in" if is_api else "allowed"
    if who == "nobody":
        return "closed"
    if who == "door":
        return "allowed or sign in"
    if identity in ("anonymous", "fan", "other_fan") or (identity == "machine" and not is_api):
        return "sign in"
    if who in ("staff", "own"):
        return "allowed" if who == "staff" else "allowed or nothing"
    return _of_right(who, identity, names_campaign=route.endswith("?campaign") and not is_api)


def _of_right(who: str, identity: str, *, names_campaign: bool) -> str:
    """``view`` and the other actions, in the walk's campaign; with a star, in any; ``holder``: whoever holds any."""
    action = who.removesuffix("*")
    if identity == "supreme":
        return "allowed"
    if action == "both":
        return "refused or nothing"
    if action == "holder":
        return "refused" if identity in ("clerk", "taken") else "allowed"
    if action in OTHER_ACTIONS:
        return "allowed" if identity == action else "refused or nothing"
    if action == "catalogue":  # Whoever works in any campaign, or on the catalogue itself.
        return "refused or nothing" if identity in ("manage_staff", "clerk", "taken") else "allowed"
    if identity in CAMPAIGN_ACTIONS or identity == "machine":
        is_held = action in ("view", identity) or (identity == "machine" and action != "grant_access")
        return "allowed" if is_held else "refused"
    if identity == "elsewhere":
        return "allowed" if who.endswith("*") else "nothing"
    return "nothing" if names_campaign and not who.endswith("*") else "refused or nothing"


def agrees(found: str, wanted: str) -> bool:
    """Whether an outcome is what the table says. What is closed may hide behind the sign-in, or have no method."""
    if wanted == "closed":
        return found != "allowed" and not found.startswith("error")
    return found in wanted.split(" or ") or (found == "slow down" and "sign in" in wanted)
