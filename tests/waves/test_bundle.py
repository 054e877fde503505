import json
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from tests.waves.bundles import write_bundle
from tests.waves.rerun import differences
from waves.manifest import Manifest
from waves.rules import RANKINGS, Ranking

SEED = 2027
FILES = ("rules.json", "snapshot.csv", "allocation.csv", "voided.csv", "manifest.json")
SAID_BY_THE_MANIFEST_ALONE = ("software", "committed_at", "frozen_at", "signing_key")


def commitments_hash(manifest: Manifest) -> str:
    """What a receipt of a registration says of the commitments."""
    return sha256("".join(f"{one}\n" for one in manifest.commitments).encode()).hexdigest()


def bytes_to_flip(folder: Path) -> list[tuple[Path, int]]:
    """Every byte of the bundle that something else in it, or a receipt, gives away."""
    places = []
    for name in FILES:
        path = folder / name
        data = path.read_bytes()
        open_to_change: set[int] = set()
        if name == "manifest.json":
            for key in SAID_BY_THE_MANIFEST_ALONE:
                value = str(json.loads(data)[key]).encode()
                begin = data.index(value, data.index(f'"{key}"'.encode()))
                open_to_change |= set(range(begin, begin + len(value)))
        places += [(path, index) for index in range(len(data)) if index not in open_to_change]
    return places


@pytest.mark.parametrize("ranking", RANKINGS)
@pytest.mark.parametrize("public_value", ["", "4102338 9f2c"])
def test_a_bundle_runs_again_without_a_difference(tmp_path: Path, ranking: Ranking, public_value: str) -> None:
    manifest = write_bundle(tmp_path, seed=SEED, ranking=ranking, public_value=public_value)

    assert differences(tmp_path, commitments_sha256=commitments_hash(manifest)) == []
    assert manifest.placed == len((tmp_path / "allocation.csv").read_text().splitlines()) - 1
    assert manifest.placed > 11 + 12, "two markets fill, and a third has places for everybody"


@pytest.mark.parametrize("entries", [0, 1, 2])
def test_a_bundle_of_hardly_anybody_runs_again(tmp_path: Path, entries: int) -> None:
    write_bundle(tmp_path, seed=SEED, entries=entries)

    assert differences(tmp_path) == []


def test_the_same_wave_is_drawn_to_the_same_bytes(tmp_path: Path) -> None:
    folders = (tmp_path / "one", tmp_path / "two")
    for folder in folders:
        folder.mkdir()
        write_bundle(folder, seed=SEED)

    one, two = ({name: (folder / name).read_bytes() for name in FILES} for folder in folders)

    assert one == two


def test_a_flipped_bit_anywhere_is_found(tmp_path: Path) -> None:
    manifest = write_bundle(tmp_path, seed=SEED, public_value="4102338 9f2c")
    random = Random(SEED)

    for path, index in random.sample(bytes_to_flip(tmp_path), 1000):
        data = path.read_bytes()
        flipped = bytearray(data)
        flipped[index] ^= 1 << random.randrange(8)
        path.write_bytes(flipped)
        assert differences(tmp_path, commitments_sha256=commitments_hash(manifest)), (path.name, index)
        path.write_bytes(data)


def test_changed_commitments_are_found_only_with_a_receipt(tmp_path: Path) -> None:
    manifest = write_bundle(tmp_path, seed=SEED)
    path = tmp_path / "manifest.json"
    other = manifest.commitments[manifest.number % 32]
    path.write_bytes(path.read_bytes().replace(other.encode(), b"0" * 64))

    assert differences(tmp_path) == []
    assert differences(tmp_path, commitments_sha256=commitments_hash(manifest)) != []


@pytest.mark.parametrize("name", ["rules.json", "snapshot.csv", "allocation.csv", "manifest.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    write_bundle(tmp_path, seed=SEED)
    (tmp_path / name).unlink()

    assert f"{name} is missing" in differences(tmp_path)


def test_a_bundle_from_which_nobody_was_voided_may_come_without_that_file(tmp_path: Path) -> None:
    write_bundle(tmp_path, seed=SEED)
    (tmp_path / "voided.csv").unlink()

    assert differences(tmp_path) == []


def test_a_fan_who_was_never_placed_cannot_be_voided(tmp_path: Path) -> None:
    write_bundle(tmp_path, seed=SEED)
    (tmp_path / "voided.csv").write_text(f"ref,reason\n{'0' * 32},erased\n")

    assert differences(tmp_path) == ["voided.csv, line 2: this ref had no place"]


def test_a_wave_abandoned_before_its_draw_shows_its_secret_and_no_places(tmp_path: Path) -> None:
    write_bundle(tmp_path, seed=SEED)
    path = tmp_path / "manifest.json"
    values = json.loads(path.read_bytes())
    values |= {"allocation_sha256": None, "placed": None, "abandoned": "The tour was cancelled."}
    path.write_text(json.dumps(values) + "\n")

    assert differences(tmp_path) == ["allocation.csv is there without a draw"]
    (tmp_path / "allocation.csv").unlink()
    assert differences(tmp_path) == ["voided.csv is there without a draw"]
    (tmp_path / "voided.csv").unlink()
    assert differences(tmp_path) == []


def test_the_allocation_is_written_by_market_then_position_with_its_event(tmp_path: Path) -> None:
    write_bundle(tmp_path, seed=SEED, entries=400)

    lines = (tmp_path / "allocation.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines[1:]]

    assert lines[0] == "ref,market,choice,event,position"
    assert [row[1:2] + row[3:] for row in rows if row[1] == "AZ-PHX"] == [
        ["AZ-PHX", "AZ-PHX-1" if position <= 7 else "AZ-PHX-2", str(position)] for position in range(1, 13)
    ]
    assert [row[3:] for row in rows if row[1] == "NV-LAS"] == [["", str(position)] for position in range(1, 12)]
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    assert not [row for row in rows if row[1] == "TX-DAL"]
