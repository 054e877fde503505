"""Mail backends: files for a development machine, and SMTP that reaches addresses of every script."""

import os
import smtplib
from collections.abc import Sequence
from email.utils import parseaddr
from functools import lru_cache
from pathlib import Path

import structlog
from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import EmailMessage

from core.mail_writing import Mail, bytes_of, is_plain, policy_of

log = structlog.get_logger(__name__)
BUCKETS = 256
CONNECT_SECONDS = 5.0
"""How long a mail server may take to take a connection; each later answer has the backend's own time."""
PERMANENT = 500
CLOSING = 421


class NotTaken(Exception):
    """The server did not take a mail. ``reply`` is its three digits; its words can quote the address: they are lost."""

    def __init__(self, reply: int) -> None:
        super().__init__(str(reply))
        self.reply = reply


class AddressRefused(NotTaken):
    """It refuses this mail or its address for good."""


class TryLater(NotTaken):
    """It does not take this mail now."""


class ServerAway(Exception):
    """No mail can be handed over: nobody answers, or the server refuses us. ``kind`` says which, without any text.

    ``is_of_mail`` tells that the conversation broke off over this very mail, which may be what breaks it;
    ``may_have_taken`` that all of it was sent by then, so that only the answer is missing.
    """

    def __init__(self, kind: str, *, is_of_mail: bool = False, may_have_taken: bool = False) -> None:
        super().__init__(kind)
        self.kind = kind
        self.is_of_mail = is_of_mail
        self.may_have_taken = may_have_taken


def file_of(message_id: str) -> Path:
    """Where the mail with this Message-ID lies, ``local@host`` without its angle brackets."""
    local = parseaddr(message_id)[1].partition("@")[0] or "unnamed"
    safe = "".join(letter for letter in local if letter.isalnum() or letter in "-.") or "unnamed"
    return settings.MAIL_FOLDER / f"{sum(safe.encode()) % BUCKETS:02x}" / f"{safe}.eml"


