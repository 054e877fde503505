"""Elsa works in another campaign and tries to learn something of this one: rows, counts, hits, lines, files, errors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse

from campaigns.models import Campaign, Content, Event, Field, Market
from codes.models import Code, Upload
from core.models import AuditEvent
from entries.models import Entry
from exports.models import Export
from tests.access.conftest import Walk
from waves.models import Wave

pytestmark = pytest.mark.django_db(transaction=True)
CANARY = "Zyxwsecret"
"""Stands in everything of the other campaign that has words."""


@dataclass(frozen=True)
class Hidden:
    """The keys of what Elsa must not learn of."""

    campaign: Campaign
    market: Market
    content: Content
    field: Field
    entry: Entry
    code: Code
    pool_id: int
    upload: Upload
    wave: Wave
    export: Export
    event_id: int


@pytest.fixture
def hidden(walk: Walk) -> Hidden:
    """The tour, with the canary in its words."""
    campaign = walk.tour.campaign
    Campaign.objects.filter(pk=campaign.pk).update(name=f"{CANARY} tour", domain="zyxwsecret-tour")
    campaign.refresh_from_db()
    campaign.contents.update(title=f"{CANARY} title")
    campaign.fields.update(label=f"{CANARY} label", label_en=f"{CANARY} label")
    campaign.waves.update(name=f"{CANARY} wave")
    Upload.objects.filter(campaign=campaign).update(file_name=f"{CANARY}.csv")
    Event.objects.filter(market__campaign=campaign).update(name=f"{CANARY} night")
    Entry.objects.filter(campaign=campaign).update(name=f"{CANARY} Fan")
    code = Code.objects.filter(campaign=campaign).order_by("pk")[0]
    return Hidden(
        campaign=campaign,
        market=campaign.markets.order_by("number")[0],
        content=campaign.contents.order_by("pk")[0],
        field=campaign.fields.order_by("pk")[0],
        entry=Entry.objects.filter(campaign=campaign).order_by("pk")[0],
        code=code,
        pool_id=campaign.pools.order_by("pk")[0].pk,
        upload=walk.tour.upload,
        wave=walk.tour.prepared,
        export=walk.tour.export,
        event_id=AuditEvent.objects.filter(campaign_id=campaign.pk).order_by("pk")[0].pk,
    )


def page(name: str, *arguments: object) -> str:
    """An address of the admin."""
    return reverse(f"admin:{name}", args=arguments)


Attempt = Callable[[Hidden], tuple[str, str, dict[str, Any]]]


def get(address: Callable[[Hidden], str]) -> Attempt:
    """Look at an address."""
    return lambda hidden: ("GET", address(hidden), {})


def post(address: Callable[[Hidden], str], **values: Any) -> Attempt:
    """Send a form or a body; a value that is called gets the hidden keys."""

    def attempt(hidden: Hidden) -> tuple[str, str, dict[str, Any]]:
        filled = {name: value(hidden) if callable(value) else value for name, value in values.items()}
        return "POST", address(hidden), filled

    return attempt


def domain_of(hidden: Hidden) -> str:
    """The hidden campaign's domain; she may guess it, but nothing confirms it."""
    return hidden.campaign.domain


def its(name: str, query: str = "campaign={pk}") -> Attempt:
    """Look at a list of the hidden campaign's rows."""
    return get(lambda hidden: f"{page(f'{name}_changelist')}?{query.format(pk=hidden.campaign.pk)}")


