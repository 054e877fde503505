"""End what a killed process left behind: reads process groups from standard input, ends them at its end.

A pipe's end is the one sign of death that every system gives, even after ``kill -9``, and a process group
also reaches grandchildren (Celery's pool, granian's workers), which Linux's parent-death signal does not.
One JSON line each: ``{"watch": group, "farewell": [[signal, seconds], …]}``, ``{"forget": group}``, or
``{"delete": path}`` for what nobody wants afterwards.

Runs as a script of its own, on the standard library alone. Its optional argument is the descriptor of the
state folder's lock: kept open, it holds the lock until the last process is gone.
"""

import json
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from typing import BinaryIO

Farewell = list[tuple[int, float]]


def is_alive(group: int) -> bool:
    """Whether the process group has a member left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def send(group: int, number: int) -> None:
    """Send a signal to the group, if it is still there."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def read_orders(stream: BinaryIO) -> tuple[dict[int, Farewell], list[str]]:
    """Follow the stream to its end; give the groups that were not forgotten until then, and what to delete."""
    groups: dict[int, Farewell] = {}
    paths: list[str] = []
    for line in stream:
        message = json.loads(line)
        if "watch" in message:
            groups[message["watch"]] = [(int(number), float(seconds)) for number, seconds in message["farewell"]]
        elif "delete" in message:
            paths.append(message["delete"])
        else:
            groups.pop(message["forget"], None)
    return groups, paths


def end(groups: dict[int, Farewell]) -> None:
    """End all groups at the same time: each signal in turn with its patience in seconds, then SIGKILL."""
    steps = {group: [*farewell, (int(signal.SIGKILL), 2.0)] for group, farewell in groups.items()}
    deadline = dict.fromkeys(steps, 0.0)
    while steps:
        for group in list(steps):
            if not is_alive(group):
                del steps[group]
            elif time.monotonic() >= deadline[group]:
                if not steps[group]:
                    del steps[group]
                    continue
                number, seconds = steps[group].pop(0)
                send(group, number)
                deadline[group] = time.monotonic() + seconds
        time.sleep(0.05)


def delete(path: str) -> None:
    """Delete a file or a folder, if it is there."""
    if os.path.isdir(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            os.unlink(path)


def main() -> None:
    """Wait for the end of the pipe, then clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups, paths = read_orders(sys.stdin.buffer)
    if len(sys.argv) > 1:
        # An empty lock file says: its owner is gone, what is left ends by itself.
        os.ftruncate(int(sys.argv[1]), 0)
    end(groups)
    for path in paths:
        delete(path)


if __name__ == "__main__":
    main()
