"""Become another program that dies with its parent: ``launch.py PARENT SIGNAL UID GID FOLDER PROGRAM …``.

This runs as a script of its own, on the standard library alone, because the steps below are not safe between
fork and exec of a process with threads. UID and GID are ``-`` where the account stays.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # From linux/prctl.h.


def become(arguments: list[str]) -> None:
    """Drop privileges, tie this process to its parent, and replace it by the program."""
    parent, farewell, uid, gid, folder, *command = arguments
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    # Changing the account clears the setting, so it comes after that; the exec below keeps it.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(farewell))
    if os.getppid() != int(parent):
        sys.exit("The process that wanted this one is gone.")
    os.chdir(folder)
    os.execv(command[0], command)  # noqa: S606  No shell is wanted.


if __name__ == "__main__":
    try:
        become(sys.argv[1:])
    except OSError as error:
        sys.exit(f"{sys.argv[6]} could not be run: {error.strerror}.")
