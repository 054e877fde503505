"""A wave's mails and a mail server that fails in every way; and on several connections."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from codes.models import Assignment
from core import jobs
from entries import sending as senders
from entries.messages import message_id
from entries.models import Entry, Message
from tests.mail_server import Server, mail_server, use_port
from tests.scenario import SUPREME
from tests.waves.mailed_wave import CHOSEN, make_due, server, states, wave, work
from waves import queueing, sending, wave_senders
from waves.mail_counts import mail_counts
from waves.models import Notification, Wave

__all__ = ["server", "wave"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_each_chosen_fan_gets_her_code_once(wave: Wave, server: Server) -> None:
    job = work(wave)

    assert job.status == "finished"
    assert states(wave) == {"sent": CHOSEN}
    codes = dict(Assignment.objects.values_list("entry_id", "code__value"))
    emails = dict(Entry.objects.values_list("pk", "email"))
    assert sorted(server.addresses()) == sorted(emails[pk] for pk in codes)
    assert all(codes[pk].encode() in dict(server.taken)[emails[pk]] for pk in codes)
    assert server.connections == 1


def test_a_server_that_is_away_costs_no_mail_an_attempt(wave: Wave, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    use_port(settings, port)

    for _ in range(8):
        job = work(wave)
        assert job.status == "queued"
        assert job.run_after is not None
        assert timedelta(0) < job.run_after - timezone.now() <= wave_senders.LONGEST_REST
    away_since = job.away_since
    assert states(wave) == {"queued": CHOSEN}
    assert set(Message.objects.values_list("attempts", "is_doubtful")) == {(0, False)}

    with mail_server(settings, port=port):
        job = work(wave)

    assert away_since is not None
    assert (job.status, job.away_since) == ("finished", None)
    assert states(wave) == {"sent": CHOSEN}


def test_the_longer_a_server_is_away_the_longer_it_is_left_alone() -> None:
    rests = [wave_senders.rest_after(timedelta(seconds=seconds)) for seconds in (0, 60, 3600)]

    assert rests == [wave_senders.SHORTEST_REST, timedelta(seconds=15), wave_senders.LONGEST_REST]


def test_a_refused_address_is_given_up_at_once_and_the_others_are_sent(wave: Wave, server: Server) -> None:
    bad = Entry.objects.filter(pk__in=Assignment.objects.values("entry_id")).earliest("pk")
    server.on_rcpt = lambda address, _: b"550 5.1.1 no such user\r\n" if address == bad.email else None

    job = work(wave)

    assert job.status == "finished"
    assert states(wave) == {"sent": CHOSEN - 1, "failed": 1}
    failed = Message.objects.get(status="failed")
    assert (failed.entry_id, failed.error, failed.attempts) == (bad.pk, "refused 550", 1)


def test_a_mail_that_is_put_off_is_tried_again_after_a_pause(wave: Wave, server: Server) -> None:
    slow = Entry.objects.filter(pk__in=Assignment.objects.values("entry_id")).earliest("pk")
    server.on_rcpt = lambda address, tries: b"451 4.7.1 later\r\n" if address == slow.email and tries < 3 else None

    first = work(wave)
    waiting = Message.objects.get(status="queued")
    assert (waiting.error, waiting.attempts) == ("put off 451", 1)
    assert (first.status, first.run_after) == ("queued", waiting.send_after)
    for _ in range(2):
        make_due(wave)
        last = work(wave)

    assert last.status == "finished"
    assert states(wave) == {"sent": CHOSEN}


def test_a_mail_that_is_always_put_off_is_given_up_in_the_end(wave: Wave, server: Server) -> None:
    server.on_rcpt = lambda address, _: b"451 4.7.1 later\r\n" if address == first.email else None
    first = Entry.objects.filter(pk__in=Assignment.objects.values("entry_id")).earliest("pk")

    for _ in range(senders.MOST_ATTEMPTS):
        make_due(wave)
        job = work(wave)

    assert job.status == "finished"
    assert states(wave) == {"sent": CHOSEN - 1, "failed": 1}


def test_a_server_that_is_too_busy_for_all_costs_no_mail_an_attempt(
    wave: Wave, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wave_senders, "BATCH", CHOSEN)
    monkeypatch.setattr(senders, "MANY", 5)
    server.on_rcpt = lambda *_: b"451 4.3.2 too many mails\r\n"

    for _ in range(senders.MOST_ATTEMPTS + 2):
        make_due(wave)
        job = work(wave)

    assert job.status == "queued"
    assert states(wave) == {"queued": CHOSEN}
    assert set(Message.objects.values_list("attempts", flat=True)) == {0}


def test_a_server_that_refuses_everybody_makes_the_wave_wait_for_somebody(
    wave: Wave, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wave_senders, "MOST_REFUSED_IN_A_ROW", CHOSEN // 2)
    monkeypatch.setattr(wave_senders, "BATCH", 3)
    server.on_rcpt = lambda *_: b"554 5.7.1 relay access denied\r\n"

    job = work(wave)

    assert job.status == "waiting"
    assert "refused 6 addresses in a row (554)" in job.error
    assert states(wave) == {"failed": 6, "queued": 6}


@pytest.mark.parametrize("is_pipelining", [True, False])
def test_a_connection_that_breaks_before_the_mail_is_made_anew(wave: Wave, server: Server, is_pipelining: bool) -> None:
    server.is_pipelining = is_pipelining
    server.on_rcpt = lambda _, tries: b"" if tries == 1 and server.connections < 4 else None

    job = work(wave)

    while job.status == "queued":
        make_due(wave)
        job = work(wave)
    assert states(wave) == {"sent": CHOSEN}
    assert len(server.taken) == CHOSEN
    assert not Message.objects.filter(is_doubtful=True).exists()


def test_a_mail_whose_answer_is_lost_is_sent_again_as_the_same_and_counted(wave: Wave, server: Server) -> None:
    odd = Entry.objects.filter(pk__in=Assignment.objects.values("entry_id")).earliest("pk")
    server.on_end_of_data = lambda address, tries: b"" if address == odd.email and tries == 1 else None

    job = work(wave)
    assert job.status == "queued"
    make_due(wave)
    job = work(wave)

    assert job.status == "finished"
    copies = [mail for (address, _), mail in zip(server.taken, server.mails(), strict=True) if address == odd.email]
    message = Message.objects.get(is_doubtful=True)
    assert [str(copy["Message-ID"]) for copy in copies] == [message_id(message)] * 2
    assert len({str(copy["X-Entity-Ref-ID"]) for copy in copies}) == 1
    assert len({_code_in(copy) for copy in copies}) == 1
    assert len(server.taken) == CHOSEN + 1
    assert mail_counts(wave, job).doubtful == 1


def _code_in(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    text: str = body.get_content() if body is not None else ""
    return next(word for word in text.split() if word.startswith("CA-LAX-"))


def test_a_server_that_hangs_up_within_each_mail_ends_in_failures_not_in_a_loop(wave: Wave, server: Server) -> None:
    server.on_begin_of_data = lambda *_: b""

    for _ in range(CHOSEN * senders.MOST_ATTEMPTS + 2):
        make_due(wave)
        job = work(wave)
        if job.status == "finished":
            break

    assert states(wave) == {"failed": CHOSEN}


def test_what_a_dead_sender_had_is_sent_again_and_counted_as_in_doubt(wave: Wave, server: Server) -> None:
    job = Notification.objects.get(wave=wave)
    claim = jobs.claim(Notification, job.pk)
    assert claim is not None
    queueing.queue(claim, wave=wave)
    taken = senders.claim(now=timezone.now(), wave_id=wave.pk, after=0, most=5)
    Notification.objects.filter(pk=job.pk).update(status="queued", lease_until=None)
    assert work(wave).status == "queued"
    assert states(wave) == {"sent": CHOSEN - 5, "sending": 5}

    make_due(wave)
    job = work(wave)

    assert job.status == "finished"
    assert set(Message.objects.filter(is_doubtful=True).values_list("pk", flat=True)) == {
        message.pk for message in taken
    }


def test_two_senders_at_once_send_each_mail_once(wave: Wave, server: Server) -> None:
    claim = jobs.claim(Notification, Notification.objects.get(wave=wave).pk)
    assert claim is not None
    queueing.queue(claim, wave=wave)
    barrier = Barrier(2)

    def send(_: int) -> None:
        barrier.wait()
        try:
            with senders.Sender(wave_id=wave.pk) as sender:
                while sender.send_batch(now=timezone.now(), most=2).claimed:
                    pass
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(send, range(2)))

    assert states(wave) == {"sent": CHOSEN}
    assert len(server.taken) == len(set(server.addresses())) == CHOSEN


def test_on_several_connections_each_fan_gets_one_mail_and_the_rate_is_kept(
    wave: Wave, server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAIL_CONNECTIONS = 3
    monkeypatch.setattr(wave_senders, "BATCH", 2)
    sending.change_mails(wave=wave, actor=SUPREME, now=timezone.now(), mails_a_minute=240)
    start = timezone.now()

    job = work(wave)

    assert job.status == "finished"
    assert len(server.taken) == len(set(server.addresses())) == CHOSEN
    assert server.connections > 1
    assert (timezone.now() - start).total_seconds() >= (CHOSEN / 2 - 1) * 0.5  # Two mails each half second.


def test_the_last_mails_on_several_connections_are_waited_for(
    wave: Wave, server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAIL_CONNECTIONS = 4
    monkeypatch.setattr(wave_senders, "BATCH", 3)

    def take_slowly(*_: object) -> None:
        time.sleep(0.1)

    server.on_end_of_data = take_slowly

    job = work(wave)

    assert job.status == "finished"
    assert states(wave) == {"sent": CHOSEN}


def test_on_several_connections_a_server_that_is_away_is_left_by_all(wave: Wave, settings: Settings) -> None:
    settings.MAIL_CONNECTIONS = 3
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    use_port(settings, port)

    job = work(wave)

    assert (job.status, job.away_since is None) == ("queued", False)
    assert states(wave) == {"queued": CHOSEN}
    assert set(Message.objects.values_list("attempts", flat=True)) == {0}


# Who left meanwhile


def test_who_left_after_the_mails_were_queued_gets_none(wave: Wave, server: Server) -> None:
    claim = jobs.claim(Notification, Notification.objects.get(wave=wave).pk)
    assert claim is not None
    queueing.queue(claim, wave=wave)
    Notification.objects.update(status="queued", lease_until=None)
    withdrawn, blocked, erased, taken = Assignment.objects.order_by("pk").values_list("entry_id", flat=True)[:4]
    Entry.objects.filter(pk=withdrawn).update(withdrawn_at=timezone.now())
    Entry.objects.filter(pk=blocked).update(blocked_at=timezone.now())
    Entry.objects.filter(pk=erased).update(withdrawn_at=timezone.now(), erased_at=timezone.now(), email="")
    Assignment.objects.filter(entry_id=taken).update(voided="taken_back")

    job = work(wave)

    assert job.status == "finished"
    assert states(wave) == {"sent": CHOSEN - 4, "stopped": 4}
    assert len(server.taken) == CHOSEN - 4


@pytest.mark.parametrize(("rate", "most"), [(None, 50), (1, 1), (59, 1), (120, 2), (3000, 50), (100_000, 50)])
def test_a_batch_is_a_second_of_the_rate(wave: Wave, rate: int | None, most: int) -> None:
    Wave.objects.filter(pk=wave.pk).update(mails_a_minute=rate)
    claim = jobs.claim(Notification, Notification.objects.get(wave=wave).pk)
    assert claim is not None

    assert wave_senders.WaveSenders(claim, total=0, done=0)._wait_for_turn() == most
