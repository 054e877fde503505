"""When a code opens a presale: the pool's own window, else the date's, else the campaign's."""

from datetime import datetime

from campaigns.models import Campaign, Event
from codes.models import Pool


def window_of(pool: Pool | None, event: Event | None, campaign: Campaign) -> tuple[datetime | None, datetime | None]:
    """The beginning and the end of the presale that a pool's codes open; each falls back alone."""
    start = (pool.presale_start_at if pool else None) or (event.presale_at if event else None)
    end = pool.presale_end_at if pool else None
    return start or campaign.presale_window_start_at, end or campaign.presale_window_end_at
