"""What all tests share."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from allauth.account.internal.flows.login import record_authentication
from django.contrib.auth.signals import user_logged_in
from django.db import connection
from django.http import HttpRequest
from django.utils import translation
from pytest_django import DjangoDbBlocker, Settings

from campaigns import published
from campaigns.models import Campaign
from entries import sending
from tests import emptying, scenario
from viewers.models import Staff
from viewers.viewer import Viewer, viewer_of_staff


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """The test database, whose audit trail may be emptied between tests; nothing else of its rules is off."""
    emptying.install()
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table in ("core_auditevent", "core_auditseal"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_never_emptied")


@pytest.fixture(autouse=True)
def fresh_memory(settings: Settings) -> None:
    """Have every read see the present set-up, and no sign-in cost half a second."""
    settings.PUBLISHED_SECONDS = 0.0
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CACHES = {"default": {**settings.CACHES["default"], "KEY_PREFIX": f"tests-{uuid4()}"}}
    settings.MAIL_CONNECTIONS = 1  # Other threads would not see what a test has not committed.
    sending._PAUSE["until"] = 0.0
    published._kept.clear()


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Begin each test in English: a language that a request leaves behind must not colour the next one."""
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def force_login_is_a_proof() -> Iterator[None]:
    """Have ``client.force_login``, which takes no password, leave the proof that a sign-in leaves."""

    def prove(request: HttpRequest, user: Staff, **_rest: Any) -> None:
        if not request.path:  # A request that the client made up to force a sign-in.
            record_authentication(request, user, "password")

    user_logged_in.connect(prove)
    yield
    user_logged_in.disconnect(prove)


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
