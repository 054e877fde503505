"""The one place that decides who may do what.

Supreme staff, the clock and workers may do everything. Everybody else needs a grant: in a campaign, or without one for
the catalogue and the staff. Whoever holds any right in a campaign may view it. Rights are read anew on each request.
"""

from django.db import models

from core.refusal import NotAllowed
from viewers.models import WITHOUT_CAMPAIGN, Action
from viewers.viewer import Viewer

__all__ = ["WITHOUT_CAMPAIGN", "Action", "campaigns_of", "may", "may_somewhere", "require", "visible"]


def may(viewer: Viewer, action: Action, campaign_id: int | None) -> bool:
    """Tell whether a viewer may do this in a campaign; ``None`` asks for an action that needs no campaign."""
    if viewer.kind in ("clock", "worker"):
        return True
    if viewer.staff is None or (viewer.limits is not None and not viewer.limits.allow(action, campaign_id)):
        return False
    if viewer.staff.is_supreme:
        return True
    held = viewer.rights.get(campaign_id, frozenset())
    return bool(held) if action == Action.VIEW and campaign_id is not None else action in held


def may_somewhere(viewer: Viewer, action: Action) -> bool:
    """Tell whether there is anything for which a viewer may do this: whether a list or a menu is for her."""
    found = campaigns_of(viewer, action)
    return may(viewer, action, None) if action in WITHOUT_CAMPAIGN else found is None or bool(found)


def campaigns_of(viewer: Viewer, action: Action = Action.VIEW) -> frozenset[int] | None:
    """Give the ids of the campaigns in which a viewer may do this; ``None`` is all of them."""
    if viewer.kind in ("clock", "worker"):
        return None
    if viewer.staff is None:
        return frozenset()
    if viewer.staff.is_supreme and viewer.limits is None:
        return None
    if viewer.staff.is_supreme and viewer.limits is not None:
        reached = action == Action.VIEW or action in viewer.limits.actions
        return viewer.limits.campaigns if reached else frozenset()
    return frozenset(pk for pk in viewer.rights if pk is not None and may(viewer, action, pk))


def visible[M: models.Model](
    viewer: Viewer, rows: "models.QuerySet[M]", *, field: str = "campaign", action: Action = Action.VIEW
) -> "models.QuerySet[M]":
    """Keep the rows of campaigns in which a viewer may do this; ``field`` leads from a row to its campaign."""
    found = campaigns_of(viewer, action)
    return rows if found is None else rows.filter(**{f"{field}__in": sorted(found)})


def require(viewer: Viewer, action: Action, campaign_id: int | None) -> None:
    """Refuse unless the viewer may do this.

    :raises NotAllowed: she may not.
    """
    if not may(viewer, action, campaign_id):
        who = "somebody who may grant access" if campaign_id is not None else "a supreme admin"
        raise NotAllowed(f"You may not do this. Ask {who} for the right “{Action(action).label}”.")
