"""A wave at the admin: scheduled, prepared, looked at, triggered once, or abandoned."""

import threading
from datetime import timedelta

import pytest
import requests
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign
from codes.models import Assignment
from core.models import AuditEvent
from entries.models import Entry, Message
from tests import scenario
from tests.admin.conftest import Desk, Reader, Tour, closed_tour, signed_in
from viewers.models import Staff
from waves.models import Draw, Selection, Wave, WavePrep
from waves.preparation import Options

pytestmark = pytest.mark.django_db(transaction=True)
RULES = {"ranking": "0", "code_type": "presale", "score_tier": "10"}


def page_of(wave: Wave, step: str = "change") -> str:
    """The address of a wave's page, or of one of its steps."""
    return reverse(f"admin:waves_wave_{step}", args=[wave.pk])


@pytest.fixture
def closed(transactional_db: None) -> Campaign:
    """The tour, closed, with fans and codes."""
    return closed_tour()


# Scheduling


def schedule(desk: Desk, campaign: Campaign, **form: str) -> str:
    """Send the form that schedules a wave and give the page that follows."""
    address = f"{reverse('admin:waves_wave_add')}?campaign={campaign.pk}"
    return desk.post(address, form, follow=True).content.decode()


def test_a_wave_is_scheduled_on_the_campaigns_clock(desk: Desk, closed: Campaign) -> None:
    text = schedule(desk, closed, local_0="2027-02-15T10:00", name="First")

    wave = Wave.objects.get()
    assert (wave.date_key, wave.name) == ("2027-02-15T10:00", "First")
    assert "Mon 15 Feb 2027 10:00 America/Los_Angeles (18:00 UTC)" in text


def test_a_second_wave_at_the_same_time_is_refused_in_the_form(desk: Desk, closed: Campaign) -> None:
    schedule(desk, closed, local_0="2027-02-15T10:00")

    text = schedule(desk, closed, local_0="2027-02-15T10:00")

    assert "The campaign has a wave at 2027-02-15T10:00 already." in text
    assert Wave.objects.count() == 1


def test_skipped_and_repeated_times_are_asked_about(desk: Desk, closed: Campaign) -> None:
    skipped = schedule(desk, closed, local_0="2027-03-14T02:30")
    repeated = schedule(desk, closed, local_0="2027-11-07T01:30")
    schedule(desk, closed, local_0="2027-11-07T01:30", local_1="second")

    assert "Take 01:30 or 03:30." in skipped
    assert "comes twice on this day" in repeated
    assert 'name="local_1"' in repeated
    assert Wave.objects.get().date_key == "2027-11-07T01:30b"


# Preparing


def test_the_rankings_are_described_honestly(read: Reader, closed: Campaign) -> None:
    text = read(page_of(scenario.make_wave(closed), "prepare_page"))

    assert text.count("a fan can gain by not naming a sought-after market first") == 2
    assert text.count("Naming markets in one&#x27;s true order is always best.") == 2
    assert "24 free codes are there" in text


def test_what_was_chosen_is_what_is_prepared(desk: Desk, closed: Campaign) -> None:
    wave = scenario.make_wave(closed)
    lax = closed.markets.get(code="CA-LAX")
    chosen = {"ranking": "4", "score_tier": "20", "score_min": "5", "score_max": "95", "reassign": "on"}

    desk.post(page_of(wave, "prepare_page"), {**RULES, **chosen, f"limit_{lax.pk}": "3"})

    prep = WavePrep.objects.get(wave=wave)
    assert (prep.ranking, prep.score_tier, prep.limits) == (["score", "preference"], 20, {"CA-LAX": 3})
    assert (prep.score_min, prep.score_max, prep.reassign) == (5, 95, True)
    assert AuditEvent.objects.get(action="wave.prepare").actor_label == "sue"


def test_a_refused_preparation_says_why_and_keeps_what_was_typed(desk: Desk, closed: Campaign) -> None:
    wave = scenario.make_wave(closed)

    bounds = desk.post(page_of(wave, "prepare_page"), {**RULES, "score_min": "90", "score_max": "10"})

    assert bounds.status_code == 200
    assert "Score bounds lie between 0 and 100, the lower one first." in bounds.content.decode()
    assert 'value="90"' in bounds.content.decode()
    assert not WavePrep.objects.exists()


