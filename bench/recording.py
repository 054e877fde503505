"""Writing an audit event, against a plain insert of the same row into a table without the trail's rules."""

import time

from django.db import connection, models
from django.utils import timezone

from bench.rows import Row, compare
from campaigns.models import Locale
from core import audit
from viewers.viewer import WORKER

EVENTS = 2_000
CHANGES = {"status": ["processing", "triggered"], "placed": [None, 1_500_000]}


class PlainEvent(models.Model):
    """The columns and the indexes of an audit event, and nothing beside them: no trigger, no queue, no rules."""

    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=64)
    actor_label = models.CharField(max_length=150)
    on_behalf_of = models.CharField(max_length=200)
    action = models.CharField(max_length=80)
    campaign_id = models.BigIntegerField(null=True)
    target_type = models.CharField(max_length=60)
    target_id = models.CharField(max_length=64)
    changes = models.JSONField()
    reason = models.TextField()
    request_id = models.CharField(max_length=64)

    class Meta:
        app_label = "bench"
        managed = False
        db_table = "bench_event"

    def __str__(self) -> str:
        return self.action


def measure() -> list[Row]:
    """One row."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_event (LIKE core_auditevent INCLUDING IDENTITY INCLUDING INDEXES)")
    write_events(100)
    write_plain_rows(100)
    row = compare(
        "writing an audit event",
        unit="event",
        goal=1.5,
        ours=lambda: write_events(EVENTS),
        reference=lambda: write_plain_rows(EVENTS),
    )
    return [row]


def write_events(count: int) -> float:
    """Write so many events, each in a transaction of its own, and give the seconds an event."""
    target = Locale(code="en_US")
    now = timezone.now()
    start = time.perf_counter()
    for number in range(count):
        audit.record(actor=WORKER, action="bench.write", target=target, campaign_id=number, changes=CHANGES, now=now)
    return (time.perf_counter() - start) / count


def write_plain_rows(count: int) -> float:
    """The same rows, in the same way, without the trail."""
    now = timezone.now()
    start = time.perf_counter()
    for number in range(count):
        PlainEvent._default_manager.create(
            at=now,
            actor_kind="worker",
            actor_id="",
            actor_label="a worker",
            on_behalf_of="",
            action="bench.write",
            campaign_id=number,
            target_type="campaigns.locale",
            target_id="en_US",
            changes=CHANGES,
            reason="",
            request_id="",
        )
    return (time.perf_counter() - start) / count
