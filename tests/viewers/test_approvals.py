"""Four eyes: nothing happens before a second person has agreed to exactly what was asked."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from campaigns import lifecycle
from campaigns.fingerprint import fingerprint
from campaigns.models import Campaign
from core.models import AuditEvent
from core.refusal import NotAllowed
from tests import scenario
from viewers.approvals import CannotDecide, NeedsSecondPerson, approve, ask, decline, lapse
from viewers.granting import CannotGrant, ask_to_set_rights, set_rights
from viewers.models import Action, Approval, Grant, Staff
from viewers.permissions import may
from viewers.viewer import CLOCK, Limits, Viewer, viewer_of_staff
from waves.models import Draw, Wave
from waves.selection import TRIGGER, trigger, what_was_seen

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(db: None) -> Viewer:
    """Sam, another supreme admin."""
    return viewer_of_staff(Staff.objects.create_superuser("sam", "sam@monoql.example", "correct horse"))


@pytest.fixture
def strict(db: None) -> Campaign:
    """A campaign that is ready to open and wants four eyes."""
    campaign = scenario.make_tour()
    Campaign.objects.filter(pk=campaign.pk).update(needs_second_person=True)
    campaign.refresh_from_db()
    return campaign


def ask_to_open(campaign: Campaign, actor: Viewer, deed: str = lifecycle.OPENING) -> Approval:
    """Ask for a step of the campaign's life."""
    return ask(
        campaign_id=campaign.pk,
        deed=deed,
        target_id=campaign.pk,
        title=f"Open {campaign.name}",
        facts=["Fans can register at once."],
        parameters={"fingerprint": fingerprint(campaign)},
        actor=actor,
        now=timezone.now(),
    )


def test_one_person_alone_opens_nothing(strict: Campaign, operator: Viewer) -> None:
    with pytest.raises(NeedsSecondPerson):
        lifecycle.open_campaign(campaign=strict, actor=operator, now=timezone.now())

    strict.refresh_from_db()
    assert strict.status == Campaign.Status.NOT_STARTED


def test_a_second_person_opens_it_and_both_stand_in_the_history(
    strict: Campaign, operator: Viewer, second: Viewer
) -> None:
    approval = ask_to_open(strict, operator)

    approve(approval=approval, actor=second, now=timezone.now())

    strict.refresh_from_db()
    assert strict.status == Campaign.Status.OPEN
    deeds = AuditEvent.objects.filter(campaign_id=strict.pk).order_by("pk").values_list("actor_label", "action")
    assert list(deeds) == [("sue", "approval.ask"), ("sam", "approval.approve"), ("sam", "campaign.open")]


def test_nobody_approves_what_she_asked_for(strict: Campaign, operator: Viewer) -> None:
    approval = ask_to_open(strict, operator)

    with pytest.raises(CannotDecide, match="somebody else"):
        approve(approval=approval, actor=operator, now=timezone.now())


def test_the_second_person_needs_the_right_herself(strict: Campaign, operator: Viewer, clerk: Staff) -> None:
    approval = ask_to_open(strict, operator)

    with pytest.raises(NotAllowed):
        approve(approval=approval, actor=viewer_of_staff(clerk), now=timezone.now())


def test_a_program_is_no_second_person(strict: Campaign, operator: Viewer, second: Viewer) -> None:
    approval = ask_to_open(strict, operator)
    program = Viewer(kind="machine", staff=second.staff, limits=Limits(frozenset(Action), None))

    with pytest.raises(CannotDecide, match="not a program"):
        approve(approval=approval, actor=program, now=timezone.now())


def test_what_changed_since_must_be_asked_for_anew(strict: Campaign, operator: Viewer, second: Viewer) -> None:
    approval = ask_to_open(strict, operator)
    strict.markets.filter(code="CA-LAX").update(population_limit=1)

    with pytest.raises(CannotDecide, match="changed since"):
        approve(approval=approval, actor=second, now=timezone.now())

    approval.refresh_from_db()
    strict.refresh_from_db()
    assert approval.status == Approval.Status.WAITING
    assert strict.status == Campaign.Status.NOT_STARTED


def test_the_same_is_asked_once_and_lapses_after_a_day(strict: Campaign, operator: Viewer, second: Viewer) -> None:
    approval = ask_to_open(strict, operator)
    with pytest.raises(CannotDecide, match="waits for a second person already"):
        ask_to_open(strict, operator)
    late = timezone.now() + timedelta(hours=25)

    with pytest.raises(CannotDecide, match="lapsed"):
        approve(approval=approval, actor=second, now=late)
    assert (lapse(late), lapse(late)) == (1, 0)
    ask_to_open(strict, operator)

    approval.refresh_from_db()
    assert approval.status == Approval.Status.LAPSED


def test_declining_needs_a_reason_and_ends_it(strict: Campaign, operator: Viewer, second: Viewer) -> None:
    approval = ask_to_open(strict, operator)

    with pytest.raises(CannotDecide, match="Say why"):
        decline(approval=approval, reason=" ", actor=second, now=timezone.now())
    declined = decline(approval=approval, reason="Dates are wrong.", actor=second, now=timezone.now())

    assert declined.status == Approval.Status.DECLINED
    with pytest.raises(CannotDecide, match="declined"):
        approve(approval=approval, actor=second, now=timezone.now())


def test_whoever_asked_can_withdraw_it(strict: Campaign, operator: Viewer) -> None:
    withdrawn = decline(approval=ask_to_open(strict, operator), reason="Too early.", actor=operator, now=timezone.now())

    assert withdrawn.status == Approval.Status.WITHDRAWN


