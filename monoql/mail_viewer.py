"""The mails of a development machine, read in the browser. Anywhere else these pages do not exist."""

import heapq
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser, BytesParser
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.mail import file_of
from monoql.development import only_in_development

MOST_LETTERS = 100
LETTER_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data: https:; script-src 'self'; "
    "form-action 'self'; base-uri 'self'; frame-ancestors 'none'"
)
"""A mail carries its styles within itself, and a frame made from ``srcdoc`` obeys the policy of its page."""


@dataclass(frozen=True)
class Letter:
    """One mail as the list shows it. ``name`` is its file's name without the ending."""

    name: str
    subject: str
    to: str
    sender: str
    written_at: datetime


@require_safe
@only_in_development
def mail_list(request: HttpRequest) -> HttpResponse:
    """The newest mails, or the newest to one recipient."""
    to = request.GET.get("to", "").strip()[:320]
    letters = _newest_to(to) if to else [_letter(path) for path in _newest(MOST_LETTERS)]
    context = {"letters": letters, "to": to, "is_full": len(letters) == MOST_LETTERS}
    return render(request, "mail_viewer/list.html", context)


@require_safe
@only_in_development
def mail_letter(request: HttpRequest, name: str) -> HttpResponse:
    """One mail: its HTML part in a frame that may run nothing, its text, and the whole file."""
    # The name is made safe by the same function that named the file.
    path = file_of(f"<{name}@mail>")
    if not path.is_file():
        raise Http404
    source = path.read_bytes()
    message = BytesParser(policy=policy.default).parsebytes(source)
    html = _part(message, "html")
    context = {
        "letter": _letter(path),
        "text": _part(message, "plain"),
        # Links of the mail open beside this page, as they would in a mail program.
        "html": html.replace("<head>", '<head><base target="_blank">', 1),
        "source": source.decode(errors="replace"),
    }
    response = render(request, "mail_viewer/letter.html", context)
    response.headers["Content-Security-Policy"] = LETTER_POLICY
    return response


def _files() -> Iterator[os.DirEntry[str]]:
    folder: Path = settings.MAIL_FOLDER
    if not folder.is_dir():
        return
    for bucket in os.scandir(folder):
        if bucket.is_dir():
            yield from (file for file in os.scandir(bucket.path) if file.name.endswith(".eml"))


def _newest(count: int | None) -> list[Path]:
    """The files by their time, the newest first; all of them where no count is given."""
    times = ((file.stat().st_mtime, file.path) for file in _files())
    found = heapq.nlargest(count, times) if count is not None else sorted(times, reverse=True)
    return [Path(path) for _, path in found]


def _newest_to(address: str) -> list[Letter]:
    """The newest mails whose recipient holds these letters."""
    found: list[Letter] = []
    for path in _newest(None):
        letter = _letter(path)
        if address.casefold() in letter.to.casefold():
            found.append(letter)
        if len(found) == MOST_LETTERS:
            break
    return found


def _letter(path: Path) -> Letter:
    with path.open("rb") as file:
        headers = BytesHeaderParser(policy=policy.default).parse(file)
    return Letter(
        name=path.stem,
        subject=str(headers["Subject"] or ""),
        to=str(headers["To"] or ""),
        sender=str(headers["From"] or ""),
        written_at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
    )


def _part(message: EmailMessage, kind: str) -> str:
    """The text of a mail's plain or HTML part."""
    body = message.get_body(preferencelist=(kind,))
    return str(body.get_content()) if body is not None else ""
