"""A draw's rules, counts and cut-offs in words for everybody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import formats
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Field, Locale, Market
from campaigns.published import Published
from monoql.fan_words import city_text, day_text, formats_of, isolated, list_text, short_day_text
from waves.public_draws import PublicDraw, PublicMarket
from waves.rules import HIGHEST_SCORE, Rules


@dataclass(frozen=True)
class Count:
    """One line of the way from everybody to the placed; ``is_less`` where it is taken off."""

    label: str
    number: int
    is_less: bool = False


@dataclass(frozen=True)
class MarketLine:
    """One city of a draw: its places and dates, and what the draw did there."""

    code: str
    city: str
    places: int
    placed: int
    dates: Sequence[str]
    last: str


def number_text(number: int) -> str:
    """A whole number as the active language groups its digits."""
    return str(formats.number_format(number, use_l10n=True, force_grouping=True))


def lot_text(ticket: str) -> str:
    """A ticket of 16 hex digits as a number from 0 to 1 with four decimals; lower comes earlier."""
    return str(formats.number_format(f"{int(ticket, 16) / 2**64:.4f}", use_l10n=True))


def day_of_draw(draw: PublicDraw, locale: Locale) -> str:
    """The day of the trigger, else the one for which the wave was planned."""
    at = draw.wave.triggered_at
    if at is not None:
        return day_text(at, draw.draw.campaign.zone, locale=locale)
    return day_of_key(draw.wave.date_key, locale)


def day_of_key(date_key: str, locale: Locale) -> str:
    """The day that a dateKey names."""
    local = datetime.strptime(date_key[:10], "%Y-%m-%d")  # noqa: DTZ007  A day of the campaign's own calendar.
    form = formats_of(locale)
    return form.write(local, form.day)


# The rules


def ranking_texts(ranking: Sequence[str], *, is_capped: bool) -> list[str]:
    """What the ranking does, and what is honest to say of it (spec: the one rule)."""
    gamed = _("Most fans get their first choice. A fan can gain by not naming a sought-after city first.")
    true_order = (
        _("Naming cities in one’s true order is best, but where one may name only some of them, it matters which.")
        if is_capped
        else _("Naming cities in one’s true order is always best.")
    )
    texts = {
        ("preference", "score"): [
            _(
                "First choices are served before any second choice. Among equal choices the group with the higher "
                "scores comes first, then the lot decides."
            ),
            gamed,
        ],
        ("preference",): [
            _("First choices are served before any second choice, in the order of the lot. Scores do not matter."),
            gamed,
        ],
        ("score",): [
            _(
                "Fans take turns: groups with higher scores first, inside a group by lot. "
                "Each gets the best of her cities that has a place left."
            ),
            true_order,
        ],
        (): [
            _(
                "Fans take turns in the order of the lot. Each gets the best of her cities that has a place left. "
                "Scores do not matter."
            ),
            true_order,
        ],
        ("score", "preference"): [
            _(
                "Groups with higher scores come first. Inside a group, first choices are served before any second "
                "choice, then the lot decides."
            ),
            _("A fan can gain a little by not naming a sought-after city first."),
        ],
    }
    return texts[tuple(ranking)]


def rules_texts(draw: PublicDraw, published: Published, *, locale: Locale, fanlist: str) -> list[str]:
    """The rules of a draw, a sentence each. ``fanlist`` is the name of the fan list that it is for, if one."""
    rules = draw.rules
    found = ranking_texts(rules.ranking, is_capped=_is_capped(published))
    if "score" in rules.ranking:
        found.append(
            _("Scores from 0 to 100 are taken in groups of %(width)s.") % {"width": rules.score_tier}
            if rules.score_tier > 1
            else _("Every point of a score from 0 to 100 counts.")
        )
    found += [*_bounds(rules), _audience(rules, locale, fanlist)]
    found.append(
        _("Fans whom an earlier draw had chosen could be chosen again; their earlier code stays theirs.")
        if rules.reassign
        else _("Fans whom an earlier draw had chosen were left out.")
    )
    return found


def _is_capped(published: Published) -> bool:
    """Whether fans may name fewer cities than there are."""
    ranking = next((field for field in published.fields if field.type == Field.Type.RANKING), None)
    most = ranking.maximum if ranking is not None else ""
    return most.isdigit() and int(most) < len(published.markets)


def _bounds(rules: Rules) -> list[str]:
    lowest, highest = rules.score_min, rules.score_max
    if lowest is None and highest is None:
        return []
    values = {"lowest": lowest or 0, "highest": HIGHEST_SCORE if highest is None else highest}
    return [_("Only entries with a score from %(lowest)s to %(highest)s could be drawn.") % values]


def _audience(rules: Rules, locale: Locale, fanlist: str) -> str:
    kind, _colon, name = rules.audience.partition(":")
    if kind == "waitlisted":
        day = day_of_key(name, locale)
        return _("It was for fans whom the draw of %(day)s had left without a place.") % {"day": day}
    if kind == "fanlist":
        return _("It was for members of the fan list %(name)s.") % {"name": isolated(fanlist or name)}
    return _("It was for every entry of this campaign.")


# The counts


def reason_words() -> Mapping[str, str]:
    """Each public reason that keeps an entry out of a draw."""
    return {
        "withdrawn": _("had withdrawn"),
        "excluded": _("did not meet the rules of the campaign"),
        "unconfirmed": _("had not confirmed address or phone"),
        "already_selected": _("had been chosen in an earlier draw"),
        "not_in_audience": _("did not belong to the group of this draw"),
        "no_choice": _("named no city of this draw"),
        "below_min_score": _("had a score below the lowest allowed"),
        "above_max_score": _("had a score above the highest allowed"),
    }


def counts_of(draw: PublicDraw) -> list[Count]:
    """From everybody in the list to the placed, each subtraction by its name."""
    words = reason_words()
    found = [
        Count(_("Entries in the list"), draw.draw.entries),
        *(Count(words[reason], count, is_less=True) for reason, count in draw.reasons.items()),
        Count(_("could be drawn"), draw.draw.eligible),
        Count(_("places"), draw.places),
    ]
    if draw.placed is None:
        return found
    found.append(Count(_("were drawn"), draw.placed))
    for choice, count in enumerate(draw.placed_by_choice, start=1):
        if count:
            found.append(Count(_("of these, for choice number %(number)s") % {"number": choice}, count))
    if draw.voided:
        found.append(Count(_("of these, left before the codes were given"), draw.voided))
    found.append(Count(_("found all their cities full"), draw.draw.eligible - draw.placed))
    return found


# The cities


def market_lines(draw: PublicDraw, markets: Mapping[str, Market], *, locale: Locale) -> list[MarketLine]:
    """The draw's cities in the order of their names."""
    lines = [_market_line(draw, market, markets.get(market.code), locale) for market in draw.markets]
    return sorted(lines, key=lambda line: (line.city, line.code))


