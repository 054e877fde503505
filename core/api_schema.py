"""How the OpenAPI document describes what all endpoints have in common."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework.parsers import MultiPartParser

METHODS = ("POST", "PUT", "PATCH", "DELETE")
KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 200},
    location=OpenApiParameter.HEADER,
    description="A random UUID, say. With the same key and body it is done once, and answered alike for 24 hours.",
)


class Schema(AutoSchema):
    """Adds the one shape of errors to every operation, and the key to what changes something and sends no file."""

    def get_override_parameters(self) -> list[Any]:
        """The header ``Idempotency-Key``."""
        takes_files = any(issubclass(parser, MultiPartParser) for parser in self.view.parser_classes)
        return [] if takes_files or self.method.upper() not in METHODS else [KEY]

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        from core.api import ErrorSerializer  # REST framework's views load this module themselves.

        responses: dict[str, Any] = super()._get_response_bodies(direction)
        responses["default"] = self._get_response_for_code(ErrorSerializer, "default", direction=direction)  # type: ignore[no-untyped-call]  # It has none.
        return responses
