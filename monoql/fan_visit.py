"""A visit to a campaign's fan pages: which campaign, in which language, under which path, and who may send forms.

The public pages are kept by shared caches, so they hold no token. A form is guarded by what browsers say of where it
was sent from; the fan's own pages are known by a cookie of their path alone and are never kept.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Concatenate

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.safestring import SafeString
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.csrf import csrf_exempt

from campaigns import rich_text
from campaigns.models import Campaign, Faq, Image, Locale
from campaigns.published import NoSuchCampaign, Published, published
from core.refusal import Refusal
from entries.models import Entry
from monoql.fan_colours import address_of
from monoql.fan_words import window_text
from monoql.security import PERMISSIONS_WITH_PLACE
from viewers.permissions import Action, may
from viewers.viewer import viewer_of_request

LOCALE_COOKIE = "monoql_locale"
LOCALE_DAYS = 365
PUBLIC_SECONDS = 5
"""How long a shared cache may keep a public page; never past the moment at which it changes."""


@dataclass(frozen=True)
class Visit:
    """One request to one campaign. ``base`` is the path of its landing page, with a slash at the end."""

    published: Published
    locale: Locale
    base: str
    now: datetime
    is_language_chosen: bool
    """Whether the fan named the language herself; otherwise it was read from her browser."""

    @property
    def campaign(self) -> Campaign:
        """The campaign that is visited."""
        return self.published.campaign

    @property
    def is_by_account(self) -> bool:
        """Whether the campaign knows fans by their account, so that they sign in."""
        return self.campaign.is_by_account

    @property
    def is_fanlist(self) -> bool:
        """Whether fans join a list, without cities, dates and draws."""
        return self.campaign.type == Campaign.Type.FANLIST

    @property
    def colours(self) -> str:
        """The address of the style sheet with the campaign's colour; empty for our own."""
        return address_of(self.campaign.accent_color)

    @property
    def title(self) -> str:
        """What the campaign calls itself in the fan's language."""
        return self.published.texts(self.locale.code)["title"] or self.campaign.name

    @property
    def privacy_url(self) -> str:
        """Where the promoter's privacy policy stands, in the fan's language if it is there."""
        return self.published.privacy_url(self.locale.code)

    def in_language_of(self, entry: Entry) -> "Visit":
        """The same visit in the language of the fan's own form, unless she chose another one here."""
        spoken = [locale for locale in self.published.locales if locale.code == entry.locale_id]
        return self if self.is_language_chosen or not spoken else replace(self, locale=spoken[0])

    def spoken(self) -> AbstractContextManager[None]:
        """Makes the visit's language the active one for a block."""
        return translation.override(self.locale.language)

    def own_text(self, name: str, /, **values: str) -> SafeString:
        """One of the operator's own page texts with its placeholders filled, as HTML."""
        return rich_text.as_html(self.published.texts(self.locale.code)[name], {**self._known, **values})

    @property
    def _known(self) -> dict[str, str]:
        """What every page has in the place of placeholders."""
        campaign = self.campaign
        return {
            "artist": campaign.artist.name,
            "campaign": self.title,
            "presale": window_text(
                campaign.presale_window_start_at, campaign.presale_window_end_at, campaign.zone, locale=self.locale
            ),
        }

    @property
    def images(self) -> Mapping[str, Image]:
        """The campaign's images for the visit's language, by kind."""
        return self.published.images(self.locale.code)

    def faqs(self, page: Faq.Page) -> list[tuple[str, SafeString]]:
        """Questions and answers of a page."""
        faqs = self.published.faqs(self.locale.code, page)
        return [(faq.question, rich_text.as_html(faq.answer, self._known)) for faq in faqs]

    @property
    def landing_faqs(self) -> list[tuple[str, SafeString]]:
        """Those of the landing page."""
        return self.faqs(Faq.Page.LANDING)

    @property
    def confirmation_faqs(self) -> list[tuple[str, SafeString]]:
        """Those of the pages after a registration."""
        return self.faqs(Faq.Page.CONFIRMATION)

    def words_of(self, refusal: Refusal) -> str:
        """A refusal in the campaign's own words, where it has some."""
        return self.published.refusal_words(refusal, self.locale.code)

    def page(
        self, request: HttpRequest, template: str, context: dict[str, Any] | None = None, *, status: int = 200
    ) -> HttpResponse:
        """Render one of the fan templates in the visit's language."""
        whole = {"visit": self, "locale": self.locale, **(context or {})}
        with self.spoken():
            response = render(request, template, whole, status=status)
        response.headers["Content-Language"] = self.locale.tag
        form = whole.get("form")
        if form is not None and form.places:
            response.headers["Permissions-Policy"] = PERMISSIONS_WITH_PLACE
        return response


