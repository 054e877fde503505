"""What ``manage.py`` needs around a command on a development machine: environment, and servers behind it."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from core.embedded.servers import Servers, environment
from core.embedded.state import StateFolder, development_state

WITHOUT_SERVERS = {
    "",
    "check",
    "check_templates",
    "collectstatic",
    "compilemessages",
    "findstatic",
    "help",
    "makemessages",
    "spectacular",
    "startapp",
    "version",
}
"""Commands that never ask the database; for them nothing is started."""
NOWHERE = {
    "DATABASE_URL": "postgresql://nobody:nothing@127.0.0.1:9/nothing",
    "BROKER_URL": "redis://127.0.0.1:9/0",
    "S3_ENDPOINT_URL": "http://127.0.0.1:9",
}
"""Addresses where nothing answers: port 9 discards."""


def needs_servers(arguments: Sequence[str]) -> bool:
    """Whether a command line of manage.py may ask the database."""
    if any(word in {"-h", "--help", "--version"} for word in arguments):
        return False
    command = next((word for word in arguments if not word.startswith("-")), "")
    return command not in WITHOUT_SERVERS


@contextmanager
def development_environment(state: StateFolder, arguments: Sequence[str]) -> Iterator[dict[str, str]]:
    """Give the variables for the length of a command.

    They lead to the servers that run already, or to servers started for the command alone.

    :raises CannotStart: they do not come up.
    """
    state.make()
    if not needs_servers(arguments):
        yield environment(state=state, keys=state.keys(), variables=os.environ, addresses=NOWHERE)
        return
    with ExitStack() as stack:
        stack.enter_context(state.borrowed())
        if running := state.running_environment():
            # What our own environment says goes first.
            yield {name: os.environ.get(name) or text for name, text in running.items()}
            return
        stack.close()
        lock = stack.enter_context(state.claimed(" ".join(("manage.py", *arguments[:1]))))
        yield stack.enter_context(own_servers(state, lock)).environment()


@contextmanager
def own_servers(state: StateFolder, lock: int) -> Iterator[Servers]:
    """Start servers for this command, and stop them after it and after those that borrow them."""
    print("Starting the embedded servers for this command …", file=sys.stderr)
    servers = Servers(state, variables=os.environ, lock=lock)
    servers.start()
    try:
        state.remember_servers(servers.overview(), servers.environment())
        yield servers
    finally:
        try:
            state.wait_for_borrowers()
        finally:
            servers.stop()


def main(words: Sequence[str]) -> int:
    """Run a program that loads the settings, as mypy's plugin does; starts no server. Give its exit code."""
    state = development_state()
    state.make()
    variables = environment(state=state, keys=state.keys(), variables=os.environ, addresses=NOWHERE)
    return subprocess.run(words, env={**os.environ, **variables}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
