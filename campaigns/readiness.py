"""What is missing before a campaign may open. Red lines refuse the opening, amber ones warn."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from campaigns.completeness import completeness_of
from campaigns.models import Campaign


@dataclass(frozen=True)
class Line:
    """One thing to mend: what is wrong, how bad it is, and the admin section that mends it."""

    text: str
    is_red: bool
    section: str


Check = Callable[[Campaign, datetime], Iterable[Line]]
_checks: list[Check] = []


def register(check: Check) -> Check:
    """Add a check; rooms above this one add theirs for codes and waves."""
    _checks.append(check)
    return check


def lines(campaign: Campaign, *, now: datetime) -> list[Line]:
    """All lines of a campaign, the red ones first."""
    found = [line for check in _checks for line in check(campaign, now)]
    return sorted(found, key=lambda line: not line.is_red)


@register
def dates(campaign: Campaign, now: datetime) -> Iterable[Line]:
    """A registration needs an opening and a closing time."""
    if campaign.type == Campaign.Type.REGISTRATION:
        if campaign.open_at is None or campaign.close_at is None:
            yield Line("Set when it opens and closes.", is_red=True, section="dates")
        if campaign.presale_window_start_at is None or campaign.presale_window_end_at is None:
            yield Line("Set the presale window: fans want to know when their code is valid.", False, "dates")


@register
def markets(campaign: Campaign, now: datetime) -> Iterable[Line]:
    """A registration needs an active market, and each active market an active event."""
    if campaign.type != Campaign.Type.REGISTRATION:
        return
    found = list(campaign.markets.filter(is_active=True).prefetch_related("events").order_by("number"))
    if not found:
        yield Line("Add a market: fans have no city to choose yet.", is_red=True, section="markets")
    for market in found:
        if not any(event.is_active for event in market.events.all()):
            yield Line(f"Market {market.code} has no event.", is_red=True, section="markets")


@register
def promoter(campaign: Campaign, now: datetime) -> Iterable[Line]:
    """Whoever gives her data is told by whom it is kept, and where to read what happens to it."""
    if campaign.promoter is None:
        yield Line("Choose a promoter: its privacy policy stands on every fan page.", is_red=True, section="promoter")
    elif not campaign.promoter.privacy_url_in(campaign.default_locale_id):
        yield Line(
            f"Give {campaign.promoter} the address of a privacy policy for the default locale "
            f"{campaign.default_locale_id}.",
            is_red=True,
            section="privacy",
        )


@register
def content(campaign: Campaign, now: datetime) -> Iterable[Line]:
    """The default locale must be complete: every other one falls back to it."""
    found = completeness_of(campaign)
    if missing := found.missing():
        yield Line(
            f"Write the texts of the default locale {campaign.default_locale_id}: {', '.join(missing)}.",
            is_red=True,
            section="content",
        )
    if counts := found.falling_back():
        languages = ", ".join(f"{code} ({count})" for code, count in counts.items())
        yield Line(f"Some texts are shown in {campaign.default_locale_id}: {languages}.", False, "content")
