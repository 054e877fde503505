"""Who carries a text message to a phone: the console and files on a development machine, a company's API elsewhere.

A sender is a small object with one method. It is called outside every transaction and within ``PHONE_SECONDS``;
whatever it raises, and whatever comes too late, counts as not sent. Neither number nor text is ever logged.
"""

import base64
import json
import secrets
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import Message
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Thread
from typing import IO, Protocol
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

import structlog
from django.conf import settings
from django.utils.module_loading import import_string

log = structlog.get_logger(__name__)
MOST_AT_ONCE = 32
"""Messages that one process sends at a time; a provider that hangs keeps no more threads than that."""
_places = BoundedSemaphore(MOST_AT_ONCE)


class NotSent(Exception):
    """The message did not go out, or nobody knows whether it did."""


class Sender(Protocol):
    """Whoever carries a message."""

    def send(self, *, number: str, text: str) -> None:
        """Send a text to a number in E.164. Whatever it raises means that it did not."""


class ConsoleSender:
    """Writes messages on the console of a development machine."""

    def send(self, *, number: str, text: str) -> None:
        """Write it."""
        sys.stderr.write(f"SMS to {number}: {text}\n")


class FileSender:
    """Writes each message into a file, where a development machine shows it (``/sms/``)."""

    def __init__(self, *, folder: str) -> None:
        self.folder = Path(folder)

    def send(self, *, number: str, text: str) -> None:
        """Write it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        at = datetime.now(UTC)
        path = self.folder / f"{at:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}.json"
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps({"to": number, "text": text, "at": at.isoformat()}))
        partial.replace(path)


class HttpSender:
    """Posts ``{"to", "text", "from"}`` as JSON to an address; every status of 2xx means that it is sent."""

    def __init__(self, *, url: str, token: str = "", sender: str = "") -> None:
        self.url, self.token, self.sender = url, token, sender

    def send(self, *, number: str, text: str) -> None:
        """Post it."""
        body = {"to": number, "text": text, **({"from": self.sender} if self.sender else {})}
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        _post(self.url, json.dumps(body).encode(), headers)


class TwilioSender:
    """Twilio's Messages API. ``sender`` is a number, a name, or a messaging service (``MG…``)."""

    def __init__(self, *, account: str, token: str, sender: str, url: str = "https://api.twilio.com") -> None:
        self.account, self.token, self.sender, self.url = account, token, sender, url.rstrip("/")

    def send(self, *, number: str, text: str) -> None:
        """Post it."""
        by = "MessagingServiceSid" if self.sender.startswith("MG") else "From"
        form = urlencode({"To": number, "Body": text, by: self.sender})
        key = base64.b64encode(f"{self.account}:{self.token}".encode()).decode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {key}"}
        address = f"{self.url}/2010-04-01/Accounts/{quote(self.account, safe='')}/Messages.json"
        _post(address, form.encode(), headers)


def has_sender() -> bool:
    """Whether settings name one."""
    return bool(settings.PHONE_SENDER)


def deliver(*, number: str, text: str) -> None:
    """Have the sender of the settings carry a message, within ``PHONE_SECONDS``.

    :raises NotSent: it did not, or not in time, or too many are under way, or there is no sender.
    """
    if not has_sender():
        log.error("phone_without_sender")
        raise NotSent
    deadline, places = time.monotonic() + settings.PHONE_SECONDS, _places
    if not places.acquire(timeout=settings.PHONE_SECONDS):
        log.warning("phone_message_not_sent", error="too many at once")
        raise NotSent
    box: SimpleQueue[Exception | None] = SimpleQueue()
    Thread(target=_work, args=(number, text, box, places), name="phone-sender", daemon=True).start()
    try:
        error = box.get(timeout=max(0.0, deadline - time.monotonic()))
    except Empty:
        error = TimeoutError()
    if error is not None:
        # Not the error's text: a provider may have written the number into it.
        log.warning("phone_message_not_sent", error=type(error).__name__, status=getattr(error, "code", None))
        raise NotSent from None


def _work(number: str, text: str, box: "SimpleQueue[Exception | None]", places: BoundedSemaphore) -> None:
    try:
        backend = import_string(settings.PHONE_SENDER["BACKEND"])
        sender: Sender = backend(**settings.PHONE_SENDER.get("OPTIONS", {}))
        sender.send(number=number, text=text)
        box.put(None)
    except Exception as error:
        box.put(error)
    finally:
        places.release()


class _NoRedirects(HTTPRedirectHandler):
    """A number is posted to the address of the settings alone."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        """Follow none: the answer then stands for an error."""
        return None


def _post(address: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Post a body; urllib raises ``HTTPError`` for every status but 2xx."""
    request = Request(address, data=body, headers={"User-Agent": "MonoQL", **headers}, method="POST")  # noqa: S310  Settings hold the address.
    response: HTTPResponse
    with build_opener(_NoRedirects).open(request, timeout=settings.PHONE_SECONDS) as response:
        if not 200 <= response.status < 300:
            raise HTTPException
        response.read1(1)
