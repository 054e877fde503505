"""Times on staff pages: always read in a named zone, and typed in one, without a guess at a DST change."""

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.times import BadLocalTime, instant_of, is_repeated

__all__ = [
    "LocalTime",
    "LocalTimeField",
    "LocalTimeWidget",
    "LocalTimes",
    "is_repeated",
    "local_time",
    "span",
    "until",
    "zoned",
]

MINUTE = "%Y-%m-%dT%H:%M"


def zoned(instant: datetime, zone: ZoneInfo) -> str:
    """An instant as ``Fri 12 Feb 2027 18:00 America/Los_Angeles (13 Feb 02:00 UTC)``."""
    local, utc = instant.astimezone(zone), instant.astimezone(UTC)
    text = f"{local:%a} {local.day} {local:%b %Y %H:%M} {zone.key}"
    if zone.key in ("UTC", "Etc/UTC"):
        return text
    day = "" if local.date() == utc.date() else f"{utc.day} {utc:%b} "
    return f"{text} ({day}{utc:%H:%M} UTC)"


def span(length: timedelta) -> str:
    """A length of time in its two largest units, as ``2 d 4 h`` or ``45 s``."""
    seconds = abs(int(length.total_seconds()))
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    for place, (size, name) in enumerate(units):
        if seconds >= size:
            text = f"{seconds // size} {name}"
            rest = seconds % size
            if place < 2 and rest >= units[place + 1][0]:
                text += f" {rest // units[place + 1][0]} {units[place + 1][1]}"
            return text
    return "0 s"


def until(instant: datetime, now: datetime) -> str:
    """How far off an instant is: ``in 2 d 4 h``, or ``2 d 4 h ago``."""
    return f"in {span(instant - now)}" if instant > now else f"{span(now - instant)} ago"


@dataclass(frozen=True)
class LocalTime:
    """A minute on the wall clock of some zone. ``reading`` is empty, ``first`` or ``second`` of a repeated one."""

    local: datetime
    reading: str = ""

    def instant(self, zone: ZoneInfo) -> datetime:
        """The instant that it names in a zone.

        :raises BadLocalTime: it is skipped there, or comes twice and the reading was not said.
        """
        return instant_of(local=self.local, zone=zone, is_second=self.is_second)

    @property
    def is_second(self) -> bool | None:
        """Whether the second of a repeated time is meant; ``None`` where it was not said."""
        return self.reading == "second" if self.reading else None


def local_time(instant: datetime, zone: ZoneInfo) -> LocalTime:
    """The wall clock's minute of an instant."""
    local = instant.astimezone(zone)
    naive = local.replace(tzinfo=None, fold=0, second=0, microsecond=0)
    reading = ("second" if local.fold else "first") if is_repeated(naive, zone) else ""
    return LocalTime(naive, reading)


class LocalTimeWidget(forms.MultiWidget):
    """A date and time with its zone's name; of a repeated time it also asks which reading is meant."""

    use_fieldset = False  # Its label belongs to the time; the question below it has one of its own.
    READINGS = (("", "which of the two?"), ("first", "the first, before the clocks go back"), ("second", "the second"))

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        from unfold.widgets import INPUT_CLASSES, SELECT_CLASSES

        self.zone: ZoneInfo | None = None
        time = forms.DateTimeInput(attrs={"type": "datetime-local", "class": " ".join(INPUT_CLASSES)}, format=MINUTE)
        words = {"class": " ".join(SELECT_CLASSES), "aria-label": "Which of the two times is meant"}
        reading = forms.Select(attrs=words, choices=self.READINGS)
        reading.template_name = "unfold/widgets/select.html"
        super().__init__([time, reading], attrs)

    def decompress(self, value: LocalTime | None) -> list[Any]:
        """The two inputs' values."""
        return [value.local, value.reading] if value is not None else [None, ""]

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        """The input, the zone beside it, and below it the question where the time comes twice."""
        given = value if isinstance(value, list) else self.decompress(value)
        inputs = self.get_context(name, value, attrs)["widget"]["subwidgets"]
        time, reading = (
            widget.render(part["name"], single, attrs=part["attrs"], renderer=renderer)
            for widget, part, single in zip(self.widgets, inputs, given, strict=True)
        )
        local = _read(given[0]) if isinstance(given[0], str) else given[0]
        asks = self.zone is not None and local is not None and is_repeated(local, self.zone)
        return format_html(
            '<div class="mq-time">{}<span class="mq-zone">{}</span>{}</div>',
            time,
            self.zone.key if self.zone is not None else "in the reference timezone",
            format_html('<div class="mq-reading">{}</div>', reading) if asks else "",
        )

    def id_for_label(self, id_: str) -> str:
        """The label belongs to the time."""
        return f"{id_}_0" if id_ else id_


def _read(text: str) -> datetime | None:
    for form in (MINUTE, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"):
        try:
            return datetime.strptime(text.strip(), form).replace(second=0)  # noqa: DTZ007  The zone stands beside it.
        except ValueError:
            continue
    return None


class LocalTimeField(forms.Field):
    """A local time; the form turns it into an instant once its zone is known."""

    widget = LocalTimeWidget

    def to_python(self, value: Any) -> LocalTime | None:
        """Read the two inputs."""
        if value is None or isinstance(value, LocalTime):
            return value
        text, reading = value
        if not text:
            return None
        local = _read(text)
        if local is None:
            raise forms.ValidationError("Give a date and a time, as in 2027-02-12 18:00.")
        return LocalTime(local, reading if reading in ("first", "second") else "")

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether another minute, or its other reading, was typed."""
        try:
            typed = self.to_python(data)
        except forms.ValidationError:
            return True
        if typed is None or initial is None:
            return typed is not initial
        return bool(typed.local != initial.local or (typed.reading and typed.reading != initial.reading))


class LocalTimes:
    """What a model form with ``LocalTimeField`` does with them. Mix in, and call the two methods."""

    fields: dict[str, forms.Field]
    initial: MutableMapping[str, Any]
    cleaned_data: dict[str, Any]
    changed_data: list[str]
    add_error: Any

    def show_times(self, stored: Mapping[str, Any], *, shown_in: ZoneInfo | None, typed_in: ZoneInfo | None) -> None:
        """Show stored instants on a zone's clock, and name the zone in which new ones are typed."""
        for name in self._time_names():
            widget = self.fields[name].widget
            if isinstance(widget, LocalTimeWidget):
                widget.zone = typed_in
            instant = stored.get(name)
            if isinstance(instant, datetime) and shown_in is not None:
                self.initial[name] = local_time(instant, shown_in)

    def read_times(self, stored: Mapping[str, Any], *, zone: ZoneInfo, is_zone_new: bool) -> None:
        """Turn what was typed into instants; what was not touched keeps its seconds."""
        for name in self._time_names():
            typed = self.cleaned_data.get(name)
            if not isinstance(typed, LocalTime):
                continue
            if name not in self.changed_data and not is_zone_new and isinstance(stored.get(name), datetime):
                self.cleaned_data[name] = stored[name]
                continue
            try:
                self.cleaned_data[name] = typed.instant(zone)
            except BadLocalTime as refusal:
                self.add_error(name, refusal.message)

    def _time_names(self) -> Iterable[str]:
        return [name for name, field in self.fields.items() if isinstance(field, LocalTimeField)]
