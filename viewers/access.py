"""REST access: whom an endpoint lets in at all, and to which rows."""

from typing import TYPE_CHECKING, Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from viewers.permissions import WITHOUT_CAMPAIGN, Action, may, may_somewhere
from viewers.viewer import viewer_of_request

if TYPE_CHECKING:  # REST framework's views load this module themselves.
    from rest_framework.views import APIView

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def action_of(view: "APIView", method: str | None) -> Action:
    """The right that a view asks for a method: its ``read_action`` or its ``required_action``."""
    name = "read_action" if method in SAFE_METHODS else "required_action"
    return Action(getattr(view, name, Action.VIEW))


class StaffOnly(BasePermission):
    """Lets in whoever may do in some campaign what the view asks; and to a row whoever may in the row's campaign."""

    message = "You may not do this. Ask somebody who may grant access for the right."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Whether there is anything here for the viewer."""
        return may_somewhere(viewer_of_request(request), action_of(view, request.method))

    def has_object_permission(self, request: Request, view: "APIView", obj: Any) -> bool:
        """Whether the row's campaign is one in which the viewer may do this; a row of none is for whoever came in."""
        action = action_of(view, request.method)
        campaign_id = getattr(obj, "campaign_id", None) if not hasattr(obj, "public_id") else obj.pk
        if campaign_id is None or action in WITHOUT_CAMPAIGN:
            return self.has_permission(request, view)
        return may(viewer_of_request(request), action, campaign_id)
