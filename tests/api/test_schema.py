"""The OpenAPI document: served, shown, and the same as the one in docs/."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema

from tests.api.addresses import addresses
from tests.api.calling import Api

COMMITTED = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"


def generated() -> dict[str, Any]:
    """The document as the code describes it now."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # It has none.
    return schema


def test_the_committed_document_is_the_generated_one() -> None:
    text: bytes = OpenApiYamlRenderer().render(generated(), renderer_context={})  # type: ignore[no-untyped-call]  # As above.

    assert COMMITTED.read_bytes() == text, "Run: manage.py spectacular --file docs/openapi.yaml"


def test_the_document_is_valid_and_nothing_was_guessed() -> None:
    GENERATOR_STATS.reset()

    validate_schema(generated())  # type: ignore[no-untyped-call]  # As above.

    assert not GENERATOR_STATS


def test_the_document_has_every_address() -> None:
    documented = [(method, path) for path, methods in generated()["paths"].items() for method in methods]
    served = [(method, address.path) for address in addresses() for method in address.methods]

    assert len(documented) == len(served)


@pytest.mark.django_db
def test_the_document_and_its_pages_are_served(api: Api) -> None:
    schema = api.get("/api/schema/")

    assert schema.status == 200
    assert yaml.safe_load(schema.body)["info"]["title"] == "MonoQL API"
    for path in ("/api/docs/", "/api/redoc/"):
        page = api.get(path)
        assert page.status == 200
        assert "/static/drf_spectacular_sidecar/" in page.body
        assert "cdn" not in page.body
