"""Which other sites' pages may ask for a campaign, and read the answer."""

import re

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from pytest_django import DjangoAssertNumQueries, Settings

from campaigns.api.campaign import OneCampaign
from campaigns.api.fan import FanEndpoint
from campaigns.cloning import clone_campaign
from campaigns.models import Campaign
from campaigns.models.origins import normal_origin, normal_origins
from core.models import AuditEvent
from tests.api.addresses import addresses
from tests.api.calling import Answer, Api, is_error
from viewers.viewer import Viewer

SITE = "https://fans.example"
REGISTER = "campaigns/aurora/entries/"


@pytest.fixture
def allowing(tour: Campaign) -> Campaign:
    """The tour, which allows one other site and a developer's machine."""
    tour.allowed_origins = f"{SITE}\nhttp://localhost:5173"
    tour.save(update_fields=["allowed_origins"])
    return tour


def access_headers(answer: Answer) -> dict[str, str]:
    """What an answer says about other sites."""
    headers = {name.lower(): text for name, text in answer.headers.items()}
    return {
        name.removeprefix("access-control-"): text
        for name, text in headers.items()
        if name.startswith("access-control-")
    }


def preflight(path: str, origin: str, method: str = "POST") -> Answer:
    """What a browser asks before it sends something unusual."""
    return Api().send("OPTIONS", path, origin=origin, access_control_request_method=method)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("https://Fans.Example", "https://fans.example"),
        ("HTTPS://fans.example/", "https://fans.example"),
        ("https://fans.example:443", "https://fans.example"),
        ("https://fans.example:8443", "https://fans.example:8443"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://aurora.localhost:80", "http://aurora.localhost"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_is_written_as_browsers_do(text: str, normal: str) -> None:
    assert normal_origin(text) == normal
    assert normal_origin(normal) == normal


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "null",
        "fans.example",
        "//fans.example",
        "http://fans.example",
        "http://localhost.evil.example",
        "http://evillocalhost",
        "ftp://fans.example",
        "https://",
        "https://*.fans.example",
        "https://.example",
        "https://fans.example.",
        "https://fans..example",
        "https://fans.example/path",
        "https://fans.example?",
        "https://fans.example#",
        "https://ada@fans.example",
        "https://fans.example:0",
        "https://fans.example:99999",
        "https://fans.example:x",
        "https://[::1",
        "https://bücher.example",
        "https://fans.example\0",
        "https://fans_example",
        "https://" + "a" * 300,
    ],
)
def test_what_is_no_origin_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValidationError):
        normal_origin(text)


def test_origins_stand_one_a_line_and_each_once() -> None:
    assert normal_origins(f" {SITE}\r\n\n{SITE}/ https://b.example ") == f"{SITE}\nhttps://b.example"
    with pytest.raises(ValidationError):
        normal_origins("\n".join(f"https://{number}.example" for number in range(51)))


def test_the_addresses_for_other_sites_are_those_of_fans() -> None:
    for address in addresses():
        is_for_fans = issubclass(address.view, FanEndpoint | OneCampaign)
        assert bool(re.match(settings.CORS_URLS_REGEX, f"/api/v1/{address.path}")) == is_for_fans, address.path


@pytest.mark.django_db
def test_an_allowed_site_reads_what_it_asks(api: Api, allowing: Campaign) -> None:
    for answer in (api.get("campaigns/aurora/", origin=SITE), api.post(REGISTER, {}, origin=SITE)):
        assert access_headers(answer) == {
            "allow-origin": SITE,
            "expose-headers": "ETag, Content-Language, Retry-After, Idempotent-Replayed",
        }
        assert "origin" in answer.headers["Vary"].lower()


@pytest.mark.django_db
def test_an_allowed_site_is_told_what_it_may_send(allowing: Campaign) -> None:
    answer = preflight(REGISTER, SITE)

    assert answer.status == 200
    assert access_headers(answer) == {
        "allow-origin": SITE,
        "allow-headers": "authorization, content-type, idempotency-key, if-none-match",
        "allow-methods": "GET, HEAD, POST, PUT, DELETE",
        "expose-headers": "ETag, Content-Language, Retry-After, Idempotent-Replayed",
        "max-age": "600",
    }
    assert "origin" in answer.headers["Vary"].lower()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://fans.example.evil.example",
        "https://fans.example:8443",
        "http://fans.example",
        "https://FANS.example",
        "https://fans.example/",
        "http://localhost",
        "null",
        "*",
        "https://[",
        "",
    ],
)
def test_another_site_is_told_nothing(api: Api, allowing: Campaign, origin: str) -> None:
    for answer in (
        api.get("campaigns/aurora/", origin=origin),
        api.post(REGISTER, {}, origin=origin),
        preflight(REGISTER, origin),
    ):
        assert access_headers(answer) == {}
        assert "origin" in answer.headers["Vary"].lower()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    ["/", "/api/schema/", "artists/", "auth/", "viewer/", "campaigns/aurora/markets/", "campaigns/none/", "waves/"],
)
def test_only_the_campaigns_own_part_answers_other_sites(api: Api, allowing: Campaign, path: str) -> None:
    assert access_headers(api.get(path, origin=SITE)) == {}
    assert access_headers(preflight(path, SITE)) == {}


@pytest.mark.django_db
def test_each_campaign_has_its_own_sites(api: Api, allowing: Campaign, operator: Viewer) -> None:
    clone = clone_campaign(campaign=allowing, name="B", domain="borealis", actor=operator, now=allowing.created_at)
    assert clone.allowed_origins == allowing.allowed_origins
    Campaign.objects.filter(pk=clone.pk).update(allowed_origins="https://other.example")

    assert access_headers(preflight("campaigns/borealis/", "https://other.example"))
    assert not access_headers(preflight("campaigns/borealis/", SITE))
    assert not access_headers(preflight("campaigns/aurora/", "https://other.example"))


@pytest.mark.django_db
def test_neither_cookies_nor_other_methods_are_let_through(staff: Api, allowing: Campaign) -> None:
    answer = staff.get("campaigns/aurora/", origin=SITE)

    assert "allow-credentials" not in access_headers(answer)
    assert "PATCH" not in access_headers(preflight("campaigns/aurora/", SITE, "PATCH"))["allow-methods"]


@pytest.mark.django_db
def test_which_sites_are_allowed_comes_from_memory(
    api: Api, allowing: Campaign, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settings.PUBLISHED_SECONDS = 60
    api.get("campaigns/aurora/")

    with django_assert_num_queries(0):
        for origin in (SITE, "https://evil.example"):
            assert api.get("campaigns/aurora/", origin=origin).status == 200
            preflight(REGISTER, origin)


@pytest.mark.django_db
def test_operators_allow_sites_by_rest(staff: Api, tour: Campaign) -> None:
    answer = staff.patch(
        "campaigns/aurora/", {"allowed_origins": ["https://Fans.Example/", SITE, "http://localhost:1"]}
    )

    assert answer.body["allowed_origins"] == [SITE, "http://localhost:1"]
    change = AuditEvent.objects.filter(target_type="campaigns.campaign").latest("pk").changes["allowed_origins"]
    assert change == ["", f"{SITE}\nhttp://localhost:1"]
    for bad in (
        ["*"],
        ["http://fans.example"],
        [""],
        ["https://a.example https://b.example"],
        "https://a.example",
        [7],
    ):
        refused = staff.patch("campaigns/aurora/", {"allowed_origins": bad})
        assert is_error(refused, 400, "invalid"), bad
        assert all(name.startswith("allowed_origins") for name in refused.body["errors"])
