"""The form and gates of a campaign at the admin: conditions, order, gates and the page that tries one."""

from functools import partial
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, Field, Gate
from campaigns.published import published
from core.models import AuditEvent
from entries.form import Form
from entries.models import Entry
from entries.registration import register
from tests import scenario
from tests.admin.conftest import Desk, Reader, signed_in
from viewers.granting import set_rights
from viewers.models import Staff
from viewers.permissions import Action

pytestmark = pytest.mark.django_db
OPTIONS = [{"value": "floor", "labels": {"en": "Floor"}}, {"value": "seat", "labels": {"en": "A seat"}}]


@pytest.fixture
def draft(db: None) -> Campaign:
    """The tour before its opening, with a question that others can hang on."""
    campaign = scenario.make_tour()
    Field.objects.create(campaign=campaign, number=2, key="area", type="radio", label="Where?", options=OPTIONS)
    return campaign


def address(name: str, campaign: Campaign) -> str:
    """A page of a campaign."""
    return f"{reverse(f'admin:campaigns_{name}')}?campaign={campaign.pk}"


def question(**values: Any) -> dict[str, Any]:
    """What an operator fills in for a question."""
    return {"number": 3, "key": "row", "type": "number", "label_en": "Row?", "is_active": "on", **values}


@pytest.mark.parametrize(
    ("label", "key"),
    [
        ("Which row?", "which_row"),
        ("Area", "area_2"),
        ("1. How did you hear of this tour, and from whom?", "how_did_you_hear_of_this_tour"),
        ("どこで?", "question"),
    ],
)
def test_a_question_without_a_key_gets_one_from_its_label(desk: Desk, draft: Campaign, label: str, key: str) -> None:
    desk.post(address("field_add", draft), question(key="", label_en=label))

    assert Field.objects.get(campaign=draft, number=3).key == key


def test_a_condition_is_one_menu_and_can_be_taken_back(desk: Desk, draft: Campaign) -> None:
    desk.post(address("field_add", draft), question(condition="area=seat", minimum="1"))
    row = Field.objects.get(campaign=draft, key="row")
    assert (row.shown_if, row.shown_if_value, row.minimum) == (draft.fields.get(key="area"), "seat", "1")

    desk.post(reverse("admin:campaigns_field_change", args=[row.pk]), question(condition="", minimum=""))

    row.refresh_from_db()
    assert (row.shown_if, row.shown_if_value, row.minimum) == (None, "", "")
    event = AuditEvent.objects.get(action="field.change")
    assert event.changes["condition"] == ["area=seat", ""]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"condition": "area=moon"}, "Select a valid choice"),
        ({"type": "checkbox", "minimum": "1"}, "has no limits"),
        ({"type": "text", "options": "a | en: A"}, "has no options"),
        ({"minimum": "9", "maximum": "8"}, "below the minimum"),
        ({"type": "ranking", "condition": "area=seat"}, "the market ranking has no condition"),
    ],
)
def test_a_wrong_question_stays_on_the_page_with_words(
    desk: Desk, draft: Campaign, wrong: dict[str, str], words: str
) -> None:
    answer = desk.post(address("field_add", draft), question(**wrong))

    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert draft.fields.count() == 2


def test_a_second_market_ranking_is_refused_in_words(desk: Desk, draft: Campaign) -> None:
    Field.objects.create(campaign=draft, number=3, key="cities", type="ranking", label="Where to?")

    answer = desk.post(address("field_add", draft), question(number=4, type="ranking"))

    assert "The form has a market ranking already" in answer.content.decode()


def test_the_form_tells_the_script_what_applies_to_each_type(read: Reader, draft: Campaign) -> None:
    page = read(address("field_add", draft))

    assert "data-applies" in page
    assert "admin_monoql/set_up.js" in page
    assert "only if “Where?” is: A seat" in page


def test_a_list_is_ordered_by_the_numbers_that_are_typed(desk: Desk, draft: Campaign) -> None:
    Field.objects.create(campaign=draft, number=3, key="last", label="Last")
    by_key = {field.key: field.pk for field in draft.fields.all()}

    page = desk.get(address("field_changelist", draft)).content.decode()
    assert f'name="number-{by_key["last"]}"' in page
    numbers = {f"number-{by_key[key]}": number for key, number in (("seat", 1), ("area", 2), ("last", 1))}
    desk.post(address("field_order_page", draft), numbers)

    assert list(draft.fields.order_by("number").values_list("key", flat=True)) == ["last", "seat", "area"]
    assert AuditEvent.objects.filter(action="field.order", campaign_id=draft.pk).count() == 1


