"""REST: what all endpoints for staff have in common."""

from typing import Any

from django.conf import settings
from django.db import models
from django.http import HttpRequest
from django.utils import translation
from rest_framework.request import Request

from core.api import Endpoint
from core.refusal import Refusal
from viewers.access import action_of
from viewers.fresh_proof import has_fresh_proof
from viewers.permissions import Action, visible
from viewers.viewer import Viewer, viewer_of_request


class FreshProofNeeded(Refusal):
    """The session is old enough that somebody else could sit at it."""

    code = "fresh_proof_needed"
    status = 403


class StaffEndpoint(Endpoint):
    """A view for staff. It speaks the default language, so that programs read the same words everywhere.

    ``read_action`` and ``required_action`` name what a viewer must be allowed to do for reading and for the rest.
    """

    read_action = Action.VIEW
    required_action = Action.VIEW
    is_dangerous = False
    """Whether a browser's session must have proved anew who she is; a program's token is proof enough."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer in the default language, whatever the client prefers."""
        self.language = self.language_of(request)
        with translation.override(self.language):
            return super().dispatch(request, *args, **kwargs)

    def language_of(self, request: HttpRequest) -> str:
        """The language of the answer, where it does not say another one itself."""
        return settings.LANGUAGE_CODE

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After the rights, ask for a fresh proof where the view is dangerous.

        :raises FreshProofNeeded: the session's last proof is too old.
        """
        super().initial(request, *args, **kwargs)
        if self.is_dangerous and not isinstance(request.auth, Viewer) and not has_fresh_proof(request):
            raise FreshProofNeeded("Prove anew that it is you, at /staff/proof/, then repeat this.")

    @property
    def viewer(self) -> Viewer:
        """Who is asking."""
        return viewer_of_request(self.request)

    def asker_of_key(self, request: Request) -> str:
        """The viewer, by whatever she proved herself."""
        viewer = viewer_of_request(request)
        return f"{viewer.kind} {viewer.id} {viewer.subject}"

    @property
    def asked_right(self) -> Action:
        """The right that the present method asks."""
        return action_of(self, self.request.method)

    def visible[M: models.Model](self, rows: "models.QuerySet[M]", *, field: str = "campaign") -> "models.QuerySet[M]":
        """The rows of campaigns that the viewer may view; all others are not there for her."""
        return visible(self.viewer, rows, field=field)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Say which language it is."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Content-Language", self.language)
        return response
