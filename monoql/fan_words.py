"""What the fan pages and mails say in words: moments with their zone, cities, choices, and what a draw decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import dateformat
from django.utils.translation import get_language_bidi, ngettext, pgettext
from django.utils.translation import gettext as _

from campaigns.models import Locale, Market
from waves.explanation import Named, Outcome

MOST_CITIES_IN_A_SENTENCE = 4


@dataclass(frozen=True)
class Formats:
    """How a locale writes moments, in Django's format letters."""

    moment: str
    day: str
    short_day: str
    time: str
    has_small_names: bool = False
    """Whether months and weekdays are lower-case inside a sentence; some of Django's catalogues capitalise them."""

    def write(self, at: datetime, form: str) -> str:
        """A moment, which must already be in the zone to show, in the active language."""
        text = dateformat.format(at, form)
        return text.lower() if self.has_small_names else text


AMERICAN = Formats(moment="l, F j, Y, g:i A", day="l, F j, Y", short_day="D, M j, Y", time="g:i A")
AMERICAN_LOCALES = ("en_US", "en_CA", "en_PH")
LANGUAGES_WITH_SMALL_NAMES = ("es", "fr", "pt")


def formats_of(locale: Locale) -> Formats:
    """The formats of a locale, whose language must be the active one."""
    if locale.code in AMERICAN_LOCALES:
        return AMERICAN
    return Formats(
        moment=pgettext("moment, in Django's date format", "l j F Y, H:i"),
        day=pgettext("day, in Django's date format", "l j F Y"),
        short_day=pgettext("short day, in Django's date format", "D j M Y"),
        time=pgettext("time of day, in Django's date format", "H:i"),
        has_small_names=locale.language in LANGUAGES_WITH_SMALL_NAMES,
    )


