"""A flipped bit, a missing end, a line that stands twice: the outsiders' file finds them in any file of a bundle.

Whoever passes the hashes of manifest.json and voided.csv as the draw's page tells them finds every one. Without them
nothing binds a few values, which docs/draws.md lists.
"""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from tests.waves.bundles import write_bundle
from tests.waves.rerun import differences
from waves import verify_draw
from waves.rules import RANKINGS

FILES = ("rules.json", "snapshot.csv", "allocation.csv", "voided.csv", "manifest.json")
BOUND = FILES[:3]
UNBOUND = {"software", "committed_at", "frozen_at", "signing_key", "abandoned"}
"""Values of manifest.json that another value of the same form could take the place of; the page has them too."""


def flip_a_bit(data: bytes, random: Random) -> bytes:
    """One bit anywhere turned over."""
    place = random.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]


def cut_the_end(data: bytes, random: Random) -> bytes:
    """Any number of bytes missing at the end."""
    return data[: random.randrange(len(data))]


def double_a_line(data: bytes, random: Random) -> bytes:
    """Any line once more, behind itself."""
    lines = data.splitlines(keepends=True)
    number = random.randrange(len(lines))
    return b"".join([*lines[: number + 1], *lines[number:]])


def leave_out_a_line(data: bytes, random: Random) -> bytes:
    """Any line missing."""
    lines = data.splitlines(keepends=True)
    number = random.randrange(len(lines))
    return b"".join([*lines[:number], *lines[number + 1 :]])


def exchange_two_lines(data: bytes, random: Random) -> bytes:
    """Any two lines, one in the place of the other."""
    lines = data.splitlines(keepends=True)
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


Damage = Callable[[bytes, Random], bytes]
DAMAGES: tuple[Damage, ...] = (flip_a_bit, cut_the_end, double_a_line, leave_out_a_line, exchange_two_lines)


def check_damages(folder: Path, seed: int, count: int, *, names: tuple[str, ...], is_published: bool) -> int:
    """Damage a bundle so many times and see that each damage is found; gives how many of them were flipped bits."""
    random = Random(seed)
    write_bundle(folder, seed=seed, entries=80, ranking=RANKINGS[seed % 5], public_value="17 4" if seed % 2 else "")
    whole = {name: (folder / name).read_bytes() for name in FILES}
    told = {name: sha256(whole[name]).hexdigest() for name in ("manifest.json", "voided.csv")} if is_published else {}
    assert differences(folder, published=told) == []
    flips = 0
    for number in range(count):
        # Half of the time any byte of the bundle is as likely as any other, else any file.
        sizes = [len(whole[name]) if number % 2 else 1 for name in names]
        name = random.choices(names, sizes)[0]
        damage = flip_a_bit if number % 5 else random.choice(DAMAGES)
        damaged = damage(whole[name], random)
        if damaged == whole[name]:
            continue  # A line was exchanged with itself.
        (folder / name).write_bytes(damaged)
        assert differences(folder, published=told), (name, damage.__name__, damaged)
        (folder / name).write_bytes(whole[name])
        flips += damage is flip_a_bit
    return flips


@pytest.mark.parametrize("seed", range(5))
def test_damage_anywhere_in_a_bundle_is_found(tmp_path: Path, seed: int) -> None:
    assert check_damages(tmp_path, seed, 50, names=FILES, is_published=True)
    assert check_damages(tmp_path, seed, 50, names=BOUND, is_published=False)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_a_thousand_flipped_bits_anywhere_in_a_bundle_are_found(tmp_path: Path, seed: int) -> None:
    flips = check_damages(tmp_path, 1000 + seed, 80, names=FILES, is_published=True)
    flips += check_damages(tmp_path, 2000 + seed, 40, names=BOUND, is_published=False)

    print(f"seed {seed}: {flips} flipped bits, all found")


def another(value: object) -> object:
    """A value of the same form."""
    if value is None:
        return "It was given up."
    if isinstance(value, int):
        return value + 1
    if isinstance(value, list):
        return [*value[:-1], another(value[-1])]
    if value == "":
        return "17"
    text = str(value)
    digit = next(place for place in range(len(text) - 1, -1, -1) if text[place].isalnum() and text[place] != "Z")
    return text[:digit] + ("1" if text[digit] != "1" else "2") + text[digit + 1 :]


def test_without_the_pages_hashes_only_the_documented_values_are_bound_by_nothing(tmp_path: Path) -> None:
    told = json.loads(write_bundle(tmp_path, seed=3).to_json())
    unbound = set()

    for key, value in told.items():
        forged = {**told, key: another(value)}
        (tmp_path / "manifest.json").write_text(json.dumps(forged), encoding="utf-8")
        if not differences(tmp_path):
            unbound.add(key)

    assert told["number"] < 32
    assert unbound == UNBOUND | {"commitments"}  # Of the 32, those of other numbers than the wave's.


def test_a_commitment_of_another_number_is_bound_by_a_receipt(tmp_path: Path) -> None:
    told = json.loads(write_bundle(tmp_path, seed=3).to_json())
    published = sha256("".join(f"{one}\n" for one in told["commitments"]).encode()).hexdigest()
    forged = {**told, "commitments": another(told["commitments"])}

    assert differences(tmp_path, commitments_sha256=published) == []
    (tmp_path / "manifest.json").write_text(json.dumps(forged), encoding="utf-8")

    assert "are not those of" in differences(tmp_path, commitments_sha256=published)[0]


def test_the_file_tells_the_hashes_that_nothing_binds(tmp_path: Path) -> None:
    write_bundle(tmp_path, seed=3)
    told = {name: sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("manifest.json", "voided.csv")}

    said = verify_draw.verify(tmp_path, [], [])

    for name, hashed in told.items():
        assert f"{name} has the SHA-256 {hashed}; compare it with the one on the draw's page." in said
    (tmp_path / "voided.csv").unlink()
    assert differences(tmp_path, published=told) == [
        f"voided.csv has not the hash {told['voided.csv']}, which was published"
    ]
