"""Servers that die, forget, refuse or hang while a wave is prepared, completed and notified: it ends by itself.

The test has servers of its own, with durable data, and a worker and a clock that live all the while.
"""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Thread
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest
import redis

from core.embedded.processes import Process
from core.embedded.servers import Server, Servers
from tests.processes import PROJECT, SETUP, environment, process, wait_until
from tests.servers import OwnServers
from tests.waves.standing_still import Point, rows_into

LEASE_SECONDS = 3.0
WITHIN_SECONDS = 60.0
"""From the cure to the end of the work that was disturbed."""
IN_DOUBT_SECONDS = 60.0
"""How long mails stay claimed whose sender may have died."""
PREPARED = "SELECT EXISTS (SELECT FROM waves_waveprep WHERE status = 'finished')"
COMPLETED = "SELECT EXISTS (SELECT FROM waves_wave WHERE status = 'completed')"
NOTIFIED = "SELECT EXISTS (SELECT FROM waves_notification WHERE status = 'finished')"
SCENE = """
from django.utils import timezone
from campaigns import lifecycle
from tests import scenario
from tests.scenario import SUPREME, make_wave, upload_codes
from waves import preparation
campaign = scenario.open_tour()
scenario.many_fans(campaign, {fans})
upload_codes(campaign, "CA-LAX", {fans} // 6)
for event in ("AZ-PHX-1", "AZ-PHX-2"):
    upload_codes(campaign, "AZ-PHX", {fans} // 12, event=event)
wave = make_wave(lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now()))
preparation.start_preparation(wave=wave, options=preparation.Options(), actor=SUPREME, now=timezone.now())
"""
TRIGGER = """
from django.utils import timezone
from tests.scenario import SUPREME
from waves import selection
from waves.models import Wave
selection.trigger(wave=Wave.objects.get(), actor=SUPREME, now=timezone.now())
"""


