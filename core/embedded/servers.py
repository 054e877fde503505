"""The three embedded servers together, and the environment variables that lead to them."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from core.embedded.keys import Keys
from core.embedded.postgres import Postgres
from core.embedded.processes import CannotStart, Guardian, Process, stop_together
from core.embedded.state import StateFolder
from core.embedded.storage import BUCKET, REGION, Storage
from core.embedded.valkey import Valkey

type Server = Postgres | Valkey | Storage


class Servers:
    """PostgreSQL, Valkey and SeaweedFS on one state folder, less those that ``variables`` lead elsewhere."""

    def __init__(
        self,
        state: StateFolder,
        *,
        variables: Mapping[str, str],
        durable: bool = True,
        lock: int | None = None,
    ) -> None:
        """Prepare the servers. ``durable`` says that data must survive a crash of the machine.

        :raises CannotStart: the folder cannot be written, the disk is full, or S3 is set half.
        """
        state.make()
        self.state = state
        self.variables = variables
        self.keys = state.keys()
        self.guardian = Guardian(lock=lock)
        self.postgres = Postgres(state, self.keys, self.guardian, durable=durable)
        self.valkey = Valkey(state, self.keys, self.guardian)
        self.storage = Storage(state, self.keys, self.guardian, durable=durable)

    def wanted(self) -> list[Server]:
        """Give the servers to start, the slowest to come up first."""
        check_storage_variables(self.variables)
        servers: list[tuple[str, Server]] = [
            ("S3_ENDPOINT_URL", self.storage),
            ("DATABASE_URL", self.postgres),
            ("BROKER_URL", self.valkey),
        ]
        return [server for name, server in servers if not self.variables.get(name)]

    def start(self, *, say: Callable[[str], None] = lambda line: None) -> None:
        """Start what is wanted and return when all answer; ``say`` hears one line for each server.

        :raises CannotStart: one does not come up; the others are stopped again.
        """
        began = time.monotonic()
        try:
            for server in self.wanted():
                server.launch()
            for server in self.wanted():
                server.wait()
                seconds = time.monotonic() - began
                say(f"{describe(server)} answers on 127.0.0.1:{server.port} ({seconds:.1f} s).")
        except BaseException:
            self.stop()
            raise

    def processes(self) -> list[Process]:
        """Give the processes of the started servers."""
        servers: list[Server] = [self.postgres, self.valkey, self.storage]
        return [server.process for server in servers if server.process]

    def stop(self) -> None:
        """Stop the servers, and with them the guardian."""
        stop_together(self.processes())
        self.guardian.close()

    def environment(self) -> dict[str, str]:
        """Give the variables that lead to the servers and keys; what is set already is kept."""
        return environment(
            state=self.state,
            keys=self.keys,
            variables=self.variables,
            addresses={
                "DATABASE_URL": self.postgres.url,
                "BROKER_URL": self.valkey.url,
                "S3_ENDPOINT_URL": self.storage.url if self.storage.ports else "",
            },
        )

    def overview(self) -> dict[str, dict[str, int]]:
        """Give port and process id of each started server."""
        return {
            server.title: {"port": server.port, "pid": server.process.pid} for server in self.wanted() if server.process
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def environment(
    *, state: StateFolder, keys: Keys, variables: Mapping[str, str], addresses: Mapping[str, str]
) -> dict[str, str]:
    """Give every variable that the settings read, for a development machine; ``variables`` go before ours."""
    ours = {
        **addresses,
        "S3_BUCKET": BUCKET,
        "S3_ACCESS_KEY_ID": keys.s3_access_key_id,
        "S3_SECRET_ACCESS_KEY": keys.s3_secret_access_key,
        "S3_REGION": REGION,
        "SECRET_KEY": keys.secret_key,
        "MONOQL_SECRETS_KEY": keys.secrets_key,
        "MONOQL_PERSON_KEY": keys.person_key,
        "MONOQL_SIGNING_KEY": keys.signing_key,
        "MONOQL_DEVELOPMENT": "1",
        "MAIL_FOLDER": str(state.mail),
        "PUBLIC_URL": f"http://localhost:{variables.get('PORT') or 8000}",
        "JOB_LEASE_SECONDS": "15",
        # boto3 would ask the address of a cloud machine for credentials where it finds none.
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return {name: variables.get(name) or text for name, text in ours.items()}


def check_storage_variables(variables: Mapping[str, str]) -> None:
    """Refuse an object storage that is set half.

    :raises CannotStart: an address without bucket and keys.
    """
    missing = [name for name in ("S3_BUCKET", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY") if not variables.get(name)]
    if variables.get("S3_ENDPOINT_URL") and missing:
        raise CannotStart(f"S3_ENDPOINT_URL is set, so {', '.join(missing)} must be set too.")


def describe(server: Server) -> str:
    """Give the server's name, and PostgreSQL's version, which decides whether data can be read."""
    return f"{server.title} {server.version}" if isinstance(server, Postgres) else server.title