WAYS: dict[str, Attempt] = {
    # Lists and their counts
    "the list of campaigns": get(lambda h: page("campaigns_campaign_changelist")),
    "a search for the campaign": get(lambda h: page("campaigns_campaign_changelist") + "?q=Zyxw"),
    "a filter by its state": get(lambda h: page("campaigns_campaign_changelist") + "?status__exact=closed"),
    "its entries": its("entries_entry"),
    "its entries without naming it": get(lambda h: page("entries_entry_changelist")),
    "its entries, named twice": get(
        lambda h: page("entries_entry_changelist") + f"?campaign=0&campaign={h.campaign.pk}"
    ),
    "its entries by a lookup": get(
        lambda h: page("entries_entry_changelist") + f"?campaign__id__exact={h.campaign.pk}"
    ),
    "its entries through the kept filters": its("entries_entry", "_changelist_filters=campaign%3D{pk}"),
    "an entry by its ref": get(lambda h: page("entries_entry_changelist") + f"?q={h.entry.ref}"),
    "its codes": its("codes_code"),
    "a code by its value": get(lambda h: page("codes_code_find_page") + f"?campaign={h.campaign.pk}"),
    "its pools and their counts": its("codes_pool"),
    "its waves": its("waves_wave"),
    "its exports": its("exports_export"),
    "its history": its("core_auditevent", "campaign_id={pk}"),
    "everybody's history": get(lambda h: page("core_auditevent_changelist")),
    "a history line by its target": get(lambda h: page("core_auditevent_changelist") + f"?q={h.wave.pk}"),
    "who has access to it": its("viewers_grant"),
    # Pages of single rows
    "its own page": get(lambda h: page("campaigns_campaign_change", h.campaign.pk)),
    "a market's page": get(lambda h: page("campaigns_market_change", h.market.pk)),
    "a text's page": get(lambda h: page("campaigns_content_change", h.content.pk)),
    "a question's page": get(lambda h: page("campaigns_field_change", h.field.pk)),
    "an entry's page": get(lambda h: page("entries_entry_change", h.entry.pk)),
    "an upload's live part": get(lambda h: page("codes_upload_live_page", h.upload.pk)),
    "a wave's live part": get(lambda h: page("waves_wave_live_page", h.wave.pk)),
    "a wave's rules": get(lambda h: page("waves_wave_bundle_page", h.wave.pk, "rules.json")),
    "an export's file": get(lambda h: page("exports_export_download_page", h.export.pk)),
    "a wave's history": get(lambda h: page("waves_wave_history", h.wave.pk)),
    "the refused lines of an upload": get(lambda h: page("codes_upload_refused_page", h.upload.pk)),
    # Menus, searches, frames
    "an autocomplete": get(
        lambda h: page("autocomplete") + "?app_label=campaigns&model_name=market&field_name=venue&term=Zyxw"
    ),
    "the command palette": get(lambda h: page("search") + "?s=Zyxwsecret"),
    "home": get(lambda h: page("index")),
    # Changes, whose errors could tell something
    "a new wave in it": post(
        lambda h: page("waves_wave_add") + f"?campaign={h.campaign.pk}", local_0="2027-05-01T10:00"
    ),
    "revealing a fan": post(lambda h: page("entries_entry_reveal_page", h.entry.pk), reason="help"),
    "triggering its wave": post(lambda h: page("waves_wave_trigger_page", h.wave.pk), typed_name=f"{CANARY} tour"),
    "giving herself rights in it": post(
        lambda h: page("viewers_grant_person_page", "elsa") + f"?campaign={h.campaign.pk}", actions="view"
    ),
    # REST
    "the list by REST": get(lambda h: "/api/v1/campaigns/"),
    "its markets by REST": get(lambda h: f"/api/v1/campaigns/{domain_of(h)}/markets/"),
    "its code counts by REST": get(lambda h: f"/api/v1/codes/counts/?campaign={domain_of(h)}"),
    "its waves by REST": get(lambda h: f"/api/v1/waves/?campaign={domain_of(h)}"),
    "a wave by REST": get(lambda h: f"/api/v1/waves/{h.wave.pk}/"),
    "an upload by REST": get(lambda h: f"/api/v1/codes/uploads/{h.upload.pk}/"),
    "an export by REST": get(lambda h: f"/api/v1/exports/{h.export.pk}/"),
    "an export of it by REST": post(lambda h: "/api/v1/exports/", campaign=domain_of, dataset="entries"),
    "its wave in an export of hers": post(
        lambda h: "/api/v1/exports/", campaign="elsewhere", dataset="selection", wave=lambda h: h.wave.pk
    ),
    "a wave in it by REST": post(lambda h: "/api/v1/waves/", campaign=domain_of, local="2027-05-01T10:00"),
    "opening it by REST": post(lambda h: f"/api/v1/campaigns/{domain_of(h)}/open/"),
    "who she is and what she may": get(lambda h: "/api/v1/viewer/"),
}


