"""Where fans live: the towns around each market, a few far ones, and the languages that are spoken there.

In ``homes.csv`` the weight says how a market's fans are spread over its towns. Dial codes are the area codes
of America and empty elsewhere. In a postal pattern ``#`` is a digit and ``@`` a letter.
"""

import csv
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HOMES_FILE = Path(__file__).with_name("homes.csv")
MIXES_FILE = Path(__file__).with_name("mixes.toml")


@dataclass(frozen=True, slots=True)
class Home:
    """A town with its share of a market's fans; the spread is in kilometres, the shares need no sum."""

    market: str
    place: str
    country: str
    latitude: float
    longitude: float
    spread: float
    weight: float
    dial_codes: tuple[str, ...]
    postal: str
    communities: tuple[tuple[str, float], ...]


@cache
def homes() -> tuple[Home, ...]:
    """Give all towns, in an order that never changes."""
    mixes = tomllib.loads(MIXES_FILE.read_text(encoding="utf-8"))
    with HOMES_FILE.open(encoding="utf-8", newline="") as file:
        return tuple(_home(row, mixes[row["mix"]]) for row in csv.DictReader(file))


def _home(row: dict[str, str], mix: dict[str, float]) -> Home:
    return Home(
        market=row["market_code"],
        place=row["place"],
        country=row["country"],
        latitude=float(row["latitude"]),
        longitude=float(row["longitude"]),
        spread=float(row["spread_km"]),
        weight=float(row["weight"]),
        dial_codes=tuple(row["dial_codes"].split()),
        postal=row["postal_pattern"],
        communities=tuple((community, float(weight)) for community, weight in mix.items()),
    )