@dataclass
class Installation:
    """Servers of the test's own, and what works on them."""

    servers: Servers
    folder: Path
    seen: dict[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        """What leads to the servers."""
        return self.servers.environment()

    def run(self, *arguments: str) -> None:
        """Run a command to its end."""
        done = subprocess.run(
            [sys.executable, *arguments],
            env=environment(lease_seconds=LEASE_SECONDS, variables=self.variables),
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    @contextmanager
    def working(self) -> Iterator[None]:
        """A worker and a clock, as they run in production."""
        worker = ("-m", "celery", "-A", "monoql", "worker", "--concurrency", "1", "--loglevel", "INFO")
        tick = ("-m", "django", "tick", "--every", "0.5")
        lease, variables = LEASE_SECONDS, self.variables
        with (
            process(*tick, lease_seconds=lease, log=self.folder / "tick.log", variables=variables),
            process(*worker, lease_seconds=lease, log=self.folder / "worker.log", variables=variables) as child,
        ):
            yield
            assert child.poll() is None  # It has lived through everything.

    def ask(self, question: str) -> Any:
        """One value from the database."""
        with psycopg.connect(self.servers.postgres.url, connect_timeout=5) as connection:
            row = connection.execute(question.encode()).fetchone()
        return row[0] if row else None

    def is_so(self, question: str) -> bool:
        """The same, where the database may be away."""
        try:
            return bool(self.ask(question))
        except psycopg.OperationalError:
            return False

    def look(self) -> None:
        """What was frozen and drawn is what it was at any look before."""
        with psycopg.connect(self.servers.postgres.url) as connection:
            columns = "rules_sha256, snapshot_sha256, root, allocation_sha256"
            row = connection.execute(f"SELECT {columns} FROM waves_draw".encode()).fetchone() or ()  # noqa: S608
        for name, value in zip(columns.split(", "), row, strict=False):
            if value:
                assert self.seen.setdefault(name, value) == value, name


@pytest.fixture
def installation(own_servers: OwnServers, tmp_path: Path) -> Installation:
    """Running servers with empty tables."""
    made = Installation(own_servers(), tmp_path)
    made.run("-m", "django", "migrate", "--verbosity", "0")
    return made


def running(server: Server) -> Process:
    """The process of a server."""
    assert server.process is not None
    return server.process


def come_back(server: Server) -> None:
    """Start a server again, on its port and its data."""
    server.launch()
    server.wait()


Fault = Callable[[Servers, float], None]


def database_killed(servers: Servers, seconds: float) -> None:
    """kill -9 of the whole PostgreSQL, which recovers from its log when it comes back."""
    running(servers.postgres).kill()
    sleep(min(seconds, 2.0))
    come_back(servers.postgres)


def database_stopped_at_once(servers: Servers, seconds: float) -> None:
    """PostgreSQL's immediate shutdown, and its start."""
    running(servers.postgres).send(signal.SIGQUIT)
    wait_until(running(servers.postgres).is_gone, seconds=30, what="PostgreSQL ends")
    running(servers.postgres).forget()
    come_back(servers.postgres)


def broker_flushed(servers: Servers, seconds: float) -> None:
    """The broker forgets every hint."""
    redis.Redis.from_url(servers.valkey.url).flushall()


def broker_stopped(servers: Servers, seconds: float) -> None:
    """The broker is away for so long, and has forgotten everything when it is back."""
    running(servers.valkey).kill()
    sleep(seconds)
    come_back(servers.valkey)


def storage_refusing(servers: Servers, seconds: float) -> None:
    """Nobody listens where the storage was."""
    running(servers.storage).kill()
    sleep(seconds)
    come_back(servers.storage)


class OutOfOrder(BaseHTTPRequestHandler):
    """Answers 503 to everything."""

    def refuse(self) -> None:
        """Refuse, and read nothing of what was sent."""
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = refuse  # noqa: N815  The names are the library's.

    def log_message(self, *_: object) -> None:
        """Keep still."""


def storage_out_of_order(servers: Servers, seconds: float) -> None:
    """The storage answers everything with 503."""
    running(servers.storage).kill()
    with ThreadingHTTPServer(("127.0.0.1", servers.storage.port), OutOfOrder) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        sleep(seconds)
        server.shutdown()
    come_back(servers.storage)


def storage_hanging(servers: Servers, seconds: float) -> None:
    """The storage takes connections and answers nothing."""
    running(servers.storage).send(signal.SIGSTOP)
    sleep(seconds)
    running(servers.storage).send(signal.SIGCONT)


@dataclass(frozen=True)
class Disturbance:
    """A fault in one of the three works: while that stands still at a point, or else from before it begins."""

    fault: Fault
    at: Point | None = None
    lasts: float = 3.0


WORKS = (("waveprep", PREPARED), ("selection", COMPLETED), ("notification", NOTIFIED))
POINTS = {
    "waveprep": tuple(map(rows_into, ("codes_hold", "waves_draw", "codes_assignment", "waves_marketoutcome"))),
    "selection": (rows_into("waves_notification"),),
    "notification": (rows_into("entries_message"),),
}
"""Where each work can stand still, by locks that may be taken before it begins without keeping anything else."""


@contextmanager
def standing_still(installation: Installation, point: Point) -> Iterator[Callable[[], bool]]:
    """Have work on these servers stand still at a point; gives whether it does."""
    with (
        closing(psycopg.connect(installation.servers.postgres.url)) as connection,
        closing(psycopg.connect(installation.servers.postgres.url, autocommit=True)) as observer,
    ):
        connection.execute(point.lock.encode())
        own = connection.info.backend_pid
        question = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid)))"

        def is_reached() -> bool:
            row = observer.execute(question, [own]).fetchone()
            return row is not None and bool(row[0])

        yield is_reached


