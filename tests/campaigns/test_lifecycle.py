"""The life of a campaign, by hand and by the clock."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone

from campaigns import lifecycle, secrets
from campaigns.lifecycle import CannotCloseCampaign, CannotFinishCampaign, CannotOpenCampaign, follow_the_clock
from campaigns.models import Campaign
from core.models import AuditEvent
from core.refusal import NotAllowed
from tests import scenario
from viewers.models import Staff
from viewers.viewer import Viewer, viewer_of_staff

Status = Campaign.Status
STEPS = {
    Status.OPEN: (lifecycle.open_campaign, CannotOpenCampaign),
    Status.CLOSED: (lifecycle.close_campaign, CannotCloseCampaign),
    Status.FINISHED: (lifecycle.finish_campaign, CannotFinishCampaign),
}


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", STEPS)
def test_only_the_steps_of_the_table_are_taken(tour: Campaign, operator: Viewer, before: str, after: Status) -> None:
    Campaign.objects.filter(pk=tour.pk).update(status=before)
    step, refusal = STEPS[after]

    if (before, after) in lifecycle.TRANSITIONS:
        assert step(campaign=tour, actor=operator, now=timezone.now()).status == after
    else:
        with pytest.raises(refusal):
            step(campaign=tour, actor=operator, now=timezone.now())
        tour.refresh_from_db()
        assert tour.status == before


def test_opening_publishes_32_commitments_once(tour: Campaign, operator: Viewer) -> None:
    commitments = list(tour.draw_secrets.commitments)
    lifecycle.close_campaign(campaign=tour, actor=operator, now=timezone.now())
    lifecycle.open_campaign(campaign=tour, actor=operator, now=timezone.now())

    assert len(set(commitments)) == 32
    assert Campaign.objects.get(pk=tour.pk).draw_secrets.commitments == commitments


def test_secrets_and_salt_are_not_stored_in_the_clear(tour: Campaign) -> None:
    stored = bytes(tour.draw_secrets.secrets or b"") + bytes(tour.draw_secrets.salt)

    assert secrets.salt_of(tour) not in stored
    assert secrets.secret_of(tour, 1) not in stored
    assert secrets.secret_of(tour, 1) != secrets.secret_of(tour, 2)


def test_a_campaign_that_is_not_ready_does_not_open(operator: Viewer) -> None:
    campaign = scenario.make_tour()
    campaign.markets.all().delete()

    with pytest.raises(CannotOpenCampaign, match="Add a market"):
        lifecycle.open_campaign(campaign=campaign, actor=operator, now=timezone.now())


def test_staff_without_the_right_may_not_open(clerk: Staff) -> None:
    campaign = scenario.make_tour()

    with pytest.raises(NotAllowed):
        lifecycle.open_campaign(campaign=campaign, actor=viewer_of_staff(clerk), now=timezone.now())


def test_the_clock_opens_only_what_was_released(db: None) -> None:
    campaign = scenario.make_tour()
    now = timezone.now()

    assert follow_the_clock(now) == 0
    Campaign.objects.filter(pk=campaign.pk).update(is_released=True)
    assert follow_the_clock(now) == 1
    assert follow_the_clock(now + timedelta(days=4)) == 1
    campaign.refresh_from_db()
    assert campaign.status == Status.CLOSED


@pytest.mark.django_db(transaction=True)
def test_ticks_at_the_same_moment_take_each_step_once() -> None:
    campaign = scenario.open_tour()
    after_close = timezone.now() + timedelta(days=4)
    barrier = Barrier(4)

    def tick_together(_: int) -> int:
        barrier.wait()
        try:
            return follow_the_clock(after_close)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        steps = list(pool.map(tick_together, range(4)))

    assert sum(steps) == 1
    assert AuditEvent.objects.filter(action="campaign.closed", campaign_id=campaign.pk).count() == 1


def test_what_receipts_stand_on_is_fixed_by_the_first_opening(tour: Campaign) -> None:
    tour.domain = "elsewhere"
    market = tour.markets.get(code="CA-LAX")
    market.code = "CA-SFO"

    for changed in (tour, market):
        with pytest.raises(Exception, match="Fixed since the campaign opened"):
            changed.full_clean()
