"""Answers to a campaign's own questions: each type's rule, conditions, and that anything at all may be sent."""

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.models import Field
from entries.answers import BadAnswer, clean_answer, clean_answers

Type = Field.Type
OPTIONS = [{"value": "floor", "labels": {"en": "Floor"}}, {"value": "seat"}, {"value": "lawn"}]


def field(kind: str, **values: Any) -> Field:
    """A question that is not stored."""
    options = OPTIONS if kind in ("radio", "dropdown", "multiple") else []
    return Field(**{"pk": 1, "key": "asked", "type": kind, "label": "Asked", "options": options, **values})


@pytest.mark.parametrize(
    ("asked", "sent", "kept"),
    [
        (field("text"), " red ", "red"),
        (field("text", minimum="3", maximum="5"), "abc", "abc"),
        (field("long_text"), "one\r\ntwo", "one\ntwo"),
        (field("number"), "18", 18),
        (field("number"), "2,5", 2.5),
        (field("number"), "٣", 3),
        (field("number"), 0, 0),
        (field("number", is_required=True), 0, 0),
        (field("number", minimum="-1", maximum="0.5"), "0.5", 0.5),
        (field("date"), "2001-12-31", "2001-12-31"),
        (field("date", minimum="2001-01-01", maximum="2001-12-31"), "2001-12-31", "2001-12-31"),
        (field("email"), " ADA@Example.com ", "ada@example.com"),
        (field("phone"), "(213) 555-0123", "+12135550123"),
        (field("phone"), "+49 30 901820", "+4930901820"),
        (field("checkbox"), "on", True),
        (field("checkbox"), False, False),
        (field("consent", is_required=True), True, True),
        (field("radio"), "seat", "seat"),
        (field("dropdown"), "seat", "seat"),
        (field("multiple"), ["lawn", "floor"], ["floor", "lawn"]),
        (field("multiple", minimum="2", maximum="2"), ["lawn", "seat"], ["seat", "lawn"]),
        (field("multiple", minimum="2"), [], None),
        (field("text"), "", None),
        (field("number"), None, None),
    ],
)
def test_an_answer_is_kept_in_its_types_shape(asked: Field, sent: object, kept: object) -> None:
    answer = clean_answer(asked, sent, region="US")

    assert answer == kept
    assert type(answer) is type(kept)


@pytest.mark.parametrize(
    ("asked", "sent", "words"),
    [
        (field("text"), 7, "enter text"),
        (field("text"), "x" * 201, "at most 200"),
        (field("text", minimum="3"), "ab", "at least 3"),
        (field("text", maximum="3"), "abcd", "at most 3"),
        (field("text"), "a\x00b", "cannot be shown"),
        (field("long_text"), "x" * 2001, "at most 2000"),
        (field("number"), "1e3", "enter a number"),
        (field("number"), "1_000", "enter a number"),
        (field("number"), True, "enter a number"),
        (field("number"), "nan", "enter a number"),
        (field("number"), 10**30, "enter a number"),
        (field("number"), 10**400, "enter a number"),
        (field("number", minimum="18"), 17, "The least is 18."),
        (field("number", maximum="18"), "18.1", "The most is 18."),
        (field("date"), "20011231", "as in 2001-12-31"),
        (field("date"), "2001-W52-1", "as in 2001-12-31"),
        (field("date"), "2001-02-30", "as in 2001-12-31"),
        (field("date"), 20011231, "as in 2001-12-31"),
        (field("date", maximum="2001-12-31"), "2002-01-01", "The most is 2001-12-31."),
        (field("email"), "ada", "name@example.com"),
        (field("email"), ["ada@example.com"], "name@example.com"),
        (field("phone"), "12", "country code"),
        (field("phone"), 12135550123, "country code"),
        (field("checkbox"), "perhaps", "Please tick"),
        (field("consent", is_required=True), "off", "needed to take part"),
        (field("radio"), "moon", "one of the options"),
        (field("dropdown"), ["seat"], "one of the options"),
        (field("multiple"), "seat", "among the options"),
        (field("multiple"), ["seat", "moon"], "among the options"),
        (field("multiple"), ["seat", "seat"], "each option once"),
        (field("multiple", minimum="2"), ["seat"], "The fewest: 2"),
        (field("multiple", maximum="1"), ["seat", "lawn"], "The most: 1"),
        (field("multiple", is_required=True), [], "answer this question"),
        (field("text", is_required=True), "  ", "answer this question"),
    ],
)
def test_an_answer_that_breaks_its_rule_is_told_in_words(asked: Field, sent: object, words: str) -> None:
    with pytest.raises(BadAnswer, match=words.replace(".", r"\.")):
        clean_answer(asked, sent, region="US")


