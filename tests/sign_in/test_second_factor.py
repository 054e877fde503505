"""The second factor: set up, asked for, demanded, lost."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from campaigns.models import Campaign
from core.models import AuditEvent
from tests.sign_in.conftest import DOOR, SECRET, code_of_app, give_app, sign_in
from viewers.models import Grant, Staff
from viewers.permissions import Action
from viewers.second_factor import must_have_second_factor

pytestmark = pytest.mark.django_db
CODES = "mfa_view_recovery_codes"


def add_app(browser: Client) -> list[str]:
    """Set up the app in the browser; give the recovery codes that are shown then."""
    page = browser.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    answer = browser.post(reverse("mfa_activate_totp"), {"code": code_of_app(secret)})
    assert answer.headers["Location"] == reverse(CODES)
    return list(browser.get(reverse(CODES)).context["unused_codes"])


def give(staff: Staff, action: Action, by: Staff, campaign: Campaign | None = None, **more: datetime) -> None:
    """Grant a right."""
    Grant.objects.create(
        staff=staff, campaign=campaign, action=action, granted_at=timezone.now(), granted_by=by, **more
    )


def test_an_app_is_set_up_and_asked_for_at_the_next_sign_in(browser: Client, supreme: Staff) -> None:
    sign_in(browser)
    codes = add_app(browser)
    browser.post(reverse("account_logout"))

    led_to = sign_in(browser)
    halfway = browser.get(DOOR).status_code
    answer = browser.post(reverse("mfa_authenticate"), {"code": codes[0]})

    assert led_to == reverse("mfa_authenticate")
    assert halfway == 302
    assert answer.headers["Location"] == "/admin/"
    assert len(codes) == 10
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert actions == [
        "staff.sign_in",
        "staff.add_second_factor",
        "staff.make_recovery_codes",
        "staff.sign_out",
        "staff.sign_in",
    ]
    assert AuditEvent.objects.order_by("-pk")[0].changes == {"proof": ["", "password, recovery_codes"]}


def test_the_secret_is_sealed_and_stands_nowhere_else(browser: Client, supreme: Staff) -> None:
    sign_in(browser)
    page = browser.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    browser.post(reverse("mfa_activate_totp"), {"code": code_of_app(secret)})

    stored = str(list(Authenticator.objects.values()))
    assert secret in page.content.decode()
    assert secret not in stored
    assert secret not in str(list(AuditEvent.objects.values()))


def test_a_code_of_the_app_opens_once(browser: Client, supreme: Staff) -> None:
    give_app(supreme)
    other = Client(headers={"host": "localhost"})
    with time_machine.travel(datetime(2027, 2, 1, 12, 0, tzinfo=UTC), tick=False):
        code = code_of_app()
        for desk in (browser, other):
            sign_in(desk)
        first = browser.post(reverse("mfa_authenticate"), {"code": code})
        second = other.post(reverse("mfa_authenticate"), {"code": code})

    assert first.status_code == 302
    assert "not right, or used already" in second.content.decode()


def test_a_recovery_code_works_once(browser: Client, supreme: Staff) -> None:
    sign_in(browser)
    [code, *_rest] = add_app(browser)
    browser.post(reverse("account_logout"))
    sign_in(browser)
    browser.post(reverse("mfa_authenticate"), {"code": code})
    browser.post(reverse("account_logout"))
    sign_in(browser)

    answer = browser.post(reverse("mfa_authenticate"), {"code": code})

    assert "not right, or used already" in answer.content.decode()
    assert AuditEvent.objects.get(action="staff.sign_in_failed").changes == {"proof": ["", "totp"]}


def test_recovery_codes_are_shown_once(browser: Client, supreme: Staff) -> None:
    sign_in(browser)
    codes = add_app(browser)

    again = browser.get(reverse(CODES)).content.decode()

    assert not any(code in again for code in codes)
    assert "Make new codes" in again


def test_guessing_codes_is_stopped(browser: Client, supreme: Staff) -> None:
    give_app(supreme)
    sign_in(browser)

    texts = [browser.post(reverse("mfa_authenticate"), {"code": f"00000{n}"}).content.decode() for n in range(6)]

    assert "Too many attempts failed" in texts[-1]
    assert browser.post(reverse("mfa_authenticate"), {"code": code_of_app()}).status_code == 200


@pytest.mark.usefixtures("everybody_needs_a_factor")
def test_whoever_lacks_a_demanded_factor_sees_only_the_page_that_sets_it_up(browser: Client, supreme: Staff) -> None:
    sign_in(browser)
    pages = ["/admin/", "/admin/viewers/staff/", "/admin/campaigns/campaign/add/", "/admin/password_change/"]

    answers = {browser.get(page).headers["Location"] for page in pages}
    part = browser.get("/admin/viewers/staff/", headers={"hx-request": "true"})
    api = browser.get("/api/v1/artists/")
    text = browser.get(reverse("mfa_index")).content.decode()

    assert answers == {reverse("mfa_index")}
    assert part.headers["HX-Redirect"] == reverse("mfa_index")
    assert (api.status_code, api.json()["code"]) == (403, "second_factor_needed")
    assert "With your rights you need one before you can work here." in text
    assert browser.post("/admin/logout/").headers["Location"] == reverse("account_login")


@pytest.mark.usefixtures("everybody_needs_a_factor")
def test_with_the_factor_the_admin_opens(browser: Client, supreme: Staff) -> None:
    sign_in(browser)
    add_app(browser)

    assert browser.get(DOOR).status_code == 200
    assert browser.get("/api/v1/artists/").status_code == 200


@pytest.mark.usefixtures("everybody_needs_a_factor")
def test_a_recovery_code_alone_is_no_second_factor(browser: Client, supreme: Staff) -> None:
    sign_in(browser)
    Authenticator.objects.create(user=supreme, type=Authenticator.Type.RECOVERY_CODES, data={})

    assert browser.get(DOOR).headers["Location"] == reverse("mfa_index")


def test_dangerous_rights_demand_a_factor(supreme: Staff, clerk: Staff, tour: Campaign, settings: Settings) -> None:
    settings.STAFF_SECOND_FACTOR = "dangerous"
    give(clerk, Action.VIEW, supreme, tour)
    give(clerk, Action.EDIT_CONTENT, supreme, tour)

    assert must_have_second_factor(supreme)
    assert not must_have_second_factor(clerk)
    for action in (Action.RUN_WAVES, Action.EXPORT, Action.SEE_PERSONAL_DATA, Action.GRANT_ACCESS):
        give(clerk, action, supreme, tour)
        assert must_have_second_factor(clerk), action
        Grant.objects.filter(staff=clerk, action=action).delete()
    give(clerk, Action.MANAGE_STAFF, supreme)
    assert must_have_second_factor(clerk)


def test_a_right_that_has_ended_demands_nothing(
    supreme: Staff, clerk: Staff, tour: Campaign, settings: Settings
) -> None:
    settings.STAFF_SECOND_FACTOR = "dangerous"
    give(clerk, Action.EXPORT, supreme, tour, ends_at=timezone.now() + timedelta(hours=1))

    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        assert not must_have_second_factor(clerk)


def test_a_lost_phone_is_helped_by_whoever_manages_staff(browser: Client, supreme: Staff, clerk: Staff) -> None:
    give_app(clerk)
    desk = Client(headers={"host": "localhost"})
    sign_in(desk, "carl")
    desk.post(reverse("mfa_authenticate"), {"code": code_of_app()})
    sign_in(browser)
    page = browser.get(reverse("admin:viewers_staff_change", args=[clerk.pk])).content.decode()

    browser.post(reverse("admin:viewers_staff_remove_factor_page", args=[clerk.pk]), {"reason": "lost phone"})

    assert "authenticator app" in page
    assert desk.get(DOOR).status_code == 302
    assert sign_in(Client(headers={"host": "localhost"}), "carl") == "/admin/"
    event = AuditEvent.objects.get(action="staff.remove_second_factor")
    assert (event.actor_label, event.target_id, event.reason) == ("sue", str(clerk.pk), "lost phone")
    assert SECRET not in str(list(AuditEvent.objects.values()))


def test_she_removes_her_app_herself_and_the_recovery_codes_go_with_it(browser: Client, supreme: Staff) -> None:
    sign_in(browser)
    add_app(browser)

    browser.post(reverse("mfa_deactivate_totp"))

    assert Authenticator.objects.count() == 0
    assert AuditEvent.objects.get(action="staff.remove_second_factor").changes == {"factor": ["totp", ""]}
