"""Everybody who asks in the walk, and a tour with something of everything to ask for."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign, Faq, Gate, Image, Member, Tracker
from codes.models import Assignment, Code
from core.models import AuditEvent
from entries.models import Entry
from entries.proof import fan_token, link_token
from exports.models import Export
from monoql.fan_preview import link_to
from tests import scenario
from tests.access.walk import CAMPAIGN_ACTIONS, OTHER_ACTIONS, Identity
from tests.admin.conftest import Tour, whole_tour
from viewers.approvals import ask
from viewers.granting import IN_A_CAMPAIGN
from viewers.models import Action, Approval, Grant, OutsideIdentity, Staff
from viewers.tokens import make_token
from viewers.viewer import viewer_of_staff
from waves.auditors import link_of, name_auditor
from waves.models import Auditor

__all__ = ["whole_tour"]


@dataclass(frozen=True)
class Walk:
    """Who walks, and how a route's placeholders are filled."""

    tour: Tour
    identities: dict[str, Identity]
    values: Callable[[str, str], str]


def staff_with(name: str, *actions: str, campaign_id: int | None = None) -> Staff:
    """An account that holds these rights."""
    staff = Staff.objects.create_user(name, f"{name}@monoql.example", "correct horse", is_staff=True)
    now = timezone.now()
    Grant.objects.bulk_create(
        Grant(staff=staff, campaign_id=campaign_id, action=action, granted_at=now, granted_by=staff)
        for action in actions
    )
    return staff


def signed_in(staff: Staff) -> Client:
    """A browser in which somebody has signed in."""
    client = Client()
    client.force_login(staff)
    return client


def fan_identity(name: str, entry: Entry) -> Identity:
    """A fan on her phone, with her cookie and her token."""
    token = fan_token(campaign_id=entry.campaign_id, ref=entry.ref)
    client = Client()
    client.cookies["monoql_fan"] = token
    return Identity(name, client, {"authorization": f"Bearer {token}"})


@pytest.fixture
def walk(whole_tour: Tour, tmp_path: Path) -> Iterator[Walk]:
    """Everybody, and the tour."""
    campaign = whole_tour.campaign
    Export.objects.filter(pk=whole_tour.export.pk).update(is_masked=True)
    Gate.objects.create(campaign=campaign, number=1, kind="card_type", provider="sandbox", wanted="visa")
    other = scenario.make_tour(domain="elsewhere")
    now = timezone.now()
    ada = Entry.objects.get(campaign=campaign, identifier="ada@example.com")
    ben = Entry.objects.get(campaign=campaign, identifier="ben@example.com")
    Entry.objects.filter(pk=ben.pk).update(email_confirmed_at=now)
    supreme = Staff.objects.create_superuser("sue", "sue@monoql.example", "correct horse")
    people = {action: staff_with(action, action, campaign_id=campaign.pk) for action in CAMPAIGN_ACTIONS}
    people |= {action: staff_with(action, action) for action in OTHER_ACTIONS}
    people["clerk"] = staff_with("carl")
    people["elsewhere"] = staff_with("elsa", *map(str, IN_A_CAMPAIGN), campaign_id=other.pk)
    people["supreme"] = supreme
    people["taken"] = staff_with("tom", *map(str, IN_A_CAMPAIGN), campaign_id=campaign.pk)
    identities = {name: Identity(name, signed_in(staff)) for name, staff in people.items()}
    Grant.objects.filter(staff=people["taken"]).delete()
    owner = staff_with("olga", *map(str, IN_A_CAMPAIGN), campaign_id=campaign.pk)
    token = make_token(
        name="programs",
        actions=[action for action in IN_A_CAMPAIGN if action != Action.GRANT_ACCESS],
        campaigns=[campaign.pk],
        days=30,
        actor=viewer_of_staff(owner),
        now=now - timedelta(minutes=1),
    )
    ask(
        campaign_id=campaign.pk,
        deed=lifecycle.OPENING,
        target_id=campaign.pk,
        title="Open it again",
        facts=["Fans can register at once."],
        actor=viewer_of_staff(supreme),
        now=now,
    )
    OutsideIdentity.objects.create(
        staff=people["clerk"], issuer="https://issuer.example", subject="carl", linked_at=now, linked_by=supreme
    )
    identities["machine"] = Identity("machine", Client(), {"authorization": f"Bearer {token.text}"})
    identities["anonymous"] = Identity("anonymous", Client())
    identities["fan"] = fan_identity("fan", ada)
    identities["other_fan"] = fan_identity("other_fan", ben)
    Image.objects.create(
        campaign=campaign,
        locale_id="en_US",
        kind="main",
        key="media/nowhere.webp",
        content_type="image/webp",
        width=1,
        height=1,
        size_bytes=1,
    )
    Faq.objects.create(campaign=campaign, locale_id="en_US", number=1, question="When?", answer="Soon.")
    logging.disable(logging.WARNING)  # Of ten thousand requests and more, most of which are refused.
    yield Walk(whole_tour, identities, values_of(whole_tour, people["clerk"], ada, token.row.pk))
    logging.disable(logging.NOTSET)


