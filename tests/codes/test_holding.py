"""Codes that are kept back, given back, exchanged in a hold and revoked."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone

from campaigns.models import Campaign
from codes import holding, inventory, ranges
from codes.holding import CannotAssign, CannotExtend, CannotHold, CannotRelease, CannotReplace, CannotRevoke, NoSuchCode
from codes.models import Code, CodeRange, Hold, Pool
from core.models import AuditEvent
from core.refusal import NotAllowed
from tests.scenario import SUPREME, open_tour, upload_codes
from viewers.viewer import ANONYMOUS

pytestmark = pytest.mark.django_db(transaction=True)
SOON = timedelta(days=2)


@pytest.fixture
def stocked() -> Campaign:
    """The tour with ten codes for Los Angeles, in two files, and three for the first date of Phoenix."""
    tour = open_tour()
    upload_codes(tour, "CA-LAX", 6)
    upload_codes(tour, "CA-LAX", 4, prefix="MORE")
    upload_codes(tour, "AZ-PHX", 3, event="AZ-PHX-1")
    return tour


def pool(campaign: Campaign, market: str) -> Pool:
    """The market's only pool."""
    return campaign.pools.get(market__code=market)


def keep_back(campaign: Campaign, parts: dict[int, int] | None) -> Hold:
    """Keep codes back for two days."""
    now = timezone.now()
    return holding.keep_back(
        campaign=campaign,
        code_type="presale",
        purpose="the sponsor",
        parts=parts,
        expires_at=now + SOON,
        actor=SUPREME,
        now=now,
    )


def for_wave(campaign: Campaign) -> Hold:
    """What a wave takes: everything that is free."""
    return holding.hold_codes(campaign=campaign, code_type="presale", purpose="a wave", now=timezone.now())


def counts() -> tuple[int, ...]:
    """Available, reserved, assigned, revoked."""
    return tuple(inventory.counts(CodeRange.objects.all()).values())


def first_code(campaign: Campaign, market: str) -> int:
    """The first code of a market's pool."""
    return Code.objects.filter(pk__gt=pool(campaign, market).pk << 32).order_by("pk").values_list("pk", flat=True)[0]


def test_a_stated_part_of_each_pool_is_kept_back(stocked: Campaign) -> None:
    held = keep_back(stocked, {pool(stocked, "CA-LAX").pk: 8, pool(stocked, "AZ-PHX").pk: 1})

    assert counts() == (4, 9, 0, 0)
    assert holding.size_of(held) == 9
    assert inventory.verify([stocked]) == []
    assert AuditEvent.objects.get(action="codes.keep_back").changes["codes"] == [0, 9]


def test_a_pool_with_too_few_codes_is_named_and_nothing_is_taken(stocked: Campaign) -> None:
    with pytest.raises(CannotHold, match="3 free codes, not 4"):
        keep_back(stocked, {pool(stocked, "CA-LAX").pk: 1, pool(stocked, "AZ-PHX").pk: 4})

    assert counts() == (13, 0, 0, 0)
    assert not Hold.objects.exists()


@pytest.mark.parametrize("parts", [{}, {0: 1}, {"LAX": -1}])
def test_a_part_that_is_none_is_refused(stocked: Campaign, parts: dict[object, int]) -> None:
    keys = {pool(stocked, "CA-LAX").pk if key == "LAX" else int(str(key)): count for key, count in parts.items()}

    with pytest.raises(CannotHold):
        keep_back(stocked, keys)


def test_another_pool_of_the_same_campaign_stays_free_for_a_wave(stocked: Campaign) -> None:
    keep_back(stocked, {pool(stocked, "AZ-PHX").pk: 3})

    wave = for_wave(stocked)

    assert holding.size_of(wave) == 10


def test_what_is_kept_back_has_an_expiry_within_ninety_days(stocked: Campaign) -> None:
    now = timezone.now()
    for expires_at in (None, now, now - SOON, now + timedelta(days=91)):
        with pytest.raises(CannotHold):
            holding.hold_codes(
                campaign=stocked, code_type="presale", purpose="x", now=now, kind="reserve", expires_at=expires_at
            )

    with pytest.raises(CannotHold, match="does not expire"):
        holding.hold_codes(campaign=stocked, code_type="presale", purpose="x", now=now, expires_at=now + SOON)


