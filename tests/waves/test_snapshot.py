import io
from hashlib import sha256
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.waves.bundles import Line, frozen, ref_of, snapshot_of
from waves import snapshot
from waves.merkle import LEAVES_PER_BLOCK
from waves.snapshot import HEADER, REASONS, DamagedSnapshot, Snapshot, read_snapshot
from waves.snapshot_writer import BlockIndex, FrozenSnapshot, SnapshotWriter

CODES = st.text("aZ09._-", min_size=1, max_size=40)
FIRST = "0123456789abcdef0123456789abcdef,,7,AZ-PHX|NV-LAS"
SECOND = "0123456789abcdef0123456789abcdf0,excluded,0,NV-LAS"
MARKETS = ("NV-LAS", "AZ-PHX", "AZ-PHX-2027")


def read(text: str, portion_bytes: int = 1 << 20) -> Snapshot:
    return read_snapshot(io.BytesIO(text.encode()), markets=MARKETS, portion_bytes=portion_bytes)


@given(
    markets=st.lists(CODES, unique=True, max_size=60),
    refs=st.lists(st.integers(0, 2**128 - 1), unique=True, max_size=30),
    portion_bytes=st.integers(1, 3000),
    random=st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_a_snapshot_is_read_as_it_was_written(
    markets: list[str], refs: list[int], portion_bytes: int, random: Random
) -> None:
    lines = [
        Line(
            ref_of(ref),
            tuple(random.sample(markets, random.randint(0, len(markets)))),
            random.randint(0, 100),
            random.choice(REASONS),
        )
        for ref in sorted(refs)
    ]

    read_back = snapshot_of(lines, markets, portion_bytes=portion_bytes)

    assert [read_back.ref(entry) for entry in range(len(read_back))] == [line.ref for line in lines]
    assert [REASONS[reason] for reason in read_back.reasons] == [line.reason for line in lines]
    assert read_back.tiers.tolist() == [line.tier for line in lines]
    named = np.split(read_back.choices, read_back.offsets[1:-1]) if lines else []
    assert [tuple(markets[market] for market in some) for some in named] == [line.choices for line in lines]
    assert read_back.sha256 == sha256(frozen(lines)[0]).hexdigest()


def test_reasons_are_counted_by_name() -> None:
    read_back = read(f"ref,reason,tier,choices\n{FIRST}\n{SECOND}\n")

    counts = read_back.reason_counts()

    assert {reason: count for reason, count in counts.items() if count} == {"": 1, "excluded": 1}
    assert read_back.may_be_drawn.tolist() == [True, False]


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        (FIRST, "does not come behind"),
        ("0123456789abcdef0123456789abcdee,,7,AZ-PHX", "does not come behind"),
        ("", "fields"),
        ("1" * 32, "fields"),
        ("1" * 32 + ",,7", "fields"),
        ("1" * 32 + ",,7,AZ-PHX,", "fields"),
        ("1" * 32 + ",|,7,AZ-PHX", "fields"),
        ("1" * 31 + ",,7,AZ-PHX", "32 digits"),
        ("1" * 33 + ",,7,AZ-PHX", "32 digits"),
        ("A" * 32 + ",,7,AZ-PHX", "lower-case"),
        ("1" * 31 + "g,,7,AZ-PHX", "lower-case"),
        ("1" * 30 + " 1,,7,AZ-PHX", "lower-case"),
        ("1" * 30 + "é,,7,AZ-PHX", "lower-case"),
        ("1" * 32 + ",blocked,7,AZ-PHX", "reason"),
        ("1" * 32 + ",exclude,7,AZ-PHX", "reason"),
        ("1" * 32 + ",not_in_audienceX,7,AZ-PHX", "reason"),
        ("1" * 32 + ",not_in_audiencE,7,AZ-PHX", "reason"),
        ("1" * 32 + ",\0,7,AZ-PHX", "reason"),
        ("1" * 32 + ",,,AZ-PHX", "tier"),
        ("1" * 32 + ",,07,AZ-PHX", "tier"),
        ("1" * 32 + ",,+7,AZ-PHX", "tier"),
        ("1" * 32 + ",,101,AZ-PHX", "tier"),
        ("1" * 32 + ",,7\0,AZ-PHX", "tier"),
        ("1" * 32 + ",,7,AZ-PHX|", "not of this wave"),
        ("1" * 32 + ",,7,|AZ-PHX", "not of this wave"),
        ("1" * 32 + ",,7,AZ-PH", "not of this wave"),
        ("1" * 32 + ",,7,AZ-PHX-2028", "not of this wave"),
        ("1" * 32 + ",,7,BZ-PHX-2027", "not of this wave"),
        ("1" * 32 + ",,7,AZ-PHX\r", "not of this wave"),
        ("1" * 32 + ",,7," + "X" * 100, "not of this wave"),
        ("1" * 32 + ",,7,AZ-PHX|NV-LAS|AZ-PHX", "twice"),
    ],
)
def test_a_damaged_line_is_refused_by_its_number(second: str, problem: str) -> None:
    for portion_bytes in (1, 90, 1 << 20):
        with pytest.raises(DamagedSnapshot, match=problem) as refusal:
            read(f"ref,reason,tier,choices\n{FIRST}\n{second}\n", portion_bytes)

        assert refusal.value.line == 3
        assert "line 3" in str(refusal.value)