def test_there_are_forty_ways_at_least() -> None:
    assert len(WAYS) >= 40


def state_of(hidden: Hidden) -> list[tuple[Any, ...]]:
    """Every row of the hidden campaign that an attempt could have made or changed, and all audit events."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 'wave', id::text, status FROM waves_wave WHERE campaign_id = %(id)s UNION ALL"
            " SELECT 'export', id::text, status FROM exports_export WHERE campaign_id = %(id)s UNION ALL"
            " SELECT 'grant', id::text, action FROM viewers_grant WHERE campaign_id = %(id)s UNION ALL"
            " SELECT 'campaign', id::text, status FROM campaigns_campaign WHERE id = %(id)s UNION ALL"
            " SELECT 'event', id::text, action FROM core_auditevent ORDER BY 1, 2",
            {"id": hidden.campaign.pk},
        )
        return list(cursor.fetchall())


def told_to(walk: Walk, identity: str, hidden: Hidden) -> dict[str, str]:
    """The ways on which somebody reads a canary, a code or a ref, with the beginning of what she reads."""
    client, told = walk.identities[identity].client, {}
    refs = [entry.ref[:8] for entry in Entry.objects.filter(campaign=hidden.campaign)[:50]]
    for way, attempt in WAYS.items():
        method, address, values = attempt(hidden)
        body: dict[str, Any] = {"data": values} if method == "POST" else {}
        if address.startswith("/api/") and method == "POST":
            body["content_type"] = "application/json"
        answer = getattr(client, method.lower())(address, headers={"host": "localhost"}, **body)
        text = answer.content.decode(errors="replace") + str(answer.headers.get("Location", ""))
        text = text.replace(address, "").replace(address.replace("&", "&amp;"), "")  # What she typed herself.
        if any(word in text.lower() for word in (CANARY.lower(), hidden.code.value.lower(), *refs)):
            told[way] = text[:300]
    return told


def test_none_of_forty_ways_tells_or_changes_anything(walk: Walk, hidden: Hidden) -> None:
    before = state_of(hidden)

    told = told_to(walk, "elsewhere", hidden)

    assert told == {}
    assert state_of(hidden) == before


def test_whoever_may_see_it_all_is_told_on_most_of_the_ways(walk: Walk, hidden: Hidden) -> None:
    assert len(told_to(walk, "supreme", hidden)) > len(WAYS) // 2


def test_what_is_not_there_answers_like_what_she_may_not_see(walk: Walk, hidden: Hidden) -> None:
    elsa, pools = walk.identities["elsewhere"].client, page("codes_pool_changelist")
    pairs = [
        (page("waves_wave_change", hidden.wave.pk), page("waves_wave_change", 987654)),
        (page("waves_wave_trigger_page", hidden.wave.pk), page("waves_wave_trigger_page", 987654)),
        (page("entries_entry_change", hidden.entry.pk), page("entries_entry_change", 987654)),
        (page("campaigns_market_change", hidden.market.pk), page("campaigns_market_change", 987654)),
        (f"{pools}?campaign={hidden.campaign.pk}", f"{pools}?campaign=987654"),
        (f"/api/v1/waves/{hidden.wave.pk}/", "/api/v1/waves/987654/"),
        (f"/api/v1/campaigns/{hidden.campaign.domain}/markets/", "/api/v1/campaigns/nowhere/markets/"),
        (f"/api/v1/waves/?campaign={hidden.campaign.domain}", "/api/v1/waves/?campaign=nowhere"),
    ]

    for real, made_up in pairs:
        answers = [elsa.get(address, headers={"host": "localhost"}) for address in (real, made_up)]
        assert answers[0].status_code == answers[1].status_code, real
        if real.startswith("/api/"):
            assert answers[0].content == answers[1].content, real
