"""Home answers one question: does anything need me?"""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, Locale
from codes.models import Upload
from tests import scenario
from tests.admin.conftest import Reader, signed_in
from viewers.models import Grant, Staff
from viewers.permissions import Action

pytestmark = pytest.mark.django_db
HOME = "admin:index"


def test_an_empty_house_says_so_in_words(read: Reader) -> None:
    text = read(reverse(HOME))

    assert "Nothing needs you." in text
    assert "No campaign is open or closed at the moment." in text
    assert "Nothing is running." in text


def test_the_first_campaign_of_a_house_begins_with_what_it_is_made_from(read: Reader) -> None:
    Locale.objects.create(code="en_US", name="English")

    text = read(reverse(HOME))

    assert "Your first presale" in text
    assert text.count("1 there") == 1
    for model in ("locale", "promoter", "artist", "venue", "campaign"):
        assert reverse(f"admin:campaigns_{model}_add") in text


def test_whoever_may_not_make_campaigns_is_not_led_to_make_one(clerk: Staff, supreme: Staff, tour: Campaign) -> None:
    Grant.objects.create(staff=clerk, campaign=tour, action=Action.VIEW, granted_by=supreme, granted_at=timezone.now())

    text = signed_in(clerk).get(reverse(HOME)).content.decode()

    assert tour.name in text
    assert "Your first presale" not in text
    assert "New campaign" not in text


def test_a_campaign_that_is_being_set_up_stands_on_home_with_its_next_step(read: Reader, db: None) -> None:
    campaign = scenario.make_tour()

    text = read(reverse(HOME))

    assert "Your first presale" not in text
    assert "Being set up" in text
    assert reverse("admin:campaigns_campaign_change", args=[campaign.pk]) in text
    assert "See what is missing, then open it or release it for the clock." in text


def test_what_is_happening_is_told_with_fans_clock_and_next_step(read: Reader, tour: Campaign) -> None:
    scenario.register_fan(tour, "Ada", ["CA-LAX"])

    text = read(reverse(HOME))

    assert "open, closes in 2 d 23 h" in text
    assert "America/Los_Angeles" in text
    assert "1 fan<" in text
    assert "+1 in the last hour" in text
    assert "Upload codes" in text


def test_a_campaign_that_will_not_open_needs_somebody(read: Reader, db: None) -> None:
    soon = timezone.now() + timedelta(hours=3)
    campaign = scenario.make_tour()
    campaign.markets.all().delete()
    Campaign.objects.filter(pk=campaign.pk).update(open_at=soon)
    unreleased = read(reverse(HOME))
    Campaign.objects.filter(pk=campaign.pk).update(is_released=True)
    released = read(reverse(HOME))

    assert "opens in 2 h 59 min, not released for the clock, 1 red line" in unreleased
    assert "opens in 2 h 59 min, 1 red line" in released


def test_a_campaign_that_is_ready_and_released_needs_nobody(read: Reader, db: None) -> None:
    campaign = scenario.make_tour()
    soon = timezone.now() + timedelta(hours=3)
    Campaign.objects.filter(pk=campaign.pk).update(open_at=soon, is_released=True)

    assert "Nothing needs you." in read(reverse(HOME))


def test_what_runs_is_shown_with_its_progress(read: Reader, tour: Campaign) -> None:
    pool = tour.pools.create(market=tour.markets.get(code="CA-LAX"))
    Upload.objects.create(
        campaign=tour,
        pool=pool,
        file_name="LA-codes.csv",
        storage_key="k",
        status="running",
        phase="reading",
        progress_done=62,
        progress_total=100,
        lease_until=timezone.now(),
        started_at=timezone.now() - timedelta(seconds=10),
        attempts=1,
        uploaded_by="sue",
    )

    text = read(reverse(HOME))

    assert "Upload LA-codes.csv" in text
    assert "reading 62 %" in text
    assert "6 lines a second" in text
    assert 'hx-trigger="every 3s"' in text


def test_work_that_failed_lately_needs_somebody(read: Reader, tour: Campaign) -> None:
    pool = tour.pools.create(market=tour.markets.get(code="CA-LAX"))
    failed = {"campaign": tour, "pool": pool, "storage_key": "k", "status": "failed", "uploaded_by": "sue"}
    Upload.objects.create(file_name="new.csv", finished_at=timezone.now(), **failed)
    Upload.objects.create(file_name="old.csv", finished_at=timezone.now() - timedelta(days=8), **failed)

    text = read(reverse(HOME))

    assert "The upload of new.csv for Aurora Vale 2027 failed" in text
    assert "old.csv" not in text


@pytest.mark.django_db(transaction=True)
def test_the_next_waves_stand_with_their_codes_against_the_planned_places(read: Reader, tour: Campaign) -> None:
    tour.markets.filter(code="CA-LAX").update(population_limit=100)
    scenario.upload_codes(tour, "CA-LAX", 40)
    wave = scenario.make_wave(tour)

    text = read(reverse("admin:index"))

    assert "Next waves" in text
    assert reverse("admin:waves_wave_change", args=[wave.pk]) in text
    assert "not prepared" in text
    assert "40 of 100" in text
    assert 'style="inline-size:40%"' in text


def test_without_waves_to_come_there_is_no_such_part(read: Reader, tour: Campaign) -> None:
    assert "Next waves" not in read(reverse("admin:index"))


def test_registrations_by_hour_stand_in_a_table_too(read: Reader, tour: Campaign) -> None:
    scenario.register_fan(tour, "Ada", ["CA-LAX"])

    text = read(reverse("admin:index"))

    assert "by hour" in text
    assert "Hours ago" in text
