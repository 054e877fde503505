"""Gates at the freeze: whoever failed or is still pending is excluded, and after the first freeze nobody is asked."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from campaigns.models import Campaign, Gate
from entries.gates import ask_again
from entries.models import Entry, GateAnswer
from tests import scenario
from tests.scenario import make_wave, prepare_wave, register_fan, upload_codes
from waves.models import Wave
from waves.selection import trigger

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def prepared() -> tuple[Campaign, Wave]:
    """A wave of Ada who passes, and of pending+Pia whose gate could not say."""
    campaign = scenario.open_tour()
    Gate.objects.create(campaign=campaign, kind="card_type", provider="sandbox")
    register_fan(campaign, "Ada", ["CA-LAX"])
    register_fan(campaign, "pending+Pia", ["CA-LAX"])
    upload_codes(campaign, "CA-LAX", 5)
    return campaign, prepare_wave(make_wave(campaign))


def test_pending_at_the_freeze_counts_as_failed_and_reads_excluded(
    prepared: tuple[Campaign, Wave], tmp_path: Path
) -> None:
    _campaign, wave = prepared
    pia = Entry.objects.get(email__startswith="pending+")

    trigger(wave=wave, actor=scenario.SUPREME, now=timezone.now())
    folder = scenario.bundle_of(wave, tmp_path)

    assert wave.draw.reasons == {"gate_failed": 1}
    assert wave.draw.eligible == 1
    lines = (folder / "snapshot.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in lines if line.startswith(pia.ref)] == ["excluded"]


def test_after_the_first_freeze_the_tick_asks_no_gate(prepared: tuple[Campaign, Wave]) -> None:
    ask_again(timezone.now() + timedelta(days=1))

    said = GateAnswer.objects.get(answer="cannot_say")
    assert (said.attempts, said.ask_after) == (1, None)
    assert Entry.objects.get(email__startswith="pending+").gates_pending
