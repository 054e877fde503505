"""Waves: scheduling, preparing, and the page that answers "may I press this?"."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns.admin_pages.confirming import Step, confirm
from campaigns.admin_pages.scoped import PageAdmin
from codes import inventory
from codes.models import CodeRange
from core import storage
from core.admin_base import Page
from core.admin_times import LocalTime, zoned
from core.admin_words import badge, progress_bar
from core.models import AuditEvent, Job
from core.refusal import Refusal
from core.times import instant_of_key
from viewers.permissions import Action
from waves import bundle
from waves.admin_pages.forms import PrepareForm, PublicValueForm, ScheduleForm, options_before
from waves.admin_pages.picture import Picture, picture_of
from waves.admin_pages.triggering import trigger_facts, trigger_warnings
from waves.admin_pages.words import CAPPED_CHOICES
from waves.models import Draw, Wave
from waves.preparation import Options, abandon, enter_public_value, start_preparation
from waves.scheduling import schedule_wave
from waves.selection import TRIGGER, trigger, what_was_seen

LINK_SECONDS = 3600
BUNDLE_FILES = ("rules.json", "manifest.json", *bundle.STORED, "voided.csv")
STATE_KINDS = {
    Wave.Status.SCHEDULED: "plain",
    Wave.Status.PROCESSING: "busy",
    Wave.Status.TRIGGERED: "busy",
    Wave.Status.COMPLETED: "good",
    Wave.Status.FAILED: "bad",
}


def wave_badge(wave: Wave) -> SafeString:
    """A wave's state as a coloured word; the domain's ``failed`` means that somebody abandoned it."""
    word = "abandoned" if wave.status == Wave.Status.FAILED else wave.get_status_display()
    return badge(word, STATE_KINDS[Wave.Status(wave.status)])


def planned_text(wave: Wave) -> str:
    """When a wave is to be, on the campaign's clock."""
    try:
        return zoned(instant_of_key(wave.date_key, wave.campaign.zone), wave.campaign.zone)
    except Refusal:
        return f"{wave.date_key} {wave.campaign.reference_timezone} (this time no longer exists)"


