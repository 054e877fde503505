"""What a fan's own page shows of her phone while it must be confirmed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.conf import settings
from django.utils.http import urlencode

from entries.models import Entry
from entries.phone import newest_code

IN_FILES = "entries.phone_senders.FileSender"


@dataclass(frozen=True)
class Panel:
    """The number, and the field for its code once one was sent."""

    number: str
    is_sent: bool
    """Whether a code is on its way that still works."""
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By ``number`` and ``code``; ``general`` for what belongs to neither."""
    messages_link: str = ""
    """Where a development machine shows the message; nobody gets such a link elsewhere."""

    def with_errors(self, errors: Mapping[str, Sequence[str]], *, number: str = "") -> "Panel":
        """The same with what must be mended, and the number as it was typed."""
        return replace(self, errors=errors, number=number or self.number)


def panel_of(entry: Entry, *, now: datetime) -> Panel:
    """The panel of an entry whose phone is not confirmed."""
    code = newest_code(entry)
    is_in_files = settings.DEVELOPMENT and settings.PHONE_SENDER.get("BACKEND") == IN_FILES
    return Panel(
        number=entry.phone,
        is_sent=code is not None and code.expires_at > now,
        messages_link=f"{settings.PUBLIC_URL}/sms/?{urlencode({'to': entry.phone})}" if is_in_files else "",
    )
