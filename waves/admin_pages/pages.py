"""What all pages of a wave share."""

from functools import cache
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from campaigns.admin_pages.scoped import PageAdmin
from core.admin_words import badge
from viewers.permissions import Action
from waves import bundle
from waves.admin_pages.mending import Mend, mends
from waves.admin_pages.moments import clock_text, planned_text
from waves.admin_pages.picture import Picture
from waves.clock import standing_of
from waves.models import Wave
from waves.preparation import Options, options_of

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


class WavePages(PageAdmin[Wave]):
    """The ways between a wave's pages, and what each of them shows of it."""

    section = "waves"

    def page_of(self, wave: Wave) -> str:
        """A wave's own page."""
        return reverse("admin:waves_wave_change", args=[wave.pk])

    def picture_context(
        self, request: HttpRequest, wave: Wave, picture: Picture, options: Options | None = None
    ) -> dict[str, Any]:
        """What the templates show of a wave; ``options`` are those that its readiness is asked for."""
        draw, sealed = picture.draw, wave.campaign.draw_secrets if picture.draw is not None else None
        is_revealed = draw is not None and draw.revealed_at is not None
        now = timezone.now()
        standing = standing_of(wave, now)

        @cache
        def readiness() -> list[Mend]:
            """Read only where a template shows it: it walks over all entries."""
            return mends(wave, options or options_of(picture.prep), now)

        return {
            "original": wave,
            "wave": wave,
            "picture": picture,
            "state": wave_badge(wave),
            "planned": planned_text(wave),
            "standing": standing,
            "clock": clock_text(wave, standing, now),
            "is_asked": wave.campaign.needs_second_person and wave.is_automatic and not standing.is_released,
            "readiness": readiness if picture.can_prepare and draw is None else None,
            "commitment": sealed.commitments[draw.number - 1] if sealed is not None and draw is not None else "",
            "committed_at": sealed.committed_at if sealed is not None else None,
            "secret": bundle.manifest_of(draw).secret if draw is not None and is_revealed else "",
            "bundle_files": bundle.files_of(draw) if draw is not None else (),
            "may_run": self.may(request, Action.RUN_WAVES, wave),
            "may_export": self.may(request, Action.EXPORT, wave),
            **self.workspace(wave.campaign),
        }
