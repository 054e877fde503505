"""What may be told of an error: in a job's row, in an alert, in the log."""

import traceback
from smtplib import SMTPException

from botocore.exceptions import BotoCoreError, ClientError
from kombu.exceptions import OperationalError

MACHINE_ERRORS = (OSError, BotoCoreError, ClientError, OperationalError)
"""Errors whose texts speak of machines and files; a mail server's refusals, though, quote addresses."""


def describe(error: Exception) -> str:
    """An error in one line that quotes no value: a text may hold a fan's name or a code.

    Of the database's errors those of class 22 quote what they could not read; others than those of machines and
    networks may quote anything, so only their kind is told. Where it was raised stands in the log.
    """
    cause = error.__cause__
    diag = getattr(cause, "diag", None) or getattr(error, "diag", None)
    if diag is not None and diag.message_primary:
        is_quoting = (diag.sqlstate or "").startswith("22")
        return f"{type(error).__name__} {diag.sqlstate}" + ("" if is_quoting else f": {diag.message_primary}")
    if isinstance(error, MACHINE_ERRORS) and not isinstance(error, SMTPException):
        return f"{type(error).__name__}: {str(error)[:200]}"
    return type(error).__name__


def where(error: Exception) -> str:
    """The last four places that an error came through, the one where it was raised first."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno}" for frame in reversed(frames[-4:]))
