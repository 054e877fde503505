"""What must never stand in a log: mailed links' and machines' tokens, JSON Web Tokens, what somebody searched for."""

import re
from typing import Any

MAILED_LINK = re.compile(r"(/(?:confirm|draws/audit)/)[^/\s'\"]+")
"""A fan's proof of her address, and an auditor's link."""
MACHINE_TOKEN = re.compile(r"(mql_)[A-Za-z0-9_-]{8,}", re.ASCII)
JSON_WEB_TOKEN = re.compile(r"(eyJ)[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?", re.ASCII)
"""Every header begins with ``{"``, which reads ``eyJ`` in base64."""

QUERY = re.compile(r"(\b(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /[^\s?'\"]*\?)[^\s'\"]+")
"""What staff search for is a fan's address or a code."""


def without_tokens(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """A structlog processor that cuts tokens out of every text of an event, at any depth."""
    return {name: cut(value) for name, value in event.items()}


def cut(value: Any) -> Any:
    """A value without the tokens in it; what is no plain value is read as the log would show it."""
    if isinstance(value, str):
        for token in (MAILED_LINK, MACHINE_TOKEN, JSON_WEB_TOKEN, QUERY):
            value = token.sub(r"\1…", value)
        return value
    if isinstance(value, dict):
        return {cut(name): cut(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [cut(part) for part in value]
    return value if value is None or isinstance(value, bool | int | float) else cut(repr(value))
