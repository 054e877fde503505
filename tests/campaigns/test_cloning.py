"""A clone has the whole set-up of its original and nothing that fans, codes or waves left."""

import pytest
from django.db import models
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.cloning import LEFT_OUT, clone_campaign
from campaigns.models import Campaign, Event, Field, Gate
from core.models import AuditEvent
from core.refusal import Invalid, NotAllowed
from tests import scenario
from viewers.models import Action, Grant, Staff
from viewers.permissions import may
from viewers.viewer import Viewer, viewer_of_staff

pytestmark = pytest.mark.django_db
CHANGES = {"id", "campaign", "market", "shown_if"}
"""Columns in which a copied row differs."""


def values_of(rows: "models.QuerySet[models.Model]") -> list[dict[str, object]]:
    """The rows without their keys."""
    return [
        {field.name: getattr(row, field.attname) for field in row._meta.concrete_fields if field.name not in CHANGES}
        for row in rows
    ]


@pytest.fixture
def original(db: None) -> Campaign:
    """The tour, open, with a fan, a question that depends on another, and a gate."""
    campaign = scenario.open_tour()
    scenario.register_fan(campaign, "Ada", ["CA-LAX"])
    seat = campaign.fields.get(key="seat")
    Field.objects.create(
        campaign=campaign, number=2, key="row", type="text", label="Row", shown_if=seat, shown_if_value="front"
    )
    Gate.objects.create(campaign=campaign, number=1, kind="card_type", provider="sandbox", wanted="visa")
    return campaign


def clone(campaign: Campaign, actor: Viewer, *, name: str = "Next year", domain: str = "next-year") -> Campaign:
    """Make the clone."""
    return clone_campaign(campaign=campaign, name=name, domain=domain, actor=actor, now=timezone.now())


def test_a_clone_has_the_same_set_up(original: Campaign, operator: Viewer) -> None:
    made = clone(original, operator)

    own = [field.attname for field in Campaign._meta.concrete_fields if field.name not in LEFT_OUT]
    assert {name: getattr(made, name) for name in own} == {name: getattr(original, name) for name in own}
    for rows in ("markets", "fields", "contents", "images", "faqs", "gates"):
        assert values_of(getattr(made, rows).order_by("pk")) == values_of(getattr(original, rows).order_by("pk")), rows
    events = [Event.objects.filter(market__campaign=one).order_by("pk") for one in (made, original)]
    assert values_of(events[0]) == values_of(events[1])
    assert {event.campaign_id for event in events[0]} == {made.pk}
    assert set(made.locales.all()) == set(original.locales.all())


def test_conditions_lead_to_the_clones_own_questions(original: Campaign, operator: Viewer) -> None:
    made = clone(original, operator)

    row = made.fields.get(key="row")
    assert row.shown_if == made.fields.get(key="seat")
    assert row.shown_if_value == "front"


def test_a_clone_has_not_started_and_has_no_fans_codes_waves_or_seals(original: Campaign, operator: Viewer) -> None:
    Campaign.objects.filter(pk=original.pk).update(is_released=True)

    made = clone(original, operator)

    assert (made.status, made.is_released, made.has_opened) == ("not_started", False, False)
    assert not made.entries.exists()
    assert not made.pools.exists()
    assert not made.waves.exists()
    assert made.public_id != original.public_id


@pytest.mark.parametrize(
    ("name", "domain", "field"), [("", "next", "name"), ("X", "aurora", "__all__"), ("X", "Ä", "domain")]
)
def test_what_will_not_do_is_told_at_its_field(
    original: Campaign, operator: Viewer, name: str, domain: str, field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        clone(original, operator, name=name, domain=domain)

    assert field in refusal.value.errors
    assert Campaign.objects.count() == 1


def test_whoever_clones_holds_the_rights_in_the_clone(original: Campaign, clerk: Staff) -> None:
    viewer = viewer_of_staff(clerk)
    with pytest.raises(NotAllowed):
        clone(original, viewer)
    now = timezone.now()
    Grant.objects.create(staff=clerk, action=Action.EDIT_CATALOGUE, granted_at=now, granted_by=clerk)
    with pytest.raises(NotAllowed):
        clone(original, viewer_of_staff(clerk))
    Grant.objects.create(staff=clerk, campaign=original, action=Action.VIEW, granted_at=now, granted_by=clerk)

    made = clone(original, viewer_of_staff(clerk))

    assert may(viewer_of_staff(clerk), Action.EDIT_SETUP, made.pk)
    assert not may(viewer_of_staff(clerk), Action.EDIT_SETUP, original.pk)


def test_the_history_names_the_original(original: Campaign, operator: Viewer) -> None:
    made = clone(original, operator)

    event = AuditEvent.objects.get(action="campaign.clone")
    assert (event.target_id, event.changes["from"]) == (str(made.pk), [None, original.pk])


def test_the_page_makes_the_clone_and_leads_to_it(client: Client, supreme: Staff, original: Campaign) -> None:
    client.force_login(supreme)
    page = reverse("admin:campaigns_campaign_clone_page", args=[original.pk])

    shown = client.get(page).content.decode()
    taken = client.post(page, {"name": "Next year", "domain": "aurora"}).content.decode()
    answer = client.post(page, {"name": "Next year", "domain": "next-year"})

    made = Campaign.objects.get(domain="next-year")
    assert "entries, codes and waves are not" in shown.replace("\n", " ")
    assert "mq-error" in taken or "mq-refusal" in taken
    assert answer.headers["Location"] == reverse("admin:campaigns_campaign_change", args=[made.pk])


def test_the_password_page_sets_and_clears_it(client: Client, supreme: Staff, original: Campaign) -> None:
    client.force_login(supreme)
    page = reverse("admin:campaigns_campaign_password_page", args=[original.pk])

    client.post(page, {"password": "Nordlicht"})
    original.refresh_from_db()
    was_set = bool(original.password_hash)
    client.post(page, {"password": ""})
    original.refresh_from_db()

    assert was_set
    assert original.password_hash == ""
