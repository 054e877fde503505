"""What is missing before a wave is prepared: red refuses, amber warns, each line leads to what mends it."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign, Content
from core.admin_times import local_time
from entries.models import Entry, ScoreRun
from tests import scenario
from tests.scenario import SUPREME, make_wave, prepare_wave, register_fan, upload_codes
from waves import readiness, selection
from waves.models import Draw, Notification, Wave
from waves.preparation import CannotPrepare, Options, start_preparation
from waves.scheduling import schedule_wave

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tour() -> Campaign:
    """The tour, closed, with everything that a wave needs."""
    campaign = scenario.open_tour()
    for number in range(4):
        register_fan(campaign, f"fan{number}", ["CA-LAX"])
    upload_codes(campaign, "CA-LAX", 4)
    upload_codes(campaign, "AZ-PHX", 4, event="AZ-PHX-1")
    for locale in ("en_US", "de_DE", "ar_EG"):
        Content.objects.update_or_create(
            campaign=campaign, locale_id=locale, defaults={"selected_subject": "Yes", "selected_body": "A code"}
        )
    ScoreRun.objects.create(campaign=campaign, source="test", is_current=True, created_at=timezone.now())
    return lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now())


def lines_of(wave: Wave, *, now: datetime | None = None, **options: object) -> dict[str, tuple[bool, str]]:
    """Each line with whether it is red and its section."""
    chosen = Options(**options)  # type: ignore[arg-type]  # As the tests say.
    wave = Wave.objects.select_related("campaign").get(pk=wave.pk)
    found = readiness.lines(wave, chosen, now=now or timezone.now())
    assert sorted(found, key=lambda line: not line.is_red) == found, "the red ones come first"
    return {line.text: (line.is_red, line.section) for line in found}


def test_nothing_is_said_where_nothing_is_missing(tour: Campaign) -> None:
    assert lines_of(make_wave(tour)) == {}


# Red


def refused(wave: Wave, **options: object) -> str:
    """Why a preparation is refused."""
    with pytest.raises(CannotPrepare) as refusal:
        start_preparation(
            wave=wave,
            options=Options(**options),  # type: ignore[arg-type]  # As the tests say.
            actor=SUPREME,
            now=timezone.now(),
        )
    assert Wave.objects.get(pk=wave.pk).status == "scheduled"
    return refusal.value.message


def test_no_codes_of_the_type_are_red(tour: Campaign) -> None:
    wave = make_wave(tour)

    line = "There are no free vip codes: nobody could get one. Upload some."
    assert lines_of(wave, code_type="vip")[line] == (True, "codes")
    assert refused(wave, code_type="vip") == f"The wave is not ready: {line}"


def test_bounds_without_scores_are_red_and_a_ranking_by_them_is_amber(tour: Campaign) -> None:
    ScoreRun.objects.all().delete()
    wave = make_wave(tour)

    line = "Score bounds are set, but no scores were calculated: they count as 0. Leave the bounds empty."
    assert lines_of(wave, score_min=10)[line] == (True, "scores")
    assert line in refused(wave, score_max=90)
    amber = "No scores were calculated: all count as 0, so that the lot decides where the score would."
    assert lines_of(wave) == {amber: (False, "scores")}
    assert lines_of(wave, ranking=()) == {}


def test_a_campaign_without_secrets_left_is_red(tour: Campaign) -> None:
    wave = make_wave(tour)
    for number in range(1, 33):
        other = Wave.objects.create(
            campaign=tour, date_key=f"2026-01-01T00:{number:02}", status="failed", created_at=timezone.now()
        )
        Draw.objects.create(
            wave=other, campaign=tour, number=number, rules=b"", entries=0, eligible=0, frozen_at=timezone.now()
        )

    assert "all are used" in refused(wave)


def test_a_time_that_newer_rules_skip_is_red(tour: Campaign) -> None:
    wave = make_wave(tour)
    Wave.objects.update(date_key="2027-03-14T02:30")

    found = lines_of(wave)
    text = next(text for text in found if "no longer exists" in text)
    assert found[text] == (True, "time")
    assert "at 10:00 UTC" in text
    assert text in refused(wave)


def test_after_the_freeze_nothing_refuses_going_on(tour: Campaign) -> None:
    wave = prepare_wave(make_wave(tour), Options(public_source="a paper"))
    Wave.objects.update(status="scheduled")
    ScoreRun.objects.all().delete()

    start_preparation(wave=wave, options=Options(code_type="none", score_min=5), actor=SUPREME, now=timezone.now())

    assert Wave.objects.get(pk=wave.pk).status == "processing"


# Amber


def test_markets_with_too_few_codes_are_named_three_at_most(tour: Campaign) -> None:
    wave = make_wave(tour)
    assert lines_of(wave, limits={"CA-LAX": 5}) == {"CA-LAX has 4 codes for 5 places.": (False, "codes")}
    assert lines_of(wave, limits={"CA-LAX": 4, "AZ-PHX": 0}) == {}

    tour.markets.filter(code="AZ-PHX").update(population_limit=6)
    for number in range(3):
        scenario.add_market(tour, f"M{number}", f"Town {number}", split="concurrent", events=number, now=timezone.now())

    found = lines_of(wave)
    assert found["AZ-PHX has 4 codes for 6 places."] == (False, "codes")
    assert found["M0 has no active event: nobody is drawn for it."] == (False, "markets")
    assert found["M1 has no free presale codes: nobody is drawn for it."] == (False, "codes")
    assert found["1 more markets have too few codes, or no event."] == (False, "codes")
    assert len(found) == 4


def test_a_population_limit_counts_what_earlier_waves_gave(tour: Campaign) -> None:
    tour.markets.filter(code="CA-LAX").update(population_limit=6)
    wave = prepare_wave(make_wave(tour))
    before = lines_of(make_wave(tour, local=datetime(2027, 3, 1, 10)))
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    scenario.run_jobs()
    upload_codes(tour, "CA-LAX", 1, prefix="LATE")

    after = lines_of(Wave.objects.get(date_key="2027-03-01T10:00"))

    assert "CA-LAX has no free presale codes: nobody is drawn for it." in before
    assert "CA-LAX has 1 code for 2 places." in after


def test_entries_that_take_no_part_are_counted(tour: Campaign) -> None:
    Campaign.objects.update(requires_phone_confirmation=True)
    entries = list(Entry.objects.order_by("pk"))
    Entry.objects.filter(pk=entries[0].pk).update(email_confirmed_at=None)
    Entry.objects.filter(pk=entries[1].pk).update(gates_pending=True)
    Entry.objects.filter(pk=entries[2].pk).update(withdrawn_at=timezone.now())

    assert lines_of(make_wave(tour)) == {
        "1 of 3 entries (33 %) have not proved their address: they take no part.": (False, "entries"),
        "2 of 3 entries have not confirmed their phone: they take no part.": (False, "entries"),
        "1 of 3 entries wait for a gate that cannot say: at the freeze this is failed.": (False, "gates"),
    }


def test_a_campaign_without_an_entry_is_told(tour: Campaign) -> None:
    Entry.objects.update(withdrawn_at=timezone.now())

    assert lines_of(make_wave(tour)) == {"Nobody takes part: there is no entry in force.": (False, "entries")}


def test_old_scores_are_told_with_their_age_and_with_who_came_later(tour: Campaign) -> None:
    wave = make_wave(tour)
    ScoreRun.objects.update(created_at=timezone.now() - timedelta(days=9), source="nightly")

    assert lines_of(wave) == {
        "The scores are 9 days old (nightly).": (False, "scores"),
        "4 of 4 entries came after the scores were calculated: they count as 0.": (False, "scores"),
    }
    assert lines_of(wave, ranking=("preference",)) == {}
    assert len(lines_of(wave, ranking=("preference",), score_min=1)) == 2


def test_a_mail_that_a_locale_lacks_is_told_and_the_other_one_only_where_it_is_sent(tour: Campaign) -> None:
    Content.objects.filter(locale_id="de_DE").update(selected_body="")
    wave = make_wave(tour)

    selected = (
        "The mail to those chosen is not complete in de_DE: the words of en_US go out there, or ours where it has none."
    )
    assert lines_of(wave) == {selected: (False, "content")}
    Wave.objects.update(tells_not_selected=True)
    found = lines_of(wave)
    assert any(text.startswith("The mail to those not chosen is not complete in en_US, ") for text in found)
    assert len(found) == 2


def test_clock_changes_are_told_with_the_reading(tour: Campaign) -> None:
    second = schedule_wave(
        campaign=tour, local=datetime(2027, 11, 7, 1, 30), is_second=True, actor=SUPREME, now=timezone.now()
    )
    near = make_wave(tour, local=datetime(2027, 3, 14, 10, 0))

    meant = "This one is meant: the second 01:30, after the clocks went back, 09:30 UTC."
    assert lines_of(second) == {f"Its time comes twice on this day. {meant}": (False, "time")}
    assert lines_of(near) == {
        "The clocks of America/Los_Angeles change within a day of its time: 10:00 is 17:00 UTC.": (False, "time")
    }


def test_an_overdue_wave_an_open_campaign_and_mails_under_way_are_told(tour: Campaign) -> None:
    first = prepare_wave(make_wave(tour))
    selection.trigger(wave=first, actor=SUPREME, now=timezone.now())
    scenario.run_jobs()
    Notification.objects.update(status="queued")
    upload_codes(tour, "CA-LAX", 4, prefix="LATE")
    upload_codes(tour, "AZ-PHX", 4, event="AZ-PHX-1", prefix="LATE")
    Campaign.objects.update(status="open")
    past = local_time(timezone.now() - timedelta(hours=3), tour.zone)
    wave = make_wave(tour, local=past.local)

    found = lines_of(wave)

    assert found["Its time has passed: it is triggered at once when the preparation ends."] == (False, "time")
    assert found["The campaign is still open. Who registers after the freeze is not in this wave."] == (False, "dates")
    assert found[f"{first} is still sending its mails."] == (False, "waves")


def test_the_number_of_queries_is_the_same_at_any_number_of_markets(tour: Campaign) -> None:
    wave = make_wave(tour)

    def queries() -> int:
        fresh = Wave.objects.select_related("campaign").get(pk=wave.pk)
        with CaptureQueriesContext(
            connection,
        ) as caught:
            readiness.lines(fresh, Options(), now=timezone.now())
        return len(caught)

    few = queries()
    for number in range(20):
        scenario.add_market(tour, f"M{number}", f"Town {number}", split="concurrent", events=1, now=timezone.now())

    assert queries() == few
