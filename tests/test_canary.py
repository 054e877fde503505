"""A fan with odd words for name, address, phone and answer, and an odd code, go through the whole main job.

None of the words is in a log line, a task's message, an audit event or a job's texts, and neither is a link's token.
"""

import io
import json
import logging
import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from celery.signals import before_task_publish
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.models import Campaign
from codes.models import Assignment, Code
from codes.upload import pool_for
from core import jobs
from core.error_texts import describe
from core.models import AuditEvent
from entries import sending
from entries.models import Entry, Message
from exports.models import Export
from monoql.settings import LOGGING
from tests import scenario
from tests.admin.conftest import signed_in
from viewers.models import Staff
from waves import selection
from waves.models import Wave

pytestmark = pytest.mark.django_db(transaction=True)
OURS = ("core", "viewers", "campaigns", "entries", "codes", "waves", "exports", "monoql")
NAME, LOCAL, PHONE, ANSWER, CODE = "Quillfeather", "canary.quill", "2135550142", "Perchrow", "CANARYCODE77"
CANARIES = (NAME, LOCAL, PHONE, ANSWER, CODE)
FAN = {
    "email": f"{LOCAL}@example.com",
    "name": f"Ada {NAME}",
    "phone": f"+1{PHONE}",
    "choices": ["CA-LAX", "AZ-PHX"],
    "locale": "en_US",
}
CODES = f'{CODE}\n{CODE}\n{CODE} not a code\n"{CODE}\n{CODE}{"X" * 80}\n\n'


class Heard:
    """All that was written where fans' data must not be."""

    def __init__(self) -> None:
        self.lines = io.StringIO()
        self.tasks: list[str] = []

    def texts(self) -> dict[str, str]:
        """Each place with all its text."""
        rows = {kind.model._meta.label: list(kind.model.objects.values("error", "phase")) for kind in jobs.kinds()}
        return {
            "log": self.lines.getvalue(),
            "task messages": "\n".join(self.tasks),
            "audit events": json.dumps(list(AuditEvent.objects.order_by("pk").values()), default=str),
            "jobs": json.dumps(rows, default=str),
            "mails' errors": json.dumps(list(Message.objects.values_list("error", flat=True))),
        }


@pytest.fixture
def heard() -> Iterator[Heard]:
    """Hears every logger as it would be written: ours from DEBUG, the others from INFO; and every task's message."""
    heard = Heard()
    handler = logging.StreamHandler(heard.lines)
    formatter = dict(LOGGING["formatters"]["line"])  # type: ignore[index]  # Settings are untyped.
    handler.setFormatter(formatter.pop("()")(**formatter))
    levels = {"": logging.INFO, **dict.fromkeys(OURS, logging.DEBUG), "django.request": logging.INFO}
    before = {name: logging.getLogger(name).level for name in levels}

    def note(body: Any = None, headers: Any = None, **rest: Any) -> None:
        heard.tasks.append(repr((body, headers)))

    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.getLogger().addHandler(handler)
    before_task_publish.connect(note)
    yield heard
    before_task_publish.disconnect(note)
    logging.getLogger().removeHandler(handler)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


class RefusingServer(socketserver.StreamRequestHandler):
    """A mail server that knows nobody, and says so with name and address."""

    def handle(self) -> None:
        """Answer until the client leaves."""
        self.wfile.write(b"220 mail\r\n")
        for line in self.rfile:
            word = line[:4].upper()
            refusal = b"550 5.1.1 " + line[8:].strip() + b": " + NAME.encode() + b" is unknown here\r\n"
            self.wfile.write(refusal if word == b"RCPT" else b"221 bye\r\n" if word == b"QUIT" else b"250 mail\r\n")


