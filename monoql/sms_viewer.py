"""The text messages of a development machine, read in the browser. Anywhere else this page does not exist."""

import heapq
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from monoql.development import only_in_development

MOST_MESSAGES = 100


@dataclass(frozen=True)
class TextMessage:
    """One message."""

    to: str
    text: str
    written_at: datetime


@require_safe
@only_in_development
def sms_list(request: HttpRequest) -> HttpResponse:
    """The newest messages, or the newest to one number."""
    to = request.GET.get("to", "").strip()[:40]
    found = [message for path in _newest() if to in (message := _read(path)).to]
    return render(request, "mail_viewer/sms.html", {"messages": found[:MOST_MESSAGES], "to": to})


def _newest() -> list[Path]:
    """The files, the newest first: their names begin with their time."""
    folder = settings.PHONE_SENDER.get("OPTIONS", {}).get("folder", "")
    files = Path(folder).glob("*.json") if folder else []
    return heapq.nlargest(10 * MOST_MESSAGES, files, key=lambda path: path.name)


def _read(path: Path) -> TextMessage:
    kept = json.loads(path.read_text())
    return TextMessage(to=kept["to"], text=kept["text"], written_at=datetime.fromisoformat(kept["at"]))