def test_the_clock_gives_back_what_has_expired_once(stocked: Campaign) -> None:
    held = keep_back(stocked, None)
    now = timezone.now()

    assert holding.release_expired(now) == 0
    assert holding.release_expired(now + SOON) == 1
    assert holding.release_expired(now + SOON) == 0

    held.refresh_from_db()
    assert held.status == Hold.Status.RELEASED
    assert counts() == (13, 0, 0, 0)
    assert AuditEvent.objects.get(action="codes.release").actor_kind == "clock"


def test_two_clocks_at_once_give_it_back_once(stocked: Campaign) -> None:
    keep_back(stocked, None)
    barrier, later = Barrier(4), timezone.now() + SOON

    def tick(_: int) -> int:
        barrier.wait()
        try:
            return holding.release_expired(later)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(tick, range(4))) == 1
    assert AuditEvent.objects.filter(action="codes.release").count() == 1


def test_it_can_be_kept_for_longer_and_not_for_shorter(stocked: Campaign) -> None:
    held, now = keep_back(stocked, None), timezone.now()

    held = holding.extend(hold=held, expires_at=now + 2 * SOON, actor=SUPREME, now=now)
    for expires_at in (now + SOON, now + timedelta(days=91)):
        with pytest.raises(CannotExtend):
            holding.extend(hold=held, expires_at=expires_at, actor=SUPREME, now=now)

    assert holding.release_expired(now + SOON) == 0
    assert counts() == (0, 13, 0, 0)


def test_a_release_leaves_one_range_a_file_again(stocked: Campaign) -> None:
    before = CodeRange.objects.count()
    for count in (1, 5, 2):
        keep_back(stocked, {pool(stocked, "CA-LAX").pk: count})

    for held in Hold.objects.order_by("-pk"):
        holding.give_back(hold=held, actor=SUPREME, now=timezone.now())

    assert CodeRange.objects.count() == before
    assert inventory.verify([stocked]) == []


def test_what_went_back_does_not_go_back_again(stocked: Campaign) -> None:
    held = keep_back(stocked, None)
    holding.give_back(hold=held, actor=SUPREME, now=timezone.now())

    with pytest.raises(CannotRelease):
        holding.give_back(hold=held, actor=SUPREME, now=timezone.now())
    with pytest.raises(CannotExtend):
        holding.extend(hold=held, expires_at=timezone.now() + 2 * SOON, actor=SUPREME, now=timezone.now())


def test_a_waves_codes_are_not_given_back_by_hand(stocked: Campaign) -> None:
    with pytest.raises(CannotRelease, match="abandoned"):
        holding.give_back(hold=for_wave(stocked), actor=SUPREME, now=timezone.now())


def test_only_a_waves_codes_are_assigned_and_only_once(stocked: Campaign) -> None:
    reserve, wave = keep_back(stocked, {pool(stocked, "CA-LAX").pk: 1}), for_wave(stocked)

    holding.assign(hold=wave)

    for hold in (wave, reserve):
        with pytest.raises(CannotAssign):
            holding.assign(hold=hold)
    assert counts() == (0, 1, 12, 0)


def test_a_revoked_code_is_never_held_kept_or_given_back(stocked: Campaign) -> None:
    code = first_code(stocked, "CA-LAX")
    holding.revoke_code(code_id=code, reason="printed wrong", actor=SUPREME, now=timezone.now())

    held = for_wave(stocked)
    market = stocked.markets.get(code="CA-LAX")
    holding.keep_first(hold=held, keep={(market.pk, None): 9})
    holding.release(hold=held, actor=SUPREME, now=timezone.now())

    assert counts() == (12, 0, 0, 1)
    assert CodeRange.objects.get(is_revoked=True).first == code