def tracker_of(campaign: Campaign) -> Tracker:
    """The campaign's tag."""
    tracker, _ = Tracker.objects.get_or_create(name="Tag", kind=Tracker.Kind.META, identifier="1234567890")
    campaign.trackers.add(tracker)
    return tracker


def member_of(campaign: Campaign) -> Member:
    """A member of the artist's fan club."""
    return Member.objects.get_or_create(artist=campaign.artist, number="M-1234567", email="ada@example.com")[0]


def auditor_of(campaign: Campaign) -> Auditor:
    """Somebody whom the campaign lets download its bundles."""
    now = timezone.now()
    found = Auditor.objects.select_related("campaign").filter(campaign=campaign).first()
    ends = now + timedelta(days=30)
    return found or name_auditor(campaign=campaign, name="Jane Roe", expires_at=ends, actor=scenario.SUPREME, now=now)


def values_of(tour: Tour, clerk: Staff, ada: Entry, token_id: object) -> Callable[[str, str], str]:
    """What the placeholders of each route stand for."""
    campaign = tour.campaign
    grant = Grant.objects.filter(campaign=campaign).order_by("pk")[0]
    market = campaign.markets.select_related("venue").order_by("number")[0]
    objects = {
        "viewers/machinetoken": token_id,
        "viewers/outsideidentity": OutsideIdentity.objects.get().pk,
        "viewers/staff": clerk.pk,
        "viewers/grant": grant.pk,
        "campaigns/gate": campaign.gates.get().pk,
        "viewers/approval": Approval.objects.get().pk,
        "campaigns/campaign": campaign.pk,
        "campaigns/artist": campaign.artist_id,
        "campaigns/venue": market.venue_id,
        "campaigns/promoter": campaign.promoter_id,
        "campaigns/tracker": tracker_of(campaign).pk,
        "campaigns/member": member_of(campaign).pk,
        "campaigns/locale": campaign.default_locale_id,
        "campaigns/image": campaign.images.get().pk,
        "campaigns/faq": campaign.faqs.get().pk,
        "campaigns/content": campaign.contents.order_by("pk")[0].pk,
        "campaigns/field": campaign.fields.order_by("pk")[0].pk,
        "campaigns/market": market.pk,
        "core/auditevent": AuditEvent.objects.filter(campaign_id=campaign.pk).order_by("pk")[0].pk,
        "entries/entry": ada.pk,
        "codes/code": Code.objects.filter(campaign=campaign).order_by("pk")[0].pk,
        "codes/pool": campaign.pools.order_by("pk")[0].pk,
        "codes/upload": tour.upload.pk,
        "codes/assignment": Assignment.objects.filter(hold__status="assigned", hold__campaign=campaign)[0].pk,
        "codes/hold": campaign.holds.order_by("pk")[0].pk,
        "waves/wave": tour.prepared.pk,
        "waves/auditor": auditor_of(campaign).pk,
        "exports/export": tour.export.pk,
    }
    rest = {
        "artists": campaign.artist_id,
        "gates": campaign.gates.get().pk,
        "images": campaign.images.get().pk,
        "faqs": campaign.faqs.get().pk,
        "venues": market.venue_id,
        "promoters": campaign.promoter_id,
        "trackers": tracker_of(campaign).pk,
        "codes/uploads": tour.upload.pk,
        "codes/pools": campaign.pools.order_by("pk")[0].pk,
        "codes/holds": campaign.holds.order_by("pk")[0].pk,
        "waves": tour.prepared.pk,
        "waves/auditors": auditor_of(campaign).pk,
        "exports": tour.export.pk,
    }
    words = {
        "domain": campaign.domain,
        "code": market.code,
        "key": "seat",
        "locale": "en_US",
        "date_key": tour.sent.date_key,
        "token": link_token(entry_id=ada.pk),
        "username": "view",
        "name": "rules.json",
        "app_label": "campaigns",
        "entry_id": str(ada.pk),
        "ref": ada.ref,
        "url": "nowhere/",
        "content_type_id": "1",
        "provider_id": "nobody",
        "colour": "5b3fd6",
    }

    def value(route: str, name: str) -> str:
        if name == "object_id":
            return str(objects.get("/".join(route.split("/")[1:3]), 1))
        if name == "pk":
            of_campaign = next((kind for kind in ("gates", "images", "faqs") if f"/{kind}/" in route), "")
            key = of_campaign or route.removeprefix("api/v1/").partition("/<")[0]
            return str(rest.get(key, 1))
        if name == "token" and "draws/audit/" in route:
            return link_of(auditor_of(campaign)).rstrip("/").rpartition("/")[2]
        if route.startswith("preview/"):
            return link_to(campaign, "en_US", "open").removeprefix("/preview/").rstrip("/")
        return words[name]

    return value
