"""Child processes that never outlive the one that started them."""

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from core.embedded.account import Account
from core.embedded.guardian import is_alive, send

HERE = Path(__file__).parent
PLAIN_PYTHON = (sys.executable, "-I", "-S")
"""Starts in 15 ms, and nothing of the environment changes it."""
STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
TAIL_LINES = 12
FULL_DISK_BYTES = 20_000_000
"""SeaweedFS, for one, only says that it has no volumes when so little is left."""


class CannotStart(Exception):
    """Something did not come up; the message is a clear sentence for the person at the screen."""


@dataclass(frozen=True)
class Program:
    """What to run, and how to end it: each signal of ``farewell`` with its patience in seconds, then KILL."""

    title: str
    command: tuple[str, ...]
    log: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path("/")
    account: Account | None = None
    standard_input: bytes = b""
    farewell: tuple[tuple[int, float], ...] = ((signal.SIGTERM, 5.0),)


class Guardian:
    """Our end of the pipe to ``guardian.py``, which ends the watched process groups once we are gone."""

    def __init__(self, *, lock: int | None = None) -> None:
        """Start the guardian. ``lock`` is a descriptor that it holds until the last process is gone."""
        script = [*PLAIN_PYTHON, str(HERE / "guardian.py")]
        with signals_held_back():
            self.process = subprocess.Popen(
                script if lock is None else [*script, str(lock)],
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=() if lock is None else (lock,),
            )

    def watch(self, group: int, farewell: Iterable[tuple[int, float]]) -> None:
        """Have the process group ended with the farewell when we are gone."""
        self._tell({"watch": group, "farewell": [[int(number), seconds] for number, seconds in farewell]})

    def forget(self, group: int) -> None:
        """The process group has ended; its number may belong to somebody else soon."""
        self._tell({"forget": group})

    def delete_in_the_end(self, path: Path) -> None:
        """Have a file or folder deleted once everything has ended, after ``kill -9`` too."""
        self._tell({"delete": str(path)})

    def close(self) -> None:
        """Let the guardian go; it ends whatever is still watched first."""
        if self.process.stdin and not self.process.stdin.closed:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        self.process.wait()

    def _tell(self, message: Mapping[str, object]) -> None:
        assert self.process.stdin is not None  # noqa: S101  It was opened as a pipe.
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            # Somebody killed the guardian; the parent-death signal of Linux still stands.
            pass


class Process:
    """One run of a program, in a process group of its own, so that a terminal's Ctrl-C reaches only us."""

    def __init__(self, program: Program, guardian: Guardian) -> None:
        self.program = program
        self.guardian = guardian
        self.log_start = 0
        self.started_at = 0.0
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run the program; its output goes to the end of its log."""
        program = self.program
        program.log.parent.mkdir(parents=True, exist_ok=True)
        with program.log.open("ab") as log, signals_held_back():
            self.log_start = log.tell()
            self.started_at = time.monotonic()
            self._popen = subprocess.Popen(
                [*launcher(program), *program.command],
                stdin=subprocess.PIPE if program.standard_input else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**libraries_of_python(), **program.variables},
                start_new_session=True,
            )
            self.guardian.watch(self._popen.pid, program.farewell)
        if program.standard_input and self._popen.stdin:
            hand_over(self._popen.stdin, program.standard_input)

    @property
    def pid(self) -> int:
        """The process id, 0 before the start."""
        return self._popen.pid if self._popen else 0

    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs or before it was started."""
        return self._popen.poll() if self._popen else None

    def is_running(self) -> bool:
        """Whether the program runs."""
        return self._popen is not None and self._popen.poll() is None

    def is_gone(self) -> bool:
        """Whether the program and everything in its process group has ended."""
        return not self.is_running() and not (self.pid and is_alive(self.pid))

    def send(self, number: int) -> None:
        """Send a signal to the whole process group."""
        if self.pid and not self.is_gone():
            send(self.pid, number)

    def forget(self) -> None:
        """Tell the guardian that the group has ended."""
        if self.pid:
            self.guardian.forget(self.pid)

    def kill(self) -> None:
        """End the program and its children at once, as a crash would."""
        self.send(signal.SIGKILL)
        if self._popen:
            self._popen.wait()
        self.forget()

    def said(self) -> str:
        """What it wrote to its log since its start; at most the last 64 KB."""
        try:
            with self.program.log.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(self.log_start, size - 65536))
                return log.read().decode(errors="replace")
        except OSError:
            return ""

    def lacks_space(self) -> bool:
        """Whether a full disk explains that the program failed."""
        free = shutil.disk_usage(self.program.log.parent).free
        return free < FULL_DISK_BYTES or os.strerror(errno.ENOSPC) in self.said()

    def cannot_start(self, reason: str) -> CannotStart:
        """Give the refusal for a program that failed, with the end of its log."""
        if self.lacks_space():
            return CannotStart(
                f"The disk is full, so {self.program.title} cannot write. Free some space and start again."
            )
        lines = self.said().strip().splitlines()[-TAIL_LINES:]
        tail = "".join(f"\n    {line[:300]}" for line in lines) or " nothing was written."
        return CannotStart(f"{self.program.title} {reason}. The end of {self.program.log}:{tail}")


