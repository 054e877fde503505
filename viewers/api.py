"""REST: who is asking, and what all endpoints for staff have in common."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.middleware.csrf import get_token
from django.utils import translation
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api import Endpoint
from viewers.permissions import Action, may
from viewers.viewer import Viewer, viewer_of_request


class StaffEndpoint(Endpoint):
    """A view for staff. It speaks the default language, so that programs read the same words everywhere.

    ``read_action`` and ``required_action`` name what a viewer must be allowed to do for reading and for the rest.
    """

    read_action = Action.VIEW
    required_action = Action.VIEW

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer in the default language, whatever the client prefers."""
        with translation.override(settings.LANGUAGE_CODE):
            return super().dispatch(request, *args, **kwargs)

    @property
    def viewer(self) -> Viewer:
        """Who is asking."""
        return viewer_of_request(self.request)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Say which language it is."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Content-Language", settings.LANGUAGE_CODE)
        return response


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # Its metaclass has no types.
    """Describes the admin's session in the OpenAPI document."""

    target_class = "viewers.authentication.StaffSession"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """The session's cookie."""
        description = "The admin's session. Methods that change something also need the header X-CSRFToken."
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME, "description": description}


class PasswordScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # As above.
    """Describes basic authentication in the OpenAPI document."""

    target_class = "viewers.authentication.StaffPassword"
    name = "password"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """Name and password of a member of staff."""
        return {"type": "http", "scheme": "basic"}


class ViewerSerializer(serializers.Serializer[Mapping[str, Any]]):
    """Who is asking."""

    kind = serializers.ChoiceField(choices=["staff", "fan"])
    name = serializers.CharField(help_text="The account's name; empty for a fan.")
    is_supreme = serializers.BooleanField()
    may = serializers.ListField(child=serializers.CharField(), help_text="What the viewer may do, to inform clients.")
    csrf_token = serializers.CharField(help_text="For the header X-CSRFToken of a session's requests.")


class WhoIsAsking(StaffEndpoint):
    """Tells a client whom the API takes it for, and gives a session its CSRF token."""

    permission_classes = []

    @extend_schema(operation_id="viewer_retrieve", responses=ViewerSerializer, tags=["viewer"])
    def get(self, request: Request) -> Response:
        """Who am I, and what may I do?"""
        viewer = self.viewer
        found = {
            "kind": viewer.kind,
            "name": viewer.label,
            "is_supreme": viewer.staff is not None and viewer.staff.is_supreme,
            "may": [str(action) for action in Action if may(viewer, action)],
            "csrf_token": get_token(request),
        }
        return Response(ViewerSerializer(found).data)