def test_progress_is_seen_while_it_runs_and_the_page_comes_anew_at_the_end(desk: Desk, closed: Campaign) -> None:
    wave = scenario.make_wave(closed)
    desk.post(page_of(wave, "prepare_page"), RULES)
    queued = desk.get(page_of(wave, "live_page"))
    WavePrep.objects.update(
        status="running", phase="drawing", progress_done=21, progress_total=42, lease_until=timezone.now()
    )
    running = desk.get(page_of(wave, "live_page"))
    shown_before = desk.get(f"{page_of(wave, 'live_page')}?status=scheduled")
    shown_now = desk.get(f"{page_of(wave, 'live_page')}?status=processing")
    WavePrep.objects.update(status="queued", lease_until=None)
    scenario.run_jobs()
    over = desk.get(page_of(wave, "live_page"))

    assert "It waits for a worker" in queued.content.decode()
    assert 'aria-valuenow="50"' in running.content.decode()
    assert "HX-Refresh" not in running.headers
    assert "?status=processing" in running.content.decode()
    assert shown_before.headers["HX-Refresh"] == "true"
    assert "HX-Refresh" not in shown_now.headers
    assert over.headers["HX-Refresh"] == "true"


def test_a_wave_waits_for_the_public_value_that_its_rules_name(desk: Desk, read: Reader, closed: Campaign) -> None:
    wave = scenario.prepare_wave(scenario.make_wave(closed), Options(public_source="drand round 4102338"))
    waiting = read(page_of(wave))
    asked = read(page_of(wave, "value_page"))
    wrong = desk.post(page_of(wave, "value_page"), {"public_value": "naïve"})
    desk.post(page_of(wave, "value_page"), {"public_value": "8a1f"})
    again = desk.post(page_of(wave, "value_page"), {"public_value": "ffff"})
    scenario.run_jobs()

    assert "Enter the public value" in waiting
    assert "drand round 4102338" in asked
    assert "printable ASCII" in wrong.content.decode()
    assert "it was entered before" in again.content.decode()
    assert Draw.objects.get(wave=wave).public_value == "8a1f"
    assert "Trigger now…" in read(page_of(wave))


def test_a_preparation_that_failed_after_the_freeze_only_goes_on(desk: Desk, closed: Campaign) -> None:
    wave = scenario.prepare_wave(scenario.make_wave(closed), Options(public_source="drand round 4102338"))
    root = Draw.objects.get(wave=wave).root
    Wave.objects.update(status="scheduled")
    WavePrep.objects.update(status="failed", error="The disk was full.")

    page = desk.get(page_of(wave)).content.decode()
    asked = desk.get(page_of(wave, "prepare_page")).content.decode()
    desk.post(page_of(wave, "prepare_page"))

    assert "The disk was full." in page
    assert "with the same rules, entries and key" in asked
    assert WavePrep.objects.get(wave=wave).status == "queued"
    assert Draw.objects.get(wave=wave).root == root


# The page


def test_the_funnel_names_every_subtraction(read: Reader, closed: Campaign) -> None:
    Entry.objects.filter(identifier="fan1@example.com").update(blocked_at=timezone.now())
    Entry.objects.filter(identifier="fan2@example.com").update(withdrawn_at=timezone.now())
    wave = scenario.prepare_wave(scenario.make_wave(closed))
    draw = Draw.objects.get(wave=wave)

    from waves.admin_pages.picture import picture_of

    funnel = picture_of(wave).funnel
    text = read(page_of(wave))

    lost = sum(bar.number for bar in funnel if bar.kind == "lost")
    assert (funnel[0].number, funnel[-1].number) == (draw.entries, draw.placed)
    assert draw.entries - lost == draw.placed
    for words in ("withdrew", "address or phone not proved", "on the filter list", "their markets were full"):
        assert words in text


def test_the_page_shows_markets_cutoffs_and_proof_but_no_secret_before_the_trigger(
    read: Reader, prepared_wave: Wave
) -> None:
    draw = Draw.objects.get(wave=prepared_wave)

    text = read(page_of(prepared_wave))

    assert "CA-LAX" in text
    assert "choice, tier" in text
    assert draw.root in text
    assert draw.campaign.draw_secrets.commitments[0] in text
    assert "shown after the trigger" in text
    assert "Codes held" in text


# Triggering


def test_the_trigger_says_in_numbers_what_it_does(read: Reader, prepared_wave: Wave) -> None:
    placed = Draw.objects.get(wave=prepared_wave).placed
    entry = Entry.objects.get(pk=Assignment.objects.order_by("pk")[0].entry_id)
    entry.withdrawn_at = timezone.now()
    entry.save(update_fields=["withdrawn_at"])

    text = read(page_of(prepared_wave, "trigger_page"))

    assert f"{placed} fans get a code, in 2 markets." in text
    assert "1 of them went out since the freeze" in text
    assert "This cannot be undone." in text
    assert "You trigger it earlier." in text


def test_the_trigger_asks_for_the_campaigns_name(desk: Desk, prepared_wave: Wave) -> None:
    answer = desk.post(page_of(prepared_wave, "trigger_page"), {"typed_name": "aurora"})

    prepared_wave.refresh_from_db()
    assert "This is not the name" in answer.content.decode()
    assert prepared_wave.status == "processing"


