"""What all tests share."""

import pytest
from pytest_django import Settings

from campaigns import published
from campaigns.models import Campaign
from tests import scenario
from viewers.models import Staff
from viewers.viewer import Viewer, viewer_of_staff


@pytest.fixture(autouse=True)
def fresh_memory(settings: Settings) -> None:
    """Have every read see the present set-up, and no sign-in cost half a second."""
    settings.PUBLISHED_SECONDS = 0.0
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    published._kept.clear()


@pytest.fixture
def supreme(db: None) -> Staff:
    """Sue, who may do everything."""
    return Staff.objects.create_superuser("sue", "sue@monoql.example", "correct horse")


@pytest.fixture
def operator(supreme: Staff) -> Viewer:
    """Sue, as the functions see her."""
    return viewer_of_staff(supreme)


@pytest.fixture
def clerk(db: None) -> Staff:
    """Carl, staff without any right."""
    return Staff.objects.create_user("carl", "carl@monoql.example", "correct horse", is_staff=True)


@pytest.fixture
def tour(db: None) -> Campaign:
    """The tour, open."""
    return scenario.open_tour()
