"""What is sent again with the same ``Idempotency-Key`` is done once, and answered in the same way each time.

A row stands for one key of one asker at one address. Whoever inserts it does the work and leaves the answer in it; all
others wait for that answer. The row holds nothing in clear: its id and the fingerprint of what was sent are keyed
hashes, since a body is a fan's name and address, and the answer is sealed, since it may hold a token.

A process that dies between its work and its answer leaves a claim behind, which ends by its lease: the next one with
this key does the work again. What must not happen twice even then is held by the rules of the database.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.db import DatabaseError, connection
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from core.models import KeptAnswer
from core.refusal import Refusal
from core.sealing import seal, unseal_once
from core.tick import every_tick

log = structlog.get_logger(__name__)
HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
MOST_CHARACTERS = 200
KEPT_FOR = timedelta(hours=24)
LEASE = timedelta(seconds=60)
"""Longer than any request may take."""
WAIT_SECONDS = 5.0
"""How long one with the same key waits for the first one's answer."""
PAUSES = (0.01, 0.2)
"""Seconds between two looks, at first and at most."""
MOST_OTHER_BODIES = 5
"""A key that was tried with so many other bodies gives its answer to nobody: who sends it is guessing."""
FORGET_AT_ONCE = 5_000
NOT_KEPT = frozenset({401, 403, 408, 429})
"""Answers about who asks and how often, not about what was asked. Those from 500 on are not kept either."""

CLAIM = """
    INSERT INTO core_keptanswer AS kept
        (id, claim, fingerprint, lease_until, answer, other_bodies, created_at, expires_at)
    VALUES (%(id)s, %(claim)s, %(fingerprint)s, %(lease_until)s, NULL, 0, %(now)s, %(expires_at)s)
    ON CONFLICT (id) DO UPDATE SET
        claim = EXCLUDED.claim, fingerprint = EXCLUDED.fingerprint, lease_until = EXCLUDED.lease_until,
        answer = NULL, other_bodies = 0, created_at = EXCLUDED.created_at, expires_at = EXCLUDED.expires_at
    WHERE kept.expires_at <= EXCLUDED.created_at
        OR (kept.lease_until <= EXCLUDED.created_at AND kept.fingerprint = EXCLUDED.fingerprint)
    RETURNING claim
"""
LOOK = "SELECT fingerprint, answer, lease_until, expires_at FROM core_keptanswer WHERE id = %s"
COUNT_OTHER_BODY = """
    UPDATE core_keptanswer SET
        other_bodies = least(other_bodies + 1, %(most)s),
        answer = CASE WHEN other_bodies + 1 >= %(most)s AND answer IS NOT NULL THEN ''::bytea ELSE answer END
    WHERE id = %(id)s
"""
KEEP = """
    UPDATE core_keptanswer SET
        lease_until = NULL, answer = CASE WHEN other_bodies >= %(most)s THEN ''::bytea ELSE %(answer)s END
    WHERE id = %(id)s AND claim = %(claim)s
"""
FORGET = """
    DELETE FROM core_keptanswer WHERE id IN (
        SELECT id FROM core_keptanswer WHERE expires_at <= %s ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED
    )
"""


class BadKey(Refusal):
    """The key is not one that can be kept."""

    code = "bad_idempotency_key"
    status = 400


class KeyUsed(Refusal):
    """The key stands for another request already."""

    code = "idempotency_key_used"
    status = 409


class InProgress(Refusal):
    """The first request with this key is not done yet."""

    code = "in_progress"
    status = 409
    retry_after = 2


@dataclass(frozen=True)
class Claim:
    """The right to do the work of a key, until its lease ends."""

    row: UUID
    claim: UUID


@dataclass(frozen=True)
class Answer:
    """An answer as it is kept: status, headers and cookies, and the exact bytes of the body."""

    status: int
    headers: Mapping[str, str]
    cookies: tuple[str, ...]
    body: bytes

    def response(self) -> HttpResponse:
        """The answer once more, marked as a repetition."""
        response = HttpResponse(self.body, status=self.status, headers={**self.headers, REPLAYED: "true"})
        for cookie in self.cookies:
            response.cookies.update(SimpleCookie(cookie))
        return response

    def as_bytes(self) -> bytes:
        """What is sealed: the head as one line of JSON, and the body."""
        head = {"status": self.status, "headers": dict(self.headers), "cookies": list(self.cookies)}
        return json.dumps(head).encode() + b"\n" + self.body

    @classmethod
    def from_bytes(cls, data: bytes) -> "Answer":
        """The answer that was sealed."""
        head, _newline, body = data.partition(b"\n")
        parts = json.loads(head)
        return cls(parts["status"], parts["headers"], tuple(parts["cookies"]), body)

    @classmethod
    def of(cls, response: HttpResponse) -> "Answer":
        """What a finished response says."""
        cookies = tuple(morsel.OutputString() for morsel in response.cookies.values())
        return cls(response.status_code, dict(response.headers), cookies, response.content)


