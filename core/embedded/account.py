"""Whose rights PostgreSQL gets when we are root, which it refuses to be."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int


def ordinary_account(data: Path) -> Account | None:
    """Give the account that runs PostgreSQL on this data folder; None where we are an ordinary user already.

    Data that exist keep their owner; new data belong to ``postgres``, or to ``nobody`` where there is none.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat().st_uid) != 0:
        return account_of(pwd.getpwuid(owner))
    for name in ("postgres", "nobody"):
        try:
            return account_of(pwd.getpwnam(name))
        except KeyError:
            continue
    return Account(name="65534", uid=65534, gid=65534)


def account_of(entry: pwd.struct_passwd) -> Account:
    """Give a line of the user database as an account."""
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def can_enter(folder: Path, account: Account) -> bool:
    """Whether the account may enter the folder; tried for real, as access lists and mounts have a say too."""
    try:
        attempt = subprocess.run(
            ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)],
            cwd="/",
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except PermissionError:  # Root without the right to change its user, as in some containers.
        return False
    return attempt.returncode == 0
