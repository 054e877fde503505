"""The state folder ``.data/`` of a development machine: its user, its keys, its logs, its servers."""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.embedded.files import read_json, write_private
from core.embedded.keys import Keys, read_or_make_keys
from core.embedded.processes import CannotStart

PROJECT = Path(__file__).resolve().parent.parent.parent
NEEDED_BYTES = 1_000_000_000
"""Free space without which nothing is started; an empty installation writes a tenth of it."""
OUTSIDE = Path("/var/lib/monoql")
CLEANUP_SECONDS = 20.0
"""How long the servers of a killed run may take to end."""


class StateInUse(CannotStart):
    """Another process runs servers on this state folder."""


@dataclass(frozen=True)
class StateFolder:
    """A folder that holds all that a development machine or a test run keeps."""

    path: Path

    @property
    def logs(self) -> Path:
        """Folder of the logs, one for each program."""
        return self.path / "log"

    @property
    def mail(self) -> Path:
        """Folder where mails are kept as files."""
        return self.path / "mail"

    @property
    def servers_file(self) -> Path:
        """Ports, passwords and process ids of the running servers."""
        return self.path / "servers.json"

    @property
    def outside(self) -> Path:
        """Where PostgreSQL's part lies when root starts it below a folder that nobody else may enter."""
        return OUTSIDE / hashlib.sha256(str(self.path.resolve()).encode()).hexdigest()[:12]

    def make(self) -> None:
        """Create the folders.

        :raises CannotStart: the disk is read-only, full, or the folder is not ours.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.logs.mkdir(exist_ok=True)
            self.mail.mkdir(exist_ok=True)
            if self.path.stat().st_uid == os.geteuid():
                self.path.chmod(0o755)  # PostgreSQL's account has to pass; secrets have 0600 of their own.
            if not os.access(self.path, os.W_OK | os.X_OK) or not os.access(self.logs, os.W_OK | os.X_OK):
                raise PermissionError(13, "it belongs to another user")
        except OSError as error:
            raise CannotStart(f"The folder {self.path} cannot be written: {error.strerror}.") from error
        free = shutil.disk_usage(self.path).free
        if free < NEEDED_BYTES:
            raise CannotStart(
                f"There is too little room on the disk that holds {self.path}: "
                f"{free // 1_000_000} MB are free, {NEEDED_BYTES // 1_000_000} MB are needed."
            )

    def keys(self) -> Keys:
        """Give the keys and passwords, made at the first call and kept."""
        return read_or_make_keys(self.path / "keys.json")

    @contextmanager
    def claimed(self, purpose: str) -> Iterator[int]:
        """Hold the folder alone and give the descriptor of its lock, to be shared with the guardian.

        :raises StateInUse: another process holds it; what a killed one left gets time to end first.
        """
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._lock(lock)
            try:
                os.ftruncate(lock, 0)
                os.pwrite(lock, json.dumps({"pid": os.getpid(), "purpose": purpose}).encode(), 0)
                self.servers_file.unlink(missing_ok=True)
                yield lock
            finally:
                self.servers_file.unlink(missing_ok=True)
                os.ftruncate(lock, 0)
        finally:
            os.close(lock)

    def _lock(self, lock: int) -> None:
        began = time.monotonic()
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waited = time.monotonic() - began
                owner = read_json(self.path / "lock")
                # The guardian of a killed owner empties the file a moment after the kill.
                if owner and waited > 1:
                    raise StateInUse(
                        f"The servers of {self.path} are in use already by {owner['purpose']!r} "
                        f"(process {owner['pid']}); stop that first."
                    ) from None
                if waited > CLEANUP_SECONDS:
                    raise StateInUse(f"The servers of an earlier run of {self.path} do not end.") from None
                time.sleep(0.1)
            else:
                return

    def owner(self) -> dict[str, Any] | None:
        """Give pid and purpose of the process that runs servers on this folder, None when there is none."""
        try:
            lock = os.open(self.path / "lock", os.O_RDWR)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return read_json(self.path / "lock")
        else:
            return None
        finally:
            os.close(lock)

    def remember_servers(self, servers: Mapping[str, Any], variables: Mapping[str, str]) -> None:
        """Write down the running servers and the environment variables that lead to them."""
        write_private(self.servers_file, {"pid": os.getpid(), "servers": servers, "environment": dict(variables)})

    def running_environment(self) -> dict[str, str] | None:
        """Give the environment variables of the servers that run now; None when there are none.

        Waits while their owner is still starting them.
        """
        deadline = time.monotonic() + 60
        while owner := self.owner():
            servers = read_json(self.servers_file)
            if servers and servers["pid"] == owner["pid"]:
                return dict(servers["environment"])
            if time.monotonic() > deadline:
                return None
            time.sleep(0.1)
        return None

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Use somebody else's running servers; a short-lived owner waits with its stop until we are done."""
        users = self._users()
        try:
            fcntl.flock(users, fcntl.LOCK_SH)
            yield
        finally:
            os.close(users)

    def wait_for_borrowers(self) -> None:
        """Return when nobody borrows our servers any more."""
        users = self._users()
        try:
            fcntl.flock(users, fcntl.LOCK_EX)
        finally:
            os.close(users)

    def _users(self) -> int:
        return os.open(self.path / "users", os.O_RDWR | os.O_CREAT, 0o600)


def development_state() -> StateFolder:
    """Give the state folder of this working copy; MONOQL_STATE leads elsewhere, as tests want it."""
    return StateFolder(Path(os.environ.get("MONOQL_STATE") or PROJECT / ".data").absolute())
