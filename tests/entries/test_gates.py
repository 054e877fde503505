"""Gates and entries: refused, let in, or let in and asked again until the first freeze."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from pytest_django import Settings

from campaigns import gating
from campaigns.gating import Answer, Applicant
from campaigns.models import Campaign, Gate
from campaigns.published import published
from entries import gates
from entries.form import Form
from entries.gates import BATCH, PAUSES, GatesFailed, ask_again, pause_after
from entries.models import Entry, GateAnswer, Message, Submission
from entries.own_entry import confirm
from entries.proof import link_token
from entries.registration import register
from entries.standing import Standing, standing_of
from tests import scenario

pytestmark = pytest.mark.django_db


@pytest.fixture
def gate(tour: Campaign) -> Gate:
    """A gate that the sandbox answers for."""
    return Gate.objects.create(
        campaign=tour,
        kind="card_type",
        provider="sandbox",
        wanted="visa",
        message_en="Pay by Visa.",
        message_de="Visa!",
    )


def submit(campaign: Campaign, email: str, *, choices: tuple[str, ...] = ("CA-LAX",), locale: str = "") -> None:
    """A fan presses the button."""
    form = Form(email=email, name="Ada", choices=list(choices), locale=locale)
    register(published=published(campaign.domain), form=form, now=timezone.now())


def prove(entry: Entry, submission: Submission | None = None) -> Entry:
    """A fan follows the link of her mail."""
    token = link_token(entry_id=entry.pk, submission_id=submission.pk if submission else 0)
    return confirm(published=published(entry.campaign.domain), token=token, now=timezone.now())


def later(attempts: int = 1) -> datetime:
    """A moment at which a gate that could not say so many times is asked again."""
    return timezone.now() + pause_after(attempts) + timedelta(seconds=1)


def test_a_fan_who_passes_is_in_with_the_gates_answer(tour: Campaign, gate: Gate) -> None:
    submit(tour, "ada@example.com")

    entry = prove(Entry.objects.get())
    assert (entry.gates_failed, entry.gates_pending, standing_of(entry)) == (False, False, Standing.COUNTS)
    said = GateAnswer.objects.get()
    assert (said.entry, said.gate, said.answer, said.ask_after, said.attempts) == (entry, gate, "passes", None, 1)


@pytest.mark.parametrize(("language", "words"), [("en", "Pay by Visa."), ("de", "Visa!"), ("fr", "Pay by Visa.")])
def test_a_fan_who_fails_reads_the_gates_message_and_can_try_again(
    tour: Campaign, gate: Gate, language: str, words: str
) -> None:
    with translation.override(language), pytest.raises(GatesFailed) as refused:
        submit(tour, "fail+ada@example.com")

    assert refused.value.errors == {"gates": [words]}
    assert not Entry.objects.exists()
    submit(tour, "ada@example.com")
    assert Entry.objects.count() == 1


def test_a_gate_without_a_message_has_words_by_its_kind_in_the_fans_language(tour: Campaign, gate: Gate) -> None:
    Gate.objects.update(message_en="", message_de="", message="")

    with translation.override("de"), pytest.raises(GatesFailed, match="Zahlungskarte"):
        submit(tour, "fail+ada@example.com")


def test_whoever_fails_is_told_every_gate_that_she_must_mend(tour: Campaign, gate: Gate) -> None:
    Gate.objects.create(campaign=tour, kind="idv_tier", provider="sandbox", message_en="Verify yourself.")

    with pytest.raises(GatesFailed) as refused:
        submit(tour, "fail+ada@example.com")

    assert refused.value.errors == {"gates": ["Pay by Visa.", "Verify yourself."]}


def test_a_known_address_is_refused_like_a_new_one(tour: Campaign) -> None:
    submit(tour, "fail+ada@example.com")  # Before there was a gate.
    Gate.objects.create(campaign=tour, kind="card_type", provider="sandbox")

    told = []
    for email in ("fail+ada@example.com", "fail+ben@example.com"):
        with pytest.raises(GatesFailed) as refused:
            submit(tour, email)
        told.append(refused.value.errors)

    assert told[0] == told[1]
    assert not Submission.objects.exists()


def test_one_that_cannot_say_lets_the_fan_in_pending(tour: Campaign, gate: Gate) -> None:
    submit(tour, "pending+ada@example.com")

    entry = prove(Entry.objects.get())
    said = GateAnswer.objects.get()
    assert (entry.gates_pending, standing_of(entry)) == (True, Standing.GATE_PENDING)
    assert said.ask_after == said.answered_at + PAUSES[0]


def test_a_gate_that_is_not_in_use_is_not_asked(tour: Campaign, gate: Gate) -> None:
    Gate.objects.update(is_active=False)

    submit(tour, "fail+ada@example.com")

    assert Entry.objects.count() == 1
    assert not GateAnswer.objects.exists()


def test_without_gates_a_registration_is_one_message_to_the_database(tour: Campaign) -> None:
    found = published(tour.domain)
    form = Form(email="ada@example.com", name="Ada", choices=["CA-LAX"])

    with CaptureQueriesContext(
        connection,
    ) as asked:
        register(published=found, form=form, now=timezone.now())

    written = [query["sql"] for query in asked.captured_queries if "entries_" in query["sql"]]
    assert len(written) == 1
    assert "gateanswer" not in written[0]


class Calls:
    """Says what a test wants, and remembers about whom it was asked."""

    def __init__(self, answer: Callable[[], Answer]) -> None:
        self.answer = answer
        self.asked: list[Applicant] = []

    def __call__(self, gate: Gate, applicant: Applicant) -> Answer:
        """Answer."""
        self.asked.append(applicant)
        return self.answer()


class Told:
    """A provider outside that says what a test wants."""

    kinds: Sequence[str] = tuple(Gate.Kind)
    title = rule = "Told"
    is_ours = False

    def __init__(self) -> None:
        self.calls = Calls(lambda: Answer.CANNOT_SAY)

    def check(self, gate: Gate, applicant: Applicant) -> Answer:
        """What was told."""
        return self.calls(gate, applicant)

    def answers(self) -> bool:
        """Always."""
        return True

    def problem(self, gate: Gate) -> dict[str, str]:
        """None."""
        return {}


@pytest.fixture
def told(gate: Gate) -> Iterator["Told"]:
    """The gate's provider from now on."""
    provider = Told()
    gating.register("told", provider)
    Gate.objects.filter(pk=gate.pk).update(provider="told")
    yield provider
    gating.unregister("told")


