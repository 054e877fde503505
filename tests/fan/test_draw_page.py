"""The public pages of the draws: everything that can be known, from the freeze on, and nothing before its time."""

import hashlib
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign, Field
from campaigns.published import published
from core import storage
from entries import own_entry
from monoql.fan_draw_words import rules_texts
from tests import scenario
from tests.fan.conftest import draw, sign_in
from tests.waves.bundles import RULES
from waves import preparation, selection
from waves.models import Draw, Wave
from waves.preparation import Options
from waves.public_draws import PublicDraw

pytestmark = pytest.mark.django_db(transaction=True)
BUNDLE = ["rules.json", "manifest.json", "snapshot.csv", "allocation.csv", "voided.csv"]


def prepared(campaign: Campaign, options: Options | None = None, *, day: int = 1) -> Wave:
    """A prepared wave of the campaign, not triggered."""
    return scenario.prepare_wave(scenario.make_wave(campaign, local=datetime(2027, 2, day, 10, 0)), options)


def trigger(wave: Wave) -> Wave:
    """Trigger it, and let the workers write its files."""
    selection.trigger(wave=wave, actor=scenario.SUPREME, now=timezone.now())
    scenario.run_jobs()
    return wave


@pytest.fixture
def closed(tour: Campaign) -> Campaign:
    """The tour with two fans and one code for Los Angeles, closed."""
    scenario.register_fan(tour, "Ada", ["CA-LAX", "AZ-PHX"])
    scenario.register_fan(tour, "Ben", ["CA-LAX"])
    scenario.register_fan(tour, "Cleo", ["CA-LAX"], is_confirmed=False)
    scenario.upload_codes(tour, "CA-LAX", 1, prefix="VF7K")
    return lifecycle.close_campaign(campaign=tour, actor=scenario.SUPREME, now=timezone.now())


def page_of(client: Client, wave: Wave, **headers: str) -> str:
    """The page of a wave's draw."""
    return client.get(f"/c/aurora/draws/{wave.date_key}/", headers=headers).content.decode()


