"""Whatever goes wrong for a fan, each of her addresses says so in the one shape, and in her language."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import OperationalError
from django.test import RequestFactory
from pytest_django import Settings
from rest_framework.mixins import ListModelMixin
from rest_framework.pagination import CursorPagination

from campaigns.api.campaign import OneCampaign
from campaigns.api.fan import FanEndpoint
from campaigns.models import Campaign, Locale
from core.api import refusal_handler
from core.refusal import Refusal
from core.throttling import BURST_SECONDS, FanThrottle
from entries.models import Entry
from entries.proof import fan_token
from tests import scenario
from tests.api.addresses import Address, addresses
from tests.api.calling import Answer, Api, is_error

pytestmark = pytest.mark.django_db
FOR_FANS = [address for address in addresses() if issubclass(address.view, FanEndpoint | OneCampaign)]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE")
LANGUAGES = ("en", "de", "ar")


def methods_of(address: Address) -> list[str]:
    """What fans may do there."""
    return ["GET"] if address.view is OneCampaign else address.methods


def each(*methods: str) -> list[Any]:
    """The fans' addresses, by method."""
    return [
        pytest.param(method, address.path, id=f"{method} {address.path}")
        for address in FOR_FANS
        for method in methods_of(address)
        if not methods or method in methods
    ]


def in_each_language(api: Api, method: str, path: str, data: bytes = b"", **words: str) -> Iterator[tuple[str, Answer]]:
    """The same asked in each language, by header and by ``?locale=``, which wins."""
    for language in LANGUAGES:
        yield language, api.raw(method, path, data, accept_language=language, **words)
        yield language, api.raw(method, f"{path}?locale={language}", data, accept_language="xx", **words)


def all_say(answers: Iterator[tuple[str, Answer]], status: int, code: str) -> None:
    """Whether all are this error, each in its language."""
    messages: dict[str, set[str]] = {}
    for language, answer in answers:
        assert is_error(answer, status, code), answer
        assert answer.headers["Content-Language"].partition("-")[0] == language
        messages.setdefault(language, set()).add(answer.body["message"])
    assert all(len(said) == 1 for said in messages.values()), messages
    assert len(set.union(*messages.values())) == len(messages), messages


@pytest.fixture
def speaking(tour: Campaign) -> Campaign:
    """The tour, in these languages."""
    for language in LANGUAGES:
        Locale.objects.get_or_create(code=f"{language}_XX", defaults={"name": language})
    tour.locales.set(Locale.objects.filter(code__endswith="_XX"))
    return tour


@pytest.mark.parametrize(("method", "path"), each())
def test_a_campaign_that_is_not_there(api: Api, method: str, path: str) -> None:
    all_say(in_each_language(api, method, path), 404, "not_found")


@pytest.mark.parametrize("address", FOR_FANS, ids=lambda address: address.path)
def test_another_method(api: Api, speaking: Campaign, address: Address) -> None:
    # Who may not write a campaign is asked to sign in, whatever the method.
    asked = () if address.view is OneCampaign else METHODS
    for method in asked:
        if method not in address.methods:
            all_say(in_each_language(api, method, address.path), 405, "method_not_allowed")


@pytest.mark.parametrize("path", ["nothing/", "campaigns/aurora/nothing/", "campaigns/aurora/entry", "/api/v9/"])
def test_an_address_that_is_not_there(api: Api, speaking: Campaign, path: str) -> None:
    all_say(in_each_language(api, "GET", path), 404, "not_found")


@pytest.mark.parametrize(("method", "path"), each("POST", "PUT"))
def test_a_body_that_cannot_be_read(api: Api, speaking: Campaign, method: str, path: str) -> None:
    fan = Api(authorization=token_of_ada())
    if path.endswith("sign-in/"):
        Campaign.objects.update(identifier_type="globalUserId")

    all_say(in_each_language(fan, method, path, b"{"), 400, "parse_error")
    all_say(in_each_language(fan, method, path, b"{}", kind="text/plain"), 415, "unsupported_media_type")
    all_say(in_each_language(fan, method, path, b'"' + b"x" * 300_000 + b'"'), 413, "too_large")
    all_say(in_each_language(fan, method, path, transfer_encoding="chunked"), 411, "length_required")


@pytest.mark.parametrize(("method", "path"), [param for param in each() if "/entry/" in param.values[1]])
def test_a_fan_who_is_not_known(api: Api, speaking: Campaign, method: str, path: str) -> None:
    all_say(in_each_language(api, method, path), 401, "not_authenticated")
    answer = api.send(method, path, authorization="Bearer nonsense")
    assert is_error(answer, 401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="MonoQL fan"'


@pytest.mark.parametrize(("method", "path"), each())
def test_too_many_requests(api: Api, speaking: Campaign, settings: Settings, method: str, path: str) -> None:
    settings.FAN_REQUESTS_PER_SECOND = 1 / BURST_SECONDS
    api.send(method, path)

    all_say(in_each_language(api, method, path), 429, "throttled")
    assert 0 < int(api.send(method, path).headers["Retry-After"]) <= BURST_SECONDS


@pytest.mark.parametrize(("method", "path"), each())
@pytest.mark.parametrize(
    ("error", "status", "code"), [(ZeroDivisionError, 500, "server_error"), (OperationalError, 503, "unavailable")]
)
def test_our_own_fault(
    api: Api,
    speaking: Campaign,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    error: type[Exception],
    status: int,
    code: str,
) -> None:
    def fail(*_words: object) -> bool:
        raise error("a secret")

    monkeypatch.setattr(FanThrottle, "allow_request", fail)
    api.client.raise_request_exception = False

    all_say(in_each_language(api, method, path), status, code)


def test_every_address_for_fans_counts_requests() -> None:
    for address in FOR_FANS:
        throttles = [type(throttle) for throttle in view_of(address).get_throttles()]
        assert throttles == [FanThrottle], address.path


def view_of(address: Address) -> Any:
    """The view with a request of nobody."""
    view = address.view()
    view.request = RequestFactory().get("/")
    view.request.user = AnonymousUser()
    return view


def token_of_ada() -> str:
    """What Ada sends to be known."""
    tour = Campaign.objects.get(domain="aurora")
    entry = Entry.objects.filter(campaign=tour).first() or scenario.register_fan(tour, "Ada", ["CA-LAX"])
    return f"Bearer {fan_token(campaign_id=tour.pk, ref=entry.ref)}"


def test_whoever_asks_too_often_is_always_told_for_how_long() -> None:
    class TooOften(Refusal):
        status = 429

    answer = refusal_handler(TooOften("Wait."), {})

    assert answer is not None
    assert answer.headers["Retry-After"] == "60"


def test_every_list_comes_in_pages_by_cursor_but_the_parts_of_one_campaign() -> None:
    lists = [address for address in addresses() if issubclass(address.view, ListModelMixin)]
    whole = {address.path for address in lists if not is_in_pages(address.view)}

    assert lists
    assert whole == {
        f"campaigns/aurora/{part}/" for part in ("markets", "fields", "gates", "contents", "images", "faqs")
    }


def is_in_pages(view: Any) -> bool:
    """Whether a list is given by cursor."""
    return view.pagination_class is not None and issubclass(view.pagination_class, CursorPagination)
