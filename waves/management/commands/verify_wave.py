"""``manage.py verify_wave``: whether the rows, stored files, hashes and statuses of waves agree."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from campaigns.models import Campaign
from waves import verification
from waves.models import Wave
from waves.verification import Deviation


class Command(BaseCommand):
    """Verifies one wave, the waves of a campaign, or all, and names every deviation."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the wave or the campaign."""
        parser.add_argument("wave", nargs="?", help="<campaign domain>/<dateKey>; all waves without it")
        parser.add_argument("--campaign", metavar="DOMAIN", help="all waves of one campaign, and its inventory")
        parser.add_argument(
            "--run-again", action="store_true", help="draw again too, with the outsiders' file; it takes more memory"
        )

    def handle(self, *args: Any, wave: str | None, campaign: str | None, run_again: bool, **options: Any) -> None:
        """Verify, and end with an error where something deviates."""
        waves, deviations = 0, 0
        for count, found in _verified(wave, campaign, run_again=run_again):
            waves += count
            deviations += len(found)
            for deviation in found:
                self.stderr.write(str(deviation))
        if deviations:
            raise CommandError(f"{deviations:,} deviations in {waves:,} waves.", returncode=1)
        self.stdout.write(f"Everything agrees in {waves:,} waves.")


def _verified(wave: str | None, domain: str | None, *, run_again: bool) -> Iterator[tuple[int, list[Deviation]]]:
    """The number of waves that were verified, and the deviations, campaign by campaign.

    :raises CommandError: there is no such wave or campaign.
    """
    if wave is not None:
        of, _, key = wave.partition("/")
        found = Wave.objects.filter(campaign__domain=of, date_key=key).first()
        if found is None or domain is not None:
            raise CommandError(f"There is no wave {wave}. Name one as <campaign domain>/<dateKey>, or a --campaign.")
        yield 1, verification.verify_wave(found, run_again=run_again)
        return
    campaigns = list(Campaign.objects.filter(**({"domain": domain} if domain else {})).order_by("pk"))
    if domain and not campaigns:
        raise CommandError(f"There is no campaign with the domain {domain}.")
    for campaign in campaigns:
        yield campaign.waves.count(), verification.verify_campaign(campaign, run_again=run_again)
