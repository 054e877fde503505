"""The embedded servers and what keeps them: real servers, real processes, real signals."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from core.embedded import supervisor
from core.embedded.command import development_environment, needs_servers
from core.embedded.processes import (
    CannotStart,
    Guardian,
    Process,
    Program,
    stop_together,
    wait_until_ready,
)
from core.embedded.reset import reset
from core.embedded.servers import Servers
from core.embedded.state import PROJECT, StateFolder, StateInUse
from tests.servers import EXTERNAL, KEYS, OwnServers, temporary_folder


@pytest.fixture
def state(request: pytest.FixtureRequest) -> StateFolder:
    """An empty state folder."""
    return StateFolder(temporary_folder(request.addfinalizer))


@pytest.fixture
def guardian() -> Iterator[Guardian]:
    """A guardian of the test's own."""
    guardian = Guardian()
    yield guardian
    guardian.close()


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch, state: StateFolder) -> None:
    """The environment of a newcomer's shell, with a state folder of the test's own."""
    for name in (*EXTERNAL, *KEYS, "S3_BUCKET", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "MAIL_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MONOQL_STATE", str(state.path))


def shell(guardian: Guardian, log: Path, script: str, *, patience: float = 5.0) -> Process:
    """Give a shell script as a process."""
    program = Program(
        title="The script",
        command=("/bin/sh", "-c", script),
        log=log,
        variables={"PATH": os.defpath},
        farewell=((signal.SIGTERM, patience),),
    )
    return Process(program, guardian)


def run_python(*words: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the project as a person would."""
    return subprocess.run(
        [sys.executable, *words], cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False
    )


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be noted by its parent does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    try:
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: Callable[[], bool], *, seconds: float = 15) -> bool:
    """Give whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_data_outlive_a_stop_and_no_process_does(state: StateFolder) -> None:
    with Servers(state, variables={}) as first:
        with psycopg.connect(first.postgres.url) as connection:
            connection.execute("CREATE TABLE kept (word text)")
            connection.execute("INSERT INTO kept VALUES ('ünïcode')")
        first.storage.client.put_object(Bucket="monoql", Key="kept", Body=b"bytes")
        pids = [process.pid for process in first.processes()]

    assert len(pids) == 3
    assert not any(map(is_alive, pids))
    with Servers(state, variables={}) as second:
        with psycopg.connect(second.postgres.url) as connection:
            assert connection.execute("SELECT upper(word), current_setting('fsync') FROM kept").fetchall() == [
                ("ÜNÏCODE", "on")
            ]
        assert second.storage.client.get_object(Bucket="monoql", Key="kept")["Body"].read() == b"bytes"


def test_nothing_outlives_a_parent_that_is_killed(state: StateFolder) -> None:
    script = f"""
        import time
        from pathlib import Path
        from core.embedded.servers import Servers
        from core.embedded.state import StateFolder
        from tests.core.test_embedded import shell
        state = StateFolder(Path({str(state.path)!r}))
        with state.claimed("a test") as lock:
            servers = Servers(state, variables={{}}, durable=False, lock=lock)
            servers.guardian.delete_in_the_end(state.path / "storage")
            servers.start()
            script = "trap '' TERM; sleep 600 & echo $!; wait"
            deaf = shell(servers.guardian, state.logs / "deaf.log", script, patience=0.2)
            deaf.start()
            while not deaf.said().strip():
                time.sleep(0.05)
            print(servers.guardian.process.pid, deaf.pid, deaf.said().strip(), end=" ")
            print(*(process.pid for process in servers.processes()))
            print("ready", flush=True)
            time.sleep(600)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        try:
            pids = [int(word) for word in parent.stdout.readline().split()]
            assert parent.stdout.readline() == "ready\n"
            assert len(pids) == 6
            assert all(map(is_alive, pids))
        finally:
            parent.kill()

        with state.claimed("the next start"):  # Waits for what the killed one left.
            assert not any(map(is_alive, pids[1:]))
            assert not (state.path / "storage").exists()
            assert (state.path / "postgres").exists()
        assert wait_for(lambda: not is_alive(pids[0]))


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_linux_ends_a_child_even_without_a_guardian(tmp_path: Path) -> None:
    script = f"""
        from pathlib import Path
        from core.embedded.processes import Guardian
        from tests.core.test_embedded import shell
        guardian = Guardian()
        child = shell(guardian, Path({str(tmp_path / "log")!r}), "exec sleep 600")
        child.start()
        guardian.process.kill()
        guardian.process.wait()
        print(child.pid, flush=True)
        input()
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)

        parent.kill()

    assert wait_for(lambda: not is_alive(child))