Page = Callable[Concatenate[HttpRequest, Visit, ...], HttpResponse]


def fan_page(page: Page) -> Callable[..., HttpResponse]:
    """Give a page its visit: find the campaign by path or host, and choose the language.

    Before a campaign is public, only staff meet its pages. ``?locale=`` chooses and is remembered, then counts what was
    remembered, then what the browser asks for. Django's CSRF token is left out, since it would make every page a
    private one; see ``refuse_other_sites``.
    """

    @csrf_exempt
    @wraps(page)
    def answer(request: HttpRequest, domain: str = "", **arguments: str) -> HttpResponse:
        host_domain: str = getattr(request, "campaign_domain", "")
        try:
            found = published(domain or host_domain)
        except NoSuchCampaign:
            found = None
        is_public = found is not None and found.campaign.is_public
        if found is None or not (is_public or may(viewer_of_request(request), Action.VIEW, found.campaign.pk)):
            return render(request, "fan/no_such_campaign.html", status=404)
        visit = _visit(request, found, base="/" if host_domain else f"/c/{found.campaign.domain}/")
        with visit.spoken():
            response = page(request, visit, **arguments)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        _remember_language(request, response, visit)
        return response if is_public else keep_for_nobody(response)

    return answer


def _visit(request: HttpRequest, found: Published, *, base: str) -> Visit:
    asked = request.GET.get("locale", "")[:20] or request.COOKIES.get(LOCALE_COOKIE, "")[:20]
    accepted = tuple(tag for tag, _ in parse_accept_lang_header(request.headers.get("Accept-Language", "")))
    locale = found.choose_locale(asked=asked, accepted=accepted)
    return Visit(
        published=found,
        locale=locale,
        base=base,
        now=timezone.now(),
        is_language_chosen=bool(asked) and locale == found.choose_locale(asked=asked),
    )


def _remember_language(request: HttpRequest, response: HttpResponse, visit: Visit) -> None:
    """Keep a choice that was made just now. A page that sets a cookie is not kept by shared caches."""
    if "locale" not in request.GET or request.COOKIES.get(LOCALE_COOKIE) == visit.locale.code:
        return
    response.set_cookie(
        LOCALE_COOKIE,
        visit.locale.code,
        max_age=timedelta(days=LOCALE_DAYS),
        path=visit.base,
        secure=settings.IS_HTTPS,
        httponly=True,
        samesite="Lax",
    )
    if "no-store" not in response.headers.get("Cache-Control", ""):
        response.headers["Cache-Control"] = "private, no-cache"


def keep_for_everybody(response: HttpResponse, visit: Visit) -> HttpResponse:
    """Let shared caches keep a public page for some seconds, but not past the campaign's next opening or close."""
    campaign = visit.campaign
    changes = [at for at in (campaign.open_at, campaign.close_at) if at is not None and at > visit.now]
    seconds = min([PUBLIC_SECONDS, *((at - visit.now).total_seconds() for at in changes)])
    patch_cache_control(response, public=True, max_age=max(1, int(seconds)))
    return response


def keep_for_nobody(response: HttpResponse) -> HttpResponse:
    """Mark an answer as the fan's own: kept nowhere, indexed nowhere, its address told to no other page."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def refuse_other_sites(page: Page) -> Page:
    """Refuse a form that another site sent."""
    return _guard(page, origins=())


def refuse_other_sites_in_private(page: Page) -> Page:
    """The same for forms of pages that tell no referrer: a browser without Sec-Fetch-Site calls their origin null.

    What they change is guarded again: by the mailed link's own token, or by a cookie that is SameSite.
    """
    return _guard(page, origins=("null",))


def _guard(page: Page, *, origins: tuple[str, ...]) -> Page:
    @wraps(page)
    def guarded(request: HttpRequest, visit: Visit, **arguments: str) -> HttpResponse:
        if request.method == "POST" and not _is_sent_from_here(request, origins):
            return keep_for_nobody(visit.page(request, "fan/refused.html", status=403))
        return page(request, visit, **arguments)

    return guarded


def _is_sent_from_here(request: HttpRequest, origins: tuple[str, ...]) -> bool:
    """Tell by Sec-Fetch-Site, which no script can set, else by Origin; a client that sends neither is no browser."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or origin in (f"{request.scheme}://{request.get_host()}", *origins)
