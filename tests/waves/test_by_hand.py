"""One fan, one code, by hand: given, replaced, taken back; and what waves make of it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign
from campaigns.published import published
from codes import inventory
from codes.holding import CannotReplace
from codes.models import Assignment, Code, CodeRange, FormerAssignment, Hold, Pool
from core.models import AuditEvent
from core.refusal import NotAllowed
from entries.models import Entry, Message
from entries.sending import send_due
from tests import scenario
from tests.scenario import SUPREME, make_wave, prepare_wave, register_fan, upload_codes
from viewers.viewer import ANONYMOUS
from waves import by_hand, selection
from waves.by_hand import CannotGive, CannotTakeBack
from waves.explanation import Outcome, outcomes
from waves.models import Draw, Wave
from waves.preparation import Options

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada() -> Entry:
    """Ada, who has registered for Los Angeles; there are four codes for it, and none for Phoenix."""
    campaign = scenario.open_tour()
    upload_codes(campaign, "CA-LAX", 4)
    entry = register_fan(campaign, "Ada", ["CA-LAX"])
    Message.objects.all().delete()
    return entry


def pool_of(entry: Entry) -> Pool:
    """The campaign's only pool."""
    return entry.campaign.pools.select_related("market__venue", "event").get()


def give(entry: Entry, reason: str = "her mother rang") -> Assignment:
    """Give her a code."""
    return by_hand.give(entry=entry, pool=pool_of(entry), reason=reason, actor=SUPREME, now=timezone.now())


def replace(assignment: Assignment) -> Assignment:
    """Replace a code as faulty."""
    return by_hand.replace(assignment=assignment, reason="it did not work", actor=SUPREME, now=timezone.now())


def take_back(assignment: Assignment) -> Assignment:
    """Take a code back."""
    return by_hand.take_back(assignment=assignment, reason="she sold it", actor=SUPREME, now=timezone.now())


def shown(entry: Entry) -> list[Outcome]:
    """What her page shows."""
    return outcomes(entry, published(entry.campaign.domain))


def value_of(assignment: Assignment) -> str:
    """The code itself."""
    return Code.objects.get(pk=assignment.code_id).value


def counts() -> tuple[int, ...]:
    """Available, reserved, assigned, revoked."""
    return tuple(inventory.counts(CodeRange.objects.all()).values())


def prepared(campaign: Campaign, *, options: Options | None = None) -> Wave:
    """A wave of the closed campaign, prepared."""
    if campaign.status == Campaign.Status.OPEN:
        lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now())
    return prepare_wave(make_wave(campaign), options)


def test_a_code_is_given_shown_and_mailed(ada: Entry) -> None:
    given = give(ada)

    assert [(one.code, one.wave, one.choice) for one in shown(ada)] == [(value_of(given), None, 0)]
    assert counts() == (3, 0, 1, 0)
    assert inventory.verify([ada.campaign]) == []
    send_due(timezone.now())
    assert [letter.to for letter in mail.outbox] == [["Ada <ada@example.com>"]]
    assert value_of(given) in str(mail.outbox[0].body)


def test_the_history_has_the_reason_and_never_the_code(ada: Entry) -> None:
    given = give(ada)
    latest = replace(given)
    take_back(latest)

    events = AuditEvent.objects.filter(action__startswith="code.").order_by("pk")
    assert [event.action for event in events] == ["code.give", "code.replace", "code.take_back"]
    assert [event.reason for event in events] == ["her mother rang", "it did not work", "she sold it"]
    assert all(event.target_id == str(ada.pk) for event in events)
    text = " ".join(f"{event.changes} {event.reason} {event.target_id}" for event in events)
    assert not any(value in text for value in Code.objects.values_list("value", flat=True))


def test_a_fan_has_one_gift_and_is_not_given_another(ada: Entry) -> None:
    give(ada)

    with pytest.raises(CannotGive, match="given a presale code before"):
        give(ada)

    assert counts() == (3, 0, 1, 0)


def test_of_four_people_who_give_at_once_one_does(ada: Entry) -> None:
    barrier = Barrier(4)

    def attempt(_: int) -> bool:
        barrier.wait()
        try:
            give(ada)
        except CannotGive:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(attempt, range(4))) == 1
    assert counts() == (3, 0, 1, 0)
    assert inventory.verify([ada.campaign]) == []


def test_four_fans_at_once_get_four_codes(ada: Entry) -> None:
    fans = [ada, *(register_fan(ada.campaign, name, ["CA-LAX"]) for name in ("Ben", "Cleo", "Dora"))]
    barrier = Barrier(4)

    def attempt(entry: Entry) -> int:
        barrier.wait()
        try:
            return give(entry).code_id
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(attempt, fans))) == 4
    assert Hold.objects.count() == 1
    assert inventory.verify([ada.campaign]) == []


@pytest.mark.parametrize("state", ["withdrawn_at", "blocked_at"])
def test_an_entry_that_is_out_gets_no_code(ada: Entry, state: str) -> None:
    Entry.objects.update(**{state: timezone.now()})

    with pytest.raises(CannotGive):
        give(ada)


def test_an_unproved_address_gets_no_code(ada: Entry) -> None:
    ben = register_fan(ada.campaign, "Ben", ["CA-LAX"], is_confirmed=False)

    with pytest.raises(CannotGive, match="confirmed"):
        give(ben)