def test_a_fault_test_kills_a_server_and_starts_it_again(own_servers: OwnServers) -> None:
    servers = own_servers()
    address = servers.postgres.url
    assert servers.postgres.process is not None
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TABLE committed AS SELECT 1 AS one")

    servers.postgres.process.kill()
    servers.postgres.launch()
    servers.postgres.wait()

    assert servers.postgres.url == address
    with psycopg.connect(address) as connection:
        assert connection.execute("SELECT one FROM committed").fetchone() == (1,)


def test_what_is_set_outside_is_not_started(state: StateFolder) -> None:
    outside = {"DATABASE_URL": "postgresql://db/x", "S3_ENDPOINT_URL": "https://s3", "PORT": "8123"}
    outside |= {"S3_BUCKET": "b", "S3_ACCESS_KEY_ID": "k", "S3_SECRET_ACCESS_KEY": "s"}

    with Servers(state, variables=outside, durable=False) as servers:
        variables = servers.environment()

        assert list(servers.overview()) == ["Valkey"]
        assert variables["DATABASE_URL"] == "postgresql://db/x"
        assert variables["S3_BUCKET"] == "b"
        assert variables["BROKER_URL"] == servers.valkey.url
        assert variables["PUBLIC_URL"] == "http://localhost:8123"


def test_half_a_storage_is_refused(state: StateFolder) -> None:
    servers = Servers(state, variables={"S3_ENDPOINT_URL": "https://s3", "S3_BUCKET": "b"})

    with pytest.raises(CannotStart, match="S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY must be set too"):
        servers.start()


def test_data_of_another_version_are_named_and_kept(state: StateFolder) -> None:
    servers = Servers(state, variables={"BROKER_URL": "x"}, durable=False)
    data = state.path / "postgres"
    data.mkdir()
    (data / "PG_VERSION").write_text("17\n")

    with pytest.raises(CannotStart, match="written by PostgreSQL 17, and this is PostgreSQL 18"):
        servers.start()

    assert (data / "PG_VERSION").read_text() == "17\n"
    assert not any(process.is_running() for process in servers.processes())


def test_keys_that_do_not_fit_the_data_are_told(state: StateFolder) -> None:
    others = {"BROKER_URL": "x", "S3_ENDPOINT_URL": "x", "S3_BUCKET": "x"}
    others |= {"S3_ACCESS_KEY_ID": "x", "S3_SECRET_ACCESS_KEY": "x"}
    with Servers(state, variables=others, durable=False):
        pass
    (state.path / "keys.json").unlink()
    servers = Servers(state, variables=others, durable=False)

    with pytest.raises(CannotStart, match="do not open the database beside them"):
        servers.start()


def test_a_full_disk_is_told_before_anything_starts(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(state.path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=5_000_000))

    with pytest.raises(CannotStart, match="5 MB are free, 1000 MB are needed"):
        Servers(state, variables={})


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo bad port; exit 3", "The script ended at once. The end of .*:\n    bad port"),
        ("echo No space left on device; exit 1", "The disk is full, so The script cannot write"),
        ("echo thinking; exec sleep 60", "did not come up within 1 s.*\n    thinking"),
    ],
)
def test_a_server_that_does_not_come_up_shows_the_end_of_its_log(
    guardian: Guardian, tmp_path: Path, script: str, sentence: str
) -> None:
    (tmp_path / "log").write_text("of an earlier run\n")
    process = shell(guardian, tmp_path / "log", script)
    process.start()

    with pytest.raises(CannotStart, match=sentence) as refusal:
        wait_until_ready(process, lambda: False, seconds=1)

    assert "earlier run" not in str(refusal.value)
    stop_together([process])


