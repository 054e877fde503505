"""The form of a campaign's own set-up."""

from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from campaigns.models import Campaign
from core.admin_forms import ConsoleForm
from core.admin_times import LocalTimeField, LocalTimes


class ZoneWidget(forms.TextInput):
    """A text input that proposes the names of the time zone database."""

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        """The input, and the names below it for the browser to propose."""
        zones = f"{(attrs or {}).get('id', name)}_zones"
        shown = super().render(name, value, {**(attrs or {}), "list": zones, "autocomplete": "off"}, renderer)
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

    rules = {
        "campaigns_campaign_domain_once": ("domain", "Another campaign has this domain."),
        "campaigns_campaign_opens_before_close": ("close_at", "It closes after it opens: choose a later time."),
        "campaigns_campaign_closes_before_finish": ("finish_at", "It cannot finish before it closes."),
        "campaigns_campaign_presale_starts_before_end": ("presale_window_end_at", "The presale ends after its start."),
        "campaigns_campaign_color_form": ("accent_color", "Use a colour like #5b3fd6."),
        "campaigns_campaign_waiting_room_range": ("waiting_room_minutes", "Between 1 minute and a day, 1440."),
        "campaigns_campaign_fanlist_has_no_dates": (
            "type",
            "A fanlist runs without dates: leave opening, closing and finish empty.",
        ),
    }

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
