"""Who may take part: everybody, those whom an earlier wave left, the members of a fanlist; and who carries over."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign
from codes.models import Assignment
from core import storage
from entries.identifiers import person_key
from entries.models import Entry
from tests import scenario
from tests.scenario import SUPREME, make_wave, prepare_wave, register_fan
from tests.waves.rerun import differences
from viewers.models import Staff
from viewers.viewer import viewer_of_staff
from waves import preparation, selection
from waves.audience import NoSuchAudience, audience_words, check_audience, offers
from waves.models import Draw, Wave
from waves.preparation import Options

pytestmark = pytest.mark.django_db(transaction=True)
FIRST, SECOND, THIRD = (datetime(2027, month, 1, 10, 0) for month in (2, 3, 4))
WAITLIST = "waitlisted:2027-02-01T10:00"


@pytest.fixture
def tour() -> Campaign:
    """The tour with 60 fans who want Los Angeles, closed, and 30 codes."""
    campaign = scenario.open_tour()
    scenario.many_fans(campaign, 60)
    Entry.objects.update(choices=[campaign.markets.get(code="CA-LAX").number])
    scenario.upload_codes(campaign, "CA-LAX", 30)
    return lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now())


def run(campaign: Campaign, local: datetime, *, places: int = 10, **options: object) -> Wave:
    """Prepare and trigger a wave with so many places, and do what follows."""
    wave = prepare_wave(
        make_wave(campaign, local=local),
        Options(limits={"CA-LAX": places}, **options),  # type: ignore[arg-type]  # As the tests say.
    )
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    scenario.run_jobs()
    return Wave.objects.select_related("draw", "prep").get(pk=wave.pk)


def standing(wave: Wave) -> dict[str, str]:
    """Each ref's reason in the frozen snapshot of a wave."""
    lines = storage.get(f"{wave.draw.storage_prefix}snapshot.csv").decode().splitlines()[1:]
    return {ref: reason for ref, reason, _ in (line.split(",", 2) for line in lines)}


def placed(wave: Wave) -> set[str]:
    """The refs that a wave placed."""
    lines = storage.get(f"{wave.draw.storage_prefix}allocation.csv").decode().splitlines()[1:]
    return {line.split(",")[0] for line in lines}


def test_over_three_waves_nobody_is_chosen_twice_and_all_others_stay_in(tour: Campaign) -> None:
    waves = [run(tour, local) for local in (FIRST, SECOND, THIRD)]

    chosen: set[str] = set()
    for wave in waves:
        reasons = standing(wave)
        assert {ref for ref, reason in reasons.items() if reason == "already_selected"} == chosen
        assert wave.draw.eligible == 57 - len(chosen)
        assert not placed(wave) & chosen
        chosen |= placed(wave)
    assert len(chosen) == Assignment.objects.count() == 30


def test_a_waitlist_is_whom_the_wave_left_and_nobody_else(tour: Campaign, tmp_path: Path) -> None:
    first = run(tour, FIRST)
    left = {ref for ref, reason in standing(first).items() if not reason} - placed(first)
    late = Entry.objects.filter(email_confirmed_at=None).first()
    assert late is not None
    Entry.objects.filter(pk=late.pk).update(email_confirmed_at=timezone.now())

    second = run(tour, SECOND, audience=WAITLIST)

    reasons = standing(second)
    assert {ref for ref, reason in reasons.items() if not reason} == left
    assert reasons[late.ref] == "not_in_audience"
    assert second.draw.reasons == {"unconfirmed": 2, "already_selected": 10, "not_in_audience": 1}
    assert json.loads(bytes(second.draw.rules))["audience"] == WAITLIST
    assert differences(scenario.bundle_of(second, tmp_path)) == []


def test_a_waitlist_is_read_from_what_was_frozen_not_from_today(tour: Campaign) -> None:
    first = run(tour, FIRST)
    left = {ref for ref, reason in standing(first).items() if not reason} - placed(first)
    chosen = Entry.objects.filter(ref__in=placed(first))
    Assignment.objects.filter(entry_id=chosen[0].pk).delete()

    second = run(tour, SECOND, audience=WAITLIST, reassign=True)

    assert {ref for ref, reason in standing(second).items() if not reason} == left
    assert second.draw.reasons["not_in_audience"] == 10


def test_a_waitlist_of_a_wave_keeps_to_it_over_three_waves(tour: Campaign) -> None:
    first = run(tour, FIRST)
    second = run(tour, SECOND, audience=WAITLIST)
    third = run(tour, THIRD, audience="waitlisted:2027-03-01T10:00")

    left = {ref for ref, reason in standing(second).items() if not reason} - placed(second)
    assert {ref for ref, reason in standing(third).items() if not reason} == left
    assert not placed(third) & (placed(first) | placed(second))


