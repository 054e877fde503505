"""Putting a wave into the calendar, and changing its time, its name, and who triggers it."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from core.admin_times import LocalTime, local_time
from waves.admin_pages.forms import PlanForm, ScheduleForm
from waves.admin_pages.moments import passed_warning, planned_text, when_text
from waves.admin_pages.pages import WavePages
from waves.models import Draw, Wave
from waves.scheduling import PENDING, change_wave, put_off, retime_wave, schedule_wave, trigger_time


class CalendarPages(WavePages):
    """When a wave is."""

    def new_page(self, request: HttpRequest) -> HttpResponse:
        """Puts a wave into the calendar."""
        campaign = self.campaign_of(request)
        if campaign is None:
            return self.ask_for_campaign(request)
        form = ScheduleForm(campaign, request.POST if request.method == "POST" else None)

        def schedule() -> str:
            local: LocalTime = form.cleaned_data["local"]
            now = timezone.now()
            wave = schedule_wave(
                campaign=campaign,
                local=local.local,
                is_second=local.is_second,
                name=form.cleaned_data["name"],
                is_automatic=form.is_automatic,
                actor=self.actor(request),
                now=now,
            )
            messages.success(request, f"{wave} is scheduled for {planned_text(wave)}.")
            for warning in passed_warning(wave, now, what="when its preparation ends"):
                messages.warning(request, warning)
            return self.page_of(wave)

        return self.form_page(
            request,
            form,
            schedule,
            title="Schedule a wave",
            button="Schedule",
            back=self.list_url_of(campaign),
            **self.workspace(campaign),
        )

    def plan_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """Changes a wave's time, its name, and who triggers it; after the freeze the time only moves later."""
        if wave.status not in PENDING:
            messages.info(request, "This wave has no trigger any more: its time stays.")
            return HttpResponseRedirect(self.page_of(wave))
        is_fixed = wave.status == Wave.Status.PROCESSING or Draw.objects.filter(wave=wave).exists()
        before = local_time(trigger_time(wave).instant, wave.campaign.zone)
        initial = {"local": before, "name": wave.name, "who": "clock" if wave.is_automatic else "hand"}
        form = PlanForm(
            wave.campaign, request.POST if request.method == "POST" else None, initial=initial, is_fixed=is_fixed
        )

        def change() -> str:
            local: LocalTime = form.cleaned_data["local"]
            actor, now = self.actor(request), timezone.now()
            with transaction.atomic():  # All of it or nothing.
                changed = change_wave(
                    wave=wave, name=form.cleaned_data["name"], is_automatic=form.is_automatic, actor=actor, now=now
                )
                if local != before:
                    step = put_off if is_fixed else retime_wave
                    changed = step(wave=wave, local=local.local, is_second=local.is_second, actor=actor, now=now)
            who = "by the clock" if changed.is_automatic else "by hand"
            messages.success(request, f"{changed} is triggered {who}: {when_text(changed)}.")
            for warning in passed_warning(changed, now, what="as soon as nothing is lacking"):
                messages.warning(request, warning)
            return self.page_of(wave)

        return self.form_page(
            request,
            form,
            change,
            title=f"Change {wave}",
            original=wave,
            button="Save",
            intro=_about(wave, is_fixed=is_fixed),
            back=self.page_of(wave),
            **self.workspace(wave.campaign),
        )


def _about(wave: Wave, *, is_fixed: bool) -> str:
    if not is_fixed:
        return f"Nothing of it is frozen: with another time it gets another dateKey in place of {wave.date_key}."
    text = f"Its dateKey {wave.date_key} stays, whatever its trigger's time. The time can only be put off."
    if wave.campaign.needs_second_person and wave.is_automatic:
        text += " An approval that the clock triggers it holds for one time: after a change it is asked for anew."
    return text
