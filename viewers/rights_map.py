"""What a viewer may do, as clients are told. It informs them; no decision of ours ever reads it."""

from collections.abc import Iterable

from django.apps import apps

from viewers.models import Action
from viewers.permissions import WITHOUT_CAMPAIGN, campaigns_of, may, may_somewhere
from viewers.viewer import Viewer

EVERYWHERE = "*"
"""The key of what holds in every campaign, those to come too."""
IN_CAMPAIGNS = tuple(action for action in Action if action not in WITHOUT_CAMPAIGN)


def rights_map(viewer: Viewer) -> dict[str, list[str]]:
    """A viewer's actions by the campaign's domain, or under ``*`` where she reaches all of them."""
    found = campaigns_of(viewer)
    if found is None:
        return {EVERYWHERE: _names(action for action in IN_CAMPAIGNS if campaigns_of(viewer, action) is None)}
    if not found:
        return {}
    # Asked by its name: this room stands below the one of the campaigns.
    rows = apps.get_model("campaigns", "Campaign")._default_manager.filter(pk__in=sorted(found))
    return {
        domain: _names(action for action in IN_CAMPAIGNS if may(viewer, action, pk))
        for domain, pk in rows.order_by("domain").values_list("domain", "pk")
    }


def rights_without_campaign(viewer: Viewer) -> list[str]:
    """A viewer's actions that belong to no campaign."""
    return _names(action for action in WITHOUT_CAMPAIGN if may(viewer, action, None))


def rights_anywhere(viewer: Viewer) -> list[str]:
    """Everything that a viewer may do somewhere."""
    return _names(action for action in Action if may_somewhere(viewer, action))


def _names(actions: Iterable[Action]) -> list[str]:
    return [str(action) for action in actions]
