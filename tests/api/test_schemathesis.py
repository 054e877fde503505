"""Requests made from the OpenAPI document, and of what it forbids: no answer is our fault, none outside the document.

schemathesis makes them for every address for fans. Most go to a campaign that is there, with the token of a fan.
"""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from campaigns.api.campaign import OneCampaign
from campaigns.api.fan import FanEndpoint
from campaigns.models import Campaign
from entries.proof import fan_token, link_token
from monoql.wsgi import application
from tests import scenario
from tests.api.addresses import addresses

pytestmark = pytest.mark.django_db(transaction=True)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SAMPLE, ALL = 300, 20_000


@pytest.fixture(autouse=True)
def without_limits(fresh_memory: None, settings: Settings) -> None:
    """Let one address ask as often as it likes, and keep the campaign in memory."""
    settings.FAN_REQUESTS_PER_SECOND = 0
    settings.PUBLISHED_SECONDS = 60


def operations() -> list[Any]:
    """What fans may do, as the served document describes it."""
    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", application)
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return [
        one for one in found if "fans" in (one.tags or []) or one.definition.raw["operationId"] == "campaigns_retrieve"
    ]


def test_the_document_marks_every_address_for_fans() -> None:
    for_fans = [
        (method, address.path)
        for address in addresses()
        for method in (["GET"] if address.view is OneCampaign else address.methods)
        if issubclass(address.view, FanEndpoint | OneCampaign)
    ]

    assert len(operations()) == len(for_fans)


@pytest.mark.parametrize("cases", [SAMPLE, pytest.param(ALL, marks=pytest.mark.soak)])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "forbidden"])
def test_no_answer_is_our_fault_or_outside_the_document(tour: Campaign, mode: GenerationMode, cases: int) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    fan = f"Bearer {fan_token(campaign_id=tour.pk, ref=entry.ref)}"
    found = operations()
    tried = 0
    for operation in found:

        @given(
            case=operation.as_strategy(mode), is_known=st.sampled_from([True, True, True, False]), body=bodies(entry.pk)
        )
        @hypothesis_settings(
            max_examples=cases // 2 // len(found) + 1,
            deadline=None,
            database=None,
            derandomize=cases == SAMPLE,
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: Any, is_known: bool, body: Any) -> None:
            nonlocal tried
            tried += 1
            if is_known:
                case.path_parameters["domain"] = tour.domain
                case.headers["Authorization"] = fan
                if isinstance(case.body, dict):
                    case.body = {**case.body, **body}
            case.call_and_validate(checks=CHECKS)

        ask()
    print(f"{tried:,} cases of {len(found)} operations")
    assert tried >= cases // 4


def bodies(entry_id: int) -> st.SearchStrategy[dict[str, Any]]:
    """Values that lead beyond the first refusal, some of them good ones."""
    text = st.text(max_size=40)
    return st.fixed_dictionaries(
        {},
        optional={
            "token": st.just(link_token(entry_id=entry_id)) | text,
            "email": st.sampled_from(["ada@example.com", "ben@example.com"]) | text,
            "name": st.just("Ada") | text,
            "choices": st.lists(st.sampled_from(["CA-LAX", "AZ-PHX"]) | text, max_size=3),
            "answers": st.dictionaries(st.just("seat") | text, text, max_size=2),
            "code": st.from_regex(r"[0-9]{6}", fullmatch=True),
            "phone": st.just("+1 213 555 0123") | text,
        },
    )
