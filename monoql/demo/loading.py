"""Invented fans on their way into the database: what registration would compute for each, then COPY."""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from json import dumps

from django.db import connection, transaction

from campaigns import secrets
from campaigns.models import Campaign
from core.bulk import copy_into
from entries.identifiers import fan_key, person_key, ref_of
from entries.models import ScoreRun
from monoql.demo.fans import Crowd, Fan, fans

AT_ONCE = 20_000
SCORE_SOURCE = "demo"
_COLUMNS = [
    "id",
    "campaign_id",
    "ref",
    "identifier",
    "email",
    "person_key",
    "name",
    "phone",
    "locale_id",
    "answers",
    "choices",
    "email_confirmed_at",
    "gates_failed",
    "withdrawn_at",
    "blocked_at",
    "created_at",
    "updated_at",
]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load has put in."""

    entries: int
    confirmed: int


def load_fans(
    *,
    campaign: Campaign,
    crowd: Crowd,
    numbers: tuple[int, ...],
    now: datetime,
    progress: Callable[[int], None],
) -> Loaded:
    """COPY a crowd into the campaign's entries, with one current score run, all or nothing.

    ``numbers`` are the market numbers in the order of the tour. ``progress`` is told how many are in so far.
    """
    writer = _RowWriter(campaign, crowd, numbers)
    total = confirmed = 0
    with transaction.atomic():
        run = ScoreRun.objects.create(campaign=campaign, source=SCORE_SOURCE, is_current=True, created_at=now)
        for group in batched(fans(crowd), AT_ONCE):
            ids = _new_entry_ids(len(group))
            with copy_into("entries_entry", _COLUMNS) as copy:
                for rows in batched(zip(ids, group, strict=True), 500):
                    copy.write("".join([writer.row(pk, fan) for pk, fan in rows]))
            with copy_into("entries_score", ["run_id", "entry_id", "score"]) as copy:
                copy.write("".join(_score_rows(run.pk, ids, group)))
            total += len(group)
            confirmed += sum(fan.confirmed is not None for fan in group)
            progress(total)
    return Loaded(entries=total, confirmed=confirmed)


def _new_entry_ids(count: int) -> "array[int]":
    """Take ids from the table's own sequence, so that a fan who registers meanwhile gets another one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('entries_entry', 'id')) FROM generate_series(1, %s)",
            [count],
        )
        return array("q", [row[0] for row in cursor.fetchall()])


def _score_rows(run: int, ids: "array[int]", group: tuple[Fan, ...]) -> Iterator[str]:
    for pk, fan in zip(ids, group, strict=True):
        if fan.score is not None:
            yield f"{run}\t{pk}\t{fan.score}\n"


class _RowWriter:
    """Writes fans as lines of COPY's text format. No name, address or answer of the demo needs an escape."""

    def __init__(self, campaign: Campaign, crowd: Crowd, numbers: tuple[int, ...]) -> None:
        self.campaign_id = campaign.pk
        self.salt = secrets.salt_of(campaign)
        self.open_at = crowd.period.open_at
        self.numbers = numbers

    def row(self, pk: int, fan: Fan) -> str:
        """One entry as registration would have made it."""
        person = fan.person
        identifier = person.address.identifier
        key = fan_key(salt=self.salt, identifier=identifier)
        ref = ref_of(fan_key=key, identifier=identifier)
        choices = ",".join([str(self.numbers[choice]) for choice in fan.choices])
        came = self._moment(fan.came)
        confirmed = r"\N" if fan.confirmed is None else self._moment(fan.confirmed)
        later = confirmed if fan.confirmed is not None else came
        return (
            f"{pk}\t{self.campaign_id}\t{ref}\t{identifier}\t{identifier}\t\\\\x{person_key(identifier).hex()}\t"
            f"{person.name}\t{person.phone}\t{person.locale}\t{_answers(fan)}\t{{{choices}}}\t{confirmed}\tf\t"
            f"{later if fan.is_withdrawn else r'\N'}\t{later if fan.is_blocked else r'\N'}\t{came}\t{came}\n"
        )

    def _moment(self, microseconds: int) -> str:
        return (self.open_at + timedelta(microseconds=microseconds)).isoformat()


def _answers(fan: Fan) -> str:
    answers: dict[str, object] = {"age_16": True, "tickets": fan.tickets, "heard_from": fan.source}
    if fan.person.postal_code and fan.tickets != 1:
        answers["postal_code"] = fan.person.postal_code
    if fan.may_be_written_to:
        answers["promoter_may_write"] = True
    return dumps(answers)
