"""``make run``: the embedded servers, the database, the demo, and MonoQL's programs, until Ctrl-C."""

import errno
import http.client
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

from core.embedded import programs
from core.embedded.files import read_json, write_private
from core.embedded.processes import (
    CannotStart,
    Process,
    bind,
    run_to_end,
    stop_together,
    wait_until_ready,
)
from core.embedded.servers import Servers
from core.embedded.state import StateFolder, development_state
from core.embedded.stopping import Stopper, StopRequested

DEMO_FANS = 20_000
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 30.0
"""A program that ran this long and then ended is started again without a longer pause than the first."""


class Watched:
    """A process that is started again whenever it ends."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.pause = 1.0
        self.due_at = 0.0

    def look(self, *, now: float) -> str:
        """Start the process again when it has ended and its pause is over; give the line to say, if any."""
        if self.due_at:
            if now < self.due_at:
                return ""
            self.process.start()
            self.due_at = 0.0
            return f"{self.process.program.title} runs again."
        if self.process.is_running():
            return ""
        if now - self.process.started_at > STEADY_SECONDS:
            self.pause = 1.0
        code = self.process.exit_code()
        # Its children may still hold the port.
        self.process.kill()
        self.due_at = now + self.pause
        reason = "the disk is full" if self.process.lacks_space() else describe_exit(code)
        line = (
            f"{self.process.program.title} ended ({reason}) and is started again in "
            f"{self.pause:.0f} s; its log is {self.process.program.log}."
        )
        self.pause = min(self.pause * 2, LONGEST_PAUSE)
        return line


def main() -> int:
    """Run until asked to stop; give the exit code."""
    stopper = Stopper()
    stopper.install()
    state = development_state()
    try:
        port = wanted_port(os.environ)
        state.make()
        with state.claimed("make run") as lock:
            run(state, stopper, port=port, lock=lock)
    except StopRequested:
        say("Everything has stopped.")
        return 0
    except CannotStart as refusal:
        complain(str(refusal))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        complain(f"The disk that holds {state.path} is full. Free some space and start again.")
    return 1


def run(state: StateFolder, stopper: Stopper, *, port: int, lock: int) -> None:
    """Start everything, say where it is, and keep it running until ``StopRequested``.

    :raises CannotStart: something does not come up; what came up is stopped again.
    """
    keep_last_logs(state)
    servers = Servers(state, variables={**os.environ, "PORT": str(port)}, lock=lock)
    ours: list[Process] = []

    def kill_everything() -> None:
        for process in (*ours, *servers.processes()):
            process.kill()

    stopper.impatient = kill_everything
    try:
        servers.start(say=say)
        variables = servers.environment()
        state.remember_servers(servers.overview(), variables)
        variables = {**os.environ, **variables, "PYTHONUNBUFFERED": "1"}
        prepare_data(state, servers, variables)
        for program in (
            programs.web(state, variables, port=port),
            programs.worker(state, variables),
            programs.management(state, variables, "tick", "tick"),
        ):
            ours.append(Process(program, servers.guardian))
            ours[-1].start()
        wait_for_web(ours[0], port)
        say("web, worker and tick are running.")
        print_addresses(variables["PUBLIC_URL"], state)
        keep_running([*ours, *servers.processes()])
    except StopRequested:
        say("Stopping …")
        raise
    finally:
        stopper.is_stopping()
        stop_together(ours)
        servers.stop()


def prepare_data(state: StateFolder, servers: Servers, variables: Mapping[str, str]) -> None:
    """Migrate the database, and load the demo into a new one.

    :raises CannotStart: one of them failed.
    """
    began = time.monotonic()
    migration = programs.management(state, variables, "The migration", "migrate", "--no-input")
    run_to_end(Process(migration, servers.guardian))
    say(f"The database is migrated ({time.monotonic() - began:.1f} s).")
    fans = demo_fans(variables)
    marker = state.path / "demo.json"
    # An embedded database changes its port at each start, and is the same one.
    database = variables["DATABASE_URL"].rpartition("@")[2] if os.environ.get("DATABASE_URL") else "embedded"
    loaded = (read_json(marker) or {}).get("databases", [])
    if fans == 0 or database in loaded:
        return
    say(f"Loading the demo with {fans:,} fans, once …")
    began = time.monotonic()
    words = ("demo", "--fans", str(fans), "--seed", "1")
    run_to_end(Process(programs.management(state, variables, "The demo", *words), servers.guardian))
    write_private(marker, {"databases": [*loaded, database]})
    say(f"The demo is loaded ({time.monotonic() - began:.1f} s).")


def wait_for_web(web: Process, port: int) -> None:
    """Return when the web server answers.

    :raises CannotStart: it does not, or its processes end while they load the project.
    """

    def is_ready() -> bool:
        # granian starts a process that ended again and again, which mends nothing at the first start.
        if "Unexpected exit from worker" in web.said():
            raise web.cannot_start("cannot load the project")
        return answers(port)

    wait_until_ready(web, is_ready, seconds=90)


def keep_running(processes: list[Process]) -> None:
    """Start again whatever ends; returns only by ``StopRequested``."""
    watched = [Watched(process) for process in processes]
    while True:
        for one in watched:
            if line := one.look(now=time.monotonic()):
                say(line)
        time.sleep(0.3)


def wanted_port(variables: Mapping[str, str]) -> int:
    """Give the port to serve on, from PORT or 8000.

    :raises CannotStart: it is no port, taken, or not for us.
    """
    text = variables.get("PORT") or "8000"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise CannotStart(f"PORT is {text!r}; it must be a number from 1 to 65535.")
    try:
        bind(int(text))
    except OSError as error:
        reason = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        raise CannotStart(f"Port {text} {reason}; choose another one: PORT=8001 make run.") from None
    return int(text)


def demo_fans(variables: Mapping[str, str]) -> int:
    """Give how many fans the demo has, from MONOQL_DEMO_FANS or 20,000; 0 means no demo.

    :raises CannotStart: it is no number.
    """
    text = variables.get("MONOQL_DEMO_FANS") or str(DEMO_FANS)
    if not text.isdecimal():
        raise CannotStart(f"MONOQL_DEMO_FANS is {text!r}; it must be a number of fans, or 0 for no demo.")
    return int(text)


def answers(port: int) -> bool:
    """Whether the web server answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def keep_last_logs(state: StateFolder) -> None:
    """Begin new logs and keep those of the last run beside them."""
    for log in state.logs.glob("*.log"):
        log.replace(log.with_name(log.name + ".1"))


def print_addresses(address: str, state: StateFolder) -> None:
    """Tell a newcomer where to look."""
    say(
        f"""
  MonoQL is at      {address}/
  admin             {address}/admin/          sign in as demo, password demo
  a fan page        {address}/c/aurora-open/
  mails sent        {address}/mail/
  API docs          {address}/api/docs/
  logs              {state.logs}

Ctrl-C stops everything."""
    )


def describe_exit(code: int | None) -> str:
    """Give the end of a process in words."""
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def say(line: str) -> None:
    """Print a line at once; a terminal that was closed is no reason to fail."""
    with suppress(OSError):
        print(line, flush=True)


def complain(line: str) -> None:
    """Print what went wrong to standard error."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)
