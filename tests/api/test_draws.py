"""The draws by REST, for everybody: the same facts as on the pages, at the same time."""

import hashlib
from datetime import datetime

import pytest
from django.test import Client
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign
from tests import scenario
from tests.api.calling import Api
from waves import preparation, selection
from waves.draw import draw_key
from waves.models import Draw, Wave

pytestmark = pytest.mark.django_db(transaction=True)
DRAWS, DRAW = "campaigns/aurora/draws/", "campaigns/aurora/draws/2027-02-01T10:00/"


@pytest.fixture
def prepared(tour: Campaign) -> Wave:
    """A wave of the closed tour, prepared."""
    for name in ("Ada", "Ben"):
        scenario.register_fan(tour, name, ["CA-LAX"])
    scenario.upload_codes(tour, "CA-LAX", 1)
    closed = lifecycle.close_campaign(campaign=tour, actor=scenario.SUPREME, now=timezone.now())
    return scenario.prepare_wave(scenario.make_wave(closed))


def trigger(wave: Wave) -> Wave:
    """Trigger it, and let the workers write its files."""
    selection.trigger(wave=wave, actor=scenario.SUPREME, now=timezone.now())
    scenario.run_jobs()
    return wave


def test_before_any_draw_there_are_the_commitments_and_what_receipts_carry_of_them(api: Api, tour: Campaign) -> None:
    body = api.get(DRAWS).body

    assert body["draws"] == []
    assert body["commitments"] == tour.draw_secrets.commitments
    lines = "".join(f"{one}\n" for one in body["commitments"])
    assert body["commitments_sha256"] == hashlib.sha256(lines.encode()).hexdigest()


def test_a_frozen_draw_tells_hashes_and_rules_and_nothing_that_is_sealed(api: Api, prepared: Wave) -> None:
    draw = Draw.objects.get()

    listed, body = api.get(DRAWS).body["draws"], api.get(DRAW).body

    assert [(one["wave"], one["state"], one["placed"]) for one in listed] == [("2027-02-01T10:00", "frozen", None)]
    assert (body["root"], body["snapshot_sha256"], body["entries"]) == (draw.root, draw.snapshot_sha256, 2)
    assert hashlib.sha256(body["rules_json"].encode()).hexdigest() == body["rules_sha256"] == draw.rules_sha256
    assert body["rules"]["ranking"] == ["preference", "score"]
    sealed = ("secret", "allocation_sha256", "voided_sha256", "placed", "triggered_at")
    assert [body[name] for name in sealed] == [None] * len(sealed)
    assert body["placed_by_choice"] == body["files"] == []
    assert body["markets"][1] == {
        "market": "CA-LAX",
        "places": 1,
        "demand_first": None,
        "demand": None,
        "placed": None,
        "cutoff": None,
    }


def test_a_triggered_draw_tells_everything_by_which_its_order_follows(api: Api, prepared: Wave) -> None:
    trigger(prepared)

    body = api.get(DRAW).body

    assert (body["state"], body["placed"], body["placed_by_choice"]) == ("triggered", 1, [1])
    assert hashlib.sha256(bytes.fromhex(body["secret"])).hexdigest() == body["commitment"]
    key = draw_key(
        secret=bytes.fromhex(body["secret"]),
        root=bytes.fromhex(body["root"]),
        rules_json=body["rules_json"].encode(),
        public_value=body["public_value"],
    )
    refs = [entry.ref for entry in prepared.campaign.entries.all()]
    tickets = sorted(hashlib.sha256(key + ref.encode()).hexdigest()[:16] for ref in refs)
    assert body["markets"][1]["cutoff"] == {"choice": 1, "tier": 0, "ticket": tickets[0]}
    assert not any(ref in str(body) for ref in refs)
    assert [file["name"] for file in body["files"]] == [
        "rules.json",
        "manifest.json",
        "snapshot.csv",
        "allocation.csv",
        "voided.csv",
    ]


def test_each_link_of_a_file_leads_somewhere(api: Api, client: Client, prepared: Wave) -> None:
    trigger(prepared)
    body = api.get(DRAW).body

    links = [body["url"], body["verifier_url"], *(file["url"] for file in body["files"])]

    assert [client.get(f"/c/{link.partition('/c/')[2]}").status_code for link in links] == [
        200,
        200,
        200,
        200,
        302,
        302,
        200,
    ]


def test_an_abandoned_draw_tells_its_reason_and_secret(api: Api, prepared: Wave) -> None:
    preparation.abandon(wave=prepared, reason="Storm", actor=scenario.SUPREME, now=timezone.now())

    body = api.get(DRAW).body

    assert (body["state"], body["abandoned"], body["placed"]) == ("abandoned", "Storm", None)
    assert hashlib.sha256(bytes.fromhex(body["secret"])).hexdigest() == body["commitment"]
    assert all(market["cutoff"] is None for market in body["markets"])


def test_where_bundles_are_not_public_only_what_lists_no_entries_is_linked(api: Api, prepared: Wave) -> None:
    Campaign.objects.update(publishes_bundle=False)
    trigger(prepared)

    assert [file["name"] for file in api.get(DRAW).body["files"]] == ["rules.json", "manifest.json"]


def test_what_does_not_change_is_not_sent_again(api: Api, prepared: Wave) -> None:
    for path in (DRAWS, DRAW):
        first = api.get(path)
        again = api.get(path, if_none_match=first.headers["ETag"])

        assert first.headers["Cache-Control"] == "public, max-age=5"
        assert again.status == 304


def test_a_hidden_campaign_and_a_time_without_a_draw_are_not_found(api: Api, prepared: Wave) -> None:
    missing = api.get(DRAW.replace("02-01", "02-02"))
    Campaign.objects.update(status=Campaign.Status.NOT_STARTED, is_released=False)

    hidden = [api.get(path) for path in (DRAWS, DRAW)]

    assert (missing.status, missing.body["message"]) == (404, "No draw of this time has been frozen.")
    assert [answer.status for answer in hidden] == [404, 404]


def test_the_list_has_the_newest_first(api: Api, prepared: Wave) -> None:
    trigger(prepared)
    scenario.upload_codes(prepared.campaign, "CA-LAX", 1, prefix="B")
    campaign = Campaign.objects.get()
    scenario.prepare_wave(scenario.make_wave(campaign, local=datetime(2027, 2, 2, 10, 0)))

    found = api.get(DRAWS).body["draws"]

    assert [(one["number"], one["state"]) for one in found] == [(2, "frozen"), (1, "triggered")]
