"""A wave's mails paused, resumed, stopped, slowed down, and sent again."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from django.db import connection
from django.utils import timezone

from codes.models import Assignment
from core import jobs
from core.models import AuditEvent
from core.refusal import NotAllowed, Refusal
from entries.models import Entry
from tests.mail_server import Server
from tests.scenario import SUPREME
from tests.waves.mailed_wave import CHOSEN, server, states, wave, work
from viewers.viewer import Viewer
from waves import sending, wave_senders
from waves.models import Wave
from waves.sending import CannotChangeMails, CannotPause, CannotResume, CannotRetry, CannotStop

__all__ = ["server", "wave"]
pytestmark = pytest.mark.django_db(transaction=True)


# Pause, resume, stop


def pausing_server(server: Server, wave: Wave, operation: object, *, after: int) -> list[object]:
    """Have an operation done by somebody else while the server has the so-and-so-many-eth mail."""
    results: list[object] = []

    def act(_address: str, _tries: int) -> None:
        if len(server.taken) == after and not results:
            try:
                results.append(operation(wave=wave, actor=SUPREME, now=timezone.now()))  # type: ignore[operator]
            finally:
                connection.close()
        return None  # noqa: RET501  The server's usual answer.

    server.on_end_of_data = act
    return results


def test_a_pause_ends_the_sending_and_a_resume_goes_on(
    wave: Wave, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wave_senders, "BATCH", 3)
    pausing_server(server, wave, sending.pause, after=4)

    job = work(wave)
    assert job.status == "waiting"
    assert states(wave) == {"sent": 6, "queued": 6}
    assert jobs.run("waves.notification", str(job.pk)) is False
    sending.resume(wave=wave, actor=SUPREME, now=timezone.now())
    job = work(wave)

    assert job.status == "finished"
    assert len(server.taken) == CHOSEN
    assert list(
        AuditEvent.objects.filter(action__endswith="_mails").order_by("pk").values_list("action", flat=True)
    ) == [
        "wave.pause_mails",
        "wave.resume_mails",
    ]


def test_of_two_people_who_press_pause_one_is_told_that_it_was_paused(wave: Wave) -> None:
    barrier = Barrier(2)

    def press(_: int) -> str:
        barrier.wait()
        try:
            sending.pause(wave=wave, actor=SUPREME, now=timezone.now())
        except CannotPause as refusal:
            return refusal.message
        finally:
            connection.close()
        return "paused"

    with ThreadPoolExecutor(2) as pool:
        answers = set(pool.map(press, range(2)))

    assert answers == {"paused", "The mails are paused already."}
    assert AuditEvent.objects.filter(action="wave.pause_mails").count() == 1


def test_a_stop_lets_the_mail_on_its_way_arrive_and_ends_the_others_for_good(
    wave: Wave, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wave_senders, "BATCH", 3)
    results = pausing_server(server, wave, sending.stop, after=4)

    job = work(wave)

    assert job.status == "cancelled"
    assert states(wave) == {"sent": 6, "stopped": 6}
    assert len(server.taken) == 6
    assert results == [sending.Stopped(sent=3, stopped=6, on_their_way=3)]
    assert jobs.run("waves.notification", str(job.pk)) is False
    for operation in (sending.pause, sending.resume, sending.stop, sending.retry_failed):
        with pytest.raises(Refusal):
            operation(wave=wave, actor=SUPREME, now=timezone.now())


def test_where_nothing_is_sent_there_is_nothing_to_pause_resume_stop_or_retry(wave: Wave, server: Server) -> None:
    work(wave)

    for operation, refusal in (
        (sending.pause, CannotPause),
        (sending.resume, CannotResume),
        (sending.stop, CannotStop),
        (sending.retry_failed, CannotRetry),
    ):
        with pytest.raises(refusal):
            operation(wave=wave, actor=SUPREME, now=timezone.now())


def test_who_may_not_run_waves_changes_nothing_about_their_mails(wave: Wave) -> None:
    stranger = Viewer(kind="fan", label="a fan")

    for operation in (
        sending.pause,
        sending.resume,
        sending.stop,
        sending.retry_failed,
        sending.change_mails,
    ):
        with pytest.raises(NotAllowed):
            operation(wave=wave, actor=stranger, now=timezone.now())


def test_failed_mails_are_sent_again_and_only_those(wave: Wave, server: Server) -> None:
    chosen = Entry.objects.filter(pk__in=Assignment.objects.values("entry_id"))
    bad = set(chosen.order_by("pk").values_list("email", flat=True)[:4])
    server.on_rcpt = lambda address, tries: b"550 no\r\n" if tries == 1 and address in bad else None
    work(wave)
    assert states(wave) == {"sent": CHOSEN - 4, "failed": 4}

    assert sending.retry_failed(wave=wave, actor=SUPREME, now=timezone.now()) == 4
    job = work(wave)

    assert job.status == "finished"
    assert states(wave) == {"sent": CHOSEN}
    assert len(server.taken) == CHOSEN


# The rate


def test_a_rate_holds_over_restarts_and_a_new_one_counts_at_once(wave: Wave, server: Server) -> None:
    sending.change_mails(wave=wave, actor=SUPREME, now=timezone.now(), mails_a_minute=60)
    pausing_server(server, wave, sending.pause, after=1)
    start = timezone.now()
    work(wave)
    sending.resume(wave=wave, actor=SUPREME, now=timezone.now())
    pausing_server(server, wave, sending.pause, after=2)
    work(wave)
    seconds = (timezone.now() - start).total_seconds()

    assert len(server.taken) == 3
    assert seconds >= 1.9  # The second and the third waited for their turns.
    sending.change_mails(wave=wave, actor=SUPREME, now=timezone.now(), is_unlimited=True)
    sending.resume(wave=wave, actor=SUPREME, now=timezone.now())
    start = timezone.now()
    assert work(wave).status == "finished"
    assert (timezone.now() - start).total_seconds() < (CHOSEN - 3) - 1


@pytest.mark.parametrize("rate", [0, -1, sending.MOST_A_MINUTE + 1])
def test_a_rate_that_is_none_is_refused(wave: Wave, rate: int) -> None:
    with pytest.raises(CannotChangeMails):
        sending.change_mails(wave=wave, actor=SUPREME, now=timezone.now(), mails_a_minute=rate)


def test_a_pause_is_not_waited_for_by_a_slow_wave(wave: Wave, server: Server) -> None:
    sending.change_mails(wave=wave, actor=SUPREME, now=timezone.now(), mails_a_minute=1)
    begun = Event()
    server.on_end_of_data = lambda *_: begun.set()

    def press() -> None:
        begun.wait(10)
        try:
            sending.pause(wave=wave, actor=SUPREME, now=timezone.now())
        finally:
            connection.close()

    start = timezone.now()
    with ThreadPoolExecutor(1) as pool:
        pressed = pool.submit(press)
        job = work(wave)
        pressed.result()

    assert job.status == "waiting"
    assert len(server.taken) == 1
    assert (timezone.now() - start).total_seconds() < 20
