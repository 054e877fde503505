"""The OpenAPI document: served, shown, and the same as the one in docs/."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

from monoql.api_document import rendered
from tests.api.addresses import addresses
from tests.api.calling import Api

COMMITTED = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"


def generated() -> dict[str, Any]:
    """The document as the code describes it now."""
    schema: dict[str, Any] = json.loads(rendered("json"))
    return schema


def test_the_committed_document_is_the_generated_one() -> None:
    assert COMMITTED.read_bytes() == rendered("yaml"), "Run: manage.py spectacular --file docs/openapi.yaml"


def test_the_document_is_valid_and_nothing_was_guessed() -> None:
    rendered.cache_clear()
    GENERATOR_STATS.reset()

    validate_schema(generated())  # type: ignore[no-untyped-call]  # It has none.

    assert not GENERATOR_STATS


def test_the_document_has_every_address() -> None:
    documented = [(method, path) for path, methods in generated()["paths"].items() for method in methods]
    served = [(method, address.path) for address in addresses() for method in address.methods]

    assert len(documented) == len(served)


@pytest.mark.django_db
def test_the_document_and_its_pages_are_served(api: Api) -> None:
    schema = api.get("/api/schema/")

    assert schema.status == 200
    assert schema.body.startswith("openapi: 3")
    assert api.get("/api/schema/", accept="application/json").body["info"]["title"] == "MonoQL API"
    assert api.get("/api/schema/?format=json&lang=%00").body == api.get("/api/schema/?format=json").body
    for path in ("/api/docs/", "/api/redoc/"):
        page = api.get(path)
        assert page.status == 200
        assert "/static/drf_spectacular_sidecar/" in page.body
        assert "cdn" not in page.body
