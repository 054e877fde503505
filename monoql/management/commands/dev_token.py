"""``manage.py dev_token``: a token of the development issuer."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from monoql.dev_issuer import NotInDevelopment, mint
from viewers.issuers import KINDS


class Command(BaseCommand):
    """Prints an access or id token for a subject, good for five minutes."""

    help = "Print a token of the development issuer for POST /api/v1/auth/."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Say for whom."""
        parser.add_argument("--subject", required=True, help="who the token is about, as in fan-1")
        parser.add_argument("--kind", choices=KINDS, default=KINDS[0])

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the token."""
        try:
            self.stdout.write(mint(subject=options["subject"], kind=options["kind"], now=timezone.now()))
        except NotInDevelopment as refusal:
            raise CommandError(str(refusal)) from refusal