def begin_disturbed(
    installation: Installation, work: str, disturbance: Disturbance | None, begin: Callable[[], None]
) -> None:
    """Begin a work; at the end the fault has been cured."""
    if disturbance is None:
        begin()
    elif disturbance.at is not None:
        with standing_still(installation, disturbance.at) as is_reached:
            begin()
            wait_until(is_reached, seconds=90, what=f"{work} comes to the {disturbance.at}")
            disturbance.fault(installation.servers, disturbance.lasts)
    else:
        # The fault stays in this thread: a server that comes back dies with the thread that has started it.
        beginning = Thread(target=begin)
        beginning.start()
        disturbance.fault(installation.servers, disturbance.lasts)
        beginning.join()


def live_through(
    installation: Installation, disturbances: list[Disturbance | None], *, fans: int
) -> list[tuple[str, float]]:
    """Prepare, complete and notify a wave, each with its disturbance; gives the time from each cure to the end."""
    times = []
    installation.run("-c", SETUP + SCENE.format(fans=fans))
    with installation.working():
        for (work, has_ended), disturbance in zip(WORKS, disturbances, strict=True):
            trigger = partial(installation.run, "-c", SETUP + TRIGGER)
            begin_disturbed(installation, work, disturbance, trigger if work == "selection" else lambda: None)
            cured = monotonic()
            seconds = WITHIN_SECONDS + (IN_DOUBT_SECONDS if work == "notification" else 0.0)
            ends = partial(installation.is_so, has_ended)
            wait_until(ends, seconds=seconds if disturbance else 300, what=f"{work} ends")
            if disturbance is not None:
                place = f" at the {disturbance.at}" if disturbance.at else ""
                times.append((f"{disturbance.fault.__name__} in {work}{place}", monotonic() - cured))
            installation.look()
    return times


def check(installation: Installation) -> None:
    """Nothing deviates, the outsiders' file agrees, and every fan with a place has exactly one mail."""
    assert set(installation.seen) == {"rules_sha256", "snapshot_sha256", "root", "allocation_sha256"}
    installation.run("-m", "django", "verify_wave", "--campaign", "aurora", "--run-again")
    placed = installation.ask("SELECT placed FROM waves_draw")
    mails = "SELECT count(*) FROM entries_message WHERE kind = 'selected'"
    assert placed > 0
    assert installation.ask(mails) == installation.ask(f"{mails} AND status = 'sent'") == placed


def test_a_wave_ends_by_itself_whatever_server_fails(installation: Installation) -> None:
    live_through(
        installation,
        [
            Disturbance(storage_refusing),
            Disturbance(database_killed, rows_into("waves_notification")),
            Disturbance(broker_stopped),
        ],
        fans=600,
    )

    check(installation)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(7))
def test_a_wave_lives_through_three_restarts_of_the_database(installation: Installation, seed: int) -> None:
    random = Random(seed)

    times = live_through(
        installation,
        [
            Disturbance(random.choice([database_killed, database_stopped_at_once]), random.choice(POINTS[work]))
            for work, _ in WORKS
        ],
        fans=3_000,
    )

    check(installation)
    print(f"seed {seed}:", *(f"{what}, {seconds:.1f} s;" for what, seconds in times))


@pytest.mark.soak
@pytest.mark.parametrize(
    ("fault", "work"),
    [
        (broker_flushed, 0),
        (broker_flushed, 2),
        (broker_stopped, 0),
        (broker_stopped, 1),
        (broker_stopped, 2),
        (storage_refusing, 0),
        (storage_refusing, 1),
        (storage_out_of_order, 0),
        (storage_out_of_order, 1),
        (storage_hanging, 0),
        (storage_hanging, 1),
    ],
)
def test_a_wave_lives_through_a_minute_without_a_server(installation: Installation, fault: Fault, work: int) -> None:
    disturbances: list[Disturbance | None] = [None, None, None]
    disturbances[work] = Disturbance(fault, lasts=60.0)

    times = live_through(installation, disturbances, fans=3_000)

    check(installation)
    print(*(f"{what}, {seconds:.1f} s;" for what, seconds in times))
