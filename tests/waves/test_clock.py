"""The clock triggers what is due, once; what lacks something at its time waits, and says what for."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign
from codes.models import Assignment
from core import tick
from core.models import AuditEvent
from core.times import reading_of_key
from tests import scenario
from tests.scenario import SUPREME, make_wave, prepare_wave
from viewers import approvals
from viewers.approvals import CannotDecide, NeedsSecondPerson
from viewers.models import Approval, Staff
from viewers.viewer import Viewer, viewer_of_staff
from waves import clock
from waves.clock import standing_of, trigger_due
from waves.models import Selection, Wave
from waves.preparation import Options, enter_public_value
from waves.scheduling import change_wave, put_off, schedule_wave
from waves.selection import RELEASE, TRIGGER, CannotTrigger, trigger, what_is_released, what_was_seen

pytestmark = pytest.mark.django_db(transaction=True)
DUE = datetime(2027, 2, 1, 18, 0, tzinfo=UTC)
"""When ``make_wave`` plans its wave: 10:00 in Los Angeles."""
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def fresh_alerts() -> None:
    """Nothing was said before."""
    clock._alerted.clear()


@pytest.fixture
def tour() -> Campaign:
    """The tour, closed, with a few fans and codes."""
    return closed_tour()


def closed_tour(*, domain: str = "aurora", **options: object) -> Campaign:
    """The same with these options."""
    campaign = scenario.open_tour(domain=domain, **options)
    scenario.many_fans(campaign, 10)
    scenario.upload_codes(campaign, "CA-LAX", 4)
    return lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now())


@pytest.fixture
def people() -> tuple[Viewer, Viewer]:
    """Sue and Tom."""
    return tuple(
        viewer_of_staff(Staff.objects.create_superuser(name, f"{name}@monoql.example", "correct horse"))
        for name in ("sue", "tom")
    )  # type: ignore[return-value]  # Two of them.


def status_of(wave: Wave) -> str:
    """Where a wave stands."""
    return Wave.objects.values_list("status", flat=True).get(pk=wave.pk)


def test_a_prepared_wave_is_triggered_at_its_time_and_not_a_second_before(tour: Campaign) -> None:
    wave = prepare_wave(make_wave(tour))

    before = trigger_due(DUE - SECOND)
    early = status_of(wave)
    at = trigger_due(DUE)
    after = trigger_due(DUE + SECOND)

    assert (before, early, at, after) == (0, "processing", 1, 0)
    assert status_of(wave) == "triggered"
    deed = AuditEvent.objects.get(action="wave.trigger")
    assert deed.actor_label == "the clock"
    assert Selection.objects.count() == 1


def test_the_tick_triggers(tour: Campaign) -> None:
    wave = prepare_wave(make_wave(tour))

    tick.tick(DUE)

    assert status_of(wave) in ("triggered", "completed")


def test_a_wave_by_hand_is_left_alone(tour: Campaign) -> None:
    wave = prepare_wave(
        schedule_wave(
            campaign=tour, local=datetime(2027, 2, 1, 10), is_automatic=False, actor=SUPREME, now=timezone.now()
        )
    )

    trigger_due(DUE + timedelta(days=3))

    assert status_of(wave) == "processing"
    standing = standing_of(Wave.objects.select_related("prep", "campaign").get(pk=wave.pk), DUE + SECOND)
    assert (standing.is_overdue, standing.waits_for) == (True, ("somebody who triggers it by hand",))


def test_a_wave_that_was_put_off_waits_for_the_later_time(tour: Campaign) -> None:
    wave = prepare_wave(make_wave(tour))
    put_off(wave=wave, local=datetime(2027, 2, 1, 12, 0), actor=SUPREME, now=timezone.now())

    at_first = trigger_due(DUE)
    later = trigger_due(DUE + timedelta(hours=2))

    assert (at_first, later) == (0, 1)


def test_nothing_of_a_finished_campaign_is_triggered(tour: Campaign) -> None:
    wave = prepare_wave(make_wave(tour))
    lifecycle.finish_campaign(campaign=tour, actor=SUPREME, now=timezone.now())

    trigger_due(DUE)

    assert status_of(wave) == "processing"


# Waiting


def lacks(wave: Wave, now: datetime) -> tuple[bool, tuple[str, ...]]:
    """Whether a wave is overdue, and what it waits for."""
    rows = Wave.objects.select_related("campaign", "prep", "draw")
    standing = standing_of(rows.get(pk=wave.pk), now)
    return standing.is_overdue, standing.waits_for


def test_what_is_not_prepared_at_its_time_waits_alerts_and_goes_as_soon_as_it_is(
    tour: Campaign, caplog: pytest.LogCaptureFixture
) -> None:
    wave = make_wave(tour)

    early, late = lacks(wave, DUE - SECOND), lacks(wave, DUE)
    trigger_due(DUE)
    trigger_due(DUE + SECOND)
    prepare_wave(wave, Options(public_source="a paper"))
    awaiting = lacks(wave, DUE + SECOND)
    trigger_due(DUE + SECOND)
    enter_public_value(wave=wave, value="x", actor=SUPREME, now=timezone.now())
    scenario.run_jobs()
    nothing = lacks(wave, DUE + SECOND)
    count = trigger_due(DUE + 2 * SECOND)

    assert early == (False, ("its preparation",))
    assert late == (True, ("its preparation",))
    assert awaiting == (True, ("its public value",))
    assert nothing == (True, ())
    assert count == 1
    alerts = [record for record in caplog.records if "wave_waits" in str(record.msg)]
    assert len(alerts) == 1, "said once in some minutes"
    assert "its preparation" in str(alerts[0].msg)


def test_a_wave_that_goes_wrong_keeps_no_other_from_its_time(tour: Campaign) -> None:
    broken = prepare_wave(make_wave(tour))
    Wave.objects.filter(pk=broken.pk).update(date_key="2027-01-31T10:00")
    type(broken.prep).objects.filter(wave=broken).update(hold=None)
    good = prepare_wave(make_wave(closed_tour(domain="borealis")))

    count = trigger_due(DUE)

    assert count == 1
    assert (status_of(broken), status_of(good)) == ("processing", "triggered")


# Two people


def asked(wave: Wave, deed: str, who: Viewer) -> Approval:
    """Somebody asks for a deed."""
    seen = what_is_released(wave) if deed == RELEASE else what_was_seen(wave)
    return approvals.ask(
        campaign_id=wave.campaign_id,
        deed=deed,
        target_id=wave.pk,
        title="It",
        facts=[],
        parameters=seen,
        actor=who,
        now=timezone.now(),
    )


@pytest.fixture
def strict(tour: Campaign) -> Wave:
    """A prepared wave of a campaign in which two people decide."""
    Campaign.objects.filter(pk=tour.pk).update(needs_second_person=True)
    return prepare_wave(make_wave(tour))


def test_the_clock_waits_for_the_second_person(strict: Wave, people: tuple[Viewer, Viewer]) -> None:
    sue, tom = people

    alone = trigger_due(DUE)
    asked_alone = asked(strict, RELEASE, sue)
    still = trigger_due(DUE)
    waiting = lacks(strict, DUE)
    approvals.approve(approval=asked_alone, actor=tom, now=timezone.now())
    count = trigger_due(DUE + SECOND)

    assert (alone, still, waiting, count) == (0, 0, (True, ("a second person",)), 1)
    assert AuditEvent.objects.filter(action="wave.release").count() == 1


def test_an_approval_given_early_triggers_nothing_before_the_time(strict: Wave, people: tuple[Viewer, Viewer]) -> None:
    sue, tom = people

    approvals.approve(approval=asked(strict, RELEASE, sue), actor=tom, now=timezone.now())
    early = trigger_due(DUE - SECOND)
    standing = lacks(strict, DUE - SECOND)
    count = trigger_due(DUE)

    assert (early, standing, count) == (0, (False, ()), 1)


def test_two_people_who_trigger_it_now_do_so_before_its_time(strict: Wave, people: tuple[Viewer, Viewer]) -> None:
    sue, tom = people

    approvals.approve(approval=asked(strict, TRIGGER, sue), actor=tom, now=timezone.now())

    assert status_of(strict) == "triggered"


def test_an_approval_holds_for_one_allocation_at_one_time(strict: Wave, people: tuple[Viewer, Viewer]) -> None:
    sue, tom = people
    approvals.approve(approval=asked(strict, RELEASE, sue), actor=tom, now=timezone.now())
    put_off(wave=strict, local=datetime(2027, 2, 1, 12, 0), actor=SUPREME, now=timezone.now())

    later = trigger_due(DUE + timedelta(hours=2))
    waits = lacks(strict, DUE + timedelta(hours=2))
    approvals.approve(approval=asked(Wave.objects.get(pk=strict.pk), RELEASE, tom), actor=sue, now=timezone.now())
    count = trigger_due(DUE + timedelta(hours=2))

    assert (later, waits, count) == (0, (True, ("a second person",)), 1)


def test_an_old_approval_triggers_no_other_allocation(strict: Wave, people: tuple[Viewer, Viewer]) -> None:
    sue, tom = people
    given = approvals.approve(approval=asked(strict, RELEASE, sue), actor=tom, now=timezone.now())
    Approval.objects.filter(pk=given.pk).update(parameters={**given.parameters, "allocation_sha256": "0" * 64})
    given.refresh_from_db()

    by_clock = trigger_due(DUE)

    assert by_clock == 0
    with pytest.raises(CannotTrigger, match="not what two people"):
        trigger(wave=strict, actor=SUPREME, now=DUE, approval=given)
    with pytest.raises(NeedsSecondPerson):
        trigger(wave=strict, actor=SUPREME, now=DUE)


def test_what_is_triggered_by_hand_now_is_not_approved_for_the_clock(
    strict: Wave, people: tuple[Viewer, Viewer]
) -> None:
    sue, tom = people
    waiting = asked(strict, RELEASE, sue)
    change_wave(wave=strict, is_automatic=False, actor=sue, now=timezone.now())

    with pytest.raises(CannotDecide, match="by hand"):
        approvals.approve(approval=waiting, actor=tom, now=timezone.now())
    assert Approval.objects.get().status == "waiting"


# At once


def test_of_twenty_triggers_from_admin_rest_and_tick_one_counts(tour: Campaign) -> None:
    wave = prepare_wave(make_wave(tour))
    sue = Staff.objects.create_superuser("sue", "sue@monoql.example", "correct horse")
    desks = [Client() for _ in range(20)]
    for desk in desks:
        desk.force_login(sue)
    barrier = Barrier(20, timeout=60)

    def press(number: int) -> object:
        client = desks[number]
        try:
            barrier.wait()
            if number % 3 == 0:
                return trigger_due(DUE)
            if number % 3 == 1:
                answer = client.post(f"/api/v1/waves/{wave.pk}/trigger/", content_type="application/json")
            else:
                answer = client.post(f"/admin/waves/wave/{wave.pk}/trigger/", {"typed_name": tour.name})
            return answer.status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(press, range(20)))
    scenario.run_jobs()

    assert set(answers) <= {0, 1, 202, 302, 409}
    assert Selection.objects.count() == AuditEvent.objects.filter(action="wave.trigger").count() == 1
    assert status_of(wave) == Wave.Status.COMPLETED
    assert Assignment.objects.count() == 4


# Clock changes, a minute at a time


@pytest.fixture
def two_ticks() -> Iterator[ThreadPoolExecutor]:
    """Two machines that tick."""
    with ThreadPoolExecutor(2) as pool:
        yield pool
        barrier = Barrier(2)

        def leave(_: int) -> None:
            barrier.wait()
            connection.close()

        list(pool.map(leave, range(2)))


def minutes(start: datetime, hours: int) -> Iterator[datetime]:
    """Each minute from an instant on."""
    for minute in range(60 * hours):
        yield start + timedelta(minutes=minute)


def triggered_at(pool: ThreadPoolExecutor, start: datetime, hours: int, waves: list[Wave]) -> dict[str, datetime]:
    """Let two ticks at once happen each minute; prepare each wave once the one before is through."""
    left, found = list(waves), {}
    current = prepare_wave(left.pop(0), Options(limits={"CA-LAX": 1, "AZ-PHX": 0}))
    for now in minutes(start, hours):
        count = sum(pool.map(trigger_due, [now, now]))
        assert count <= 1
        if count:
            found[current.date_key] = now
            scenario.run_jobs()
            if left:
                current = prepare_wave(left.pop(0), Options(limits={"CA-LAX": 1, "AZ-PHX": 0}))
    return found


@pytest.mark.parametrize(
    ("zone", "twice", "apart"),
    [
        ("America/Los_Angeles", datetime(2027, 11, 7, 1, 30), timedelta(hours=1)),
        ("Europe/Berlin", datetime(2027, 10, 31, 2, 30), timedelta(hours=1)),
        ("Australia/Lord_Howe", datetime(2027, 4, 4, 1, 45), timedelta(minutes=30)),
        ("America/Santiago", datetime(2027, 4, 3, 23, 30), timedelta(hours=1)),
    ],
)
def test_both_readings_of_a_repeated_time_go_once_each(
    two_ticks: ThreadPoolExecutor, zone: str, twice: datetime, apart: timedelta
) -> None:
    campaign = closed_tour(reference_timezone=zone)
    first, second = (
        schedule_wave(campaign=campaign, local=twice, is_second=is_second, actor=SUPREME, now=timezone.now())
        for is_second in (False, True)
    )
    start = reading_of_key(first.date_key, ZoneInfo(zone)).instant - timedelta(hours=1)

    found = triggered_at(two_ticks, start, 4, [first, second])

    assert found == {first.date_key: start + timedelta(hours=1), second.date_key: start + timedelta(hours=1) + apart}
    assert AuditEvent.objects.filter(action="wave.trigger").count() == 2


@pytest.mark.parametrize(
    ("zone", "skipped", "jump"),
    [
        ("America/Los_Angeles", "2027-03-14T02:30", datetime(2027, 3, 14, 10, 0, tzinfo=UTC)),
        ("Europe/Berlin", "2027-03-28T02:30", datetime(2027, 3, 28, 1, 0, tzinfo=UTC)),
        ("Australia/Lord_Howe", "2027-10-03T02:15", datetime(2027, 10, 2, 15, 30, tzinfo=UTC)),
        ("America/Santiago", "2027-09-05T00:30", datetime(2027, 9, 5, 4, 0, tzinfo=UTC)),
    ],
)
def test_a_time_that_newer_rules_skip_goes_once_when_the_clocks_jump(
    two_ticks: ThreadPoolExecutor, zone: str, skipped: str, jump: datetime
) -> None:
    campaign = closed_tour(reference_timezone=zone)
    wave = prepare_wave(make_wave(campaign))
    Wave.objects.filter(pk=wave.pk).update(date_key=skipped)

    found = [
        now
        for now in minutes(jump - timedelta(hours=1), 3)
        for count in two_ticks.map(trigger_due, [now, now])
        if count
    ]

    assert found == [jump]
    assert status_of(wave) == "triggered"
