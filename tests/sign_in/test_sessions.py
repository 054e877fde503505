"""How long a session lives, and who ends it."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from core.models import AuditEvent
from core.refusal import NotAllowed
from tests.sign_in.conftest import DOOR, give_app, sign_in
from viewers.models import Grant, Staff
from viewers.permissions import Action
from viewers.sessions import end_all_sessions, end_own_sessions, sessions_of
from viewers.viewer import viewer_of_staff

pytestmark = pytest.mark.django_db
START = datetime(2027, 2, 1, 12, 0, tzinfo=UTC)
LIVE = "/admin/codes/upload/none/live/"
MINUTE = 60


@pytest.fixture
def manager(clerk: Staff, supreme: Staff) -> Staff:
    """Carl, who may manage staff."""
    Grant.objects.create(staff=clerk, action=Action.MANAGE_STAFF, granted_at=START, granted_by=supreme)
    return clerk


def test_a_session_without_activity_ends_and_says_why(browser: Client, supreme: Staff) -> None:
    with time_machine.travel(START, tick=False) as clock:
        sign_in(browser)
        clock.shift(29 * MINUTE)
        assert browser.get(DOOR).status_code == 200
        clock.shift(29 * MINUTE)
        assert browser.get(DOOR).status_code == 200
        clock.shift(31 * MINUTE)
        page = browser.get("/admin/viewers/staff/", follow=True)

    assert page.redirect_chain[-1][0].startswith("/staff/login/?next=%2Fadmin%2Fviewers%2Fstaff%2F")
    assert "You were signed out after 30 minutes without activity." in page.content.decode()
    event = AuditEvent.objects.get(action="staff.sign_out")
    assert (event.actor_kind, event.reason) == ("clock", "Ended after 30 minutes without activity.")


def test_a_page_that_asks_by_itself_keeps_no_session_alive(browser: Client, supreme: Staff) -> None:
    poll = {"hx-request": "true"}
    with time_machine.travel(START, tick=False) as clock:
        sign_in(browser)
        browser.get(DOOR)
        for _minute in range(5):
            clock.shift(5 * MINUTE)
            browser.get(LIVE, headers=poll)
        clock.shift(6 * MINUTE)
        answer = browser.get(LIVE, headers=poll)

    assert answer.headers["HX-Refresh"] == "true"
    assert "_auth_user_id" not in browser.session


def test_activity_is_written_at_most_once_a_minute(browser: Client, supreme: Staff) -> None:
    with time_machine.travel(START, tick=False) as clock:
        sign_in(browser)
        browser.get(DOOR)
        first = browser.session["staff_session_active"]
        clock.shift(59)
        browser.get(DOOR)
        assert browser.session["staff_session_active"] == first
        clock.shift(1)
        browser.get(DOOR)

        assert browser.session["staff_session_active"] == first + 60
        assert sessions_of(supreme)[0].seen_at.timestamp() == first + 60


def test_no_session_outlives_its_hours_however_busy(browser: Client, supreme: Staff, settings: Settings) -> None:
    settings.STAFF_SESSION_HOURS = 2
    with time_machine.travel(START, tick=False) as clock:
        sign_in(browser)
        answers = []
        for _step in range(7):
            answers.append(browser.get(DOOR).status_code)
            clock.shift(20 * MINUTE)

    assert answers == [200] * 6 + [302]


def test_fans_pages_ask_for_no_session(client: Client) -> None:
    assert "Cookie" not in client.get("/healthz").headers.get("Vary", "")


def test_a_session_that_is_ended_elsewhere_is_gone_at_once(browser: Client, supreme: Staff) -> None:
    stolen = Client(headers={"host": "localhost", "user-agent": "Mozilla/5.0 (Windows NT 10.0) Chrome/140.0"})
    sign_in(stolen)
    sign_in(browser)
    page = browser.get(reverse("mfa_index")).content.decode()
    [row] = [session for session in sessions_of(supreme) if session.browser == "Chrome on Windows"]

    browser.post(reverse("staff-end-sessions"), {"session": row.pk})

    assert "Firefox on Linux" in page
    assert "Chrome on Windows" in page
    assert stolen.get(DOOR).status_code == 302
    assert browser.get(DOOR).status_code == 200
    assert AuditEvent.objects.get(action="staff.end_sessions").actor_label == "sue"


def test_all_other_sessions_end_together(browser: Client, supreme: Staff) -> None:
    others = [Client(headers={"host": "localhost"}) for _other in range(3)]
    for desk in (*others, browser):
        sign_in(desk)

    browser.post(reverse("staff-end-sessions"))

    assert {desk.get(DOOR).status_code for desk in others} == {302}
    assert browser.get(DOOR).status_code == 200


def test_nobody_ends_anothers_session_by_its_number(browser: Client, supreme: Staff, clerk: Staff) -> None:
    desk = Client(headers={"host": "localhost"})
    sign_in(desk)
    sign_in(browser, "carl")
    [row] = sessions_of(supreme)

    browser.post(reverse("staff-end-sessions"), {"session": row.pk})

    assert desk.get(DOOR).status_code == 200
    with pytest.raises(NotAllowed):
        end_own_sessions(staff=supreme, session_ids=[row.pk], actor=viewer_of_staff(clerk), now=START)


def test_staff_who_manage_staff_end_anothers_sessions(browser: Client, supreme: Staff, clerk: Staff) -> None:
    desk = Client(headers={"host": "localhost"})
    sign_in(desk, "carl")
    sign_in(browser)

    page = browser.get(reverse("admin:viewers_staff_change", args=[clerk.pk])).content.decode()
    browser.post(reverse("admin:viewers_staff_end_sessions_page", args=[clerk.pk]), {"reason": "left the company"})

    assert "Another program, 127.0.0.1" in page
    assert desk.get(DOOR).status_code == 302
    event = AuditEvent.objects.get(action="staff.end_sessions")
    assert (event.actor_label, event.target_id, event.reason) == ("sue", str(clerk.pk), "left the company")


def test_a_supreme_admin_is_left_alone_by_those_who_are_none(supreme: Staff, manager: Staff) -> None:
    give_app(supreme)

    with pytest.raises(NotAllowed, match="Only a supreme admin"):
        end_all_sessions(staff=supreme, actor=viewer_of_staff(manager), now=START)


def test_without_the_right_nothing_ends(supreme: Staff, clerk: Staff) -> None:
    with pytest.raises(NotAllowed):
        end_all_sessions(staff=clerk, actor=viewer_of_staff(clerk), now=START)