def test_the_tick_asks_again_with_growing_pauses(tour: Campaign, told: Told) -> None:
    submit(tour, "ada@example.com")
    now = timezone.now()

    assert ask_again(now) == 0  # Its pause is not over.
    for attempts in range(1, len(PAUSES) + 2):
        now += pause_after(attempts) + timedelta(seconds=1)
        assert ask_again(now) == 1
        said = GateAnswer.objects.get()
        assert (said.attempts, said.ask_after) == (attempts + 1, now + pause_after(attempts + 1))
        assert Entry.objects.get().gates_pending


@pytest.mark.parametrize(
    ("answer", "standing"), [(Answer.PASSES, Standing.COUNTS), (Answer.FAILS, Standing.GATE_FAILED)]
)
def test_an_answer_settles_the_entry(tour: Campaign, told: Told, answer: Answer, standing: Standing) -> None:
    submit(tour, "ada@example.com")
    prove(Entry.objects.get())
    told.calls.answer = lambda: answer

    asked = ask_again(later())

    assert asked == 1
    assert standing_of(Entry.objects.get()) is standing
    assert (GateAnswer.objects.get().answer, GateAnswer.objects.get().ask_after) == (answer, None)
    assert ask_again(later(9)) == 0


def test_an_entry_is_pending_until_the_last_gate_has_said(tour: Campaign, told: Told) -> None:
    Gate.objects.create(campaign=tour, kind="idv_tier", provider="told")
    submit(tour, "ada@example.com")
    GateAnswer.objects.filter(gate__kind="idv_tier").update(ask_after=later(9))
    told.calls.answer = lambda: Answer.PASSES

    ask_again(later())
    assert Entry.objects.get().gates_pending
    ask_again(later(9) + timedelta(minutes=5))
    assert not Entry.objects.get().gates_pending


def test_a_gate_that_was_put_out_of_use_keeps_nobody_pending(tour: Campaign, told: Told) -> None:
    submit(tour, "ada@example.com")
    Gate.objects.update(is_active=False)
    told.calls.asked.clear()

    ask_again(later())

    assert not Entry.objects.get().gates_pending
    assert told.calls.asked == []


def test_a_later_submission_brings_its_own_answers_when_it_is_put_in_force(tour: Campaign, told: Told) -> None:
    told.calls.answer = lambda: Answer.PASSES
    submit(tour, "ada@example.com")
    entry = prove(Entry.objects.get())
    told.calls.answer = lambda: Answer.CANNOT_SAY
    submit(tour, "ada@example.com", choices=("AZ-PHX",))

    entry.refresh_from_db()
    assert not entry.gates_pending  # It waits, and so do its answers.
    entry = prove(entry, Submission.objects.get())

    assert entry.gates_pending
    assert GateAnswer.objects.get().answer == Answer.CANNOT_SAY
    told.calls.answer = lambda: Answer.PASSES
    submit(tour, "ada@example.com")
    entry = prove(entry, Submission.objects.order_by("-pk")[0])
    assert not entry.gates_pending


