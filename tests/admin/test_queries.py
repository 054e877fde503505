"""No list and no head asks the database more often because there are more rows."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from campaigns.models import (
    Artist,
    Campaign,
    Content,
    Faq,
    Field,
    Gate,
    Image,
    Locale,
    Member,
    PrivacyPolicy,
    Promoter,
    Tracker,
    Venue,
)
from codes.models import POOL_SPAN, Code, CodeRange, Hold, Pool, Upload
from core.models import AuditEvent
from exports.models import Export
from tests import scenario
from tests.admin.conftest import Desk
from viewers.models import Action, Approval, Grant, OutsideIdentity, Staff
from viewers.tokens import make_token
from viewers.viewer import viewer_of_staff
from waves.models import Auditor, Draw, Wave, WavePrep

pytestmark = pytest.mark.django_db
FEW, MANY = 5, 50
NOW = datetime(2027, 1, 10, 12, 0, tzinfo=UTC)


def add_campaigns(tour: Campaign, count: int) -> None:
    """Open, closed and waiting campaigns, some of them soon to open."""
    for number in range(count):
        soon = timezone.now() + timedelta(hours=2 + number)
        Campaign.objects.create(
            name=f"Campaign {number}",
            artist=tour.artist,
            domain=f"more-{number}",
            reference_timezone="Europe/Berlin",
            default_locale=tour.default_locale,
            status=("not_started", "open", "not_started", "closed", "not_started")[number % 5],
            open_at=soon,
            close_at=soon + timedelta(days=1),
            is_released=bool(number % 2),
        )


def add_artists(tour: Campaign, count: int) -> None:
    """More performers."""
    Artist.objects.bulk_create(Artist(name=f"Artist {number}") for number in range(count))


def add_venues(tour: Campaign, count: int) -> None:
    """More places."""
    for number in range(count):
        Venue.objects.create(name=f"Hall {number}", city="Graz", country="AT", timezone="Europe/Vienna")


def add_promoters(tour: Campaign, count: int) -> None:
    """More promoters, each with two policies and a campaign."""
    locales = Locale.objects.order_by("pk")[:2]
    for number in range(count):
        promoter = Promoter.objects.create(name=f"Promoter {Promoter.objects.count()}-{number}")
        PrivacyPolicy.objects.bulk_create(
            PrivacyPolicy(promoter=promoter, locale=locale, url="https://x.example/") for locale in locales
        )


def add_trackers(tour: Campaign, count: int) -> None:
    """More tags, all of them in the tour."""
    first = Tracker.objects.count()
    tour.trackers.add(
        *Tracker.objects.bulk_create(
            Tracker(name=f"Tag {number}", kind="ga4", identifier=f"G-{number}")
            for number in range(first, first + count)
        )
    )


def add_members(tour: Campaign, count: int) -> None:
    """More members of the fan club."""
    first = Member.objects.count()
    Member.objects.bulk_create(
        Member(artist=tour.artist, number=f"M-{number:06d}", email=f"fan{number}@example.com")
        for number in range(first, first + count)
    )


def add_locales(tour: Campaign, count: int) -> None:
    """More languages."""
    for number in range(count):
        code = f"{chr(97 + number // 26)}{chr(97 + number % 26)}_XX"
        Locale.objects.create(code=code, name=f"Language {number}")


def add_staff(tour: Campaign, count: int) -> None:
    """More accounts."""
    Staff.objects.bulk_create(Staff(username=f"staff{number}", password="!") for number in range(count))


def add_markets(tour: Campaign, count: int) -> None:
    """More markets, with two dates each."""
    for number in range(count):
        scenario.add_market(tour, f"M-{number}", f"City {number}", split="concurrent", events=2, now=NOW)


def add_fields(tour: Campaign, count: int) -> None:
    """More questions."""
    for number in range(count):
        Field.objects.create(campaign=tour, number=100 + number, key=f"question_{number}", label=f"Question {number}")


def add_contents(tour: Campaign, count: int) -> None:
    """Texts in more locales."""
    add_locales(tour, count)
    missing = Locale.objects.exclude(pk__in=tour.contents.values("locale"))
    Content.objects.bulk_create(Content(campaign=tour, locale=locale, title="Titel") for locale in missing)


def add_images(tour: Campaign, count: int) -> None:
    """More locales, each with a picture of its own."""
    add_locales(tour, count)
    Image.objects.bulk_create(
        Image(
            campaign=tour,
            locale=locale,
            kind="main",
            key="x",
            content_type="image/webp",
            width=1,
            height=1,
            size_bytes=1,
        )
        for locale in Locale.objects.filter(code__endswith="_XX")
    )


def add_faqs(tour: Campaign, count: int) -> None:
    """More questions, each in a locale of its own."""
    add_locales(tour, count)
    Faq.objects.bulk_create(
        Faq(campaign=tour, locale=locale, number=1, question="When?", answer="Soon.")
        for locale in Locale.objects.filter(code__endswith="_XX")
    )


def add_entries(tour: Campaign, count: int) -> None:
    """More fans."""
    scenario.many_fans(tour, count)


def add_pools(tour: Campaign, count: int) -> None:
    """More pools, with a code and its range each."""
    market = tour.markets.order_by("pk")[0]
    for number in range(count):
        pool = Pool.objects.create(campaign=tour, market=market, code_type=f"type-{number}", size=1, last_number=1)
        first = pool.pk * POOL_SPAN + 1
        Code.objects.create(pk=first, campaign=tour, value=f"CODE-{number}")
        CodeRange.objects.create(pool=pool, first=first, last=first)


def add_uploads(tour: Campaign, count: int) -> None:
    """More files."""
    add_pools(tour, count)
    Upload.objects.bulk_create(
        Upload(campaign=tour, pool=pool, file_name="codes.csv", storage_key="k", status="finished", uploaded_by="sue")
        for pool in Pool.objects.filter(campaign=tour)
    )


def add_waves(tour: Campaign, count: int) -> None:
    """More waves, prepared and drawn."""
    for number in range(count):
        when = NOW + timedelta(hours=number)
        wave = Wave.objects.create(campaign=tour, date_key=f"{when:%Y-%m-%dT%H:%M}", created_at=NOW)
        WavePrep.objects.create(wave=wave, status="finished")
        if number < 30:
            digest = "0" * 64
            Draw.objects.create(
                wave=wave,
                campaign=tour,
                number=number + 1,
                rules=b"{}",
                rules_sha256=digest,
                snapshot_sha256=digest,
                root=digest,
                entries=3,
                eligible=2,
                frozen_at=NOW,
            )


def add_exports(tour: Campaign, count: int) -> None:
    """More files of data."""
    Export.objects.bulk_create(
        Export(campaign=tour, dataset="entries", requested_by="sue", status="finished", storage_key="k")
        for _ in range(count)
    )


def add_events(tour: Campaign, count: int) -> None:
    """More history."""
    AuditEvent.objects.bulk_create(
        AuditEvent(
            at=NOW, actor_kind="staff", action="test", campaign_id=tour.pk, target_type="a.b", target_id=str(number)
        )
        for number in range(count)
    )


def add_tokens(tour: Campaign, count: int) -> None:
    """More programs, each with the campaign named."""
    owner = Staff.objects.get(is_superuser=True)
    for _ in range(count):
        make_token(
            name="ci",
            actions=[Action.EXPORT],
            campaigns=[tour.pk],
            days=30,
            actor=viewer_of_staff(owner),
            now=timezone.now(),
        )


def add_identities(tour: Campaign, count: int) -> None:
    """More subjects of other companies."""
    sue = Staff.objects.get(is_superuser=True)
    OutsideIdentity.objects.bulk_create(
        OutsideIdentity(staff=sue, issuer=f"company {count}", subject=f"s-{number}", linked_at=NOW, linked_by=sue)
        for number in range(count)
    )


def add_grants(tour: Campaign, count: int) -> None:
    """More people who work in the campaign."""
    sue = Staff.objects.get(is_superuser=True)
    people = [
        Staff.objects.create(username=f"hand{Staff.objects.count()}-{number}", is_staff=True) for number in range(count)
    ]
    Grant.objects.bulk_create(
        Grant(staff=staff, campaign=tour, action=action, granted_at=NOW, granted_by=sue)
        for staff in people
        for action in (Action.VIEW, Action.EXPORT)
    )


def add_gates(tour: Campaign, count: int) -> None:
    """More conditions."""
    first = tour.gates.count()
    Gate.objects.bulk_create(
        Gate(campaign=tour, number=first + number, kind="card_type", provider="sandbox", wanted="visa")
        for number in range(count)
    )


def add_approvals(tour: Campaign, count: int) -> None:
    """More that waits for a second person."""
    sue = Staff.objects.get(is_superuser=True)
    Approval.objects.bulk_create(
        Approval(
            campaign=tour,
            deed="campaign.open",
            target_id=f"{count}-{number}",
            title="Open it",
            asked_by=sue,
            asked_at=NOW,
            lapses_at=NOW + timedelta(hours=1),
        )
        for number in range(count)
    )


Adder = Callable[[Campaign, int], None]


def add_holds(tour: Campaign, count: int) -> None:
    """Codes that are kept back for more and more sponsors, each of a pool."""
    add_pools(tour, count)
    for part in CodeRange.objects.filter(pool__campaign=tour).order_by("first"):
        part.hold = Hold.objects.create(
            campaign=tour,
            code_type="presale",
            kind="reserve",
            purpose="the sponsor",
            created_at=NOW,
            expires_at=NOW + timedelta(days=1),
        )
        part.save(update_fields=["hold"])


def add_auditors(tour: Campaign, count: int) -> None:
    """Auditors with links of their own."""
    ends = NOW + timedelta(days=30)
    Auditor.objects.bulk_create(
        Auditor(campaign=tour, name=f"Auditor {number}", created_at=NOW, expires_at=ends) for number in range(count)
    )


LISTS: dict[str, Adder] = {
    "campaigns.campaign": add_campaigns,
    "campaigns.artist": add_artists,
    "campaigns.venue": add_venues,
    "campaigns.locale": add_locales,
    "campaigns.promoter": add_promoters,
    "campaigns.tracker": add_trackers,
    "campaigns.member": add_members,
    "viewers.staff": add_staff,
    "campaigns.gate": add_gates,
    "viewers.grant": add_grants,
    "viewers.approval": add_approvals,
    "viewers.machinetoken": add_tokens,
    "viewers.outsideidentity": add_identities,
    "campaigns.market": add_markets,
    "campaigns.field": add_fields,
    "campaigns.content": add_contents,
    "campaigns.image": add_images,
    "campaigns.faq": add_faqs,
    "entries.entry": add_entries,
    "codes.pool": add_pools,
    "codes.code": add_pools,
    "codes.hold": add_holds,
    "codes.upload": add_uploads,
    "waves.wave": add_waves,
    "waves.auditor": add_auditors,
    "exports.export": add_exports,
    "core.auditevent": add_events,
}


WITHOUT_LIST = {"codes.assignment"}
"""What stands on another row's page alone."""