@contextmanager
def refusing_server(settings: Settings) -> Iterator[None]:
    """Mails go to a server that refuses their addresses."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), RefusingServer) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        before = settings.MAILERS
        options = {"host": "127.0.0.1", "port": server.server_address[1]}
        settings.MAILERS = {"default": {"BACKEND": "core.mail.SmtpBackend", "OPTIONS": options}}
        yield
        settings.MAILERS = before
        server.shutdown()


@pytest.fixture
def mailbox(settings: Settings, tmp_path: Path) -> Path:
    """Mails are written to files, as on a development machine."""
    settings.MAIL_FOLDER = tmp_path
    settings.MAILERS = {"default": {"BACKEND": "core.mail.FolderBackend"}}
    return tmp_path


def tokens_in(mailbox: Path) -> list[str]:
    """The tokens of all mailed links, the newest mail last."""
    letters = sorted(mailbox.glob("*/*.eml"), key=lambda path: path.stat().st_mtime_ns)
    bodies = [message_from_bytes(path.read_bytes(), policy=default).get_body(("plain",)) for path in letters]
    return [found for body in bodies if body for found in re.findall(r"/confirm/([^/\s]+)/", body.get_content())]


def register(campaign: Campaign, settings: Settings, mailbox: Path) -> list[str]:
    """By the page and by the API, with refusals, a mail server that refuses, and links that are wrong."""
    fan = Client()
    page, api = f"/c/{campaign.domain}/", f"/api/v1/campaigns/{campaign.domain}/entries/"
    fan.post(page, {**FAN, "answer_seat": ANSWER, "choices": "nowhere"})
    fan.post(page, {**FAN, "email": f"{LOCAL}@nowhere"})
    fan.post(api, {**FAN, "choices": ["nowhere"], "answers": {ANSWER: ANSWER}}, content_type="application/json")
    fan.post(api, f'{{"email": "{FAN["email"]}", "name": ', content_type="application/json")
    for answer in (
        fan.post(page, {**FAN, "seat": ANSWER, "answer_seat": ANSWER}),
        fan.post(api, {**FAN, "answers": {"seat": ANSWER}}, content_type="application/json"),
    ):
        assert answer.status_code in (202, 303), answer.content
    with refusing_server(settings):
        assert sending.send_due(timezone.now()) > 0
    assert Message.objects.exclude(error="").exists()
    Message.objects.update(status=Message.Status.QUEUED)
    sending.send_due(timezone.now())
    tokens = tokens_in(mailbox)
    for token in tokens:
        fan.post(f"{page}confirm/{token}/")
    fan.get(f"{page}confirm/{tokens[0]}x/")
    fan.get(f"/c/nowhere/confirm/{tokens[0]}/")
    fan.post(f"{page}confirm/{tokens[0]}/", headers={"Sec-Fetch-Site": "cross-site"})
    fan.post(f"/api/v1/campaigns/{campaign.domain}/entries/confirm/", {"token": tokens[0]}, "application/json")
    fan.get(f"{page}entry/")
    assert Entry.objects.get().answers == {"seat": ANSWER}
    return tokens


def upload(desk: Client, campaign: Campaign) -> None:
    """A file with a code, and lines that are refused."""
    market = campaign.markets.get(code="CA-LAX")
    pool = pool_for(market=market, event=None, actor=scenario.SUPREME, now=timezone.now())
    job = scenario.upload_file(pool_upload=(campaign, pool.pk), data=CODES.encode())
    assert (job.added, job.refused) == (1, 5)
    place = reverse("admin:codes_pool_upload_page") + f"?campaign={campaign.pk}"
    desk.post(place, {"place": "nowhere", "file": SimpleUploadedFile(f"{CODE[:6]}.csv", CODES.encode())})


def draw(campaign: Campaign) -> Wave:
    """Close, prepare, trigger, send the mails."""
    closed = lifecycle.close_campaign(campaign=campaign, actor=scenario.SUPREME, now=timezone.now())
    wave = scenario.prepare_wave(scenario.make_wave(closed))
    selection.trigger(wave=wave, actor=scenario.SUPREME, now=timezone.now())
    scenario.run_jobs()
    return wave


def look_around(desk: Client, campaign: Campaign, wave: Wave) -> None:
    """What staff do with it all: lists, searches, pages, exports."""
    entry = Entry.objects.get()
    for dataset in ("entries", "selection"):
        desk.post(
            reverse("admin:exports_export_schedule_page") + f"?campaign={campaign.pk}",
            {
                "dataset": dataset,
                "wave": wave.pk if dataset == "selection" else "",
            },
        )
    scenario.run_jobs()
    for export in Export.objects.all():
        assert export.status == Export.Status.FINISHED
        assert desk.get(reverse("admin:exports_export_download_page", args=[export.pk])).status_code == 302
    for name in ("entries_entry", "codes_code", "core_auditevent", "codes_upload"):
        for query in (FAN["email"], CODE, NAME):
            found = desk.get(reverse(f"admin:{name}_changelist"), {"campaign": str(campaign.pk), "q": str(query)})
            assert found.status_code in (200, 302), found.status_code
    for name, pk in (("entries_entry", entry.pk), ("waves_wave", wave.pk)):
        assert desk.get(reverse(f"admin:{name}_change", args=[pk])).status_code == 200
    revealed = desk.post(reverse("admin:entries_entry_reveal_page", args=[entry.pk]), {"reason": "help"})
    assert LOCAL in revealed.content.decode()
    desk.get(f"/admin/nowhere/{CODE[:4]}/")
    for path in (f"entries/{entry.ref}/", f"entries/?search={FAN['email']}", "waves/", "exports/"):
        desk.get(f"/api/v1/campaigns/{campaign.domain}/{path}")


def ask_about_codes(desk: Client, campaign: Campaign) -> None:
    """What staff and the ticketing platform do with one code: find it, see it, check it, report it, take it back."""
    scope = f"?campaign={campaign.pk}"
    code = Code.objects.get(value=CODE)
    found = desk.post(reverse("admin:codes_code_find_page") + scope, {"value": CODE})
    assert found.headers["Location"] == reverse("admin:codes_code_change", args=[code.pk])
    revealed = desk.post(reverse("admin:codes_code_reveal_page", args=[code.pk]), {"reason": "help"})
    assert CODE in revealed.content.decode()
    body = {"campaign": campaign.domain, "code": CODE, "account": FAN["email"], "reason": "x"}
    checked = desk.post("/api/v1/codes/check/", body, content_type="application/json")
    assert checked.json() == {"is_valid": True}
    for path in ("check", "revoke", "replace", "nowhere"):
        desk.post(f"/api/v1/codes/{path}/", body, content_type="application/json")
    report = {"campaign": campaign.domain, "codes": [{"code": CODE}, {"code": CODE.lower()}]}
    assert desk.post("/api/v1/codes/redemptions/", report, content_type="application/json").status_code == 200
    desk.post("/api/v1/codes/redemptions/", {**report, "codes": [CODE]}, content_type="application/json")
    desk.post(reverse("admin:codes_assignment_replace_page", args=[code.pk]), {"reason": "faulty"})
    taken = {"reason": "sold", "typed_name": campaign.name}
    desk.post(reverse("admin:codes_assignment_take_back_page", args=[code.pk]), taken)
    assert Assignment.objects.get().voided == "taken_back"
    sending.send_due(timezone.now())


def test_a_fans_data_her_code_and_her_links_are_in_no_log_task_audit_event_or_job(
    heard: Heard, tour: Campaign, supreme: Staff, settings: Settings, mailbox: Path
) -> None:
    desk = signed_in(supreme)

    tokens = register(tour, settings, mailbox)
    upload(desk, tour)
    wave = draw(tour)
    look_around(desk, tour, wave)
    ask_about_codes(desk, tour)

    texts = heard.texts()
    letters = b"".join(path.read_bytes() for path in mailbox.glob("*/*.eml")).decode()
    assert CODE in letters
    assert "mail_written" in texts["log"]
    assert "core.run_job" in texts["task messages"] or "waves.selection" in texts["task messages"]
    deeds = {"wave.complete", "entry.reveal", "export.download", "code.reveal", "code.take_back", "codes.redeem"}
    assert deeds <= set(re.findall(r"[a-z]+\.[a-z_]+", texts["audit events"]))
    assert tokens
    leaks = [(word, place) for place, text in texts.items() for word in (*CANARIES, *tokens) if word in text]
    assert leaks == []


def test_an_unexpected_error_is_told_without_the_values_that_it_quotes() -> None:
    words = [describe(ValueError(f"no {NAME}"))]
    for statement in (f"SELECT '{CODE}'::integer", f"SELECT DATE '{NAME}'"):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
        except DatabaseError as error:
            words.append(describe(error))

    assert words[0] == "ValueError"
    assert len(words) == 3
    assert not [word for word in CANARIES if word in str(words)]


def test_what_is_done_by_the_clock_and_by_workers_leaves_one_event_each(
    heard: Heard, tour: Campaign, mailbox: Path
) -> None:
    scenario.register_fan(tour, "Ada", ["CA-LAX"])
    scenario.upload_codes(tour, "CA-LAX", 3)
    Campaign.objects.filter(pk=tour.pk).update(close_at=timezone.now() - timedelta(seconds=1))

    lifecycle.follow_the_clock(timezone.now())
    wave = scenario.prepare_wave(scenario.make_wave(Campaign.objects.get(pk=tour.pk)))
    selection.trigger(wave=wave, actor=scenario.SUPREME, now=timezone.now())
    scenario.run_jobs()

    events = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert events == [
        "campaign.open",
        "pool.add",
        "codes.upload",
        "codes.add",
        "upload.finish",
        "campaign.closed",
        "wave.schedule",
        "wave.prepare",
        "wave.hold",
        "wave.freeze",
        "wave.place",
        "waveprep.finish",
        "wave.trigger",
        "wave.complete",
        "selection.finish",
        "notification.finish",
    ]
    finished = AuditEvent.objects.get(action="notification.finish")
    assert finished.changes == {"status": ["running", "finished"], "sent": [None, 1], "failed": [None, 0]}
    assert finished.campaign_id == tour.pk
    assert AuditEvent.objects.get(action="codes.add").changes["added"] == [None, 3]