class SmtpBackend(EmailBackend):
    """Django's SMTP backend, with SMTPUTF8 for the mails that need it, and with errors that say what to do.

    Its connection stays open until ``close``. Where the server can, a mail's commands go out together (RFC 2920), so
    that each mail waits for the server twice and not four times.
    """

    connection: smtplib.SMTP | None
    _partial_connection: smtplib.SMTP | None

    def open(self) -> bool:
        """Connect, if there is no connection.

        :raises ServerAway: nobody takes it, or the server does not let us in.
        """
        if self.connection is not None:
            return False
        lasting, self.timeout = self.timeout, min(self.timeout or CONNECT_SECONDS, CONNECT_SECONDS)
        try:
            super().open()
            self._prepare(lasting)
        except OSError as error:  # smtplib's errors are such too.
            self._drop()
            raise ServerAway(_kind(error)) from None
        finally:
            self.timeout = lasting
        return True

    def _prepare(self, seconds: float | None) -> None:
        """Give the answers on a new connection their own time, and ask what the server can."""
        connection = self.connection
        if connection is not None and connection.sock is not None:
            connection.sock.settimeout(seconds)
            connection.ehlo_or_helo_if_needed()

    def close(self) -> None:
        """End the connection; one that is broken is only dropped."""
        try:
            super().close()
        except OSError:
            self._drop()

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Hand over mails, one after the other, and return how many.

        :raises AddressRefused, TryLater: the server does not take one of them; the next can be tried.
        :raises ServerAway: it takes none.
        """
        with self._lock:
            for email in email_messages:
                self._hand_over(email)
        return len(email_messages)

    def _hand_over(self, email: EmailMessage) -> None:
        data = bytes_of(email)
        is_new = self.open()
        try:
            self._converse(email, data)
        except _Stale as stale:
            # A server ends a connection after some time or so many mails, and says so before it has heard anything.
            self._drop()
            if is_new:
                raise ServerAway(stale.kind, is_of_mail=True) from None
            self.open()
            try:
                self._converse(email, data)
            except _Stale as again:
                self._drop()
                raise ServerAway(again.kind, is_of_mail=True) from None
        except ServerAway:
            self._drop()
            raise

    def _converse(self, email: EmailMessage, data: bytes) -> None:
        smtp = self.connection
        if smtp is None:
            raise ServerAway("NotConnected")
        sender, receiver, options = self._envelope(email)
        commands = [f"MAIL FROM:<{sender}>{options}", f"RCPT TO:<{receiver}>", "DATA"]
        encoding = "utf-8" if options else "ascii"
        lines = [f"{command}\r\n".encode(encoding) for command in commands]
        stuffed = (b"." if data.startswith(b".") else b"") + data.replace(b"\r\n.", b"\r\n..")
        stuffed += b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n"
        is_heard = False
        try:
            replies = self._pipelined(smtp, lines) if smtp.has_extn("pipelining") else self._in_turn(smtp, lines)
            is_heard = True
            self._check(smtp, replies)
        except (OSError, smtplib.SMTPException) as error:
            if is_heard:
                raise ServerAway(_kind(error), is_of_mail=True) from None
            raise _Stale(_kind(error)) from None
        try:
            smtp.send(stuffed)
            reply = smtp.getreply()[0]
        except (OSError, smtplib.SMTPException) as error:
            raise ServerAway(_kind(error), is_of_mail=True, may_have_taken=True) from None
        if reply == CLOSING:
            raise ServerAway("Closing")
        if reply // 100 != 2:
            raise (AddressRefused if reply >= PERMANENT else TryLater)(reply)

    def _pipelined(self, smtp: smtplib.SMTP, lines: list[bytes]) -> list[int]:
        smtp.send(b"".join(lines))
        return [smtp.getreply()[0] for _ in lines]

    def _in_turn(self, smtp: smtplib.SMTP, lines: list[bytes]) -> list[int]:
        replies = []
        for line in lines:
            smtp.send(line)
            replies.append(smtp.getreply()[0])
            if replies[-1] >= 400:
                break
        return replies

    def _check(self, smtp: smtplib.SMTP, replies: list[int]) -> None:
        """Make sense of the answers to MAIL, RCPT and DATA; what is not taken is taken back."""
        mail, rcpt, data = [*replies, 0, 0][:3]
        if CLOSING in replies:
            raise ServerAway("Closing")
        if mail // 100 == 2 and rcpt // 100 == 2 and data == 354:
            return
        if data == 354:  # It waits for a mail to nobody: an empty one ends that.
            smtp.send(b".\r\n")
            smtp.getreply()
        smtp.rset()
        if mail // 100 != 2:
            raise ServerAway(f"SenderRefused {mail}")
        reply = rcpt if rcpt // 100 != 2 else data
        raise (AddressRefused if reply >= PERMANENT else TryLater)(reply)

    def _envelope(self, email: EmailMessage) -> tuple[str, str, str]:
        """Sender and receiver as SMTP writes them, and the options of a mail that needs UTF-8."""
        sender = _bare_sender(str(email.from_email))
        if isinstance(email, Mail) and is_plain(email.address):
            return sender, email.address, ""
        [address] = email.recipients()
        if policy_of(email).utf8:
            return sender, self.prep_address(address, force_ascii=False), " SMTPUTF8 BODY=8BITMIME"
        return sender, self.prep_address(address), ""

    def _drop(self) -> None:
        for connection in (self.connection, self._partial_connection):
            if connection is not None:
                connection.close()
        self.connection = self._partial_connection = None


class _Stale(Exception):
    """The connection was over before the server had heard of the mail."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def _kind(error: Exception) -> str:
    reply = getattr(error, "smtp_code", "")
    return f"{type(error).__name__} {reply}".strip()


@lru_cache(maxsize=16)
def _bare_sender(sender: str) -> str:
    return parseaddr(sender)[1]


class FolderBackend(BaseEmailBackend):
    """Writes each mail to ``MAIL_FOLDER`` under its Message-ID, so that sending one again leaves one file."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write the mails and return how many."""
        for email in email_messages:
            path = file_of(str(email.extra_headers["Message-ID"]))
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_bytes(bytes_of(email))
            partial.replace(path)
            log.info("mail_written", file=path.name)
        return len(email_messages)
