"""Signing in with name and password: who gets in, who is told what, and what is recorded."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from core.models import AuditEvent
from tests.sign_in.conftest import DOOR, sign_in
from viewers.models import Staff

pytestmark = pytest.mark.django_db


def events(action: str) -> list[AuditEvent]:
    """What the trail holds of an action."""
    return list(AuditEvent.objects.filter(action=action).order_by("pk"))


@pytest.mark.parametrize("name", ["sue", "sue@monoql.example", "SUE@monoql.example"])
def test_the_right_password_opens_the_page_that_was_asked_for(browser: Client, supreme: Staff, name: str) -> None:
    asked = browser.get("/admin/viewers/staff/", follow=True).redirect_chain[-1][0]

    led_to = sign_in(browser, name, back="/admin/viewers/staff/")

    assert asked.startswith("/staff/login/?next=")
    assert led_to == "/admin/viewers/staff/"
    assert browser.get(led_to).status_code == 200
    [event] = events("staff.sign_in")
    assert (event.actor_id, event.target_id) == (str(supreme.pk), str(supreme.pk))
    assert event.changes == {"proof": ["", "password"]}


def test_nobody_is_led_to_another_site(browser: Client, supreme: Staff) -> None:
    assert sign_in(browser, back="https://evil.example/") == "/admin/"


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(browser: Client, supreme: Staff) -> None:
    page = reverse("account_login")

    wrong = browser.post(page, {"login": "sue", "password": "wrong"}).content.decode()
    unknown = browser.post(page, {"login": "secret-typed-as-name", "password": "wrong"}).content.decode()

    assert "This name and this password do not belong together." in wrong
    assert "This name and this password do not belong together." in unknown
    assert browser.get(DOOR).status_code == 302
    [event] = events("staff.sign_in_failed")
    assert (event.actor_kind, event.actor_id, event.target_id) == ("fan", "", str(supreme.pk))
    assert "secret-typed-as-name" not in str(list(AuditEvent.objects.values()))


def test_after_five_wrong_passwords_the_right_one_waits_too(browser: Client, supreme: Staff) -> None:
    with time_machine.travel(datetime(2027, 2, 1, 12, 0, tzinfo=UTC), tick=False) as clock:
        for _attempt in range(5):
            sign_in(browser, password="wrong")
        answer = browser.post(reverse("account_login"), {"login": "sue", "password": "correct horse"})
        elsewhere = sign_in(Client(headers={"host": "localhost"}, REMOTE_ADDR="192.0.2.7"))
        clock.shift(301)
        later = sign_in(browser)

    assert "Too many attempts failed. Wait five minutes" in answer.content.decode()
    assert elsewhere == ""
    assert later == "/admin/"
    assert len(events("staff.sign_in_failed")) == 5


def test_an_address_that_asks_too_often_is_slowed_down(browser: Client, supreme: Staff) -> None:
    answers = [browser.post(reverse("account_login"), {"login": f"name {n}", "password": "x"}) for n in range(31)]

    assert answers[-1].status_code == 429
    assert "Too many attempts" in answers[-1].content.decode()


@pytest.mark.parametrize("flag", ["is_active", "is_staff"])
def test_an_account_that_is_switched_off_or_not_of_staff_stays_out(browser: Client, clerk: Staff, flag: str) -> None:
    Staff.objects.filter(pk=clerk.pk).update(**{flag: False})

    assert sign_in(browser, "carl") == reverse("account_inactive")
    assert "switched off" in browser.get(reverse("account_inactive")).content.decode()
    assert browser.get(DOOR).status_code == 302
    assert events("staff.sign_in") == []


def test_a_new_session_begins_at_the_sign_in(browser: Client, supreme: Staff) -> None:
    browser.get(reverse("account_login"))
    browser.session.save()
    before = browser.session.session_key

    sign_in(browser)

    assert browser.session.session_key != before


@pytest.mark.parametrize("address", ["/admin/logout/", "/staff/logout/"])
def test_signing_out_ends_the_session(browser: Client, supreme: Staff, address: str) -> None:
    sign_in(browser)
    kept = browser.cookies["sessionid"].value

    answer = browser.post(address)
    browser.cookies["sessionid"] = kept

    assert answer.headers["Location"] == reverse("account_login")
    assert browser.get(DOOR).status_code == 302
    assert [event.actor_label for event in events("staff.sign_out")] == ["sue"]


def test_nobody_signs_up_and_unused_pages_are_not_there(browser: Client, supreme: Staff) -> None:
    sign_in(browser)
    pages = ("signup/", "email/", "password/reset/", "password/set/", "confirm-email/", "login/code/", "social/signup/")

    assert {browser.get(f"/staff/{page}").status_code for page in pages} == {404}


def test_her_new_password_ends_her_other_sessions(browser: Client, supreme: Staff) -> None:
    sign_in(browser)
    other = Client(headers={"host": "localhost"})
    sign_in(other)
    new = "an-odd-word-42"
    form = {"oldpassword": "correct horse", "password1": new, "password2": new}

    answer = browser.post(reverse("account_change_password"), form)

    supreme.refresh_from_db()
    assert answer.headers["Location"] == reverse("mfa_index")
    assert supreme.check_password(new)
    assert browser.get(DOOR).status_code == 200
    assert other.get(DOOR).status_code == 302
    assert len(events("staff.password")) == 1
    assert new not in str(list(AuditEvent.objects.values()))


def test_the_sign_in_tells_of_the_demo_only_on_a_development_machine(browser: Client, settings: Settings) -> None:
    texts = {}
    for is_development in (True, False):
        settings.DEVELOPMENT = is_development
        texts[is_development] = browser.get(reverse("account_login")).content.decode()

    assert "<code>demo</code>" in texts[True]
    assert "without a second factor" in texts[True]
    assert "demo" not in texts[False]


def test_the_sign_in_runs_no_inline_script(browser: Client) -> None:
    policy = browser.get(reverse("account_login")).headers["Content-Security-Policy"]

    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy


def test_the_pages_are_english_whatever_the_browser_speaks(browser: Client, supreme: Staff) -> None:
    text = browser.get(reverse("account_login"), headers={"accept-language": "de"}).content.decode()

    assert "Password</label>" in text