def test_a_second_press_is_told_kindly_and_does_nothing(desk: Desk, prepared_wave: Wave) -> None:
    form = {"typed_name": prepared_wave.campaign.name}
    first = desk.post(page_of(prepared_wave, "trigger_page"), form, follow=True)

    second = desk.post(page_of(prepared_wave, "trigger_page"), form, follow=True)
    looked = desk.get(page_of(prepared_wave, "trigger_page"), follow=True)

    assert "is triggered: the codes are the fans&#x27; now." in first.content.decode()
    for answer in (second, looked):
        assert answer.status_code == 200
        assert "has been triggered already by sue" in answer.content.decode()
        assert "Nothing was done twice." in answer.content.decode()
    assert Selection.objects.count() == 1
    assert AuditEvent.objects.filter(action="wave.trigger").count() == 1


def test_two_people_who_press_at_once_trigger_it_once(supreme: Staff, prepared_wave: Wave) -> None:
    other = Staff.objects.create_superuser("tom", "tom@monoql.example", "correct horse")
    desks = [signed_in(supreme), signed_in(other)]
    start = threading.Barrier(2)
    answers: list[tuple[int, str]] = []

    def press(desk: Desk) -> None:
        start.wait()
        answer = desk.post(
            page_of(prepared_wave, "trigger_page"), {"typed_name": prepared_wave.campaign.name}, follow=True
        )
        answers.append((answer.status_code, answer.content.decode()))
        connection.close()

    people = [threading.Thread(target=press, args=(desk,)) for desk in desks]
    for person in people:
        person.start()
    for person in people:
        person.join()

    told = ["has been triggered already" in text for _, text in answers]
    assert [status for status, _ in answers] == [200, 200]
    assert sorted(told) == [False, True]
    assert Selection.objects.count() == 1
    assert AuditEvent.objects.filter(action="wave.trigger").count() == 1


def test_an_unprepared_wave_cannot_be_triggered(desk: Desk, closed: Campaign) -> None:
    wave = scenario.make_wave(closed)

    answer = desk.post(page_of(wave, "trigger_page"), {"typed_name": closed.name}, follow=True)

    wave.refresh_from_db()
    assert "preparation has not finished" in answer.content.decode()
    assert wave.status == "scheduled"


def test_after_the_trigger_the_page_shows_secret_files_and_mails(desk: Desk, read: Reader, whole_tour: Tour) -> None:
    wave = whole_tour.sent
    mails = Message.objects.filter(wave_id=wave.pk).count()

    text = read(page_of(wave))
    rules = desk.get(reverse("admin:waves_wave_bundle_page", args=[wave.pk, "rules.json"]))
    held_back = desk.get(reverse("admin:waves_wave_bundle_page", args=[wave.pk, "reasons.csv"]))

    assert "completed" in text
    assert "shown after the trigger" not in text
    assert f"<strong>{mails}</strong> sent" in text
    assert f"draw_bundle aurora/{wave.date_key}" in text
    assert requests.get(rules.headers["Location"], timeout=10).content == bytes(Draw.objects.get(wave=wave).rules)
    assert held_back.headers["Location"] == page_of(wave)


# Abandoning


def test_abandoning_needs_a_reason_and_gives_the_codes_back(desk: Desk, read: Reader, prepared_wave: Wave) -> None:
    placed = Draw.objects.get(wave=prepared_wave).placed
    asked = read(page_of(prepared_wave, "abandon_page"))
    without = desk.post(page_of(prepared_wave, "abandon_page"), {"reason": ""})
    desk.post(page_of(prepared_wave, "abandon_page"), {"reason": "The tour is off"})

    prepared_wave.refresh_from_db()
    page = read(page_of(prepared_wave))
    assert f"{placed} codes go back to their pools." in asked
    assert without.status_code == 200
    assert prepared_wave.status == "failed"
    assert "abandoned" in page
    assert "The tour is off" in page
    assert "Trigger…" not in page


def test_a_wave_that_was_triggered_cannot_be_abandoned(desk: Desk, whole_tour: Tour) -> None:
    answer = desk.post(page_of(whole_tour.sent, "abandon_page"), {"reason": "Too late"})

    assert answer.status_code == 200
    assert "The wave is completed." in answer.content.decode()


def test_home_says_that_a_wave_waits_for_somebodys_hand(read: Reader, prepared_wave: Wave) -> None:
    Wave.objects.update(is_automatic=False)

    text = read(reverse("admin:index"))

    assert "is prepared and waits for somebody who triggers it by hand" in text
    assert page_of(prepared_wave) in text


def test_a_wave_that_is_due_and_not_prepared_stands_on_home(read: Reader, closed: Campaign) -> None:
    soon = timezone.now().astimezone(closed.zone) + timedelta(hours=3)
    scenario.make_wave(closed, local=soon.replace(tzinfo=None))

    assert "and not prepared" in read(reverse("admin:index"))
