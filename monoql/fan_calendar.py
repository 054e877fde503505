"""The moment at which registration opens, as a calendar file (RFC 5545)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from monoql.fan_visit import Visit, fan_page, keep_for_everybody

MOST_OCTETS = 75
"""Of a line, without its end; longer ones are folded."""
LENGTH = timedelta(minutes=30)
REMINDER = timedelta(minutes=15)
CONTENT_TYPE = "text/calendar; charset=utf-8"


@require_safe
@fan_page
def opening(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The opening of a campaign, with a reminder before."""
    campaign = visit.campaign
    if campaign.open_at is None:
        raise Http404
    text = calendar_file(
        uid=f"opening-{campaign.public_id}@{request.get_host().partition(':')[0]}",
        title=_("Registration opens: %(title)s") % {"title": visit.title},
        text=campaign.site_url,
        address=campaign.site_url,
        starts_at=campaign.open_at,
        now=visit.now,
    )
    response = HttpResponse(text, content_type=CONTENT_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{campaign.domain}.ics"'
    response.headers["X-Robots-Tag"] = "noindex"
    return keep_for_everybody(response, visit)


def calendar_file(*, uid: str, title: str, text: str, address: str, starts_at: datetime, now: datetime) -> str:
    """One event with a reminder. A file of the same ``uid`` takes the place of an earlier one."""
    lines = (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//MonoQL//Fan pages//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{escaped(uid)}",
        f"DTSTAMP:{utc(now)}",
        # Calendars keep the event with the higher number: a later file moves an opening that was put off.
        f"SEQUENCE:{int(now.timestamp()) // 60}",
        f"DTSTART:{utc(starts_at)}",
        f"DTEND:{utc(starts_at + LENGTH)}",
        f"SUMMARY:{escaped(title)}",
        f"DESCRIPTION:{escaped(text)}",
        f"URL:{address}",
        "TRANSP:TRANSPARENT",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        f"DESCRIPTION:{escaped(title)}",
        f"TRIGGER:-PT{int(REMINDER.total_seconds() // 60)}M",
        "END:VALARM",
        "END:VEVENT",
        "END:VCALENDAR",
    )
    return "".join(f"{part}\r\n" for line in lines for part in folded(line))


def escaped(text: str) -> str:
    """A text as a value: separators and line ends are written with a backslash, other control characters left out."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\\", "\\\\")
    text = text.replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")
    return "".join(letter for letter in text if letter >= " " and letter != "\x7f")


def utc(at: datetime) -> str:
    """A moment in UTC."""
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def folded(line: str) -> Iterator[str]:
    """A line in parts of at most ``MOST_OCTETS`` octets, each after the first behind a space; no letter is cut."""
    part, octets = "", 0
    for letter in line:
        size = len(letter.encode())
        if octets + size > MOST_OCTETS:
            yield part
            part, octets = " ", 1
        part += letter
        octets += size
    yield part
