"""What the settings of the phone confirmation are read from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

SENDERS: Mapping[str, tuple[str, Mapping[str, str], tuple[str, ...]]] = {
    "console": ("ConsoleSender", {}, ()),
    "file": ("FileSender", {"folder": "PHONE_FOLDER"}, ()),
    "http": ("HttpSender", {"url": "PHONE_HTTP_URL", "token": "PHONE_HTTP_TOKEN", "sender": "PHONE_FROM"}, ("url",)),
    "twilio": (
        "TwilioSender",
        {"account": "TWILIO_ACCOUNT_SID", "token": "TWILIO_AUTH_TOKEN", "sender": "PHONE_FROM", "url": "TWILIO_URL"},
        ("account", "token", "sender"),
    ),
}
"""Each sender: its class, the variables of its options, and those options that it cannot do without."""
FOR_DEVELOPMENT = ("console", "file")


def phone_sender(environment: Mapping[str, str], *, is_development: bool, folder: Path) -> dict[str, Any]:
    """Read ``PHONE_SENDER`` and its variables; an empty answer is no sender.

    :raises ImproperlyConfigured: with what to set.
    """
    name = environment.get("PHONE_SENDER", "") or ("file" if is_development else "")
    if not name:
        return {}
    if name not in SENDERS:
        raise ImproperlyConfigured(f"PHONE_SENDER is one of {', '.join(SENDERS)}.")
    if name in FOR_DEVELOPMENT and not is_development:
        raise ImproperlyConfigured(f"PHONE_SENDER={name} is for development machines: set http or twilio.")
    backend, variables, needed = SENDERS[name]
    options = {option: value for option, variable in variables.items() if (value := environment.get(variable, ""))}
    if name == "file":
        options.setdefault("folder", str(folder))
    missing = [variables[option] for option in needed if option not in options]
    if missing:
        raise ImproperlyConfigured(f"PHONE_SENDER={name} needs {', '.join(missing)}.")
    return {"BACKEND": f"entries.phone_senders.{backend}", "OPTIONS": options}


def prefix_caps(text: str) -> dict[int, int]:
    """Read how many codes an hour go to a country's numbers, as in ``1=50000,44=8000``.

    :raises ImproperlyConfigured: it has another form.
    """
    try:
        pairs = [part.split("=") for part in text.split(",") if part.strip()]
        return {int(prefix): int(most) for prefix, most in pairs}
    except ValueError as error:
        raise ImproperlyConfigured("PHONE_PREFIX_CAPS is a list like 1=50000,44=8000.") from error
