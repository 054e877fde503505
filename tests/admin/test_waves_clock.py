"""A wave's time at the admin: planned, put off, left to the clock or to a hand, approved, overdue, cancelled."""

from datetime import datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign
from core.admin_times import local_time
from entries.models import ScoreRun
from tests import scenario
from tests.admin.conftest import Desk, Reader, closed_tour, signed_in
from tests.admin.test_waves import RULES, page_of, schedule
from viewers import approvals
from viewers.models import Approval, Staff
from viewers.viewer import viewer_of_staff
from waves.clock import trigger_due
from waves.models import Wave, WavePrep
from waves.preparation import Options
from waves.scheduling import schedule_wave

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def closed(transactional_db: None) -> Campaign:
    """The tour, closed, with fans and codes."""
    return closed_tour()


def late_wave(campaign: Campaign) -> Wave:
    """A wave whose time passed three days ago."""
    past = local_time(timezone.now() - timedelta(days=3, minutes=10), campaign.zone)
    return scenario.make_wave(campaign, local=past.local)


def test_the_clock_triggers_a_new_wave_unless_a_hand_is_wanted(desk: Desk, closed: Campaign) -> None:
    by_clock = schedule(desk, closed, local_0="2027-02-15T10:00", who="clock")
    by_hand = schedule(desk, closed, local_0="2027-02-16T10:00", who="hand")

    assert "The clock triggers it in " in by_clock
    assert "if it has by then what it still lacks: its preparation." in by_clock
    assert "It is triggered by hand: at its time nothing happens by itself." in by_hand
    assert list(Wave.objects.order_by("date_key").values_list("is_automatic", flat=True)) == [True, False]


def test_before_the_freeze_the_form_gives_another_date_key(desk: Desk, closed: Campaign) -> None:
    wave = scenario.make_wave(closed)
    shown = desk.get(page_of(wave, "plan_page")).content.decode()

    answer = desk.post(
        page_of(wave, "plan_page"), {"local_0": "2027-02-03T09:15", "who": "hand", "name": "Fan club"}, follow=True
    )

    wave.refresh_from_db()
    assert "with another time it gets another dateKey" in shown
    assert 'value="2027-02-01T10:00"' in shown
    assert (wave.date_key, wave.name, wave.is_automatic) == ("2027-02-03T09:15", "Fan club", False)
    assert "is triggered by hand: Wed 3 Feb 2027 09:15 America/Los_Angeles (17:15 UTC)" in answer.content.decode()


def test_after_the_freeze_the_form_only_puts_off(desk: Desk, read: Reader, prepared_wave: Wave) -> None:
    shown = read(page_of(prepared_wave, "plan_page"))

    earlier = desk.post(page_of(prepared_wave, "plan_page"), {"local_0": "2027-02-01T09:00", "name": "Odd"})
    desk.post(page_of(prepared_wave, "plan_page"), {"local_0": "2027-02-01T12:00", "who": "clock", "name": ""})

    prepared_wave.refresh_from_db()
    assert "Its dateKey 2027-02-01T10:00 stays" in shown
    assert "choose a time later than the present one" in earlier.content.decode()
    assert (prepared_wave.date_key, prepared_wave.trigger_key) == ("2027-02-01T10:00", "2027-02-01T12:00")
    assert prepared_wave.name == "", "what was refused changed nothing"
    assert "put off to Mon 1 Feb 2027 12:00 America/Los_Angeles (20:00 UTC)" in read(page_of(prepared_wave))


def test_which_reading_of_a_repeated_time_is_meant_is_said_everywhere(read: Reader, closed: Campaign) -> None:
    wave = schedule_wave(
        campaign=closed,
        local=datetime(2027, 11, 7, 1, 30),
        is_second=True,
        actor=scenario.SUPREME,
        now=timezone.now(),
    )
    words = "the second 01:30, after the clocks went back, 09:30 UTC"

    for address in (page_of(wave), page_of(wave, "prepare_page"), _list(closed)):
        assert words in read(address)


def _list(campaign: Campaign) -> str:
    return f"{reverse('admin:waves_wave_changelist')}?campaign={campaign.pk}"


def test_a_time_that_newer_rules_skip_is_shown_and_can_be_kept_or_changed(
    desk: Desk, read: Reader, closed: Campaign
) -> None:
    wave = scenario.make_wave(closed)
    Wave.objects.update(date_key="2027-03-14T02:30")

    text = read(page_of(wave))
    desk.post(page_of(wave, "plan_page"), {"local_0": "2027-03-14T03:00", "name": "Kept"})
    kept = Wave.objects.get()
    desk.post(page_of(wave, "plan_page"), {"local_0": "2027-03-14T04:00"})

    assert "02:30 no longer exists on this day: the clocks jump over it at 10:00 UTC, which counts" in text
    assert (kept.name, kept.date_key) == ("Kept", "2027-03-14T02:30")
    assert Wave.objects.get().date_key == "2027-03-14T04:00"


# Overdue


def test_an_overdue_wave_is_red_on_its_page_in_the_list_and_on_home(read: Reader, closed: Campaign) -> None:
    wave = late_wave(closed)

    page, listed, home = read(page_of(wave)), read(_list(closed)), read(reverse("admin:index"))

    assert 'class="mq-refusal"' in page
    assert "Its time passed 3 d ago, and it waits for its preparation." in page
    assert "As soon as that is there, it is triggered at once." in page
    assert "overdue" in listed
    assert "should have been triggered 3 d ago: it waits for its preparation" in home