def test_a_file_that_is_not_the_frozen_one_fails_the_preparation(tour: Campaign) -> None:
    first = run(tour, FIRST)
    storage.put(f"{first.draw.storage_prefix}allocation.csv", b"ref,market,choice,event,position\n")

    wave = prepare_wave(make_wave(tour, local=SECOND), Options(audience=WAITLIST))

    assert (wave.status, wave.prep.status) == ("scheduled", "failed")
    assert "The stored allocation.csv of wave 2027-02-01T10:00 is not the one of its draw." in wave.prep.error
    assert not Draw.objects.filter(wave=wave).exists()


# Fanlists


def fanlist(domain: str = "insiders", **fields: object) -> Campaign:
    """An open fanlist with Ada, Ben, who has withdrawn, and Cleo, who has not proved her address."""
    campaign = scenario.make_tour(domain=domain)
    Campaign.objects.filter(pk=campaign.pk).update(
        type=Campaign.Type.FANLIST,
        open_at=None,
        close_at=None,
        presale_window_start_at=None,
        presale_window_end_at=None,
        **fields,
    )
    campaign.refresh_from_db()
    campaign = lifecycle.open_campaign(campaign=campaign, actor=SUPREME, now=timezone.now())
    for name in ("Ada", "Ben", "Cleo"):
        register_fan(campaign, name, [], is_confirmed=name != "Cleo")
    Entry.objects.filter(campaign=campaign, name="Ben").update(withdrawn_at=timezone.now())
    return campaign


def test_a_fanlist_lets_its_members_in_who_are_in_force(tour: Campaign, tmp_path: Path) -> None:
    fanlist()
    now = timezone.now()
    for number, name in enumerate(("ada", "ben", "cleo")):
        entry = Entry.objects.filter(campaign=tour, email_confirmed_at__isnull=False).order_by("pk")[number]
        Entry.objects.filter(pk=entry.pk).update(name=name, person_key=person_key(f"{name}@example.com"))

    wave = run(tour, FIRST, audience="fanlist:insiders")

    assert now < wave.draw.frozen_at
    assert wave.draw.reasons == {"unconfirmed": 3, "not_in_audience": 56}
    assert Entry.objects.get(ref=placed(wave).pop()).name == "ada"
    assert json.loads(bytes(wave.draw.rules))["audience"] == "fanlist:insiders"
    assert differences(scenario.bundle_of(wave, tmp_path)) == []


def test_a_fanlist_that_knows_fans_by_another_identifier_is_none(tour: Campaign) -> None:
    made = fanlist()
    Campaign.objects.filter(pk=made.pk).update(identifier_type="memberId")

    with pytest.raises(NoSuchAudience, match="There is no fanlist insiders for you"):
        prepare_wave(make_wave(tour), Options(audience="fanlist:insiders"))


# What is chosen


@pytest.mark.parametrize(
    ("audience", "words"),
    [
        ("waitlisted:2027-02-01T10:00", "This campaign has triggered no wave 2027-02-01T10:00"),
        ("fanlist:nobody", "There is no fanlist nobody for you"),
        ("fanlist:aurora", "There is no fanlist aurora for you"),
        ("some", "This is no audience"),
        ("", "This is no audience"),
        ("all:", "This is no audience"),
    ],
)
def test_an_audience_that_names_nothing_is_refused_with_what_there_is(
    tour: Campaign, audience: str, words: str
) -> None:
    fanlist()
    wave = prepare_wave(make_wave(tour, local=SECOND))
    preparation.abandon(wave=wave, reason="Off.", actor=SUPREME, now=timezone.now())

    with pytest.raises(NoSuchAudience) as refused:
        prepare_wave(make_wave(tour), Options(audience=audience))

    assert words in refused.value.message
    assert refused.value.message.endswith("Choose one of: all, fanlist:insiders.")
    assert refused.value.field == "audience"


def test_what_can_be_chosen_is_offered_in_words(tour: Campaign) -> None:
    fanlist()
    run(tour, FIRST)

    offered = offers(tour, SUPREME)

    assert list(offered) == ["all", WAITLIST, "fanlist:insiders"]
    assert offered[WAITLIST] == "Whom Wave 2027-02-01T10:00 left without a place"
    assert audience_words(WAITLIST) == "Whom the wave 2027-02-01T10:00 left without a place"


def test_nobody_draws_from_a_fanlist_that_she_may_not_see(tour: Campaign) -> None:
    fanlist()
    wanda = Staff.objects.create_user("wanda", "wanda@monoql.example", "x")
    wanda.grants.create(campaign=tour, action="run_waves", granted_by=wanda, granted_at=timezone.now())

    with pytest.raises(NoSuchAudience, match="There is no fanlist insiders for you"):
        check_audience(audience="fanlist:insiders", campaign=tour, viewer=viewer_of_staff(wanda))
    assert "fanlist:insiders" not in offers(tour, viewer_of_staff(wanda))
