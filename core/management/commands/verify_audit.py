"""``manage.py verify_audit``: does the audit trail still say what was sealed?"""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.core.management.base import BaseCommand, CommandError

from core.audit_verification import Verification

MOST_SHOWN = 1_000


class Command(BaseCommand):
    """Follows the chain of seals from its beginning, against the events and against the seals in object storage."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        """Name every deviation and end with an error; without one say how much was verified."""
        verification, count = Verification(), 0
        try:
            for count, finding in enumerate(verification.findings(), start=1):
                if count <= MOST_SHOWN:
                    self.stderr.write(f"{finding.kind}: {finding.text}")
        except (BotoCoreError, ClientError, OSError) as error:
            raise CommandError(
                f"Object storage does not answer ({type(error).__name__}), so the kept seals cannot be compared."
            ) from error
        if count > MOST_SHOWN:
            self.stderr.write(f"… and {count - MOST_SHOWN:,} more.")
        for line in summary(verification):
            self.stdout.write(line)
        if count:
            raise CommandError(f"The audit trail deviates in {count:,} places.")
        self.stdout.write("OK: the audit trail is what was sealed.")


def summary(verification: Verification) -> list[str]:
    """What was verified, in plain sentences."""
    lines = [f"{verification.sealed:,} events are sealed; {verification.waiting:,} wait for the next tick."]
    if verification.last is not None:
        lines.append(f"The last seal is {verification.last.hash.hex()} at position {verification.last.position}.")
    kept = verification.last_kept
    if kept is not None:
        lines.append(f"Object storage keeps {verification.heads:,} seals, the last one of position {kept.position}.")
    elif verification.last is not None:
        lines.append("Object storage keeps no seal: the end of the chain stands on the database alone.")
    return lines