def asked(desk: Desk, address: str) -> list[str]:
    """The statements that a page sends, after a first time that fills what is kept in memory."""
    desk.get(address)
    with CaptureQueriesContext(connection) as queries:
        answer = desk.get(address)
    assert answer.status_code == 200
    return [query["sql"][:160] for query in queries.captured_queries]


def test_the_sweep_knows_every_list_in_the_admin() -> None:
    assert set(LISTS) | WITHOUT_LIST == {model._meta.label_lower for model in admin.site._registry}


@pytest.mark.parametrize("label", LISTS)
def test_a_list_asks_as_often_for_fifty_rows_as_for_five(label: str, desk: Desk, tour: Campaign) -> None:
    app, model = label.split(".")
    scope = "campaign_id" if model == "auditevent" else "campaign"
    is_scoped = app in ("entries", "codes", "waves", "exports", "core")
    is_scoped = is_scoped or model in ("market", "field", "content", "gate", "image", "faq", "grant", "approval")
    address = reverse(f"admin:{app}_{model}_changelist") + (f"?{scope}={tour.pk}" if is_scoped else "")
    LISTS[label](tour, FEW)
    few = asked(desk, address)

    clear(label, tour)
    LISTS[label](tour, MANY)
    many = asked(desk, address)

    assert len(many) == len(few), more(few, many)


