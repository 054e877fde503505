"""Good files with some bytes changed at random: whatever it does to them, the answer is lines or a refusal."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from codes.files import CannotRead
from tests.codes.files.building import column_of, gzipped, old_workbook, shared_strings, sheet_of, workbook_of
from tests.codes.files.conftest import read_whole

CODES = [f"CODE{number:04}" for number in range(200)]


def shared_workbook() -> bytes:
    """A workbook whose texts are shared."""
    rows = "".join(f'<row r="{n + 1}"><c r="A{n + 1}" t="s"><v>{n}</v></c></row>' for n in range(len(CODES)))
    return workbook_of({"Codes": sheet_of(rows)}, more={"xl/sharedStrings.xml": shared_strings(CODES)})


GOOD: dict[str, Callable[[], bytes]] = {
    "codes.csv": lambda: "\n".join(["code;market", *(f"{code};LAX" for code in CODES)]).encode(),
    "codes.txt": lambda: "\r\n".join(CODES).encode("utf-16"),
    "codes.csv.gz": lambda: gzipped("\n".join(CODES).encode()),
    "codes.xls": lambda: old_workbook([["code"], *([code] for code in CODES)]),
    "inline.xlsx": lambda: workbook_of({"Codes": column_of(["code", *CODES])}),
    "shared.xlsx": shared_workbook,
}


def damaged(data: bytes, dice: random.Random) -> bytes:
    """The bytes with a few of them changed, left out or doubled."""
    body = bytearray(data)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(body))
        match dice.randrange(4):
            case 0:
                body[at] = dice.randrange(256)
            case 1:
                body[at] ^= 1 << dice.randrange(8)
            case 2:
                del body[at : at + dice.randint(1, 50)]
            case _:
                body[at:at] = body[at : at + dice.randint(1, 50)]
    return bytes(body)


def check_damage(name: str, seeds: range, folder: Path) -> int:
    """Read a file damaged in so many ways, and give how many times it was refused as a whole."""
    good = GOOD[name]()
    refusals = 0
    for seed in seeds:
        path = folder / name
        path.write_bytes(damaged(good, random.Random(f"{name} {seed}")))
        try:
            codes, refused = read_whole(path)
        except CannotRead:
            refusals += 1
        else:
            assert all(isinstance(code, str) and code for code in codes), seed
            assert all(reason for _, reason in refused), seed
    return refusals


@pytest.mark.parametrize("name", GOOD)
def test_a_damaged_file_is_read_or_refused(name: str, tmp_path: Path) -> None:
    check_damage(name, range(200 if name < "codes.x" else 12), tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("name", GOOD)
def test_any_damage_ends_in_lines_or_a_refusal(name: str, tmp_path: Path) -> None:
    count = 20_000 if name < "codes.x" else 1_500

    refusals = check_damage(name, range(1_000_000, 1_000_000 + count), tmp_path)

    print(f"{name}: {count:,} damaged files, {refusals:,} refused as a whole")
