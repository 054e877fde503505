"""Fresh proof: how long a sign-in counts, and the way there and back."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from core.models import AuditEvent
from tests.sign_in.conftest import DOOR, code_of_app, give_app, sign_in
from viewers.fresh_proof import ask_for_fresh_proof, has_fresh_proof
from viewers.models import Staff

pytestmark = pytest.mark.django_db
START = datetime(2027, 2, 1, 12, 0, tzinfo=UTC)
MINUTE = 60


def request_of(browser: Client, staff: Staff, method: str = "get") -> HttpRequest:
    """A request that the browser could send."""
    request: HttpRequest = getattr(RequestFactory(), method)("/admin/waves/wave/1/trigger/?campaign=2")
    request.session = browser.session
    request.user = staff
    return request


def test_a_sign_in_counts_for_fifteen_minutes(browser: Client, supreme: Staff) -> None:
    with time_machine.travel(START, tick=False) as clock:
        sign_in(browser)
        fresh = has_fresh_proof(request_of(browser, supreme))
        clock.shift(14 * MINUTE + 59)
        still = has_fresh_proof(request_of(browser, supreme))
        clock.shift(1)
        stale = has_fresh_proof(request_of(browser, supreme))

    assert (fresh, still, stale) == (True, True, False)


def test_nobody_and_somebody_else_have_none(browser: Client, supreme: Staff, clerk: Staff) -> None:
    sign_in(browser)
    stranger = request_of(browser, clerk)
    nobody = request_of(browser, supreme)
    nobody.user = AnonymousUser()

    assert not has_fresh_proof(stranger)
    assert not has_fresh_proof(nobody)


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_way_leads_back_to_the_page_by_get(browser: Client, supreme: Staff, method: str) -> None:
    sign_in(browser)

    answer = ask_for_fresh_proof(request_of(browser, supreme, method))

    way = urlsplit(answer.headers["Location"])
    assert way.path == reverse("account_reauthenticate")
    assert parse_qs(way.query)["next"] == ["/admin/waves/wave/1/trigger/?campaign=2"]


def test_the_password_is_a_fresh_proof(browser: Client, supreme: Staff) -> None:
    with time_machine.travel(START, tick=False) as clock:
        sign_in(browser)
        clock.shift(20 * MINUTE)
        way = ask_for_fresh_proof(request_of(browser, supreme)).headers["Location"]
        wrong = browser.post(way, {"password": "wrong"})
        between = has_fresh_proof(request_of(browser, supreme))
        answer = browser.post(way, {"password": "correct horse"})
        after = has_fresh_proof(request_of(browser, supreme))

    assert "This is not your password." in wrong.content.decode()
    assert (between, after) == (False, True)
    assert answer.headers["Location"] == "/admin/waves/wave/1/trigger/?campaign=2"
    assert AuditEvent.objects.filter(action="staff.sign_in_failed", target_id=str(supreme.pk)).count() == 1


def test_a_code_of_the_app_is_a_fresh_proof(browser: Client, supreme: Staff) -> None:
    with time_machine.travel(START, tick=False) as clock:
        give_app(supreme)
        sign_in(browser)
        browser.post(reverse("mfa_authenticate"), {"code": code_of_app()})
        clock.shift(20 * MINUTE)
        page = browser.get(reverse("account_reauthenticate")).content.decode()
        browser.post(reverse("mfa_reauthenticate"), {"code": code_of_app()})

        assert "Use a code from the app" in page
        assert has_fresh_proof(request_of(browser, supreme))


def test_how_one_signs_in_is_changed_with_a_fresh_proof_only(browser: Client, supreme: Staff) -> None:
    with time_machine.travel(START, tick=False) as clock:
        sign_in(browser)
        clock.shift(20 * MINUTE)
        give_app(supreme)
        pages = ["mfa_deactivate_totp", "mfa_add_webauthn", "mfa_generate_recovery_codes", "mfa_view_recovery_codes"]
        ways = [browser.post(reverse(page)).headers["Location"] for page in pages]

    assert all(way.startswith(reverse("account_reauthenticate")) for way in ways)
    assert Authenticator.objects.filter(user=supreme).count() == 1


def test_an_account_without_a_password_signs_in_again(browser: Client, supreme: Staff) -> None:
    sign_in(browser)
    supreme.set_unusable_password()
    supreme.save()
    request = browser.get(DOOR).wsgi_request
    request.session, request.user = browser.session, supreme

    answer = ask_for_fresh_proof(request, back="/admin/")

    assert answer.headers["Location"] == f"{reverse('account_login')}?next=%2Fadmin%2F"
