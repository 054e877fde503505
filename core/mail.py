"""The mail backend of a development machine: one file a mail, and one line in the log."""

import os
from collections.abc import Sequence
from email.utils import parseaddr
from pathlib import Path

import structlog
from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage

log = structlog.get_logger(__name__)
BUCKETS = 256


def file_of(message_id: str) -> Path:
    """Where the mail with this Message-ID lies, ``local@host`` without its angle brackets."""
    local = parseaddr(message_id)[1].partition("@")[0] or "unnamed"
    safe = "".join(letter for letter in local if letter.isalnum() or letter in "-.") or "unnamed"
    return settings.MAIL_FOLDER / f"{sum(safe.encode()) % BUCKETS:02x}" / f"{safe}.eml"


class FolderBackend(BaseEmailBackend):
    """Writes each mail to ``MAIL_FOLDER`` under its Message-ID, so that sending one again leaves one file."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write the mails and return how many."""
        for email in email_messages:
            message = email.message()
            path = file_of(str(message["Message-ID"]))
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_bytes(message.as_bytes())
            partial.replace(path)
            log.info("mail_written", file=path.name)
        return len(email_messages)
