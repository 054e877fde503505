"""The landing page: can I take part, until when, and what do I do?"""

from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from campaigns import lifecycle
from campaigns import published as memory
from campaigns.models import Campaign, Content
from campaigns.published import published
from tests import scenario

MOST_BYTES = 100 * 1024


def test_an_open_campaign_says_until_when_and_in_whose_time(client: Client, tour: Campaign, base: str) -> None:
    page = client.get(base).content.decode()

    assert "Register for the presale until:" in page
    assert "(Los Angeles time, UTC−" in page
    assert "2 days to go" in page
    assert '<form method="post" action="/c/aurora/"' in page


def test_a_campaign_that_has_not_opened_shows_when_and_no_form(client: Client, db: None, base: str) -> None:
    campaign = scenario.make_tour()
    Campaign.objects.filter(pk=campaign.pk).update(open_at=timezone.now() + timedelta(hours=5), is_released=True)

    page = client.get(base).content.decode()

    assert "Registration opens:" in page
    assert "4 hours to go" in page
    assert "<form" not in page


def test_a_closed_campaign_leads_to_the_entry(client: Client, tour: Campaign, base: str) -> None:
    lifecycle.close_campaign(campaign=tour, actor=scenario.SUPREME, now=timezone.now())

    page = client.get(base).content.decode()

    assert "Registration has closed." in page
    assert 'href="/c/aurora/entry/"' in page
    assert "<form" not in page


def test_a_finished_campaign_says_so(client: Client, tour: Campaign, base: str) -> None:
    closed = lifecycle.close_campaign(campaign=tour, actor=scenario.SUPREME, now=timezone.now())
    lifecycle.finish_campaign(campaign=closed, actor=scenario.SUPREME, now=timezone.now())

    assert "This presale is over." in client.get(base).content.decode()


def test_a_campaign_past_its_close_takes_nobody_even_if_the_clock_is_late(
    client: Client, tour: Campaign, base: str
) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=4)):
        page = client.get(base).content.decode()

    assert "Registration has closed." in page
    assert "<form" not in page


def test_an_unknown_campaign_is_not_found(client: Client, db: None) -> None:
    response = client.get("/c/nowhere/", headers={"Accept-Language": "de"})

    assert response.status_code == 404
    assert "Hier gibt es keine Aktion" in response.content.decode()


def test_a_campaign_answers_on_its_own_host_with_links_of_its_own(client: Client, tour: Campaign) -> None:
    page = client.get("/", headers={"Host": "aurora.localhost"}).content.decode()

    assert '<form method="post" action="/"' in page
    assert 'href="/entry/"' in page
    assert "/c/aurora/" not in page


def test_an_unknown_host_is_not_found(client: Client, db: None) -> None:
    assert client.get("/", headers={"Host": "nowhere.localhost"}).status_code == 404


def test_the_page_may_be_kept_by_caches_and_gives_no_cookie(client: Client, tour: Campaign, base: str) -> None:
    response = client.get(base)

    assert response.headers["Cache-Control"] == "public, max-age=5"
    assert {"Accept-Language", "Cookie"} <= {name.strip() for name in response.headers["Vary"].split(",")}
    assert not response.cookies


def test_no_cache_keeps_the_page_past_the_close(client: Client, tour: Campaign, base: str) -> None:
    Campaign.objects.filter(pk=tour.pk).update(close_at=timezone.now() + timedelta(seconds=10))

    seconds = int(client.get(base).headers["Cache-Control"].rpartition("=")[2])

    assert 1 <= seconds <= 10


