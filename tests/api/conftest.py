"""Clients of the API."""

import pytest
from pytest_django import Settings

from core.throttling import fan_requests
from tests.api.calling import Api, signed_in
from viewers.authentication import failed_sign_ins
from viewers.models import Staff


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    """Hash passwords in no time: dozens of tests make an account."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def quiet_addresses() -> None:
    """Begin each test with nobody having asked anything."""
    fan_requests.clear()
    failed_sign_ins.clear()


@pytest.fixture
def api() -> Api:
    """A fan's program, or anybody's."""
    return Api()


@pytest.fixture
def staff(supreme: Staff) -> Api:
    """Sue's program, signed in by session."""
    return signed_in(supreme)


@pytest.fixture
def clerk_api(clerk: Staff) -> Api:
    """The program of Carl, who has no right."""
    return signed_in(clerk)
