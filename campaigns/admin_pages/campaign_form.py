"""The form of a campaign's own set-up."""

from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from campaigns import set_up_rules
from campaigns.models import Campaign
from core.admin_forms import ConsoleForm
from core.admin_times import LocalTimeField, LocalTimes

EXAMPLE = "Type a city, as in Berlin: Europe/Berlin"


class ZoneWidget(forms.TextInput):
    """A text input that proposes the names of the time zone database."""

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        """The input, and the names below it for the browser to propose."""
        zones = f"{(attrs or {}).get('id', name)}_zones"
        shown = super().render(
            name, value, {**(attrs or {}), "list": zones, "autocomplete": "off", "placeholder": EXAMPLE}, renderer
        )
        names = sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")
        options = format_html_join("", '<option value="{}">', ((zone,) for zone in names))
        return format_html('{}<datalist id="{}">{}</datalist>', shown, zones, options)


class CampaignForm(LocalTimes, ConsoleForm[Campaign]):
    """A campaign's set-up; its times are typed in its reference timezone."""

    open_at = LocalTimeField(label="Opens", required=False)
    close_at = LocalTimeField(label="Closes", required=False)
    finish_at = LocalTimeField(label="Finishes", required=False, help_text="After it nothing changes any more.")
    presale_window_start_at = LocalTimeField(label="Presale starts", required=False)
    presale_window_end_at = LocalTimeField(label="Presale ends", required=False)
    general_onsale_at = LocalTimeField(label="General onsale", required=False)

    rules = set_up_rules.CAMPAIGN

    class Meta:
        model = Campaign
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stored_zone = self.instance.zone if self.instance.reference_timezone else None
        self._stored = {name: getattr(self.instance, name) for name in self._time_names()}
        typed = self.data.get(self.add_prefix("reference_timezone"), "") if self.is_bound else ""
        typed_zone = ZoneInfo(typed) if typed in available_timezones() else self._stored_zone
        self.show_times(self._stored, shown_in=self._stored_zone, typed_in=typed_zone)
        if "accent_color" in self.fields:
            self.fields["accent_color"].widget.attrs |= {"placeholder": "#5b3fd6", "spellcheck": "false"}
        if "reference_timezone" in self.fields:
            self.fields["reference_timezone"].widget = ZoneWidget(attrs=self.fields["reference_timezone"].widget.attrs)

    def clean(self) -> dict[str, Any]:
        """Read the times on the reference timezone's clock."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        name = cleaned.get("reference_timezone", self.instance.reference_timezone)
        if "reference_timezone" in self.errors or name not in available_timezones():
            for field in self._time_names():
                cleaned.pop(field, None)
            return cleaned
        zone = ZoneInfo(name)
        is_new = self._stored_zone is None or zone.key != self._stored_zone.key
        self.read_times(self._stored, zone=zone, is_zone_new=is_new)
        return cleaned
