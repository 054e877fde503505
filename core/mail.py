"""Mail backends: files for a development machine, and SMTP that reaches addresses of every script."""

import os
from collections.abc import Sequence
from email import message, policy
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path

import structlog
from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import EmailMessage

log = structlog.get_logger(__name__)
BUCKETS = 256


def file_of(message_id: str) -> Path:
    """Where the mail with this Message-ID lies, ``local@host`` without its angle brackets."""
    local = parseaddr(message_id)[1].partition("@")[0] or "unnamed"
    safe = "".join(letter for letter in local if letter.isalnum() or letter in "-.") or "unnamed"
    return settings.MAIL_FOLDER / f"{sum(safe.encode()) % BUCKETS:02x}" / f"{safe}.eml"


def recipient(name: str, email: str) -> str:
    """A name and an address for a To header, whatever their scripts."""
    local, _, domain = email.rpartition("@")
    return str(Address(display_name=name, username=local, domain=domain))


def policy_of(email: EmailMessage) -> "policy.EmailPolicy[message.EmailMessage]":
    """SMTPUTF8 (RFC 6531) where a local part is not ASCII: there is no other way to write it; else plain SMTP."""
    is_ascii = all(address.rpartition("@")[0].rpartition("<")[2].isascii() for address in email.recipients())
    return policy.SMTP if is_ascii else policy.SMTPUTF8


class SmtpBackend(EmailBackend):
    """Django's SMTP backend, with SMTPUTF8 for the mails that need it."""

    def _send(self, email_message: EmailMessage) -> bool:
        if policy_of(email_message) is policy.SMTP or self.connection is None:
            return bool(super()._send(email_message))  # type: ignore[misc]  # The stubs leave it out.
        self.connection.sendmail(
            self.prep_address(email_message.from_email),
            [self.prep_address(address, force_ascii=False) for address in email_message.recipients()],
            email_message.message(policy=policy.SMTPUTF8).as_bytes(),
            mail_options=["SMTPUTF8", "BODY=8BITMIME"],
        )
        return True


class FolderBackend(BaseEmailBackend):
    """Writes each mail to ``MAIL_FOLDER`` under its Message-ID, so that sending one again leaves one file."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write the mails and return how many."""
        for email in email_messages:
            written = email.message(policy=policy_of(email))
            path = file_of(str(written["Message-ID"]))
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_bytes(written.as_bytes())
            partial.replace(path)
            log.info("mail_written", file=path.name)
        return len(email_messages)