def test_a_code_that_was_revoked_in_a_hold_stays_revoked_after_its_release(stocked: Campaign) -> None:
    held = keep_back(stocked, None)
    holding.revoke_code(code_id=first_code(stocked, "CA-LAX"), reason="leaked", actor=SUPREME, now=timezone.now())
    assert holding.size_of(held) == 12

    holding.give_back(hold=held, actor=SUPREME, now=timezone.now())

    assert counts() == (12, 0, 0, 1)
    assert inventory.verify([stocked]) == []


def test_before_the_trigger_a_code_is_replaced_and_not_revoked(stocked: Campaign) -> None:
    keep_back(stocked, {pool(stocked, "CA-LAX").pk: 2})
    held = for_wave(stocked)
    first = held.ranges.order_by("first")[0].first
    with pytest.raises(CannotRevoke, match="replace it instead"):
        holding.revoke_code(code_id=first, reason="printed wrong", actor=SUPREME, now=timezone.now())
    with pytest.raises(CannotReplace, match="no free code"):
        holding.swap(code_id=first, reason="printed wrong", actor=SUPREME, now=timezone.now())
    holding.give_back(hold=Hold.objects.get(kind="reserve"), actor=SUPREME, now=timezone.now())

    new = holding.swap(code_id=first, reason="printed wrong", actor=SUPREME, now=timezone.now())

    assert holding.range_of(new).hold == held
    assert holding.range_of(first).is_revoked
    assert holding.size_of(held) == 11
    assert counts() == (1, 11, 0, 1)
    assert inventory.verify([stocked]) == []
    event = AuditEvent.objects.get(action="codes.swap")
    assert (event.changes, event.reason) == ({"replaced": [0, 1]}, "printed wrong")


def test_a_code_in_no_hold_is_not_replaced_and_a_fans_is_not_revoked(stocked: Campaign) -> None:
    code = first_code(stocked, "CA-LAX")
    with pytest.raises(CannotReplace):
        holding.swap(code_id=code, reason="x", actor=SUPREME, now=timezone.now())
    holding.assign(hold=for_wave(stocked))

    with pytest.raises(CannotRevoke, match="A fan has this code"):
        holding.revoke_code(code_id=code, reason="x", actor=SUPREME, now=timezone.now())
    with pytest.raises(CannotReplace):
        holding.swap(code_id=code, reason="x", actor=SUPREME, now=timezone.now())


def test_nothing_happens_without_a_reason_a_purpose_or_the_right(stocked: Campaign) -> None:
    code, now = first_code(stocked, "CA-LAX"), timezone.now()

    with pytest.raises(CannotRevoke):
        holding.revoke_code(code_id=code, reason=" ", actor=SUPREME, now=now)
    with pytest.raises(NotAllowed):
        holding.revoke_code(code_id=code, reason="x", actor=ANONYMOUS, now=now)
    with pytest.raises(CannotHold):
        holding.keep_back(
            campaign=stocked,
            code_type="presale",
            purpose=" ",
            parts=None,
            expires_at=now + SOON,
            actor=SUPREME,
            now=now,
        )
    assert counts() == (13, 0, 0, 0)


def test_a_revocation_of_many_codes_takes_few_statements(
    stocked: Campaign, django_assert_max_num_queries: object
) -> None:
    codes = list(Code.objects.order_by("pk").values_list("pk", flat=True))[::2]

    with django_assert_max_num_queries(8):  # type: ignore[operator]  # pytest-django's fixture.
        assert ranges.revoke(codes) == 7

    assert counts() == (6, 0, 0, 7)
    assert inventory.verify([stocked]) == []


def test_a_code_that_there_is_not_is_not_revoked(stocked: Campaign) -> None:
    with pytest.raises(LookupError):
        ranges.revoke([first_code(stocked, "CA-LAX"), 7])

    assert counts() == (13, 0, 0, 0)


def test_a_code_whose_upload_was_undone_meanwhile_is_refused_in_words(stocked: Campaign) -> None:
    gone = first_code(stocked, "CA-LAX") + 1_000

    for operation in (holding.swap, holding.revoke_code):
        with pytest.raises(NoSuchCode, match="undone"):
            operation(code_id=gone, reason="x", actor=SUPREME, now=timezone.now())