def more(few: list[str], many: list[str]) -> str:
    """The statements of the longer list that the shorter one does not explain, for the reader of a failure."""
    return "\n".join(sorted((Counter(many) - Counter(few)).elements())[:20])


def clear(label: str, tour: Campaign) -> None:
    """Make room for more rows of the same names."""
    if label == "campaigns.campaign":
        Campaign.objects.exclude(pk=tour.pk).delete()
    elif label == "campaigns.venue":
        Venue.objects.filter(city="Graz").delete()
    elif label in ("campaigns.locale", "campaigns.content", "campaigns.image", "campaigns.faq"):
        tour.images.all().delete()
        tour.faqs.all().delete()
        tour.contents.filter(title="Titel").delete()
        Locale.objects.filter(code__endswith="_XX").delete()
    elif label == "viewers.staff":
        Staff.objects.filter(username__startswith="staff").delete()
    elif label == "campaigns.market":
        tour.markets.filter(code__startswith="M-").delete()
    elif label == "campaigns.field":
        tour.fields.filter(number__gte=100).delete()
    elif label == "entries.entry":
        tour.score_runs.all().delete()
        tour.entries.all().delete()
    elif label.startswith("codes."):
        Upload.objects.filter(campaign=tour).delete()
        CodeRange.objects.filter(pool__campaign=tour).delete()
        Hold.objects.filter(campaign=tour).delete()
        Code.objects.filter(campaign=tour).delete()
        Pool.objects.filter(campaign=tour).delete()
    elif label == "waves.wave":
        Draw.objects.filter(campaign=tour).delete()
        Wave.objects.filter(campaign=tour).delete()


def test_home_asks_as_often_for_fifty_rows_of_everything_as_for_five(desk: Desk, tour: Campaign) -> None:
    adders = [add_campaigns, add_entries, add_uploads, add_waves, add_exports]
    for add in adders:
        add(tour, FEW)
    Upload.objects.update(status="queued")
    few = asked(desk, reverse("admin:index"))

    for label in ("campaigns.campaign", "entries.entry", "codes.upload", "waves.wave"):
        clear(label, tour)
    for add in adders:
        add(tour, MANY)
    Upload.objects.update(status="queued")
    many = asked(desk, reverse("admin:index"))

    assert len(many) == len(few), more(few, many)