def launcher(program: Program) -> list[str]:
    """Give the words that turn into the program without letting it outlive this process."""
    account = program.account
    return [
        *PLAIN_PYTHON,
        str(HERE / "launch.py"),
        str(os.getpid()),
        str(int(program.farewell[0][0])),
        str(account.uid) if account else "-",
        str(account.gid) if account else "-",
        str(program.folder),
    ]


def libraries_of_python() -> dict[str, str]:
    """Give the variable without which some Pythons do not start, as every program starts through one."""
    return {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}


def hand_over(stream: IO[bytes], content: bytes) -> None:
    """Write the content to a child's standard input and close it."""
    try:
        with stream:
            stream.write(content)
    except BrokenPipeError:
        pass  # It ended already; whoever waits for it will see that.


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Hold back Ctrl-C and its like, so that no child is started without the guardian's knowledge."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def wait_until_ready(process: Process, is_ready: Callable[[], bool], *, seconds: float) -> None:
    """Ask until the answer is yes.

    :raises CannotStart: the program ended, or did not get ready in time.
    """
    deadline = time.monotonic() + seconds
    while not is_ready():
        if not process.is_running():
            raise process.cannot_start("ended at once")
        if time.monotonic() > deadline:
            raise process.cannot_start(f"did not come up within {seconds:.0f} s")
        time.sleep(0.05)


def run_to_end(process: Process) -> None:
    """Run a program that ends by itself.

    :raises CannotStart: it ended with an error.
    """
    process.start()
    try:
        while process.is_running():
            time.sleep(0.02)
    finally:
        stop_together([process])
    if process.exit_code():
        raise process.cannot_start("failed")


def stop_together(processes: Iterable[Process]) -> None:
    """End the programs at the same time, each with its farewell, and return when all are gone."""
    steps = {process: [*process.program.farewell, (int(signal.SIGKILL), 5.0)] for process in processes}
    deadline = dict.fromkeys(steps, 0.0)
    while steps:
        for process in list(steps):
            if process.is_gone() or (not steps[process] and time.monotonic() >= deadline[process]):
                process.forget()
                del steps[process]
            elif time.monotonic() >= deadline[process]:
                number, seconds = steps[process].pop(0)
                process.send(number)
                deadline[process] = time.monotonic() + seconds
        if steps:
            time.sleep(0.03)


def free_ports(count: int) -> list[int]:
    """Give ports of 127.0.0.1 that nobody listens on right now."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def bind(port: int) -> None:
    """Take a port of 127.0.0.1 as a server would, and give it back.

    :raises OSError: it is taken, or not for us.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", port))


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1."""
    try:
        bind(port)
    except OSError:
        return False
    return True