def test_a_claim_that_a_later_submission_overtook_writes_nothing(tour: Campaign, told: Told) -> None:
    submit(tour, "ada@example.com")
    entry = Entry.objects.get()

    def overtake() -> Answer:
        GateAnswer.objects.all().delete()
        Entry.objects.filter(pk=entry.pk).update(gates_pending=False)
        return Answer.FAILS

    told.calls.answer = overtake
    gating.register("told", _Ours(told))

    ask_again(later())

    entry.refresh_from_db()
    assert (entry.gates_failed, entry.gates_pending) == (False, False)


class _Ours(Told):
    """The same, asked in this thread, so that it sees the test's transaction."""

    is_ours = True

    def __init__(self, told: Told) -> None:
        self.calls = told.calls


def test_after_the_first_freeze_nobody_is_asked_any_more(
    tour: Campaign, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(tour, "ada@example.com")
    told.calls.asked.clear()
    monkeypatch.setattr(gates, "_is_over", [lambda campaign_id: campaign_id == tour.pk])

    ask_again(later())

    assert told.calls.asked == []
    assert (GateAnswer.objects.get().answer, GateAnswer.objects.get().ask_after) == ("cannot_say", None)
    assert Entry.objects.get().gates_pending


def test_a_tick_asks_a_few(tour: Campaign, told: Told) -> None:
    for number in range(BATCH + 2):
        submit(tour, f"fan{number}@example.com")

    assert ask_again(later()) == BATCH
    assert ask_again(later()) == 2


def test_a_provider_that_is_slow_does_not_hold_up_the_tick(
    tour: Campaign, told: Told, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        submit(tour, f"fan{number}@example.com")
    monkeypatch.setattr(gates, "MOST_SECONDS", -1.0)

    assert ask_again(later()) == 0
    monkeypatch.setattr(gates, "MOST_SECONDS", 3.0)
    assert ask_again(later() + gates.LEASE) == 3


@pytest.mark.django_db(transaction=True)
def test_no_provider_is_asked_inside_a_transaction_or_lock(tour: Campaign, told: Told) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        asker = cursor.fetchone()[0]
    states: list[tuple[str, int]] = []

    def look() -> Answer:
        with connection.cursor() as cursor:  # The provider's thread has a connection of its own.
            cursor.execute(
                "SELECT state, (SELECT count(*) FROM pg_locks WHERE pid = %(asker)s AND locktype = 'advisory')"
                " FROM pg_stat_activity WHERE pid = %(asker)s",
                {"asker": asker},
            )
            states.append(cursor.fetchone())
        return Answer.CANNOT_SAY

    told.calls.answer = look
    submit(tour, "ada@example.com")
    ask_again(later())

    assert states == [("idle", 0), ("idle", 0)]


@pytest.mark.django_db(transaction=True)
def test_two_ticks_at_once_ask_each_gate_once(tour: Campaign, told: Told) -> None:
    for number in range(6):
        submit(tour, f"fan{number}@example.com")
    told.calls.asked.clear()
    told.calls.answer = lambda: Answer.PASSES
    start = Barrier(2)
    moment = later()

    def tick(_number: int) -> int:
        start.wait()
        try:
            return ask_again(moment)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        asked = sum(pool.map(tick, range(2)))

    assert asked == len(told.calls.asked) == 6
    assert not Entry.objects.filter(gates_pending=True).exists()


def test_an_entry_in_another_campaign_passes_once_it_is_confirmed_and_not_withdrawn(tour: Campaign) -> None:
    earlier = scenario.open_tour(domain="earlier")
    gate = Gate.objects.create(campaign=tour, kind="campaign_entry", provider="campaign_entry", other_campaign=earlier)
    ada = Applicant(campaign_id=tour.pk, identifier="ada@example.com", email="ada@example.com")

    assert gating.ask(gate, ada) is Answer.FAILS
    entry = scenario.register_fan(earlier, "Ada", ["CA-LAX"], is_confirmed=False)
    assert gating.ask(gate, ada) is Answer.FAILS
    prove(entry)
    assert gating.ask(gate, ada) is Answer.PASSES
    submit(tour, "ada@example.com")
    Entry.objects.filter(pk=entry.pk).update(withdrawn_at=timezone.now())
    assert gating.ask(gate, ada) is Answer.FAILS


def test_a_campaign_that_has_never_opened_has_nobody(tour: Campaign) -> None:
    earlier = scenario.make_tour(domain="earlier")
    gate = Gate.objects.create(campaign=tour, kind="campaign_entry", provider="campaign_entry", other_campaign=earlier)

    assert gating.ask(gate, Applicant(campaign_id=tour.pk, identifier="a@b.example", email="")) is Answer.FAILS


def test_a_refused_fan_gets_no_mail(tour: Campaign, gate: Gate) -> None:
    with pytest.raises(GatesFailed):
        submit(tour, "fail+ada@example.com")

    assert not Message.objects.exists()
