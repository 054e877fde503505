"""A wave's mails: how far they are, who gets one and how fast, pause, resume, stop, and what failed."""

import re
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from campaigns.admin_pages.confirming import Step, confirm
from core.admin_base import Page
from core.admin_forms import styled
from core.admin_times import span
from core.masking import masked_email
from core.models import Job
from core.refusal import Refusal
from entries.models import Message
from viewers.permissions import Action
from waves import sending
from waves.admin_pages.pages import WavePages
from waves.mail_counts import failed_of, mail_counts
from waves.models import Notification, Wave

SENDING_PAGES = (
    Page("<path:object_id>/mails/", "mails_page", Action.VIEW),
    Page("<path:object_id>/mails/live/", "mails_live_page", Action.VIEW),
    Page("<path:object_id>/mails/change/", "mails_change_page", Action.RUN_WAVES),
    Page("<path:object_id>/mails/pause/", "mails_pause_page", Action.RUN_WAVES),
    Page("<path:object_id>/mails/resume/", "mails_resume_page", Action.RUN_WAVES),
    Page("<path:object_id>/mails/stop/", "mails_stop_page", Action.RUN_WAVES, is_dangerous=True),
    Page("<path:object_id>/mails/retry/", "mails_retry_page", Action.RUN_WAVES),
)
MOST_SHOWN = 50
_WHY = (
    (re.compile(r"refused (\d+)"), "the mail server refuses this address or mail for good ({})"),
    (re.compile(r"put off (\d+)"), "the mail server put it off too often ({})"),
)


class MailsForm(forms.Form):
    """Who is mailed, and how fast."""

    tells_not_selected = forms.BooleanField(
        label="Mail those who were not chosen too",
        required=False,
        help_text="Everybody who took part in the draw and got no place: that it was not this time, and why. Not those "
        "who withdrew, did not confirm, are on the filter list, have a code already or belong to another audience.",
    )
    mails_a_minute = forms.IntegerField(
        label="At most so many mails a minute",
        required=False,
        min_value=1,
        max_value=sending.MOST_A_MINUTE,
        help_text="Empty: as fast as the mail server takes them. It can be changed while mails are sent.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)


def why_failed(error: str) -> str:
    """Why a mail was given up, in words; no text of a mail server is among them, since these quote addresses."""
    for form, words in _WHY:
        if (match := form.fullmatch(error)) is not None:
            return words.format(match[1])
    return f"it could not be sent ({error})" if error else "it could not be sent"


class SendingPages(WavePages):
    """From the first mail to the last."""

    def mails_of(self, wave: Wave) -> str:
        """The page of a wave's mails."""
        return reverse("admin:waves_wave_mails_page", args=[wave.pk])

    def mails_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """Where the mails stand, what can be done with them, and which of them failed."""
        moving = self._moving(request, wave)
        failed = (
            failed_of(wave.pk).select_related("entry").order_by("pk")[:MOST_SHOWN] if moving["counts"].failed else []
        )
        context = self.page_context(
            request,
            f"Mails of {wave}",
            original=wave,
            failed=[(self._shown(message), why_failed(message.error)) for message in failed],
            back=self.page_of(wave),
            **moving,
            **self.workspace(wave.campaign),
        )
        return TemplateResponse(request, "admin/waves/sending/page.html", context)

    def _shown(self, message: Message) -> str:
        return masked_email(message.entry.email) or "erased"

    def _moving(self, request: HttpRequest, wave: Wave) -> dict[str, Any]:
        """What changes while mails are sent."""
        notification = Notification.objects.filter(wave=wave).first()
        counts = mail_counts(wave, notification)
        is_moving = notification is not None and notification.status in (Job.Status.QUEUED, Job.Status.RUNNING)
        away_since = notification.away_since if notification is not None else None
        return {
            "wave": wave,
            "notification": notification,
            "counts": counts,
            "is_moving": is_moving,
            "may_run": self.may(request, Action.RUN_WAVES, wave),
            "rate": self._rate(counts.rate),
            "left": span(timedelta(seconds=counts.seconds_left)) if counts.seconds_left is not None else "",
            "away": span(timezone.now() - away_since) if away_since is not None else "",
        }

    def _rate(self, rate: float | None) -> str:
        if rate is None:
            return ""
        return f"{rate:,.0f} a second" if rate >= 2 else f"{rate * 60:,.0f} a minute"

    def mails_live_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """The part that changes; when nothing does any more, the page is fetched anew."""
        moving = self._moving(request, wave)
        response = TemplateResponse(request, "admin/waves/sending/live.html", moving)
        if not moving["is_moving"]:
            response.headers["HX-Refresh"] = "true"
        return response

    def mails_change_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """Asks who is mailed and how fast; before the trigger and after it."""
        initial = {"tells_not_selected": wave.tells_not_selected, "mails_a_minute": wave.mails_a_minute}
        form = MailsForm(request.POST if request.method == "POST" else None, initial=initial)

        def change() -> str:
            rate = form.cleaned_data["mails_a_minute"]
            sending.change_mails(
                wave=wave,
                tells_not_selected=form.cleaned_data["tells_not_selected"],
                mails_a_minute=rate,
                is_unlimited=rate is None,
                actor=self.actor(request),
                now=timezone.now(),
            )
            messages.success(request, "Saved. It holds from the next mail on.")
            return self.mails_of(wave)

        return self.form_page(
            request,
            form,
            change,
            title=f"Mails of {wave}",
            original=wave,
            button="Save",
            back=self.mails_of(wave),
            **self.workspace(wave.campaign),
        )

    def mails_pause_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """Pauses at the press of a button."""
        return self._press(request, wave, sending.pause, "Paused. The mail that was on its way still goes out.")

    def mails_resume_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """Goes on at the press of a button."""
        return self._press(request, wave, sending.resume, "The mails go on.")

    def mails_retry_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """Sends what failed again at the press of a button."""
        return self._press(request, wave, sending.retry_failed, "The failed mails are sent again.")

    def _press(self, request: HttpRequest, wave: Wave, operation: Any, done: str) -> HttpResponse:
        if request.method == "POST":
            try:
                operation(wave=wave, actor=self.actor(request), now=timezone.now())
                messages.success(request, done)
            except Refusal as refusal:
                messages.info(request, refusal.message)
        return HttpResponseRedirect(self.mails_of(wave))

    def mails_stop_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """Asks for the campaign's name, and ends the mails for good."""
        counts = mail_counts(wave, Notification.objects.filter(wave=wave).first())
        if not counts.may_be_stopped:
            messages.info(request, "No mails are being sent, so there is nothing to stop.")
            return HttpResponseRedirect(self.mails_of(wave))

        def stop(_reason: str) -> None:
            ended = sending.stop(wave=wave, actor=self.actor(request), now=timezone.now())
            also = f", {ended.on_their_way:,} that were on their way may still arrive" if ended.on_their_way else ""
            words = f"{ended.sent:,} mails had been sent; {ended.stopped:,} are not sent any more{also}."
            messages.warning(request, words)

        step = Step(
            campaign=wave.campaign,
            title=f"Stop the mails of {wave}",
            facts=[
                f"{counts.sent:,} mails have been sent; {counts.left:,} are left and will never be.",
                "Each fan still sees her result, and her code, on her page.",
                "A pause can be ended; this cannot be undone.",
            ],
            button="Stop the mails for good",
            operation=stop,
            done=f"The mails of {wave} are stopped.",
            back=self.mails_of(wave),
            is_grave=True,
            asks_name=True,
        )
        return confirm(self, request, step, original=wave, section=self.section)
