"""Taking an upload back: all of it, once, and only while nobody has or holds any of its codes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone

from campaigns.models import Campaign
from codes import holding, inventory, ranges
from codes.models import Code, CodeRange, Hold, Pool, Redemption, Upload
from codes.undoing import CannotUndo, undo_upload
from core.models import AuditEvent
from tests.codes.test_upload import LAX, bring, codes_by_place, draft, is_right, pool_of
from tests.scenario import SUPREME

pytestmark = pytest.mark.django_db(transaction=True)
FILE = b"code,market,event\nA1,CA-LAX,\nA2,CA-LAX,\nB1,AZ-PHX,AZ-PHX-1\n"


def undo(upload: Upload) -> int:
    """Take it back."""
    return undo_upload(upload=upload, actor=SUPREME, now=timezone.now(), reason="the wrong file")


def test_an_upload_is_taken_back_and_comes_again(tour: Campaign) -> None:
    before = bring(tour, b"A0\n", pool=pool_of(tour, *LAX))
    job = bring(tour, FILE)

    assert undo(job) == 3

    assert codes_by_place() == {LAX: ["A0"]}
    assert (job.undone_by, job.added) == (SUPREME.label, 3)
    assert set(Pool.objects.values_list("size", "last_number")) == {(1, 3), (0, 1)}
    assert is_right(tour)
    again = bring(tour, FILE)
    assert (again.added, again.already_there) == (3, 0)
    assert [code & 0xFFFFFFFF for code in Code.objects.filter(value__startswith="A").values_list("pk", flat=True)] == [
        1,
        4,
        5,
    ]
    assert is_right(tour)
    assert before.undone_at is None
    event = AuditEvent.objects.get(action="codes.undo")
    assert (event.changes["removed"], event.reason) == ([0, 3], "the wrong file")


def held(tour: Campaign, job: Upload) -> None:
    """A wave holds its codes."""
    holding.hold_codes(campaign=tour, code_type="presale", purpose="test", now=timezone.now())


def given(tour: Campaign, job: Upload) -> None:
    """They are given."""
    held(tour, job)
    Hold.objects.update(status=Hold.Status.ASSIGNED)


def revoked(tour: Campaign, job: Upload) -> None:
    """One is revoked."""
    ranges.revoke([Code.objects.order_by("pk").values_list("pk", flat=True)[0]])


def used(tour: Campaign, job: Upload) -> None:
    """One was used."""
    code = Code.objects.order_by("pk")[0]
    Redemption.objects.create(code=code, redeemed_at=timezone.now(), reported_at=timezone.now())
    Pool.objects.filter(pk=code.pk >> 32).update(redeemed=1)


@pytest.mark.parametrize(
    ("happens", "words"),
    [
        (held, "3 of its codes are held"),
        (given, "3 of its codes are given to fans"),
        (revoked, "1 of its codes are revoked"),
        (used, "1 of its codes were used"),
    ],
)
def test_an_upload_stays_once_something_happened_to_a_code(
    tour: Campaign, happens: Callable[[Campaign, Upload], None], words: str
) -> None:
    job = bring(tour, FILE)
    happens(tour, job)

    with pytest.raises(CannotUndo, match=words):
        undo(job)

    assert Code.objects.count() == 3
    assert sum(inventory.counts(job.ranges.all()).values()) == 3


def test_codes_that_a_hold_gave_back_can_go(tour: Campaign) -> None:
    job = bring(tour, FILE)
    hold = holding.hold_codes(campaign=tour, code_type="presale", purpose="test", now=timezone.now())
    holding.release(hold=hold, actor=SUPREME, now=timezone.now())

    assert undo(job) == 3


def test_what_added_nothing_cannot_be_undone(tour: Campaign) -> None:
    bring(tour, FILE)
    again = bring(tour, FILE)
    waiting = draft(tour, b"code,market\nX1,CA-LAX\n")

    with pytest.raises(CannotUndo, match="nothing to undo"):
        undo(again)
    with pytest.raises(CannotUndo, match="waiting"):
        undo(waiting)


def at_once(tour: Campaign, *deeds: Callable[[], object]) -> list[str]:
    """Do several things at the same moment; give what each came to."""
    barrier = Barrier(len(deeds))

    def run(deed: Callable[[], object]) -> str:
        try:
            barrier.wait()
            deed()
        except (CannotUndo, holding.CannotHold) as refusal:
            return refusal.message
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(run, deeds))


def test_of_two_who_press_at_once_one_undoes_and_the_other_is_told(tour: Campaign) -> None:
    job = bring(tour, FILE)

    said = at_once(tour, lambda: undo(Upload.objects.get(pk=job.pk)), lambda: undo(Upload.objects.get(pk=job.pk)))

    assert sorted(said) == ["This upload was undone already, by the scenario.", "done"]
    assert AuditEvent.objects.filter(action="codes.undo").count() == 1
    assert is_right(tour)


def test_an_undo_and_a_hold_at_once_never_both_have_the_codes(tour: Campaign) -> None:
    outcomes = set()
    for number in range(6):
        job = bring(tour, FILE.replace(b"1,", f"1-{number},".encode()).replace(b"2,", f"2-{number},".encode()))

        said = at_once(
            tour,
            lambda job=job: undo(job),  # type: ignore[misc]  # Bound in this round.
            lambda: holding.hold_codes(campaign=tour, code_type="presale", purpose="test", now=timezone.now()),
        )

        kept = CodeRange.objects.filter(upload=job, hold__isnull=False).count()
        outcomes.add(said[0] == "done")
        assert (said[0] == "done") == (kept == 0)
        assert is_right(tour)
        for hold in Hold.objects.filter(status=Hold.Status.HELD):
            holding.release(hold=hold, actor=SUPREME, now=timezone.now())
    assert outcomes


def test_an_undo_and_the_same_file_at_once_leave_all_of_it_or_none(tour: Campaign) -> None:
    job = bring(tour, FILE)

    at_once(tour, lambda: undo(job), lambda: bring(tour, FILE))

    assert Code.objects.count() in (0, 3)
    assert is_right(tour)
