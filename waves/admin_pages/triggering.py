"""What the trigger's page says: what the press will do, in numbers, and what to think of first."""

from datetime import datetime
from zoneinfo import ZoneInfo

from campaigns.models import Campaign
from codes.models import Assignment
from core.admin_times import until, zoned
from waves.admin_pages.picture import Picture
from waves.selection import left_since_the_freeze


def trigger_facts(picture: Picture) -> list[str]:
    """What triggering will do, a sentence each."""
    draw = picture.draw
    placed = draw.placed or 0 if draw is not None else 0
    markets = sum(1 for line in picture.markets if line.placed)
    facts = [
        f"{placed:,} {'fan gets' if placed == 1 else 'fans get'} a code,"
        f" in {markets} market{'' if markets == 1 else 's'}."
    ]
    if draw is not None and picture.prep is not None and picture.prep.hold_id is not None:
        places = Assignment.objects.filter(hold=picture.prep.hold_id)
        out = places.filter(entry_id__in=left_since_the_freeze(draw).values("pk")).count()
        if out:
            facts.append(f"{out:,} of them went out since the freeze: their places are voided and they get no code.")
    facts.append("Their mails begin as soon as the wave's files are written, within a minute or so.")
    facts.append("The draw's secret and files are published, so that everybody can check it.")
    facts.append("This cannot be undone.")
    return facts


def trigger_warnings(picture: Picture, now: datetime) -> list[str]:
    """What is unusual about triggering now."""
    campaign: Campaign = picture.wave.campaign
    zone: ZoneInfo = campaign.zone
    warnings = []
    if picture.planned_at is not None and now < picture.planned_at:
        planned = zoned(picture.planned_at, zone)
        warnings.append(f"The wave is planned for {planned}, {until(picture.planned_at, now)}. You trigger it earlier.")
    if campaign.status == Campaign.Status.OPEN:
        warnings.append("The campaign is still open: who registers after the freeze is not in this wave.")
    if picture.draw is not None and not picture.draw.placed:
        warnings.append("Nobody was placed: the wave would complete without a single code.")
    return warnings
