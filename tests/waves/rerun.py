"""A draw run again: by the file that outsiders get, and the one rule taken literally."""

from pathlib import Path
from typing import Any

from waves import verify_draw


def differences(
    folder: Path, *receipts: Path, commitments_sha256: str | None = None, published: dict[str, str] | None = None
) -> list[str]:
    """Return the first difference that the outsiders' file finds in a bundle, nothing where all of it holds."""
    try:
        verify_draw.verify(folder, list(receipts), [commitments_sha256] if commitments_sha256 else [], published)
    except verify_draw.Difference as difference:
        return [str(difference)]
    except UnicodeError:
        return ["a file is not UTF-8"]
    except FileNotFoundError as missing:
        return [f"{Path(missing.filename).name} is missing"]
    return []


def walk_down(
    pairs: list[tuple[str, int, str, int, int]], ranking: list[str], places: dict[str, int]
) -> dict[str, tuple[str, int, int]]:
    """The one rule over pairs of (ref, choice, market, tier, ticket): each ref's market, choice, position."""

    def place_in_list(pair: tuple[str, int, str, int, int]) -> list[Any]:
        ref, choice, _, tier, ticket = pair
        by = {"score": -tier, "preference": choice}
        return [by[criterion] for criterion in ranking] + [ticket, ref, choice]

    taken = dict.fromkeys(places, 0)
    placed: dict[str, tuple[str, int, int]] = {}
    for ref, choice, market, _, _ in sorted(pairs, key=place_in_list):
        if ref not in placed and taken[market] < places[market]:
            taken[market] += 1
            placed[ref] = (market, choice, taken[market])
    return placed
