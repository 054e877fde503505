"""``make bench``: start servers of its own, measure, print a table, write bench/report.json.

``SIZE=full`` goes to millions; ``ONLY=`` picks rows by a part of their name; ``ONLY=latency`` prints percentiles
instead, ``ONLY=wave`` each step of a whole wave.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from core.embedded.processes import CannotStart
from core.embedded.servers import Servers
from core.embedded.state import StateFolder

REPORT = Path(__file__).parent / "report.json"


def main() -> int:
    """Run every benchmark on durable servers in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="monoql-bench-") as folder:
        Path(folder).chmod(0o755)
        try:
            with Servers(StateFolder(Path(folder) / "state"), variables=os.environ) as servers:
                os.environ.update(servers.environment())
                os.environ["DJANGO_SETTINGS_MODULE"] = "bench.settings"
                os.environ["LOG_LEVEL"] = "WARNING"
                return measure()
        except CannotStart as refusal:
            print(refusal, file=sys.stderr)
            return 1


def measure() -> int:
    """Migrate, measure, report."""
    import django

    django.setup()
    from django.core.management import call_command

    from bench import inventory, mailing, preparing, recording, registering, triggering, uploading, waves
    from bench.rows import Row, table

    call_command("migrate", verbosity=0)
    is_full = os.environ.get("SIZE") == "full"
    entries = 3_500_000 if is_full else 350_000
    uploaded = 2_000_000 if is_full else 200_000
    assigned = 1_500_000 if is_full else 150_000
    only = os.environ.get("ONLY", "")
    rows = []
    mails = 100_000 if is_full else 10_000
    benchmarks: dict[str, Callable[[], list[Row]]] = {
        "registering": registering.measure,
        "recording": recording.measure,
        "uploading": lambda: uploading.measure(uploaded),
        "inventory": lambda: inventory.measure(assigned),
        "preparing": lambda: preparing.measure(entries),
        "mailing": lambda: mailing.measure(mails),
        "triggering": triggering.measure,
    }
    if only == "latency":
        registering.measure_latency()
        return 0
    if only == "wave":
        waves.measure()
        return 0
    for name, benchmark in benchmarks.items():
        if only in name:
            rows += benchmark()
    print(table(rows))
    REPORT.write_text(json.dumps([row.__dict__ for row in rows], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
