"""A large tour for benchmarks: markets by number, entries by one INSERT … SELECT, codes by COPY."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Artist, Campaign, Content, Event, Locale, Market, Promoter, Venue
from codes.models import POOL_SPAN, CodeRange, Pool
from core.bulk import copy_in
from entries.models import ScoreRun
from viewers.viewer import WORKER


def open_tour(*, domain: str, markets: int) -> Campaign:
    """An open campaign with so many concurrent markets of two events each."""
    now = timezone.now()
    Locale.objects.get_or_create(code="en_US", defaults={"name": "English"})
    artist, _ = Artist.objects.get_or_create(name="Bench")
    promoter, _ = Promoter.objects.get_or_create(name="Bench", defaults={"privacy_url": "https://bench.example/"})
    campaign = Campaign.objects.create(
        name=domain,
        artist=artist,
        promoter=promoter,
        domain=domain,
        reference_timezone="America/Los_Angeles",
        open_at=now - timedelta(days=1),
        close_at=now + timedelta(days=9),
        default_locale_id="en_US",
    )
    campaign.locales.set(Locale.objects.all())
    Content.objects.create(campaign=campaign, locale_id="en_US", title="Bench", open="Bench")
    venue, _ = Venue.objects.get_or_create(
        name="Bench", city="Bench", country="US", defaults={"timezone": "America/Los_Angeles"}
    )
    for number in range(1, markets + 1):
        market = Market.objects.create(campaign=campaign, code=f"M-{number:03d}", venue=venue)
        for event in (1, 2):
            Event.objects.create(market=market, number=event, code=f"M-{number:03d}-{event}", starts_at=now)
    return lifecycle.open_campaign(campaign=campaign, actor=WORKER, now=now)


def load_entries(campaign: Campaign, count: int, *, markets: int) -> None:
    """So many confirmed entries with one to six choices (mean 3) and scores, made by the database itself."""
    run = ScoreRun.objects.create(campaign=campaign, source="bench", is_current=True, created_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute(
            """
            INSERT INTO entries_entry (campaign_id, ref, identifier, email, person_key, name, phone, locale_id, answers,
                                       choices, email_confirmed_at, gates_failed, created_at, updated_at)
            SELECT %(campaign)s, md5('bench' || n), 'fan' || n || '@example.com', 'fan' || n || '@example.com',
                   sha256(n::text::bytea), 'Fan ' || n, '', 'en_US', '{}',
                   (SELECT array_agg(1 + (first + step * 7) %% %(markets)s ORDER BY step)
                    FROM generate_series(0, length - 1) AS step),
                   CASE WHEN n %% 20 > 0 THEN now() END, false, now(), now()
            FROM (SELECT n, floor(%(markets)s * random() ^ 2)::integer AS first,
                         (ARRAY[1, 2, 2, 3, 3, 3, 4, 4, 5, 3, 3, 6])[1 + n %% 12] AS length
                  FROM generate_series(1, %(count)s) AS n) AS fan
            """,
            {"campaign": campaign.pk, "markets": markets, "count": count},
        )
        cursor.execute(
            "INSERT INTO entries_score (run_id, entry_id, score)"
            " SELECT %s, id, floor(101 * sqrt(random())) FROM entries_entry WHERE campaign_id = %s",
            [run.pk, campaign.pk],
        )
        cursor.execute("ANALYZE entries_entry, entries_score")


def load_codes(campaign: Campaign, count: int) -> None:
    """So many codes in all, the same number for every market."""
    markets = list(campaign.markets.order_by("number"))
    each = count // len(markets)
    for market in markets:
        pool = Pool.objects.create(campaign=campaign, market=market, event=None, size=each, last_number=each)
        base = pool.pk * POOL_SPAN
        copy_in(
            "codes_code",
            ["id", "campaign_id", "value"],
            ((base + number, campaign.pk, f"{market.code}-{number:07d}") for number in range(1, each + 1)),
        )
        CodeRange.objects.create(pool=pool, first=base + 1, last=base + each)
