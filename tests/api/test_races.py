"""Many at once, by REST."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from campaigns.models import Campaign
from codes.models import Assignment
from entries.models import Entry
from tests import scenario
from tests.api.calling import Answer, Api, signed_in
from viewers.models import Staff
from waves.models import Selection

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 12


def at_once(call: Callable[[], Answer]) -> list[Answer]:
    """Do the same from several threads at one moment."""
    barrier = Barrier(THREADS)

    def wait_and_call(_number: int) -> Answer:
        try:
            barrier.wait(timeout=20)
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(wait_and_call, range(THREADS)))


def test_a_fan_who_registers_many_times_at_once_has_one_entry(tour: Campaign) -> None:
    form = {"email": "ada@example.com", "name": "Ada", "choices": ["CA-LAX"]}

    answers = at_once(lambda: Api().post("campaigns/aurora/entries/", form))

    assert [(answer.status, answer.body) for answer in answers] == [(202, {"status": "check_your_mail"})] * THREADS
    assert Entry.objects.count() == 1


def test_of_many_triggers_at_once_one_counts(tour: Campaign, supreme: Staff) -> None:
    scenario.register_fan(tour, "Ada", ["CA-LAX"])
    scenario.upload_codes(tour, "CA-LAX", 3)
    wave = scenario.prepare_wave(scenario.make_wave(tour))

    answers = at_once(lambda: signed_in(supreme).post(f"waves/{wave.pk}/trigger/"))

    assert Counter(answer.status for answer in answers) == {202: 1, 409: THREADS - 1}
    assert {answer.body["code"] for answer in answers if answer.status == 409} == {"cannot_trigger"}
    assert (Selection.objects.count(), Assignment.objects.count()) == (1, 1)
