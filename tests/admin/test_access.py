"""How the admin meets people with and without rights; who may open what is walked in tests/access."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign
from core.admin_base import ConsoleAdmin
from tests.admin.conftest import Desk
from viewers.models import Staff

pytestmark = pytest.mark.django_db(transaction=True)
OTHERS = {"auth.group"}


def consoles() -> list[ConsoleAdmin[Any]]:
    """The pages of every model in the admin."""
    return [console for console in admin.site._registry.values() if isinstance(console, ConsoleAdmin)]


def test_every_model_in_the_admin_is_guarded() -> None:
    found = {model._meta.label_lower for model in admin.site._registry}

    assert found == {console.opts.label_lower for console in consoles()}


def test_staff_without_rights_find_a_friendly_home_and_no_menu(clerk_desk: Desk) -> None:
    text = clerk_desk.get(reverse("admin:index")).content.decode()

    assert "nobody has given you a campaign yet" in text
    assert reverse("admin:campaigns_campaign_changelist") not in text


def test_signing_in_leads_home(supreme: Staff) -> None:
    browser = Client(headers={"host": "localhost"})
    page = browser.get("/admin/", follow=True).content.decode()

    answer = browser.post(
        reverse("account_login"), {"login": "sue", "password": "correct horse", "next": reverse("admin:index")}
    )

    assert 'name="next" value="/admin/"' in page
    assert answer.headers["Location"] == "/admin/"


def test_a_row_that_is_gone_is_told_kindly(desk: Desk, tour: Campaign) -> None:
    for name in ("waves_wave_trigger_page", "campaigns_campaign_close_page", "waves_wave_change"):
        answer = desk.get(reverse(f"admin:{name}", args=[987654]))
        assert answer.status_code == 404
        assert "It may have been deleted" in answer.content.decode()


def test_menus_and_the_search_tell_nothing_to_staff_without_rights(
    clerk_desk: Desk, desk: Desk, tour: Campaign
) -> None:
    menu = f"{reverse('admin:autocomplete')}?app_label=campaigns&model_name=campaign&field_name=artist&term=aurora"
    search = f"{reverse('admin:search')}?s=aurora"

    assert clerk_desk.get(menu).status_code == 403
    assert "Aurora" not in clerk_desk.get(search).content.decode()
    assert "Aurora Vale 2027" in desk.get(search).content.decode()
