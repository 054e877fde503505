"""``make reset``: forget the data of this working copy."""

import shutil
import sys
from pathlib import Path

from core.embedded.processes import CannotStart
from core.embedded.state import StateFolder, development_state

KEPT = {"browser", "lock", "users"}
"""A downloaded browser is no data, and the lock is ours while we delete."""


def reset(state: StateFolder) -> list[str]:
    """Delete everything in the state folder and give the lines to say.

    :raises CannotStart: a server runs on it, or something cannot be deleted.
    """
    if not state.path.is_dir():
        return ["There are no data to forget."]
    with state.claimed("make reset"):
        doomed = [path for path in sorted(state.path.iterdir()) if path.name not in KEPT]
        if state.outside.exists():
            doomed.append(state.outside)
        for path in doomed:
            delete(path)
    names = ", ".join(path.name if path.parent == state.path else str(path) for path in doomed)
    return [f"Deleted from {state.path}: {names}." if doomed else "There are no data to forget."]


def delete(path: Path) -> None:
    """Delete a file or a folder.

    :raises CannotStart: it belongs to somebody else.
    """
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise CannotStart(f"{path} cannot be deleted: {error.strerror}.") from error


def main() -> int:
    """Reset this working copy; give the exit code."""
    state = development_state()
    print(f"Forgetting the database, files, mails, logs and keys in {state.path}.", flush=True)
    try:
        for line in reset(state):
            print(line)
    except CannotStart as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
