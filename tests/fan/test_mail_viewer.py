"""The mails of a development machine."""

import os
from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from pytest_django import Settings

from core.mail import FolderBackend


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> Path:
    """A folder of this test's own."""
    settings.MAIL_FOLDER = tmp_path / "mails"
    return tmp_path / "mails"


def write(number: int, to: str, html: str = "<html><head></head><body><b>Hello</b></body></html>") -> None:
    """Write a mail, each a second newer than the one before."""
    mail = EmailMultiAlternatives(
        subject=f"Mail {number}",
        body="Follow https://example.com/x/ please.",
        from_email="tickets@monoql.example",
        to=[to],
        headers={"Message-ID": f"<confirmation.{number}@localhost>"},
    )
    mail.attach_alternative(html, "text/html")
    FolderBackend().send_messages([mail])
    from core.mail import file_of

    os.utime(file_of(f"<confirmation.{number}@localhost>"), (1_800_000_000 + number,) * 2)


def test_the_newest_mails_come_first(client: Client) -> None:
    for number in (2, 1, 3):
        write(number, "Ada <ada@example.com>")

    page = client.get("/mail/").content.decode()

    assert page.index("Mail 3") < page.index("Mail 2") < page.index("Mail 1")


def test_mails_are_found_by_recipient(client: Client) -> None:
    write(1, "Ada <ada@example.com>")
    write(2, "ben@example.com")

    page = client.get("/mail/?to=ADA@").content.decode()

    assert "Mail 1" in page
    assert "Mail 2" not in page


def test_nothing_written_yet_is_said_in_words(client: Client) -> None:
    assert "No mail has been written yet." in client.get("/mail/").content.decode()


def test_a_mail_is_shown_in_a_frame_that_runs_nothing(client: Client) -> None:
    write(1, "ada@example.com", html='<html><head></head><body><script>alert("x")</script></body></html>')

    response = client.get("/mail/confirmation.1/")
    page = response.content.decode()

    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;" in page
    assert '<script>alert("x")' not in page
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert '<a href="https://example.com/x/" rel="noopener nofollow">' in page


@pytest.mark.parametrize("name", ["confirmation.9", "..%2f..%2fetc%2fpasswd", "....", "%00"])
def test_a_name_of_no_mail_is_not_found(client: Client, db: None, name: str) -> None:
    assert client.get(f"/mail/{name}/").status_code == 404


@pytest.mark.parametrize("path", ["/mail/", "/mail/confirmation.1/"])
def test_outside_development_there_are_no_such_pages(client: Client, db: None, settings: Settings, path: str) -> None:
    write(1, "ada@example.com")
    settings.DEVELOPMENT = False

    assert client.get(path).status_code == 404


def test_addresses_of_every_script_are_shown_and_found(client: Client) -> None:
    write(1, "用户@example.com")

    page = client.get("/mail/?to=用户").content.decode()

    assert "用户@example.com" in page
    assert client.get("/mail/confirmation.1/").status_code == 200
