"""``manage.py draw_bundle``: write the files by which a triggered wave's draw can be run again."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import storage
from waves import bundle
from waves.models import Draw


class Command(BaseCommand):
    """Writes the bundle of a triggered or abandoned wave into a folder."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the wave and the folder."""
        parser.add_argument("wave", help="its id, <campaign domain>/<dateKey>, or “latest” for the last triggered")
        parser.add_argument("--out", type=Path, required=True, help="folder for the files; made if it is not there")

    def handle(self, *args: Any, wave: str, out: Path, **options: Any) -> None:
        """Write the files and say where they are."""
        draw = _draw_named(wave)
        out.mkdir(parents=True, exist_ok=True)
        for name, data in bundle.small_files(draw):
            (out / name).write_bytes(data)
        names = bundle.STORED if draw.allocation_sha256 else bundle.STORED[:1]
        for name in names:
            storage.fetch(f"{draw.storage_prefix}{name}", out / name)
        self.stdout.write(f"The bundle of {draw.campaign.domain}, wave {draw.wave.date_key}, is in {out}.")


def _draw_named(name: str) -> Draw:
    """The draw that the command line names.

    :raises CommandError: there is none, or it is not revealed yet.
    """
    draws = Draw.objects.select_related("wave", "campaign__draw_secrets").filter(revealed_at__isnull=False)
    if name == "latest":
        draw = draws.filter(wave__triggered_at__isnull=False).order_by("-wave__triggered_at", "-pk").first()
    elif "/" in name:
        domain, _, key = name.partition("/")
        draw = draws.filter(campaign__domain=domain, wave__date_key=key).first()
    else:
        draw = draws.filter(wave_id=name).first() if name.isdigit() else None
    if draw is None:
        raise CommandError(f"No triggered or abandoned wave is called {name}.")
    return draw
