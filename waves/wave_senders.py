"""The senders of one wave at work: as many connections as the installation has for it, one rate over all of them."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event, Lock

from django.conf import settings
from django.db import connection
from django.db.models import Min, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from core.jobs import Claim, Later, LostLease, Waiting
from entries.models import Message
from entries.sending import BATCH, Batch, Sender
from waves.models import Notification

PAUSE_SECONDS = 0.2
SOON = timedelta(seconds=5)
MOST_REFUSED_IN_A_ROW = 50
SHORTEST_REST, LONGEST_REST = timedelta(seconds=5), timedelta(seconds=30)
UNSENT = (Message.Status.QUEUED, Message.Status.SENDING)

_TURN = """
    WITH mine AS (
        SELECT job.id, wave.mails_a_minute AS rate, job.paced_until AS turn,
            CASE WHEN wave.mails_a_minute < %(batch)s * 60 THEN greatest(1, wave.mails_a_minute / 60)
                 ELSE %(batch)s END AS most
        FROM waves_notification AS job JOIN waves_wave AS wave ON wave.id = job.wave_id
        WHERE job.id = %(job)s AND job.fence = %(fence)s AND job.status = 'running'
    ), taken AS (
        UPDATE waves_notification AS job
        SET paced_until = greatest(job.paced_until, clock_timestamp()) + mine.most * interval '1 minute' / mine.rate
        FROM mine
        WHERE job.id = mine.id AND mine.rate IS NOT NULL
          AND (job.paced_until IS NULL OR job.paced_until <= clock_timestamp())
        RETURNING job.id
    )
    SELECT most, rate IS NULL OR EXISTS (SELECT FROM taken), extract(epoch FROM turn - clock_timestamp()) FROM mine
"""
"""Take a turn of the wave's rate, which two senders never take both: the second finds the row as the first left it."""


class WaveSenders:
    """Sends a wave's mails until none is left, or until something stands in the way."""

    def __init__(self, claim: Claim[Notification], *, total: int, done: int) -> None:
        self._claim = claim
        self._wave_id = claim.job.wave_id
        self._total, self._done = total, done
        self._lock = Lock()
        self._is_over = Event()
        self._helping = 0

    def send_all(self) -> None:
        """Send with this thread and as many others as there are connections for.

        :raises LostLease: the wave was paused or stopped, or another worker has its mails.
        :raises Later: the mail server is away, or what is left may only be tried again later.
        :raises Waiting: the mail server refuses every address, which somebody must look into first.
        """
        others = settings.MAIL_CONNECTIONS - 1
        if others < 1:
            self._send()
            return
        self._helping = others
        with ThreadPoolExecutor(others, thread_name_prefix="mails") as pool:
            helpers = [pool.submit(self._help) for _ in range(others)]
            try:
                self._send()
            finally:
                self._is_over.set()
        for helper in helpers:
            helper.result()

    def _help(self) -> None:
        """Send until there is nothing to claim; what stands in the way of one ends all."""
        try:
            with Sender(wave_id=self._wave_id, may_go_on=self._may_go_on) as sender:
                while self._may_go_on() and self._send_batch(sender):
                    pass
        except BaseException:
            self._is_over.set()
            raise
        finally:
            with self._lock:
                self._helping -= 1
            connection.close()

    def _send(self) -> None:
        with Sender(wave_id=self._wave_id, may_go_on=self._may_go_on) as sender:
            while not self._is_over.is_set():
                if self._send_batch(sender) == 0:
                    if self._helping:
                        time.sleep(PAUSE_SECONDS / 4)  # What is left is on its way, or will be due to somebody.
                        continue
                    unsent = unsent_of(self._wave_id)
                    if not unsent.exists():
                        break
                    self._note(self._total - unsent.count() - self._done)
                    _wait(unsent)

    def _send_batch(self, sender: Sender) -> int:
        most = self._wait_for_turn()
        if most == 0:
            return 0
        batch = sender.send_batch(now=timezone.now(), most=most)
        self._note(len(batch.sent) + len(batch.refused) + len(batch.pointless))
        self._heed(sender, batch)
        return batch.claimed

    def _note(self, more: int) -> None:
        with self._lock:
            self._done += more
            self._claim.progress(self._done)

    def _may_go_on(self) -> bool:
        try:
            self._claim.check()
        except LostLease:
            return False
        return not self._is_over.is_set()

    def _wait_for_turn(self) -> int:
        """Wait until mails may be sent, and give how many at once; none where it is over.

        Where a wave sends so many a minute, a batch is about a second's worth, and its row says when the next may
        begin: so the rate holds over all senders and over restarts, and a change of it counts at once. Before each
        batch it is asked whether the row is still ours, so that a pause ends the sending with the batch in flight.

        :raises LostLease: the row is not ours any more.
        """
        while not self._is_over.is_set():
            self._claim.check()
            with connection.cursor() as cursor:
                cursor.execute(_TURN, {"job": self._claim.job.pk, "fence": self._claim.fence, "batch": BATCH})
                row = cursor.fetchone()
            if row is None:
                raise LostLease(str(self._claim.job.pk))
            most, is_our_turn, seconds = row
            if is_our_turn:
                return int(most)
            time.sleep(min(max(float(seconds or 0), 0.01), PAUSE_SECONDS))
        return 0

    def _heed(self, sender: Sender, batch: Batch) -> None:
        """Note whether the mail server is there, and leave it alone while it is not; no mail loses an attempt by it."""
        now, job = timezone.now(), self._claim.job
        if batch.sent and job.away_since is not None:
            self._claim.write(away_since=None)
        if sender.refused_in_a_row >= MOST_REFUSED_IN_A_ROW:
            raise Waiting(
                f"The mail server refused {sender.refused_in_a_row} addresses in a row ({sender.last_refusal}), so"
                " nothing more is sent. Look into it with your mail provider, then resume, and send the failed ones"
                " again."
            )
        if batch.away:
            if job.away_since is None:
                self._claim.write(away_since=now)
            raise Later(now + rest_after(now - (job.away_since or now)))


def unsent_of(wave_id: int) -> "QuerySet[Message]":
    """The messages of a wave that are still to be sent, or on their way."""
    return Message.objects.filter(wave_id=wave_id, status__in=UNSENT)


def rest_after(away_for: timedelta) -> timedelta:
    """How long a server is left alone that has been away for so long: the longer, the longer."""
    return min(max(away_for / 4, SHORTEST_REST), LONGEST_REST)


def _wait(unsent: "QuerySet[Message]") -> None:
    """Pause while others send what is left, or come back when the next mail may be tried again.

    :raises Later: that is not soon.
    """
    due = unsent.aggregate(at=Min(Coalesce("claimed_until", "send_after")))["at"]
    if due is not None and due > timezone.now() + SOON:
        raise Later(due)
    time.sleep(PAUSE_SECONDS)
