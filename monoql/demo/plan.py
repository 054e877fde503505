"""What the demo builds: three presales of one tour, and how fans, places and codes are spread over them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from monoql.demo.fans import Crowd
from monoql.demo.moments import Period
from monoql.demo.people import BLOCK
from monoql.demo.tour import TourMarket, tour_markets

ARTIST = "Aurora Vale"
ZONE = ZoneInfo("America/Los_Angeles")
MOST_FANS_SENT = 1_200
"""The finished wave really sends its mails, so its campaign stays small however large the demo is."""
LEAST_FANS = 40
_WEEKS_BEFORE_TOUR = 8
_PLACES_A_FAN = 0.48
# Markets with few neighbours or few fans, where more is set aside than anybody asks for.
_GENEROUS = {"AU-SYD": 3, "SG-SIN": 3, "WA-SEA": 4, "MO-MCI": 3, "OH-CVG": 3, "PA-PIT": 3}
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ2345679"
_CODE_LETTERS = 8


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """One presale. ``key`` is ``open``, ``closed`` or ``sent``: where it stands when the demo is built."""

    key: str
    number: int
    name: str
    count: int
    open_at: datetime
    close_at: datetime
    until: datetime
    presale_start_at: datetime
    presale_end_at: datetime

    @property
    def domain(self) -> str:
        """The first part of its fan pages' address."""
        return f"aurora-{self.key}"

    @property
    def general_onsale_at(self) -> datetime:
        """When everybody may buy."""
        return self.presale_end_at + timedelta(days=1, hours=12)


@dataclass(frozen=True, slots=True)
class MarketPlan:
    """What a campaign sets aside in one market: how many places, and how many codes for each pool.

    ``codes`` is one number where the events share a pool, else one for each event.
    """

    market: TourMarket
    places: int | None
    is_sequential: bool
    codes: tuple[int, ...]


def domains() -> tuple[str, ...]:
    """Give the demo's campaigns by domain."""
    return tuple(f"aurora-{key}" for key in ("open", "closed", "sent"))