def zone_text(at: datetime, zone: ZoneInfo, *, place: str = "") -> str:
    """A zone by its city and its distance from UTC at that moment, as in “Los Angeles time, UTC−8”."""
    offset = at.astimezone(zone).utcoffset() or timedelta()
    minutes = int(offset.total_seconds() // 60)
    sign = "−" if minutes < 0 else "+"
    distance = f"{abs(minutes) // 60}" + (f":{abs(minutes) % 60:02}" if minutes % 60 else "")
    utc = f"UTC{sign}{distance}" if minutes else "UTC"
    city = place or zone.key.rpartition("/")[2].replace("_", " ")
    if city in ("UTC", "GMT", ""):
        return utc
    return _("%(city)s time, %(utc)s") % {"city": isolated(city), "utc": isolated(utc)}


def isolated(name: str) -> str:
    """A name for use inside a sentence: where that runs right to left, a Latin name must not turn its words round."""
    return f"\u2068{name}\u2069" if get_language_bidi() else name


def moment_text(at: datetime | None, zone: ZoneInfo, *, locale: Locale, place: str = "") -> str:
    """A moment in a zone that it names; empty where there is none."""
    if at is None:
        return ""
    return f"{bare_moment(at, zone, locale=locale)} ({zone_text(at, zone, place=place)})"


def bare_moment(at: datetime, zone: ZoneInfo, *, locale: Locale) -> str:
    """The same without its zone, for a page that sets the zone beside it."""
    formats = formats_of(locale)
    return formats.write(at.astimezone(zone), formats.moment)


def window_text(
    start_at: datetime | None, end_at: datetime | None, zone: ZoneInfo, *, locale: Locale, place: str = ""
) -> str:
    """A span of time in a zone that it names; empty where it has no beginning."""
    if start_at is None:
        return ""
    return f"{bare_window(start_at, end_at, zone, locale=locale)} ({zone_text(start_at, zone, place=place)})"


def bare_window(start_at: datetime, end_at: datetime | None, zone: ZoneInfo, *, locale: Locale) -> str:
    """The same without its zone; the day is said once where it begins and ends on one."""
    formats = formats_of(locale)
    start = start_at.astimezone(zone)
    if end_at is None:
        return _("from %(start)s") % {"start": formats.write(start, formats.moment)}
    end = end_at.astimezone(zone)
    end_form = formats.time if end.date() == start.date() else formats.moment
    return _("%(start)s to %(end)s") % {
        "start": formats.write(start, formats.moment),
        "end": formats.write(end, end_form),
    }


def day_text(at: datetime, zone: ZoneInfo, *, locale: Locale) -> str:
    """The day of a moment in a zone."""
    formats = formats_of(locale)
    return formats.write(at.astimezone(zone), formats.day)


def short_day_text(at: datetime, zone: ZoneInfo, *, locale: Locale) -> str:
    """The same in few letters, for lists."""
    formats = formats_of(locale)
    return formats.write(at.astimezone(zone), formats.short_day)


def offset_minutes(at: datetime, zone: ZoneInfo) -> int:
    """Minutes by which a zone is ahead of UTC at a moment."""
    return int((at.astimezone(zone).utcoffset() or timedelta()).total_seconds() // 60)


def machine_time(at: datetime) -> str:
    """A moment for a ``datetime`` attribute."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_go_text(rest: timedelta) -> str:
    """The largest unit of a time that is still to go; empty where it is up."""
    if rest <= timedelta():
        return ""
    minutes = max(1, int(rest.total_seconds() // 60))
    if minutes < 120:
        return ngettext("%(count)s minute to go", "%(count)s minutes to go", minutes) % {"count": minutes}
    if minutes < 48 * 60:
        return ngettext("%(count)s hour to go", "%(count)s hours to go", minutes // 60) % {"count": minutes // 60}
    days = minutes // (24 * 60)
    return ngettext("%(count)s day to go", "%(count)s days to go", days) % {"count": days}


COUNTRIES_OF_STATES = ("AU", "CA", "US")
"""Where people say a city's state with it. Elsewhere its code, as in London, ENG, tells a fan nothing."""


def city_text(market: Market) -> str:
    """A market as a fan thinks of it: its city, with the state where one says it."""
    venue = market.venue
    names_state = venue.state and venue.country in COUNTRIES_OF_STATES
    return f"{venue.city}, {venue.state}" if names_state else str(venue.city)


def list_text(words: Sequence[str]) -> str:
    """Words in a sentence, as in “A, B and C”."""
    *first, last = words
    if not first:
        return last
    return pgettext("between words of a list", ", ").join(first) + pgettext("before the last of a list", " and ") + last


def cities_text(markets: Sequence[Market]) -> str:
    """The first few cities of a list, and how many more there are."""
    names = [isolated(city_text(market)) for market in markets]
    if len(names) > MOST_CITIES_IN_A_SENTENCE:
        rest = len(names) - MOST_CITIES_IN_A_SENTENCE + 1
        more = ngettext("%(count)s more city", "%(count)s more cities", rest) % {"count": rest}
        names = [*names[: MOST_CITIES_IN_A_SENTENCE - 1], more]
    return list_text(names)


def choice_text(choice: int) -> str:
    """Which wish of the fan's list a market was, the favourite being 1."""
    words = (
        "",
        _("your first choice"),
        _("your second choice"),
        _("your third choice"),
        _("your fourth choice"),
        _("your fifth choice"),
    )
    return words[choice] if 0 < choice < len(words) else _("number %(number)s on your list") % {"number": choice}


def outcome_text(outcome: Outcome) -> str:
    """What a draw decided, in one honest sentence to the fan; or that she was given a code without one."""
    if outcome.is_selected and outcome.wave is None and outcome.market is not None:
        return _("You have a code for %(city)s.") % {"city": isolated(city_text(outcome.market))}
    if outcome.is_selected and outcome.market is not None:
        return _("You were drawn for %(city)s, %(choice)s.") % {
            "city": isolated(city_text(outcome.market)),
            "choice": choice_text(outcome.choice),
        }
    if outcome.reason == "markets_full":
        return _full_text(outcome)
    if outcome.reason == "voided" and outcome.voided_because in ("withdrawn", "excluded"):
        return _voided_text(outcome.voided_because)
    return _reason_text(outcome.reason)


def _full_text(outcome: Outcome) -> str:
    """Which of her cities were full, and whether it was her number that came too late."""
    full = outcome.full_markets
    if not full:
        return _("In this draw there were no places in the cities on your list.")
    if outcome.why is not None and any(named.full_by == "tier" for named in outcome.why.full):
        text = ngettext(
            "%(cities)s was full: others were drawn before you.",
            "%(cities)s were full: others were drawn before you.",
            len(full),
        )
    else:
        text = ngettext(
            "%(cities)s was full before your number came up.",
            "%(cities)s were full before your number came up.",
            len(full),
        )
    return text % {"cities": cities_text(full)}


FEWEST_DIGITS, MOST_DIGITS = 4, 19


def number_text(ticket: int, *, digits: int = FEWEST_DIGITS) -> str:
    """A ticket as a fan reads it, a number from 0 to 1 that is cut off, not rounded; lower ones come first."""
    return f"0.{ticket * 10**digits // 2**64:0{digits}}"


def _digits_apart(own: int, others: Sequence[int]) -> int:
    """How many digits it takes until a number can be told from the others."""
    for digits in range(FEWEST_DIGITS, MOST_DIGITS):
        if all(number_text(own, digits=digits) != number_text(other, digits=digits) for other in others):
            return digits
    return MOST_DIGITS


def why_lines(outcome: Outcome) -> list[str]:
    """How the places of each market that was full went, and the fan's own number where numbers decided.

    Nothing is said of scores and tiers: where these decided, others were drawn before her.
    """
    if outcome.why is None:
        return []
    own = int(outcome.why.ticket, 16)
    decisive = [
        named.cutoff.ticket for named in outcome.why.full if named.full_by == "ticket" and named.cutoff is not None
    ]
    digits = _digits_apart(own, decisive)
    lines = []
    if decisive:
        own_text = isolated(number_text(own, digits=digits))
        lines.append(_("Your number in this draw: %(number)s. Lower numbers come first.") % {"number": own_text})
    return [*lines, *(_named_text(named, digits) for named in outcome.why.full)]


def _named_text(named: Named, digits: int) -> str:
    city = isolated(city_text(named.market))
    if named.full_by == "ticket" and named.cutoff is not None:
        number = isolated(number_text(named.cutoff.ticket, digits=digits))
        return _("%(city)s: the last number drawn was %(number)s.") % {"city": city, "number": number}
    if named.full_by == "choice":
        return _("%(city)s: all places went to fans who had it higher on their list.") % {"city": city}
    if named.full_by == "no_places":
        return _("%(city)s: there were no places in this draw.") % {"city": city}
    return _("%(city)s: others were drawn before you.") % {"city": city}


def _voided_text(because: str) -> str:
    if because == "withdrawn":
        return _("You had been drawn, but you withdrew before the codes were sent, so your place lapsed.")
    return _(
        "You had been drawn, but your entry was excluded before the codes were sent. If you think that is a mistake, "
        "please write to the organiser."
    )


def _reason_text(reason: str) -> str:
    reasons = {
        "withdrawn": _("You had withdrawn before the draw, so your entry took no part."),
        "excluded": _(
            "Your entry was left out before the draw because it did not meet the rules of this campaign. "
            "If you think that is a mistake, please write to the organiser."
        ),
        "unconfirmed": _("Your entry was not confirmed before the draw, so it took no part."),
        "already_selected": _("You already have a code from an earlier draw, so this draw passed you over."),
        "not_in_audience": _("This draw was for another group of fans, so your entry took no part."),
        "after_freeze": _("Your entry came after the list for this draw was closed, so it took no part."),
        "no_choice": _("None of the cities in this draw was on your list."),
        "below_min_score": _(
            "Each entry gets a score for how surely it comes from a real fan. "
            "Yours was below the mark that was set before this draw."
        ),
        "above_max_score": _("This draw was for entries within a range of scores. Yours was above that range."),
        "voided": _("You had been drawn, but your entry was withdrawn or excluded before the codes were sent."),
        "taken_back": _(
            "You had been drawn, but your code was taken back. If you think that is a mistake, please write "
            "to the organiser."
        ),
    }
    return reasons.get(reason, _("All places were taken before your number came up."))
