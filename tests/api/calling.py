"""Calling the API as a client program would: JSON in, JSON out."""

import json
from dataclasses import dataclass
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from viewers.models import Staff


@dataclass(frozen=True)
class Answer:
    """What came back. ``body`` is the JSON value, or the text where it is none."""

    status: int
    body: Any
    headers: Any


class Api:
    """A client of the API, with headers that it sends along each time."""

    def __init__(self, client: Client | None = None, **headers: str) -> None:
        self.client = client or Client()
        self.headers = headers

    def get(self, path: str, **headers: str) -> Answer:
        """Read."""
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        """Send JSON; without a body, nothing."""
        return self.send("POST", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> Answer:
        """Change."""
        return self.send("PATCH", path, body, **headers)

    def put(self, path: str, body: Any, **headers: str) -> Answer:
        """Write anew."""
        return self.send("PUT", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Answer:
        """Take away."""
        return self.send("DELETE", path, **headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request with a JSON body."""
        return self.raw(method, path, b"" if body is None else json.dumps(body).encode(), **headers)

    def raw(self, method: str, path: str, data: bytes, kind: str = "application/json", **headers: str) -> Answer:
        """Send bytes as they are."""
        sent = {name.replace("_", "-"): text for name, text in {**self.headers, **headers}.items()}
        return read(self.client.generic(method, url(path), data, content_type=kind, headers=sent))

    def upload(self, path: str, data: bytes, *, name: str = "codes.csv", **fields: str) -> Answer:
        """Send a form with a file."""
        form = {**fields, "file": SimpleUploadedFile(name, data, "text/csv")}
        return read(self.client.post(url(path), form, headers=self.headers))


def signed_in(account: Staff) -> Api:
    """A client with the session of an account. CSRF has tests of its own."""
    client = Client()
    client.force_login(account)
    return Api(client)


def url(path: str) -> str:
    """The address of a path of version 1; one that begins with a slash is taken as it is."""
    return path if path.startswith("/") else f"/api/v1/{path}"


def read(response: Any) -> Answer:
    """What a response says."""
    text = response.content.decode()
    is_json = "json" in response.headers.get("Content-Type", "")
    return Answer(status=response.status_code, body=json.loads(text) if is_json else text, headers=response.headers)


def is_error(answer: Answer, status: int, code: str) -> bool:
    """Whether an answer is this error in the one shape that errors have."""
    return (
        answer.status == status
        and isinstance(answer.body, dict)
        and set(answer.body) == {"code", "message", "errors"}
        and answer.body["code"] == code
        and isinstance(answer.body["message"], str)
        and bool(answer.body["message"])
        and has_messages(answer.body["errors"])
    )


def has_messages(errors: object) -> bool:
    """Whether errors are lists of texts by field."""
    return isinstance(errors, dict) and all(
        isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts) for texts in errors.values()
    )
