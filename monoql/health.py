"""Health: ``/healthz`` answers as soon as the process serves, ``/readyz`` tells its dependencies apart."""

from collections.abc import Callable

import structlog
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from kombu import Connection

from core import storage

log = structlog.get_logger(__name__)


class HealthMiddleware:
    """Answers the two probes before anything that needs a database, a session or a known host."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a probe, or pass the request on."""
        if request.path == "/healthz":
            return HttpResponse("ok\n", content_type="text/plain")
        if request.path == "/readyz":
            return readiness()
        return self.get_response(request)


def readiness() -> JsonResponse:
    """200 when everything answers, else 503; each part says ``ok`` or what is wrong."""
    parts = {
        name: _state(check)
        for name, check in {
            "database": _database,
            "migrations": _migrations,
            "broker": _broker,
            "storage": storage.is_reachable,
        }.items()
    }
    is_ready = all(state == "ok" for state in parts.values())
    return JsonResponse(parts, status=200 if is_ready else 503)


def _state(check: Callable[[], object]) -> str:
    try:
        return "ok" if check() else "not applied"
    except Exception as error:
        # A probe reports whatever is wrong; the address or password in a message stays in the log's type name.
        log.warning("not_ready", check=check.__name__, error=type(error).__name__)
        return f"does not answer ({type(error).__name__})"


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def _migrations() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _broker() -> bool:
    with Connection(settings.BROKER_URL, connect_timeout=2) as broker:
        broker.ensure_connection(max_retries=1, timeout=2)
    return True