def in_words(page: str) -> str:
    """What a page says, without its tags, on one line."""
    body = re.sub(r"<script.*?</script>", "", page.partition("<main")[2], flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_before_any_draw_there_are_the_commitments_alone(client: Client, tour: Campaign) -> None:
    page = client.get("/c/aurora/draws/").content.decode()

    assert "No list has been frozen yet." in page
    assert all(seal in page for seal in tour.draw_secrets.commitments)


def test_before_the_opening_nothing_is_sealed_yet(client: Client, db: None) -> None:
    scenario.make_tour()
    Campaign.objects.update(is_released=True)

    page = client.get("/c/aurora/draws/").content.decode()

    assert "The fingerprints of 32 sealed numbers are published when registration opens." in page
    assert "Check your own receipt" not in page


def test_from_the_freeze_on_hashes_and_rules_are_public_and_the_rest_is_sealed(
    client: Client, closed: Campaign
) -> None:
    wave = prepared(closed)
    frozen = wave.draw

    page = page_of(client, wave)
    words = in_words(page)

    assert all(value in page for value in (frozen.root, frozen.rules_sha256, frozen.snapshot_sha256))
    assert "The codes have not been given yet." in words
    assert "First choices are served before any second choice." in words
    assert "2 fans can be drawn, for 1 places." in words
    assert "were drawn" not in words
    assert "still sealed" in words
    assert "The last one drawn" not in page
    assert frozen.allocation_sha256 not in page
    assert not re.findall(r'href="[^"]+\.(?:csv|json)"', page)


def test_no_file_is_given_out_before_the_trigger(client: Client, closed: Campaign) -> None:
    wave = prepared(closed)

    for name in BUNDLE:
        assert client.get(f"/c/aurora/draws/{wave.date_key}/{name}").status_code == 404


def test_the_trigger_opens_the_secret_and_the_counts(client: Client, closed: Campaign) -> None:
    wave = trigger(prepared(closed))
    manifest = client.get(f"/c/aurora/draws/{wave.date_key}/manifest.json").json()

    page = page_of(client, wave)
    words = in_words(page)

    assert hashlib.sha256(bytes.fromhex(manifest["secret"])).hexdigest() == closed.draw_secrets.commitments[0]
    assert all(manifest[name] in page for name in ("secret", "allocation_sha256"))
    assert Draw.objects.get().voided_sha256 in page
    assert "2 fans could be drawn, for 1 places; 1 drawn." in words
    assert "Entries in the list 3 had not confirmed address or phone − 1 could be drawn 2" in words
    assert re.search(
        r"Los Angeles Places: 1\. Drawn: 1\. The last one drawn had choice 1, a score .* number 0\.\d{4}", words
    )
    assert "Phoenix Places: 0. Drawn: 0. No places." in words


def test_the_bundle_can_be_downloaded_and_run_again_by_the_offered_verifier(
    client: Client, closed: Campaign, tmp_path: Path
) -> None:
    wave = trigger(prepared(closed))
    page = page_of(client, wave)

    names = re.findall(r'draws/2027-02-01T10:00/([a-z.]+)"', page)
    for name in names:
        (tmp_path / name).write_bytes(download(client, f"/c/aurora/draws/{wave.date_key}/{name}"))
    program = client.get("/c/aurora/draws/verify_draw.py")
    (tmp_path / "verify_draw.py").write_bytes(program.content)
    ran = subprocess.run(
        [sys.executable, "verify_draw.py", "."], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert names == BUNDLE
    assert program.headers["Content-Type"] == "text/x-python; charset=utf-8"
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, "OK"), ran.stdout + ran.stderr


def download(client: Client, address: str) -> bytes:
    """A file of ours, or the one in storage to which we lead; of that, what its key holds."""
    response = client.get(address)
    if response.status_code == 200:
        return bytes(response.content)
    assert (response.status_code, response.headers["Cache-Control"]) == (302, "no-store")
    parts = urlsplit(response.headers["Location"])
    assert "X-Amz-Expires=600" in parts.query
    return storage.get(parts.path.removeprefix(f"/{django_settings.AWS_STORAGE_BUCKET_NAME}/"))


def test_what_is_private_is_no_file_of_the_bundle(client: Client, closed: Campaign) -> None:
    wave = trigger(prepared(closed))

    for name in ("reasons.csv", "selection.csv", "entry.ids", "tree.csv", "blocks.json"):
        assert client.get(f"/c/aurora/draws/{wave.date_key}/{name}").status_code == 404


def test_what_stands_behind_excluded_is_not_told(client: Client, closed: Campaign) -> None:
    wave = trigger(prepared(closed))
    Draw.objects.update(reasons={"blocked": 1, "gate_failed": 2, "unconfirmed": 1}, entries=6)

    words = in_words(page_of(client, wave))

    assert "did not meet the rules of the campaign − 3" in words
    assert "blocked" not in page_of(client, wave)


def test_an_abandoned_draw_stays_with_root_secret_and_reason(client: Client, closed: Campaign) -> None:
    wave = prepared(closed)
    preparation.abandon(wave=wave, reason="The venue <burnt> down.", actor=scenario.SUPREME, now=timezone.now())

    page, listed = page_of(client, wave), client.get("/c/aurora/draws/").content.decode()

    frozen = Draw.objects.get()
    secret = client.get(f"/c/aurora/draws/{wave.date_key}/manifest.json").json()["secret"]
    assert all(value in page for value in (frozen.root, secret))
    assert "This draw was given up. Nobody got a code from it." in page
    for text in (page, listed):
        assert "The venue &lt;burnt&gt; down." in text
    assert "The last one drawn" not in page
    assert client.get(f"/c/aurora/draws/{wave.date_key}/voided.csv").status_code == 404


def test_an_abandoned_draws_files_satisfy_the_verifier(client: Client, closed: Campaign, tmp_path: Path) -> None:
    wave = prepared(closed)
    preparation.abandon(wave=wave, reason="Storm", actor=scenario.SUPREME, now=timezone.now())

    for name in re.findall(r'draws/2027-02-01T10:00/([a-z.]+)"', page_of(client, wave)):
        (tmp_path / name).write_bytes(download(client, f"/c/aurora/draws/{wave.date_key}/{name}"))
    ran = subprocess.run(
        [sys.executable, "-m", "waves.verify_draw", str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert ran.stdout.splitlines()[-1] == "OK", ran.stdout


def test_draws_are_listed_the_newest_first_with_their_state(client: Client, closed: Campaign) -> None:
    first = prepared(closed)
    preparation.abandon(wave=first, reason="Storm", actor=scenario.SUPREME, now=timezone.now())
    trigger(prepared(closed, day=2))
    scenario.upload_codes(closed, "CA-LAX", 1, prefix="MORE")
    prepared(closed, day=3)

    page = client.get("/c/aurora/draws/").content.decode()

    found = re.findall(r'href="/c/aurora/draws/(2027[^/]+)/"', page)
    assert found == ["2027-02-03T10:00", "2027-02-02T10:00", "2027-02-01T10:00"]
    assert re.findall(r"chip-(\w+)", page) == ["frozen", "triggered", "abandoned"]


def test_a_draw_that_waits_for_a_public_number_names_its_source(client: Client, closed: Campaign) -> None:
    wave = prepared(closed, Options(public_source="drand <round> 4102338"))

    page = page_of(client, wave)
    preparation.enter_public_value(wave=wave, value="<9f&2>", actor=scenario.SUPREME, now=timezone.now())
    scenario.run_jobs()
    later = page_of(client, wave)

    assert "The draw waits for a public number: drand &lt;round&gt; 4102338." in page
    assert "not there yet" in page
    assert "&lt;9f&amp;2&gt;" in later
    assert "<9f" not in later
    assert "The draw waits" not in later


def test_a_list_that_was_frozen_while_registration_was_open_is_said_to_be(client: Client, tour: Campaign) -> None:
    scenario.register_fan(tour, "Ada", ["CA-LAX"])
    scenario.upload_codes(tour, "CA-LAX", 1)

    wave = prepared(tour)
    lifecycle.close_campaign(campaign=tour, actor=scenario.SUPREME, now=timezone.now())

    assert "The list was frozen while registration was still open." in page_of(client, wave)


def test_a_list_that_was_frozen_after_the_close_says_nothing_of_it(client: Client, closed: Campaign) -> None:
    assert "while registration was still open" not in page_of(client, prepared(closed))


def test_who_left_between_freeze_and_trigger_is_counted(client: Client, tour: Campaign) -> None:
    ada = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    scenario.upload_codes(tour, "CA-LAX", 1)
    wave = prepared(tour)
    own_entry.withdraw(published=published("aurora"), entry=ada, now=timezone.now())

    trigger(wave)

    assert "of these, left before the codes were given 1" in in_words(page_of(client, wave))


RULES_IN_WORDS: list[tuple[dict[str, object], str]] = [
    ({"ranking": ("preference", "score")}, "Among equal choices the group with the higher scores comes first"),
    ({"ranking": ("preference",)}, "in the order of the lot. Scores do not matter."),
    ({"ranking": ("score",)}, "Fans take turns: groups with higher scores first"),
    ({"ranking": ()}, "Naming cities in one’s true order is always best."),
    ({"ranking": ("score", "preference")}, "A fan can gain a little"),
    ({"score_min": 20, "score_max": None}, "Only entries with a score from 20 to 100 could be drawn."),
    ({"score_min": None, "score_max": 70}, "Only entries with a score from 0 to 70 could be drawn."),
    ({"score_tier": 1}, "Every point of a score from 0 to 100 counts."),
    ({"score_tier": 10}, "Scores from 0 to 100 are taken in groups of 10."),
    ({"audience": "all"}, "It was for every entry of this campaign."),
    (
        {"audience": "waitlisted:2027-01-05T10:00b"},
        "whom the draw of Tuesday, January 5, 2027 had left without a place.",
    ),
    ({"audience": "fanlist:night"}, "It was for members of the fan list Night Owls."),
    ({"reassign": True}, "could be chosen again; their earlier code stays theirs."),
    ({"reassign": False}, "Fans whom an earlier draw had chosen were left out."),
]


@pytest.mark.parametrize(("rules", "words"), RULES_IN_WORDS)
def test_the_rules_are_told_in_words(tour: Campaign, rules: dict[str, Any], words: str) -> None:
    public = PublicDraw(Draw(), replace(RULES, **rules))

    told = rules_texts(public, published("aurora"), locale=tour.default_locale, fanlist="Night Owls")

    assert words in " ".join(told)


def test_where_fans_may_name_only_some_cities_the_honest_label_says_so(client: Client, closed: Campaign) -> None:
    closed.fields.create(number=9, key="cities", type=Field.Type.RANKING, label="Cities", maximum="1")

    words = in_words(page_of(client, prepared(closed, Options(ranking=()))))

    assert "it matters which" in words
    assert "is always best" not in words


def test_the_page_is_for_everybody_and_is_kept(client: Client, closed: Campaign) -> None:
    wave = trigger(prepared(closed))

    response = client.get(f"/c/aurora/draws/{wave.date_key}/")
    again = client.get(f"/c/aurora/draws/{wave.date_key}/", headers={"If-None-Match": response.headers["ETag"]})

    assert response.headers["Cache-Control"] == "public, max-age=5"
    assert not response.cookies
    assert (again.status_code, again.content) == (304, b"")
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    scripts = re.findall(r"<script([^>]*)>", response.content.decode())
    assert all("src=" in script or 'type="application/json"' in script for script in scripts)


def test_the_page_holds_nothing_of_any_fan(client: Client, closed: Campaign) -> None:
    wave = trigger(prepared(closed))

    page = page_of(client, wave)

    for entry in closed.entries.all():
        assert entry.ref not in page
        assert entry.email not in page
    assert "VF7K" not in page


@pytest.fixture
def count_queries(client: Client) -> Callable[[str], int]:
    """How many queries a page costs."""

    def count(address: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(address).status_code == 200
        return len(captured)

    return count


def test_more_cities_and_draws_cost_no_more_queries(closed: Campaign, count_queries: Callable[[str], int]) -> None:
    wave = trigger(prepared(closed))
    pages = [f"/c/aurora/draws/{wave.date_key}/", "/c/aurora/draws/"]
    before = [count_queries(page) for page in pages]
    for number in range(50):
        scenario.add_market(closed, f"X-{number}", f"City {number}", split="sequential", events=3, now=timezone.now())
        scenario.upload_codes(closed, f"X-{number}", 1, event=f"X-{number}-1") if number < 2 else None
    later = trigger(prepared(closed, day=2))

    after = [count_queries(page) for page in [f"/c/aurora/draws/{later.date_key}/", *pages[1:]]]

    assert after == before


def test_the_pages_are_at_the_campaigns_own_host_too(client: Client, closed: Campaign) -> None:
    wave = trigger(prepared(closed))

    page = client.get(f"/draws/{wave.date_key}/", headers={"Host": "aurora.localhost"}).content.decode()

    assert f'href="/draws/{wave.date_key}/snapshot.csv"' in page
    assert "/c/aurora/" not in page


def test_a_wave_that_was_never_frozen_has_no_page(client: Client, closed: Campaign) -> None:
    wave = scenario.make_wave(closed)

    assert client.get(f"/c/aurora/draws/{wave.date_key}/").status_code == 404


def test_a_campaign_that_fans_may_not_see_yet_shows_no_draws(client: Client, closed: Campaign) -> None:
    wave = prepared(closed)
    Campaign.objects.update(status=Campaign.Status.NOT_STARTED, is_released=False)

    for path in ("draws/", f"draws/{wave.date_key}/", f"draws/{wave.date_key}/rules.json"):
        assert client.get(f"/c/aurora/{path}").status_code == 404


def test_a_fan_list_has_no_draws(client: Client, tour: Campaign) -> None:
    tour.markets.all().delete()
    names = ("open_at", "close_at", "finish_at", "presale_window_start_at", "presale_window_end_at")
    Campaign.objects.update(type=Campaign.Type.FANLIST, **dict.fromkeys(names))

    assert client.get("/c/aurora/draws/").status_code == 404


def test_a_fan_finds_the_draw_from_the_landing_page_and_from_her_entry(client: Client, tour: Campaign) -> None:
    ada = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    wave = draw(tour)
    sign_in(client, ada)

    assert 'href="/c/aurora/draws/"' in client.get("/c/aurora/").content.decode()
    assert f'href="/c/aurora/draws/{wave.date_key}/"' in client.get("/c/aurora/entry/").content.decode()


def test_the_page_speaks_german(client: Client, closed: Campaign) -> None:
    wave = trigger(prepared(closed))

    words = in_words(page_of(client, wave, **{"Accept-Language": "de"}))

    assert "So wurde verlost" in words
    assert re.search(r"Zuletzt gezogen: Wahl 1, ein Wert von \d+ bis \d+ und Zahl 0,\d{4}\.", words)


# Bundles that are not for everybody


def test_where_bundles_are_not_public_the_entries_are_kept_back_and_the_hashes_are_not(
    client: Client, closed: Campaign
) -> None:
    Campaign.objects.update(publishes_bundle=False)
    wave = trigger(prepared(closed))

    page = page_of(client, wave)
    status = {name: client.get(f"/c/aurora/draws/{wave.date_key}/{name}").status_code for name in BUNDLE}

    assert status == {name: 200 if name.endswith(".json") else 404 for name in BUNDLE}
    assert "to named auditors alone" in page
    assert Draw.objects.get().snapshot_sha256 in page
    assert "verify_draw.py" in page
