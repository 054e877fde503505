"""Trackers: which pages may load them, and what the content policy lets in."""

import html
import json
import re

import pytest
from django.test import Client

from campaigns.models import Campaign, Tracker
from monoql.fan_preview import link_to
from monoql.fan_trackers import COMPANIES, names_of, policy_with
from monoql.security import FAN_POLICY
from tests import scenario
from tests.fan.conftest import form_of, sign_in

IDS = {"ga4": "G-AB12CD34", "gtm": "GTM-AB12CD", "meta": "123456", "tiktok": "C1AB", "x": "o1ab", "snap": "a1-b2"}
PIXEL = "https://count.example/p.gif?c=7"


def add_tracker(campaign: Campaign, kind: str) -> Tracker:
    """A tracker of a kind, in use by a campaign."""
    target = {"url": PIXEL} if kind == "pixel" else {"identifier": IDS[kind]}
    tracker = Tracker.objects.create(name=f"Label's {kind}", kind=kind, **target)
    campaign.trackers.add(tracker)
    return tracker


def sources(policy: str) -> dict[str, list[str]]:
    """The sources of each directive of a policy."""
    return {words[0]: words[1:] for part in policy.split(";") if (words := part.split())}


def tags_on(page: str) -> list[dict[str, str]]:
    """What the page's script would load after a yes."""
    found = re.search(r'data-tags="([^"]*)"', page)
    return json.loads(html.unescape(found[1])) if found else []


def test_a_campaign_without_trackers_asks_nothing(client: Client, tour: Campaign, base: str) -> None:
    answer = client.get(base)

    assert "consent" not in answer.content.decode()
    assert answer.headers["Content-Security-Policy"] == FAN_POLICY
    assert "https:" not in FAN_POLICY


def test_every_kind_has_its_company() -> None:
    assert {*COMPANIES, "pixel"} == set(Tracker.Kind.values)


@pytest.mark.parametrize("kind", Tracker.Kind.values)
def test_the_page_lets_in_what_its_trackers_need_and_no_more(
    client: Client, tour: Campaign, base: str, kind: str
) -> None:
    tracker = add_tracker(tour, kind)

    answer = client.get(base)
    policy = sources(answer.headers["Content-Security-Policy"])
    (tag,) = tags_on(answer.content.decode())

    own = sources(FAN_POLICY)
    assert answer.headers["Content-Security-Policy"] == policy_with([tracker])
    assert policy["script-src"][0] == "'self'"
    assert "'unsafe-inline'" not in str(policy)
    assert policy["form-action"] == own["form-action"]
    if kind == "pixel":
        assert tag["image"] == PIXEL
        assert policy["img-src"] == [*own["img-src"], "https://count.example"]
        assert policy["script-src"] == own["script-src"]
    else:
        assert any(tag["script"].startswith(f"{source}/") for source in policy["script-src"][1:])
        assert all(source.startswith("https://") for source in policy["script-src"][1:])


def test_trackers_of_one_company_name_it_once(tour: Campaign) -> None:
    trackers = [add_tracker(tour, kind) for kind in ("ga4", "gtm", "meta", "pixel")]

    assert names_of(trackers) == ["Google", "Meta", "count.example"]


def test_a_tracker_that_is_out_of_use_is_not_asked_about(client: Client, tour: Campaign, base: str) -> None:
    add_tracker(tour, "meta")
    Tracker.objects.update(is_active=False)

    assert "facebook" not in client.get(base).content.decode()


def test_pages_with_what_is_the_fans_own_know_no_tracker(client: Client, tour: Campaign, base: str) -> None:
    for kind in Tracker.Kind.values:
        add_tracker(tour, kind)
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    sent = client.post(base, form_of(name=""))
    sign_in(client, entry)

    answers = [
        sent,
        *(client.get(f"{base}{path}") for path in ("check-mail/", "confirm/x/", "entry/", "entry/change/")),
    ]
    answers += [client.get(f"{base}entry/withdraw/"), client.get(link_to(tour, "en_US", "open"))]

    for answer in answers:
        assert answer.headers["Content-Security-Policy"] == FAN_POLICY
        assert "consent" not in answer.content.decode()


def test_an_address_that_is_no_host_lets_nothing_in(tour: Campaign) -> None:
    tracker = add_tracker(tour, "pixel")
    tracker.url = "https://bücher.example:8443/p.gif; script-src *"

    assert sources(policy_with([tracker]))["img-src"][-1] == "https://xn--bcher-kva.example:8443"
    assert sources(policy_with([tracker]))["script-src"] == ["'self'"]


def test_only_the_page_with_the_cities_may_ask_where_the_fan_is(client: Client, tour: Campaign, base: str) -> None:
    without = client.get(base)
    tour.markets.get(code="CA-LAX").venue.__class__.objects.filter(city="Los Angeles").update(
        latitude="34.04310", longitude="-118.26720"
    )
    known = client.get(base)

    assert "geolocation=()" in without.headers["Permissions-Policy"]
    assert "geolocation=(self)" in known.headers["Permissions-Policy"]
    assert "geolocation=()" in client.get(f"{base}check-mail/").headers["Permissions-Policy"]
    assert '{"CA-LAX":[34.04,-118.27]}' in html.unescape(known.content.decode())
    assert "data-near" not in without.content.decode()