@admin.register(Wave)
class WaveAdmin(PageAdmin[Wave]):
    """The waves of a campaign."""

    section = "waves"
    empty_note = "A wave draws from all entries and gives codes. Schedule the first one."
    list_display = ("name_column", "state_column", "planned_column", "entries_column", "placed_column")
    list_filter = ("status",)
    ordering = ("-date_key", "-pk")
    list_before_template = "admin/waves/wave/head.html"
    edit_right = Action.RUN_WAVES
    can_add = True
    pages = (
        Page("<path:object_id>/live/", "live_page", Action.VIEW),
        Page("<path:object_id>/prepare/", "prepare_page", Action.RUN_WAVES),
        Page("<path:object_id>/public-value/", "value_page", Action.RUN_WAVES),
        Page("<path:object_id>/trigger/", "trigger_page", Action.RUN_WAVES, is_dangerous=True),
        Page("<path:object_id>/abandon/", "abandon_page", Action.RUN_WAVES, is_dangerous=True),
        Page("<path:object_id>/bundle/<str:name>/", "bundle_page", Action.VIEW),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Wave]:
        """With the campaign, whose zone every time is read in, the preparation and the counts of the draw."""
        rows = super().get_queryset(request).select_related("campaign", "prep", "draw")
        return rows.defer("draw__rules", "draw__voided")

    def page_of(self, wave: Wave) -> str:
        """A wave's own page."""
        return reverse("admin:waves_wave_change", args=[wave.pk])

    def object_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """A wave's own page."""
        context = self.page_context(request, str(wave), **self._picture_context(request, wave, picture_of(wave)))
        return TemplateResponse(request, "admin/waves/wave/page.html", context)

    def _picture_context(self, request: HttpRequest, wave: Wave, picture: Picture) -> dict[str, Any]:
        draw, sealed = picture.draw, wave.campaign.draw_secrets if picture.draw is not None else None
        is_revealed = draw is not None and draw.revealed_at is not None
        return {
            "original": wave,
            "wave": wave,
            "picture": picture,
            "state": wave_badge(wave),
            "planned": planned_text(wave),
            "commitment": sealed.commitments[draw.number - 1] if sealed is not None and draw is not None else "",
            "committed_at": sealed.committed_at if sealed is not None else None,
            "secret": bundle.manifest_of(draw).secret if draw is not None and is_revealed else "",
            "bundle_files": BUNDLE_FILES if is_revealed else (),
            "may_run": self.may(request, Action.RUN_WAVES, wave),
            "may_export": self.may(request, Action.EXPORT, wave),
            **self.workspace(wave.campaign),
        }

    def live_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """The part that changes while something runs; when nothing does any more, the page is fetched anew."""
        picture = picture_of(wave)
        response = TemplateResponse(request, "admin/waves/wave/live.html", {"wave": wave, "picture": picture})
        if not picture.is_running:
            response.headers["HX-Refresh"] = "true"
        return response

    # Operations

    def new_page(self, request: HttpRequest) -> HttpResponse:
        """Puts a wave into the calendar."""
        campaign = self.campaign_of(request)
        if campaign is None:
            return self.ask_for_campaign(request)
        form = ScheduleForm(campaign, request.POST if request.method == "POST" else None)

        def schedule() -> str:
            local: LocalTime = form.cleaned_data["local"]
            wave = schedule_wave(
                campaign=campaign,
                local=local.local,
                is_second=local.reading == "second",
                name=form.cleaned_data["name"],
                actor=self.actor(request),
                now=timezone.now(),
            )
            messages.success(request, f"{wave} is scheduled for {planned_text(wave)}.")
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

    def prepare_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """Takes the wave's rules and starts its preparation; after the freeze it can only go on with the same."""
        picture = picture_of(wave)
        if not picture.can_prepare:
            messages.info(request, f"Nothing to prepare: the wave is {wave.get_status_display()}.")
            return HttpResponseRedirect(self.page_of(wave))
        if picture.draw is not None:
            return self._prepare_again(request, wave, picture.draw)
        form = PrepareForm(
            wave.campaign, request.POST if request.method == "POST" else None, initial=options_before(picture)
        )

        def prepare() -> str:
            start_preparation(wave=wave, options=form.options(), actor=self.actor(request), now=timezone.now())
            return self.page_of(wave)

        counts = inventory.counts(CodeRange.objects.filter(pool__campaign=wave.campaign))
        return self.form_page(
            request,
            form,
            prepare,
            title=f"Prepare {wave}",
            template="admin/waves/wave/prepare.html",
            free_codes=counts["available"],
            capped_choices=CAPPED_CHOICES,
            back=self.page_of(wave),
            **self._picture_context(request, wave, picture),
        )

    def _prepare_again(self, request: HttpRequest, wave: Wave, draw: Draw) -> HttpResponse:
        """After the freeze a failed preparation goes on with the same rules and entries; there is nothing to choose."""
        step = Step(
            campaign=wave.campaign,
            title=f"Go on with {wave}",
            facts=[
                f"Rules and {draw.entries:,} entries are frozen since {zoned(draw.frozen_at, wave.campaign.zone)}.",
                "The draw goes on from where it stopped, with the same rules, entries and key. Its codes stay held.",
                "To change anything, abandon the wave and make the next.",
            ],
            button="Go on",
            operation=lambda _: start_preparation(
                wave=wave, options=Options(), actor=self.actor(request), now=timezone.now()
            ),
            done=f"The preparation of {wave} goes on.",
            back=self.page_of(wave),
        )
        return confirm(self, request, step, original=wave, section=self.section)

    def value_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """Takes the public value, once."""
        form = PublicValueForm(request.POST if request.method == "POST" else None)

        def enter() -> str:
            value = form.cleaned_data["public_value"]
            enter_public_value(wave=wave, value=value, actor=self.actor(request), now=timezone.now())
            messages.success(request, "The value is entered; the draw goes on.")
            return self.page_of(wave)

        draw = Draw.objects.filter(wave=wave).only("rules").first()
        source = picture_of(wave).rules.get("public_source", "") if draw is not None else ""
        return self.form_page(
            request,
            form,
            enter,
            title="Enter the public value",
            original=wave,
            button="Enter for good",
            intro=f"The rules of this wave name: {source or 'no source'}. Copy its value exactly; it is entered once.",
            back=self.page_of(wave),
            **self.workspace(wave.campaign),
        )

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
            **{key: value for key, value in self.workspace(wave.campaign).items() if key != "campaign"},
        )
        is_refused = request.method == "POST" and response.status_code != 302
        current = Wave.objects.select_related("campaign").get(pk=wave.pk)
        if is_refused and current.triggered_at is not None:
            return self._was_triggered(request, current)
        return response

    def _was_triggered(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """For whoever pressed second: nothing was done twice."""
        deed = AuditEvent.objects.filter(
            target_type="waves.wave", target_id=str(wave.pk), action="wave.trigger"
        ).first()
        who = f" by {deed.actor_label}" if deed is not None and deed.actor_label else ""
        when = zoned(wave.triggered_at, wave.campaign.zone) if wave.triggered_at is not None else ""
        messages.info(request, f"This wave has been triggered already{who}, {when}. Nothing was done twice.")
        return HttpResponseRedirect(self.page_of(wave))

    def abandon_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """Asks why, and gives the wave up."""
        picture = picture_of(wave)
        codes = sum(line.codes for line in picture.markets)
        facts = [f"{codes:,} codes go back to their pools." if codes else "It holds no codes that could go back."]
        if picture.draw is not None:
            facts.append("Its root, its secret and your reason are published: an abandoned draw stays public.")
            facts.append(f"Number {picture.draw.number} of 32 is used up; a new wave takes the next one.")
        facts.append("No fan gets a code from it. This cannot be undone.")
        step = Step(
            campaign=wave.campaign,
            title=f"Abandon {wave}",
            facts=facts,
            button="Abandon the wave",
            operation=lambda reason: abandon(wave=wave, reason=reason, actor=self.actor(request), now=timezone.now()),
            done=f"{wave} is abandoned.",
            back=self.page_of(wave),
            is_grave=True,
            asks_reason="Why? This is published with the draw",
            needs_reason=True,
        )
        return confirm(self, request, step, original=wave, section=self.section)

    def bundle_page(self, request: HttpRequest, wave: Wave, name: str) -> HttpResponse:
        """Leads to one file of a revealed draw's bundle."""
        draw = Draw.objects.filter(wave=wave, revealed_at__isnull=False).first()
        if draw is None or name not in BUNDLE_FILES:
            messages.info(request, "The bundle is published once the wave is triggered or abandoned.")
            return HttpResponseRedirect(self.page_of(wave))
        file_name = f"{wave.campaign.domain}-{wave.date_key.replace(':', '')}-{name}"
        url = storage.signed_url(f"{draw.storage_prefix}{name}", seconds=LINK_SECONDS, file_name=file_name)
        return HttpResponseRedirect(url)

    # Columns

    @admin.display(description="wave", ordering="date_key")
    def name_column(self, wave: Wave) -> SafeString:
        """Name and dateKey."""
        return format_html(
            '<strong class="mq-name">{}</strong><code class="mq-soft mq-block">{}</code>',
            wave.name or "Wave",
            wave.date_key,
        )

    @admin.display(description="state", ordering="status")
    def state_column(self, wave: Wave) -> SafeString:
        """Its state, and while it is prepared that of the preparation."""
        prep = getattr(wave, "prep", None)
        if wave.status == Wave.Status.PROCESSING and isinstance(prep, Job):
            return format_html("{} {}", wave_badge(wave), progress_bar(prep))
        return wave_badge(wave)

    @admin.display(description="planned", ordering="date_key")
    def planned_column(self, wave: Wave) -> str:
        """When, on the campaign's clock."""
        return planned_text(wave)

    @admin.display(description="entries")
    def entries_column(self, wave: Wave) -> str:
        """How many were frozen."""
        draw = getattr(wave, "draw", None)
        return f"{draw.entries:,}" if draw is not None else "–"

    @admin.display(description="placed")
    def placed_column(self, wave: Wave) -> str:
        """How many were placed."""
        draw = getattr(wave, "draw", None)
        return f"{draw.placed:,}" if draw is not None and draw.placed is not None else "–"
