"""Hiding personal data and codes from a passing glance: enough stays to tell two rows apart, not to use them."""

HIDDEN = "•••"


def masked_email(address: str) -> str:
    """An address as ``a•••@e•••.com``."""
    local, at, domain = address.rpartition("@")
    name, dot, ending = domain.rpartition(".")
    if not at or not name:
        return masked_text(address)
    return f"{local[:1]}{HIDDEN}@{name[:1]}{HIDDEN}{dot}{ending}"


def masked_text(text: str) -> str:
    """A name as its first letter; an empty text stays empty."""
    return f"{text[:1]}{HIDDEN}" if text else ""


def masked_end(text: str) -> str:
    """A code or a phone number as its last two characters; of a very short one nothing is shown."""
    if not text:
        return ""
    return f"{HIDDEN}{text[-2:]}" if len(text) > 4 else HIDDEN