@pytest.mark.parametrize("typed", ["", "x", "-1", "99999999999", "٣"])
def test_numbers_that_are_none_change_no_order(desk: Desk, draft: Campaign, typed: str) -> None:
    numbers = {f"number-{field.pk}": typed for field in draft.fields.all()}

    answer = desk.post(address("field_order_page", draft), numbers, follow=True)

    assert answer.status_code == 200
    assert list(draft.fields.order_by("number").values_list("key", flat=True)) == ["seat", "area"]


def test_in_a_finished_campaign_nothing_can_be_ordered(desk: Desk, draft: Campaign) -> None:
    Campaign.objects.filter(pk=draft.pk).update(status="finished")

    page = desk.get(address("field_changelist", draft)).content.decode()

    assert 'name="number-' not in page
    assert "Save the order" not in page


def gate_form(**values: Any) -> dict[str, Any]:
    """What an operator fills in for a gate."""
    return {"number": 1, "kind": "card_type", "provider": "sandbox", "wanted": "visa", "is_active": "on", **values}


def test_a_gate_is_made_with_a_message_in_each_language(desk: Desk, draft: Campaign) -> None:
    desk.post(address("gate_add", draft), gate_form(message_en="Pay by Visa.", message_de="Visa!"))

    gate: Any = draft.gates.get()  # It has one column a language.
    assert (gate.kind, gate.provider, gate.message, gate.message_de) == (
        "card_type",
        "sandbox",
        "Pay by Visa.",
        "Visa!",
    )
    assert "card type" in desk.get(address("gate_changelist", draft)).content.decode()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"provider": "campaign_entry"}, "It does not serve this kind. These do: sandbox."),
        ({"kind": "campaign_entry"}, "Choose the campaign in which fans must have an entry."),
        ({"provider": "nobody"}, "Select a valid choice"),
    ],
)
def test_a_wrong_gate_stays_on_the_page_with_words(
    desk: Desk, draft: Campaign, wrong: dict[str, str], words: str
) -> None:
    answer = desk.post(address("gate_add", draft), gate_form(**wrong))

    assert words in answer.content.decode()
    assert not draft.gates.exists()


@pytest.mark.parametrize(
    ("typed", "words"), [("ada@", ">passes<"), ("fail+ada@", ">fails<"), ("pending+ada@", ">cannot say<")]
)
def test_trying_a_gate_shows_the_answer_and_keeps_no_address(
    desk: Desk, draft: Campaign, typed: str, words: str
) -> None:
    gate = Gate.objects.create(campaign=draft, kind="card_type", provider="sandbox")

    page = desk.post(reverse("admin:campaigns_gate_try_page", args=[gate.pk]), {"email": f"{typed}secret.example"})

    assert words in page.content.decode()
    event = AuditEvent.objects.get(action="gate.try")
    assert "secret" not in f"{event.changes}{event.target_id}{event.reason}"


def test_a_gate_on_another_campaign_tells_nobody_who_may_not_see_its_fans(draft: Campaign, clerk: Staff) -> None:
    other = scenario.open_tour(domain="other")
    gate = Gate.objects.create(campaign=draft, kind="campaign_entry", provider="campaign_entry", other_campaign=other)
    now = timezone.now()
    give = partial(set_rights, staff=clerk, ends_at=None, reason="", actor=scenario.SUPREME, now=now)
    way = reverse("admin:campaigns_gate_try_page", args=[gate.pk])
    give(campaign_id=draft.pk, actions=[Action.VIEW, Action.EDIT_SETUP])

    assert signed_in(clerk).post(way, {"email": "ada@example.com"}).status_code == 403
    give(campaign_id=other.pk, actions=[Action.VIEW, Action.SEE_PERSONAL_DATA])
    assert signed_in(clerk).post(way, {"email": "ada@example.com"}).status_code == 200


def test_an_entrys_page_shows_each_gates_answer_and_answers_of_before_a_change(desk: Desk) -> None:
    tour = scenario.open_tour()
    Gate.objects.create(campaign=tour, kind="card_type", provider="sandbox", wanted="visa")
    Field.objects.create(campaign=tour, number=2, key="area", type="multiple", label="Where?", options=OPTIONS)
    form = Form(email="pending+ada@example.com", name="Ada", choices=["CA-LAX"], answers={"area": ["seat"]})
    register(published=published("aurora"), form=form, now=timezone.now())
    entry = Entry.objects.get()
    Entry.objects.update(answers={"area": ["seat", "lawn"], "seat": "front", "gone": "classified"})
    tour.fields.filter(key="seat").update(is_active=False)

    page = desk.get(reverse("admin:entries_entry_change", args=[entry.pk])).content.decode()

    assert "card type: visa" in page
    assert ">cannot say<" in page
    assert "A seat, lawn" in page
    assert "Favourite seat (asked no more)" in page
    assert "gone (a question that is gone)" in page
    assert "classified" not in page
