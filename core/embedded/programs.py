"""MonoQL's own programs as ``make run`` starts them: web, worker and tick, and the commands before them."""

import signal
import sys
from collections.abc import Mapping

from core.embedded.processes import Program
from core.embedded.state import PROJECT, StateFolder

BLOCKING_THREADS = 16
"""Threads of a web process; as many as its pool has database connections, so that none waits for one."""
BACKPRESSURE = 128
"""Requests that a web process accepts at a time; what comes on top waits in the kernel's queue."""


def web(state: StateFolder, variables: Mapping[str, str], *, port: int) -> Program:
    """Give the web server: two processes with threads."""
    return Program(
        title="web",
        command=(
            sys.executable,
            "-m",
            "granian",
            "--interface=wsgi",
            "--host=127.0.0.1",
            f"--port={port}",
            "--workers=2",
            f"--blocking-threads={BLOCKING_THREADS}",
            f"--backpressure={BACKPRESSURE}",
            "--backlog=2048",
            "--respawn-failed-workers",
            "--workers-kill-timeout=3",
            "--no-ws",
            "monoql.wsgi:application",
        ),
        log=state.logs / "web.log",
        variables=variables,
        folder=PROJECT,
        farewell=((signal.SIGTERM, 5.0),),
    )


def worker(state: StateFolder, variables: Mapping[str, str]) -> Program:
    """Give the Celery worker. What it cannot finish in time goes on at the next start: jobs are rows."""
    return Program(
        title="worker",
        command=(
            sys.executable,
            "-m",
            "celery",
            "--app=monoql.celery",
            "worker",
            "--concurrency=2",
            "--loglevel=INFO",
            "--without-gossip",
            "--without-mingle",
        ),
        log=state.logs / "worker.log",
        variables=variables,
        folder=PROJECT,
        farewell=((signal.SIGTERM, 3.0), (signal.SIGQUIT, 2.0)),
    )


def management(state: StateFolder, variables: Mapping[str, str], title: str, *words: str) -> Program:
    """Give a command of manage.py."""
    return Program(
        title=title,
        command=(sys.executable, str(PROJECT / "manage.py"), *words),
        log=state.logs / f"{words[0]}.log",
        variables=variables,
        folder=PROJECT,
        farewell=((signal.SIGTERM, 3.0),),
    )
