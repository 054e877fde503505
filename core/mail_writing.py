"""A mail as the bytes that go to a server: quick, since a wave writes millions of them.

The library's own writer folds and encodes letter by letter, which takes as long as everything else together. This one
writes what our mails have, a text and the same as HTML, both quoted-printable, which every server passes on unchanged.
An address that is not plain ASCII is left to the library.
"""

import binascii
import re
from email import message, policy
from email.headerregistry import Address
from email.utils import formatdate, parseaddr
from functools import lru_cache

from django.core.mail.message import EmailMessage, EmailMultiAlternatives

BOUNDARY = "=_monoql"
"""Parts the parts. Quoted-printable writes ``=`` only before digits and line ends, so no part holds it."""
LINE = 76
WORD_BYTES = 45
"""Bytes of UTF-8 that an encoded word of 75 letters holds (RFC 2047)."""
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_HEADERS = ("subject", "from", "to", "cc", "bcc", "reply-to", "date", "mime-version", "content-type")


class Mail(EmailMultiAlternatives):
    """A mail to one fan: a text, and the same as HTML.

    ``metadata`` is what senders of other makes hand to a provider's interface, whose copy of a mail it tells.
    """

    def __init__(
        self,
        *,
        subject: str,
        text: str,
        html: str,
        name: str,
        address: str,
        key: str,
        headers: dict[str, str],
        encoded: tuple[bytes, bytes] | None = None,
    ) -> None:
        to = recipient(name, address) if name else address
        super().__init__(subject=one_line(subject), body=text, to=[to], headers=headers)
        self.attach_alternative(html, "text/html")
        self.name, self.address, self.html = name, address, html
        self.metadata = {"idempotency_key": key}
        self._encoded = encoded
        self._written: bytes | None = None

    def written(self) -> bytes:
        """Its bytes, for a server; every time the same.

        :raises ValueError: a header or an address cannot be written.
        """
        if self._written is None:
            self._written = self._write()
        return self._written

    def _write(self) -> bytes:
        if not is_plain(self.address):
            return bytes(self.message(policy=policy_of(self)).as_bytes())
        text, html = self._encoded or (quoted(str(self.body)), quoted(self.html))
        lines = [
            header("Subject", str(self.subject)),
            _sender(str(self.from_email)),
            _to(self.name, self.address),
            b"Date: " + formatdate().encode(),
            *(header(name, value) for name, value in self.extra_headers.items()),
            b"MIME-Version: 1.0",
            b'Content-Type: multipart/alternative; boundary="' + BOUNDARY.encode() + b'"',
            b"",
            *_part(b"plain", text),
            *_part(b"html", html),
            b"--" + BOUNDARY.encode() + b"--",
            b"",
        ]
        return b"\r\n".join(lines)


def is_plain(address: str) -> bool:
    """Whether an address stands in a header and in SMTP as it is."""
    return _PLAIN_ADDRESS.fullmatch(address) is not None


def recipient(name: str, email: str) -> str:
    """A name and an address for a To header, whatever their scripts."""
    local, _, domain = email.rpartition("@")
    return str(Address(display_name=one_line(name), username=local, domain=domain))


def policy_of(email: EmailMessage) -> "policy.EmailPolicy[message.EmailMessage]":
    """SMTPUTF8 (RFC 6531) where a local part is not ASCII: there is no other way to write it; else plain SMTP."""
    is_ascii = all(address.rpartition("@")[0].rpartition("<")[2].isascii() for address in email.recipients())
    return policy.SMTP if is_ascii else policy.SMTPUTF8


def bytes_of(email: EmailMessage) -> bytes:
    """The bytes of any mail.

    :raises ValueError: a header or an address cannot be written.
    """
    return email.written() if isinstance(email, Mail) else bytes(email.message(policy=policy_of(email)).as_bytes())


def one_line(text: str) -> str:
    """A text without line breaks and other controls, so that no header ends within it."""
    if text.isprintable() and "  " not in text and text.strip() == text:
        return text
    return " ".join(_CONTROLS.sub(" ", text).split())


def header(name: str, value: str) -> bytes:
    """A header's line, folded between words where it is long, and as encoded words where it is not ASCII."""
    value = one_line(value)
    if not value.isascii() or "=?" in value:
        return name.encode() + b": " + _encoded(value)
    if len(name) + 2 + len(value) <= LINE:
        return f"{name}: {value}".encode()
    lines, line = [], f"{name}:"
    for word in value.split(" "):
        if len(line) + 1 + len(word) > LINE and not line.endswith(":"):
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line]).encode()


def _encoded(value: str) -> bytes:
    """A value as encoded words (RFC 2047), none of which parts a letter."""
    words, word = [], b""
    for letter in value:
        raw = letter.encode()
        if len(word) + len(raw) > WORD_BYTES:
            words.append(word)
            word = b""
        word += raw
    return b"\r\n ".join(b"=?utf-8?b?" + binascii.b2a_base64(word, newline=False) + b"?=" for word in [*words, word])


def _to(name: str, address: str) -> bytes:
    return _mailbox(b"To: ", one_line(name), address)


@lru_cache(maxsize=16)
def _sender(sender: str) -> bytes:
    name, address = parseaddr(one_line(sender))
    if not is_plain(address) and address.rpartition("@")[2]:
        raise ValueError("The sender's address is not plain ASCII; see DEFAULT_FROM_EMAIL.")
    return _mailbox(b"From: ", name, address)


def _mailbox(start: bytes, name: str, address: str) -> bytes:
    if not name:
        return start + address.encode()
    if not name.isascii() or "=?" in name:
        return start + _encoded(name) + b"\r\n <" + address.encode() + b">"
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    is_long = len(start) + len(quoted) + len(address) + 5 > LINE
    return start + b'"' + quoted.encode() + (b'"\r\n <' if is_long else b'" <') + address.encode() + b">"


def quoted(text: str) -> bytes:
    """A text as quoted-printable, line by line: what stands in one line changes no other."""
    # It breaks long lines in the way in which it finds the first one ended.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n") + "\r\n"
    return binascii.b2a_qp(lines.encode(), istext=True)[:-2]


def _part(kind: bytes, encoded: bytes) -> list[bytes]:
    return [
        b"--" + BOUNDARY.encode(),
        b"Content-Type: text/" + kind + b"; charset=utf-8",
        b"Content-Transfer-Encoding: quoted-printable",
        b"",
        encoded,
    ]
