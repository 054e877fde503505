"""The same wave triggered at once from the admin and by REST: one wave, one code a fan."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from campaigns import lifecycle
from codes import inventory
from codes.models import Assignment, CodeRange
from core.models import AuditEvent
from entries.models import Message
from tests import scenario
from tests.scenario import SUPREME, make_wave, prepare_wave, upload_codes
from viewers.models import Staff
from waves.models import Selection, Wave


@pytest.fixture
def supreme(transactional_db: None) -> Staff:
    """Sue, who may do everything."""
    return Staff.objects.create_superuser("sue", "sue@monoql.example", "correct horse")


def test_six_presses_on_each_face_trigger_once(supreme: Staff) -> None:
    campaign = scenario.open_tour()
    scenario.many_fans(campaign, 60)
    upload_codes(campaign, "CA-LAX", 20)
    lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now())
    wave = prepare_wave(make_wave(campaign))
    barrier = Barrier(12, timeout=60)

    def press(number: int) -> tuple[str, int]:
        client = Client()
        try:
            client.force_login(supreme)
            barrier.wait()
            if number % 2:
                answer = client.post(f"/api/v1/waves/{wave.pk}/trigger/", content_type="application/json")
                return "rest", answer.status_code
            page = client.post(f"/admin/waves/wave/{wave.pk}/trigger/", {"typed_name": campaign.name})
            return "admin", page.status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(press, range(12)))
    scenario.run_jobs()

    # The admin redirects to the wave's page in any case; REST says 202 to the first and 409 to the others.
    assert {status for face, status in answers if face == "admin"} == {302}
    rest = [status for face, status in answers if face == "rest"]
    assert rest.count(202) <= 1
    assert set(rest) <= {202, 409}
    assert Selection.objects.count() == AuditEvent.objects.filter(action="wave.trigger").count() == 1
    assert Wave.objects.get(pk=wave.pk).status == Wave.Status.COMPLETED
    assert inventory.counts(CodeRange.objects.all())["assigned"] == Assignment.objects.count() == 20
    assert Message.objects.filter(wave_id=wave.pk, status="sent").count() == 20
