"""How a gate's provider is asked: within its time, outside of everything, and never an exception."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Event

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from campaigns import gating, readiness
from campaigns.gating import Answer, Applicant
from campaigns.models import Campaign, Field, Gate, Member
from tests import scenario

pytestmark = pytest.mark.django_db
ADA = Applicant(campaign_id=0, identifier="ada@example.com", email="ada@example.com")


class Elsewhere:
    """A provider outside, which does what a test tells it."""

    kinds: Sequence[str] = (Gate.Kind.CARD_TYPE,)
    title = "Card house"
    rule = "It knows."
    is_ours = False

    def __init__(self) -> None:
        self.deed: Callable[[], object] = lambda: Answer.PASSES
        self.is_up: Callable[[], bool] = lambda: True

    def check(self, gate: Gate, applicant: Applicant) -> Answer:
        """Do the deed."""
        return self.deed()  # type: ignore[return-value]  # That it may be anything is what is tested.

    def answers(self) -> bool:
        """As the test says."""
        return self.is_up()

    def problem(self, gate: Gate) -> Mapping[str, str]:
        """Nothing."""
        return {}


@pytest.fixture
def elsewhere(settings: Settings) -> Iterator[Elsewhere]:
    """The provider outside, registered for one test."""
    settings.GATE_SECONDS = 0.3
    provider = Elsewhere()
    gating.register("elsewhere", provider)
    yield provider
    gating.unregister("elsewhere")


@pytest.fixture
def draft(db: None) -> Campaign:
    """The tour before its opening."""
    return scenario.make_tour()


def make(campaign: Campaign, kind: str, provider: str, **values: object) -> Gate:
    """A stored gate."""
    return Gate.objects.create(campaign=campaign, kind=kind, provider=provider, **values)


def fail() -> object:
    """What a provider does that has a bad day."""
    raise ConnectionError("ada@example.com could not be asked")


@pytest.mark.parametrize("answer", list(Answer))
def test_a_provider_outside_answers(draft: Campaign, elsewhere: Elsewhere, answer: Answer) -> None:
    elsewhere.deed = lambda: answer

    assert gating.ask(make(draft, "card_type", "elsewhere"), ADA) is answer


@pytest.mark.parametrize("deed", [fail, lambda: None, lambda: True, lambda: "perhaps", lambda: ["passes"]])
def test_whatever_is_no_answer_means_that_it_cannot_say(
    draft: Campaign, elsewhere: Elsewhere, deed: Callable[[], object]
) -> None:
    elsewhere.deed = deed

    assert gating.ask(make(draft, "card_type", "elsewhere"), ADA) is Answer.CANNOT_SAY


def test_the_log_does_not_repeat_what_a_provider_raised(
    draft: Campaign, elsewhere: Elsewhere, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere.deed = fail

    gating.ask(make(draft, "card_type", "elsewhere"), ADA)

    assert "gate_cannot_say" in caplog.text
    assert "ada@example.com" not in caplog.text


def test_one_that_takes_too_long_cannot_say_and_nobody_waits_for_it(draft: Campaign, elsewhere: Elsewhere) -> None:
    end = Event()
    elsewhere.deed = lambda: end.wait(30) and Answer.PASSES
    gate = make(draft, "card_type", "elsewhere")

    began = time.monotonic()
    answers = [gating.ask(gate, ADA) for _ in range(2)]
    lasted = time.monotonic() - began
    end.set()

    assert answers == [Answer.CANNOT_SAY] * 2
    assert lasted < 5


def test_a_provider_that_hangs_keeps_a_few_threads_and_answers_again_afterwards(
    draft: Campaign, elsewhere: Elsewhere, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gating, "MOST_AT_ONCE", 2)
    gating.register("elsewhere", elsewhere)
    settings.GATE_SECONDS = 0.05
    end = Event()
    calls: list[int] = []

    def hang() -> object:
        calls.append(1)
        end.wait(30)
        return Answer.PASSES

    elsewhere.deed = hang
    gate = make(draft, "card_type", "elsewhere")
    for _ in range(4):
        assert gating.ask(gate, ADA) is Answer.CANNOT_SAY
    assert len(calls) == 2

    end.set()
    settings.GATE_SECONDS = 5

    assert gating.ask(gate, ADA) is Answer.PASSES


def test_a_slow_question_to_our_own_database_is_ended_there(
    draft: Campaign, elsewhere: Elsewhere, settings: Settings
) -> None:
    elsewhere.is_ours = True

    def sleep() -> object:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(20)")
        return Answer.PASSES

    elsewhere.deed = sleep
    began = time.monotonic()
    answer = gating.ask(make(draft, "card_type", "elsewhere"), ADA)

    assert answer is Answer.CANNOT_SAY
    assert time.monotonic() - began < 5
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_a_gate_whose_provider_nobody_knows_cannot_say(draft: Campaign, elsewhere: Elsewhere) -> None:
    assert gating.ask(make(draft, "card_type", "nobody"), ADA) is Answer.CANNOT_SAY
    assert gating.ask(make(draft, "idv_tier", "elsewhere"), ADA) is Answer.CANNOT_SAY


def red_lines(campaign: Campaign) -> list[str]:
    """What the readiness list says of the gates."""
    lines = readiness.lines(campaign, now=timezone.now())
    return [line.text for line in lines if line.section == "gates" and line.is_red]


def test_the_readiness_list_names_gates_that_nobody_answers_for(
    draft: Campaign, elsewhere: Elsewhere, settings: Settings
) -> None:
    gate = make(draft, "card_type", "elsewhere", wanted="visa")
    assert red_lines(draft) == []

    elsewhere.is_up = lambda: False
    gating.register("elsewhere", elsewhere)
    assert red_lines(draft) == ["Gate “card type: visa”: its provider elsewhere does not answer."]

    gating.unregister("elsewhere")
    assert "No provider has this name" in red_lines(draft)[0]

    Gate.objects.filter(pk=gate.pk).update(is_active=False)
    assert red_lines(draft) == []


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("ada@example.com", Answer.PASSES),
        ("fail+ada@example.com", Answer.FAILS),
        ("pending+ada@example.com", Answer.CANNOT_SAY),
    ],
)
@pytest.mark.parametrize("kind", Gate.Kind)
def test_the_sandbox_answers_for_every_kind_by_the_address(
    draft: Campaign, kind: str, address: str, answer: Answer
) -> None:
    other = scenario.make_tour(domain="other") if kind == "campaign_entry" else None
    gate = make(draft, kind, "sandbox", other_campaign=other)

    assert gating.ask(gate, Applicant(campaign_id=draft.pk, identifier=address, email=address)) is answer


def test_a_sandbox_that_is_switched_off_lets_nobody_pass(draft: Campaign, settings: Settings) -> None:
    settings.GATE_SANDBOX = False
    gate = make(draft, "card_type", "sandbox")

    assert gating.ask(gate, ADA) is Answer.CANNOT_SAY
    assert "switched off" in red_lines(draft)[0]


def test_the_fan_club_knows_its_members_by_address_and_by_number(draft: Campaign) -> None:
    gate = make(draft, "fan_club", "fan_club", wanted="member_number")
    Field.objects.create(campaign=draft, number=2, key="member_number", label="Number")

    def asked(email: str, number: object = "") -> Answer:
        supplied = {"member_number": number}
        return gating.ask(gate, Applicant(campaign_id=draft.pk, identifier=email, email=email, supplied=supplied))

    assert asked("ada@example.com") is Answer.CANNOT_SAY  # There is no list yet.
    Member.objects.create(artist=draft.artist, number="A-7", email="ada@example.com")
    Member.objects.create(artist=draft.artist, number="B-8")

    assert asked("ada@example.com") is Answer.PASSES
    assert asked("ben@example.com") is Answer.FAILS
    assert asked("ben@example.com", " B-8 ") is Answer.PASSES
    assert asked("ben@example.com", "B-9") is Answer.FAILS
    assert asked("", True) is Answer.FAILS


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"kind": "card_type", "provider": "nobody"}, "provider"),
        ({"kind": "card_type", "provider": "fan_club"}, "provider"),
        ({"kind": "fan_club", "provider": "fan_club"}, "provider"),
        ({"kind": "fan_club", "provider": "sandbox", "other_campaign": "other"}, "other_campaign"),
        ({"kind": "campaign_entry", "provider": "sandbox"}, "other_campaign"),
        ({"kind": "campaign_entry", "provider": "sandbox", "other_campaign": "own"}, "other_campaign"),
    ],
)
def test_a_wrong_gate_is_told_beside_its_part(draft: Campaign, values: dict[str, object], place: str) -> None:
    campaigns = {"own": draft, "other": scenario.make_tour(domain="other")}
    other = campaigns.get(str(values.get("other_campaign")))
    gate = Gate(**{"campaign": draft, "number": 1, **values, "other_campaign": other})

    with pytest.raises(ValidationError) as caught:
        gate.full_clean()

    assert place in caught.value.message_dict
