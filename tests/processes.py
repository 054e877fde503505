"""Other processes on a test's database: they are what a test stops, kills and wakes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

PROJECT = Path(__file__).resolve().parent.parent
SETUP = "import django; django.setup(); from tests.processes import say\n"


def say(word: str) -> None:
    """Tell the test where this process is."""
    print(word, flush=True)


def environment(*, lease_seconds: float, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of a process that works on the test's database, broker and storage; ``variables`` go before."""
    url = urlsplit(os.environ["DATABASE_URL"])
    return {
        **os.environ,
        "DATABASE_URL": urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}")),
        "DATABASE_POOL": "4",
        "JOB_LEASE_SECONDS": str(lease_seconds),
        "MONOQL_DEVELOPMENT": "1",
        "DJANGO_SETTINGS_MODULE": "monoql.settings",
        "PYTHONPATH": str(PROJECT),
        "LOG_LEVEL": "INFO",
        "MAIL_FOLDER": str(settings.MAIL_FOLDER),
        **(variables or {}),
    }


@contextmanager
def process(
    *arguments: str, lease_seconds: float = 2.0, log: Path | None = None, variables: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A process in a group of its own; whatever is left of the group is killed at the end."""
    output = log.open("a") if log is not None else subprocess.PIPE
    child = subprocess.Popen(
        [sys.executable, *arguments],
        env=environment(lease_seconds=lease_seconds, variables=variables),
        cwd=PROJECT,
        stdout=output,
        stderr=output if log is not None else None,
        text=True,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        kill(child)
        child.wait(timeout=10)
        if child.stdout is not None:
            child.stdout.close()
        if log is not None:
            output.close()  # type: ignore[union-attr]  # It is the log file here.


@contextmanager
def script(code: str, *, lease_seconds: float = 2.0, log: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """A process that runs some code on the test's database."""
    with process("-c", SETUP + code, lease_seconds=lease_seconds, log=log) as child:
        yield child


def heard(child: subprocess.Popen[str]) -> str:
    """The next word that the process says."""
    assert child.stdout is not None
    return child.stdout.readline().strip()


def kill(child: subprocess.Popen[str]) -> None:
    """kill -9 the process and all its children."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def stop(child: subprocess.Popen[str]) -> None:
    """Have the process and all its children stand still, as a machine that is paused would."""
    os.killpg(child.pid, signal.SIGSTOP)


def wake(child: subprocess.Popen[str]) -> None:
    """Let them go on."""
    os.killpg(child.pid, signal.SIGCONT)


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> float:
    """Wait for a condition and return after how many seconds it held."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > seconds:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.05)
    return time.monotonic() - start
