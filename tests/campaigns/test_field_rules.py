"""A question's definition: what is refused, with words that say what to do."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from campaigns import lifecycle, readiness
from campaigns.models import Campaign, Field
from campaigns.ordering import CannotOrder, put_in_order
from core.models import AuditEvent
from core.refusal import NotAllowed
from tests import scenario
from viewers.models import Staff
from viewers.viewer import viewer_of_staff

pytestmark = pytest.mark.django_db
OPTIONS = [{"value": "floor", "labels": {"en": "Floor"}}, {"value": "seat", "labels": {"en": "A seat"}}]


@pytest.fixture
def draft(db: None) -> Campaign:
    """The tour before its opening."""
    return scenario.make_tour()


def make(campaign: Campaign, key: str, **values: Any) -> Field:
    """A stored question."""
    number = campaign.fields.count() + 1
    return Field.objects.create(campaign=campaign, key=key, number=number, label=key.title(), **values)


def told(field: Field) -> dict[str, list[str]]:
    """What is wrong with a definition."""
    try:
        field.full_clean()
    except ValidationError as invalid:
        return invalid.message_dict
    return {}


def new(campaign: Campaign, **values: Any) -> Field:
    """A question that is not stored yet."""
    return Field(**{"campaign": campaign, "key": "new", "number": 90, "label": "New", **values})


@pytest.mark.parametrize(
    ("values", "place", "words"),
    [
        ({"type": "radio"}, "options", "at least one option"),
        ({"type": "text", "options": OPTIONS}, "options", "has no options"),
        ({"type": "dropdown", "options": [*OPTIONS, OPTIONS[0]]}, "options", "stands twice"),
        ({"type": "dropdown", "options": [{"value": " "}]}, "options", "Each option is a value"),
        ({"type": "multiple", "options": [{"value": "a", "labels": {"xx": "A"}}]}, "options", "Each option is a value"),
        ({"type": "checkbox", "minimum": "1"}, "minimum", "has no limits"),
        ({"type": "number", "minimum": "many"}, "minimum", "Write a number"),
        ({"type": "number", "minimum": "nan"}, "minimum", "Write a number"),
        ({"type": "number", "minimum": "5", "maximum": "4.5"}, "maximum", "below the minimum"),
        ({"type": "date", "maximum": "31.12.2001"}, "maximum", "2001-12-31"),
        ({"type": "text", "maximum": "201"}, "maximum", "at most 200 letters"),
        ({"type": "text", "maximum": "0"}, "maximum", "how many letters"),
        ({"type": "multiple", "options": OPTIONS, "minimum": "3"}, "minimum", "at most 2 options"),
    ],
)
def test_a_wrong_definition_is_told_beside_its_part(
    draft: Campaign, values: dict[str, Any], place: str, words: str
) -> None:
    found = told(new(draft, **values))

    assert words in " ".join(found[place])


@pytest.mark.parametrize(
    "values",
    [
        {"type": "number", "minimum": "-1.5", "maximum": "2"},
        {"type": "date", "minimum": "2001-12-31", "maximum": "2001-12-31"},
        {"type": "multiple", "options": OPTIONS, "minimum": "1", "maximum": "2"},
        {"type": "ranking"},
        {"type": "email"},
        {"type": "phone"},
    ],
)
def test_a_right_definition_is_taken(draft: Campaign, values: dict[str, Any]) -> None:
    assert told(new(draft, **values)) == {}


def test_a_condition_names_a_tick_or_a_choice_of_the_same_campaign_and_one_of_its_answers(draft: Campaign) -> None:
    area = make(draft, "area", type="radio", options=OPTIONS)
    box = make(draft, "box", type="checkbox")
    text = draft.fields.get(key="seat")
    elsewhere = make(scenario.make_tour(domain="other"), "area", type="radio", options=OPTIONS)
    gone = make(draft, "gone", type="checkbox", is_active=False)

    assert told(new(draft, shown_if=area, shown_if_value="seat")) == {}
    assert told(new(draft, shown_if=box, shown_if_value="no")) == {}
    assert "one of: floor, seat" in told(new(draft, shown_if=area, shown_if_value="moon"))["shown_if_value"][0]
    assert "one of: yes, no" in told(new(draft, shown_if=box, shown_if_value="on"))["shown_if_value"][0]
    assert "neither" in told(new(draft, shown_if=text, shown_if_value="x"))["shown_if"][0]
    assert "same campaign" in told(new(draft, shown_if=elsewhere, shown_if_value="seat"))["shown_if"][0]
    assert "not asked any more" in told(new(draft, shown_if=gone, shown_if_value="yes"))["shown_if"][0]
    assert "shown_if_value" in told(new(draft, shown_if_value="seat"))
    assert "no condition" in told(new(draft, type="ranking", shown_if=box, shown_if_value="yes"))["shown_if"][0]


def test_a_chain_is_allowed_and_a_circle_refused(draft: Campaign) -> None:
    one = make(draft, "one", type="checkbox")
    two = make(draft, "two", type="checkbox", shown_if=one, shown_if_value="yes")
    three = make(draft, "three", type="checkbox", shown_if=two, shown_if_value="yes")

    assert told(three) == {}
    one.shown_if, one.shown_if_value = three, "yes"
    assert "circle" in told(one)["shown_if"][0]


def test_what_others_hang_on_keeps_being_asked_and_keeps_their_answer(draft: Campaign) -> None:
    area = make(draft, "area", type="radio", options=OPTIONS)
    make(draft, "row", type="number", shown_if=area, shown_if_value="seat")

    area.is_active = False
    assert "“Row”" in told(area)["is_active"][0]
    area.is_active, area.options = True, OPTIONS[:1]
    assert "keep that answer" in told(area)["options"][0]
    area.type, area.options = "text", []
    assert "keep that answer" in told(area)["type"][0]


def test_answers_keep_their_key_once_there_can_be_some(tour: Campaign) -> None:
    seat = tour.fields.get(key="seat")

    seat.key = "place"

    assert "it keeps this key" in told(seat)["key"][0]


def test_a_question_that_nobody_could_answer_keeps_the_campaign_from_opening(draft: Campaign) -> None:
    area = make(draft, "area", type="radio")

    lines = [line for line in readiness.lines(draft, now=timezone.now()) if line.section == "form"]

    assert [line.is_red for line in lines] == [True]
    assert "“Area”" in lines[0].text
    with pytest.raises(lifecycle.CannotOpenCampaign):
        lifecycle.open_campaign(campaign=draft, actor=scenario.SUPREME, now=timezone.now())
    Field.objects.filter(pk=area.pk).update(is_active=False)
    assert lifecycle.open_campaign(campaign=draft, actor=scenario.SUPREME, now=timezone.now()).has_opened


def keys(campaign: Campaign) -> list[str]:
    """The questions in their order."""
    return list(campaign.fields.order_by("number").values_list("key", flat=True))


def test_an_order_is_put_anew_in_one_step_with_one_line_in_the_history(draft: Campaign) -> None:
    for key in ("one", "two", "three"):
        make(draft, key)
    by_key = {field.key: field.pk for field in draft.fields.all()}
    wanted = [by_key[key] for key in ("three", "seat", "two", "one")]

    for _ in range(2):
        put_in_order(model=Field, campaign=draft, wanted=wanted, actor=scenario.SUPREME, now=timezone.now())

    assert keys(draft) == ["three", "seat", "two", "one"]
    event = AuditEvent.objects.get(action="field.order")
    assert event.changes == {"order": ["seat › one › two › three", "three › seat › two › one"]}


def test_a_part_of_a_list_is_ordered_alone(draft: Campaign) -> None:
    for key in ("one", "two", "three"):
        make(draft, key)
    by_key = {field.key: field.pk for field in draft.fields.all()}

    wanted = [by_key["three"], by_key["one"]]
    put_in_order(model=Field, campaign=draft, wanted=wanted, actor=scenario.SUPREME, now=timezone.now())

    assert keys(draft) == ["seat", "three", "two", "one"]


def test_an_order_is_refused_for_strangers_rows_of_others_and_finished_campaigns(draft: Campaign, clerk: Staff) -> None:
    seat = draft.fields.get()
    other = scenario.make_tour(domain="other").fields.get()
    now = timezone.now()

    with pytest.raises(NotAllowed):
        put_in_order(model=Field, campaign=draft, wanted=[seat.pk], actor=viewer_of_staff(clerk), now=now)
    for wanted in ([other.pk], [seat.pk, seat.pk]):
        with pytest.raises(CannotOrder):
            put_in_order(model=Field, campaign=draft, wanted=wanted, actor=scenario.SUPREME, now=now)
    Campaign.objects.filter(pk=draft.pk).update(status="finished")
    with pytest.raises(CannotOrder, match="finished"):
        put_in_order(model=Field, campaign=draft, wanted=[seat.pk], actor=scenario.SUPREME, now=now)