def checked_key(text: str) -> str:
    """The key, if it is one.

    :raises BadKey: it is empty, too long, or holds something else than visible ASCII characters.
    """
    if not 0 < len(text) <= MOST_CHARACTERS or not all("!" <= letter <= "~" for letter in text):
        raise BadKey(
            _("Send 1 to %(most)s visible ASCII characters as Idempotency-Key, as in a random UUID.")
            % {"most": MOST_CHARACTERS}
        )
    return text


def claim_or_answer(*, asker: str, method: str, path: str, query: str, key: str, body: bytes) -> Claim | Answer:
    """The right to do what is asked, or the answer of the one who did it; waits for that while it is being done.

    :raises KeyUsed: the key came with something else before.
    :raises InProgress: the answer takes longer than ``WAIT_SECONDS``.
    """
    row = UUID(bytes=_hash("key", asker, method, path, key)[:16])
    fingerprint = _hash("body", query, body)
    ends = time.monotonic() + WAIT_SECONDS
    pause, most = PAUSES
    while (claim := _claim(row, fingerprint)) is None:
        while not (found := _look(row, fingerprint)).is_free:
            if found.answer is not None:
                return found.answer
            if time.monotonic() >= ends:
                raise InProgress(_("Your first request with this key is still being done. Ask again in some seconds."))
            time.sleep(pause)
            pause = min(pause * 1.5, most)
    return claim


def keep(claim: Claim, response: HttpResponseBase) -> None:
    """Leave the answer for those who ask again, or give the claim back where it is none to keep.

    What was done is done: where the database does not take the answer, only the repetition is lost.
    """
    try:
        if response.status_code >= 500 or response.status_code in NOT_KEPT or not isinstance(response, HttpResponse):
            release(claim)
            return
        values = {"id": claim.row, "claim": claim.claim, "most": MOST_OTHER_BODIES}
        _run(KEEP, {**values, "answer": seal(Answer.of(response).as_bytes())})
    except DatabaseError as error:
        log.warning("answer_not_kept", error=type(error).__name__)


def release(claim: Claim) -> None:
    """Give a claim back: the next one with this key does the work."""
    KeptAnswer.objects.filter(pk=claim.row, claim=claim.claim, answer__isnull=True).delete()


@every_tick
def forget_expired(now: datetime) -> int:
    """Forget what was kept for a day, so many rows at a tick, and return how many they were."""
    return _run(FORGET, [now, FORGET_AT_ONCE])


def _claim(row: UUID, fingerprint: bytes) -> Claim | None:
    now, claim = timezone.now(), uuid4()
    values = {"id": row, "claim": claim, "fingerprint": fingerprint, "now": now}
    is_ours = _run(CLAIM, {**values, "lease_until": now + LEASE, "expires_at": now + KEPT_FOR})
    return Claim(row=row, claim=claim) if is_ours else None


@dataclass(frozen=True)
class _Found:
    answer: Answer | None = None
    is_free: bool = False
    """Whether the row may be claimed."""


def _look(row: UUID, fingerprint: bytes) -> _Found:
    """What stands in the row of a key.

    :raises KeyUsed: the row stands for another request, or its key was guessed at.
    """
    with connection.cursor() as cursor:
        cursor.execute(LOOK, [row])
        found = cursor.fetchone()
    if found is None:
        return _Found(is_free=True)
    kept_fingerprint, answer, lease_until, expires_at = found
    now = timezone.now()
    if expires_at <= now:
        return _Found(is_free=True)
    if bytes(kept_fingerprint) != fingerprint:
        _run(COUNT_OTHER_BODY, {"id": row, "most": MOST_OTHER_BODIES})
        raise KeyUsed(_("This Idempotency-Key came with another request before. Send a new key with a new request."))
    if answer is None:
        return _Found(is_free=lease_until <= now)
    if not answer:
        raise KeyUsed(_("This Idempotency-Key came with too many other requests. Send a new key."))
    return _Found(answer=Answer.from_bytes(unseal_once(answer)))


def _run(statement: str, values: Mapping[str, Any] | list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)


def _hash(kind: str, *parts: str | bytes) -> bytes:
    """A keyed hash of parts; their lengths keep them apart."""
    whole = b"".join(
        len(data).to_bytes(8) + data for part in parts for data in (part.encode() if isinstance(part, str) else part,)
    )
    return salted_hmac(f"core.idempotency.{kind}", whole, algorithm="sha256").digest()
