"""Codes that the ticketing platform reports as used: by the thousand, twice, by two at once, and in a file."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone

from campaigns.lifecycle import CampaignFinished
from campaigns.models import Campaign
from codes import holding, inventory
from codes.models import Code, Pool, Redemption, Upload
from codes.redemptions import MOST_AT_ONCE, Redeemed, Reported, TooManyRedemptions, redeem
from codes.upload import start_upload
from core import jobs
from core.models import AuditEvent
from core.refusal import NotAllowed
from tests.scenario import SUPREME, make_wave, open_tour, prepare_wave, register_fan, upload_codes
from viewers.viewer import ANONYMOUS
from waves import selection

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tour() -> Campaign:
    """Two pools; the two fans of Los Angeles have the first two of its ten codes."""
    campaign = open_tour()
    upload_codes(campaign, "CA-LAX", 10)
    upload_codes(campaign, "AZ-PHX", 3, event="AZ-PHX-1")
    for name in ("Ada", "Ben"):
        register_fan(campaign, name, ["CA-LAX"])
    selection.trigger(wave=prepare_wave(make_wave(campaign)), actor=SUPREME, now=timezone.now())
    return campaign


def report(campaign: Campaign, *codes: str) -> Redeemed:
    """The platform reports codes."""
    reported = [Reported(code) for code in codes]
    return redeem(campaign=campaign, reported=reported, actor=SUPREME, now=timezone.now())


def test_used_codes_are_recorded_once_however_often_they_are_reported(tour: Campaign) -> None:
    first = report(tour, "CA-LAX-000000", "CA-LAX-000000", "NONE", "AZ-PHX-1-000000")
    second = report(tour, "CA-LAX-000000", "CA-LAX-000001")

    assert first == Redeemed(recorded=2, already=0, unknown=1, never_given=1)
    assert second == Redeemed(recorded=1, already=1, unknown=0, never_given=0)
    assert dict(Pool.objects.values_list("market__code", "redeemed")) == {"CA-LAX": 2, "AZ-PHX": 1}
    assert inventory.verify([tour]) == []


def test_the_time_is_the_platforms_else_that_of_the_report(tour: Campaign) -> None:
    used_at, now = datetime(2027, 2, 2, 18, 0, tzinfo=UTC), timezone.now()

    redeem(
        campaign=tour,
        reported=[Reported("CA-LAX-000000", used_at), Reported("CA-LAX-000001")],
        actor=SUPREME,
        now=now,
    )

    assert list(Redemption.objects.order_by("code").values_list("redeemed_at", flat=True)) == [used_at, now]


def test_another_campaigns_codes_are_unknown(tour: Campaign) -> None:
    other = open_tour(domain="borealis")

    assert report(other, "CA-LAX-000000") == Redeemed(recorded=0, already=0, unknown=1, never_given=0)


def test_two_reports_at_once_count_each_code_once(tour: Campaign) -> None:
    codes = list(Code.objects.values_list("value", flat=True))
    barrier = Barrier(4)

    def send(number: int) -> int:
        barrier.wait()
        try:
            return report(tour, *(reversed(codes) if number % 2 else codes)).recorded
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(send, range(4))) == len(codes)
    assert inventory.verify([tour]) == []


def test_a_report_is_audited_in_numbers(tour: Campaign) -> None:
    report(tour, "CA-LAX-000000", "NONE")
    report(tour, "CA-LAX-000000")

    event = AuditEvent.objects.get(action="codes.redeem")
    assert event.changes == {
        "recorded": [None, 1],
        "already": [None, 0],
        "unknown": [None, 1],
        "never_given": [None, 0],
    }


def test_more_than_a_thousand_at_once_are_refused(tour: Campaign) -> None:
    with pytest.raises(TooManyRedemptions):
        report(tour, *(["X"] * (MOST_AT_ONCE + 1)))


def test_it_needs_the_right_and_a_campaign_that_goes_on(tour: Campaign) -> None:
    with pytest.raises(NotAllowed):
        redeem(campaign=tour, reported=[], actor=ANONYMOUS, now=timezone.now())
    tour.status = Campaign.Status.FINISHED
    with pytest.raises(CampaignFinished):
        report(tour, "CA-LAX-000000")


def test_a_code_that_the_platform_has_seen_is_given_to_nobody(tour: Campaign) -> None:
    pool = tour.pools.get(market__code="AZ-PHX")
    report(tour, "AZ-PHX-1-000000", "AZ-PHX-1-000001")
    code = Code.objects.get(value="CA-LAX-000002")
    held = holding.keep_back(
        campaign=tour,
        code_type="presale",
        purpose="the sponsor",
        parts={pool.pk: 1, code.pk >> 32: 1},
        expires_at=timezone.now() + timedelta(days=1),
        actor=SUPREME,
        now=timezone.now(),
    )
    first = held.ranges.filter(pool=pool).values_list("first", flat=True)[0]

    new = holding.swap(code_id=first, reason="used", actor=SUPREME, now=timezone.now())

    assert Code.objects.get(pk=new).value == "AZ-PHX-1-000002"


def test_a_file_of_used_codes_is_read_by_a_worker(tour: Campaign) -> None:
    data = b"code\nCA-LAX-000000\nCA-LAX-000000\nNONE\nAZ-PHX-1-000000\nCA-LAX-000001\n"
    report(tour, "CA-LAX-000001")

    job = start_upload(
        campaign=tour,
        file=io.BytesIO(data),
        file_name="used.csv",
        size=len(data),
        actor=SUPREME,
        now=timezone.now(),
        kind=Upload.Kind.REDEEMED,
    )
    jobs.run("codes.upload", str(job.pk))

    job.refresh_from_db()
    assert (job.status, job.added, job.already_there, job.refused) == ("finished", 2, 1, 2)
    assert job.shape["never_given"] == 1
    assert [line["line"] for line in job.refused_lines] == [3, 4]
    assert inventory.verify([tour]) == []
