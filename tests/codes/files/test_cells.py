"""What is wrong with a cell; and that the quick check of many agrees with the careful one of each."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codes.files.cells import CODE_CHARACTERS, ERROR_VALUES, all_are_codes, is_code, problem_of

DAMAGED = [
    "1.23E+11",
    "12e+5",
    "2027-02-01",
    "2/1/2027",
    "1.2.2027",
    "2-Mar",
    "Mar-27",
    "2-Mar-2027",
    "+1+2",
    "-A1*B2",
    "#N/A",
]
ALLOWED = CODE_CHARACTERS.decode()


@given(st.text(ALLOWED, max_size=70) | st.text(max_size=20) | st.sampled_from(sorted(ERROR_VALUES)))
@example("2-Mar")
@example("A" * 64)
@example("A" * 65)
def test_what_passes_the_quick_check_passes_the_careful_one(text: str) -> None:
    if is_code(text):
        assert problem_of(text) == ""


@given(st.lists(st.text(ALLOWED, min_size=1, max_size=66) | st.sampled_from(DAMAGED), min_size=1))
def test_many_codes_pass_only_if_each_does(codes: list[str]) -> None:
    block = ("\n".join(codes) + "\n").encode()

    if all_are_codes(block, codes):
        assert not any(map(problem_of, codes))


@given(st.lists(st.text("ABCDEFGHJKLMNPQRSTUVWXYZ23456789_", min_size=1, max_size=64), min_size=1))
def test_usual_codes_pass_the_quick_check(codes: list[str]) -> None:
    assert all_are_codes(("\n".join(codes) + "\n").encode(), codes)
    assert all(map(is_code, codes))


@pytest.mark.parametrize("text", DAMAGED)
def test_damage_is_seen_by_every_check(text: str) -> None:
    assert problem_of(text)
    assert not is_code(text)
    assert not all_are_codes(f"AAAA1111\n{text}\nBBBB2222\n".encode(), ["AAAA1111", text, "BBBB2222"])


@pytest.mark.parametrize(
    "text", ["-ABC-123", "+ABC", "12E45678", "1234-12-AB", "MAR-2", "JAN-27-A", "2027-02", "#ABC", "A/B/C", "*"]
)
def test_a_code_that_only_reminds_of_damage_passes(text: str) -> None:
    assert problem_of(text) == ""