def test_a_known_campaign_costs_no_query(
    client: Client,
    tour: Campaign,
    base: str,
    settings: Settings,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    settings.PUBLISHED_SECONDS = 60
    client.get(base)

    with django_assert_num_queries(0):
        client.get(base)


def test_a_change_in_the_admin_shows_within_seconds(
    client: Client, tour: Campaign, base: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PUBLISHED_SECONDS = 2.0
    client.get(base)
    Content.objects.filter(campaign=tour, locale_id="en_US").update(title="Aurora Vale, now twice")
    at_once = client.get(base).content.decode()

    kept_at, kept = memory._kept["aurora"]
    monkeypatch.setitem(memory._kept, "aurora", (kept_at - settings.PUBLISHED_SECONDS, kept))
    seconds_later = client.get(base).content.decode()

    assert "now twice" not in at_once
    assert "now twice" in seconds_later


@pytest.mark.parametrize(("accepted", "tag"), [("de-AT,de;q=0.9", "de-DE"), ("ar", "ar-EG"), ("it,xx", "en-US")])
def test_the_browser_chooses_the_language(client: Client, tour: Campaign, base: str, accepted: str, tag: str) -> None:
    response = client.get(base, headers={"Accept-Language": accepted})

    assert response.headers["Content-Language"] == tag
    assert f'<html lang="{tag}"' in response.content.decode()


def test_arabic_runs_from_right_to_left(client: Client, tour: Campaign, base: str) -> None:
    assert '<html lang="ar-EG" dir="rtl">' in client.get(f"{base}?locale=ar_EG").content.decode()


def test_a_chosen_language_is_remembered_for_this_campaign(client: Client, tour: Campaign, base: str) -> None:
    chosen = client.get(f"{base}?locale=de_DE")
    later = client.get(base, headers={"Accept-Language": "ar"})

    assert chosen.cookies["monoql_locale"]["path"] == base
    assert "public" not in chosen.headers["Cache-Control"]
    assert later.headers["Content-Language"] == "de-DE"
    assert "Registriere dich für den Presale bis:" in later.content.decode()


def test_a_text_that_a_locale_lacks_comes_from_the_default(client: Client, tour: Campaign, base: str) -> None:
    page = client.get(f"{base}?locale=de_DE").content.decode()

    assert "Aurora Vale auf Tournee" in page
    assert "Register for the presale." in page


def test_what_stands_in_the_database_is_cleaned_again_when_it_is_shown(
    client: Client, tour: Campaign, base: str
) -> None:
    text = '<p onclick="x">Of {artist}</p><script>alert(1)</script><a href="javascript:alert(1)">here</a>'
    Content.objects.filter(campaign=tour, locale_id="en_US").update(open=text)

    page = client.get(base).content.decode()

    assert "<p>Of Aurora Vale</p>" in page
    assert "alert(1)" not in page
    assert "onclick" not in page


def test_an_operators_plain_text_is_no_html_and_its_addresses_are_links(
    client: Client, tour: Campaign, base: str
) -> None:
    text = "1 < 2 & 3 of {artist}\n\nSee https://auroravale.example/faq?a=1&b=2."
    Content.objects.filter(campaign=tour, locale_id="en_US").update(open=text)

    page = client.get(base).content.decode()

    assert "<p>1 &lt; 2 &amp; 3 of Aurora Vale</p>" in page
    assert '<a href="https://auroravale.example/faq?a=1&amp;b=2" rel="noopener nofollow">' in page


def test_the_commitments_stand_on_the_page(client: Client, tour: Campaign, base: str) -> None:
    page = client.get(base).content.decode()

    commitments = published("aurora").campaign.draw_secrets.commitments
    assert len(commitments) == 32
    assert all(commitment in page for commitment in commitments)


def test_the_policy_allows_no_script_within_the_page(client: Client, tour: Campaign, base: str) -> None:
    response = client.get(base)
    page = response.content.decode()

    assert "'unsafe-inline'" not in response.headers["Content-Security-Policy"]
    assert page.count("<script") == page.count('<script src="/static/')
    assert "<style" not in page
    assert " style=" not in page
    assert " onclick=" not in page


def test_the_whole_page_of_a_stadium_tour_weighs_little(client: Client, tour: Campaign, base: str) -> None:
    for number in range(30):
        scenario.add_market(tour, f"X-{number}", f"City {number}", split="concurrent", events=3, now=timezone.now())
    static = Path(django_settings.BASE_DIR) / "static" / "fan"

    weight = len(client.get(base).content) + sum(file.stat().st_size for file in static.iterdir())

    assert weight < MOST_BYTES


def test_a_kept_page_is_the_page_of_its_language_path_and_stage(
    client: Client, tour: Campaign, base: str, settings: Settings
) -> None:
    settings.PUBLISHED_SECONDS = 60
    memory._kept.clear()
    first, again = client.get(base), client.get(base)
    german = client.get(base, headers={"Accept-Language": "de"})
    assert tour.close_at is not None
    with time_machine.travel(tour.close_at + timedelta(seconds=1)):
        late = client.get(base)

    assert first.content == again.content
    for header in ("Content-Language", "Cache-Control", "Vary", "Content-Security-Policy", "Content-Type"):
        assert first.headers.get(header) == again.headers.get(header)
    assert (german.headers["Content-Language"], 'lang="de-DE"' in german.content.decode()) == ("de-DE", True)
    assert 'name="email"' in first.content.decode()
    assert 'name="email"' not in late.content.decode()
    assert "Registration has closed." in late.content.decode()
    memory._kept.clear()
