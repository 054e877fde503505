"""What tests of reading files share: no reading may leave a process behind."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from codes.files import look, read


def children() -> set[str]:
    """The processes that this one has started and that still are."""
    return set(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split())


@pytest.fixture(autouse=True)
def no_child_lives_on() -> Iterator[None]:
    """Have every test leave as many child processes as it found."""
    before = children()
    yield
    assert children() <= before


def read_whole(path: Path) -> tuple[list[str], list[tuple[int, str]]]:
    """The codes of a file and its refused lines, as they come."""
    shape = look(path, file_name=path.name).shape
    batches = list(read(path, shape))
    return [row[1] for batch in batches for row in batch.rows], [line for batch in batches for line in batch.refused]
