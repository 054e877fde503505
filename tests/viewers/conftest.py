"""Companies that vouch for people, and clients of the API."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from core.throttling import fan_requests
from tests.api.calling import Api
from tests.viewers.issuer import Company, company
from viewers.authentication import failed_sign_ins
from viewers.issuer_keys import forget_keys


@pytest.fixture(autouse=True)
def quiet_addresses() -> None:
    """Begin each test with nobody having asked anything, and no key known."""
    fan_requests.clear()
    failed_sign_ins.clear()
    forget_keys()


@pytest.fixture
def api() -> Api:
    """Anybody's program."""
    return Api()


@pytest.fixture
def trusted(settings: Settings) -> Iterator[Company]:
    """A company whose tokens this installation takes, and whose subjects may be staff."""
    with company() as found:
        settings.OUTSIDE_ISSUERS = (found.issuer(),)
        yield found
