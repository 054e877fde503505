"""The recount: it finds nothing where nothing is wrong, and names each thing that is."""

import io
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from campaigns.models import Campaign
from codes import inventory
from codes.models import Assignment, Code, CodeRange, FormerAssignment, Hold, Pool, Redemption, Upload
from tests.scenario import SUPREME, make_wave, open_tour, prepare_wave, register_fan, upload_codes
from waves import by_hand, selection

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tour() -> Campaign:
    """Codes in every state: Ada's from a wave, Ben's taken back, Cleo's given and replaced, others free."""
    campaign = open_tour()
    upload_codes(campaign, "CA-LAX", 10)
    for name in ("Ada", "Ben"):
        register_fan(campaign, name, ["CA-LAX"])
    cleo = register_fan(campaign, "Cleo", ["AZ-PHX"])
    selection.trigger(wave=prepare_wave(make_wave(campaign)), actor=SUPREME, now=timezone.now())
    by_hand.take_back(assignment=Assignment.objects.order_by("-pk")[0], reason="x", actor=SUPREME, now=timezone.now())
    given = by_hand.give(entry=cleo, pool=campaign.pools.get(), reason="x", actor=SUPREME, now=timezone.now())
    by_hand.replace(assignment=given, reason="x", actor=SUPREME, now=timezone.now())
    return campaign


def words(campaign: Campaign) -> str:
    """What the recount names, in one text."""
    return "; ".join(deviation.what for deviation in inventory.verify([campaign]))


def test_a_sound_inventory_has_no_deviation(tour: Campaign) -> None:
    out = io.StringIO()
    call_command("verify_inventory", campaign=tour.domain, stdout=out)

    assert inventory.verify([tour]) == []
    assert out.getvalue() == "Every pool adds up: 6 available, 0 reserved, 2 assigned, 2 revoked\n"


def test_the_command_names_deviations_and_ends_with_an_error(tour: Campaign) -> None:
    Pool.objects.update(size=9)
    err = io.StringIO()

    with pytest.raises(CommandError, match="deviates"):
        call_command("verify_inventory", stderr=err)

    assert "codes: 10 instead of 9" in err.getvalue()


def test_the_command_knows_its_campaigns(tour: Campaign) -> None:
    with pytest.raises(CommandError, match="no campaign"):
        call_command("verify_inventory", "nowhere")


def last_free() -> CodeRange:
    """The free codes."""
    return CodeRange.objects.filter(hold=None, is_revoked=False).order_by("-first")[0]


def lose_a_row() -> None:
    Code.objects.filter(pk=last_free().last).delete()


def lose_a_range() -> None:
    last_free().delete()


def free_what_is_assigned() -> None:
    CodeRange.objects.filter(hold__kind="wave", is_revoked=False).update(hold=None)


def lose_an_assignment() -> None:
    Assignment.objects.filter(hold__kind="wave", voided="").delete()


def revoke_what_a_fan_has() -> None:
    CodeRange.objects.filter(hold__kind="wave", is_revoked=False).update(is_revoked=True)


def bring_a_replaced_code_back() -> None:
    former = FormerAssignment.objects.get()
    CodeRange.objects.filter(first__lte=former.code_id, last__gte=former.code_id).update(is_revoked=False, hold=None)


def release_in_the_row_alone() -> None:
    Hold.objects.filter(kind="wave").update(status="released")


def redeem_without_counting() -> None:
    now = timezone.now()
    Redemption.objects.create(code_id=last_free().last, redeemed_at=now, reported_at=now)


def redeem_what_there_is_not() -> None:
    now = timezone.now()
    Redemption.objects.create(code_id=last_free().last + 99, redeemed_at=now, reported_at=now)


def count_an_upload_wrong() -> None:
    Upload.objects.update(added=11)


def move_an_assignment() -> None:
    Assignment.objects.filter(voided="").update(market=Campaign.objects.get().markets.get(code="AZ-PHX"))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lose_a_row, "codes"),
        (lose_a_range, "codes in ranges"),
        (free_what_is_assigned, "assigned codes in its ranges"),
        (lose_an_assignment, "assignments in force"),
        (revoke_what_a_fan_has, "revoked: assignments in force"),
        (bring_a_replaced_code_back, "another replaced: in force"),
        (release_in_the_row_alone, "released hold"),
        (redeem_without_counting, "redeemed"),
        (redeem_what_there_is_not, "that there are not"),
        (count_an_upload_wrong, "upload"),
        (move_an_assignment, "another market"),
    ],
)
def test_each_kind_of_damage_is_named(tour: Campaign, damage: Callable[[], None], named: str) -> None:
    damage()

    assert named in words(tour)


def test_another_campaigns_damage_is_not_this_ones(tour: Campaign) -> None:
    other = open_tour(domain="borealis")
    lose_a_range()

    assert words(other) == ""
    assert words(tour) != ""
