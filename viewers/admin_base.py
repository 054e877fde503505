"""The admin's pages, opened by the one place that decides who may do what."""

from django.db import models
from django.http import HttpRequest

from core.admin_base import ConsoleAdmin
from viewers.permissions import Action, may
from viewers.viewer import Viewer, viewer_of_request


class GuardedAdmin[M: models.Model](ConsoleAdmin[M]):
    """A model's pages; every view, button and list asks ``viewers.permissions``."""

    view_right = Action.VIEW

    def may(self, request: HttpRequest, right: str) -> bool:
        """Whether the request's viewer has a right."""
        return may(viewer_of_request(request), Action(right))

    def actor(self, request: HttpRequest) -> Viewer:
        """Who acts in a request."""
        return viewer_of_request(request)
