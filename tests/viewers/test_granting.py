"""Rights: given, changed, taken, ended; and nobody grants more than she has."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from campaigns.models import Campaign
from core.models import AuditEvent
from core.refusal import NotAllowed
from tests import scenario
from viewers.granting import IN_A_CAMPAIGN, ROLES, CannotGrant, grant_to_maker, set_rights
from viewers.models import Action, Grant, Staff
from viewers.permissions import campaigns_of, may, may_somewhere, visible
from viewers.viewer import ANONYMOUS, CLOCK, Limits, Viewer, viewer_of_staff

pytestmark = pytest.mark.django_db
People = Callable[..., Staff]


@pytest.fixture
def person(db: None) -> People:
    """Makes an account that holds rights in a campaign."""

    def make(name: str, *actions: Action, campaign: Campaign | None = None) -> Staff:
        staff = Staff.objects.create_user(name, is_staff=True)
        Grant.objects.bulk_create(
            Grant(staff=staff, campaign=campaign, action=action, granted_at=timezone.now(), granted_by=staff)
            for action in actions
        )
        return staff

    return make


def give(staff: Staff, campaign: Campaign, *actions: Action, actor: Viewer, **more: object) -> None:
    """Set rights as an actor."""
    values: dict[str, object] = {"ends_at": None, **more}
    set_rights(staff=staff, campaign_id=campaign.pk, actions=actions, actor=actor, now=timezone.now(), **values)  # type: ignore[arg-type]  # Passed through.


def test_supreme_staff_give_rights_that_hold_in_this_campaign_alone(
    tour: Campaign, operator: Viewer, clerk: Staff
) -> None:
    other = scenario.make_tour(domain="elsewhere")

    give(clerk, tour, Action.RUN_WAVES, actor=operator)

    carl = viewer_of_staff(clerk)
    assert may(carl, Action.RUN_WAVES, tour.pk)
    assert may(carl, Action.VIEW, tour.pk)
    assert not may(carl, Action.EXPORT, tour.pk)
    assert not may(carl, Action.VIEW, other.pk)
    assert campaigns_of(carl) == frozenset({tour.pk})
    assert list(visible(carl, Campaign.objects.all(), field="pk")) == [tour]


def test_the_history_tells_what_changed_and_who_did_it(tour: Campaign, operator: Viewer, clerk: Staff) -> None:
    give(clerk, tour, *ROLES["analyst"], actor=operator)
    give(clerk, tour, actor=operator, reason="He left.")

    first, last = AuditEvent.objects.filter(action="access.change").order_by("pk")
    assert first.changes == {"view": [None, "granted without end"], "export": [None, "granted without end"]}
    assert last.changes == {"view": ["granted without end", None], "export": ["granted without end", None]}
    assert (last.actor_label, last.target_id, last.campaign_id, last.reason) == (
        "sue",
        str(clerk.pk),
        tour.pk,
        "He left.",
    )
    assert not Grant.objects.exists()


def test_what_stays_the_same_is_not_granted_anew(tour: Campaign, operator: Viewer, clerk: Staff) -> None:
    give(clerk, tour, Action.VIEW, actor=operator)
    since = Grant.objects.get().granted_at

    give(clerk, tour, Action.VIEW, Action.EXPORT, actor=operator)

    assert Grant.objects.get(action="view").granted_at == since


def test_a_right_ends_by_itself(tour: Campaign, operator: Viewer, clerk: Staff) -> None:
    give(clerk, tour, Action.RUN_WAVES, actor=operator, ends_at=timezone.now() + timedelta(days=1))

    assert may(viewer_of_staff(clerk), Action.RUN_WAVES, tour.pk)
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        assert not may(viewer_of_staff(clerk), Action.RUN_WAVES, tour.pk)
        assert not may_somewhere(viewer_of_staff(clerk), Action.VIEW)


def test_nobody_grants_more_than_she_has(tour: Campaign, person: People, clerk: Staff) -> None:
    grace = viewer_of_staff(person("grace", Action.GRANT_ACCESS, Action.EXPORT, campaign=tour))

    with pytest.raises(CannotGrant, match="You do not hold: run waves"):
        give(clerk, tour, Action.RUN_WAVES, actor=grace)
    give(clerk, tour, Action.EXPORT, actor=grace)

    assert may(viewer_of_staff(clerk), Action.EXPORT, tour.pk)


def test_nobody_grants_for_longer_than_she_has(tour: Campaign, operator: Viewer, person: People, clerk: Staff) -> None:
    grace = person("grace")
    ends_at = timezone.now() + timedelta(days=2)
    give(grace, tour, Action.GRANT_ACCESS, Action.EXPORT, actor=operator, ends_at=ends_at)
    viewer = viewer_of_staff(grace)

    for too_late in (None, ends_at + timedelta(minutes=1)):
        with pytest.raises(CannotGrant, match="Your own right ends"):
            give(clerk, tour, Action.EXPORT, actor=viewer, ends_at=too_late)
    give(clerk, tour, Action.EXPORT, actor=viewer, ends_at=ends_at)

    assert may(viewer_of_staff(clerk), Action.EXPORT, tour.pk)


def test_nobody_grants_in_another_campaign_or_without_the_right(tour: Campaign, person: People, clerk: Staff) -> None:
    other = scenario.make_tour(domain="elsewhere")
    grace = viewer_of_staff(person("grace", *IN_A_CAMPAIGN, campaign=tour))
    eve = viewer_of_staff(person("eve", Action.VIEW, Action.EXPORT, campaign=tour))

    with pytest.raises(NotAllowed):
        give(clerk, other, Action.VIEW, actor=grace)
    with pytest.raises(NotAllowed):
        give(clerk, tour, Action.VIEW, actor=eve)


def test_nobody_changes_her_own_rights(tour: Campaign, person: People) -> None:
    grace = person("grace", *IN_A_CAMPAIGN, campaign=tour)

    with pytest.raises(CannotGrant, match="her own rights"):
        give(grace, tour, actor=viewer_of_staff(grace))


def test_a_machine_grants_nothing(tour: Campaign, person: People, clerk: Staff) -> None:
    grace = person("grace", *IN_A_CAMPAIGN, campaign=tour)
    machine = Viewer(kind="machine", staff=grace, limits=Limits(frozenset(IN_A_CAMPAIGN), None))

    with pytest.raises(CannotGrant, match="A person must do it"):
        give(clerk, tour, Action.VIEW, actor=machine)


@pytest.mark.parametrize("action", [Action.EDIT_CATALOGUE, Action.MANAGE_STAFF])
def test_rights_without_a_campaign_are_not_given_in_one(
    action: Action, tour: Campaign, operator: Viewer, clerk: Staff
) -> None:
    with pytest.raises(CannotGrant, match="without a campaign"):
        give(clerk, tour, action, actor=operator)


def test_an_end_in_the_past_and_an_account_that_is_off_are_refused(
    tour: Campaign, operator: Viewer, clerk: Staff
) -> None:
    with pytest.raises(CannotGrant, match="in the past"):
        give(clerk, tour, Action.VIEW, actor=operator, ends_at=timezone.now() - timedelta(minutes=1))
    Staff.objects.filter(pk=clerk.pk).update(is_active=False)
    clerk.refresh_from_db()
    with pytest.raises(CannotGrant, match="switched off"):
        give(clerk, tour, Action.VIEW, actor=operator)


def test_whoever_makes_a_campaign_holds_every_right_in_it(tour: Campaign, clerk: Staff, supreme: Staff) -> None:
    grant_to_maker(campaign_id=tour.pk, actor=viewer_of_staff(clerk), now=timezone.now())
    grant_to_maker(campaign_id=tour.pk, actor=viewer_of_staff(supreme), now=timezone.now())

    assert all(may(viewer_of_staff(clerk), action, tour.pk) for action in IN_A_CAMPAIGN)
    assert not Grant.objects.filter(staff=supreme).exists()


def test_an_account_that_is_switched_off_may_nothing(tour: Campaign, operator: Viewer, clerk: Staff) -> None:
    give(clerk, tour, *IN_A_CAMPAIGN, actor=operator)
    clerk.is_active = False

    carl = viewer_of_staff(clerk)
    assert [action for action in IN_A_CAMPAIGN if may(carl, action, tour.pk)] == []


def test_a_token_lets_through_no_more_than_its_limits(tour: Campaign, person: People, supreme: Staff) -> None:
    other = scenario.make_tour(domain="elsewhere")
    limits = Limits(frozenset({Action.EXPORT}), frozenset({tour.pk}))
    grace = Viewer(kind="machine", staff=person("grace", Action.RUN_WAVES, campaign=tour), limits=limits)
    sue = Viewer(kind="machine", staff=supreme, limits=limits)

    assert not may(grace, Action.EXPORT, tour.pk)  # Her own right is not there.
    assert not may(grace, Action.RUN_WAVES, tour.pk)  # The token does not reach so far.
    assert may(sue, Action.EXPORT, tour.pk)
    assert not may(sue, Action.EXPORT, other.pk)
    assert not may(sue, Action.MANAGE_STAFF, None)
    assert campaigns_of(sue) == frozenset({tour.pk})


def test_fans_may_nothing_and_the_clock_everything(tour: Campaign) -> None:
    assert not any(may(ANONYMOUS, action, tour.pk) for action in IN_A_CAMPAIGN)
    assert not any(may_somewhere(ANONYMOUS, action) for action in Action)
    assert all(may(CLOCK, action, tour.pk) for action in IN_A_CAMPAIGN)
