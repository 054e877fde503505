"""Who carries the codes: each sender against a server on the loopback, and what stops one that fails or hangs."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import BoundedSemaphore, Thread
from urllib.parse import parse_qs

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from entries import phone_senders
from entries.phone_senders import NotSent, deliver
from monoql.phone_settings import phone_sender, prefix_caps

NUMBER, TEXT = "+12135550123", "123456 ist dein Code für: Aurora"


@dataclass
class Company:
    """A server that notes what it is sent, and answers as it is told."""

    url: str = ""
    status: int = 200
    pause: float = 0.0
    drip: bool = False
    location: str = ""
    seen: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def company() -> Iterator[Company]:
    """One that takes messages."""
    told = Company()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.seen.append((self.path, dict(self.headers), body))
            time.sleep(told.pause)
            if told.drip:  # A byte now and then: no single read takes long.
                with suppress(OSError):
                    for letter in b"HTTP/1.0 200 OK\r\n" * 20:
                        self.wfile.write(bytes([letter]))
                        time.sleep(0.05)
                return
            self.send_response(told.status)
            if told.location:
                self.send_header("Location", told.location)
            with suppress(OSError):  # Whoever asked may have gone.
                self.end_headers()
                self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  The base class calls it so.
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        told.url = f"http://127.0.0.1:{server.server_address[1]}"
        Thread(target=server.serve_forever, daemon=True).start()
        yield told
        server.shutdown()


def use(settings: Settings, **environment: str) -> None:
    """Choose a sender as a production host does."""
    settings.PHONE_SENDER = phone_sender(environment, is_development=False, folder=Path())


def test_the_generic_one_posts_json(company: Company, settings: Settings) -> None:
    use(settings, PHONE_SENDER="http", PHONE_HTTP_URL=f"{company.url}/sms", PHONE_HTTP_TOKEN="t", PHONE_FROM="Aurora")

    deliver(number=NUMBER, text=TEXT)

    path, headers, body = company.seen[0]
    assert path == "/sms"
    assert headers["Authorization"] == "Bearer t"
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"to": NUMBER, "text": TEXT, "from": "Aurora"}


@pytest.mark.parametrize(("by", "name"), [("+15005550006", "From"), ("MG123", "MessagingServiceSid")])
def test_twilio_is_sent_its_form(by: str, name: str, company: Company, settings: Settings) -> None:
    use(
        settings,
        PHONE_SENDER="twilio",
        TWILIO_ACCOUNT_SID="AC1",
        TWILIO_AUTH_TOKEN="secret",
        PHONE_FROM=by,
        TWILIO_URL=company.url,
    )
    company.status = 201

    deliver(number=NUMBER, text=TEXT)

    path, headers, body = company.seen[0]
    assert path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert headers["Authorization"] == f"Basic {base64.b64encode(b'AC1:secret').decode()}"
    assert parse_qs(body.decode()) == {"To": [NUMBER], "Body": [TEXT], name: [by]}


@pytest.mark.parametrize("status", [302, 400, 401, 429, 500, 503])
def test_what_is_not_taken_is_not_sent(
    status: int, company: Company, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    use(settings, PHONE_SENDER="http", PHONE_HTTP_URL=company.url)
    company.status, company.location = status, f"{company.url}/elsewhere" if status == 302 else ""

    with pytest.raises(NotSent):
        deliver(number=NUMBER, text=TEXT)

    assert len(company.seen) == 1
    assert NUMBER not in caplog.text
    assert "123456" not in caplog.text


@pytest.mark.parametrize("way", ["pause", "drip"])
def test_one_that_hangs_is_waited_for_no_longer_than_it_may_take(
    way: str, company: Company, settings: Settings
) -> None:
    use(settings, PHONE_SENDER="http", PHONE_HTTP_URL=company.url)
    settings.PHONE_SECONDS = 0.3
    company.pause, company.drip = (1.5, False) if way == "pause" else (0.0, True)

    begun = time.monotonic()
    with pytest.raises(NotSent):
        deliver(number=NUMBER, text=TEXT)

    assert time.monotonic() - begun < 1.2


def test_one_that_is_away_is_not_sent(settings: Settings) -> None:
    use(settings, PHONE_SENDER="http", PHONE_HTTP_URL="http://127.0.0.1:9/")

    with pytest.raises(NotSent):
        deliver(number=NUMBER, text=TEXT)


class Hanging:
    """A sender that takes for ever."""

    begun = 0

    def send(self, *, number: str, text: str) -> None:
        """Hang."""
        Hanging.begun += 1
        time.sleep(1)


def test_one_that_hangs_keeps_no_more_threads_than_it_may(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone_senders, "_places", BoundedSemaphore(2))
    monkeypatch.setattr(Hanging, "begun", 0)
    settings.PHONE_SENDER = {"BACKEND": "tests.entries.test_phone_senders.Hanging"}
    settings.PHONE_SECONDS = 0.05

    for _message in range(6):
        with pytest.raises(NotSent):
            deliver(number=NUMBER, text=TEXT)

    assert Hanging.begun == 2


def test_a_development_machine_writes_files_or_on_its_console(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.PHONE_SENDER = phone_sender({}, is_development=True, folder=tmp_path)
    deliver(number=NUMBER, text=TEXT)
    settings.PHONE_SENDER = phone_sender({"PHONE_SENDER": "console"}, is_development=True, folder=tmp_path)
    deliver(number=NUMBER, text=TEXT)

    [written] = [json.loads(path.read_text()) for path in tmp_path.glob("*.json")]
    assert (written["to"], written["text"]) == (NUMBER, TEXT)
    assert capsys.readouterr().err == f"SMS to {NUMBER}: {TEXT}\n"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PHONE_SENDER": "pigeon"}, "one of"),
        ({"PHONE_SENDER": "file"}, "development"),
        ({"PHONE_SENDER": "http"}, "PHONE_HTTP_URL"),
        ({"PHONE_SENDER": "twilio", "TWILIO_ACCOUNT_SID": "AC1"}, "TWILIO_AUTH_TOKEN, PHONE_FROM"),
    ],
)
def test_wrong_settings_stop_the_start(environment: dict[str, str], words: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=words):
        phone_sender(environment, is_development=False, folder=Path())


def test_without_settings_a_production_host_has_no_sender() -> None:
    assert phone_sender({}, is_development=False, folder=Path()) == {}


def test_caps_of_countries_are_read() -> None:
    assert prefix_caps(" 1=50000, 44=8000 ") == {1: 50000, 44: 8000}
    with pytest.raises(ImproperlyConfigured):
        prefix_caps("1:5")
