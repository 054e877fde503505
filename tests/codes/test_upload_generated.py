"""Codes that are made here: as many as were asked, all different, none that can be guessed or misread."""

import math
from collections import Counter

import pytest
from django.utils import timezone

from campaigns.models import Campaign
from codes import generating
from codes.format_rules import BadPattern, check_pattern
from codes.generating import ALPHABETS, random_codes, shortest_for, start_generating
from codes.models import Code, Pool, Upload
from codes.undoing import undo_upload
from codes.upload import CannotUpload
from tests.codes.test_upload import LAX, bring, finish, is_right, pool_of
from tests.scenario import SUPREME


def make(pool: Pool, count: int, **options: object) -> Upload:
    """Ask for codes, and do the work."""
    asked = {"length": 8, **options}
    return finish(start_generating(pool=pool, count=count, actor=SUPREME, now=timezone.now(), **asked))  # type: ignore[arg-type]  # As the cases say.


@pytest.mark.django_db(transaction=True)
def test_so_many_codes_as_asked_are_made(tour: Campaign) -> None:
    job = make(pool_of(tour, *LAX), 5_000, prefix="aurora-")

    values = list(Code.objects.values_list("value", flat=True))
    assert (job.status, job.kind, job.added, job.refused) == ("finished", "generated", 5_000, 0)
    assert len(set(values)) == 5_000
    assert {len(value) for value in values} == {15}
    assert {value[:7] for value in values} == {"AURORA-"}
    assert set("".join(value[7:] for value in values)) == set(ALPHABETS["mixed"])
    assert is_right(tour)


@pytest.mark.django_db(transaction=True)
def test_codes_that_are_there_already_are_made_anew(tour: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = pool_of(tour, *LAX)
    bring(tour, b"X-222222\nX-333333\n", pool=pool)
    rounds = iter([["X-222222", "X-444444", "X-444444"], ["X-333333", "X-555555"], ["X-666666"]])
    monkeypatch.setattr(generating, "random_codes", lambda count, **how: next(rounds)[:count])
    monkeypatch.setattr(generating, "_check_pool", lambda *_, **__: None)

    job = make(pool, 3, length=6, alphabet="digits")

    assert (job.status, job.error, job.added) == ("finished", "", 3)
    assert set(Code.objects.values_list("value", flat=True)) == {f"X-{digit * 6}" for digit in "23456"}
    assert is_right(tour)


@pytest.mark.django_db(transaction=True)
def test_a_pools_rules_hold_for_made_codes_too(tour: Campaign) -> None:
    pool = pool_of(tour, *LAX)
    Pool.objects.filter(pk=pool.pk).update(max_length=8, pattern="AB[0-9]+")
    pool.refresh_from_db()

    with pytest.raises(CannotUpload, match="do not fit"):
        make(pool, 10)
    job = make(pool, 10, prefix="AB", length=6, alphabet="digits")

    assert job.added == 10


@pytest.mark.django_db(transaction=True)
def test_made_codes_can_be_taken_back(tour: Campaign) -> None:
    job = make(pool_of(tour, *LAX), 10)

    undo_upload(upload=job, actor=SUPREME, now=timezone.now())

    assert not Code.objects.exists()
    assert is_right(tour)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"count": 0}, "count"),
        ({"count": 2_000_001}, "count"),
        ({"length": 5}, "length"),
        ({"length": 33}, "length"),
        ({"count": 300, "length": 6, "alphabet": "digits"}, "length"),
        ({"prefix": "=1"}, "prefix"),
        ({"prefix": "-A"}, "prefix"),
        ({"prefix": "A B"}, "prefix"),
        ({"prefix": "A" * 25}, "prefix"),
        ({"alphabet": "all"}, "alphabet"),
    ],
)
def test_codes_that_could_be_guessed_or_broken_are_not_made(
    tour: Campaign, options: dict[str, object], field: str
) -> None:
    with pytest.raises(CannotUpload) as refusal:
        make(pool_of(tour, *LAX), **{"count": 10, **options})  # type: ignore[arg-type]  # As the cases say.

    assert refusal.value.field == field
    assert not Upload.objects.exists()


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_the_shortest_length_leaves_a_thousand_codes_for_each(alphabet: str) -> None:
    for count in (1, 262, 263, 191_102, 191_103, 2_000_000):
        length, size = shortest_for(count, alphabet), len(ALPHABETS[alphabet])

        assert size**length >= 1_000 * count
        assert length == 6 or size ** (length - 1) < 1_000 * count


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_each_letter_is_as_likely_as_any_other(alphabet: str) -> None:
    codes = random_codes(20_000, prefix="", length=10, alphabet=alphabet)

    letters = Counter("".join(codes))
    expected = 200_000 / len(ALPHABETS[alphabet])
    spread = sum((letters[letter] - expected) ** 2 / expected for letter in ALPHABETS[alphabet])
    freedom = len(ALPHABETS[alphabet]) - 1
    # Chi-squared: beyond this once in some millions of runs.
    assert spread < freedom + 6 * math.sqrt(2 * freedom) + 12
    assert set(letters) == set(ALPHABETS[alphabet])


@pytest.mark.parametrize("alphabet", ALPHABETS.values())
def test_no_alphabet_has_look_alikes_or_vowels(alphabet: str) -> None:
    assert not set(alphabet) & set("AEIOUYL01")
    assert alphabet.isalnum()
    for pair in ("2Z", "5S", "8B"):
        assert len(set(alphabet) & set(pair)) < 2


@pytest.mark.django_db
@pytest.mark.parametrize("pattern", ["", "[A-Z]{3}-[0-9]{6}", r"\d+|[A-F]+", "(A|B)+"])
def test_a_pattern_is_taken(pattern: str) -> None:
    check_pattern(pattern)


@pytest.mark.django_db
@pytest.mark.parametrize("pattern", ["[A-Z", "a)|(b", "*A", r"(A+)\1", "(?i)a", "A{2000}"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        check_pattern(pattern)
