"""Links to previews of the fan pages; the room above, which has those pages, says how one is made."""

from collections.abc import Callable

from campaigns.models import Campaign

Maker = Callable[[Campaign, str, str], str]
_makers: list[Maker] = []
STATES = (
    ("not_started", "Not started"),
    ("open", "Open, with the form"),
    ("registered", "A fan's page: registered"),
    ("closed", "Closed"),
    ("selected", "A fan's page: selected"),
    ("not_selected", "A fan's page: not selected"),
    ("finished", "Finished"),
    ("not_found", "An address without a page"),
    ("error", "Something broke on our side"),
)
"""The states in which a fan may meet the pages, with what staff call them."""


def make_with(maker: Maker) -> Maker:
    """Name the function that gives the link for a campaign, a locale and a state."""
    _makers[:] = [maker]
    return maker


def link_to(campaign: Campaign, locale: str, state: str) -> str:
    """The link to a preview, good for some days; empty where no room above has fan pages."""
    return _makers[0](campaign, locale, state) if _makers else ""
