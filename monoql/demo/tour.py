"""The tour as its CSV file tells it: markets with their venues, and the events of each."""

import csv
from dataclasses import dataclass
from datetime import date, time
from functools import cache
from pathlib import Path

TOUR_FILE = Path(__file__).with_name("tour.csv")


@dataclass(frozen=True, slots=True)
class TourEvent:
    """One evening of the tour; times are local to the venue."""

    code: str
    on_date: date
    doors: time


@dataclass(frozen=True, slots=True)
class TourMarket:
    """One city of the tour with its venue; the capacity counts seats of one evening."""

    code: str
    venue: str
    city: str
    state: str
    country: str
    latitude: float
    longitude: float
    timezone: str
    capacity: int
    metro_population: int
    events: tuple[TourEvent, ...]


@cache
def tour_markets() -> tuple[TourMarket, ...]:
    """Give the markets in the order of the tour's first evening in each."""
    rows_by_market: dict[str, list[dict[str, str]]] = {}
    with TOUR_FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows_by_market.setdefault(row["market_code"], []).append(row)
    return tuple(_market(rows) for rows in rows_by_market.values())


def _market(rows: list[dict[str, str]]) -> TourMarket:
    first = rows[0]
    events = tuple(
        TourEvent(
            code=row["event_id"],
            on_date=date.fromisoformat(row["event_date"]),
            doors=time.fromisoformat(row["doors_local"]),
        )
        for row in rows
    )
    return TourMarket(
        code=first["market_code"],
        venue=first["venue"],
        city=first["city"],
        state=first["state"],
        country=first["country"],
        latitude=float(first["latitude"]),
        longitude=float(first["longitude"]),
        timezone=first["timezone"],
        capacity=int(first["capacity"]),
        metro_population=int(first["metro_population"]),
        events=events,
    )
