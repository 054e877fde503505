"""Who signs in, and with what."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from viewers.models import Staff

DOOR = "/admin/viewers/staff/"
"""A page that only those who are signed in see, and that shows little."""
PASSWORD = "correct horse"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def browser() -> Client:
    """A browser in which nobody has signed in."""
    return Client(headers={"host": "localhost", "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"})


@pytest.fixture
def everybody_needs_a_factor(settings: Settings) -> None:
    """A house that asks everybody for a second factor."""
    settings.STAFF_SECOND_FACTOR = "everybody"


def sign_in(browser: Client, name: str = "sue", password: str = PASSWORD, back: str = "/admin/") -> str:
    """Fill in the form; give where it leads, or nothing where it is shown again."""
    answer = browser.post(reverse("account_login"), {"login": name, "password": password, "next": back})
    return answer.headers.get("Location", "")


def give_app(staff: Staff) -> Authenticator:
    """Have an authenticator app set up."""
    factor: Authenticator = TOTP.activate(staff, SECRET).instance
    return factor


def code_of_app(secret: str = SECRET) -> str:
    """What the app shows now."""
    code: str = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    return code
