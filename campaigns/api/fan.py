"""REST: what all endpoints for fans have in common: which campaign is asked, and in which language."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation.trans_real import parse_accept_lang_header
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.models import Campaign, Locale
from campaigns.published import NoSuchCampaign, Published, published
from core.api import Endpoint, asked_language
from core.refusal import Refusal
from core.throttling import FanThrottle

MOST_LETTERS_OF_LOCALE = 20
LOCALE = OpenApiParameter(
    "locale", str, description="Texts and messages in this locale, as in `es_MX`; else by Accept-Language."
)


NO_SECURITY: Any = [{}]
FAN_SECURITY: Any = [{"fanToken": []}]
"""For drf-spectacular, whose types know names alone."""


@dataclass(frozen=True)
class Meeting:
    """A fan asks a campaign something, at a moment, in a language."""

    published: Published
    locale: Locale
    now: datetime

    @property
    def campaign(self) -> Campaign:
        """The campaign that is asked."""
        return self.published.campaign

    @contextmanager
    def spoken(self) -> Iterator[None]:
        """Makes the fan's language the active one for a block."""
        with translation.override(self.locale.language):
            yield

    def answer(self, body: Any, *, status: int = 200) -> Response:
        """Give an answer that names its language."""
        return Response(body, status=status, headers={"Content-Language": self.locale.tag})


def meet(request: Request, domain: str) -> Meeting:
    """Find the campaign and choose the language: ``?locale=``, else what the client accepts, else the default.

    :raises NotFound: there is no such campaign, or none that fans may see yet.
    """
    try:
        found = published(domain)
    except NoSuchCampaign:
        found = None
    if found is None or not found.campaign.is_public:
        raise NotFound(_("There is no such campaign."))
    locale = found.choose_locale(
        asked=request.GET.get("locale", "")[:MOST_LETTERS_OF_LOCALE],
        accepted=tuple(tag for tag, _q in parse_accept_lang_header(request.headers.get("Accept-Language", ""))),
    )
    meeting = Meeting(published=found, locale=locale, now=timezone.now())
    request.meeting = meeting  # type: ignore[attr-defined]  # For a refusal later, see FanEndpoint.
    return meeting


class FanEndpoint(Endpoint):
    """A view for fans. Nobody signs in: neither a session nor a password plays a role, so none needs a CSRF token."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = [FanThrottle]
    most_bytes = 32 * 1024
    """Of a body: a form with a dozen long answers."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer in the asked language; once the campaign is known, in its locale."""
        self.language = asked_language(request)
        with translation.override(self.language):
            response = super().dispatch(request, *args, **kwargs)
        response.headers.setdefault("Content-Language", self.language)
        return response

    def handle_exception(self, exc: Exception) -> Response:
        """Answer an error; a refusal in the campaign's own words, where it has some."""
        meeting: Meeting | None = getattr(self.request, "meeting", None)
        if meeting is None:
            return super().handle_exception(exc)
        if isinstance(exc, Refusal):
            exc.message = meeting.published.refusal_words(exc, meeting.locale.code)
        self.language = meeting.locale.tag
        with meeting.spoken():
            return super().handle_exception(exc)
