"""``manage.py verify_inventory``: recount every pool from its rows."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from campaigns.models import Campaign
from codes import inventory


class Command(BaseCommand):
    """Recounts the codes of all campaigns, or of one, and names every deviation."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the campaign."""
        parser.add_argument("domain", nargs="?", help="a campaign's domain; all campaigns without it")

    def handle(self, *args: Any, domain: str | None, **options: Any) -> None:
        """Recount, and end with an error where something deviates."""
        campaigns = Campaign.objects.filter(domain=domain) if domain else Campaign.objects.all()
        deviations = inventory.verify(list(campaigns.order_by("pk")))
        for deviation in deviations:
            self.stderr.write(f"{deviation.what}: {deviation.found:,} instead of {deviation.expected:,}")
        if deviations:
            raise CommandError("The inventory deviates.")
        self.stdout.write("Every pool adds up.")
