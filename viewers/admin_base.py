"""The admin's pages, opened by the one place that decides who may do what."""

from django.db import models
from django.http import HttpRequest, HttpResponse

from core.admin_base import ConsoleAdmin
from viewers.fresh_proof import ask_for_fresh_proof, has_fresh_proof
from viewers.permissions import WITHOUT_CAMPAIGN, Action, may, may_somewhere, visible
from viewers.viewer import Viewer, viewer_of_request


class GuardedAdmin[M: models.Model](ConsoleAdmin[M]):
    """A model's pages; every view, button and list asks ``viewers.permissions``."""

    view_right = Action.VIEW
    campaign_path = ""
    """The way from a row to its campaign's id, as in ``campaign_id``; empty for what belongs to no campaign."""

    def may(self, request: HttpRequest, right: str, obj: models.Model | None = None) -> bool:
        """Whether the request's viewer has a right: for an object in its campaign, without one in any campaign."""
        viewer, action = viewer_of_request(request), Action(right)
        if obj is None or not self.campaign_path:
            return may_somewhere(viewer, action)
        return may(viewer, action, None if action in WITHOUT_CAMPAIGN else self.campaign_id_of(obj))  # type: ignore[arg-type]  # A row of this model.

    def may_in(self, request: HttpRequest, right: str, campaign_id: int) -> bool:
        """Whether the request's viewer has a right in a campaign."""
        return may(viewer_of_request(request), Action(right), campaign_id)

    def get_queryset(self, request: HttpRequest) -> "models.QuerySet[M]":
        """The rows of campaigns that the viewer may view; others do not exist for her."""
        rows = super().get_queryset(request)
        return visible(viewer_of_request(request), rows, field=self.campaign_path) if self.campaign_path else rows

    def fresh_proof(self, request: HttpRequest) -> HttpResponse | None:
        """The way to the page that asks who she is, and back here; nothing where she has just shown it."""
        return None if has_fresh_proof(request) else ask_for_fresh_proof(request)

    def actor(self, request: HttpRequest) -> Viewer:
        """Who acts in a request."""
        return viewer_of_request(request)
