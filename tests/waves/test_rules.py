import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.waves.bundles import RULES
from waves.manifest import Manifest, written_time
from waves.rules import BadRules, EventRules, MarketRules, Rules

PAGE = """
    {"format": "monoql-draw/1", "campaign": "aurora-2027", "wave": "2027-02-01T10:00", "number": 1,
     "ranking": ["preference", "score"], "score_tier": 10, "score_min": 20, "score_max": null,
     "audience": "all", "reassign": false, "public_source": "",
     "previous_allocation_sha256": "", "previous_voided_sha256": "",
     "markets": {"AZ-PHX": {"places": 1200, "split": "sequential",
                            "events": [{"event": "AZ-PHX-1", "places": 700},
                                       {"event": "AZ-PHX-2", "places": 500}]},
                 "NV-LAS": {"places": 900, "split": "concurrent", "events": []}}}
"""
MANIFEST = Manifest(
    software="MonoQL 1",
    campaign="aurora-2027",
    wave="2027-02-01T10:00",
    number=1,
    commitments=("ab" * 32,) * 32,
    committed_at=datetime(2027, 1, 3, 9, 0, 0, 999_999, tzinfo=UTC),
    rules_sha256="01" * 32,
    snapshot_sha256="02" * 32,
    root="03" * 32,
    entries=3,
    frozen_at=datetime(2027, 1, 31, 18, 2, tzinfo=timezone(timedelta(hours=-8))),
    public_value=None,
    secret=None,
    allocation_sha256=None,
    placed=None,
    signing_key="04" * 32,
    abandoned=None,
)


def changed(**values: Any) -> bytes:
    return json.dumps(json.loads(PAGE) | values).encode()


def test_the_rules_on_the_page_of_the_draw_are_written_as_there() -> None:
    one_line = " ".join(line.strip() for line in PAGE.strip().splitlines())

    assert RULES.to_json() == one_line.encode() + b"\n"


def test_rules_come_back_as_they_were() -> None:
    rules = replace(
        RULES,
        number=32,
        wave="2027-11-07T01:30b",
        ranking=(),
        audience="waitlisted:2027-02-01T10:00",
        reassign=True,
        public_source="tirage du 5 février, « Loto »",
        previous_allocation_sha256="0a" * 32,
        previous_voided_sha256="0b" * 32,
    )

    assert Rules.from_json(rules.to_json()) == rules
    assert list(Rules.from_json(changed(markets={})).markets) == []
    assert "février".encode() in rules.to_json()


@pytest.mark.parametrize(
    "values",
    [
        {"format": "monoql-draw/2"},
        {"campaign": ""},
        {"campaign": 7},
        {"campaign": "a\nb"},
        {"wave": "2027-02-01"},
        {"wave": "2027-02-01T10:00c"},
        {"number": 0},
        {"number": 33},
        {"number": True},
        {"number": 1.0},
        {"ranking": ["lot"]},
        {"ranking": "score"},
        {"ranking": None},
        {"score_tier": 0},
        {"score_tier": None},
        {"score_min": -1},
        {"score_max": 101},
        {"score_max": "7"},
        {"audience": ""},
        {"audience": "everybody"},
        {"audience": "fanlist:"},
        {"audience": "waitlisted:yesterday"},
        {"audience": 1},
        {"reassign": 0},
        {"public_source": None},
        {"public_source": "\ud800"},
        {"previous_allocation_sha256": "A" * 64},
        {"previous_voided_sha256": None},
        {"markets": []},
        {"markets": {"A B": {"places": 0, "split": "concurrent", "events": []}}},
        {"markets": {"A" * 41: {"places": 0, "split": "concurrent", "events": []}}},
        {"markets": {"A": {"places": 1, "split": "concurrent", "events": [{"event": "E", "places": 1}]}}},
        {"markets": {"A": {"places": -1, "split": "concurrent", "events": []}}},
        {"markets": {"A": {"places": 1, "split": "shared", "events": []}}},
        {"markets": {"A": {"places": 1, "split": "sequential", "events": []}}},
        {"markets": {"A": {"places": 2, "split": "sequential", "events": [{"event": "E", "places": 1}]}}},
        {"markets": {"A": {"places": 1, "split": "sequential", "events": [{"event": "É", "places": 1}]}}},
        {"markets": {"A": {"places": 1, "split": "sequential", "events": [{"event": "E", "places": "1"}]}}},
        {"markets": {"A": {"places": 2, "split": "sequential", "events": [{"event": "E", "places": 1}] * 2}}},
        {"markets": {"A": {"places": 1, "split": "sequential", "events": [{"event": "E"}]}}},
        {"markets": {"A": {"places": 1, "split": "sequential", "events": {}}}},
        {"markets": {"A": {"places": 1, "split": "concurrent"}}},
        {"markets": {"A": 1}},
        {"more": 1},
    ],
)
def test_rules_that_the_page_does_not_allow_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(BadRules):
        Rules.from_json(changed(**values))


@pytest.mark.parametrize(
    "stored", [b"", b"[]", b"null", b"{", b"\xff", b"{}", PAGE.replace("{", '{"number": 1, ', 1).encode()]
)
def test_bytes_that_are_no_rules_are_refused(stored: bytes) -> None:
    with pytest.raises(BadRules):
        Rules.from_json(stored)


def test_rules_cannot_be_made_of_what_could_not_be_read_back() -> None:
    with pytest.raises(BadRules, match="33"):
        replace(RULES, number=33)
    with pytest.raises(BadRules, match="sum"):
        MarketRules(2, "sequential", (EventRules("E", 1),))


def test_a_manifest_has_the_keys_of_the_page_in_their_order() -> None:
    values = json.loads(MANIFEST.to_json())

    assert MANIFEST.to_json().endswith(b"}\n")
    assert ", ".join(values) == (
        "format, software, campaign, wave, number, commitments, committed_at, rules_sha256, snapshot_sha256,"
        " root, entries, frozen_at, public_value, secret, allocation_sha256, placed, signing_key, abandoned"
    )
    assert values["committed_at"] == "2027-01-03T09:00:00Z"
    assert values["frozen_at"] == "2027-02-01T02:02:00Z"
    assert values["placed"] is None


def test_a_time_without_a_zone_is_not_written() -> None:
    with pytest.raises(ValueError, match="zone"):
        written_time(datetime(2027, 1, 3, 9))
