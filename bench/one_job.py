"""Runs one job in a process that does nothing else, and says how much memory it had: idle, then at its peak."""

import sys
from pathlib import Path


def main(label: str, pk: str) -> None:
    """Print the bytes of the process before the job and at its peak, a line each."""
    import django

    django.setup()
    from core import jobs, storage
    from waves.models import Wave

    # What any worker has done before: spoken to the database and to storage, and loaded what that takes.
    Wave.objects.exists()
    storage.put("bench/idle", b"x" * 2**20)
    with (Path(__file__)).open("rb") as file:
        storage.put_file("bench/idle", file)
    print(_memory("VmRSS"), flush=True)
    jobs.run(label, pk)
    print(_memory("VmHWM"), flush=True)


def _memory(name: str) -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main(*sys.argv[1:])
