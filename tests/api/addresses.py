"""Every address of the API, read from its URLs, so that no sweep forgets a new one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import URLPattern, URLResolver

from monoql.api_urls import version_1

SAMPLES = {
    "domain": "aurora",
    "code": "CA-LAX",
    "key": "seat",
    "locale": "en_US",
    "date_key": "2027-02-01T10:00",
    "pk": "1",
    "ref": "0" * 32,
}
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Address:
    """One path of version 1 with sample values in it, and the view that answers there."""

    path: str
    view: Any

    @property
    def methods(self) -> list[str]:
        """What the view answers, in capitals."""
        allowed = getattr(self.view, "http_method_names", METHODS)
        return [method.upper() for method in METHODS if hasattr(self.view, method) and method in allowed]


def addresses() -> list[Address]:
    """All of them."""
    return list(_walk(version_1, ""))


def _walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[Address]:
    for pattern in patterns:
        path = before + _sample(pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path)
        else:
            yield Address(path=path, view=pattern.callback.view_class)  # type: ignore[attr-defined]  # As Django says.


def _sample(pattern: URLPattern | URLResolver) -> str:
    """A part of a path, with sample values for what varies."""
    text = str(pattern.pattern).removeprefix("^").removesuffix("$")
    for name, converter in getattr(pattern.pattern, "converters", {}).items():
        value = str(UUID(int=1)) if "UUID" in type(converter).__name__ else SAMPLES[name]
        text = text.replace(f"<{_kind(text, name)}:{name}>", value)
    while "(?P<" in text:
        start = text.index("(?P<")
        end = text.index(")/", start)
        text = text[:start] + SAMPLES[text[start + 4 : text.index(">", start)]] + text[end + 1 :]
    return text


def _kind(text: str, name: str) -> str:
    return text[text.index("<") + 1 : text.index(f":{name}>")].rpartition("<")[2]
