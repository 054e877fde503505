"""Who sees the admin: each page answers supreme staff, and nobody else."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign
from core.admin_base import ConsoleAdmin
from core.models import AuditEvent
from tests.admin.conftest import Desk, Tour
from viewers.models import Staff

pytestmark = pytest.mark.django_db(transaction=True)
OTHERS = {"auth.group"}


def consoles() -> list[ConsoleAdmin[Any]]:
    """The pages of every model in the admin."""
    return [console for console in admin.site._registry.values() if isinstance(console, ConsoleAdmin)]


def rows_of(tour: Tour, sue: Staff) -> dict[str, Any]:
    """One object of each model, by label."""
    campaign = tour.campaign
    return {
        "campaigns.campaign": campaign,
        "campaigns.artist": campaign.artist,
        "campaigns.venue": campaign.markets.select_related("venue").order_by("pk")[0].venue,
        "campaigns.locale": campaign.default_locale,
        "campaigns.market": campaign.markets.order_by("pk")[0],
        "campaigns.field": campaign.fields.order_by("pk")[0],
        "campaigns.content": campaign.contents.order_by("pk")[0],
        "entries.entry": campaign.entries.order_by("pk")[0],
        "codes.upload": tour.upload,
        "waves.wave": tour.prepared,
        "exports.export": tour.export,
        "viewers.staff": sue,
    }


def addresses(tour: Tour, sue: Staff) -> Iterator[str]:
    """Every address of the admin that somebody could open."""
    rows = rows_of(tour, sue)
    yield reverse("admin:index")
    for console in consoles():
        opts = console.opts
        name = f"admin:{opts.app_label}_{opts.model_name}"
        field = getattr(console, "campaign_field", "campaign")
        scope = f"?{field}={tour.campaign.pk}"
        yield reverse(f"{name}_changelist") + scope
        if console.can_add:
            yield reverse(f"{name}_add") + scope
        row = rows.get(opts.label_lower)
        if row is not None:
            yield reverse(f"{name}_change", args=[row.pk])
            yield reverse(f"{name}_history", args=[row.pk])
        for page in console.pages:
            arguments = [row.pk] if row is not None and "<path:object_id>" in page.address else []
            arguments += ["rules.json"] if "<str:name>" in page.address else []
            yield reverse(f"admin:{console.page_name(page.method)}", args=arguments) + scope


def test_every_model_in_the_admin_is_guarded() -> None:
    found = {model._meta.label_lower for model in admin.site._registry}

    assert found == {console.opts.label_lower for console in consoles()}


def test_every_page_answers_supreme_staff(desk: Desk, whole_tour: Tour, supreme: Staff) -> None:
    wrong = {}
    for address in addresses(whole_tour, supreme):
        answer = desk.get(address)
        if answer.status_code not in (200, 302):
            wrong[address] = answer.status_code

    assert wrong == {}


def test_no_page_answers_staff_without_rights(clerk_desk: Desk, whole_tour: Tour, supreme: Staff) -> None:
    index = reverse("admin:index")

    answers = {address: clerk_desk.get(address) for address in addresses(whole_tour, supreme) if address != index}

    assert {address: answer.status_code for address, answer in answers.items() if answer.status_code != 403} == {}
    assert all("You have no rights here yet" in answer.content.decode() for answer in answers.values())


def test_no_button_works_for_staff_without_rights(clerk_desk: Desk, whole_tour: Tour, supreme: Staff) -> None:
    events = AuditEvent.objects.count()

    answers = [
        clerk_desk.post(address, {"typed_name": whole_tour.campaign.name, "reason": "why not"})
        for address in addresses(whole_tour, supreme)
        if address != reverse("admin:index")
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert AuditEvent.objects.count() == events


def test_whoever_has_not_signed_in_is_led_to_the_sign_in(whole_tour: Tour, supreme: Staff) -> None:
    nobody = Client(headers={"host": "localhost"})

    answers = {address: nobody.get(address) for address in addresses(whole_tour, supreme)}

    assert {answer.status_code for answer in answers.values()} == {302}
    assert all("/admin/login/" in answer.headers["Location"] for answer in answers.values())


def test_staff_without_rights_find_a_friendly_home_and_no_menu(clerk_desk: Desk) -> None:
    text = clerk_desk.get(reverse("admin:index")).content.decode()

    assert "nobody has given you a campaign yet" in text
    assert reverse("admin:campaigns_campaign_changelist") not in text


def test_signing_in_leads_home(supreme: Staff) -> None:
    browser = Client(headers={"host": "localhost"})
    page = browser.get("/admin/login/").content.decode()

    answer = browser.post(
        "/admin/login/", {"username": "sue", "password": "correct horse", "next": reverse("admin:index")}
    )

    assert 'name="next" value="/admin/"' in page
    assert answer.headers["Location"] == "/admin/"


def test_a_row_that_is_gone_leads_back_to_its_list(desk: Desk, tour: Campaign) -> None:
    for name in ("waves_wave_trigger_page", "campaigns_campaign_close_page"):
        answer = desk.get(reverse(f"admin:{name}", args=[987654]))
        assert answer.status_code == 302


def test_menus_and_the_search_tell_nothing_to_staff_without_rights(
    clerk_desk: Desk, desk: Desk, tour: Campaign
) -> None:
    menu = f"{reverse('admin:autocomplete')}?app_label=campaigns&model_name=campaign&field_name=artist&term=aurora"
    search = f"{reverse('admin:search')}?s=aurora"

    assert clerk_desk.get(menu).status_code == 403
    assert "Aurora" not in clerk_desk.get(search).content.decode()
    assert "Aurora Vale 2027" in desk.get(search).content.decode()
