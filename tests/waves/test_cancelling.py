"""Cancelling a preparation: before the freeze everything goes back, after it nothing that was frozen changes."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign
from codes import inventory
from core import jobs
from core.jobs import CannotCancel, LostLease
from core.models import AuditEvent
from core.refusal import NotAllowed
from entries.models import Entry
from tests import scenario
from tests.locks import is_waited_for
from tests.processes import wait_until
from tests.scenario import SUPREME, make_wave, prepare_wave
from viewers.models import Staff
from viewers.viewer import viewer_of_staff
from waves import preparation
from waves.models import Draw, Wave, WavePrep
from waves.preparation import BadPublicValue, Options, start_preparation

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tour() -> Campaign:
    """The tour, closed, with a few fans and codes."""
    campaign = scenario.open_tour()
    scenario.many_fans(campaign, 20)
    scenario.upload_codes(campaign, "CA-LAX", 6)
    return lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now())


def started(wave: Wave, **options: object) -> WavePrep:
    """A preparation that waits for a worker."""
    return start_preparation(
        wave=wave,
        options=Options(**options),  # type: ignore[arg-type]  # As the tests say.
        actor=SUPREME,
        now=timezone.now(),
    )


def cancel(wave: Wave) -> Wave:
    """Cancel its preparation."""
    return preparation.cancel(wave=wave, actor=SUPREME, now=timezone.now())


def test_before_the_freeze_codes_go_back_and_other_rules_may_be_chosen(tour: Campaign) -> None:
    wave = make_wave(tour)
    claim = jobs.claim(WavePrep, started(wave).pk)
    assert claim is not None
    preparation._hold(claim)
    held = inventory.counts_of(tour)["reserved"]

    wave = cancel(wave)
    after = inventory.counts_of(tour)
    with pytest.raises(LostLease):
        claim.write(phase="freezing")
    again = prepare_wave(wave, Options(ranking=()))

    assert held == after["available"] == 6
    assert (wave.status, wave.prep.status) == ("scheduled", "cancelled")
    assert b'"ranking": []' in bytes(again.draw.rules)
    assert AuditEvent.objects.filter(action="wave.cancel").count() == 1


def test_after_the_freeze_it_goes_on_with_the_same_rules_entries_and_key(tour: Campaign) -> None:
    wave = prepare_wave(make_wave(tour), Options(public_source="a paper"))
    before = Draw.objects.values("number", "rules_sha256", "snapshot_sha256", "root").get()
    preparation.enter_public_value(wave=wave, value="x", actor=SUPREME, now=timezone.now())

    wave = cancel(wave)
    Entry.objects.update(blocked_at=timezone.now())
    held = inventory.counts_of(tour)["reserved"]
    again = prepare_wave(wave, Options(ranking=(), score_min=99, public_source="another"))

    assert held == 6
    assert (again.status, again.prep.status) == ("processing", "finished")
    assert Draw.objects.values("number", "rules_sha256", "snapshot_sha256", "root").get() == before
    assert again.draw.placed == 6


def test_there_is_nothing_to_cancel_unless_something_is_under_way(tour: Campaign) -> None:
    wave = make_wave(tour)

    with pytest.raises(CannotCancel):
        cancel(wave)
    prepare_wave(wave)
    with pytest.raises(CannotCancel, match="A prepared wave is abandoned"):
        cancel(wave)


def test_two_who_cancel_one_after_the_other_cancel_once(tour: Campaign) -> None:
    wave = make_wave(tour)
    started(wave)

    cancel(wave)
    with pytest.raises(CannotCancel):
        cancel(wave)

    assert AuditEvent.objects.filter(action="wave.cancel").count() == 1


def test_a_cancel_that_was_cut_off_halfway_can_be_repeated(tour: Campaign) -> None:
    wave = make_wave(tour)
    started(wave)
    WavePrep.objects.update(status="cancelled", finished_at=timezone.now())

    assert cancel(wave).status == "scheduled"


def test_no_public_value_is_taken_while_nothing_is_under_way(tour: Campaign) -> None:
    wave = prepare_wave(make_wave(tour), Options(public_source="a paper"))
    Wave.objects.update(status="scheduled")

    with pytest.raises(BadPublicValue):
        preparation.enter_public_value(wave=wave, value="x", actor=SUPREME, now=timezone.now())
    assert Draw.objects.get().public_value is None


def test_who_may_not_run_waves_cancels_none(tour: Campaign) -> None:
    wave = make_wave(tour)
    started(wave)
    nobody = viewer_of_staff(Staff.objects.create_user("carl", "carl@monoql.example", "x"))

    with pytest.raises(NotAllowed):
        preparation.cancel(wave=wave, actor=nobody, now=timezone.now())


def test_a_cancel_and_a_failing_preparation_wait_in_no_circle(tour: Campaign) -> None:
    wave = make_wave(tour)
    prep = started(wave)
    WavePrep.objects.filter(pk=prep.pk).update(audience="waitlisted:2020-01-01T10:00")

    def fail() -> bool:
        try:
            return jobs.run("waves.waveprep", str(prep.pk))
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Wave.objects.select_for_update().get(pk=wave.pk)
            failing = pool.submit(fail)
            wait_until(is_waited_for, seconds=10, what="the other one waits")
            cancel(wave)

        assert failing.result(timeout=10)
    prep.refresh_from_db()
    assert prep.status == WavePrep.Status.CANCELLED
    assert inventory.counts_of(tour)["reserved"] == 0