@pytest.mark.parametrize("text", ["", "ref,reason,tier", "ref,reason,tier,choice\n", "\ufeffref,reason,tier,choices\n"])
def test_a_snapshot_with_another_header_is_refused(text: str) -> None:
    with pytest.raises(DamagedSnapshot, match="line 1: the header"):
        read(text)


def test_a_market_made_up_to_have_anothers_key_is_refused() -> None:
    market, other = b"AZ-PHX-2027-0001", b"AZ-PHX-3"
    multiplier = snapshot._FIRST_MULTIPLIER

    def words(text: bytes) -> list[int]:
        return [int.from_bytes(text[begin : begin + 8], "little") for begin in range(0, len(text), 8)]

    first, second = words(market)
    rest = (first * multiplier ^ second ^ words(other)[0] * multiplier) % 2**64
    line = b"1" * 32 + b",,7," + other + rest.to_bytes(8, "little")
    assert not set(rest.to_bytes(8, "little")) & set(b",|\n"), "choose another code"

    with pytest.raises(DamagedSnapshot, match="line 2: it names a market that is not of this wave"):
        read_snapshot(io.BytesIO(HEADER + line + b"\n"), markets=[market.decode()])


def test_a_line_that_never_ends_is_refused_before_it_fills_the_memory() -> None:
    file = io.BytesIO(f"ref,reason,tier,choices\n{FIRST}\n{'X' * 1_000_000}".encode())

    with pytest.raises(DamagedSnapshot, match="line 3: it is longer"):
        read_snapshot(file, markets=MARKETS, portion_bytes=100)

    assert file.tell() < 1000


def test_a_snapshot_that_was_cut_off_is_refused() -> None:
    with pytest.raises(DamagedSnapshot, match="line 3: it is cut off"):
        read(f"ref,reason,tier,choices\n{FIRST}\n{SECOND}")


def test_the_reader_tells_how_far_it_is() -> None:
    told: list[int] = []
    data, _ = frozen([Line(ref_of(number), ()) for number in range(100)])

    read_snapshot(io.BytesIO(data), markets=(), portion_bytes=1000, progress=told.append)

    assert told == sorted(told)
    assert len(told) > 3
    assert told[-1] == 100


@given(cuts=st.lists(st.integers(0, 60_000), max_size=20), portion=st.sampled_from([1, 500, 1 << 17]))
@settings(deadline=None, max_examples=20)
def test_bytes_cut_anywhere_give_the_same_file_and_tree(cuts: list[int], portion: int) -> None:
    lines = [Line(ref_of(number), ("AZ-PHX",) * (number % 2)) for number in range(1000)]
    data, known = frozen(lines)
    body = data.partition(b"\n")[2]
    file = io.BytesIO()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("waves.snapshot_writer._PORTION_BYTES", portion)
        writer = SnapshotWriter(file)
        for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(body)], strict=True):
            writer.write(memoryview(body[begin:end]))
        other: FrozenSnapshot = writer.finish()

    assert file.getvalue() == data
    assert other == known
    assert other.sha256 == sha256(data).hexdigest()


def test_a_last_line_without_its_end_is_refused_by_the_writer() -> None:
    writer = SnapshotWriter(io.BytesIO())
    writer.write(FIRST.encode())

    with pytest.raises(ValueError, match="not ended"):
        writer.finish()


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 1000])
def test_one_short_read_gives_the_lines_of_a_refs_block(count: int) -> None:
    lines = [Line(ref_of(number * 2), ("AZ-PHX",) * (number % 3 > 0)) for number in range(count)]
    data, known = frozen(lines)
    blocks = BlockIndex.load(known.blocks.dump())

    assert blocks == known.blocks
    for index in range(0, count, 7):
        block = blocks.block_of(lines[index].ref)
        begin, end = blocks.span(block)
        read_lines = data[begin:end].splitlines()
        assert block == index // LEAVES_PER_BLOCK
        assert read_lines[index % LEAVES_PER_BLOCK].decode() == str(lines[index])
        assert known.tree.proof(index, read_lines) or count == 1


def test_a_ref_before_the_first_is_in_no_block() -> None:
    _, known = frozen([Line(ref_of(5), ())])

    with pytest.raises(LookupError):
        known.blocks.block_of(ref_of(4))
    with pytest.raises(ValueError, match="whole"):
        BlockIndex.load(known.blocks.dump()[:-1])