def _market_line(draw: PublicDraw, public: PublicMarket, market: Market | None, locale: Locale) -> MarketLine:
    return MarketLine(
        code=public.code,
        city=city_text(market) if market is not None else public.code,
        places=public.rules.places,
        placed=public.placed,
        dates=_dates(public, market, locale),
        last=last_text(public, draw.rules) if draw.is_triggered else "",
    )


def _dates(public: PublicMarket, market: Market | None, locale: Locale) -> list[str]:
    """The places of each date, where each has its own."""
    if len(public.rules.events) < 2:
        return []
    zone = ZoneInfo(market.venue.timezone) if market is not None else ZoneInfo("UTC")
    starts = {event.code: event.starts_at for event in market.events.all()} if market is not None else {}
    days = {code: short_day_text(at, zone, locale=locale) for code, at in starts.items()}
    return [
        _("%(places)s for %(date)s")
        % {"places": number_text(event.places), "date": isolated(days.get(event.event, event.event))}
        for event in public.rules.events
    ]


def last_text(public: PublicMarket, rules: Rules) -> str:
    """The last who got into a city, by what the ranking sorted on; or that everybody who came to it did."""
    if public.cutoff is None:
        return _("Not all places were taken.") if public.rules.places else _("No places.")
    parts = {
        "preference": _("choice %(number)s") % {"number": public.cutoff["choice"]},
        "score": _tier_text(int(public.cutoff["tier"]), rules.score_tier),
    }
    lot = _("number %(lot)s") % {"lot": lot_text(str(public.cutoff["ticket"]))}
    last = list_text([*(parts[criterion] for criterion in rules.ranking), lot])
    return _("The last one drawn had %(last)s.") % {"last": last}


def _tier_text(tier: int, width: int) -> str:
    lowest, highest = tier * width, min((tier + 1) * width - 1, HIGHEST_SCORE)
    if lowest == highest:
        return _("a score of %(score)s") % {"score": lowest}
    return _("a score from %(lowest)s to %(highest)s") % {"lowest": lowest, "highest": highest}


# What the page's script needs


def facts_for_script(
    draw: PublicDraw | None, lines: Sequence[MarketLine], campaign: Campaign, *, signing_key: str, sealed: Any
) -> dict[str, Any]:
    """Everything by which a receipt is checked in the browser, so that the page need not ask for anything."""
    facts: dict[str, Any] = {
        "campaign": campaign.domain,
        "signing_key": signing_key,
        "commitments": list(sealed.hashes),
        "decimal": formats.get_format("DECIMAL_SEPARATOR"),
        "thousands": formats.get_format("THOUSAND_SEPARATOR"),
    }
    if draw is None:
        return facts
    last = {line.code: line for line in lines}
    facts["draw"] = {
        "state": draw.state,
        "wave": draw.wave.date_key,
        "number": draw.draw.number,
        "entries": draw.draw.entries,
        "root": draw.draw.root,
        "frozen_at": draw.draw.frozen_at.timestamp(),
        "rules": bytes(draw.draw.rules).decode(),
        "public_value": draw.draw.public_value or "",
        "secret": draw.secret,
        "reasons": reason_words(),
        "markets": {
            market.code: {
                "city": last[market.code].city,
                "last": last[market.code].last,
                "placed": market.placed,
                "cutoff": market.cutoff,
            }
            for market in draw.markets
        },
    }
    return facts
