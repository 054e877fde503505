"""Triggering a wave, or letting the clock do it: what the press will do, in numbers, and what to think of first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from campaigns.admin_pages.confirming import Step, confirm
from campaigns.models import Campaign
from codes.models import Assignment
from core.admin_times import until, zoned
from core.models import AuditEvent
from waves.admin_pages.moments import when_text
from waves.admin_pages.pages import WavePages
from waves.admin_pages.picture import Picture, picture_of
from waves.clock import standing_of
from waves.models import Wave
from waves.scheduling import trigger_time
from waves.selection import (
    RELEASE,
    TRIGGER,
    left_since_the_freeze,
    trigger,
    what_is_released,
    what_was_seen,
)


def trigger_facts(picture: Picture) -> list[str]:
    """What triggering will do, a sentence each."""
    draw = picture.draw
    placed = draw.placed or 0 if draw is not None else 0
    markets = sum(1 for line in picture.markets if line.placed)
    facts = [
        f"{placed:,} {'fan gets' if placed == 1 else 'fans get'} a code,"
        f" in {markets} market{'' if markets == 1 else 's'}."
    ]
    if draw is not None and picture.prep is not None and picture.prep.hold_id is not None:
        places = Assignment.objects.filter(hold=picture.prep.hold_id)
        out = places.filter(entry_id__in=left_since_the_freeze(draw).values("pk")).count()
        if out:
            facts.append(f"{out:,} of them went out since the freeze: their places are voided and they get no code.")
    facts.append("Their mails begin as soon as the wave's files are written, within a minute or so.")
    facts.append("The draw's secret and files are published, so that everybody can check it.")
    facts.append("This cannot be undone.")
    return facts


def trigger_warnings(picture: Picture, now: datetime) -> list[str]:
    """What is unusual about triggering now."""
    wave = picture.wave
    planned, warnings = trigger_time(wave).instant, []
    if now < planned:
        warnings.append(
            f"The wave is planned for {when_text(wave)}, {until(planned, now)}. You trigger it earlier."
            + (" At that time the clock would do it." if wave.is_automatic else "")
        )
        if wave.campaign.needs_second_person:
            warnings.append("It is triggered as soon as the second person approves, not at its time.")
    return [*warnings, *_warnings_of_any_trigger(picture)]


def _warnings_of_any_trigger(picture: Picture) -> list[str]:
    warnings = []
    if picture.wave.campaign.status == Campaign.Status.OPEN:
        warnings.append("The campaign is still open: who registers after the freeze is not in this wave.")
    if picture.draw is not None and not picture.draw.placed:
        warnings.append("Nobody was placed: the wave would complete without a single code.")
    return warnings


def release_facts(picture: Picture, now: datetime) -> Sequence[str]:
    """What letting the clock trigger a wave will do, a sentence each."""
    planned = trigger_time(picture.wave).instant
    if planned <= now:
        first = f"Its time passed {until(planned, now)}: it is triggered at once when the second person approves."
    else:
        first = f"The clock triggers it at its time: {when_text(picture.wave)}, {until(planned, now)}."
    then = "The approval holds for this allocation at this time. If the time is changed, it is asked for anew."
    return [first, *trigger_facts(picture), then]


class TriggeringPages(WavePages):
    """The press that gives the codes."""

    def trigger_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """Asks for the campaign's name, says in numbers what will happen, and triggers once."""
        if wave.triggered_at is not None:
            return self._was_triggered(request, wave)
        picture, now = picture_of(wave), timezone.now()
        draw = picture.draw
        if draw is None or not picture.can_trigger:
            messages.warning(request, "The wave's preparation has not finished, so there is nothing to trigger yet.")
            return HttpResponseRedirect(self.page_of(wave))
        response = confirm(
            self,
            request,
            Step(
                campaign=wave.campaign,
                title=f"Trigger {wave}",
                facts=trigger_facts(picture),
                warnings=trigger_warnings(picture, now),
                button=f"Trigger: give {draw.placed or 0:,} code{'' if draw.placed == 1 else 's'}",
                operation=lambda _: trigger(wave=wave, actor=self.actor(request), now=now),
                done=f"{wave} is triggered: the codes are the fans' now. Their mails follow.",
                back=self.page_of(wave),
                is_grave=True,
                asks_name=True,
                deed=TRIGGER,
                target_id=wave.pk,
                seen=lambda: what_was_seen(wave),
            ),
            original=wave,
            **self._section(),
        )
        is_refused = request.method == "POST" and response.status_code != 302
        current = Wave.objects.select_related("campaign").get(pk=wave.pk)
        if is_refused and current.triggered_at is not None:
            return self._was_triggered(request, current)
        return response

    def release_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """Asks a second person to let the clock trigger the wave at its time."""
        picture, now = picture_of(wave), timezone.now()
        is_needed = wave.campaign.needs_second_person and wave.is_automatic
        if not picture.can_trigger or not is_needed or standing_of(wave, now).is_released:
            messages.info(request, "Nothing to approve: the clock needs no second person for this wave now.")
            return HttpResponseRedirect(self.page_of(wave))
        step = Step(
            campaign=wave.campaign,
            title=f"Let the clock trigger {wave}",
            facts=release_facts(picture, now),
            warnings=_warnings_of_any_trigger(picture),
            button="Let the clock trigger it",
            operation=lambda _: None,  # It always waits for the second person.
            done="",
            back=self.page_of(wave),
            is_grave=True,
            asks_name=True,
            deed=RELEASE,
            target_id=wave.pk,
            seen=lambda: what_is_released(wave),
        )
        return confirm(self, request, step, original=wave, **self._section())

    def _section(self) -> dict[str, Any]:
        return {"section": self.section}

    def _was_triggered(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """For whoever pressed second: nothing was done twice."""
        deed = AuditEvent.objects.filter(
            target_type="waves.wave", target_id=str(wave.pk), action="wave.trigger"
        ).first()
        who = f" by {deed.actor_label}" if deed is not None and deed.actor_label else ""
        when = zoned(wave.triggered_at, wave.campaign.zone) if wave.triggered_at is not None else ""
        messages.info(request, f"This wave has been triggered already{who}, {when}. Nothing was done twice.")
        return HttpResponseRedirect(self.page_of(wave))
