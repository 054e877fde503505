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
        parser.add_argument("--campaign", help="the same")

    def handle(self, *args: Any, domain: str | None, campaign: str | None, **options: Any) -> None:
        """Recount, and end with an error where something deviates."""
        named = campaign or domain
        campaigns = list(Campaign.objects.filter(**({"domain": named} if named else {})).order_by("pk"))
        if named and not campaigns:
            raise CommandError(f"There is no campaign with the domain {named}.")
        deviations = inventory.verify(campaigns)
        for deviation in deviations:
            self.stderr.write(f"{deviation.what}: {deviation.found:,} instead of {deviation.expected:,}")
        if deviations:
            raise CommandError("The inventory deviates.")
        counts = inventory.counts_by_campaign(campaigns)
        sums = {state: sum(row[state] for row in counts.values()) for state in inventory.STATES}
        self.stdout.write("Every pool adds up: " + ", ".join(f"{count:,} {state}" for state, count in sums.items()))