def test_who_prepares_an_overdue_wave_is_told_that_it_goes_at_once(read: Reader, desk: Desk, closed: Campaign) -> None:
    wave = late_wave(closed)

    text = read(page_of(wave, "prepare_page"))
    desk.post(page_of(wave, "prepare_page"), RULES)
    scenario.run_jobs()
    trigger_due(timezone.now())

    assert "the clock triggers it at once when this preparation ends, without another look" in text
    wave.refresh_from_db()
    assert wave.status == "triggered"


# What is missing


def test_what_is_missing_stands_before_the_button_with_links(read: Reader, desk: Desk, closed: Campaign) -> None:
    ScoreRun.objects.all().delete()
    wave = scenario.make_wave(closed)

    text = read(page_of(wave, "prepare_page"))
    refused = desk.post(page_of(wave, "prepare_page"), {**RULES, "score_min": "10"}).content.decode()

    assert text.index("have not proved their address") < text.index("Start the preparation")
    assert f"{reverse('admin:entries_entry_changelist')}?campaign={closed.pk}" in text
    assert "The wave is not ready: Score bounds are set, but no scores were calculated" in refused
    assert not WavePrep.objects.exists()
    assert "have not proved their address" in read(page_of(wave))


def test_the_audience_is_chosen_from_a_menu_and_shown_with_every_option(
    read: Reader, desk: Desk, closed: Campaign
) -> None:
    first = scenario.prepare_wave(scenario.make_wave(closed), Options(limits={"CA-LAX": 2, "AZ-PHX": 2}))
    desk.post(page_of(first, "trigger_page"), {"typed_name": closed.name})
    scenario.run_jobs()
    scenario.upload_codes(closed, "CA-LAX", 5, prefix="LATE")
    wave = scenario.make_wave(closed, local=datetime(2027, 3, 1, 10, 0))

    form = read(page_of(wave, "prepare_page"))
    desk.post(page_of(wave, "prepare_page"), {**RULES, "audience": "waitlisted:2027-02-01T10:00"})
    scenario.run_jobs()
    text = read(page_of(wave))

    assert "Whom Wave 2027-02-01T10:00 left without a place" in form
    assert "Whom the wave 2027-02-01T10:00 left without a place" in text
    assert "Every option" in text


# Two people and the clock


def test_two_people_let_the_clock_trigger_it(read: Reader, desk: Desk, prepared_wave: Wave) -> None:
    Campaign.objects.update(needs_second_person=True)
    tom = Staff.objects.create_superuser("tom", "tom@monoql.example", "correct horse")
    before = read(page_of(prepared_wave))
    asking = read(page_of(prepared_wave, "release_page"))

    desk.post(page_of(prepared_wave, "release_page"), {"typed_name": prepared_wave.campaign.name})
    approval = Approval.objects.get()
    seen_by_tom = signed_in(tom).get(reverse("admin:viewers_approval_change", args=[approval.pk])).content.decode()
    approvals.approve(approval=approval, actor=viewer_of_staff(tom), now=timezone.now())
    after = read(page_of(prepared_wave))

    assert "Let the clock trigger it…" in before
    assert "if it has by then what it still lacks: a second person." in before
    words = "The clock triggers it at its time: Mon 1 Feb 2027 10:00 America/Los_Angeles (18:00 UTC), in "
    assert words in asking
    assert words in seen_by_tom
    assert "Nothing more is needed. Two people have approved it." in after
    assert "Let the clock trigger it…" not in after
    prepared_wave.refresh_from_db()
    assert prepared_wave.status == "processing"


def test_two_people_who_trigger_at_once_are_told_that_it_is_at_once(read: Reader, prepared_wave: Wave) -> None:
    Campaign.objects.update(needs_second_person=True)

    text = read(page_of(prepared_wave, "trigger_page"))

    assert "It is triggered as soon as the second person approves, not at its time." in text


def test_where_one_person_decides_the_clock_needs_no_approval(desk: Desk, prepared_wave: Wave) -> None:
    answer = desk.get(page_of(prepared_wave, "release_page"), follow=True).content.decode()

    assert "the clock needs no second person for this wave now" in answer
    assert "Nothing more is needed." in answer


def test_home_asks_for_the_second_person_and_not_for_what_the_clock_does(read: Reader, prepared_wave: Wave) -> None:
    quiet = read(reverse("admin:index"))
    Campaign.objects.update(needs_second_person=True)
    asking = read(reverse("admin:index"))

    assert "is prepared and waits for" not in quiet
    assert "is prepared and waits for a second person" in asking


# Cancelling


def test_a_preparation_is_cancelled_with_its_facts(read: Reader, desk: Desk, closed: Campaign) -> None:
    wave = scenario.make_wave(closed)
    desk.post(page_of(wave, "prepare_page"), RULES)

    page, asked = read(page_of(wave)), read(page_of(wave, "cancel_page"))
    answer = desk.post(page_of(wave, "cancel_page"), follow=True).content.decode()
    again = desk.post(page_of(wave, "cancel_page"), follow=True).content.decode()

    wave.refresh_from_db()
    assert "Cancel the preparation…" in page
    assert "Nothing is frozen yet: its codes go back to their pools." in asked
    assert "is cancelled" in answer
    assert "No preparation is under way" in again
    assert wave.status == "scheduled"
