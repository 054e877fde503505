"""The readiness list of a wave, each line with the page that mends it."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse

from waves import readiness
from waves.models import Wave
from waves.preparation import Options


@dataclass(frozen=True)
class Mend:
    """A line of the readiness list with the link that mends it."""

    text: str
    is_red: bool
    link: str


def mends(wave: Wave, options: Options, now: datetime) -> list[Mend]:
    """What is missing for a preparation with these options, the red lines first."""
    return [
        Mend(line.text, line.is_red, link_of(line.section, wave)) for line in readiness.lines(wave, options, now=now)
    ]


def link_of(section: str, wave: Wave) -> str:
    """The page that mends what a line of a section names."""
    lists = {
        "codes": "codes_pool",
        "entries": "entries_entry",
        "scores": "entries_entry",
        "gates": "campaigns_gate",
        "content": "campaigns_content",
        "markets": "campaigns_market",
        "waves": "waves_wave",
    }
    if section in lists:
        return f"{reverse(f'admin:{lists[section]}_changelist')}?{urlencode({'campaign': wave.campaign_id})}"
    if section == "time":
        return reverse("admin:waves_wave_plan_page", args=[wave.pk])
    return reverse("admin:campaigns_campaign_change", args=[wave.campaign_id])