def test_nothing_is_done_without_a_reason_or_the_right(ada: Entry) -> None:
    given = give(ada)

    with pytest.raises(CannotGive):
        give(ada, reason=" ")
    with pytest.raises(CannotReplace):
        by_hand.replace(assignment=given, reason="", actor=SUPREME, now=timezone.now())
    with pytest.raises(CannotTakeBack):
        by_hand.take_back(assignment=given, reason="", actor=SUPREME, now=timezone.now())
    with pytest.raises(NotAllowed):
        by_hand.take_back(assignment=given, reason="x", actor=ANONYMOUS, now=timezone.now())


def test_an_empty_pool_gives_and_replaces_nothing(ada: Entry) -> None:
    given = give(ada)
    for name in ("Ben", "Cleo", "Dora"):
        give(register_fan(ada.campaign, name, ["CA-LAX"]))

    with pytest.raises(CannotGive, match="no free code"):
        give(register_fan(ada.campaign, "Emil", ["CA-LAX"]))
    with pytest.raises(CannotReplace, match="no free code"):
        replace(given)
    assert counts() == (0, 0, 4, 0)


def test_a_replacement_is_what_she_has_whoever_asks(ada: Entry) -> None:
    old = give(ada)

    new = replace(old)
    newest = replace(new)

    assert [one.code for one in shown(ada)] == [value_of(newest)]
    assert Assignment.objects.get().code_id == newest.code_id
    assert list(FormerAssignment.objects.order_by("ended_at").values_list("code_id", flat=True)) == [
        old.code_id,
        new.code_id,
    ]
    assert counts() == (1, 0, 1, 2)
    assert inventory.verify([ada.campaign]) == []


def test_a_code_that_somebody_else_has_just_replaced_is_not_replaced_again(ada: Entry) -> None:
    old = give(ada)
    replace(old)

    with pytest.raises(CannotReplace, match="Somebody else"):
        replace(old)
    with pytest.raises(CannotTakeBack, match="Somebody else"):
        take_back(old)


def test_mails_name_the_latest_code_and_none_that_was_taken_back(ada: Entry) -> None:
    old = give(ada)
    new = replace(old)
    send_due(timezone.now())
    assert len(mail.outbox) == 2
    assert all(value_of(new) in str(letter.body) for letter in mail.outbox)
    mail.outbox.clear()

    newest = replace(new)
    take_back(newest)
    send_due(timezone.now())

    assert [letter.subject for letter in mail.outbox] == ["Your code was taken back: Aurora Vale on tour"]
    assert value_of(newest) not in str(mail.outbox[0].body)


def test_what_was_taken_back_is_revoked_and_shown_no_more(ada: Entry) -> None:
    given = give(ada)

    take_back(given)

    assert shown(ada) == []
    assert counts() == (3, 0, 0, 1)
    assert inventory.verify([ada.campaign]) == []
    with pytest.raises(CannotTakeBack, match="any more"):
        take_back(given)


def test_after_a_take_back_she_can_be_given_another(ada: Entry) -> None:
    first = give(ada)
    take_back(first)

    second = give(ada)

    assert [one.code for one in shown(ada)] == [value_of(second)]
    assert second.code_id != first.code_id
    assert counts() == (2, 0, 1, 1)
    assert inventory.verify([ada.campaign]) == []


def test_a_gift_keeps_her_out_of_a_wave_and_takes_no_place_of_the_limit(ada: Entry) -> None:
    ben = register_fan(ada.campaign, "Ben", ["CA-LAX"])
    ada.campaign.markets.filter(code="CA-LAX").update(population_limit=1)
    give(ada)

    wave = prepared(ada.campaign)

    assert Draw.objects.get(wave=wave).reasons == {"already_selected": 1}
    assert list(Assignment.objects.filter(hold__kind="wave").values_list("entry_id", flat=True)) == [ben.pk]


def test_a_gift_that_was_taken_back_keeps_nobody_out(ada: Entry) -> None:
    take_back(give(ada))

    wave = prepared(ada.campaign)

    assert Draw.objects.get(wave=wave).reasons == {}


def test_a_wave_that_reassigns_chooses_her_too_and_both_codes_are_hers(ada: Entry) -> None:
    give(ada)
    wave = prepared(ada.campaign, options=Options(reassign=True))
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())

    assert len({one.code for one in shown(ada)}) == 2
    assert inventory.verify([ada.campaign]) == []


def test_a_code_of_a_triggered_wave_is_replaced_and_its_place_stays(ada: Entry) -> None:
    wave = prepared(ada.campaign)
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    old = Assignment.objects.get()

    new = replace(old)

    assert [(one.code, one.choice, one.position) for one in shown(ada)] == [(value_of(new), 1, 1)]
    assert new.hold_id == old.hold_id
    assert inventory.verify([ada.campaign]) == []


def test_a_code_of_a_triggered_wave_is_taken_back_and_the_page_says_so(ada: Entry) -> None:
    wave = prepared(ada.campaign)
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    voided = bytes(Draw.objects.get(wave=wave).voided or b"")

    take_back(Assignment.objects.get())

    assert [(one.is_selected, one.reason, one.code) for one in shown(ada)] == [(False, "taken_back", "")]
    assert bytes(Draw.objects.get(wave=wave).voided or b"") == voided
    assert inventory.verify([ada.campaign]) == []


def test_before_the_trigger_her_code_is_exchanged_and_she_is_told_nothing(ada: Entry) -> None:
    wave = prepared(ada.campaign)
    old = Assignment.objects.get()
    with pytest.raises(CannotTakeBack, match="not triggered"):
        take_back(old)

    new = replace(old)

    assert Assignment.objects.get().code_id == new.code_id != old.code_id
    assert not FormerAssignment.objects.exists()
    assert not Message.objects.filter(kind="replaced").exists()
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    assert [one.code for one in shown(ada)] == [value_of(new)]
    assert inventory.verify([ada.campaign]) == []
