"""Preparing a wave, cancelling that, and giving the wave up."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from campaigns.admin_pages.confirming import Step, confirm
from codes import inventory
from codes.models import CodeRange
from core.admin_times import zoned
from waves.admin_pages.forms import PrepareForm, PublicValueForm, options_before
from waves.admin_pages.moments import passed_warning
from waves.admin_pages.pages import WavePages
from waves.admin_pages.picture import picture_of
from waves.admin_pages.words import CAPPED_CHOICES
from waves.models import Draw, Wave
from waves.preparation import Options, abandon, cancel, enter_public_value, options_of, start_preparation


class PreparingPages(WavePages):
    """From the rules to the result, or back."""

    def prepare_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """Takes the wave's rules and starts its preparation; after the freeze it can only go on with the same."""
        picture = picture_of(wave)
        if not picture.can_prepare:
            messages.info(request, f"Nothing to prepare: the wave is {wave.get_status_display()}.")
            return HttpResponseRedirect(self.page_of(wave))
        if picture.draw is not None:
            return self._prepare_again(request, wave, picture.draw)
        form = PrepareForm(
            wave.campaign,
            self.actor(request),
            request.POST if request.method == "POST" else None,
            initial=options_before(picture),
        )
        chosen = form.options() if form.is_bound and form.is_valid() else options_of(picture.prep)

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
            warnings=passed_warning(wave, timezone.now(), what="when this preparation ends, without another look"),
            back=self.page_of(wave),
            **self.picture_context(request, wave, picture, chosen),
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
            warnings=passed_warning(wave, timezone.now(), what="when this preparation ends"),
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
        about = f"The rules of this wave name: {source or 'no source'}. Copy its value exactly; it is entered once."
        return self.form_page(
            request,
            form,
            enter,
            title="Enter the public value",
            original=wave,
            button="Enter for good",
            intro=" ".join([about, *passed_warning(wave, timezone.now(), what="when the draw is through")]),
            back=self.page_of(wave),
            **self.workspace(wave.campaign),
        )

    def cancel_page(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        """Stops a preparation that is under way."""
        picture = picture_of(wave)
        if not picture.can_cancel:
            messages.info(request, "No preparation is under way: there is nothing to cancel.")
            return HttpResponseRedirect(self.page_of(wave))
        if picture.draw is None:
            facts = ["Nothing is frozen yet: its codes go back to their pools.", "You can prepare it by other rules."]
        else:
            facts = [
                "Rules and entries are frozen: cancelling changes nothing of them, and its codes stay held.",
                "Going on uses the same rules, entries and key. To change anything, abandon the wave.",
            ]
        step = Step(
            campaign=wave.campaign,
            title=f"Cancel the preparation of {wave}",
            facts=facts,
            button="Cancel the preparation",
            operation=lambda _: cancel(wave=wave, actor=self.actor(request), now=timezone.now()),
            done=f"The preparation of {wave} is cancelled.",
            back=self.page_of(wave),
        )
        return confirm(self, request, step, original=wave, section=self.section)

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