def test_a_release_for_the_clock_takes_two_people_and_holds_for_what_they_saw(
    strict: Campaign, operator: Viewer, second: Viewer
) -> None:
    strict.is_released = True
    with pytest.raises(ValidationError, match="Two people release it"):
        strict.full_clean()
    strict.refresh_from_db()
    approve(approval=ask_to_open(strict, operator, lifecycle.RELEASE), actor=second, now=timezone.now())

    strict.markets.filter(code="CA-LAX").update(population_limit=1)
    assert lifecycle.follow_the_clock(timezone.now()) == 0
    strict.markets.filter(code="CA-LAX").update(population_limit=None)
    assert lifecycle.follow_the_clock(timezone.now()) == 1

    strict.refresh_from_db()
    assert strict.status == Campaign.Status.OPEN


def test_the_clock_opens_nothing_that_one_person_released_before_four_eyes(strict: Campaign) -> None:
    Campaign.objects.filter(pk=strict.pk).update(is_released=True)

    with pytest.raises(lifecycle.CannotOpenCampaign, match="Release it again"):
        lifecycle.open_campaign(campaign=strict, actor=CLOCK, now=timezone.now())


def test_four_eyes_are_ended_by_four_eyes(strict: Campaign, operator: Viewer, second: Viewer) -> None:
    strict.needs_second_person = False
    with pytest.raises(ValidationError, match="Two people switch this off"):
        strict.full_clean()
    strict.refresh_from_db()

    approve(approval=ask_to_open(strict, operator, lifecycle.END_FOUR_EYES), actor=second, now=timezone.now())

    strict.refresh_from_db()
    assert not strict.needs_second_person


def test_rights_wait_for_a_second_person_who_holds_them_too(
    strict: Campaign, operator: Viewer, second: Viewer, clerk: Staff
) -> None:
    change = {"staff": clerk, "campaign_id": strict.pk, "actions": [Action.EXPORT], "ends_at": None}
    with pytest.raises(NeedsSecondPerson):
        set_rights(**change, actor=operator, now=timezone.now())  # type: ignore[arg-type]  # The four above.
    grace = Staff.objects.create_user("grace", is_staff=True)
    Grant.objects.create(
        staff=grace, campaign=strict, action=Action.GRANT_ACCESS, granted_at=timezone.now(), granted_by=grace
    )
    approval = ask_to_set_rights(**change, actor=operator, now=timezone.now())  # type: ignore[arg-type]  # As above.

    with pytest.raises(CannotGrant, match="You do not hold: export"):
        approve(approval=approval, actor=viewer_of_staff(grace), now=timezone.now())
    assert not may(viewer_of_staff(clerk), Action.EXPORT, strict.pk)
    approve(approval=approval, actor=second, now=timezone.now())

    assert may(viewer_of_staff(clerk), Action.EXPORT, strict.pk)


@pytest.fixture
def prepared(transactional_db: None) -> Wave:
    """A prepared wave of a campaign that wants four eyes."""
    campaign = scenario.open_tour()
    scenario.many_fans(campaign, 20)
    scenario.upload_codes(campaign, "CA-LAX", 5)
    closed = lifecycle.close_campaign(campaign=campaign, actor=scenario.SUPREME, now=timezone.now())
    wave = scenario.prepare_wave(scenario.make_wave(closed))
    Campaign.objects.filter(pk=campaign.pk).update(needs_second_person=True)
    return wave


def ask_to_trigger(wave: Wave, actor: Viewer) -> Approval:
    """Ask for a trigger."""
    return ask(
        campaign_id=wave.campaign_id,
        deed=TRIGGER,
        target_id=wave.pk,
        title=f"Trigger {wave}",
        facts=["5 fans get a code."],
        parameters=what_was_seen(wave),
        actor=actor,
        now=timezone.now(),
    )


@pytest.mark.django_db(transaction=True)
def test_a_trigger_waits_for_a_second_person(prepared: Wave, operator: Viewer, second: Viewer) -> None:
    with pytest.raises(NeedsSecondPerson):
        trigger(wave=prepared, actor=operator, now=timezone.now())

    approve(approval=ask_to_trigger(prepared, operator), actor=second, now=timezone.now())

    prepared.refresh_from_db()
    assert prepared.status == Wave.Status.TRIGGERED


@pytest.mark.django_db(transaction=True)
def test_another_allocation_than_the_one_that_was_seen_is_not_triggered(
    prepared: Wave, operator: Viewer, second: Viewer
) -> None:
    approval = ask_to_trigger(prepared, operator)
    Draw.objects.filter(wave=prepared).update(allocation_sha256="0" * 64)

    with pytest.raises(CannotDecide, match="anew"):
        approve(approval=approval, actor=second, now=timezone.now())


@pytest.mark.django_db(transaction=True)
def test_two_second_people_at_once_do_it_once(prepared: Wave, operator: Viewer) -> None:
    people = [
        viewer_of_staff(Staff.objects.create_superuser(name, f"{name}@monoql.example", "correct horse"))
        for name in ("sam", "sid", "sol", "sun")
    ]
    approval = ask_to_trigger(prepared, operator)

    def try_once(person: Viewer) -> str:
        try:
            approve(approval=approval, actor=person, now=timezone.now())
        except CannotDecide as refusal:
            return refusal.code
        finally:
            connection.close()
        return "done"

    attempt: Callable[[Viewer], str] = try_once
    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(attempt, people))

    assert outcomes == ["cannot_decide"] * 3 + ["done"]
    assert AuditEvent.objects.filter(action="wave.trigger").count() == 1