def chain() -> list[Field]:
    """A row is asked of whoever sits, and a wish of whoever wants to be told of it; the last comes first in order."""
    wish = field("text", pk=3, key="wish", is_required=True, shown_if_id=2, shown_if_value="yes")
    area = field("radio", pk=1, key="area")
    told = field("checkbox", pk=2, key="told", shown_if_id=1, shown_if_value="seat")
    return [wish, area, told]


@pytest.mark.parametrize(
    ("sent", "kept", "wrong"),
    [
        ({"area": "seat", "told": "on", "wish": "aisle"}, {"area": "seat", "told": True, "wish": "aisle"}, []),
        ({"area": "floor", "told": "on", "wish": "aisle"}, {"area": "floor"}, []),
        ({"area": "floor", "told": ["junk"], "wish": 7}, {"area": "floor"}, []),
        ({"wish": "aisle"}, {}, []),
        ({"area": "seat", "wish": "aisle"}, {"area": "seat"}, []),
        ({"area": "seat", "told": True}, {"area": "seat", "told": True}, ["answers.wish"]),
        ({"area": "moon", "told": True, "wish": "x"}, {}, ["answers.area"]),
    ],
)
def test_a_question_whose_condition_is_not_met_is_not_asked(
    sent: dict[str, Any], kept: dict[str, Any], wrong: list[str]
) -> None:
    errors: dict[str, list[str]] = {}

    assert clean_answers(chain(), sent, errors) == kept
    assert list(errors) == wrong


def test_a_box_that_is_not_ticked_is_an_answer_that_others_can_hang_on() -> None:
    box = field("checkbox", pk=1, key="box")
    why = field("text", pk=2, key="why", shown_if_id=1, shown_if_value="no")
    several = field("multiple", pk=3, key="several")
    lawn = field("text", pk=4, key="lawn", shown_if_id=3, shown_if_value="lawn")

    kept = clean_answers([box, why, several, lawn], {"why": "late", "several": ["lawn", "seat"], "lawn": "x"}, {})

    assert kept == {"why": "late", "several": ["seat", "lawn"], "lawn": "x"}


def test_a_circle_that_came_in_around_the_rules_asks_nothing_and_ends() -> None:
    one = field("checkbox", pk=1, key="one", shown_if_id=2, shown_if_value="yes", is_required=True)
    two = field("checkbox", pk=2, key="two", shown_if_id=1, shown_if_value="yes", is_required=True)

    assert clean_answers([one, two], {"one": True, "two": True}, {}) == {}


def test_a_market_ranking_takes_no_answer_of_its_own() -> None:
    errors: dict[str, list[str]] = {}

    kept = clean_answers([field("ranking", key="cities")], {"cities": ["CA-LAX"]}, errors)

    assert kept == {}
    assert list(errors) == ["answers.cities"]


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["on", "seat", "2001-12-31", "ada@example.com", "+1 213 555 0123", "1e9", "x" * 3000, 10**400]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
LIMITS = {"number": ("-5", "500"), "date": ("1900-01-01", "2100-01-01"), "text": ("1", "20"), "multiple": ("1", "2")}


def has_right_shape(asked: Field, answer: Any) -> bool:
    """Whether an answer is what its type keeps."""
    match asked.type:
        case "number":
            return isinstance(answer, int | float) and not isinstance(answer, bool)
        case "date":
            return bool(date.fromisoformat(answer).isoformat() == answer)
        case "checkbox" | "consent":
            return isinstance(answer, bool)
        case "radio" | "dropdown":
            return answer in ("floor", "seat", "lawn")
        case "multiple":
            return bool(answer) and answer == [value for value in ("floor", "seat", "lawn") if value in answer]
        case "phone":
            return bool(answer.startswith("+") and answer[1:].isdigit())
        case "email":
            return "@" in answer
    return isinstance(answer, str) and bool(answer)


@given(kind=st.sampled_from([kind for kind in Type if kind != Type.RANKING]), sent=ANYTHING, has_limits=st.booleans())
def test_whatever_is_sent_is_kept_in_the_right_shape_or_refused(kind: Type, sent: object, has_limits: bool) -> None:
    least, most = LIMITS.get(kind, ("", "")) if has_limits else ("", "")
    asked = field(kind, minimum=least, maximum=most)
    errors: dict[str, list[str]] = {}

    kept = clean_answers([asked], {"asked": sent}, errors, region="US")

    assert json.loads(json.dumps(kept)) == kept
    if errors:
        assert list(errors) == ["answers.asked"]
        assert kept == {}
    elif kept:
        assert has_right_shape(asked, kept["asked"])
        assert clean_answers([asked], kept, {}, region="US") == kept
