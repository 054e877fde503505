"""How the OpenAPI document describes what all endpoints have in common."""

from typing import Any

from drf_spectacular.openapi import AutoSchema


class Schema(AutoSchema):
    """Adds the one shape of errors to every operation."""

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        from core.api import ErrorSerializer  # REST framework's views load this module themselves.

        responses: dict[str, Any] = super()._get_response_bodies(direction)
        responses["default"] = self._get_response_for_code(ErrorSerializer, "default", direction=direction)  # type: ignore[no-untyped-call]  # It has none.
        return responses