def campaign_plans(*, count: int, now: datetime) -> tuple[CampaignPlan, ...]:
    """Spread so many fans over the three campaigns, with dates around now.

    :raises ValueError: there are fewer fans than ``LEAST_FANS``.
    """
    if count < LEAST_FANS:
        raise ValueError(f"The demo needs at least {LEAST_FANS} fans.")
    sent = min(count // 4, MOST_FANS_SENT)
    open_count = count // 2
    return (
        CampaignPlan(
            key="open",
            number=0,
            name=f"{ARTIST}: presale registration",
            count=open_count,
            open_at=_at(now, days=-9, hour=10),
            close_at=_at(now, days=6, hour=18),
            until=now,
            presale_start_at=_at(now, days=13, hour=10),
            presale_end_at=_at(now, days=15, hour=22),
        ),
        _past(
            key="closed",
            number=1,
            name=f"{ARTIST}: album presale",
            count=count - open_count - sent,
            open_at=_at(now, days=-20, hour=10),
            close_at=_at(now, days=-1, hour=18),
            presale_start_at=_at(now, days=5, hour=10),
        ),
        _past(
            key="sent",
            number=2,
            name=f"{ARTIST}: fan club presale",
            count=sent,
            open_at=_at(now, days=-26, hour=10),
            close_at=_at(now, days=-4, hour=18),
            presale_start_at=_at(now, days=1, hour=10),
        ),
    )


def _past(
    *,
    key: str,
    number: int,
    name: str,
    count: int,
    open_at: datetime,
    close_at: datetime,
    presale_start_at: datetime,
) -> CampaignPlan:
    return CampaignPlan(
        key=key,
        number=number,
        name=name,
        count=count,
        open_at=open_at,
        close_at=close_at,
        until=close_at,
        presale_start_at=presale_start_at,
        presale_end_at=presale_start_at + timedelta(days=2),
    )


def _at(now: datetime, *, days: int, hour: int) -> datetime:
    """A full hour of a day so many days from today, as the reference timezone counts them."""
    today = now.astimezone(ZONE).date()
    return datetime.combine(today + timedelta(days=days), time(hour), ZONE)


def crowds(plans: tuple[CampaignPlan, ...], *, seed: int) -> dict[str, Crowd]:
    """Give each campaign its fans, by its key: mostly people of its own.

    Some fans of the sent campaign come back in the two others.
    """
    blocks_before = 0
    first_blocks: dict[str, int] = {}
    # The sent campaign goes first, so that it has the same people in every large demo.
    for plan in sorted(plans, key=lambda plan: -plan.number):
        first_blocks[plan.key] = blocks_before
        blocks_before += -(-plan.count // BLOCK)
    sent = next(plan for plan in plans if plan.key == "sent")
    return {
        plan.key: Crowd(
            seed=seed,
            campaign=plan.number,
            count=plan.count,
            first_block=first_blocks[plan.key],
            period=Period(open_at=plan.open_at, close_at=plan.close_at, until=plan.until),
            returning_block=None if plan is sent else first_blocks["sent"],
            returning_count=sent.count,
        )
        for plan in plans
    }


def market_plans(*, count: int) -> tuple[MarketPlan, ...]:
    """Set places and codes aside for a campaign of so many fans, by capacity and number of evenings.

    Great cities have far fewer places than fans and fill; some smaller ones do not.
    """
    markets = tour_markets()
    seats = [market.capacity * len(market.events) for market in markets]
    places = [
        max(len(market.events), round(count * _PLACES_A_FAN * own / sum(seats) * _GENEROUS.get(market.code, 1)))
        for market, own in zip(markets, seats, strict=True)
    ]
    return tuple(_market_plan(number, *pair) for number, pair in enumerate(zip(markets, places, strict=True)))


def _market_plan(number: int, market: TourMarket, places: int) -> MarketPlan:
    codes = -(-places * 11 // 10)
    limit: int | None = places
    if market.code == "CO-DEN":
        # Denver waits for more codes: the readiness list has something to say.
        codes = max(len(market.events), places * 2 // 3)
    elif number % 7 == 3:
        # No limit of its own: as many fans as there are codes.
        codes, limit = places, None
    is_sequential = number % 6 == 1
    if not is_sequential:
        return MarketPlan(market=market, places=limit, is_sequential=False, codes=(codes,))
    evenings = len(market.events)
    shares = tuple(codes // evenings + (evening < codes % evenings) for evening in range(evenings))
    return MarketPlan(market=market, places=limit, is_sequential=True, codes=shares)


def tour_shift(*, now: datetime) -> timedelta:
    """How far all evenings move so that the first is eight weeks away; whole weeks keep the weekdays."""
    first: date = min(event.on_date for market in tour_markets() for event in market.events)
    earliest = now.astimezone(ZONE).date() + timedelta(weeks=_WEEKS_BEFORE_TOUR)
    if first >= earliest:
        return timedelta(0)
    return timedelta(weeks=-((first - earliest) // timedelta(weeks=52)) * 52)


def code_values(*, seed: int, campaign: int, first: int, count: int) -> Iterator[str]:
    """Give codes like ``VF7K-2QXM``, numbered from ``first``; no two of a campaign are the same."""
    base = len(_ALPHABET)
    span = base**_CODE_LETTERS
    # Multiplied by a number that shares no factor with the span, counting visits every number in disorder.
    start = (seed * 1_000_003 + campaign * 7_368_787) % span
    for number in range(first, first + count):
        mixed = (start + number) * 618_033_988_751 % span
        letters = ""
        for _ in range(_CODE_LETTERS):
            mixed, place = divmod(mixed, base)
            letters += _ALPHABET[place]
        yield f"{letters[:4]}-{letters[4:]}"
