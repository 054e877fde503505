"""The one place that decides who may do what."""

from enum import StrEnum

from core.refusal import NotAllowed
from viewers.viewer import Viewer


class Action(StrEnum):
    """What a viewer can be allowed to do in a campaign, or (the last two) without one."""

    VIEW = "view"
    EDIT_CONTENT = "edit_content"
    EDIT_SETUP = "edit_setup"
    MANAGE_CODES = "manage_codes"
    RUN_WAVES = "run_waves"
    EXPORT = "export"
    SEE_PERSONAL_DATA = "see_personal_data"
    GRANT_ACCESS = "grant_access"
    EDIT_CATALOGUE = "edit_catalogue"
    MANAGE_STAFF = "manage_staff"


def may(viewer: Viewer, action: Action) -> bool:
    """Tell whether a viewer may do this. Only supreme staff, the clock and workers may, until there are grants."""
    if viewer.kind in ("clock", "worker"):
        return True
    return viewer.staff is not None and viewer.staff.is_supreme


def require(viewer: Viewer, action: Action) -> None:
    """Refuse unless the viewer may do this.

    :raises NotAllowed: she may not.
    """
    if not may(viewer, action):
        raise NotAllowed("You may not do this. Ask a supreme admin for the right.")
