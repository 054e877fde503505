"""Which other sites' pages may use a campaign's part of the API in a browser."""

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

MOST_ORIGINS = 50
MOST_LETTERS = 255
LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
ORIGIN = re.compile(rf"(https?)://({LABEL}(?:\.{LABEL})*|\[[0-9a-f:.]+\])(?::([1-9][0-9]{{0,4}}))?/?", re.ASCII)
ORIGINS_FORM = r"^(https?://[a-z0-9.:\[\]-]+(\n|$))*$"
"""For the database: lines that look like origins."""
DEFAULT_PORTS = {"https": "443", "http": "80"}
MOST_PORTS = 65_535
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def normal_origin(text: str) -> str:
    """An origin as browsers write it: scheme and host in lower case, and the port unless it is the scheme's own.

    :raises ValidationError: it is none, or not encrypted on its way to somebody else's machine.
    """
    found = ORIGIN.fullmatch(text.lower()) if len(text) <= MOST_LETTERS else None
    scheme, host, port = found.groups() if found is not None else ("", "", None)
    if found is None or int(port or 0) > MOST_PORTS:
        raise ValidationError(
            f"“{text[:80]}” is no origin: write https://, a host in ASCII and a port if need be, as in https://x.example."
        )
    if scheme == "http" and host not in LOOPBACK and not host.endswith(".localhost"):
        raise ValidationError(f"“{text[:80]}” is not encrypted: only localhost may do without https.")
    return f"{scheme}://{host}" + ("" if port in (None, DEFAULT_PORTS[scheme]) else f":{port}")


def normal_origins(text: str) -> str:
    """Origins, one a line, each once and in the given order.

    :raises ValidationError: one of them is none, or they are too many.
    """
    words = text.split()
    if len(words) > MOST_ORIGINS:
        raise ValidationError(f"A campaign has at most {MOST_ORIGINS} origins.")
    return "\n".join(dict.fromkeys(map(normal_origin, words)))


class OriginsField(models.TextField[str, str]):
    """Origins, one a line, brought to their normal form when the model is checked."""

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        """Bring them to their normal form."""
        return super().clean(normal_origins(self.to_python(value) or ""), model_instance)
