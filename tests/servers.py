"""A pytest plugin: one set of embedded servers for a test run, apart from those of ``make run``.

The controller starts them before Django reads its settings, and the workers of pytest-xdist inherit their
addresses. Each worker has its own database (pytest-django), Valkey database, queue prefix and bucket.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import pytest

from core.embedded.processes import CannotStart
from core.embedded.servers import Servers
from core.embedded.state import StateFolder
from core.embedded.storage import make_bucket, storage_client

type AddCleanup = Callable[[Callable[[], None]], None]

EXTERNAL = ("DATABASE_URL", "BROKER_URL", "S3_ENDPOINT_URL")
KEYS = {
    "SECRET_KEY": "a key for tests alone, the same in each run",
    "MONOQL_SECRETS_KEY": "dGVzdHMgYWxvbmUsIG5vdGhpbmcgaXMgc2VjcmV0ISE=",
    "MONOQL_PERSON_KEY": "01" * 32,
    "MONOQL_SIGNING_KEY": "02" * 32,
}
"""Known keys, so that a failing test fails in the same way again."""


class OwnServers(Protocol):
    """Starts a set of servers that a test may stop, flush or kill."""

    def __call__(self, *, durable: bool = True) -> Servers:
        """Give running servers; they are stopped when the test ends."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    """Have the servers running before pytest-django loads the settings, which read their addresses."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        try:
            start_for_the_run(early_config)
        except CannotStart as refusal:
            raise pytest.UsageError(str(refusal)) from None
    claim_a_share(os.environ.get("PYTEST_XDIST_WORKER", "main"))
    return (yield)


def start_for_the_run(config: pytest.Config) -> None:
    """Start the servers of this run and lead the environment to them; they end with pytest."""
    os.environ.update({name: os.environ.get(name) or text for name, text in KEYS.items()})
    # Links in mails and pages are compared to the letter, whatever PORT `make run` would take.
    os.environ["PUBLIC_URL"] = "http://localhost:8000"
    given = [name for name in EXTERNAL if os.environ.get(name)]
    servers = temporary_servers(config.add_cleanup, variables=os.environ, durable=False)
    servers.start()
    os.environ.update(servers.environment())
    os.environ["MONOQL_TESTS_MAIL"] = str(servers.state.mail)
    os.environ["MONOQL_TESTS_GIVEN"] = " ".join(given)
    os.environ["MONOQL_TESTS_BUCKET"] = os.environ["S3_BUCKET"]


def claim_a_share(worker: str) -> None:
    """Keep this worker's queues, objects and mails apart from the other workers'."""
    given = os.environ["MONOQL_TESTS_GIVEN"].split()
    os.environ["MONOQL_QUEUE_PREFIX"] = f"tests-{worker}-"
    os.environ["S3_BUCKET"] = f"{os.environ['MONOQL_TESTS_BUCKET']}-{worker}"
    os.environ["MAIL_FOLDER"] = str(Path(os.environ["MONOQL_TESTS_MAIL"], worker))
    Path(os.environ["MAIL_FOLDER"]).mkdir(exist_ok=True)
    if "BROKER_URL" not in given:
        number = int(worker.removeprefix("gw")) + 1 if worker.startswith("gw") else 0
        os.environ["BROKER_URL"] = urlunsplit(urlsplit(os.environ["BROKER_URL"])._replace(path=f"/{number}"))
    client = storage_client(
        url=os.environ["S3_ENDPOINT_URL"],
        key_id=os.environ["S3_ACCESS_KEY_ID"],
        secret=os.environ["S3_SECRET_ACCESS_KEY"],
    )
    make_bucket(client, os.environ["S3_BUCKET"])


def temporary_servers(add_cleanup: AddCleanup, *, variables: Mapping[str, str], durable: bool) -> Servers:
    """Give servers on a folder that is deleted when they have ended, even when pytest was killed."""
    state = StateFolder(temporary_folder(add_cleanup))
    servers = Servers(state, variables=variables, durable=durable)
    add_cleanup(servers.stop)
    for folder in (state.path, state.outside):
        servers.guardian.delete_in_the_end(folder)
    return servers


def temporary_folder(add_cleanup: AddCleanup) -> Path:
    """Make a folder that PostgreSQL's account may enter, and that is deleted at the cleanup."""
    folder = Path(tempfile.mkdtemp(prefix="monoql-tests-"))
    folder.chmod(0o755)

    def delete() -> None:
        for path in (StateFolder(folder).outside, folder):
            shutil.rmtree(path, ignore_errors=True)

    add_cleanup(delete)
    return folder


@pytest.fixture
def own_servers(request: pytest.FixtureRequest) -> OwnServers:
    """Start servers of the test's own, durable unless asked otherwise: ``own_servers().environment()``."""

    def start(*, durable: bool = True) -> Servers:
        servers = temporary_servers(request.addfinalizer, variables={}, durable=durable)
        servers.start()
        return servers

    return start


def is_skipped_browser_test(report: object) -> bool:
    """Whether a report tells of a test that wanted a Chromium and was skipped."""
    return isinstance(report, pytest.TestReport) and report.skipped and "browser" in report.keywords


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say near the end when browser tests were skipped."""
    skipped = sum(map(is_skipped_browser_test, terminalreporter.stats.get("skipped", [])))
    if skipped:
        tests = "browser tests were" if skipped > 1 else "browser test was"
        terminalreporter.write_line(f"{skipped} {tests} skipped: no Chromium was found.", yellow=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where browser tests must run, as in CI, let a run fail that skipped one."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or os.environ.get("MONOQL_BROWSER_REQUIRED") != "1":
        return
    if any(map(is_skipped_browser_test, reporter.stats.get("skipped", []))):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