def test_a_program_deaf_to_its_farewell_is_killed_with_its_children(guardian: Guardian, tmp_path: Path) -> None:
    process = shell(guardian, tmp_path / "log", "trap '' TERM; sleep 600 & echo $!; wait", patience=0.2)
    process.start()
    assert wait_for(lambda: process.said().strip() != "")
    child = int(process.said())

    stop_together([process])

    assert process.exit_code() == -signal.SIGKILL
    assert wait_for(lambda: not is_alive(child))


def test_a_program_that_ends_is_started_again_after_a_growing_pause(guardian: Guardian, tmp_path: Path) -> None:
    process = shell(guardian, tmp_path / "log", "exit 7")
    watched = supervisor.Watched(process)
    process.start()
    assert wait_for(lambda: not process.is_running())
    now = time.monotonic()

    assert "ended (exit code 7) and is started again in 1 s" in watched.look(now=now)
    assert watched.look(now=now + 0.5) == ""
    assert watched.look(now=now + 1.1) == "The script runs again."
    assert wait_for(lambda: not process.is_running())
    assert "started again in 2 s" in watched.look(now=now + 1.2)


def test_a_second_run_on_the_same_data_is_refused(state: StateFolder) -> None:
    with state.claimed("make run"):
        with (
            pytest.raises(StateInUse, match=rf"in use already by 'make run' \(process {os.getpid()}\)"),
            state.claimed("make run"),
        ):
            pass
        with pytest.raises(StateInUse):
            reset(state)

    with state.claimed("make run"):
        pass


@pytest.mark.usefixtures("bare_environment")
def test_a_taken_port_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))

        ended = run_python("-m", "core.embedded")

    assert ended.returncode == 1
    assert ended.stderr == f"Port {port} is taken; choose another one: PORT=8001 make run.\n"


@pytest.mark.parametrize("text", ["web", "0", "65536", "-1"])
def test_a_port_must_be_a_port(text: str) -> None:
    with pytest.raises(CannotStart, match="must be a number from 1 to 65535"):
        supervisor.wanted_port({"PORT": text})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", False),
        ("help migrate", False),
        ("migrate --help", False),
        ("check --fail-level WARNING", False),
        ("spectacular", False),
        ("migrate", True),
        ("demo --fans 20", True),
        ("--traceback shell", True),
    ],
)
def test_only_commands_that_ask_the_database_start_servers(line: str, expected: bool) -> None:
    assert needs_servers(line.split()) is expected


@pytest.mark.usefixtures("bare_environment")
def test_manage_works_on_its_own(state: StateFolder) -> None:
    ended = run_python("manage.py", "showmigrations", "contenttypes")

    assert ended.returncode == 0, ended.stderr
    assert "[ ] 0001_initial" in ended.stdout
    assert ended.stderr.startswith("Starting the embedded servers for this command")
    assert state.owner() is None
    assert not state.servers_file.exists()


@pytest.mark.usefixtures("bare_environment")
def test_a_command_finds_the_servers_that_run(state: StateFolder) -> None:
    with (
        development_environment(state, ["migrate"]) as first,
        development_environment(state, ["shell"]) as second,
    ):
        assert second == first
        assert state.servers_file.stat().st_mode & 0o777 == 0o600
        with psycopg.connect(second["DATABASE_URL"]):
            pass


@pytest.mark.usefixtures("bare_environment")
def test_a_command_that_asks_nobody_gets_addresses_where_nobody_is(state: StateFolder) -> None:
    with development_environment(state, ["check"]) as variables:
        assert variables["DATABASE_URL"].endswith("@127.0.0.1:9/nothing")
        assert len(bytes.fromhex(variables["MONOQL_SIGNING_KEY"])) == 32
    assert not (state.path / "postgres").exists()


def test_reset_forgets_the_data_and_keeps_the_browser(state: StateFolder) -> None:
    state.make()
    state.keys()
    (state.path / "browser").mkdir()
    (state.path / "postgres" / "base").mkdir(parents=True)

    assert reset(state) == [f"Deleted from {state.path}: keys.json, log, mail, postgres."]

    assert sorted(path.name for path in state.path.iterdir()) == ["browser", "lock"]
