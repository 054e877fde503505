"""The calendar: waves get a time, another time, a later trigger; no two of a campaign share one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import timezone

from campaigns import lifecycle
from campaigns.lifecycle import CampaignFinished
from campaigns.models import Campaign
from core.models import AuditEvent
from core.refusal import NotAllowed
from core.times import BadLocalTime, changes_near, reading_of_key
from tests import scenario
from tests.scenario import SUPREME, make_wave, prepare_wave
from viewers.models import Staff
from viewers.viewer import viewer_of_staff
from waves.models import Wave
from waves.preparation import abandon
from waves.scheduling import (
    CannotChange,
    CannotSchedule,
    change_wave,
    put_off,
    retime_wave,
    schedule_wave,
    trigger_time,
)

pytestmark = pytest.mark.django_db(transaction=True)
NOON, EVENING, NIGHT = (datetime(2027, 2, 1, hour, 0) for hour in (12, 18, 23))
LOS_ANGELES = ZoneInfo("America/Los_Angeles")


@pytest.fixture
def tour() -> Campaign:
    """The tour, closed, with a few fans and codes."""
    campaign = scenario.open_tour()
    scenario.many_fans(campaign, 10)
    scenario.upload_codes(campaign, "CA-LAX", 4)
    return lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now())


def moved(wave: Wave, local: datetime) -> Wave:
    """Put a wave off."""
    return put_off(wave=wave, local=local, actor=SUPREME, now=timezone.now())


def test_a_new_wave_is_left_to_the_clock_unless_somebody_wants_it_by_hand(tour: Campaign) -> None:
    wave = make_wave(tour)
    by_hand = schedule_wave(campaign=tour, local=NOON, actor=SUPREME, now=timezone.now(), is_automatic=False)

    assert (wave.is_automatic, by_hand.is_automatic) == (True, False)


def test_two_waves_of_a_campaign_never_share_a_time(tour: Campaign) -> None:
    make_wave(tour, local=NOON)

    with pytest.raises(CannotSchedule, match="has a wave at 2027-02-01T12:00 already"):
        make_wave(tour, local=NOON)
    assert Wave.objects.count() == 1


def test_a_wave_that_was_put_off_takes_the_later_time_too(tour: Campaign) -> None:
    early, late = make_wave(tour, local=NOON), make_wave(tour, local=EVENING)
    moved(early, NIGHT)

    with pytest.raises(CannotSchedule, match="wave 2027-02-01T12:00 was put off to this time"):
        make_wave(tour, local=NIGHT)
    with pytest.raises(CannotChange, match="already"):
        moved(late, NIGHT)
    with pytest.raises(CannotChange, match="already"):
        retime_wave(wave=late, local=NIGHT, actor=SUPREME, now=timezone.now())
    late.refresh_from_db()
    assert (late.date_key, late.trigger_key) == ("2027-02-01T18:00", "")


def test_two_people_who_give_two_waves_one_time_at_once_get_one_refusal(tour: Campaign) -> None:
    waves = [make_wave(tour, local=NOON), make_wave(tour, local=EVENING)]
    barrier = Barrier(2)

    def press(wave: Wave) -> str:
        barrier.wait()
        try:
            return moved(wave, NIGHT).trigger_key
        except CannotChange as refusal:
            return refusal.message
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(press, waves))

    assert answers[0] == "2027-02-01T23:00"
    assert "already" in answers[1]


def test_before_the_freeze_a_wave_gets_another_date_key(tour: Campaign) -> None:
    wave = moved(make_wave(tour, local=NOON), NIGHT)

    wave = retime_wave(wave=wave, local=datetime(2027, 1, 20, 9, 30), actor=SUPREME, now=timezone.now())

    assert (wave.date_key, wave.trigger_key) == ("2027-01-20T09:30", "")
    deed = AuditEvent.objects.get(action="wave.retime")
    assert deed.changes["date_key"] == ["2027-02-01T12:00", "2027-01-20T09:30"]


def test_after_the_freeze_the_date_key_stays_and_the_trigger_only_moves_later(tour: Campaign) -> None:
    wave = prepare_wave(make_wave(tour, local=NOON))
    frozen = bytes(wave.draw.rules)

    with pytest.raises(CannotChange, match="its dateKey stays"):
        retime_wave(wave=wave, local=NIGHT, actor=SUPREME, now=timezone.now())
    with pytest.raises(CannotChange, match="later than the present one"):
        moved(wave, datetime(2027, 2, 1, 11, 59))
    moved(wave, EVENING)
    with pytest.raises(CannotChange, match="later than the present one"):
        moved(wave, EVENING)
    moved(wave, NIGHT)

    wave = Wave.objects.get(pk=wave.pk)
    assert (wave.date_key, wave.trigger_key) == ("2027-02-01T12:00", "2027-02-01T23:00")
    assert trigger_time(wave).instant == datetime(2027, 2, 2, 7, 0, tzinfo=UTC)
    assert bytes(wave.draw.rules) == frozen


def test_a_trigger_is_not_put_off_into_the_past(tour: Campaign) -> None:
    wave = make_wave(tour, local=datetime(2026, 1, 1, 10, 0))

    with pytest.raises(CannotChange, match="This time is past"):
        moved(wave, datetime(2026, 1, 2, 10, 0))


@pytest.mark.parametrize("way", ["triggered", "abandoned"])
def test_what_has_no_trigger_any_more_is_not_put_off_nor_left_to_the_clock(tour: Campaign, way: str) -> None:
    wave = make_wave(tour)
    if way == "abandoned":
        abandon(wave=wave, reason="Off.", actor=SUPREME, now=timezone.now())
    else:
        Wave.objects.update(status="triggered", triggered_at=timezone.now())

    with pytest.raises(CannotChange, match=way):
        moved(wave, NIGHT)
    with pytest.raises(CannotChange, match=way):
        change_wave(wave=wave, is_automatic=False, actor=SUPREME, now=timezone.now())
    assert change_wave(wave=wave, name="Fan club", actor=SUPREME, now=timezone.now()).name == "Fan club"


def test_what_did_not_change_leaves_no_trace(tour: Campaign) -> None:
    wave = make_wave(tour)

    change_wave(wave=wave, name="First", is_automatic=False, actor=SUPREME, now=timezone.now())
    change_wave(wave=wave, name="First", is_automatic=False, actor=SUPREME, now=timezone.now())

    deeds = list(AuditEvent.objects.filter(action="wave.change"))
    assert [deed.changes for deed in deeds] == [{"name": ["", "First"], "is_automatic": [True, False]}]


def test_who_may_not_run_waves_changes_nothing_of_them(tour: Campaign) -> None:
    wave = make_wave(tour)
    nobody = viewer_of_staff(Staff.objects.create_user("carl", "carl@monoql.example", "x"))

    now = timezone.now()
    with pytest.raises(NotAllowed):
        schedule_wave(campaign=tour, local=NOON, actor=nobody, now=now)
    with pytest.raises(NotAllowed):
        put_off(wave=wave, local=NIGHT, actor=nobody, now=now)
    with pytest.raises(NotAllowed):
        retime_wave(wave=wave, local=NIGHT, actor=nobody, now=now)
    with pytest.raises(NotAllowed):
        change_wave(wave=wave, name="Mine", actor=nobody, now=now)


def test_a_finished_campaign_gets_no_wave(tour: Campaign) -> None:
    wave = make_wave(tour)
    finished = lifecycle.finish_campaign(campaign=tour, actor=SUPREME, now=timezone.now())

    with pytest.raises(CampaignFinished):
        make_wave(finished, local=NOON)
    with pytest.raises(CampaignFinished):
        moved(wave, NIGHT)


# Clock changes


def test_a_repeated_time_is_refused_until_it_is_said_which_one_is_meant(tour: Campaign) -> None:
    twice = datetime(2027, 11, 7, 1, 30)

    with pytest.raises(BadLocalTime, match="comes twice on this day"):
        make_wave(tour, local=twice)
    first = schedule_wave(campaign=tour, local=twice, is_second=False, actor=SUPREME, now=timezone.now())
    second = schedule_wave(campaign=tour, local=twice, is_second=True, actor=SUPREME, now=timezone.now())

    assert (first.date_key, second.date_key) == ("2027-11-07T01:30", "2027-11-07T01:30b")
    assert trigger_time(first).words == "the first 01:30, before the clocks go back, 08:30 UTC"
    assert trigger_time(second).words == "the second 01:30, after the clocks went back, 09:30 UTC"


@pytest.mark.parametrize(
    ("zone", "skipped", "neighbours"),
    [
        ("America/Los_Angeles", "2027-03-14T02:30", "Take 01:30 or 03:30"),
        ("Europe/Berlin", "2027-03-28T02:00", "Take 01:00 or 03:00"),
        ("Australia/Lord_Howe", "2027-10-03T02:15", "Take 01:45 or 02:45"),
        ("America/Santiago", "2027-09-05T00:30", "Take 23:30 or 01:30"),
    ],
)
def test_a_skipped_time_is_refused_with_its_neighbours(zone: str, skipped: str, neighbours: str) -> None:
    campaign = scenario.make_tour()
    campaign.reference_timezone = zone

    with pytest.raises(BadLocalTime, match=neighbours):
        schedule_wave(campaign=campaign, local=datetime.fromisoformat(skipped), actor=SUPREME, now=timezone.now())


@pytest.mark.parametrize("year", [1, 1999, 3000, 9999])
def test_a_year_that_nobody_means_is_refused(tour: Campaign, year: int) -> None:
    with pytest.raises(BadLocalTime, match="The year lies between"):
        make_wave(tour, local=datetime(year, 1, 1))


@pytest.mark.parametrize(
    ("zone", "key", "jump"),
    [
        ("America/Los_Angeles", "2027-03-14T02:30", datetime(2027, 3, 14, 10, 0, tzinfo=UTC)),
        ("Europe/Berlin", "2027-03-28T02:59", datetime(2027, 3, 28, 1, 0, tzinfo=UTC)),
        ("Australia/Lord_Howe", "2027-10-03T02:15", datetime(2027, 10, 2, 15, 30, tzinfo=UTC)),
        ("Pacific/Apia", "2011-12-30T12:00", datetime(2011, 12, 30, 10, 0, tzinfo=UTC)),
    ],
)
def test_a_stored_time_that_is_skipped_now_counts_at_the_jump(zone: str, key: str, jump: datetime) -> None:
    reading = reading_of_key(key, ZoneInfo(zone))

    assert (reading.instant, reading.kind) == (jump, "skipped")
    assert f"{key[11:]} no longer exists on this day: the clocks jump over it at {jump:%H:%M} UTC" in reading.words


def test_the_second_of_a_time_that_repeats_no_more_is_the_time_itself() -> None:
    reading = reading_of_key("2027-06-01T01:30b", LOS_ANGELES)

    assert (reading.instant, reading.kind) == (datetime(2027, 6, 1, 8, 30, tzinfo=UTC), "")


def test_a_change_of_the_clocks_is_seen_from_a_day_before_and_after() -> None:
    day = datetime(2027, 3, 14, 10, 0, tzinfo=UTC) - datetime(2027, 3, 13, 10, 0, tzinfo=UTC)

    assert changes_near(datetime(2027, 3, 13, 12, 0, tzinfo=UTC), LOS_ANGELES, within=day)
    assert changes_near(datetime(2027, 3, 15, 9, 0, tzinfo=UTC), LOS_ANGELES, within=day)
    assert not changes_near(datetime(2027, 3, 16, 12, 0, tzinfo=UTC), LOS_ANGELES, within=day)
