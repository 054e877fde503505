"""What becomes of damaged and hostile files."""

from pathlib import Path

import pytest

from codes.files import CannotRead
from tests.codes.files.conftest import read_whole
from tests.codes.files.corpus import CORPUS, ODD, Hostile, Odd


@pytest.mark.parametrize("hostile", CORPUS, ids=lambda hostile: hostile.name)
def test_a_hostile_file_costs_a_clear_message(hostile: Hostile, tmp_path: Path) -> None:
    path = hostile.build(tmp_path)

    if hostile.codes is None:
        with pytest.raises(CannotRead) as refusal:
            read_whole(path)
        codes, messages = None, [refusal.value.message]
    else:
        codes, refused = read_whole(path)
        messages = [reason for _, reason in refused]

    assert any(hostile.message in message for message in messages), messages
    assert codes is None or tuple(codes) == hostile.codes


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_a_file_that_only_looks_wrong_is_read(odd: Odd, tmp_path: Path) -> None:
    path = odd.build(tmp_path)

    codes, refused = read_whole(path)

    assert tuple(codes) == odd.codes
    assert len(refused) == odd.refused, refused


def test_the_corpus_names_each_file_once() -> None:
    names = [file.name for file in CORPUS] + [file.name for file in ODD]

    assert len(names) == len(set(names))
    assert len(CORPUS) >= 60
