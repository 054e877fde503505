from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waves.merkle import LEAVES_PER_BLOCK, DamagedTree, Step, Tree, TreeBuilder, verify


def lines_of(count: int) -> list[bytes]:
    return [b"entry %d" % number for number in range(count)]


def tree_of(lines: list[bytes]) -> Tree:
    builder = TreeBuilder()
    builder.add(lines)
    return builder.finish()


def block_of(lines: list[bytes], index: int) -> list[bytes]:
    begin = index - index % LEAVES_PER_BLOCK
    return lines[begin : begin + LEAVES_PER_BLOCK]


def proof_of(tree: Tree, lines: list[bytes], index: int) -> list[Step]:
    return tree.proof(index, block_of(lines, index))


@pytest.mark.parametrize(
    ("count", "root"),
    [
        (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ],
)
def test_the_root_is_that_of_certificate_transparencys_published_vectors(count: int, root: str) -> None:
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
    leaves.append("606162636465666768696a6b6c6d6e6f")

    tree = tree_of([bytes.fromhex(leaf) for leaf in leaves[:count]])

    assert tree.root.hex() == root


def test_the_root_of_every_count_up_to_1100_is_the_recursive_one() -> None:
    lines = lines_of(1100)
    builder = TreeBuilder()

    @cache
    def recursive_root(begin: int, end: int) -> bytes:
        """RFC 6962, 2.1, as it stands there."""
        if end - begin <= 1:
            return sha256(b"\x00" + lines[begin]).digest() if begin < end else sha256().digest()
        left = 1
        while left * 2 < end - begin:
            left *= 2
        middle = begin + left
        return sha256(b"\x01" + recursive_root(begin, middle) + recursive_root(middle, end)).digest()

    for count in range(1101):
        assert builder.finish().root == recursive_root(0, count)
        builder.add(lines[count : count + 1])


@given(count=st.integers(0, 1500), sizes=st.lists(st.integers(0, 700), max_size=8))
def test_lines_that_come_in_other_portions_give_the_same_tree(count: int, sizes: list[int]) -> None:
    lines = lines_of(count)
    builder = TreeBuilder()

    begin = 0
    for size in sizes:
        builder.add(lines[begin : begin + size])
        begin += size
    builder.add(lines[begin:])

    assert builder.finish() == tree_of(lines)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 255, 256, 257, 511, 512, 513, 700, 1025])
def test_every_line_is_proved_against_the_root(count: int) -> None:
    lines = lines_of(count)
    tree = tree_of(lines)

    for index, line in enumerate(lines):
        proof = proof_of(tree, lines, index)
        assert verify(line=line, index=index, entries=count, proof=proof, root=tree.root.hex())


@pytest.mark.parametrize("count", [2, 7, 300, 513])
def test_a_proof_holds_for_no_other_line_index_or_count(count: int) -> None:
    lines = lines_of(count)
    tree = tree_of(lines)
    root = tree.root.hex()

    for index in range(0, count, 5):
        proof = proof_of(tree, lines, index)
        line = lines[index]
        assert not verify(line=line + b" ", index=index, entries=count, proof=proof, root=root)
        assert not verify(line=line, index=index ^ 1, entries=count, proof=proof, root=root)
        assert not verify(line=line, index=index, entries=count * 4, proof=proof, root=root)
        assert not verify(line=line, index=-1, entries=count, proof=proof, root=root)
        assert not verify(line=line, index=count, entries=count, proof=proof, root=root)
        assert not verify(line=line, index=index, entries=count, proof=proof, root="0" * 64)


def test_a_proof_with_a_step_too_few_too_many_or_changed_does_not_hold() -> None:
    lines = lines_of(600)
    tree = tree_of(lines)
    whole = proof_of(tree, lines, 300)
    other_side = Step(side="left" if whole[0]["side"] == "right" else "right", hash=whole[0]["hash"])
    capitals = Step(side=whole[0]["side"], hash=whole[0]["hash"].upper())
    other_hash = Step(side=whole[0]["side"], hash="ab" * 32)

    broken = [
        whole[:-1],
        [*whole, whole[-1]],
        *([step, *whole[1:]] for step in (other_side, capitals, other_hash)),
    ]

    for proof in broken:
        assert not verify(line=lines[300], index=300, entries=600, proof=proof, root=tree.root.hex())


def test_a_tree_comes_back_from_storage_as_it_was() -> None:
    for count in (0, 1, 256, 257, 1100):
        tree = tree_of(lines_of(count))

        assert Tree.load(tree.dump()) == tree


def test_a_tree_that_was_cut_off_in_storage_is_refused() -> None:
    stored = tree_of(lines_of(600)).dump()

    for damaged in (b"", stored[:-1], stored + b"\0", b"x" + stored[1:], stored[:20]):
        with pytest.raises(DamagedTree):
            Tree.load(damaged)


def test_lines_of_another_block_give_no_proof() -> None:
    lines = lines_of(600)
    tree = tree_of(lines)

    with pytest.raises(DamagedTree):
        tree.proof(10, lines[256:512])
    with pytest.raises(DamagedTree):
        tree.proof(10, lines[:255])
    with pytest.raises(IndexError):
        tree.proof(600, lines[512:])
