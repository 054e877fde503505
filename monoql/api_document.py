"""The OpenAPI document of the REST API."""

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer

from core.etags import etag_of, or_not_modified

RENDERERS = {"yaml": OpenApiYamlRenderer, "json": OpenApiJsonRenderer}
PUBLIC_SECONDS = 300


@require_safe
def api_document(request: HttpRequest) -> HttpResponse:
    """The document as YAML, or as JSON where the client asks for that or ``?format=json`` says so."""
    asks_for_json = "json" in request.headers.get("Accept", "") or request.GET.get("format") == "json"
    kind = "json" if asks_for_json else "yaml"
    response = HttpResponse(rendered(kind), content_type=f"{RENDERERS[kind].media_type}; charset=utf-8")
    response.headers["Content-Disposition"] = f'inline; filename="monoql-openapi.{kind}"'
    response.headers["Cache-Control"] = f"public, max-age={PUBLIC_SECONDS}"
    response.headers["Vary"] = "Accept"
    response.headers["ETag"] = etag_of(response.content)
    return or_not_modified(request, response)


@lru_cache(maxsize=2)
def rendered(kind: str) -> bytes:
    """The document's bytes. They take a second to make and never change, so a process makes them once."""
    with translation.override(settings.LANGUAGE_CODE):
        schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # It has none.
        text = RENDERERS[kind]().render(schema, renderer_context={})
    return text.encode() if isinstance(text, str) else text
