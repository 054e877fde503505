"""Mails as bytes: whatever a name, a subject or a text holds, it arrives as it was, and no header comes in by it."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.mail_writing import Mail

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def made(*, subject: str = "Hello", text: str = "Hello", html: str = "<p>Hello</p>", name: str = "Ada") -> Mail:
    """A mail to Ada."""
    return Mail(
        subject=subject,
        text=text,
        html=html,
        name=name,
        address="ada@example.com",
        key="selected.1",
        headers={"Message-ID": "<selected.1@example.com>", "X-Entity-Ref-ID": "selected.1"},
    )


def read(mail: Mail) -> EmailMessage:
    """The mail as a mail program reads it."""
    return message_from_bytes(mail.written(), policy=default)


def lines_of(text: str) -> list[str]:
    """A text by its lines, whatever their ends, without the empty ones at its end."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")


@given(TEXTS, TEXTS)
@example("a\r\nBcc: eve@example.com", "a\r\n.\r\nQUIT")
@example("=?utf-8?q?x?=", ".")
@example("ä" * 300, "=_monoql\r\n--=_monoql--")
def test_subject_and_text_arrive_as_they_were(subject: str, text: str) -> None:
    mail = made(subject=subject, text=text, html=text)

    letter = read(mail)

    assert set(letter.keys()) == {
        *("Subject", "From", "To", "Date", "Message-ID", "X-Entity-Ref-ID", "MIME-Version", "Content-Type")
    }
    assert str(letter["Subject"]).split() == mail.subject.split()
    plain, html = letter.iter_parts()
    assert lines_of(plain.get_content()) == lines_of(text)
    assert lines_of(html.get_content()) == lines_of(text)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200))
@example('Ada "the <b>" \\ Lovelace')
@example("Ada, eve@example.com")
@example("=?utf-8?q?x?=")
@example("王" * 150)
def test_whatever_a_name_holds_one_address_gets_the_mail(name: str) -> None:
    mail = made(name=name)

    letter = read(mail)

    [address] = letter["To"].addresses
    assert address.addr_spec == "ada@example.com"
    # The library leaves blanks between encoded words, which RFC 2047 takes out.
    assert "".join(address.display_name.split()) == "".join(name.split())


def test_lines_are_short_enough_for_every_server() -> None:
    mail = made(subject="wort " * 60, text="x" * 5000, html="ü" * 5000, name="N" * 200)

    lines = mail.written().split(b"\r\n")

    assert max(map(len, lines)) < 250
    assert max(len(line) for line in lines if not line.startswith(b"To: ")) <= 78
    assert b"\n" not in mail.written().replace(b"\r\n", b"")


@pytest.mark.parametrize("address", ["jürgen@example.com", "ada@müller.de", '"a b"@example.com'])
def test_addresses_of_other_kinds_are_left_to_the_library(address: str) -> None:
    mail = Mail(subject="Hi", text="Hi", html="<p>Hi</p>", name="Ada", address=address, key="k", headers={})

    assert b"Subject: Hi" in mail.written()


def test_a_mail_is_written_once() -> None:
    mail = made()

    assert mail.written() is mail.written()
