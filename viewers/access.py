"""REST access: whom an endpoint lets in at all."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from viewers.permissions import Action, may
from viewers.viewer import viewer_of_request

if TYPE_CHECKING:  # REST framework's views load this module themselves.
    from rest_framework.views import APIView


class StaffOnly(BasePermission):
    """Lets in staff who may do what the view's ``action_of_method`` (or ``required_action``) names."""

    message = "You may not do this. Ask a supreme admin for the right."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Ask the one place that decides."""
        action = getattr(view, "required_action", Action.VIEW)
        if request.method in ("GET", "HEAD", "OPTIONS"):
            action = getattr(view, "read_action", Action.VIEW)
        return may(viewer_of_request(request), action)
